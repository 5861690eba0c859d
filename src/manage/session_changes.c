/* Changing a channel from outside: its prefetch, its consumers. The channel is found by a listing,
 * and changed on its loop; if it has ended meanwhile, there is none. */
#include <stdatomic.h>

#include "manage/connections.h"

struct channel_change {
    uint64_t connection;
    uint16_t channel;
    uint32_t prefetch;
    struct slice tag;
    bool (*run)(struct loop *loop, const struct channel_change *c);
    _Atomic bool is_done;
};

static bool set_prefetch(struct loop *loop, const struct channel_change *c)
{
    return sessions_set_prefetch(loop, c->connection, c->channel, c->prefetch);
}

static bool cancel_consumer(struct loop *loop, const struct channel_change *c)
{
    return sessions_cancel_consumer(loop, c->connection, c->channel, c->tag);
}

static void run_on_loop(struct loop *loop, void *arg)
{
    struct channel_change *c = arg;
    if (c->run(loop, c))
        atomic_store_explicit(&c->is_done, true, memory_order_relaxed);
}

static bool refuse_missing(struct manage_error *error, const char *what)
{
    return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_NONE, "%s not found", what);
}

/* Runs the change. */
static bool change(struct manage *m, const struct actor *actor, struct slice user,
                   struct channel_change *c, const char *what, struct manage_error *error)
{
    bool is_own = actor->identity && slice_equal(actor->name, user);
    if (!is_own && !actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    if (!manage_end(error, ask_every_loop(m->asker, run_on_loop, c)))
        return false;
    return c->is_done || refuse_missing(error, what);
}

bool manage_set_prefetch(struct manage *m, const struct actor *actor, struct slice channel,
                         uint32_t count, struct manage_error *error)
{
    struct listing l = {0};
    const struct session_choice choice = {.channel = &channel};
    if (!manage_list_sessions(m, actor, SESSION_CHANNELS, &choice, &l, error))
        return false;
    bool is_done = false;
    if (l.count == 0) {
        refuse_missing(error, "channel");
    } else {
        const struct channel_facts *f = l.rows[0];
        struct channel_change c = {f->connection, f->number, .prefetch = count,
                                   .run = set_prefetch};
        is_done = change(m, actor, f->user, &c, "channel", error);
    }
    listing_free(&l);
    if (is_done)
        actor_log(actor, "channel %.*s has a prefetch of %u", SLICE_ARG(channel), (unsigned)count);
    return is_done;
}

bool manage_cancel_consumer(struct manage *m, const struct actor *actor,
                            const struct consumer_place *place, struct manage_error *error)
{
    struct listing l = {0};
    const struct session_choice choice = {.vhost = &place->vhost, .connection = &place->connection};
    if (!manage_list_sessions(m, actor, SESSION_CONNECTIONS, &choice, &l, error))
        return false;
    bool is_done = false;
    if (l.count == 0) {
        refuse_missing(error, "connection");
    } else {
        const struct connection_facts *f = l.rows[0];
        struct channel_change c = {f->id, place->channel, .tag = place->tag,
                                   .run = cancel_consumer};
        is_done = change(m, actor, f->user, &c, "consumer", error);
    }
    listing_free(&l);
    if (is_done)
        actor_log(actor, "consumer '%.*s' of connection %.*s, channel %u, is cancelled",
                  SLICE_ARG(place->tag), SLICE_ARG(place->connection), (unsigned)place->channel);
    return is_done;
}
