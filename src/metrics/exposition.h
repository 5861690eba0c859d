/* Prometheus' text format, version 0.0.4: writing it, a buffer at a time, to whoever takes the
 * bytes. */
#ifndef LEVERET_METRICS_EXPOSITION_H
#define LEVERET_METRICS_EXPOSITION_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4"

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_UNTYPED, METRIC_HISTOGRAM };

/* Returns the type's name in the text: "gauge". */
const char *metric_type_name(enum metric_type type);

/* Takes bytes of the text. May block. Returns false if no more are wanted. */
typedef bool exposition_write(void *arg, struct slice bytes);

struct exposition {
    struct lv_buffer out; /* not written yet */
    exposition_write *write;
    void *arg;
    bool is_cut; /* no more is wanted */
};

/* A metric's name is `prefix` and `name`, and for a sample of a histogram a suffix. */
struct metric_name {
    const char *prefix;
    const char *name;
};

/* Begins a metric: the lines # TYPE and # HELP. The help contains no line break and no
 * backslash. */
void exposition_begin(struct exposition *e, struct metric_name name, enum metric_type type,
                      const char *help);
/* Adds a sample. `labels` is what label_add() has made, or empty. */
void exposition_sample(struct exposition *e, struct metric_name name, struct slice labels,
                       double value);

/* What a histogram has counted: the bounds in ascending order, for each bound how many values were
 * at most as large but larger than the bound before, and last how many were larger than all. */
enum { HISTOGRAM_BOUNDS_MAX = 40 };
struct histogram_counts {
    unsigned bounds;
    double bound[HISTOGRAM_BOUNDS_MAX];
    uint64_t count[HISTOGRAM_BOUNDS_MAX + 1];
    double sum; /* of the values */
};
/* Adds the samples of a histogram: _bucket, _sum and _count. */
void exposition_histogram(struct exposition *e, struct metric_name name, struct slice labels,
                          const struct histogram_counts *counts);

/* Writes what is left in the buffer and frees it. Returns false if the text was cut. */
bool exposition_end(struct exposition *e);

/* Appends name="value" to labels, with a comma before it if there are any. Bytes that are not UTF-8
 * become question marks, as one such byte would make the whole text invalid. */
void label_add(struct lv_buffer *labels, const char *name, struct slice value);

/* Appends a number: an integer without a point, other numbers with as many digits as tell them
 * apart, and NaN, +Inf, -Inf. */
void exposition_number(struct lv_buffer *out, double value);

#endif
