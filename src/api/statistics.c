#include "api/statistics.h"

#include "base/digits.h"

/* Returns the parameter's number, or 0 if it is not one. */
static uint64_t number_of(const struct api_call *c, const char *name)
{
    struct slice text = api_query(c, name);
    uint64_t n;
    return lv_digits_take(&text, &n) && text.n == 0 ? n : 0;
}

void api_statistics_range(const struct api_call *c, struct statistics_range *ret)
{
    static const struct {
        const char *age, *incr;
    } names[STATISTIC_GROUPS] = {
        [STATISTIC_LENGTHS] = {"lengths_age", "lengths_incr"},
        [STATISTIC_MESSAGES] = {"msg_rates_age", "msg_rates_incr"},
        [STATISTIC_DATA] = {"data_rates_age", "data_rates_incr"},
        [STATISTIC_NODE] = {"node_stats_age", "node_stats_incr"},
    };
    for (size_t g = 0; g < STATISTIC_GROUPS; g++) {
        ret->of[g].age_s = number_of(c, names[g].age);
        ret->of[g].incr_s = number_of(c, names[g].incr);
    }
}

struct past_values api_samples(const struct statistics_answer *a, enum statistic which)
{
    enum statistic_group group = statistic_kinds[which].group;
    return (struct past_values){
        .values = a->of[which].samples,
        .count = a->samples[group].count,
        .newest_ms = a->samples[group].newest_ms,
        .step_ms = a->samples[group].step_ms,
    };
}
