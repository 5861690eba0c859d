/* Which traces there are: a list under a mutex. Reading is done without it, with a reference of the
 * trace: message_lives.c. */
#include "manage/message_traces_private.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"
#include "base/memory.h"
#include "manage/compute_slots.h"
#include "manage/facts.h"
#include "manage/queues.h"
#include "topology/exchange.h"

struct message_traces {
    struct manage *m;
    pthread_mutex_t lock;
    uint64_t next_id;
    struct lv_list all; /* of struct kept_trace, oldest first */
    size_t count;
};

struct message_traces *message_traces_create(struct manage *m)
{
    struct message_traces *traces = lv_calloc(1, sizeof *traces);
    traces->m = m;
    traces->next_id = 1;
    lv_list_init(&traces->all);
    pthread_mutex_init(&traces->lock, NULL);
    return traces;
}

static struct topology *topology_of(struct manage *m)
{
    return &m->broker->topology;
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static struct kept_trace *kept_of(struct lv_list *link)
{
    return lv_list_item(link, struct kept_trace, link);
}

/* The caller holds the lock. */
static void kept_drop(struct message_traces *traces, struct kept_trace *k)
{
    lv_list_remove(&k->link);
    traces->count--;
    lives_free(topology_of(traces->m), &k->trace);
    free((void *)k->vhost.p);
    free((void *)k->user.p);
    free(k);
}

void message_traces_free(struct message_traces **traces)
{
    struct message_traces *t = *traces;
    *traces = NULL;
    if (!t)
        return;
    while (!lv_list_is_empty(&t->all))
        kept_drop(t, kept_of(t->all.next));
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* --- who may ---------------------------------------------------------------------------------- */

static bool check_vhost(const struct actor *actor, struct slice vhost, struct manage_error *error)
{
    return actor_check_rank(actor, ACTOR_MONITORING, error) &&
           actor_check_content(actor, vhost, error);
}

static bool check_payloads(const struct actor *actor, struct slice vhost, bool is_of_queue,
                           struct slice name, struct manage_error *error)
{
    return (is_of_queue ? actor_check_queue : actor_check_exchange)(actor, AUTH_READ, vhost, name,
                                                                    error);
}

static bool refuse_missing(struct manage_error *error, uint64_t id)
{
    return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_NONE, "there is no message trace %llu",
                         (unsigned long long)id);
}

/* --- starting --------------------------------------------------------------------------------- */

static bool is_over(const struct kept_trace *k)
{
    return life_trace_is_over(k->trace, now_us());
}

/* Returns how much the traces may take: those that run what they may, others what they have. */
static size_t bytes_of_all(const struct message_traces *traces)
{
    struct lv_list *it, *after;
    size_t bytes = 0;
    lv_list_each (it, after, (struct lv_list *)&traces->all) {
        const struct kept_trace *k = kept_of(it);
        bytes += is_over(k) ? atomic_load_explicit(&k->trace->budget.bytes, memory_order_relaxed)
                            : k->trace->budget.bytes_max;
    }
    return bytes;
}

/* Ends those whose time is over, and forgets the oldest of them until there is room. The caller
 * holds the lock. */
static bool make_room(struct message_traces *traces, size_t bytes)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &traces->all) {
        struct kept_trace *k = kept_of(it);
        if (!is_over(k))
            continue;
        lives_end(topology_of(traces->m), k->trace);
        if (traces->count >= TRACES_KEPT_MAX || bytes_of_all(traces) + bytes > TRACES_BYTES_MAX)
            kept_drop(traces, k);
    }
    return traces->count < TRACES_KEPT_MAX && bytes_of_all(traces) + bytes <= TRACES_BYTES_MAX;
}

static void keep(struct message_traces *traces, const struct actor *actor,
                 const struct trace_wish *wish, struct life_trace *trace, uint64_t *ret_id)
{
    struct kept_trace *k = lv_calloc(1, sizeof *k);
    k->id = *ret_id = traces->next_id++;
    k->trace = trace;
    k->vhost = slice_copy(wish->vhost);
    k->user = slice_copy(actor->name);
    k->started_ms = clock_wall_ms();
    lv_list_init(&k->link);
    lv_list_push(&traces->all, &k->link);
    traces->count++;
}

static bool begin(struct message_traces *traces, const struct actor *actor,
                  const struct trace_wish *wish, struct vhost *vhost, struct pattern *pattern,
                  uint64_t *ret_id)
{
    const struct life_trace_settings settings = {
        .name = wish->name,
        .is_of_queue = wish->is_of_queue,
        .pattern = pattern,
        .one_in = (uint32_t)wish->one_in,
        .messages_max = (uint32_t)wish->messages,
        .body_bytes = (uint32_t)wish->payload_bytes,
        .seconds = wish->seconds,
        .bytes_max = wish->bytes,
        .now_us = now_us,
    };
    struct life_trace *trace;
    pthread_mutex_lock(&traces->lock);
    bool has_room = make_room(traces, wish->bytes);
    bool has_begun = has_room && lives_begin(topology_of(traces->m), vhost, &settings, &trace);
    if (!has_room)
        pattern_free(&pattern);
    if (has_begun)
        keep(traces, actor, wish, trace, ret_id);
    pthread_mutex_unlock(&traces->lock);
    return has_begun;
}

static void trace_held(struct loop *loop, void *queue)
{
    (void)loop;
    if (!queue_is_deleted(queue))
        queue_trace_held(queue);
}

/* Has the messages traced that are in the queue already. */
static int include_held(struct manage *m, struct queue **queue)
{
    int err = manage_await_messages(m);
    if (err == 0)
        err = ask_loop(m->asker, queue_home(*queue), trace_held, *queue);
    queue_unref(queue);
    return err;
}

/* Returns whether the exchange or queue exists. *ret is a reference of the queue. */
static bool find_traced(struct manage *m, const struct trace_wish *wish, struct vhost *vhost,
                        struct queue **ret, struct manage_error *error)
{
    struct broker_error told;
    if (wish->is_of_queue) {
        *ret = manage_queue(m, wish->vhost, wish->name, error);
        return *ret != NULL;
    }
    if (exchange_find(vhost, wish->name))
        return true;
    exchange_refuse_missing(wish->name, vhost, &told);
    return manage_refuse_as_broker(error, SUBJECT_EXCHANGE, &told);
}

static bool compile(const struct trace_wish *wish, struct pattern **ret, struct manage_error *error)
{
    struct lv_buffer reason = {0};
    bool is_valid = wish->pattern.n == 0 || pattern_compile(wish->pattern, ret, &reason) == 0;
    if (!is_valid)
        manage_refuse(error, REFUSAL_PRECONDITION, SUBJECT_PATTERN, "routing_key: %.*s",
                      SLICE_ARG(lv_buffer_slice(&reason)));
    lv_buffer_free(&reason);
    return is_valid;
}

bool message_trace_start(struct manage *m, const struct actor *actor, const struct trace_wish *wish,
                         uint64_t *ret_id, struct manage_error *error)
{
    struct queue *queue = NULL;
    struct pattern *pattern = NULL;
    if (!check_vhost(actor, wish->vhost, error) ||
        (wish->payload_bytes > 0 &&
         !check_payloads(actor, wish->vhost, wish->is_of_queue, wish->name, error)))
        return false;
    struct vhost *vhost = manage_vhost(m, wish->vhost, error);
    if (!vhost || !find_traced(m, wish, vhost, &queue, error))
        return false;
    bool has_begun = compile(wish, &pattern, error);
    if (has_begun && !begin(m->traces, actor, wish, vhost, pattern, ret_id))
        has_begun = manage_refuse(error, REFUSAL_LIMIT, SUBJECT_NONE,
                                  "%d message traces run already, or they need too much memory",
                                  LIFE_TRACES_MAX);
    if (has_begun)
        actor_log(actor, "message trace %llu of %s '%.*s' in vhost '%.*s' is started, for %llu s",
                  (unsigned long long)*ret_id, wish->is_of_queue ? "queue" : "exchange",
                  SLICE_ARG(wish->name), SLICE_ARG(wish->vhost), (unsigned long long)wish->seconds);
    int err = 0;
    if (has_begun && queue)
        err = include_held(m, &queue);
    else if (queue)
        queue_unref(&queue);
    return has_begun && manage_end(error, err);
}

/* --- what there is ---------------------------------------------------------------------------- */

/* Returns the trace of this number, or NULL. The caller holds the lock. */
static struct kept_trace *find(struct message_traces *traces, uint64_t id)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &traces->all) {
        if (kept_of(it)->id == id)
            return kept_of(it);
    }
    return NULL;
}

static void facts_fill(const struct kept_trace *k, struct trace_facts *ret)
{
    const struct life_trace *t = k->trace;
    uint64_t now = now_us();
    uint64_t ended_us = atomic_load_explicit(&t->ended_us, memory_order_relaxed);
    bool is_running = !life_trace_is_over(t, now);
    uint64_t until_us = ended_us ? ended_us : is_running ? now : t->ends_us;
    *ret = (struct trace_facts){
        .id = k->id,
        .vhost = k->vhost,
        .name = t->settings.name,
        .pattern = t->settings.pattern ? pattern_text(t->settings.pattern) : SLICE_EMPTY,
        .user = k->user,
        .is_of_queue = t->settings.is_of_queue,
        .is_running = is_running,
        .seconds = t->settings.seconds,
        .messages = t->settings.messages_max,
        .one_in = t->settings.one_in,
        .payload_bytes = t->settings.body_bytes,
        .bytes = t->budget.bytes_max,
        .started_ms = k->started_ms,
        .run_ms = (until_us - t->begun_us) / 1000,
        .seen = atomic_load_explicit(&t->seen, memory_order_relaxed),
        .fitting = atomic_load_explicit(&t->fitting, memory_order_relaxed),
        .followed = atomic_load_explicit(&t->followed, memory_order_relaxed),
        .records = atomic_load_explicit(&t->budget.written, memory_order_relaxed),
        .overwritten = atomic_load_explicit(&t->budget.overwritten, memory_order_relaxed),
        .memory = atomic_load_explicit(&t->budget.bytes, memory_order_relaxed),
    };
}

static struct trace_facts *facts_of(const struct kept_trace *k)
{
    struct trace_facts f;
    facts_fill(k, &f);
    return FACTS_COPY(&f, &f.vhost, &f.name, &f.pattern, &f.user);
}

void message_traces_list(struct manage *m, const struct actor *actor, struct listing *ret)
{
    struct lv_list *it, *after;
    struct listing all = {0};
    *ret = (struct listing){0};
    pthread_mutex_lock(&m->traces->lock);
    lv_list_each (it, after, &m->traces->all)
        listing_add(&all, facts_of(kept_of(it)));
    pthread_mutex_unlock(&m->traces->lock);
    for (size_t i = all.count; i-- > 0;) { /* this may wait for a backend, so no lock is held */
        struct manage_error hidden = {0};
        const struct trace_facts *f = all.rows[i];
        if (check_vhost(actor, f->vhost, &hidden))
            listing_add(ret, all.rows[i]);
        else
            free(all.rows[i]);
        manage_error_free(&hidden);
    }
    all.count = 0;
    listing_free(&all);
}

struct trace_facts *message_trace_find(struct manage *m, const struct actor *actor, uint64_t id,
                                       struct manage_error *error)
{
    pthread_mutex_lock(&m->traces->lock);
    struct kept_trace *k = find(m->traces, id);
    struct trace_facts *f = k ? facts_of(k) : NULL;
    pthread_mutex_unlock(&m->traces->lock);
    if (!f)
        refuse_missing(error, id);
    if (f && check_vhost(actor, f->vhost, error))
        return f;
    free(f);
    return NULL;
}

bool message_trace_stop(struct manage *m, const struct actor *actor, uint64_t id, bool forgets,
                        struct manage_error *error)
{
    struct trace_facts *f = message_trace_find(m, actor, id, error);
    if (!f)
        return false;
    free(f);
    pthread_mutex_lock(&m->traces->lock);
    struct kept_trace *k = find(m->traces, id);
    if (k && forgets)
        kept_drop(m->traces, k);
    else if (k)
        lives_end(topology_of(m), k->trace);
    pthread_mutex_unlock(&m->traces->lock);
    actor_log(actor, "message trace %llu is %s", (unsigned long long)id,
              forgets ? "forgotten" : "stopped");
    return true;
}

bool message_trace_open(struct manage *m, const struct actor *actor, uint64_t id,
                        struct open_trace *ret, struct manage_error *error)
{
    struct trace_facts *f = message_trace_find(m, actor, id, error);
    struct manage_error hidden = {0};
    if (!f)
        return false;
    ret->shows_payloads =
        f->payload_bytes > 0 && check_payloads(actor, f->vhost, f->is_of_queue, f->name, &hidden);
    manage_error_free(&hidden);
    ret->started_ms = f->started_ms;
    free(f);
    compute_slot_take();
    pthread_mutex_lock(&m->traces->lock);
    struct kept_trace *k = find(m->traces, id);
    ret->trace = k ? k->trace : NULL;
    if (k)
        lv_rcu_ref(&k->trace->refs);
    pthread_mutex_unlock(&m->traces->lock);
    return ret->trace || refuse_missing(error, id);
}

void message_trace_close(struct open_trace *open)
{
    lv_rcu_unref(&open->trace->refs);
    open->trace = NULL;
}
