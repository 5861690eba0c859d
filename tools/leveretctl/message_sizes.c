/* `message_size_stats`: how large the messages were that clients have published since the broker's
 * start, of its counters. */
#include <stdio.h>

#include "leveretctl/talk.h"

static const struct {
    const char *counter, *name;
} sizes[] = {
    {"published_to_100", "below 100B"},
    {"published_to_1000", "between 100B and 1KB"},
    {"published_to_10000", "between 1KB and 10KB"},
    {"published_to_100000", "between 10KB and 100KB"},
    {"published_to_1000000", "between 100KB and 1MB"},
    {"published_to_10000000", "between 1MB and 10MB"},
    {"published_to_50000000", "between 10MB and 50MB"},
    {"published_to_100000000", "between 50MB and 100MB"},
    {"published_larger", "above 100MB"},
};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static json_t *rows_of(const json_t *counters)
{
    json_t *rows = json_array();
    json_int_t total = 0;
    for (size_t s = 0; s < SIZES; s++)
        total += json_integer_value(json_object_get(counters, sizes[s].counter));
    for (size_t s = 0; s < SIZES; s++) {
        char share[32];
        json_int_t count = json_integer_value(json_object_get(counters, sizes[s].counter));
        snprintf(share, sizeof share, "%.2f", total ? 100.0 * (double)count / (double)total : 0.0);
        json_array_append_new(rows, json_pack("[s, I, s]", sizes[s].name, count, share));
    }
    return rows;
}

int run_message_sizes(struct invocation *i, const struct command *c)
{
    static const char *const columns[] = {"Message Size", "Count", "Percentage"};
    json_t *answer;
    int code = broker_ask(i, c, c->banner, request_create(i, c), NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    json_t *rows = rows_of(json_object_get(answer, "counters"));
    rows_print(i, columns, sizeof columns / sizeof columns[0], rows);
    json_decref(rows);
    json_decref(answer);
    return EXIT_OK;
}
