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

void samples_free(struct samples *s)
{
    lv_buffer_free(&s->labels);
    free(s->rows);
    free(s->values);
    *s = (struct samples){.width = s->width};
}
