/* The tables of families.h as values: which metrics there are, and how each is computed. */
#ifndef LEVERET_METRICS_FAMILY_H
#define LEVERET_METRICS_FAMILY_H

#include "base/buffer.h"
#include "metrics/exposition.h"

/* Where a family is shown. */
enum family_endpoint {
    SHOWN_AGGREGATED = 1,
    SHOWN_PER_OBJECT = 2,
    SHOWN_DETAILED = 4, /* if it is asked for */
    SHOWN_MEMORY = 8,
    SHOWN_UNASKED = 16, /* SHOWN_DETAILED even if it is not asked for */
};

enum family_prefix { PREFIX_RABBITMQ, PREFIX_CLUSTER, PREFIX_OWN, PREFIX_NONE };

struct metric {
    const char *name; /* without the prefix */
    enum metric_type type;
    const char *help;
    double (*value)(const void *facts); /* NAN: there is none */
};

struct source; /* sources.h */

struct family {
    const char *name;
    const struct source *source;
    enum family_prefix prefix;
    unsigned endpoints; /* SHOWN_... */
    const struct metric *metrics;
    size_t count;
};

extern const struct family families[];
extern const size_t family_count;

/* Returns the prefix of the family's metrics at an endpoint. */
const char *family_prefix(const struct family *family, enum family_endpoint endpoint);

/* Appends the table of all metrics in docs/metrics.md: Markdown. */
void families_describe(struct lv_buffer *out);

#endif
