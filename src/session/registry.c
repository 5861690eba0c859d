/* The registry: the sessions of each loop, their ids, names and states, and operations on all of
 * them.
 *
 *   (1) An id is a number that the loop counts up for each session, times LOOPS_MAX, plus the index
 *       of the loop: no two sessions of the process ever have the same id. Exclusive queues, and
 *       pids in listings, depend on that.
 *   (2) A session is registered from session_begin() to session_free().
 *   (3) Only session_enter() changes a session's state. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/counters.h"
#include "base/memory.h"
#include "queue/queue.h"
#include "session/session_private.h"
#include "wire/wire.h"

struct loop_slot session_slot;

static struct session_loop *loop_of(const struct loop *loop)
{
    struct session_loop *home = loop_slot(loop, &session_slot);
    lv_assert(home && home->loop == loop);
    lv_assert(loop_is_here(loop));
    return home;
}

static bool end_queues_job(struct loop *loop, struct loop_job *job);

/* --- a session's life ------------------------------------------------------------------------- */

/* Names of an operator's sessions differ by their ids, since a unix socket has no ports. */
static char *session_name_make(const struct net_peer *peer, uint64_t id)
{
    struct lv_buffer name = {0};
    if (peer->is_operator)
        lv_buffer_printf(&name, "%s of process %u -> %s %llu", peer->peer.text, peer->process,
                         peer->local.text, (unsigned long long)id);
    else
        lv_buffer_printf(&name, "%s:%u -> %s:%u", peer->peer.text, peer->peer.port,
                         peer->local.text, peer->local.port);
    return (char *)name.p;
}

void session_begin(struct session *s, const struct frontend *frontend,
                   struct session_server *server, struct loop *loop, struct net_conn *net,
                   const struct net_peer *peer)
{
    struct session_loop *home = loop_of(loop);
    lv_assert(home->server == server);
    lv_assert(s->magic == 0 && s->state == SESSION_STARTING); /* zeroed */
    s->magic = SESSION_MAGIC;
    s->frontend = frontend;
    s->server = server;
    s->home = home;
    s->loop = loop;
    s->net = net;
    s->id = (home->last_id += LOOPS_MAX) | loop_index(loop);
    s->peer = *peer;
    s->peer.tls = NULL; /* it ends with the connection, before the session */
    s->name = session_name_make(peer, s->id);
    s->connected_at_ms = loop_wall_ms(loop);
    session_note_tls(s, peer->tls);
    lv_list_init(&s->exclusive_queues);
    loop_job_init(&s->queues_end, end_queues_job);
    lv_list_init(&s->held_link);
    lv_list_init(&s->blocked_link);
    lv_list_init(&s->resumed_link);
    lv_list_init(&s->next_turn_link);
    lv_list_init(&s->unfinished_link);
    lv_list_push(&home->sessions, &s->link);
    home->count++;
    COUNT(connections_opened);
    net_set_watermarks(net, OUTPUT_BYTES_HIGH, OUTPUT_BYTES_LOW);
    net_set_send_timeout(net, server->settings.send_timeout_ms);
}

#define TO(state) (1u << SESSION_##state)

static const unsigned session_moves[] = {
    [SESSION_STARTING] = TO(RUNNING) | TO(ENDING) | TO(GONE),
    [SESSION_RUNNING] = TO(ENDING) | TO(GONE),
    [SESSION_ENDING] = TO(GONE),
    [SESSION_GONE] = 0,
};

void session_enter(struct session *s, enum session_state next)
{
    enum session_state before = s->state;
    session_assert_home(s);
    if (before == next)
        return;
    lv_assert(session_moves[before] & 1u << next);
    lv_assert(next != SESSION_RUNNING || s->vhost); /* session_enter_vhost() */
    s->state = next;
    if (next == SESSION_RUNNING)
        net_admit(s->net);
    if (next == SESSION_RUNNING)
        renewal_begin(s);
    else
        renewal_end(s);
    if (before == SESSION_RUNNING)
        session_release_quotas(s);
    if (next == SESSION_GONE && s->vhost)
        vhost_count_ended(s->vhost,
                          &(struct vhost_ended_counts){.received_bytes = net_received(s->net),
                                                       .sent_bytes = net_sent(s->net)});
    if (next == SESSION_GONE)
        s->net = NULL;
}

void session_ended(struct session *s)
{
    lv_assert(s->state == SESSION_GONE && !s->has_ended);
    s->has_ended = true;
    session_go_for_good(s);
    session_event_closed(s);
}

/* Moves the walks that would visit the session next on to the one behind it. */
static void walks_pass(const struct session *s)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &s->home->walks) {
        struct sessions_walk *walk = lv_list_item(it, struct sessions_walk, link);
        if (walk->next == &s->link)
            walk->next = s->link.next;
    }
}

void session_free(struct session *s)
{
    session_assert_home(s);
    lv_assert(s->has_ended && s->home->count > 0);
    lv_assert(lv_list_is_empty(&s->exclusive_queues));
    lv_assert(s->unfinished_bytes == 0 && !s->login && !s->entry);
    walks_pass(s);
    lv_list_remove(&s->link);
    s->home->count--;
    COUNT(connections_closed);
    if (s->peer.is_operator)
        sessions_give_operator(s->server);
    if (s->vhost)
        vhost_unref(&s->vhost);
    auth_identity_unref(&s->identity);
    auth_identity_unref(&s->first_identity);
    free((void *)s->client_properties.p);
    free(s->certificate_text);
    free(s->name);
    s->magic = 0;
}

/* --- exclusive queues ------------------------------------------------------------------------- */

enum { QUEUE_UNITS = 4 }; /* what deleting one queue costs (loop.h: work in slices) */

void session_own_queue(struct session *s, struct queue *q)
{
    session_assert_home(s);
    queue_add_owned(&s->exclusive_queues, q);
}

/* Deletes exclusive queues until the slice is used up. Returns whether all are deleted. */
static bool end_queues(struct session *s)
{
    struct queue *q;
    while ((q = queue_first_owned(&s->exclusive_queues))) {
        if (!loop_spend(s->loop, QUEUE_UNITS))
            return false;
        queue_delete(q);
    }
    return true;
}

static bool end_queues_job(struct loop *loop, struct loop_job *job)
{
    (void)loop;
    struct session *s = lv_container_of(job, struct session, queues_end);
    if (!end_queues(s))
        return true;
    s->frontend->queues_ended(s);
    return false;
}

bool session_end_queues(struct session *s)
{
    session_assert_home(s);
    if (loop_job_is_under_way(&s->queues_end) || end_queues(s))
        return true;
    loop_job_start(s->loop, &s->queues_end);
    return false;
}

/* --- the room's door -------------------------------------------------------------------------- */

void sessions_start(struct loops *loops, struct session_server *server)
{
    lv_assert(!loop_current()); /* before the loops start */
    for (unsigned i = 0; i < loops_count(loops); i++) {
        struct session_loop *home = lv_calloc(1, sizeof *home);
        home->server = server;
        home->loop = loops_at(loops, i);
        lv_list_init(&home->sessions);
        lv_list_init(&home->walks);
        pressure_init(home);
        unfinished_init(home);
        renewal_init(home);
        loop_set_slot(home->loop, &session_slot, home);
    }
}

void sessions_stop(struct loops *loops)
{
    lv_assert(!loop_current()); /* the loops have stopped */
    for (unsigned i = 0; i < loops_count(loops); i++) {
        struct loop *loop = loops_at(loops, i);
        struct session_loop *home = loop_slot(loop, &session_slot);
        lv_assert(lv_list_is_empty(&home->walks));
        renewal_free(home);
        unfinished_free(home);
        pressure_free(home);
        free(home);
        loop_set_slot(loop, &session_slot, NULL);
    }
}

size_t sessions_count(struct loop *loop)
{
    return loop_of(loop)->count;
}

/* Walks the sessions of the loop; the current one may be freed meanwhile. */
#define SESSIONS_EACH(s, loop)                                                                     \
    for (struct lv_list *list_ = &loop_of(loop)->sessions, *it_ = list_->next,                     \
                        *after_ = it_->next;                                                       \
         it_ != list_ && ((s) = lv_list_item(it_, struct session, link), true);                    \
         it_ = after_, after_ = it_->next)

void sessions_alarms_changed(struct loop *loop)
{
    struct session_loop *home = loop_of(loop);
    struct lv_list *it, *after;
    if (alarms_hold(atomic_load(&home->server->broker->alarms)))
        return;
    /* Every blocked session goes on, whichever alarm has blocked it: one that must not publish yet
     * is blocked again by its next publish. */
    lv_list_each (it, after, &home->blocked)
        session_unblock(lv_list_item(it, struct session, blocked_link));
}

void sessions_timeouts_changed(struct loop *loop)
{
    struct session *s;
    SESSIONS_EACH(s, loop)
    {
        if (s->frontend->timeouts_changed)
            s->frontend->timeouts_changed(s);
    }
}

void sessions_permissions_changed(struct loop *loop, struct slice user)
{
    struct session *s;
    SESSIONS_EACH(s, loop)
    {
        if (s->state == SESSION_RUNNING && s->frontend->permissions_changed &&
            slice_equal(auth_identity_name(s->identity), user))
            s->frontend->permissions_changed(s);
    }
}

/* --- closing ---------------------------------------------------------------------------------- */

void session_close_for(struct session *s, uint16_t code, const char *format, ...)
{
    struct broker_error why = {.code = code, .closes_connection = true};
    va_list args;
    va_start(args, format);
    vsnprintf(why.text, sizeof why.text, format, args);
    va_end(args);
    s->frontend->close(s, &why);
}

static bool text_matches(struct slice want, struct slice have)
{
    return want.n == 0 || slice_equal(want, have);
}

void sessions_close_matching(struct loop *loop, struct slice vhost, struct slice user,
                             const char *reason)
{
    struct session *s;
    SESSIONS_EACH(s, loop)
    {
        if (text_matches(vhost, session_vhost_name(s)) && text_matches(user, session_user_name(s)))
            session_close_for(s, REPLY_CONNECTION_FORCED, "%s", reason);
    }
}

void sessions_close_all(struct loop *loop, const char *reason)
{
    sessions_close_matching(loop, SLICE_EMPTY, SLICE_EMPTY, reason);
}

/* Returns the session with this id, or NULL. */
static struct session *find(struct loop *loop, uint64_t id)
{
    struct session *s;
    SESSIONS_EACH(s, loop)
    {
        if (s->id == id)
            return s;
    }
    return NULL;
}

bool sessions_close(struct loop *loop, uint64_t id, const char *reason)
{
    struct session *s = find(loop, id);
    if (!s || s->state == SESSION_GONE)
        return false;
    session_close_for(s, REPLY_CONNECTION_FORCED, "%s", reason);
    return true;
}

/* --- changing channels ------------------------------------------------------------------------ */

bool sessions_set_prefetch(struct loop *loop, uint64_t id, uint16_t channel, uint32_t count)
{
    struct session *s = find(loop, id);
    return s && s->state == SESSION_RUNNING && s->frontend->set_prefetch &&
           s->frontend->set_prefetch(s, channel, count);
}

bool sessions_cancel_consumer(struct loop *loop, uint64_t id, uint16_t channel, struct slice tag)
{
    struct session *s = find(loop, id);
    return s && s->state == SESSION_RUNNING && s->frontend->cancel_consumer &&
           s->frontend->cancel_consumer(s, channel, tag);
}

/* --- listings --------------------------------------------------------------------------------- */

struct slice session_vhost_name(const struct session *s)
{
    return s->vhost ? vhost_name(s->vhost) : SLICE_EMPTY;
}

struct slice session_user_name(const struct session *s)
{
    const struct auth_identity *identity = s->first_identity ? s->first_identity : s->identity;
    return identity ? auth_identity_name(identity) : SLICE_EMPTY;
}

void session_get_facts(const struct session *s, struct session_facts *ret)
{
    static const char *const states[] = {
        [SESSION_STARTING] = "starting",
        [SESSION_RUNNING] = "running",
        [SESSION_ENDING] = "closing",
        [SESSION_GONE] = "closed",
    };
    *ret = (struct session_facts){
        .id = s->id,
        .name = slice_str(s->name),
        .user = session_user_name(s),
        .vhost = session_vhost_name(s),
        .peer = &s->peer,
        .protocol = s->frontend->protocol,
        .state = states[s->state],
        .auth_mechanism = slice_str(s->mechanism),
        .client_properties = s->client_properties,
        .tls = s->tls,
        .connected_at_ms = s->connected_at_ms,
    };
    if (s->net) {
        ret->received_bytes = net_received(s->net);
        ret->sent_bytes = net_sent(s->net);
        ret->unwritten_bytes = net_unwritten(s->net);
        ret->reads = net_reads(s->net);
        ret->writes = net_writes(s->net);
    }
    if (s->frontend->add_facts)
        s->frontend->add_facts(s, ret);
    if (s->state == SESSION_RUNNING && session_pressure_state(s))
        ret->state = session_pressure_state(s);
}

/* Returns how many connections and channels were visited. */
static uint64_t session_visit(struct session *s, const struct session_visitor *visitor, void *arg)
{
    struct session_facts facts;
    if (s->state == SESSION_GONE)
        return 1;
    session_get_facts(s, &facts);
    if (visitor->connection)
        visitor->connection(arg, &facts);
    bool wants_channels =
        visitor->channel || visitor->consumer || visitor->delivery || visitor->publish;
    if (wants_channels && s->frontend->visit_channels)
        s->frontend->visit_channels(s, &facts, visitor, arg);
    return 1 + facts.channels;
}

void sessions_visit(struct loop *loop, const struct session_visitor *visitor, void *arg)
{
    struct session *s;
    SESSIONS_EACH(s, loop)
    {
        session_visit(s, visitor, arg);
    }
}

void sessions_walk_begin(struct loop *loop, struct sessions_walk *walk)
{
    struct session_loop *home = loop_of(loop);
    walk->next = home->sessions.next;
    lv_list_init(&walk->link);
    lv_list_push(&home->walks, &walk->link);
}

bool sessions_walk_on(struct loop *loop, struct sessions_walk *walk, unsigned units,
                      const struct session_visitor *visitor, void *arg)
{
    struct lv_list *end = &loop_of(loop)->sessions;
    for (uint64_t spent = 0; spent < units && walk->next != end;) {
        struct session *s = lv_list_item(walk->next, struct session, link);
        walk->next = walk->next->next;
        spent += session_visit(s, visitor, arg);
    }
    return walk->next != end;
}

void sessions_walk_end(struct sessions_walk *walk)
{
    lv_list_remove(&walk->link);
}
