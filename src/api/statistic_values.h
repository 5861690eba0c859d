/* Statistics as values of fields: of objects that keep a pointer to their statistics while they are
 * shown (objects.h). */
#ifndef LEVERET_API_STATISTIC_VALUES_H
#define LEVERET_API_STATISTIC_VALUES_H

#include "api/api_private.h"
#include "manage/column.h"
#include "manage/statistics.h"

/* Return a statistic, and its rate and samples. They are absent if the object has none: `answer` is
 * NULL, or it is of message_stats and nothing of the kind has happened yet. */
struct value api_statistic(const struct statistics_answer *answer, enum statistic which);
struct value api_statistic_details(const struct statistics_answer *answer, enum statistic which);
#define VALUE_OF_STATISTIC(answer, which) api_statistic((answer), (which))
/* The same, but a rate of 0 in place of what is absent. */
struct value api_statistic_details_or_zero(const struct statistics_answer *answer,
                                           enum statistic which);
#define VALUE_OF_DETAILS_OR_ZERO(answer, which) api_statistic_details_or_zero((answer), (which))
#define VALUE_OF_DETAILS(answer, which) api_statistic_details((answer), (which))

/* Finds the statistic that a path names: "messages", "message_stats.publish", or its rate,
 * "message_stats.publish_details.rate". Returns false if it names none. */
bool api_statistic_of_path(struct slice path, enum statistic *ret, bool *ret_is_rate);

/* Returns whether messages are counted: management.rates_mode is not `none`. */
bool api_counts_messages(const struct api_call *c);

/* Puts what an object counts now in the place of what the sampler has last seen, so that a new
 * message is seen at once; rates stay. If there is a difference, it is not idle: moved_ms is 0.
 * api_statistic_end_now() completes sums. */
void api_statistic_now(struct statistics_answer *answer, enum statistic which, uint64_t value);
void api_statistic_end_now(struct statistics_answer *answer);

/* Since when the object does nothing, if it has done nothing since the sampler's last look: since
 * now if the sampler has not seen it yet. */
struct value api_idle_since(const struct statistics_answer *answer);
#define VALUE_OF_IDLE_SINCE(answer) api_idle_since(answer)

/* The types of values above. TYPE_IS_STATISTIC(NUMBER) is false, as NUMBER is not among them: then
 * STATISTIC_TYPE_NUMBER is not a macro, and stands as the first argument before `false`. */
#define STATISTIC_TYPE_STATISTIC , true
#define STATISTIC_TYPE_DETAILS , true
#define STATISTIC_TYPE_DETAILS_OR_ZERO , true
#define STATISTIC_TYPE_IDLE_SINCE , true
#define TYPE_IS_STATISTIC(type) SECOND_ARGUMENT(STATISTIC_TYPE_##type, false, )
#define SECOND_ARGUMENT(...) SECOND_ARGUMENT_EXPANDED(__VA_ARGS__)
#define SECOND_ARGUMENT_EXPANDED(first, second, ...) second

/* Writes the value of api_statistic_details(). */
void api_write_details(struct json_writer *w, const struct value *value);

#endif
