#include "metrics/samples.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void grow(struct samples *s)
{
    s->capacity = s->capacity ? s->capacity * 2 : 16;
    s->rows = lv_realloc(s->rows, s->capacity * sizeof *s->rows);
    s->values = lv_realloc(s->values, s->capacity * s->width * sizeof *s->values);
}

size_t samples_add(struct samples *s, struct slice labels)
{
    if (s->count == s->capacity)
        grow(s);
    s->rows[s->count] = (struct samples_row){s->labels.n, (uint32_t)labels.n, false};
    memset(samples_values(s, s->count), 0, s->width * sizeof *s->values);
    lv_buffer_add_slice(&s->labels, labels);
    return s->count++;
}

static int by_labels(const void *a, const void *b, void *arg)
{
    const struct samples *s = arg;
    size_t p = *(const size_t *)a, q = *(const size_t *)b;
    int order = slice_compare(samples_labels(s, p), samples_labels(s, q));
    return order ? order : (p > q) - (p < q);
}

/* Adds a row's values to those of another one. */
static void add_row(struct samples *s, size_t to, size_t from)
{
    for (size_t i = 0; i < s->width; i++)
        samples_values(s, to)[i] += samples_values(s, from)[i];
    s->rows[from].is_gone = true;
}

void samples_merge(struct samples *s)
{
    size_t *order = lv_malloc((s->count + 1) * sizeof *order), first = 0;
    for (size_t i = 0; i < s->count; i++)
        order[i] = i;
    qsort_r(order, s->count, sizeof *order, by_labels, s);
    for (size_t i = 1; i < s->count; i++) {
        if (slice_equal(samples_labels(s, order[first]), samples_labels(s, order[i])))
            add_row(s, order[first], order[i]);
        else
            first = i;
    }
    free(order);
}

void samples_free(struct samples *s)
{
    lv_buffer_free(&s->labels);
    free(s->rows);
    free(s->values);
    *s = (struct samples){.width = s->width};
}
