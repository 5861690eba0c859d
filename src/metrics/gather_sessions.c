/* Connections and channels: each loop adds those that are its own. Their label is RabbitMQ's, which
 * names both kinds "channel". */
#include "metrics/gather_sessions.h"
#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"
#include "message/events.h"
#include "metrics/sources.h"

/* --- visiting --------------------------------------------------------------------------------- */

enum { SLICE = 256 }; /* connections and channels of a turn */

struct walk {
    struct sessions_walk at;
    bool has_begun, is_over;
    void *arg; /* the visitor's */
};

struct walks {
    const struct session_visitor *visitor;
    struct walk of[LOOPS_MAX];
    _Atomic bool is_over; /* on all loops */
};

static void walk_on_loop(struct loop *loop, void *arg)
{
    struct walks *walks = arg;
    struct walk *walk = &walks->of[loop_index(loop)];
    if (walk->is_over)
        return;
    if (!walk->has_begun)
        sessions_walk_begin(loop, &walk->at);
    walk->has_begun = true;
    walk->is_over = !sessions_walk_on(loop, &walk->at, SLICE, walks->visitor, walk->arg);
    if (walk->is_over)
        sessions_walk_end(&walk->at);
    else
        atomic_store_explicit(&walks->is_over, false, memory_order_relaxed);
}

static void end_walk(struct loop *loop, void *arg)
{
    struct walk *walk = arg;
    (void)loop;
    if (walk->has_begun && !walk->is_over)
        sessions_walk_end(&walk->at);
}

/* Visits all sessions; the visitor's argument is the loop's own of the array `args`. */
static int visit_sessions(struct manage *m, const struct session_visitor *visitor,
                          void *const *args)
{
    struct walks *walks = lv_calloc(1, sizeof *walks);
    int err = 0;
    walks->visitor = visitor;
    for (unsigned i = 0; i < loops_count(m->loops); i++)
        walks->of[i].arg = args[i];
    while (err == 0 && !walks->is_over) {
        walks->is_over = true;
        err = ask_every_loop(m->asker, walk_on_loop, walks);
    }
    for (unsigned i = 0; err < 0 && i < loops_count(m->loops); i++)
        ask_loop_or_end(m->asker, loops_at(m->loops, i), end_walk, &walks->of[i]);
    free(walks);
    return err;
}

/* --- samples ---------------------------------------------------------------------------------- */

struct target {
    const struct gathering *g;
    struct samples *part;
};

static void add_session(const struct target *t, uint64_t connection, unsigned channel,
                        const void *facts)
{
    char space[EVENT_PID_MAX];
    struct lv_buffer labels = {0};
    label_add(&labels, "channel", event_pid(t->g->m->node_name, space, connection, channel));
    gathering_add(t->g, t->part, lv_buffer_slice(&labels), facts);
    lv_buffer_free(&labels);
}

static void add_connection(void *arg, const struct session_facts *facts)
{
    add_session(arg, facts->id, 0, facts);
}

static void add_channel(void *arg, const struct session_channel_facts *facts)
{
    add_session(arg, facts->connection->id, facts->number, facts);
}

static int gather(struct gathering *g, const struct session_visitor *visitor)
{
    struct target targets[LOOPS_MAX];
    void *args[LOOPS_MAX];
    g->part_count = loops_count(g->m->loops);
    for (unsigned i = 0; i < g->part_count; i++) {
        targets[i] = (struct target){g, &g->parts[i]};
        args[i] = &targets[i];
    }
    return visit_sessions(g->m, visitor, args);
}

int connections_gather(struct gathering *g)
{
    return gather(g, &(struct session_visitor){.connection = add_connection});
}

int channels_gather(struct gathering *g)
{
    return gather(g, &(struct session_visitor){.channel = add_channel});
}

/* --- publishers ------------------------------------------------------------------------------- */

static void count_publisher(void *arg, const struct session_channel_facts *facts)
{
    *(uint64_t *)arg += facts->counts.publish > 0;
}

int sessions_count_publishers(struct manage *m, uint64_t *ret)
{
    uint64_t counts[LOOPS_MAX] = {0};
    void *args[LOOPS_MAX];
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        args[i] = &counts[i];
    *ret = 0;
    int err = visit_sessions(m, &(struct session_visitor){.channel = count_publisher}, args);
    for (unsigned i = 0; err == 0 && i < LOOPS_MAX; i++)
        *ret += counts[i];
    return err;
}
