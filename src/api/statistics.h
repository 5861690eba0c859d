/* Fields of statistics, the same for every kind of object: queues, connections, the node ... */
#ifndef LEVERET_API_STATISTICS_H
#define LEVERET_API_STATISTICS_H

#include "api/api_private.h"
#include "manage/statistics.h"

/* Reads which samples the query asks for: lengths_age and lengths_incr, msg_rates_...,
 * data_rates_... and node_stats_... in seconds. What is not a number asks for none. */
void api_statistics_range(const struct api_call *c, struct statistics_range *ret);

/* Rows of a table of fields (fields.h) for one statistic, of facts that have a member `statistics`,
 * a struct statistics_answer: the value, and NAME_details with its rate, and with samples if those
 * are asked for. They are left out unless `is`.
 *
 *     STATISTIC_FIELDS(C, "message_stats.", publish, f->statistics.has_published) */
/* clang-format off */
#define STATISTIC_FIELDS(C, prefix, name, is)                                                      \
    C(prefix #name, name, NUMBER_WHERE, (is) && STATISTIC_OF(name).is_known, STATISTIC_OF(name).value) \
    STATISTIC_DETAILS(C, prefix, name, is)
/* The same without the value itself. */
#define STATISTIC_DETAILS(C, prefix, name, is)                                                     \
    C(prefix #name "_details.avg", name##_avg, REAL_WHERE, (is) && IS_SAMPLED(name), STATISTIC_OF(name).avg) \
    C(prefix #name "_details.avg_rate", name##_avg_rate, REAL_WHERE, (is) && IS_SAMPLED(name), STATISTIC_OF(name).avg_rate) \
    C(prefix #name "_details.rate", name##_rate, REAL_WHERE, (is) && STATISTIC_OF(name).is_known, STATISTIC_OF(name).rate) \
    C(prefix #name "_details.samples", name##_samples, SAMPLES, (is) && IS_SAMPLED(name) ? api_samples(&f->statistics, STATISTIC_##name) : (struct past_values){0})
#define STATISTIC_OF(name) f->statistics.of[STATISTIC_##name]
#define IS_SAMPLED(name) (STATISTIC_OF(name).is_known && STATISTIC_OF(name).samples)

/* All of message_stats, as queues and the overview have it. */
#define MESSAGE_STATS_PUBLISHED(C)                                                                 \
    STATISTIC_FIELDS(C, "message_stats.", confirm, f->statistics.has_published)                    \
    STATISTIC_FIELDS(C, "message_stats.", drop_unroutable, f->statistics.has_published)            \
    STATISTIC_FIELDS(C, "message_stats.", publish, f->statistics.has_published)                    \
    STATISTIC_FIELDS(C, "message_stats.", return_unroutable, f->statistics.has_published)
#define MESSAGE_STATS_DELIVERED(C)                                                                 \
    STATISTIC_FIELDS(C, "message_stats.", ack, f->statistics.has_delivered)                        \
    STATISTIC_FIELDS(C, "message_stats.", deliver, f->statistics.has_delivered)                    \
    STATISTIC_FIELDS(C, "message_stats.", deliver_get, f->statistics.has_delivered)                \
    STATISTIC_FIELDS(C, "message_stats.", deliver_no_ack, f->statistics.has_delivered)             \
    STATISTIC_FIELDS(C, "message_stats.", get, f->statistics.has_delivered)                        \
    STATISTIC_FIELDS(C, "message_stats.", get_empty, f->statistics.has_delivered)                  \
    STATISTIC_FIELDS(C, "message_stats.", get_no_ack, f->statistics.has_delivered)                 \
    STATISTIC_FIELDS(C, "message_stats.", redeliver, f->statistics.has_delivered)
/* clang-format on */

/* Returns the samples of one statistic; without values if none were asked for. */
struct past_values api_samples(const struct statistics_answer *a, enum statistic which);

#endif
