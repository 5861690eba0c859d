/* Statistics as values of fields. */
#include "api/statistic_values.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* --- the range -------------------------------------------------------------------------------- */

/* Reads a number. A text that is not one counts as absent, as in RabbitMQ. */
static bool read_integer(const struct api_call *c, const char *name, int64_t *ret)
{
    struct slice text = api_query(c, name);
    char *end;
    if (text.n == 0)
        return false;
    *ret = strtoll((const char *)text.p, &end, 10);
    return (const uint8_t *)end == text.p + text.n;
}

bool api_read_range(struct api_call *c, struct statistics_range *ret)
{
    static const struct {
        const char *age, *incr;
    } names[STATISTIC_GROUPS] = {
        [STATISTIC_LENGTHS] = {"lengths_age", "lengths_incr"},
        [STATISTIC_MESSAGES] = {"msg_rates_age", "msg_rates_incr"},
        [STATISTIC_DATA] = {"data_rates_age", "data_rates_incr"},
        [STATISTIC_NODE] = {"node_stats_age", "node_stats_incr"},
    };
    *ret = (struct statistics_range){0};
    for (unsigned i = 0; i < STATISTIC_GROUPS; i++) {
        int64_t age, incr;
        if (!read_integer(c, names[i].age, &age) || !read_integer(c, names[i].incr, &incr))
            continue;
        if (age <= 0 || incr <= 0) {
            api_refuse(c, 400, "invalid_range_parameters",
                       "Invalid range parameters: age %lld, incr %lld", (long long)age,
                       (long long)incr);
            return false;
        }
        ret->of[i].age_s = (uint64_t)age;
        ret->of[i].incr_s = (uint64_t)incr;
    }
    return true;
}

/* --- values ----------------------------------------------------------------------------------- */

static bool is_published(enum statistic which)
{
    return which >= STATISTIC_publish && which <= STATISTIC_drop_unroutable;
}

static bool is_delivered(enum statistic which)
{
    return which >= STATISTIC_deliver && which <= STATISTIC_ack;
}

static bool is_of_disk(enum statistic which)
{
    return which == STATISTIC_disk_reads || which == STATISTIC_disk_writes;
}

/* What exchanges count. */
static bool is_passed_on(enum statistic which)
{
    return which == STATISTIC_publish_in || which == STATISTIC_publish_out;
}

static const struct statistic_answer *find(const struct statistics_answer *answer,
                                           enum statistic which)
{
    if (!answer || !answer->of[which].is_known || (is_published(which) && !answer->has_published) ||
        (is_delivered(which) && !answer->has_delivered) ||
        (is_of_disk(which) && !answer->has_published && !answer->has_delivered) ||
        (is_passed_on(which) && answer->of[STATISTIC_publish_in].value == 0))
        return NULL;
    return &answer->of[which];
}

struct value api_statistic(const struct statistics_answer *answer, enum statistic which)
{
    const struct statistic_answer *found = find(answer, which);
    return VALUE_OF_NUMBER_WHERE(found, found->value);
}

struct value api_statistic_details(const struct statistics_answer *answer, enum statistic which)
{
    if (!find(answer, which))
        return VALUE_OF_ABSENT();
    return (struct value){.type = VALUE_DETAILS, .details = {answer, which}};
}

bool api_statistic_of_path(struct slice path, enum statistic *ret, bool *ret_is_rate)
{
    static const char prefix[] = "message_stats.", suffix[] = "_details.rate";
    size_t end = sizeof suffix - 1;
    if (slice_begins(path, prefix))
        path = slice_of(path.p + sizeof prefix - 1, path.n - (sizeof prefix - 1));
    bool is_rate = path.n > end && memcmp(path.p + path.n - end, suffix, end) == 0;
    if (is_rate)
        path.n -= end;
    for (unsigned i = 0; i < STATISTICS_COUNT; i++) {
        if (!slice_is(path, statistic_kinds[i].name))
            continue;
        *ret = (enum statistic)i;
        *ret_is_rate = is_rate;
        return true;
    }
    return false;
}

struct value api_statistic_details_or_zero(const struct statistics_answer *answer,
                                           enum statistic which)
{
    static const struct statistics_answer none;
    struct value value = api_statistic_details(answer, which);
    if (value.type == VALUE_ABSENT)
        value = (struct value){.type = VALUE_DETAILS, .details = {&none, which}};
    return value;
}

bool api_counts_messages(const struct api_call *c)
{
    return statistics_rates_mode(c->manage->statistics) != RATES_NONE;
}

void api_statistic_now(struct statistics_answer *answer, enum statistic which, uint64_t value)
{
    struct statistic_answer *of = &answer->of[which];
    if (of->is_known && of->value != value)
        answer->moved_ms = 0;
    of->is_known = true;
    of->value = value;
}

void api_statistic_end_now(struct statistics_answer *answer)
{
    struct statistic_answer *of = answer->of;
    of[STATISTIC_deliver_get].is_known = true;
    of[STATISTIC_deliver_get].value = of[STATISTIC_deliver].value +
                                      of[STATISTIC_deliver_no_ack].value + of[STATISTIC_get].value +
                                      of[STATISTIC_get_no_ack].value;
    answer->has_published = of[STATISTIC_publish].value > 0;
    answer->has_delivered = of[STATISTIC_deliver_get].value > 0 ||
                            of[STATISTIC_get_empty].value > 0 || of[STATISTIC_ack].value > 0 ||
                            of[STATISTIC_redeliver].value > 0;
}

struct value api_idle_since(const struct statistics_answer *answer)
{
    return VALUE_OF_CLOCK_WHERE(!answer || answer->moved_ms > 0,
                                answer ? answer->moved_ms : clock_wall_ms());
}

/* Writes avg, avg_rate, and samples: [{"sample": 3, "timestamp": 1700000000000} ...], newest
 * first. */
static void write_samples(struct json_writer *w, const struct statistics_answer *answer,
                          enum statistic which)
{
    const struct statistic_answer *statistic = &answer->of[which];
    enum statistic_group group = statistic_kinds[which].group;
    json_write_key(w, "avg");
    json_write_real(w, statistic->avg);
    json_write_key(w, "avg_rate");
    json_write_real(w, statistic->avg_rate);
    json_write_key(w, "samples");
    json_write_begin(w, '[');
    for (size_t i = 0; i < answer->samples[group].count; i++) {
        json_write_begin(w, '{');
        json_write_key(w, "sample");
        json_write_u64(w, statistic->samples[i]);
        json_write_key(w, "timestamp");
        json_write_u64(w, answer->samples[group].newest_ms - i * answer->samples[group].step_ms);
        json_write_end(w, '}');
    }
    json_write_end(w, ']');
}

void api_write_details(struct json_writer *w, const struct value *value)
{
    const struct statistics_answer *answer = value->details.answer;
    const struct statistic_answer *statistic = &answer->of[value->details.statistic];
    json_write_begin(w, '{');
    json_write_key(w, "rate");
    json_write_real(w, statistic->rate);
    if (statistic->samples)
        write_samples(w, answer, value->details.statistic);
    json_write_end(w, '}');
}
