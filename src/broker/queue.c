#include "broker/queue.h"

#include <stdlib.h>

#include "base/memory.h"
#include "broker/events.h"
#include "broker/pager.h"
#include "broker/persist.h"
#include "broker/vhost.h"
#include "store/definitions.h"

/* --- its life ------------------------------------------------------------------------------- */

static struct slice bytes_copy(struct slice s)
{
    return s.n ? slice_of(memcpy(lv_malloc(s.n), s.p, s.n), s.n) : SLICE_EMPTY;
}

static void queue_run_deliveries(struct loop *loop, struct loop_task *task);

static struct queue *queue_create(struct vhost *vhost, struct loop *home, struct slice name,
                                  struct queue_flags flags, struct slice argument_table)
{
    struct queue *q = lv_calloc(1, sizeof *q);
    q->magic = QUEUE_MAGIC;
    atomic_init(&q->refs, 1); /* the name's */
    destination_init(&q->destination, DESTINATION_QUEUE, bytes_copy(name), flags.durable);
    q->by_name.key = q->destination.name;
    vhost_ref(vhost);
    q->vhost = vhost;
    q->home = home;
    q->flags = flags;
    q->argument_table = bytes_copy(argument_table);
    backlog_init(&q->backlog);
    lv_list_init(&q->consumers);
    lv_list_init(&q->ready_consumers);
    lv_list_init(&q->owner_link);
    lv_list_init(&q->waiting_calls);
    lv_list_init(&q->dirty_link);
    lv_list_init(&q->retry_link);
    q->id = atomic_fetch_add(&vhost->broker->next_queue_id, 1);
    loop_task_init(&q->delivery_run, queue_run_deliveries);
    return q;
}

static void queue_free(struct queue *q)
{
    lv_assert(q->magic == QUEUE_MAGIC);
    q->magic = 0;
    backlog_free(&q->backlog);
    pager_free(&q->pager);
    vhost_unref(&q->vhost);
    free((void *)q->destination.name.p);
    free((void *)q->argument_table.p);
    free(q);
}

struct queue *queue_ref(struct queue *q)
{
    atomic_fetch_add_explicit(&q->refs, 1, memory_order_relaxed);
    return q;
}

static void free_mail(struct loop *at, struct mail *mail)
{
    struct queue *q = mail->a;
    loop_unschedule(at, &q->delivery_run);
    queue_free(q);
}

/* Every loop has passed a quiescent state: whoever had found the queue by its name or in a route has
 * sent its mail. Mail to the home now comes behind all of that. */
static void queue_after_grace(struct lv_rcu_head *head)
{
    struct queue *q = lv_container_of(head, struct queue, rcu);
    struct mail mail = {.deliver = free_mail, .a = q};
    loop_mail_from_outside(q->home, &mail);
}

void queue_unref(struct queue **queue)
{
    struct queue *q = *queue;
    *queue = NULL;
    if (atomic_fetch_sub_explicit(&q->refs, 1, memory_order_acq_rel) == 1)
        lv_rcu_defer(&q->rcu, queue_after_grace);
}

/* --- names ----------------------------------------------------------------------------------- */

struct queue *queue_find(struct vhost *vhost, struct slice name)
{
    struct lv_table_node *node = lv_table_find(vhost->queues, name);
    return node ? lv_container_of(node, struct queue, by_name) : NULL;
}

bool queue_refuse_missing(struct slice name, struct vhost *vhost, struct broker_error *error)
{
    return broker_refuse(error, 404, "no queue '%.*s' in vhost '%.*s'", SLICE_ARG(name),
                         SLICE_ARG(vhost_name(vhost)));
}

static bool refuse_locked(const struct queue *q, struct broker_error *error)
{
    return broker_refuse(
        error, 405,
        "cannot obtain exclusive access to locked queue '%.*s' in vhost '%.*s'. It "
        "could be originally declared on another connection or the exclusive "
        "property value does not match that of the original declaration.",
        SLICE_ARG(queue_name(q)), SLICE_ARG(vhost_name(q->vhost)));
}

bool queue_check_access(const struct queue *q, uint64_t connection_id, struct broker_error *error)
{
    if (q->exclusive_owner == 0 || q->exclusive_owner == connection_id)
        return true;
    return refuse_locked(q, error);
}

/* Whether a declaration of a queue that is there may stand. */
static bool check_redeclaration(const struct queue *q, const struct queue_declaration *d,
                                struct broker_error *error)
{
    if (!queue_check_access(q, d->connection_id, error))
        return false;
    if (d->passive)
        return true;
    if (d->flags.exclusive != (q->exclusive_owner != 0))
        return refuse_locked(q, error);
    return queue_is_equivalent(q->flags, q->argument_table, d->flags, d->arguments, d->name,
                               vhost_name(q->vhost), error);
}

static bool is_reserved(const struct queue_declaration *d)
{
    return !d->is_generated && slice_begins(d->name, "amq.");
}

static struct loop *choose_home(struct broker *broker, struct loop *loop,
                                const struct queue_declaration *d)
{
    if (d->flags.exclusive)
        return loop;
    uint64_t turn = atomic_fetch_add_explicit(&broker->next_queue_home, 1, memory_order_relaxed);
    return loops_at(broker->loops, (unsigned)(turn % loops_count(broker->loops)));
}

struct commit_wait {
    struct queue *queue; /* referenced */
    struct durable_done done;
};

static void committed_mail(struct loop *at, struct mail *mail)
{
    struct queue *q = mail->a;
    persist_queue_committed(at, mail->c == 0);
    queue_unref(&q);
}

/* On the definitions' thread. What waits for the queue hears of it first: a confirm for a message
 * must not depend on a definition that a crash could take back. */
static void queue_is_committed(void *arg, int error)
{
    struct commit_wait *wait = arg;
    struct queue *q = wait->queue;
    struct durable_done done = wait->done;
    atomic_store(&q->is_committed, true);
    struct mail mail = {.deliver = committed_mail, .a = q, .c = error < 0};
    loop_mail_from_outside(q->home, &mail);
    free(wait);
    if (done.fn)
        done.fn(done.arg, error);
}

static enum change_result store_queue(struct queue *q, struct durable_done done)
{
    struct definitions *definitions = q->vhost->broker->definitions;
    atomic_store(&q->is_committed, true);
    if (!q->flags.durable || q->flags.exclusive || !definitions)
        return CHANGE_DONE;
    atomic_store(&q->is_committed, false);
    struct definition_queue row = {
        .vhost = vhost_name(q->vhost),
        .name = queue_name(q),
        .id = q->id,
        .is_auto_delete = q->flags.auto_delete,
        .arguments = q->argument_table,
    };
    struct commit_wait *wait = lv_malloc(sizeof *wait);
    *wait = (struct commit_wait){queue_ref(q), done};
    definitions_submit(definitions, definition_put_queue(&row), queue_is_committed, wait);
    return done.fn ? CHANGE_PENDING : CHANGE_DONE;
}

/* The lock is held, and there is no queue of this name. */
static enum change_result declare_new(struct loop *loop, struct vhost *vhost,
                                      const struct queue_declaration *d, struct durable_done done,
                                      struct broker_error *error, struct queue **ret)
{
    struct queue_arguments arguments;
    if (!queue_arguments_read(d->arguments, d->flags, d->name, vhost_name(vhost), &arguments,
                              error))
        return CHANGE_REFUSED;
    struct queue *q =
        queue_create(vhost, choose_home(vhost->broker, loop, d), d->name, d->flags, d->arguments);
    if (!queue_arguments_read(q->argument_table, q->flags, d->name, vhost_name(vhost),
                              &q->arguments, error))
        lv_unreachable();
    if (d->flags.exclusive)
        q->exclusive_owner = d->connection_id;
    /* No generation moves: no route that is kept says that a queue is not there. */
    lv_table_insert(vhost->queues, &q->by_name);
    event_queue_created(q);
    *ret = q;
    return store_queue(q, done);
}

static enum change_result declare_locked(struct loop *loop, struct vhost *vhost,
                                         const struct queue_declaration *d,
                                         struct durable_done done, struct broker_error *error,
                                         struct queue **ret, bool *ret_created)
{
    struct queue *q = queue_find(vhost, d->name);
    *ret_created = false;
    if (q) {
        *ret = q;
        return check_redeclaration(q, d, error) ? CHANGE_DONE : CHANGE_REFUSED;
    }
    if (d->passive || atomic_load(&vhost->is_deleted)) {
        queue_refuse_missing(d->name, vhost, error);
        return CHANGE_REFUSED;
    }
    *ret_created = true;
    return declare_new(loop, vhost, d, done, error, ret);
}

enum change_result queue_declare(struct loop *loop, struct vhost *vhost,
                                 const struct queue_declaration *d, struct durable_done done,
                                 struct broker_error *error, struct queue **ret, bool *ret_created)
{
    if (!d->passive && is_reserved(d)) {
        broker_refuse(error, 403, "queue name '%.*s' contains reserved prefix 'amq.*'",
                      SLICE_ARG(d->name));
        return CHANGE_REFUSED;
    }
    topology_lock(vhost->broker);
    enum change_result result = declare_locked(loop, vhost, d, done, error, ret, ret_created);
    topology_unlock(vhost->broker);
    return result;
}

struct queue *queue_restore(struct vhost *vhost, struct slice name, struct queue_flags flags,
                            struct slice arguments, uint64_t id)
{
    struct queue_declaration d = {.name = name, .flags = flags, .arguments = arguments};
    struct broker *broker = vhost->broker;
    struct queue *q = queue_create(vhost, choose_home(broker, NULL, &d), name, flags, arguments);
    q->id = id;
    atomic_store(&q->is_committed, true);
    if (atomic_load(&broker->next_queue_id) <= id)
        atomic_store(&broker->next_queue_id, id + 1);
    struct broker_error error;
    if (!queue_arguments_read(q->argument_table, flags, name, vhost_name(vhost), &q->arguments,
                              &error)) {
        /* Written by a version that knew more: keep the queue, without what we do not know. */
        q->arguments = (struct queue_arguments){0};
        if (!queue_arguments_read(SLICE_EMPTY, flags, name, vhost_name(vhost), &q->arguments,
                                  &error))
            lv_unreachable();
    }
    topology_lock(broker);
    lv_table_insert(vhost->queues, &q->by_name);
    topology_unlock(broker);
    return q;
}

/* --- deliveries: home ------------------------------------------------------------------------ */

/* Into the list of those who can take a message: behind everybody of its priority. */
static void ready_insert(struct queue *q, struct consumer *c)
{
    struct lv_list *at = &q->ready_consumers;
    while (at->prev != &q->ready_consumers &&
           lv_list_item(at->prev, struct consumer, ready_link)->priority < c->priority)
        at = at->prev;
    lv_list_insert_before(at, &c->ready_link);
}

/* The consumer whose turn it is, with a place of its channel's limit taken; NULL when none can. */
static struct consumer *next_consumer(struct queue *q)
{
    while (!lv_list_is_empty(&q->ready_consumers)) {
        struct consumer *c = lv_list_item(q->ready_consumers.next, struct consumer, ready_link);
        if (consumer_take_place(c))
            return c;
        lv_list_remove(&c->ready_link);
    }
    return NULL;
}

/* It has got its message: to the end of the line, or out of it. */
static void after_turn(struct queue *q, struct consumer *c)
{
    if (!consumer_has_room(c)) {
        lv_list_remove(&c->ready_link);
        return;
    }
    if (c->ready_link.next == c->ready_link.prev)
        return; /* alone */
    lv_list_remove(&c->ready_link);
    ready_insert(q, c);
}

static void count_delivery(struct queue *q, const struct consumer *c, bool redelivered)
{
    if (c->no_ack)
        q->counters.delivered_no_ack++;
    else
        q->counters.delivered++;
    q->counters.redelivered += redelivered;
}

static void hand_over(struct queue *q, struct consumer *c, struct message *m, uint64_t sequence,
                      bool redelivered)
{
    struct delivery d = {
        .exchange = message_exchange(m),
        .routing_key = message_routing_key(m),
        .header = message_header(m),
        .body = message_body(m),
        .message = m,
        .sequence = sequence,
        .redelivered = redelivered,
    };
    c->unacked += !c->no_ack;
    count_delivery(q, c, redelivered);
    consumer_deliver(c, &d);
    after_turn(q, c);
}

/* A message has left the queue for good: the store hears of it. */
static void message_left(struct queue *q, const struct backlog_left *left)
{
    if (left->is_persistent)
        persist_settle(q, left->sequence);
    if (left->is_stored)
        pager_left(q, left);
}

/* Gives the first ready message, which is in memory, to this consumer. */
static void deliver_first(struct queue *q, struct consumer *c)
{
    if (c->no_ack) {
        struct backlog_left left;
        struct message *m = backlog_pop(&q->backlog, &left);
        message_left(q, &left);
        hand_over(q, c, m, 0, left.redelivered);
        message_unref(&m);
        return;
    }
    uint64_t sequence;
    bool redelivered;
    struct message *m = backlog_take(&q->backlog, &sequence, &redelivered);
    hand_over(q, c, m, sequence, redelivered);
}

/* Whether the first ready message can be given to somebody now. If it cannot, whatever is missing
 * has been asked for, and deliveries are scheduled when it is there. */
static bool first_is_deliverable(struct queue *q)
{
    uint64_t sequence;
    enum backlog_next next = backlog_next(&q->backlog, &sequence);
    while (next == BACKLOG_ON_DISK && pager_want(q))
        next = backlog_next(&q->backlog, &sequence);
    return next == BACKLOG_HERE && persist_may_deliver(q, sequence);
}

static void answer_waiting_calls(struct queue *q);

static void queue_run_deliveries(struct loop *loop, struct loop_task *task)
{
    (void)loop;
    struct queue *q = lv_container_of(task, struct queue, delivery_run);
    answer_waiting_calls(q);
    while (!lv_list_is_empty(&q->ready_consumers) && first_is_deliverable(q)) {
        struct consumer *c = next_consumer(q);
        if (!c)
            break;
        deliver_first(q, c);
    }
    pager_read_ahead(q);
}

static void schedule_deliveries(struct queue *q)
{
    bool is_wanted = !lv_list_is_empty(&q->ready_consumers) || !lv_list_is_empty(&q->waiting_calls);
    if (is_wanted && (q->backlog.ready > 0 || !lv_list_is_empty(&q->waiting_calls)))
        loop_schedule(q->home, &q->delivery_run);
}

void queue_deliver_soon(struct queue *q)
{
    if (!atomic_load_explicit(&q->is_deleted, memory_order_relaxed))
        schedule_deliveries(q);
}

void queue_consumer_ready(struct queue *q, struct consumer *c)
{
    if (!consumer_has_room(c) || c->is_getter)
        return;
    if (lv_list_is_empty(&c->ready_link))
        ready_insert(q, c);
    schedule_deliveries(q);
}

/* --- publishing ------------------------------------------------------------------------------ */

/* Home. A reference of the message is taken. */
static enum queue_answer take_message(struct queue *q, struct message *message)
{
    if (atomic_load_explicit(&q->is_deleted, memory_order_relaxed))
        return QUEUE_TOOK;
    enum queue_answer answer = persist_answer(q, message);
    if (answer == QUEUE_REFUSED)
        return answer;
    q->counters.published++;
    struct consumer *c = q->backlog.ready == 0 ? next_consumer(q) : NULL;
    if (!c) {
        struct message *kept = message_ref(message);
        persist_enqueue(q, message, backlog_push(&q->backlog, &kept), false);
        schedule_deliveries(q);
        pager_relieve(q);
        return answer;
    }
    if (c->no_ack) {
        hand_over(q, c, message, 0, false);
        return QUEUE_TOOK;
    }
    struct message *kept = message_ref(message);
    uint64_t sequence = backlog_push_taken(&q->backlog, &kept);
    persist_enqueue(q, message, sequence, true);
    hand_over(q, c, message, sequence, false);
    return answer;
}

static void answer_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct confirm_sink *sink = mail->a;
    sink->answer(sink, mail->c, mail->d != 0);
}

void confirm_answer(struct loop *loop, struct confirm_sink *sink, uint64_t number, bool taken)
{
    if (sink->loop == loop) {
        sink->answer(sink, number, taken);
        return;
    }
    struct mail mail = {.deliver = answer_mail, .a = sink, .c = number, .d = taken};
    loop_mail(loop, sink->loop, &mail);
}

/* Mail with messages to one loop may cost so much before publishers are held back. */
static const uint64_t MAILED_BYTES_MAX = 32 * 1024 * 1024;

static _Atomic uint64_t *mailed_bytes(const struct queue *q)
{
    return &q->vhost->broker->mailed_bytes[loop_index(q->home)];
}

bool queue_is_behind(const struct queue *q)
{
    return atomic_load_explicit(mailed_bytes(q), memory_order_relaxed) > MAILED_BYTES_MAX ||
           persist_is_behind(q);
}

static void publish_mail(struct loop *at, struct mail *mail)
{
    struct message *m = mail->b;
    atomic_fetch_sub_explicit(mailed_bytes(mail->a), message_memory(m), memory_order_relaxed);
    struct confirm_sink *sink = (struct confirm_sink *)(uintptr_t)mail->d;
    enum queue_answer answer = take_message(mail->a, m);
    message_unref(&m);
    if (sink && answer == QUEUE_LATER)
        persist_confirm(persist_of(at), mail->a, sink, mail->c);
    else if (sink)
        confirm_answer(at, sink, mail->c, answer == QUEUE_TOOK);
}

enum queue_answer queue_publish(struct loop *loop, struct queue *q, struct message *message,
                                struct confirm_sink *sink, uint64_t number)
{
    if (q->home == loop) {
        enum queue_answer answer = take_message(q, message);
        if (answer == QUEUE_LATER && sink)
            persist_confirm(persist_of(loop), q, sink, number);
        return answer;
    }
    atomic_fetch_add_explicit(mailed_bytes(q), message_memory(message), memory_order_relaxed);
    struct mail mail = {
        .deliver = publish_mail,
        .a = q,
        .b = message_ref(message),
        .c = number,
        .d = (uintptr_t)sink,
    };
    loop_mail(loop, q->home, &mail);
    return QUEUE_LATER;
}

/* Home. */
static enum queue_answer answer_settled(struct queue *q, struct confirm_sink *sink)
{
    enum queue_answer answer = persist_answer_settled(q);
    if (answer == QUEUE_LATER)
        persist_confirm(persist_of(q->home), q, sink, 0);
    return answer;
}

static void ask_settled_mail(struct loop *at, struct mail *mail)
{
    struct queue *q = mail->a;
    enum queue_answer answer = answer_settled(q, mail->b);
    if (answer != QUEUE_LATER)
        confirm_answer(at, mail->b, 0, answer == QUEUE_TOOK);
    queue_unref(&q);
}

enum queue_answer queue_ask_settled(struct loop *loop, struct queue *q, struct confirm_sink *sink)
{
    if (q->home == loop)
        return answer_settled(q, sink);
    struct mail mail = {.deliver = ask_settled_mail, .a = queue_ref(q), .b = sink};
    loop_mail(loop, q->home, &mail);
    return QUEUE_LATER;
}

bool queue_pass_through(struct loop *loop, struct queue *q, const struct delivery *delivery)
{
    if (q->home != loop || q->backlog.ready > 0 || lv_list_is_empty(&q->ready_consumers))
        return false;
    struct consumer *c = lv_list_item(q->ready_consumers.next, struct consumer, ready_link);
    if (!c->no_ack || c->loop != loop)
        return false;
    q->counters.published++;
    q->counters.delivered_no_ack++;
    consumer_deliver(c, delivery);
    after_turn(q, c);
    return true;
}

/* --- settling: home -------------------------------------------------------------------------- */

void queue_settle(struct queue *q, struct consumer *c, uint64_t sequence, uint32_t count,
                  enum settle_kind kind)
{
    for (uint64_t s = sequence; s < sequence + count; s++) {
        struct backlog_left left;
        if (kind == SETTLE_REQUEUE) {
            backlog_return(&q->backlog, s);
        } else if (backlog_settle(&q->backlog, s, &left)) {
            message_left(q, &left);
            q->counters.acked += kind == SETTLE_ACK;
        }
    }
    lv_assert(c->unacked >= count);
    c->unacked -= count;
    consumer_give_places(c, count);
    queue_consumer_ready(q, c);
    schedule_deliveries(q);
}

/* --- consumers: home ------------------------------------------------------------------------- */

void queue_attach(struct queue *q, struct consumer *c)
{
    lv_assert(!c->is_attached);
    c->is_attached = true;
    lv_list_push(&q->consumers, &c->link);
    q->consumer_count++;
    if (c->exclusive)
        q->exclusive_consumer = c;
    queue_consumer_ready(q, c);
}

static void detach(struct queue *q, struct consumer *c)
{
    c->is_attached = false;
    lv_list_remove(&c->link);
    lv_list_remove(&c->ready_link);
    q->consumer_count--;
    if (q->exclusive_consumer == c)
        q->exclusive_consumer = NULL;
}

void queue_detach(struct queue *q, struct consumer *c)
{
    if (!c->is_attached)
        return;
    detach(q, c);
    if (q->flags.auto_delete && q->consumer_count == 0)
        queue_delete(q);
}

/* --- deletion: home -------------------------------------------------------------------------- */

static bool unlink_name(struct queue *q, struct durable_done done, bool *ret_is_pending)
{
    struct broker *broker = q->vhost->broker;
    topology_lock(broker);
    bool was_there = !atomic_load(&q->is_deleted);
    if (was_there) {
        atomic_store(&q->is_deleted, true);
        lv_table_remove(q->vhost->queues, &q->by_name);
        struct slice user = events_act_as(SLICE_EMPTY); /* bindings go by themselves */
        destination_unbind_all(q->vhost, &q->destination);
        events_act_as(user);
        event_queue_deleted(q);
        topology_moved(broker);
        bool was_stored = q->flags.durable && !q->flags.exclusive && broker->definitions &&
                          !atomic_load(&q->vhost->is_deleted);
        if (was_stored)
            definitions_submit(broker->definitions,
                               definition_delete_queue(vhost_name(q->vhost), queue_name(q)),
                               done.fn, done.arg);
        *ret_is_pending = was_stored && done.fn;
    }
    topology_unlock(broker);
    return was_there;
}

static uint64_t delete_with(struct queue *q, struct durable_done done, bool *ret_is_pending)
{
    *ret_is_pending = false;
    if (!unlink_name(q, done, ret_is_pending))
        return 0;
    uint64_t ready = q->backlog.ready;
    struct lv_list *it, *after;
    lv_list_each (it, after, &q->consumers) {
        struct consumer *c = lv_list_item(it, struct consumer, link);
        detach(q, c);
        consumer_tell_cancelled(c);
    }
    lv_list_remove(&q->owner_link);
    answer_waiting_calls(q);
    loop_unschedule(q->home, &q->delivery_run);
    backlog_free(&q->backlog);
    if (persist_of(q->home)) {
        persist_forget(q);
        pager_delete(q);
    }
    struct queue *name_s = q;
    queue_unref(&name_s);
    return ready;
}

uint64_t queue_delete(struct queue *q)
{
    bool is_pending;
    return delete_with(q, (struct durable_done){0}, &is_pending);
}

static void delete_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct queue *q = mail->a;
    queue_delete(q);
    queue_unref(&q);
}

void queue_delete_by_mail(struct loop *from, struct queue *q)
{
    struct mail mail = {.deliver = delete_mail, .a = queue_ref(q)};
    if (from)
        loop_mail(from, q->home, &mail);
    else
        loop_mail_from_outside(q->home, &mail);
}

void queues_relieve(struct broker *broker, struct loop *loop)
{
    struct lv_table_iter vhosts, queues;
    struct lv_table_node *v = lv_table_first(broker->vhosts, &vhosts);
    for (; v; v = lv_table_next(broker->vhosts, &vhosts)) {
        struct vhost *vhost = lv_container_of(v, struct vhost, by_name);
        struct lv_table_node *n = lv_table_first(vhost->queues, &queues);
        for (; n; n = lv_table_next(vhost->queues, &queues)) {
            struct queue *q = lv_container_of(n, struct queue, by_name);
            if (q->home == loop)
                pager_relieve(q);
        }
    }
}

/* --- calls ----------------------------------------------------------------------------------- */

static void call_back_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct queue_call *call = mail->a;
    call->done(call);
}

/* Home: the answer is there. By mail also when the asker is here but has waited. */
static void call_answer(struct loop *at, struct queue_call *call)
{
    struct mail back = {.deliver = call_back_mail, .a = call};
    loop_mail(at, call->from, &back);
}

static void run_call(struct queue_call *call)
{
    struct slice before = events_act_as(call->user);
    call->run(call);
    events_act_as(before);
}

static void call_mail(struct loop *at, struct mail *mail)
{
    struct queue_call *call = mail->a;
    run_call(call);
    if (!call->is_waiting)
        call_answer(at, call);
}

void queue_call_start(struct queue_call *call)
{
    lv_list_init(&call->waiting_link);
    if (call->queue->home == call->from) {
        run_call(call);
        if (!call->is_waiting)
            call->done(call);
        return;
    }
    struct mail mail = {.deliver = call_mail, .a = call};
    loop_mail(call->from, call->queue->home, &mail);
}

/* The queue may have gone since the caller found it. */
static bool call_finds_queue(struct queue_call *call)
{
    struct queue *q = call->queue;
    if (!atomic_load(&q->is_deleted))
        return true;
    call->refused = true;
    queue_refuse_missing(queue_name(q), q->vhost, &call->error);
    return false;
}

void queue_call_status(struct queue_call *call)
{
    if (!call_finds_queue(call))
        return;
    struct queue *q = call->queue;
    call->ready = q->backlog.ready;
    call->taken = q->backlog.taken;
    call->ready_bytes = q->backlog.ready_bytes;
    call->taken_bytes = q->backlog.taken_bytes;
    call->consumers = q->consumer_count;
    call->counters = q->counters;
}

void queue_call_consume(struct queue_call *call)
{
    if (!call_finds_queue(call))
        return;
    struct queue *q = call->queue;
    if (q->exclusive_consumer || (call->consumer->exclusive && q->consumer_count > 0)) {
        call->refused = true;
        broker_refuse(&call->error, 403, "queue '%.*s' in vhost '%.*s' in exclusive use",
                      SLICE_ARG(queue_name(q)), SLICE_ARG(vhost_name(q->vhost)));
        return;
    }
    queue_attach(q, call->consumer);
}

void queue_call_cancel(struct queue_call *call)
{
    queue_detach(call->queue, call->consumer);
}

/* The first message, which can be given, for a get. */
static void get_first(struct queue *q, struct queue_call *call)
{
    struct message *m;
    bool redelivered;
    if (call->no_ack) {
        struct backlog_left left;
        m = backlog_pop(&q->backlog, &left);
        message_left(q, &left);
        redelivered = left.redelivered;
    } else {
        m = message_ref(backlog_take(&q->backlog, &call->got.sequence, &redelivered));
        call->consumer->unacked++;
    }
    call->got.message = m;
    call->got.exchange = message_exchange(m);
    call->got.routing_key = message_routing_key(m);
    call->got.header = message_header(m);
    call->got.body = message_body(m);
    call->got.redelivered = redelivered;
    q->counters.redelivered += redelivered;
    if (call->no_ack)
        q->counters.got_no_ack++;
    else
        q->counters.got++;
    pager_read_ahead(q);
}

void queue_call_get(struct queue_call *call)
{
    if (!call_finds_queue(call))
        return;
    struct queue *q = call->queue;
    bool is_first = lv_list_is_empty(&q->waiting_calls) || call->is_waiting;
    bool is_deliverable = is_first && first_is_deliverable(q);
    if (!is_deliverable && q->backlog.ready > 0) {
        call->is_waiting = true;
        if (lv_list_is_empty(&call->waiting_link))
            lv_list_push(&q->waiting_calls, &call->waiting_link);
        return;
    }
    call->is_waiting = false;
    if (is_deliverable)
        get_first(q, call);
    call->ready = q->backlog.ready;
}

/* Gets that waited, in order, as far as messages are there for them. */
static void answer_waiting_calls(struct queue *q)
{
    while (!lv_list_is_empty(&q->waiting_calls)) {
        struct queue_call *call =
            lv_list_item(q->waiting_calls.next, struct queue_call, waiting_link);
        bool is_gone = atomic_load(&q->is_deleted);
        if (is_gone)
            call->is_waiting = false;
        call->run(call);
        if (call->is_waiting)
            return;
        lv_list_remove(&call->waiting_link);
        call_answer(q->home, call);
    }
}

/* Everything that is ready goes; what is taken stays. */
static uint64_t purge(struct queue *q)
{
    uint64_t count = q->backlog.ready;
    pager_purge(q); /* what is on disk; the rest is in memory then */
    while (q->backlog.ready > 0) {
        struct backlog_left left;
        struct message *m = backlog_pop(&q->backlog, &left);
        message_left(q, &left);
        message_unref(&m);
    }
    return count;
}

void queue_call_purge(struct queue_call *call)
{
    if (call_finds_queue(call))
        call->ready = purge(call->queue);
}

static bool refuse_delete(struct queue_call *call, const char *why)
{
    return broker_refuse(&call->error, 406, "queue '%.*s' in vhost '%.*s' %s",
                         SLICE_ARG(queue_name(call->queue)),
                         SLICE_ARG(vhost_name(call->queue->vhost)), why);
}

static void deletion_mail(struct loop *at, struct mail *mail)
{
    call_answer(at, mail->a);
}

/* On the definitions' thread: only now is it said that the queue is gone. */
static void deletion_is_committed(void *arg, int error)
{
    (void)error; /* logged by the definitions; the queue is gone from memory all the same */
    struct queue_call *call = arg;
    struct mail mail = {.deliver = deletion_mail, .a = call};
    loop_mail_from_outside(call->queue->home, &mail);
}

void queue_call_delete(struct queue_call *call)
{
    struct queue *q = call->queue;
    if (atomic_load(&q->is_deleted))
        return; /* deleting what is not there is fine */
    bool may = true;
    if (call->if_unused && q->consumer_count > 0)
        may = refuse_delete(call, "in use");
    else if (call->if_empty && q->backlog.ready > 0)
        may = refuse_delete(call, "not empty");
    call->refused = !may;
    if (may)
        call->ready = delete_with(
            q, (struct durable_done){call->is_hasty ? NULL : deletion_is_committed, call},
            &call->is_waiting);
}
