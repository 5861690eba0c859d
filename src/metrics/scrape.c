/* A scrape: which families are wanted, source by source; their samples as text. */
#include <math.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "metrics/metrics.h"
#include "metrics/sources.h"

/* --- what is wanted --------------------------------------------------------------------------- */

static bool is_asked_for(const struct metrics_request *r, const struct family *family)
{
    if (r->endpoint != SHOWN_DETAILED || (family->endpoints & SHOWN_UNASKED))
        return true;
    for (size_t i = 0; i < r->family_count; i++)
        if (slice_is(r->families[i], family->name))
            return true;
    return false;
}

static bool is_wanted(const struct metrics_request *r, const struct family *family)
{
    return (family->endpoints & r->endpoint) && is_asked_for(r, family);
}

static bool has_metric(const struct gathering *g, const struct metric *metric)
{
    for (size_t i = 0; i < g->metric_count; i++)
        if (slice_is(slice_str(metric->name), g->metrics[i]->name))
            return true;
    return false;
}

/* Adds a family's metrics, except those that a family before it has, too. */
static void gathering_want(struct gathering *g, const struct family *family)
{
    for (size_t i = 0; i < family->count; i++) {
        if (has_metric(g, &family->metrics[i]))
            continue;
        lv_assert(g->metric_count < METRICS_OF_SOURCE_MAX);
        g->families[g->metric_count] = family;
        g->metrics[g->metric_count++] = &family->metrics[i];
    }
}

/* --- text ------------------------------------------------------------------------------------- */

static void write_sum(struct exposition *e, const struct gathering *g, struct metric_name name,
                      size_t metric)
{
    double sum = 0;
    for (unsigned i = 0; i < g->part_count; i++)
        if (g->parts[i].count > 0)
            sum += g->parts[i].values[metric];
    if (!isnan(sum))
        exposition_sample(e, name, SLICE_EMPTY, sum);
}

static void write_rows(struct exposition *e, const struct gathering *g, struct metric_name name,
                       size_t metric, bool is_of_objects)
{
    for (unsigned i = 0; i < g->part_count; i++) {
        const struct samples *part = &g->parts[i];
        for (size_t row = 0; row < part->count; row++) {
            double value = part->values[row * part->width + metric];
            if (part->rows[row].is_gone || (isnan(value) && !is_of_objects))
                continue;
            exposition_sample(e, name, samples_labels(part, row), value);
        }
    }
}

static void write_samples(struct exposition *e, const struct gathering *g)
{
    for (size_t i = 0; i < g->metric_count && !e->is_cut; i++) {
        const struct family *family = g->families[i];
        const struct metric *metric = g->metrics[i];
        const struct metric_name name = {family_prefix(family, g->endpoint), metric->name};
        exposition_begin(e, name, metric->type, metric->help);
        if (g->is_sum)
            write_sum(e, g, name, i);
        else
            write_rows(e, g, name, i, family->source->is_of_objects);
    }
}

/* --- a source --------------------------------------------------------------------------------- */

static int write_gathered(struct gathering *g, const struct source *source, struct exposition *e)
{
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        g->parts[i].width = g->metric_count;
    int err = source->gather(g);
    lv_rcu_offline();
    if (err == 0)
        write_samples(e, g);
    lv_rcu_online();
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        samples_free(&g->parts[i]);
    return err;
}

static void write_histogram(const struct gathering *g, const struct source *source,
                            struct exposition *e)
{
    struct lv_buffer labels = {0};
    struct histogram_counts counts = {0};
    const struct metric *metric = g->metrics[0];
    const struct metric_name name = {family_prefix(g->families[0], g->endpoint), metric->name};
    source->read_histogram(g->m, &labels, &counts);
    lv_rcu_offline();
    exposition_begin(e, name, metric->type, metric->help);
    exposition_histogram(e, name, lv_buffer_slice(&labels), &counts);
    lv_rcu_online();
    lv_buffer_free(&labels);
}

/* Writes what is wanted of this family's source, at the first of its families. */
static int write_source(struct manage *m, const struct metrics_request *r,
                        const struct family *first, struct exposition *e)
{
    struct gathering *g = lv_calloc(1, sizeof *g);
    int err = 0;
    *g = (struct gathering){
        .m = m,
        .endpoint = r->endpoint,
        .is_sum = r->endpoint == SHOWN_AGGREGATED && first->source->is_of_objects,
        .vhosts = r->vhosts,
        .vhost_count = r->vhost_count,
        .queues = r->queues,
        .queue_count = r->queue_count,
    };
    for (const struct family *f = first; f < families + family_count; f++)
        if (f->source == first->source && is_wanted(r, f))
            gathering_want(g, f);
    if (first->source->gather)
        err = write_gathered(g, first->source, e);
    else
        write_histogram(g, first->source, e);
    free(g);
    return err;
}

static bool is_first_of_source(const struct metrics_request *r, const struct family *family)
{
    for (const struct family *f = families; f < family; f++)
        if (f->source == family->source && is_wanted(r, f))
            return false;
    return true;
}

int metrics_write(struct manage *m, const struct metrics_request *r, exposition_write *write,
                  void *arg)
{
    struct exposition e = {.write = write, .arg = arg};
    int err = 0;
    for (size_t i = 0; i < family_count && err == 0 && !e.is_cut; i++) {
        const struct family *family = &families[i];
        if (is_wanted(r, family) && is_first_of_source(r, family))
            err = write_source(m, r, family, &e);
    }
    lv_rcu_offline();
    exposition_end(&e);
    lv_rcu_online();
    return err;
}
