/* Prometheus' text format. */
#include "metrics/exposition.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "wire/wire.h"

enum { WRITE_BYTES = 64 * 1024 }; /* handed over at a time */

const char *metric_type_name(enum metric_type type)
{
    static const char *const names[] = {
        [METRIC_GAUGE] = "gauge",
        [METRIC_COUNTER] = "counter",
        [METRIC_UNTYPED] = "untyped",
        [METRIC_HISTOGRAM] = "histogram",
    };
    return names[type];
}

/* --- handing over ----------------------------------------------------------------------------- */

static void hand_over(struct exposition *e, size_t least)
{
    if (e->out.n < least || e->out.n == 0)
        return;
    if (!e->is_cut)
        e->is_cut = !e->write(e->arg, lv_buffer_slice(&e->out));
    e->out.n = 0;
}

bool exposition_end(struct exposition *e)
{
    hand_over(e, 0);
    lv_buffer_free(&e->out);
    return !e->is_cut;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static void add_integer(struct lv_buffer *out, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    lv_buffer_add(out, digits + at, sizeof digits - at);
}

static void add_fraction(struct lv_buffer *out, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value)
        snprintf(text, sizeof text, "%.17g", value);
    lv_buffer_add_slice(out, slice_str(text));
}

void exposition_number(struct lv_buffer *out, double value)
{
    static const double integers_below = 9007199254740992.0; /* 2^53 */
    if (isnan(value))
        lv_buffer_add_slice(out, slice_str("NaN"));
    else if (isinf(value))
        lv_buffer_add_slice(out, slice_str(value > 0 ? "+Inf" : "-Inf"));
    else if (value >= 0 && value < integers_below && value == floor(value))
        add_integer(out, (uint64_t)value);
    else
        add_fraction(out, value);
}

/* --- labels ----------------------------------------------------------------------------------- */

static void add_escaped(struct lv_buffer *out, uint8_t c, bool is_utf8)
{
    if (c == '\\' || c == '"')
        lv_buffer_add_u8(out, '\\');
    if (c == '\n')
        lv_buffer_add_slice(out, slice_str("\\n"));
    else
        lv_buffer_add_u8(out, is_utf8 || c < 0x80 ? c : '?');
}

void label_add(struct lv_buffer *labels, const char *name, struct slice value)
{
    bool is_utf8 = wire_is_utf8(value);
    if (labels->n > 0)
        lv_buffer_add_u8(labels, ',');
    lv_buffer_add_slice(labels, slice_str(name));
    lv_buffer_add_slice(labels, slice_str("=\""));
    for (size_t i = 0; i < value.n; i++)
        add_escaped(labels, value.p[i], is_utf8);
    lv_buffer_add_u8(labels, '"');
}

/* --- metrics ---------------------------------------------------------------------------------- */

void exposition_begin(struct exposition *e, struct metric_name name, enum metric_type type,
                      const char *help)
{
    lv_buffer_printf(&e->out, "# TYPE %s%s %s\n# HELP %s%s %s\n", name.prefix, name.name,
                     metric_type_name(type), name.prefix, name.name, help);
    hand_over(e, WRITE_BYTES);
}

static void add_sample(struct exposition *e, struct metric_name name, const char *suffix,
                       struct slice labels, double value)
{
    struct lv_buffer *out = &e->out;
    lv_buffer_add_slice(out, slice_str(name.prefix));
    lv_buffer_add_slice(out, slice_str(name.name));
    lv_buffer_add_slice(out, slice_str(suffix));
    if (labels.n > 0) {
        lv_buffer_add_u8(out, '{');
        lv_buffer_add_slice(out, labels);
        lv_buffer_add_u8(out, '}');
    }
    lv_buffer_add_u8(out, ' ');
    exposition_number(out, value);
    lv_buffer_add_u8(out, '\n');
    hand_over(e, WRITE_BYTES);
}

void exposition_sample(struct exposition *e, struct metric_name name, struct slice labels,
                       double value)
{
    add_sample(e, name, "", labels, value);
}

static void add_bucket(struct exposition *e, struct metric_name name, struct slice labels,
                       double bound, uint64_t count)
{
    struct lv_buffer all = {0}, le = {0};
    exposition_number(&le, bound);
    lv_buffer_add_slice(&all, labels);
    label_add(&all, "le", lv_buffer_slice(&le));
    add_sample(e, name, "_bucket", lv_buffer_slice(&all), (double)count);
    lv_buffer_free(&all);
    lv_buffer_free(&le);
}

void exposition_histogram(struct exposition *e, struct metric_name name, struct slice labels,
                          const struct histogram_counts *counts)
{
    uint64_t sum = 0;
    lv_assert(counts->bounds <= HISTOGRAM_BOUNDS_MAX);
    for (unsigned i = 0; i < counts->bounds; i++) {
        sum += counts->count[i];
        add_bucket(e, name, labels, counts->bound[i], sum);
    }
    sum += counts->count[counts->bounds];
    add_bucket(e, name, labels, INFINITY, sum);
    add_sample(e, name, "_sum", labels, counts->sum);
    add_sample(e, name, "_count", labels, (double)sum);
}
