/* Connections, channels and consumers: gathering their facts, closing connections. */
#include "manage/connections.h"

#include <stdlib.h>
#include <string.h>

#include "base/counters.h"
#include "base/error.h"
#include "base/memory.h"
#include "manage/columns.h"
#include "manage/facts.h"
#include "manage/session_walks.h"
#include "queue/consumer_arguments.h"
#include "session/session.h"
#include "wire/table.h"

/* --- gathering -------------------------------------------------------------------------------- */

/* Each loop fills in a listing of its own; afterwards these are joined. */
struct visit {
    const struct session_choice *choice;
    struct listing found;
};

static bool is_any_or(const struct slice *wanted, struct slice name)
{
    return !wanted || slice_equal(*wanted, name);
}

static bool is_chosen(const struct visit *v, const struct session_facts *c)
{
    const struct session_choice *choice = v->choice;
    return (choice->id == 0 || choice->id == c->id) && is_any_or(choice->vhost, c->vhost) &&
           is_any_or(choice->user, c->user) && is_any_or(choice->connection, c->name);
}

static void visit_connection(void *arg, const struct session_facts *c)
{
    struct visit *v = arg;
    if (!is_chosen(v, c))
        return;
    struct connection_facts f = {
        .id = c->id,
        .name = c->name,
        .user = c->user,
        .vhost = c->vhost,
        .peer = *c->peer,
        .protocol = c->protocol,
        .state = c->state,
        .auth_mechanism = c->auth_mechanism,
        .client_properties = c->client_properties,
        .tls = c->tls,
        .channels = c->channels,
        .channel_max = c->channel_max,
        .frame_bytes_max = c->frame_bytes_max,
        .heartbeat_s = c->heartbeat_s,
        .connected_at_ms = c->connected_at_ms,
        .received_bytes = c->received_bytes,
        .sent_bytes = c->sent_bytes,
        .unwritten_bytes = c->unwritten_bytes,
        .reads = c->reads,
        .writes = c->writes,
    };
    listing_add(&v->found,
                FACTS_COPY(&f, &f.name, &f.user, &f.vhost, &f.auth_mechanism, &f.client_properties,
                           &f.tls.protocol, &f.tls.key_exchange, &f.tls.cipher, &f.tls.hash,
                           &f.tls.cert_subject, &f.tls.cert_issuer, &f.tls.cert_validity));
}

/* Returns what the client calls its connection, or nothing. */
static struct slice client_name(const struct session_facts *c)
{
    struct slice name = SLICE_EMPTY;
    table_find_string(c->client_properties, "connection_name", &name);
    return name;
}

/* Appends a channel's name. */
static void append_channel_name(struct lv_buffer *out, const struct session_channel_facts *c)
{
    lv_buffer_printf(out, "%.*s (%u)", SLICE_ARG(c->connection->name), c->number);
}

static void visit_channel(void *arg, const struct session_channel_facts *c)
{
    struct visit *v = arg;
    if (!is_chosen(v, c->connection))
        return;
    struct lv_buffer name = {0};
    append_channel_name(&name, c);
    struct channel_facts f = {
        .connection = c->connection->id,
        .number = c->number,
        .name = lv_buffer_slice(&name),
        .connection_name = c->connection->name,
        .client_name = client_name(c->connection),
        .user = c->connection->user,
        .vhost = c->connection->vhost,
        .peer = *c->connection->peer,
        .consumers = c->consumers,
        .unacknowledged = c->unacknowledged,
        .unconfirmed = c->unconfirmed,
        .uncommitted = c->uncommitted,
        .acks_uncommitted = c->acks_uncommitted,
        .prefetch_count = c->prefetch_count,
        .global_prefetch_count = c->global_prefetch_count,
        .is_transactional = c->is_transactional,
        .is_confirming = c->is_confirming,
        .counts = c->counts,
    };
    if (is_any_or(v->choice->channel, f.name))
        listing_add(&v->found,
                    FACTS_COPY(&f, &f.name, &f.connection_name, &f.client_name, &f.user, &f.vhost));
    lv_buffer_free(&name);
}

static void visit_consumer(void *arg, const struct session_consumer_facts *c)
{
    struct visit *v = arg;
    if (!is_chosen(v, c->channel->connection) || !is_any_or(v->choice->queue, c->queue))
        return;
    struct lv_buffer name = {0};
    append_channel_name(&name, c->channel);
    struct consumer_facts f = {
        .connection = c->channel->connection->id,
        .channel = c->channel->number,
        .channel_name = lv_buffer_slice(&name),
        .connection_name = c->channel->connection->name,
        .client_name = client_name(c->channel->connection),
        .user = c->channel->connection->user,
        .vhost = c->channel->connection->vhost,
        .peer = *c->channel->connection->peer,
        .queue = c->queue,
        .tag = c->tag,
        .no_ack = c->no_ack,
        .exclusive = c->exclusive,
        .is_active = c->is_active,
        .activity = c->activity,
        .prefetch_count = c->prefetch_count,
        .unacknowledged = c->unacknowledged,
        .priority = c->priority,
        .arguments = c->arguments,
    };
    if (is_any_or(v->choice->channel, f.channel_name))
        listing_add(&v->found, FACTS_COPY(&f, &f.channel_name, &f.connection_name, &f.client_name,
                                          &f.user, &f.vhost, &f.queue, &f.tag, &f.arguments));
    lv_buffer_free(&name);
}

/* Adds what a channel did with this queue or exchange; the other one is empty. */
static void add_traffic(struct visit *v, const struct session_channel_facts *channel,
                        struct slice queue, struct slice exchange,
                        const struct channel_counts *counts)
{
    const struct session_facts *connection = channel->connection;
    const struct session_choice *choice = v->choice;
    if (!is_chosen(v, connection) || !is_any_or(choice->queue, queue) ||
        !is_any_or(choice->exchange, exchange))
        return;
    struct lv_buffer name = {0};
    append_channel_name(&name, channel);
    struct traffic_facts f = {
        .connection = connection->id,
        .channel = channel->number,
        .channel_name = lv_buffer_slice(&name),
        .connection_name = connection->name,
        .client_name = client_name(connection),
        .user = connection->user,
        .vhost = connection->vhost,
        .queue = queue,
        .exchange = exchange,
        .peer = *connection->peer,
        .counts = *counts,
    };
    if (is_any_or(choice->channel, f.channel_name))
        listing_add(&v->found, FACTS_COPY(&f, &f.channel_name, &f.connection_name, &f.client_name,
                                          &f.user, &f.vhost, &f.queue, &f.exchange));
    lv_buffer_free(&name);
}

static void visit_delivery(void *arg, const struct session_delivery_facts *d)
{
    add_traffic(arg, d->channel, d->queue, SLICE_EMPTY, &d->counts);
}

static void visit_publish(void *arg, const struct session_publish_facts *p)
{
    add_traffic(arg, p->channel, SLICE_EMPTY, p->exchange, &p->counts);
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int connections_in_order(const void *a, const void *b)
{
    const struct connection_facts *p = *(struct connection_facts *const *)a;
    const struct connection_facts *q = *(struct connection_facts *const *)b;
    return compare_numbers(p->id, q->id);
}

static int channels_in_order(const void *a, const void *b)
{
    const struct channel_facts *p = *(struct channel_facts *const *)a;
    const struct channel_facts *q = *(struct channel_facts *const *)b;
    int order = compare_numbers(p->connection, q->connection);
    return order ? order : compare_numbers(p->number, q->number);
}

static int consumers_in_order(const void *a, const void *b)
{
    const struct consumer_facts *p = *(struct consumer_facts *const *)a;
    const struct consumer_facts *q = *(struct consumer_facts *const *)b;
    int order = compare_numbers(p->connection, q->connection);
    if (order == 0)
        order = compare_numbers(p->channel, q->channel);
    return order ? order : slice_compare(p->tag, q->tag);
}

static int traffic_in_order(const void *a, const void *b)
{
    const struct traffic_facts *p = *(struct traffic_facts *const *)a;
    const struct traffic_facts *q = *(struct traffic_facts *const *)b;
    int order = compare_numbers(p->connection, q->connection);
    if (order == 0)
        order = compare_numbers(p->channel, q->channel);
    if (order == 0)
        order = slice_compare(p->queue, q->queue);
    return order ? order : slice_compare(p->exchange, q->exchange);
}

/* Several consumers of a channel may be of the same queue: their rows, which are neighbours, are
 * added up. */
static void traffic_merge(struct listing *l)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct traffic_facts *last = kept > 0 ? l->rows[kept - 1] : NULL, *f = l->rows[i];
        if (!last || traffic_in_order(&last, &f) != 0) {
            l->rows[kept++] = f;
            continue;
        }
#define COUNT_ADD(name) last->counts.name += f->counts.name;
        CHANNEL_COUNTS(COUNT_ADD)
#undef COUNT_ADD
        free(f);
    }
    l->count = kept;
}

static const struct column no_columns[] = {COLUMNS_END};

/* How the listings differ. */
struct kind {
    const struct column *columns;
    struct session_visitor visitor;
    int (*in_order)(const void *a, const void *b);
};

static const struct kind kinds[] = {
    [SESSION_CONNECTIONS] = {connection_columns,
                             {.connection = visit_connection},
                             connections_in_order},
    [SESSION_CHANNELS] = {channel_columns, {.channel = visit_channel}, channels_in_order},
    [SESSION_CONSUMERS] = {consumer_columns, {.consumer = visit_consumer}, consumers_in_order},
    [SESSION_DELIVERIES] = {no_columns, {.delivery = visit_delivery}, traffic_in_order},
    [SESSION_PUBLISHES] = {no_columns, {.publish = visit_publish}, traffic_in_order},
};

/* Narrows the choice to what the actor may see. Returns false if that is nothing. */
static bool choice_narrow(struct session_choice *choice, const struct actor *actor)
{
    struct manage_error ignored = {0};
    bool sees_all = actor_check_rank(actor, ACTOR_MONITORING, &ignored);
    manage_error_free(&ignored);
    if (sees_all)
        return true;
    bool is_own = is_any_or(choice->user, actor->name);
    choice->user = &actor->name;
    return is_own;
}

bool manage_list_sessions(struct manage *m, const struct actor *actor, enum session_kind kind,
                          const struct session_choice *choice, struct listing *ret,
                          struct manage_error *error)
{
    struct session_choice narrowed = *choice;
    *ret = (struct listing){.columns = kinds[kind].columns};
    if (!actor_check_rank(actor, ACTOR_MANAGEMENT, error))
        return false;
    if (!choice_narrow(&narrowed, actor))
        return true;
    struct visit visits[LOOPS_MAX] = {0};
    void *args[LOOPS_MAX];
    for (unsigned i = 0; i < LOOPS_MAX; i++) {
        visits[i].choice = &narrowed;
        args[i] = &visits[i];
    }
    int err = manage_visit_sessions(m, &kinds[kind].visitor, args);
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        listing_join(ret, &visits[i].found);
    if (err < 0)
        listing_free(ret);
    listing_sort_by(ret, kinds[kind].in_order);
    if (kind == SESSION_DELIVERIES)
        traffic_merge(ret);
    return manage_end(error, err);
}

bool manage_list_connections(struct manage *m, const struct actor *actor, const struct slice *vhost,
                             struct listing *ret, struct manage_error *error)
{
    const struct session_choice choice = {.vhost = vhost};
    return manage_list_sessions(m, actor, SESSION_CONNECTIONS, &choice, ret, error);
}

bool manage_list_channels(struct manage *m, const struct actor *actor, const struct slice *vhost,
                          struct listing *ret, struct manage_error *error)
{
    const struct session_choice choice = {.vhost = vhost};
    return manage_list_sessions(m, actor, SESSION_CHANNELS, &choice, ret, error);
}

bool manage_list_consumers(struct manage *m, const struct actor *actor, const struct slice *vhost,
                           struct listing *ret, struct manage_error *error)
{
    const struct session_choice choice = {.vhost = vhost};
    return manage_list_sessions(m, actor, SESSION_CONSUMERS, &choice, ret, error);
}

/* --- closing ---------------------------------------------------------------------------------- */

struct closing {
    uint64_t id;
    struct slice vhost, user;
    const char *reason;
    _Atomic uint64_t closed;
};

static void close_one_on_loop(struct loop *loop, void *arg)
{
    struct closing *c = arg;
    if (sessions_close(loop, c->id, c->reason))
        atomic_fetch_add_explicit(&c->closed, 1, memory_order_relaxed);
}

bool manage_close_connection(struct manage *m, const struct actor *actor, uint64_t id,
                             const char *reason, bool *ret_closed, struct manage_error *error)
{
    struct closing c = {.id = id, .reason = reason};
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    if (!manage_end(error, ask_every_loop(m->asker, close_one_on_loop, &c)))
        return false;
    *ret_closed = c.closed > 0;
    actor_log(actor, "connection %llu is closed: %s", (unsigned long long)id, reason);
    return true;
}

/* A connection that is looked for by its name. */
struct naming {
    struct slice name;
    pthread_mutex_t lock; /* for what follows: the first that is found */
    uint64_t id;          /* 0: none */
    char *user;           /* owned */
};

static void note_if_named(void *arg, const struct session_facts *facts)
{
    struct naming *n = arg;
    if (!slice_equal(facts->name, n->name))
        return;
    pthread_mutex_lock(&n->lock);
    if (!n->id) {
        n->id = facts->id;
        n->user = slice_strdup(facts->user);
    }
    pthread_mutex_unlock(&n->lock);
}

static void find_named_on_loop(struct loop *loop, void *arg)
{
    sessions_visit(loop, &(struct session_visitor){.connection = note_if_named}, arg);
}

/* Closes the connection that was found. */
static bool close_named(struct manage *m, const struct actor *actor, const struct naming *n,
                        const char *reason, struct manage_error *error)
{
    struct closing c = {.id = n->id, .reason = reason};
    if (!n->id)
        return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_NONE, "Connection not found");
    bool is_own = actor->identity && slice_is(actor->name, n->user);
    if (!is_own && !actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    if (!manage_end(error, ask_every_loop(m->asker, close_one_on_loop, &c)))
        return false;
    actor_log(actor, "connection %.*s is closed: %s", SLICE_ARG(n->name), reason);
    return true;
}

bool manage_close_connection_named(struct manage *m, const struct actor *actor, struct slice name,
                                   const char *reason, struct manage_error *error)
{
    struct naming n = {.name = name, .lock = PTHREAD_MUTEX_INITIALIZER};
    bool is_done = actor_check_rank(actor, ACTOR_MANAGEMENT, error) &&
                   manage_end(error, ask_every_loop(m->asker, find_named_on_loop, &n)) &&
                   close_named(m, actor, &n, reason, error);
    free(n.user);
    return is_done;
}

static bool closing_matches(const struct closing *c, const struct session_facts *facts)
{
    return (c->vhost.n == 0 || slice_equal(c->vhost, facts->vhost)) &&
           (c->user.n == 0 || slice_equal(c->user, facts->user)) &&
           strcmp(facts->state, "closing") != 0;
}

static void count_matching(void *arg, const struct session_facts *facts)
{
    struct closing *c = arg;
    if (closing_matches(c, facts))
        atomic_fetch_add_explicit(&c->closed, 1, memory_order_relaxed);
}

static void close_matching_on_loop(struct loop *loop, void *arg)
{
    struct closing *c = arg;
    sessions_visit(loop, &(struct session_visitor){.connection = count_matching}, c);
    sessions_close_matching(loop, c->vhost, c->user, c->reason);
}

bool manage_close_connections(struct manage *m, const struct actor *actor, struct slice vhost,
                              struct slice user, const char *reason, uint64_t *ret_closed,
                              struct manage_error *error)
{
    struct closing c = {.vhost = vhost, .user = user, .reason = reason};
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    if (!manage_end(error, ask_every_loop(m->asker, close_matching_on_loop, &c)))
        return false;
    *ret_closed = c.closed;
    actor_log(actor, "%llu connections are closed: %s", (unsigned long long)*ret_closed, reason);
    return true;
}

int connections_close(struct manage *m, struct slice vhost, struct slice user, const char *reason)
{
    struct closing c = {.vhost = vhost, .user = user, .reason = reason};
    return ask_every_loop(m->asker, close_matching_on_loop, &c);
}

static void recheck_on_loop(struct loop *loop, void *arg)
{
    sessions_permissions_changed(loop, *(const struct slice *)arg);
}

int connections_recheck(struct manage *m, struct slice user)
{
    return ask_every_loop(m->asker, recheck_on_loop, &user);
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* The counters of the threads are read one after the other, so the end of a connection may be
 * counted before its beginning. */
uint64_t manage_count_connections(const struct manage *m)
{
    struct counters c;
    (void)m;
    counters_read(&c);
    return c.connections_opened > c.connections_closed ? c.connections_opened - c.connections_closed
                                                       : 0;
}

const char *manage_version(const struct manage *m)
{
    return m->sessions->settings.version;
}

/* --- columns ---------------------------------------------------------------------------------- */

#define F struct connection_facts
#define COLUMN_OF(column) connection_##column
CONNECTION_COLUMNS(COLUMN_VALUE)
const struct column connection_columns[] = {CONNECTION_COLUMNS(COLUMN_ROW) COLUMNS_END};
#undef F
#undef COLUMN_OF

#define F struct channel_facts
#define COLUMN_OF(column) channel_##column
CHANNEL_COLUMNS(COLUMN_VALUE)
const struct column channel_columns[] = {CHANNEL_COLUMNS(COLUMN_ROW) COLUMNS_END};
#undef F
#undef COLUMN_OF

#define F struct consumer_facts
#define COLUMN_OF(column) consumer_##column
CONSUMER_COLUMNS(COLUMN_VALUE)
const struct column consumer_columns[] = {CONSUMER_COLUMNS(COLUMN_ROW) COLUMNS_END};
