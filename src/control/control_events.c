/* The command that follows events (broker/event_tail.h). */
#include <string.h>

#include "base/clock.h"
#include "base/pattern.h"
#include "broker/event_tail.h"
#include "control/control_private.h"
#include "wire/table_json.h"

enum { LOOK_EVERY_MS = 100 };

/* Answers with an event as RabbitMQ shows it: its name, and then its fields. */
static void answer_event(struct request *r, const char *name, struct slice headers)
{
    json_t *event = json_object();
    json_t *fields = table_to_json(headers);
    json_object_set_new(event, "event", json_string(name));
    json_object_update(event, fields);
    json_decref(fields);
    request_row(r, json_pack("[o]", event));
}

/* Answers with the events that have happened. Returns false if there were none. */
static bool answer_events(struct request *r, struct event_reader *reader,
                          const struct pattern *pattern)
{
    struct lv_buffer headers = {0};
    bool has_any = false;
    for (;;) {
        const char *name;
        uint64_t lost;
        enum event_read result = event_read_next(reader, &name, &headers, &lost);
        if (result == EVENT_READ_NONE)
            break;
        has_any = true;
        if (result == EVENT_READ_LOST)
            request_row(r, json_pack("[{s:s, s:I}]", "event", "lost", "count", (json_int_t)lost));
        else if (!pattern || pattern_matches(pattern, slice_str(name)))
            answer_event(r, name, lv_buffer_slice(&headers));
    }
    lv_buffer_free(&headers);
    return has_any;
}

/* Follows the events until the time is over, or the client or the broker is gone. */
static int follow(struct request *r, const struct pattern *pattern, uint64_t until_ms)
{
    struct event_reader reader;
    int err = 0;
    event_reader_begin(&reader, r->manage->broker->event_tail);
    while (err == 0 && !request_is_cut(r) && clock_up_ms() < until_ms) {
        uint64_t left_ms = until_ms - clock_up_ms();
        if (answer_events(r, &reader, pattern))
            request_flush(r);
        else
            err = ask_pause(r->manage->asker,
                            left_ms < LOOK_EVERY_MS ? (unsigned)left_ms : LOOK_EVERY_MS);
    }
    answer_events(r, &reader, pattern);
    event_reader_end(&reader);
    return err;
}

static void run_consume_events(struct request *r)
{
    struct pattern *pattern = NULL;
    struct lv_buffer reason = {0};
    struct manage_error error = {0};
    uint64_t seconds;
    if (!request_count(r, "duration", UINT32_MAX, &seconds))
        return;
    seconds = seconds < UINT32_MAX ? seconds : UINT32_MAX;
    if (request_has(r, "pattern") &&
        pattern_compile(request_string(r, "pattern"), &pattern, &reason) < 0)
        request_refuse(r, "invalid_pattern", "%.*s", SLICE_ARG(lv_buffer_slice(&reason)));
    else
        request_end(r, manage_end(&error, follow(r, pattern, clock_up_ms() + seconds * 1000)),
                    &error);
    lv_buffer_free(&reason);
    pattern_free(&pattern);
}

const struct control_command control_event_commands[] = {
    {"consume_event_stream", run_consume_events, "[pattern]"},
    {NULL, NULL, NULL},
};
