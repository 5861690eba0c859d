/* Samples: values of objects of one kind, a row for each object. They refer to nothing outside, so
 * they can be written at leisure. One thread at a time. */
#ifndef LEVERET_METRICS_SAMPLES_H
#define LEVERET_METRICS_SAMPLES_H

#include <stdbool.h>

#include "base/buffer.h"

struct samples_row {
    size_t labels; /* where they begin in samples.labels */
    uint32_t label_bytes;
    bool is_gone; /* the object has ended meanwhile */
};

struct samples {
    size_t width; /* values in a row; set before the first row is added */
    struct lv_buffer labels;
    struct samples_row *rows;
    double *values;
    size_t count, capacity;
};

/* Adds a row of zeros, with these labels (label_add()), which are copied. Returns its index. */
size_t samples_add(struct samples *s, struct slice labels);
/* Adds up rows with the same labels: the values are in the first of them, the others are gone. */
void samples_merge(struct samples *s);
void samples_free(struct samples *s);

static inline double *samples_values(struct samples *s, size_t row)
{
    return s->values + row * s->width;
}

static inline struct slice samples_labels(const struct samples *s, size_t row)
{
    const struct samples_row *r = &s->rows[row];
    return r->label_bytes > 0 ? slice_of(s->labels.p + r->labels, r->label_bytes) : SLICE_EMPTY;
}

#endif
