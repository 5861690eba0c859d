/* The tables of families.h as values. */
#include "metrics/families.h"

#include <math.h>

#include "metrics/family.h"
#include "metrics/sources.h"

/* The counters of the threads are read one after the other, so the end of an object may be counted
 * before its beginning. */
static uint64_t difference(uint64_t more, uint64_t less)
{
    return more > less ? more - less : 0;
}

/* --- sources ---------------------------------------------------------------------------------- */

#define SOURCE(src, type, label_names, is_objects)                                                 \
    typedef type src##_facts;                                                                      \
    const struct source src##_source = {                                                           \
        .name = #src,                                                                              \
        .labels = label_names,                                                                     \
        .is_of_objects = is_objects,                                                               \
        .gather = src##_gather,                                                                    \
    };
SOURCES(SOURCE)

#define HISTOGRAM_SOURCE(src, label_names)                                                         \
    typedef struct histogram_counts src##_facts;                                                   \
    const struct source src##_source = {                                                           \
        .name = #src,                                                                              \
        .labels = label_names,                                                                     \
        .read_histogram = src##_read,                                                              \
    };
HISTOGRAM_SOURCES(HISTOGRAM_SOURCE)

/* --- families --------------------------------------------------------------------------------- */

#define METRIC_VALUE(family, metric, type, help, ...)                                              \
    static double family##_of_##metric(const void *facts)                                          \
    {                                                                                              \
        const family##_facts_of *f = facts;                                                        \
        (void)f;                                                                                   \
        return (double)(__VA_ARGS__);                                                              \
    }
#define METRIC_ROW(family, metric, type, help, ...)                                                \
    {#metric, METRIC_##type, help, family##_of_##metric},
#define FAMILY_METRICS(family, src, prefix, endpoints, LIST)                                       \
    typedef src##_facts family##_facts_of;                                                         \
    LIST(METRIC_VALUE, family)                                                                     \
    static const struct metric family##_table[] = {LIST(METRIC_ROW, family)};
FAMILIES(FAMILY_METRICS)

enum {
    ALWAYS = SHOWN_AGGREGATED | SHOWN_PER_OBJECT,
    SUMS = SHOWN_AGGREGATED,
    OBJECTS = SHOWN_PER_OBJECT,
    DETAILED = SHOWN_DETAILED,
    MEMORY = SHOWN_MEMORY,
    EVERYWHERE = ALWAYS | DETAILED | MEMORY | SHOWN_UNASKED,
};

#define FAMILY_ROW(family, src, prefix, endpoints, LIST)                                           \
    {#family,   &src##_source,  PREFIX_##prefix,                                                   \
     endpoints, family##_table, sizeof family##_table / sizeof *family##_table},
const struct family families[] = {FAMILIES(FAMILY_ROW)};
const size_t family_count = sizeof families / sizeof *families;

const char *family_prefix(const struct family *family, enum family_endpoint endpoint)
{
    switch (family->prefix) {
    case PREFIX_RABBITMQ:
        /* As in RabbitMQ, what is shown unasked has the same name everywhere. */
        return endpoint == SHOWN_DETAILED && !(family->endpoints & SHOWN_UNASKED)
                   ? "rabbitmq_detailed_"
                   : "rabbitmq_";
    case PREFIX_CLUSTER: return "rabbitmq_cluster_";
    case PREFIX_OWN: return "leveret_";
    case PREFIX_NONE: break;
    }
    return "";
}

/* --- documentation ---------------------------------------------------------------------------- */

static void describe_endpoints(struct lv_buffer *out, unsigned endpoints)
{
    static const struct {
        unsigned bit;
        const char *path;
    } shown[] = {
        {SHOWN_AGGREGATED, "`/metrics`"},
        {SHOWN_PER_OBJECT, "`/metrics/per-object`"},
        {SHOWN_DETAILED, "`/metrics/detailed`"},
        {SHOWN_MEMORY, "`/metrics/memory-breakdown`"},
    };
    const char *comma = "";
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        if (!(endpoints & shown[i].bit))
            continue;
        lv_buffer_printf(out, "%s%s", comma, shown[i].path);
        comma = ", ";
    }
}

static void describe_family(struct lv_buffer *out, const struct family *family)
{
    lv_buffer_printf(out, "\n### %s\n\nAt ", family->name);
    describe_endpoints(out, family->endpoints);
    if (family->source->labels[0])
        lv_buffer_printf(out, ". Labels%s: %s",
                         family->source->is_of_objects && (family->endpoints & SHOWN_AGGREGATED)
                             ? " (not at `/metrics`, which has sums)"
                             : "",
                         family->source->labels);
    lv_buffer_printf(out, ".\n\n| metric | type | |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < family->count; i++) {
        const struct metric *metric = &family->metrics[i];
        lv_buffer_printf(out, "| `%s%s` | %s | %s |\n", family_prefix(family, SHOWN_AGGREGATED),
                         metric->name, metric_type_name(metric->type), metric->help);
    }
}

void families_describe(struct lv_buffer *out)
{
    for (size_t i = 0; i < family_count; i++)
        describe_family(out, &families[i]);
}
