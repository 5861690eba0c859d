#include "store_world.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "broker/browse.h"
#include "broker/pager.h"
#include "broker/persist.h"
#include "broker/queue.h"
#include "broker/queue_private.h"
#include "broker/vhost.h"
#include "loop/sim/loop_sim.h"
#include "store/sim/disk_sim.h"
#include "wire/properties.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

enum {
    LOOPS_WORLD_MAX = 3,
    SLOTS_MAX = 5,
    CLIENTS_MAX = 32,
    MESSAGES_MAX = 6000,
    TEXT_BYTES = 256 * 1024,
    STEP_BYTES = 200,
    REST_ROUNDS_MAX = 20000,
    PROPERTIES_MAX = 64,
    PRIORITIES = 4,     /* of a slot that has any: 0 to 3 */
    MAIL_MS_MAX = 5000, /* a message may be so long on its way to its queue */
    BODY_MAX = 120 * 1024,
};

#define UNKNOWN UINT64_MAX

bool store_world_is_verbose;

/* --- the model -------------------------------------------------------------------------------------- */

enum expectation { NOT_THERE, MAYBE_THERE, THERE };

/* Whether somebody has done away with a message of a queue. */
enum gone {
    NOT_GONE,
    PURGED,    /* but it may still be on its way to a consumer */
    GONE,      /* as far as anybody sees in this life */
    GONE_SAFE, /* for good */
};

/* A message in a queue. */
struct copy {
    uint32_t message;
    enum expectation expect;
    enum gone gone;
    bool is_placed; /* its queue has it: its mail is not under way */
    bool was_delivered;
    bool was_walked; /* a walker has had it: others may have come first */
    struct client *holder;
    uint64_t sequence;
};

struct model {
    uint32_t body_bytes;
    uint32_t life;
    uint8_t publisher;
    bool is_persistent;
    bool has_priority;
    uint8_t priority;
    bool has_ttl;
    uint32_t ttl_ms;
    uint64_t published_ms;
    bool is_refused; /* by one queue at least */
    uint8_t answers_due;
    uint8_t answers;
    uint32_t copy_of[SLOTS_MAX]; /* a place in the slot's copies + 1; 0: none */
};

/* A queue, over its lives. */
struct slot {
    struct queue *queue; /* referenced */
    uint64_t id;
    bool is_durable;
    bool has_priorities;
    bool is_deleted;
    bool is_deletion_safe;
    uint64_t lost;  /* as its counter says */
    bool has_mail;  /* there may be some between it and clients on other loops */
    bool has_purge; /* one that is not yet safe */
    uint32_t first_message;
    struct copy *copies;
    size_t count, capacity;
};

struct held {
    uint64_t sequence;
    uint32_t copy;
    bool is_orphan; /* its queue was deleted */
};

/* Somebody who consumes, or gets. */
struct client {
    struct world *world;
    struct consumer *consumer; /* NULL: released altogether */
    unsigned slot;
    unsigned number;
    bool is_open; /* has its first hold */
    bool is_cancelling;
    bool is_full;      /* deliver() has said "enough" */
    bool is_verifying; /* takes all there is */
    struct held *held;
    size_t held_count, held_capacity;
    /* The last of each publisher and priority that came for the first time. */
    uint32_t newest[LOOPS_WORLD_MAX][PRIORITIES];
};

/* Somebody who looks at a queue, and takes out of its midst, as who moves messages does. */
enum { WALKED_MAX = 40 };
struct walker {
    struct browse *browse; /* NULL: there is nobody */
    unsigned wakes;
    uint64_t last[PRIORITIES]; /* the place seen last in each lane, plus 1 */
    size_t taken_count;
    struct held taken[WALKED_MAX];
};

struct sink {
    struct confirm_sink sink;
    struct world *world;
};

struct world {
    uint64_t seed;
    uint64_t random;
    struct store_world_counts *counts;
    char *text;
    size_t text_bytes;
    uint64_t step;

    struct disk_sim *disk;
    struct persist_limits limits;
    uint64_t file_bytes;
    enum log_durability durability; /* but for LOG_SYNC, only processes die */
    unsigned slot_count;
    struct slot slots[SLOTS_MAX];
    struct model *models;
    uint32_t model_count;
    uint64_t next_queue_id;
    unsigned weights[16];
    unsigned large_every; /* one in so many bodies is large; 0: none */
    unsigned transient_percent;
    unsigned ttl_percent; /* of messages that live for a while only */
    uint64_t elapsed_ms;  /* before this life */
    uint64_t epoch_ms;    /* what the clock shows when nothing has elapsed */
    unsigned many;        /* messages in a row */
    unsigned steps;       /* in a life */

    /* This life's. */
    uint32_t life;
    bool is_dead;
    bool was_paged;
    struct loops *loops;
    struct broker *broker;
    struct vhost *vhost;
    struct persist *persist;
    struct sink sinks[LOOPS_WORLD_MAX];
    struct client *clients[CLIENTS_MAX];
    unsigned client_count;
    struct walker walkers[SLOTS_MAX];
    unsigned calls_open;
    struct promise *promises;
};

static struct world *running; /* for the report of an abort */

/* --- saying what happened --------------------------------------------------------------------------- */

static void step(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void step(struct world *w, const char *format, ...)
{
    char line[STEP_BYTES];
    va_list args;
    w->step++;
    int n = snprintf(line, sizeof line, "%6" PRIu64 " ", w->step);
    va_start(args, format);
    vsnprintf(line + n, sizeof line - (size_t)n, format, args);
    va_end(args);
    size_t length = strlen(line);
    if (w->text_bytes + length + 2 > TEXT_BYTES) {
        memmove(w->text, w->text + TEXT_BYTES / 2, w->text_bytes - TEXT_BYTES / 2);
        w->text_bytes -= TEXT_BYTES / 2;
    }
    memcpy(w->text + w->text_bytes, line, length);
    w->text_bytes += length;
    w->text[w->text_bytes++] = '\n';
    if (store_world_is_verbose)
        fprintf(stderr, "%s\n", line);
}

static void report(void)
{
    if (!running)
        return;
    struct world *w = running;
    running = NULL;
    if (!store_world_is_verbose) {
        ssize_t n = write(STDERR_FILENO, w->text, w->text_bytes);
        (void)n;
    }
    fprintf(stderr,
            "\nthe world of seed %" PRIu64 " has failed in life %u; its steps are above, "
            "again with: --seed %" PRIu64 "\n",
            w->seed, w->life, w->seed);
}

static void on_abort(int number)
{
    report();
    signal(number, SIG_DFL);
    raise(number);
}

static void fail(struct world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
static void fail(struct world *w, const char *format, ...)
{
    char line[STEP_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    step(w, "FAILED: %s", line);
    abort();
}

/* --- chance ------------------------------------------------------------------------------------------ */

static uint64_t below(struct world *w, uint64_t n)
{
    uint64_t x = w->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    w->random = x;
    return ((x * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % n;
}

static bool one_in(struct world *w, uint64_t n)
{
    return below(w, n) == 0;
}

#define PICK(w, ...)                                                                               \
    (((const uint64_t[]){                                                                          \
        __VA_ARGS__})[below((w), sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))])

/* --- messages: everything about one follows from its number ------------------------------------------ */

static uint64_t now_ms(const struct world *w)
{
    return loop_wall_ms(loops_at(w->loops, 0));
}

/* Its number is its message id, filled up to some length. */
static size_t properties_of(const struct world *w, uint32_t number, uint8_t out[PROPERTIES_MAX])
{
    const struct model *model = &w->models[number];
    char id[32], expiration[16];
    memset(id, (int)(number % 251), sizeof id);
    memcpy(id, &number, sizeof number);
    struct properties p = {.flags = PROPERTY_MESSAGE_ID,
                           .message_id = slice_of(id, 4 + number % 23)};
    if (model->has_priority) {
        p.flags |= PROPERTY_PRIORITY;
        p.priority = model->priority;
    }
    if (model->has_ttl) {
        p.flags |= PROPERTY_EXPIRATION;
        int n = snprintf(expiration, sizeof expiration, "%u", model->ttl_ms);
        p.expiration = slice_of(expiration, (size_t)n);
    }
    return (size_t)(properties_put(out, &p) - out);
}

/* Whether it may have expired, in any queue where nobody holds it. */
static bool may_be_over(const struct world *w, uint32_t number)
{
    const struct model *model = &w->models[number];
    return model->has_ttl && now_ms(w) >= model->published_ms + model->ttl_ms;
}

/* Whether it must have. */
static bool is_over(const struct world *w, uint32_t number)
{
    const struct model *model = &w->models[number];
    return model->has_ttl && now_ms(w) >= model->published_ms + model->ttl_ms + MAIL_MS_MAX;
}

static unsigned priority_of(const struct world *w, unsigned slot, uint32_t number)
{
    const struct model *model = &w->models[number];
    if (!w->slots[slot].has_priorities || !model->has_priority)
        return 0;
    return model->priority < PRIORITIES ? model->priority : PRIORITIES - 1;
}

static void body_of(uint32_t number, uint8_t *out, size_t bytes)
{
    uint64_t x = number * UINT64_C(0x9E3779B97F4A7C15) + 1;
    for (size_t i = 0; i < bytes; i += 8) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(out + i, &x, bytes - i < 8 ? bytes - i : 8);
    }
}

static uint8_t scratch[BODY_MAX];

static struct slice key_of(uint32_t number)
{
    static const char keys[] = "a.key.of.some.length";
    return slice_of(keys, number % sizeof keys);
}

static struct message *make_message(struct world *w, uint32_t number)
{
    uint8_t properties[PROPERTIES_MAX];
    const struct model *model = &w->models[number];
    size_t n = properties_of(w, number, properties);
    struct message *m =
        message_create(slice_str("amq.direct"), key_of(number), slice_of(properties, n),
                       model->body_bytes, model->is_persistent);
    body_of(number, message_body_space(m), model->body_bytes);
    return m;
}

/* The number of the message that has come, which must be as it was made. */
static uint32_t read_message(struct world *w, const struct delivery *d)
{
    uint8_t properties[PROPERTIES_MAX];
    struct properties read;
    uint32_t number;
    if (!properties_read(d->header, &read) || read.message_id.n < sizeof number)
        fail(w, "a message has come that nobody has published");
    memcpy(&number, read.message_id.p, sizeof number);
    if (number >= w->model_count)
        fail(w, "a message has come that nobody has published: %u", number);
    size_t n = properties_of(w, number, properties);
    if (!slice_equal(d->header, slice_of(properties, n)))
        fail(w, "message %u has other properties", number);
    if (!slice_equal(d->routing_key, key_of(number)) ||
        !slice_equal(d->exchange, slice_str("amq.direct")))
        fail(w, "message %u has another routing key or exchange", number);
    if (d->body.n != w->models[number].body_bytes)
        fail(w, "message %u has %zu bytes, not %u", number, d->body.n,
             w->models[number].body_bytes);
    body_of(number, scratch, d->body.n);
    if (d->body.n > 0 && memcmp(scratch, d->body.p, d->body.n) != 0)
        fail(w, "message %u has another body", number);
    return number;
}

static struct copy *copy_of(struct world *w, unsigned slot, uint32_t message)
{
    struct slot *s = &w->slots[slot];
    uint32_t at = message < s->first_message ? 0 : w->models[message].copy_of[slot];
    return at ? &s->copies[at - 1] : NULL;
}

static struct copy *copy_add(struct world *w, unsigned slot, uint32_t message)
{
    struct slot *s = &w->slots[slot];
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? s->capacity * 2 : 64;
        s->copies = lv_realloc(s->copies, s->capacity * sizeof *s->copies);
    }
    struct copy *copy = &s->copies[s->count++];
    *copy = (struct copy){.message = message, .expect = THERE, .sequence = UNKNOWN};
    w->models[message].copy_of[slot] = (uint32_t)s->count;
    return copy;
}

/* --- what is true once the log says so ---------------------------------------------------------------- */

/* Copies of a slot that somebody has done away with, or a deletion: on the way to the queue's home, then
 * up to the ticket behind which the log has it. */
struct promise {
    struct promise *next; /* in world.promises */
    struct world *world;
    unsigned slot;
    bool is_deletion;
    struct loop *home;
    uint64_t ticket;
    size_t count;
    uint32_t copies[];
};

static struct promise *promise_make(struct world *w, unsigned slot, size_t count)
{
    struct promise *p = lv_calloc(1, sizeof *p + count * sizeof p->copies[0]);
    p->world = w;
    p->slot = slot;
    p->home = w->slots[slot].queue->home;
    return p;
}

static void promise_add(struct promise *p, const struct copy *copy)
{
    p->copies[p->count++] = (uint32_t)(copy - p->world->slots[p->slot].copies);
}

static void promise_mail(struct loop *at, struct mail *mail)
{
    struct promise *p = mail->a;
    if (!persist_of(at) || p->world->is_dead) {
        free(p);
        return;
    }
    p->ticket = log_submit(persist_of(at)->stage);
    p->next = p->world->promises;
    p->world->promises = p;
}

/* What has been done on this loop just now stands in the log before the promise. */
static void promise_send(struct loop *from, struct promise *p)
{
    struct mail mail = {.deliver = promise_mail, .a = p};
    if (from == p->home)
        promise_mail(from, &mail);
    else
        loop_mail(from, p->home, &mail);
}

static bool promise_is_safe(const struct promise *p)
{
    const struct persist_loop *part = loop_slot(p->home, LOOP_SLOT_STORE);
    return part->safe_ticket >= p->ticket;
}

static void promise_keep(struct promise *p)
{
    struct slot *s = &p->world->slots[p->slot];
    for (size_t i = 0; i < p->count; i++) {
        if (s->copies[p->copies[i]].gone != NOT_GONE)
            s->copies[p->copies[i]].gone = GONE_SAFE;
    }
    s->is_deletion_safe |= p->is_deletion;
    if (p->count > 0)
        step(p->world, "  (queue %u: settled for good: message %u and %zu more)", p->slot,
             s->copies[p->copies[0]].message, p->count - 1);
}

/* Looks which have become safe. At the end of a life all are forgotten. */
static void promises_look(struct world *w, bool is_end)
{
    struct promise **at = &w->promises;
    while (*at) {
        struct promise *p = *at;
        bool is_safe = promise_is_safe(p);
        if (!is_safe && !is_end) {
            at = &p->next;
            continue;
        }
        if (is_safe)
            promise_keep(p);
        *at = p->next;
        free(p);
    }
}

/* --- publishing ----------------------------------------------------------------------------------------- */

static void on_answer(struct confirm_sink *sink, uint64_t number, bool taken)
{
    struct world *w = lv_container_of(sink, struct sink, sink)->world;
    struct model *model = &w->models[number];
    if (w->is_dead)
        return;
    if (model->life != w->life)
        fail(w, "message %" PRIu64 " of an earlier life is answered", number);
    if (model->answers++ == model->answers_due)
        fail(w, "message %" PRIu64 " is answered once too often", number);
    model->is_refused |= !taken;
}

static void placed_mail(struct loop *at, struct mail *mail)
{
    struct world *w = mail->a;
    struct copy *copy = copy_of(w, (unsigned)mail->c, (uint32_t)mail->d);
    if (copy && !w->is_dead && persist_of(at))
        copy->is_placed = true;
}

/* It is placed when the mail sent before has come. */
static void placed_send(struct world *w, struct loop *from, unsigned slot, uint32_t number)
{
    struct mail mail = {.deliver = placed_mail, .a = w, .c = slot, .d = number};
    loop_mail(from, w->slots[slot].queue->home, &mail);
}

static void publish_to(struct world *w, struct loop *loop, unsigned slot, uint32_t number,
                       struct message *m)
{
    struct slot *s = &w->slots[slot];
    struct model *model = &w->models[number];
    copy_add(w, slot, number);
    struct sink *sink = &w->sinks[loop_index(loop)];
    switch (queue_publish(loop, s->queue, m, &sink->sink, number)) {
    case QUEUE_TOOK: break;
    case QUEUE_LATER: model->answers_due++; break;
    case QUEUE_REFUSED: copy_of(w, slot, number)->expect = NOT_THERE; return;
    }
    if (s->queue->home == loop) {
        copy_of(w, slot, number)->is_placed = true;
        return;
    }
    placed_send(w, loop, slot, number);
}

static uint32_t model_add(struct world *w, unsigned publisher)
{
    uint32_t number = w->model_count++;
    struct model *model = &w->models[number];
    *model = (struct model){
        .life = w->life,
        .publisher = (uint8_t)publisher,
        .is_persistent = below(w, 100) >= w->transient_percent,
        .body_bytes = (uint32_t)below(w, one_in(w, 4) ? 200 : 40),
        .has_priority = one_in(w, 2),
        .priority = (uint8_t)below(w, PRIORITIES + 2),
        .has_ttl = below(w, 100) < w->ttl_percent,
        .ttl_ms = (uint32_t)below(w, PICK(w, 1, 100, 20000, 20000, 1000000)),
        .published_ms = now_ms(w),
    };
    if (w->large_every && one_in(w, w->large_every))
        model->body_bytes = (uint32_t)below(w, BODY_MAX);
    w->counts->messages++;
    return number;
}

static void publish(struct world *w, unsigned count)
{
    unsigned publisher = (unsigned)below(w, loops_count(w->loops));
    struct loop *loop = loops_at(w->loops, publisher);
    unsigned targets = 0;
    while (targets == 0)
        targets = (unsigned)below(w, 1u << w->slot_count);
    if (!one_in(w, 4))
        targets = 1u << below(w, w->slot_count);
    uint32_t first = w->model_count;
    loop_sim_enter(loop);
    for (unsigned i = 0; i < count && w->model_count < MESSAGES_MAX; i++) {
        uint32_t number = model_add(w, publisher);
        struct message *m = make_message(w, number);
        for (unsigned slot = 0; slot < w->slot_count; slot++) {
            if ((targets >> slot & 1) && !w->slots[slot].is_deleted)
                publish_to(w, loop, slot, number, m);
        }
        message_unref(&m);
    }
    loop_sim_enter(NULL);
    step(w, "loop %u publishes %u..%u to queues %x", publisher, first, w->model_count, targets);
}

/* --- consuming ------------------------------------------------------------------------------------------ */

static void hold(struct client *client, uint64_t sequence, uint32_t copy, bool is_orphan)
{
    if (client->held_count == client->held_capacity) {
        client->held_capacity = client->held_capacity ? client->held_capacity * 2 : 16;
        client->held = lv_realloc(client->held, client->held_capacity * sizeof *client->held);
    }
    client->held[client->held_count++] = (struct held){sequence, copy, is_orphan};
    consumer_hold(client->consumer);
}

static void check_order(struct world *w, struct client *client, const struct delivery *d,
                        const struct copy *copy)
{
    uint32_t number = copy->message;
    uint32_t *newest =
        &client->newest[w->models[number].publisher][priority_of(w, client->slot, number)];
    if (d->redelivered || copy->was_walked || client->consumer->is_getter)
        return;
    if (*newest > number)
        fail(w, "message %u comes behind %u of the same publisher", number, *newest);
    *newest = number;
}

/* A message of a queue has come to somebody. */
static void delivered(struct client *client, const struct delivery *d, bool no_ack)
{
    struct world *w = client->world;
    struct slot *s = &w->slots[client->slot];
    uint32_t number = read_message(w, d);
    struct copy *copy = copy_of(w, client->slot, number);
    if (!copy)
        fail(w, "message %u comes from queue %u, where nobody put it", number, client->slot);
    if (w->is_dead || s->is_deleted) {
        if (!no_ack && !w->is_dead)
            hold(client, d->place, 0, true);
        else if (no_ack && copy->gone != GONE_SAFE)
            copy->gone = GONE; /* it was on its way, and its queue is done with it */
        return;
    }
    if (copy->holder)
        fail(w, "message %u comes although somebody holds it", number);
    if (copy->gone == GONE_SAFE || copy->gone == GONE)
        fail(w, "message %u comes although it was settled", number);
    if (copy->expect == NOT_THERE)
        fail(w, "message %u comes, which cannot be there", number);
    if (copy->was_delivered && !d->redelivered)
        fail(w, "message %u comes again, and not as redelivered", number);
    if (!no_ack && copy->sequence != UNKNOWN && copy->sequence != d->place)
        fail(w, "message %u has moved from place %" PRIu64 " to %" PRIu64, number, copy->sequence,
             d->place);
    check_order(w, client, d, copy);
    if (is_over(w, number) && client->consumer->loop == client->consumer->queue->home)
        fail(w, "message %u comes although its time is over", number);
    copy->expect = THERE;
    copy->gone = NOT_GONE;
    copy->is_placed = true;
    /* When the log has failed, nothing can be noted of what consumers get all the same. */
    copy->was_delivered |= w->persist && log_failure(w->persist->log) == 0;
    if (no_ack) {
        struct promise *p = promise_make(w, client->slot, 1);
        copy->gone = GONE;
        promise_add(p, copy);
        promise_send(client->consumer->loop, p);
        return;
    }
    copy->sequence = d->place;
    copy->holder = client;
    hold(client, d->place, (uint32_t)(copy - s->copies), false);
}

static bool client_deliver(struct consumer *c, const struct delivery *d)
{
    struct client *client = c->session;
    struct world *w = client->world;
    delivered(client, d, c->no_ack);
    if (client->is_verifying || w->is_dead || !one_in(w, 16))
        return true;
    client->is_full = true;
    return false;
}

/* One hold less. */
static void let_go(struct client *client)
{
    struct consumer *c = client->consumer;
    if (!client->is_open && client->held_count == 0)
        client->consumer = NULL;
    consumer_release(&c);
}

static void client_cancelled(struct consumer *c)
{
    struct client *client = c->session;
    if (!client->is_open || client->is_cancelling)
        return; /* the answer to that is its end */
    c->is_closed = true;
    client->is_open = false;
    let_go(client);
}

static const struct consumer_calls client_calls = {
    .deliver = client_deliver,
    .cancelled = client_cancelled,
};

static struct client *client_make(struct world *w, unsigned slot, struct loop *loop)
{
    struct client *client = lv_calloc(1, sizeof *client);
    lv_assert(w->client_count < CLIENTS_MAX);
    client->world = w;
    client->slot = slot;
    client->number = w->client_count;
    client->is_open = true;
    client->consumer = consumer_create(w->slots[slot].queue, loop, &client_calls, client,
                                       SLICE_EMPTY, SLICE_EMPTY);
    w->clients[w->client_count++] = client;
    w->slots[slot].has_mail |= loop != w->slots[slot].queue->home;
    return client;
}

struct asked {
    struct queue_call call;
    struct client *client;
};

static struct queue_call *ask(struct client *client, void (*run)(struct queue_call *),
                              void (*done)(struct queue_call *))
{
    struct asked *asked = lv_calloc(1, sizeof *asked);
    asked->client = client;
    asked->call.queue = queue_ref(client->consumer->queue);
    asked->call.from = client->consumer->loop;
    asked->call.consumer = client->consumer;
    asked->call.run = run;
    asked->call.done = done;
    client->world->calls_open++;
    return &asked->call;
}

static void asked_free(struct queue_call *call)
{
    struct asked *asked = lv_container_of(call, struct asked, call);
    asked->client->world->calls_open--;
    queue_unref(&call->queue);
    free(asked);
}

static void consume_done(struct queue_call *call)
{
    struct client *client = lv_container_of(call, struct asked, call)->client;
    if (call->refused && client->is_open && !client->is_cancelling) {
        client->is_open = false;
        client->consumer->is_closed = true;
        let_go(client);
    }
    asked_free(call);
}

static void start_call(struct queue_call *call)
{
    loop_sim_enter(call->from);
    queue_call_start(call);
    loop_sim_enter(NULL);
}

static struct client *consume(struct world *w, unsigned slot, bool no_ack, uint32_t prefetch,
                              bool is_verifying)
{
    struct loop *loop = loops_at(w->loops, (unsigned)below(w, loops_count(w->loops)));
    struct client *client = client_make(w, slot, loop);
    client->is_verifying = is_verifying;
    client->consumer->no_ack = no_ack;
    client->consumer->prefetch = prefetch;
    step(w, "client %u on loop %u consumes from queue %u%s, prefetch %u", client->number,
         loop_index(loop), slot, no_ack ? " without acks" : "", prefetch);
    start_call(ask(client, queue_call_consume, consume_done));
    return client;
}

static void get_done(struct queue_call *call)
{
    struct client *client = lv_container_of(call, struct asked, call)->client;
    if (call->got.message) {
        delivered(client, &call->got, call->no_ack);
        message_unref(&call->got.message);
    }
    client->is_open = false;
    let_go(client);
    asked_free(call);
}

static void get(struct world *w, unsigned slot, bool no_ack)
{
    struct loop *loop = loops_at(w->loops, (unsigned)below(w, loops_count(w->loops)));
    struct client *client = client_make(w, slot, loop);
    client->consumer->is_getter = true;
    struct queue_call *call = ask(client, queue_call_get, get_done);
    call->no_ack = no_ack;
    step(w, "client %u on loop %u gets from queue %u%s", client->number, loop_index(loop), slot,
         no_ack ? " without acks" : "");
    start_call(call);
}

/* Settles a run of held messages with consecutive sequence numbers, from this one on. */
static void settle(struct client *client, size_t at, size_t most, enum settle_kind kind)
{
    struct world *w = client->world;
    struct slot *s = &w->slots[client->slot];
    struct consumer *c = client->consumer;
    uint64_t sequence = client->held[at].sequence;
    size_t n = 1;
    while (n < most && at + n < client->held_count && client->held[at + n].sequence == sequence + n)
        n++;
    struct promise *p = promise_make(w, client->slot, n);
    loop_sim_enter(c->loop);
    consumer_settle(c, sequence, (uint32_t)n, kind);
    for (size_t i = at; i < at + n; i++) {
        const struct held *held = &client->held[i];
        if (held->is_orphan || w->is_dead)
            continue;
        s->copies[held->copy].holder = NULL;
        if (kind == SETTLE_REQUEUE && c->queue->home != c->loop) {
            s->copies[held->copy].is_placed = false;
            placed_send(w, c->loop, client->slot, s->copies[held->copy].message);
        }
        if (kind == SETTLE_REQUEUE)
            continue;
        s->copies[held->copy].gone = GONE;
        promise_add(p, &s->copies[held->copy]);
    }
    memmove(client->held + at, client->held + at + n,
            (client->held_count - at - n) * sizeof *client->held);
    client->held_count -= n;
    promise_send(c->loop, p);
    /* The last hold lets the client go. */
    for (size_t i = 0; i < n; i++) {
        struct consumer *one = c;
        if (i + 1 == n)
            let_go(client);
        else
            consumer_release(&one);
    }
    loop_sim_enter(NULL);
}

static void requeue_all(struct client *client)
{
    while (client->held_count > 0)
        settle(client, 0, client->held_count, SETTLE_REQUEUE);
}

static void cancel_done(struct queue_call *call)
{
    struct client *client = lv_container_of(call, struct asked, call)->client;
    client->consumer->is_closed = true;
    client->is_open = false;
    let_go(client);
    asked_free(call);
}

static void cancel(struct client *client)
{
    struct consumer *c = client->consumer;
    if (!client->is_open || c->is_getter || client->is_cancelling)
        return;
    step(client->world, "client %u cancels", client->number);
    client->is_cancelling = true;
    /* Whoever acknowledges may go without a word: what is on its way to him goes back. */
    c->is_closed = !c->no_ack && one_in(client->world, 2);
    start_call(ask(client, queue_call_cancel, cancel_done));
}

/* --- calls at home --------------------------------------------------------------------------------------- */

static void at_once(struct queue_call *call)
{
    call->owner = NULL;
}

static struct queue_call call_home(struct world *w, unsigned slot, void (*run)(struct queue_call *))
{
    struct queue *q = w->slots[slot].queue;
    struct queue_call call = {.queue = q, .from = q->home, .run = run, .done = at_once, .owner = w};
    start_call(&call);
    if (call.owner)
        fail(w, "a call at home is not answered at once");
    return call;
}

/* --- looking, and taking out of the midst --------------------------------------------------------------- */

static struct client walker_holds; /* holds what walkers have taken */

static void walker_wakes(void *arg)
{
    struct walker *walker = arg;
    walker->wakes++;
}

/* What is looked at is a message as it was made, which is ready. Its copy. */
static struct copy *check_seen(struct world *w, unsigned slot, const struct browse_item *item,
                               const struct message *m)
{
    struct slot *s = &w->slots[slot];
    const struct delivery d = {
        .exchange = message_exchange(m),
        .routing_key = message_routing_key(m),
        .header = message_header(m),
        .body = message_body(m),
    };
    uint32_t number = read_message(w, &d);
    struct copy *copy = copy_of(w, slot, number);
    if (!copy)
        fail(w, "message %u is seen in queue %u, where nobody put it", number, slot);
    if (copy->holder && !s->has_mail)
        fail(w, "message %u is seen although somebody holds it", number);
    if (copy->gone == GONE || copy->gone == GONE_SAFE || copy->expect == NOT_THERE)
        fail(w, "message %u is seen, which is not there", number);
    if (copy->sequence != UNKNOWN && copy->sequence != item->place)
        fail(w, "message %u is seen at place %" PRIu64 ", not %" PRIu64, number, item->place,
             copy->sequence);
    if (copy->was_delivered && !item->redelivered)
        fail(w, "message %u is seen as if it had never been delivered", number);
    return copy;
}

static void walker_take(struct world *w, unsigned slot, const struct browse_item *item,
                        const struct message *m, struct copy *copy)
{
    struct walker *walker = &w->walkers[slot];
    struct lane *l = lane_find(w->slots[slot].queue, place_priority(item->place));
    bool redelivered;
    if (item->is_here)
        backlog_take_at(&l->backlog, place_sequence(item->place), &redelivered);
    else
        pager_take_any_on_disk(l, place_sequence(item->place), m);
    step(w, "a walker takes message %u at place %" PRIu64 "%s", copy->message, item->place,
         item->is_here ? "" : ", on disk");
    copy->holder = &walker_holds;
    copy->was_walked = true;
    copy->sequence = item->place;
    walker->taken[walker->taken_count++] =
        (struct held){item->place, (uint32_t)(copy - w->slots[slot].copies), false};
}

/* Looks at the next message. False: there is none just now. */
static bool walker_look(struct world *w, unsigned slot, bool takes)
{
    struct walker *walker = &w->walkers[slot];
    struct browse_item item;
    enum browse_result result = browse_peek(walker->browse, &item);
    if (result != BROWSE_ITEM)
        return false;
    uint64_t *last = &walker->last[place_priority(item.place)];
    if (item.place < *last)
        fail(w, "place %" PRIu64 " of queue %u is seen behind %" PRIu64, item.place, slot, *last);
    *last = item.place + 1;
    struct message *m = browse_message(walker->browse);
    struct copy *copy = check_seen(w, slot, &item, m);
    browse_pass(walker->browse);
    if (takes && !copy->holder && walker->taken_count < WALKED_MAX && one_in(w, 3))
        walker_take(w, slot, &item, m, copy);
    message_unref(&m);
    return true;
}

static void walk(struct world *w, unsigned slot)
{
    struct walker *walker = &w->walkers[slot];
    struct queue *q = w->slots[slot].queue;
    loop_sim_enter(q->home);
    if (!walker->browse) {
        struct browse_options options = {.wake = walker_wakes, .arg = walker};
        if (one_in(w, 2))
            options.start.skip = below(w, 200);
        *walker = (struct walker){.browse = browse_open(q, &options)};
    }
    for (unsigned n = 1 + (unsigned)below(w, 100); n > 0 && walker_look(w, slot, true); n--)
        ;
    loop_sim_enter(NULL);
}

/* What it has taken is settled, or back at its place. */
static void walker_let_go(struct world *w, unsigned slot, bool settles)
{
    struct slot *s = &w->slots[slot];
    struct walker *walker = &w->walkers[slot];
    struct queue *q = s->queue;
    if (walker->taken_count == 0)
        return;
    step(w, "a walker lets go of %zu messages of queue %u", walker->taken_count, slot);
    struct promise *p = promise_make(w, slot, walker->taken_count);
    loop_sim_enter(q->home);
    while (walker->taken_count > 0) {
        const struct held held = walker->taken[--walker->taken_count];
        struct copy *copy = &s->copies[held.copy];
        struct lane *l = lane_find(q, place_priority(held.sequence));
        uint64_t deadline_ms = backlog_deadline(&l->backlog, place_sequence(held.sequence));
        copy->holder = NULL;
        if (settles && one_in(w, 2)) {
            queue_settle_place(q, held.sequence);
            copy->gone = GONE;
            promise_add(p, copy);
        } else if (!pager_untake(l, place_sequence(held.sequence))) {
            fail(w, "message %u cannot be put back", copy->message);
        } else if (deadline_ms) {
            queue_watch_deadline(q, deadline_ms);
        }
    }
    promise_send(q->home, p);
    queue_deliver_soon(q);
    loop_sim_enter(NULL);
}

static void walkers_let_go(struct world *w)
{
    for (unsigned slot = 0; slot < w->slot_count; slot++)
        walker_let_go(w, slot, false);
}

/* Also when the broker is dead: what was taken is simply there. */
static void walkers_end(struct world *w)
{
    for (unsigned slot = 0; slot < w->slot_count; slot++) {
        struct walker *walker = &w->walkers[slot];
        while (walker->taken_count > 0)
            w->slots[slot].copies[walker->taken[--walker->taken_count].copy].holder = NULL;
        browse_close(&walker->browse);
    }
}

static void purge(struct world *w, unsigned slot)
{
    walker_let_go(w, slot, false);
    struct slot *s = &w->slots[slot];
    struct queue_call call = call_home(w, slot, queue_call_purge);
    s->has_purge = true;
    step(w, "queue %u is purged of %" PRIu64 " messages", slot, call.ready);
    for (size_t i = 0; i < s->count; i++) {
        struct copy *copy = &s->copies[i];
        if (copy->holder || copy->gone != NOT_GONE || copy->expect == NOT_THERE)
            continue;
        if (copy->is_placed && !s->has_mail)
            copy->gone = PURGED;
        else
            copy->expect =
                MAYBE_THERE; /* it may have come before the purge, or gone back behind it */
    }
}

static bool is_busy(const struct queue *q)
{
    bool any = false;
    for (unsigned i = 0; i < q->lane_count; i++)
        any |= pager_is_busy(queue_lane(q, i));
    return any;
}

/* Purges whose snapshots are done are promised to last. */
static void promise_purges(struct world *w)
{
    for (unsigned slot = 0; slot < w->slot_count; slot++) {
        struct slot *s = &w->slots[slot];
        if (!s->has_purge || s->is_deleted || is_busy(s->queue))
            continue;
        struct promise *p = promise_make(w, slot, s->count);
        for (size_t i = 0; i < s->count; i++) {
            if (s->copies[i].gone == PURGED)
                promise_add(p, &s->copies[i]);
        }
        s->has_purge = false;
        loop_sim_enter(s->queue->home);
        promise_send(s->queue->home, p);
        loop_sim_enter(NULL);
    }
}

static void delete_queue(struct world *w, unsigned slot)
{
    walker_let_go(w, slot, false);
    struct slot *s = &w->slots[slot];
    struct queue_call call = call_home(w, slot, queue_call_delete);
    step(w, "queue %u is deleted with %" PRIu64 " messages", slot, call.ready);
    s->is_deleted = true;
    for (unsigned i = 0; i < w->client_count; i++) {
        struct client *client = w->clients[i];
        for (size_t h = 0; client->slot == slot && h < client->held_count; h++) {
            s->copies[client->held[h].copy].holder = NULL;
            client->held[h].is_orphan = true;
        }
    }
    struct promise *p = promise_make(w, slot, 0);
    p->is_deletion = true;
    loop_sim_enter(s->queue->home);
    promise_send(s->queue->home, p);
    loop_sim_enter(NULL);
}

static void force_snapshot(struct world *w, unsigned slot)
{
    struct slot *s = &w->slots[slot];
    if (!s->is_durable)
        return;
    step(w, "queue %u is asked for a snapshot", slot);
    loop_sim_enter(s->queue->home);
    pager_snapshot(queue_lane(s->queue, (unsigned)below(w, s->queue->lane_count)));
    loop_sim_enter(NULL);
}

/* --- time ------------------------------------------------------------------------------------------------- */

static bool is_cut(const struct world *w)
{
    return disk_sim_is_cut(w->disk);
}

/* What could not be read back may be anything that nobody holds. */
static void note_losses(struct slot *s)
{
    if (s->queue->counters.lost == s->lost)
        return;
    s->lost = s->queue->counters.lost;
    for (size_t i = 0; i < s->count; i++) {
        /* A walker may have taken it where it stands: on the disk. */
        const struct client *holder = s->copies[i].holder;
        if (s->copies[i].expect == THERE && (!holder || holder == &walker_holds))
            s->copies[i].expect = MAYBE_THERE;
    }
}

static void note_paging(struct world *w)
{
    for (unsigned i = 0; i < w->slot_count; i++) {
        struct slot *s = &w->slots[i];
        for (unsigned n = 0; !s->is_deleted && n < s->queue->lane_count; n++)
            w->was_paged |= backlog_has_disk(&queue_lane(s->queue, n)->backlog);
        note_losses(s);
    }
}

/* Somebody waits for room on the disk, which is there, or for a file that will not fail again. */
static bool has_retries(const struct world *w)
{
    for (unsigned i = 0; i < loops_count(w->loops); i++) {
        const struct persist_loop *p = persist_of(loops_at(w->loops, i));
        if (p && !lv_list_is_empty(&p->retries))
            return true;
    }
    return false;
}

static bool has_remote_clients(const struct world *w, unsigned slot)
{
    for (unsigned i = 0; i < w->client_count; i++) {
        const struct consumer *c = w->clients[i]->consumer;
        if (w->clients[i]->slot == slot && c && c->loop != c->queue->home)
            return true;
    }
    return false;
}

/* Everything goes on until nothing is left to do, or the power goes. What is purged and was on its way
 * has come by then. */
static void rest(struct world *w)
{
    unsigned rounds = 0;
    bool any = true;
    while (any && !is_cut(w)) {
        if (rounds++ > REST_ROUNDS_MAX)
            fail(w, "the broker does not come to rest");
        any = loop_sim_turn(w->loops);
        if (one_in(w, 2))
            any |= log_step(w->persist->log);
        if (!is_cut(w))
            any |= segments_step(w->persist->segments);
        if (!any && !is_cut(w))
            any = log_step(w->persist->log);
        if (!any && !is_cut(w) && has_retries(w)) {
            loop_sim_advance(w->loops, 1000);
            any = true;
        }
        promise_purges(w);
        promises_look(w, false);
        note_paging(w);
    }
    for (unsigned slot = 0; !is_cut(w) && slot < w->slot_count; slot++) {
        struct slot *s = &w->slots[slot];
        s->has_mail = has_remote_clients(w, slot);
        for (size_t i = 0; i < s->count; i++) {
            s->copies[i].is_placed = true;
            if (s->copies[i].gone == PURGED && !s->has_purge)
                s->copies[i].gone = GONE;
        }
    }
}

static void some_time(struct world *w)
{
    unsigned rounds = 1 + (unsigned)below(w, 6);
    for (unsigned i = 0; i < rounds && !is_cut(w); i++) {
        switch (below(w, 4)) {
        case 0: log_step(w->persist->log); break;
        case 1: segments_step(w->persist->segments); break;
        default: loop_sim_turn(w->loops); break;
        }
        if (!is_cut(w) && has_retries(w) && one_in(w, 8))
            loop_sim_advance(w->loops, 400);
    }
    if (!is_cut(w))
        promise_purges(w);
    promises_look(w, false);
    note_paging(w);
}

/* --- verifying ------------------------------------------------------------------------------------------- */

static void check_answers(struct world *w)
{
    for (uint32_t i = 0; i < w->model_count; i++) {
        const struct model *model = &w->models[i];
        if (model->life == w->life && model->answers != model->answers_due)
            fail(w, "message %u has %u answers of %u", i, model->answers, model->answers_due);
    }
}

static void check_status(struct world *w, unsigned slot, uint64_t ready, uint64_t ready_bytes,
                         uint64_t taken, uint64_t taken_bytes)
{
    struct queue_call call = call_home(w, slot, queue_call_status);
    if (call.ready != ready || call.taken != taken)
        fail(w,
             "queue %u counts %" PRIu64 " ready and %" PRIu64 " taken, there are %" PRIu64
             " and %" PRIu64,
             slot, call.ready, call.taken, ready, taken);
    if (call.ready_bytes != ready_bytes || call.taken_bytes != taken_bytes)
        fail(w,
             "queue %u counts %" PRIu64 " bytes ready and %" PRIu64 " taken, there are %" PRIu64
             " and %" PRIu64,
             slot, call.ready_bytes, call.taken_bytes, ready_bytes, taken_bytes);
}

/* The higher priority first, then by sequence number. */
static bool is_behind(uint64_t place, uint64_t before)
{
    return place_priority(place) == place_priority(before)
               ? place > before
               : place_priority(place) < place_priority(before);
}

/* What the queue held, in order: all that should be, and nothing else. */
static void check_held(struct world *w, unsigned slot, const struct client *client,
                       uint64_t *ret_bytes)
{
    struct slot *s = &w->slots[slot];
    uint64_t newest[LOOPS_WORLD_MAX][PRIORITIES] = {0};
    *ret_bytes = 0;
    for (size_t i = 0; i < client->held_count; i++) {
        const struct held *held = &client->held[i];
        const struct copy *copy = &s->copies[held->copy];
        const struct model *model = &w->models[copy->message];
        uint64_t *last = &newest[model->publisher][priority_of(w, slot, copy->message)];
        if (i > 0 && !is_behind(held->sequence, client->held[i - 1].sequence))
            fail(w, "queue %u: place %" PRIu64 " comes behind %" PRIu64, slot, held->sequence,
                 client->held[i - 1].sequence);
        if (*last > copy->message)
            fail(w, "queue %u: message %u stands behind %" PRIu64, slot, copy->message, *last);
        *last = copy->message;
        *ret_bytes += model->body_bytes;
    }
    for (size_t i = 0; i < s->count; i++) {
        struct copy *copy = &s->copies[i];
        if (copy->holder || copy->gone != NOT_GONE || copy->expect == NOT_THERE)
            continue;
        if (copy->expect == THERE && !w->models[copy->message].is_refused &&
            !may_be_over(w, copy->message))
            fail(w, "message %u is lost from queue %u%s", copy->message, slot,
                 w->models[copy->message].is_persistent ? "" : " (it is transient)");
        copy->gone = GONE;
    }
    w->counts->drained += client->held_count;
}

/* Everything that is ready, as a browse sees it. */
struct seen {
    uint64_t *places;
    size_t count, capacity;
};

static void see_all(struct world *w, unsigned slot, struct seen *ret)
{
    struct queue *q = w->slots[slot].queue;
    struct walker waiting = {0};
    struct browse_options options = {.is_bounded = true, .wake = walker_wakes, .arg = &waiting};
    struct browse_item item;
    loop_sim_enter(q->home);
    struct browse *browse = browse_open(q, &options);
    for (;;) {
        enum browse_result result = browse_peek(browse, &item);
        if (result == BROWSE_WAIT) {
            loop_sim_enter(NULL);
            unsigned wakes = waiting.wakes;
            while (waiting.wakes == wakes && !is_cut(w))
                rest(w);
            loop_sim_enter(q->home);
            if (is_cut(w))
                break;
            continue;
        }
        if (result != BROWSE_ITEM)
            break;
        struct message *m = browse_message(browse);
        check_seen(w, slot, &item, m);
        message_unref(&m);
        if (ret->count == ret->capacity) {
            ret->capacity = ret->capacity ? ret->capacity * 2 : 64;
            ret->places = lv_realloc(ret->places, ret->capacity * sizeof *ret->places);
        }
        ret->places[ret->count++] = item.place;
        browse_pass(browse);
    }
    browse_close(&browse);
    loop_sim_enter(NULL);
}

static void check_seen_all(struct world *w, unsigned slot, const struct client *client,
                           const struct seen *seen)
{
    for (size_t i = 0; i < seen->count && i < client->held_count; i++)
        if (seen->places[i] != client->held[i].sequence)
            fail(w, "queue %u: place %" PRIu64 " was seen where %" PRIu64 " is", slot,
                 seen->places[i], client->held[i].sequence);
    if (seen->count != client->held_count)
        fail(w, "queue %u: %zu messages were seen, %zu were there", slot, seen->count,
             client->held_count);
}

static void calm(struct world *w)
{
    disk_sim_fail_at(w->disk, 0, 0);
    disk_sim_set_room(w->disk, UINT64_MAX);
    walkers_let_go(w);
    for (unsigned i = 0; i < w->client_count; i++)
        cancel(w->clients[i]);
    rest(w);
    for (unsigned i = 0; !is_cut(w) && i < w->client_count; i++)
        requeue_all(w->clients[i]);
    rest(w);
}

static bool estimates_bytes(const struct queue *q)
{
    bool any = false;
    for (unsigned i = 0; i < q->lane_count; i++)
        any |= pager_estimates_bytes(queue_lane(q, i));
    return any;
}

static void verify_slot(struct world *w, unsigned slot, bool is_last)
{
    struct queue_call before = call_home(w, slot, queue_call_status);
    const uint64_t then = now_ms(w);
    bool is_estimate = estimates_bytes(w->slots[slot].queue);
    struct seen seen = {0};
    see_all(w, slot, &seen);
    struct client *client = consume(w, slot, false, 0, true);
    uint64_t bytes;
    rest(w);
    if (is_cut(w)) {
        free(seen.places);
        return;
    }
    step(w, "queue %u has %" PRIu64 " messages", slot, before.ready);
    check_held(w, slot, client, &bytes);
    uint64_t lost = w->slots[slot].queue->counters.lost - before.counters.lost;
    if (lost == 0 && now_ms(w) == then)
        check_seen_all(w, slot, client, &seen);
    free(seen.places);
    if (now_ms(w) != then)
        lost = before.ready - client->held_count; /* some may have expired meanwhile */
    if (before.ready != client->held_count + lost || before.taken != 0)
        fail(w, "queue %u counted %" PRIu64 " ready and %" PRIu64 " taken, there were %zu", slot,
             before.ready, before.taken, client->held_count);
    if (before.ready_bytes != bytes && !is_estimate && lost == 0)
        fail(w, "queue %u counted %" PRIu64 " bytes, there were %" PRIu64, slot, before.ready_bytes,
             bytes);
    check_status(w, slot, 0, 0, client->held_count, bytes);
    cancel(client);
    while (client->held_count > 0)
        settle(client, below(w, client->held_count), 1 + below(w, 100),
               is_last ? SETTLE_ACK : SETTLE_REQUEUE);
    rest(w);
    if (!is_cut(w) && (now_ms(w) == then || is_last)) /* else some may have expired */
        check_status(w, slot, is_last ? 0 : before.ready - lost, is_last ? 0 : bytes, 0, 0);
}

/* Compares everything with the model. */
static void verify(struct world *w, bool is_last)
{
    step(w, "everything is compared%s", is_last ? " and settled" : "");
    calm(w);
    if (!is_cut(w))
        check_answers(w);
    for (unsigned slot = 0; slot < w->slot_count && !is_cut(w); slot++) {
        if (!w->slots[slot].is_deleted && w->client_count < CLIENTS_MAX)
            verify_slot(w, slot, is_last);
    }
}

/* --- lives ------------------------------------------------------------------------------------------------ */

static void slot_begin(struct world *w, unsigned slot)
{
    static const char *const names[SLOTS_MAX] = {"a", "b", "c", "d", "e"};
    struct slot *s = &w->slots[slot];
    if (s->id == 0) {
        s->id = w->next_queue_id++;
        s->first_message = w->model_count;
        s->count = 0;
    }
    s->is_deleted = s->is_deletion_safe = s->has_purge = s->has_mail = false;
    s->lost = 0;
    static const char priorities[] = "\x0ex-max-priorityb\x03";
    struct slice arguments =
        s->has_priorities ? slice_of(priorities, sizeof priorities - 1) : SLICE_EMPTY;
    s->queue =
        queue_ref(queue_restore(w->vhost, slice_str(names[slot]),
                                (struct queue_flags){.durable = s->is_durable}, arguments, s->id));
}

static int life_open(struct world *w)
{
    unsigned loops = 1 + (unsigned)below(w, LOOPS_WORLD_MAX);
    struct log_recovery recovery;
    w->life++;
    w->counts->lives++;
    w->is_dead = false;
    w->client_count = 0;
    w->loops = loop_sim_create(loops, below(w, UINT32_MAX));
    w->epoch_ms = now_ms(w);
    loop_sim_advance(w->loops, w->elapsed_ms);
    w->broker = broker_create(w->loops, NULL);
    if (vhost_create(w->broker, slice_str("/"), false, (struct durable_done){0}, &w->vhost) !=
        CHANGE_DONE)
        fail(w, "no vhost");
    for (unsigned i = 0; i < loops; i++)
        w->sinks[i] = (struct sink){{loops_at(w->loops, i), on_answer}, w};
    for (unsigned i = 0; i < w->slot_count; i++)
        slot_begin(w, i);
    const struct persist_options options = {
        .disk = disk_sim_port(w->disk),
        .file_bytes = w->file_bytes,
        .durability = w->durability,
        .is_stepped = true,
        .limits = &w->limits,
    };
    int err = persist_open(w->broker, &options, &recovery, &w->persist);
    if (err == 0 && recovery.broken_places > 0)
        fail(w, "recovery finds %" PRIu64 " damaged places", recovery.broken_places);
    step(w, "life %u with %u loops: %s, %" PRIu64 " records", w->life, loops, lv_error_text(err),
         err < 0 ? 0 : recovery.records);
    return err;
}

static void clients_end(struct world *w)
{
    walkers_end(w);
    for (unsigned i = 0; i < w->client_count; i++)
        cancel(w->clients[i]);
    for (unsigned i = 0; i < w->client_count; i++)
        requeue_all(w->clients[i]);
}

static void clients_free(struct world *w)
{
    for (unsigned i = 0; i < w->client_count; i++) {
        if (w->clients[i]->consumer)
            fail(w, "client %u is not released", i);
        free(w->clients[i]->held);
        free(w->clients[i]);
    }
    if (w->calls_open > 0)
        fail(w, "%u calls have no answer", w->calls_open);
}

/* What of the queues must, may, cannot be there in the next life. */
static void foresee(struct world *w, bool is_clean)
{
    for (unsigned slot = 0; slot < w->slot_count; slot++) {
        struct slot *s = &w->slots[slot];
        for (size_t i = 0; i < s->count; i++) {
            struct copy *copy = &s->copies[i];
            const struct model *model = &w->models[copy->message];
            bool is_new = model->life == w->life;
            bool is_confirmed = model->answers == model->answers_due && !model->is_refused;
            if (!s->is_durable || !model->is_persistent || copy->gone == GONE_SAFE ||
                s->is_deletion_safe)
                copy->expect = NOT_THERE;
            else if (copy->expect == THERE &&
                     (copy->gone != NOT_GONE || s->is_deleted ||
                      (is_new && !is_confirmed && !(is_clean && copy->is_placed))))
                copy->expect = MAYBE_THERE;
            copy->gone = NOT_GONE;
            copy->holder = NULL;
            copy->is_placed = true;
        }
        /* Its definition may have outlived it, when the deletion was not committed. */
        if (!s->is_durable || (s->is_deleted && one_in(w, 2)))
            s->id = 0;
        for (size_t i = 0; s->id == 0 && i < s->count; i++)
            w->models[s->copies[i].message].copy_of[slot] = 0;
    }
}

static void life_end(struct world *w, bool is_clean)
{
    clients_end(w);
    w->elapsed_ms = now_ms(w) - w->epoch_ms + below(w, 3000);
    persist_close(&w->persist);
    loops_drain(w->loops);
    promises_look(w, true);
    w->is_dead = true;
    for (unsigned i = 0; i < w->client_count; i++)
        requeue_all(w->clients[i]);
    for (unsigned i = 0; i < w->slot_count; i++)
        queue_unref(&w->slots[i].queue);
    broker_free(&w->broker);
    loops_free(&w->loops);
    lv_rcu_barrier();
    clients_free(w);
    foresee(w, is_clean);
    disk_sim_restart(w->disk);
    disk_sim_set_room(w->disk, UINT64_MAX);
}

static void crash(struct world *w)
{
    if (!is_cut(w) && (w->durability != LOG_SYNC || one_in(w, 3))) {
        step(w, "the process dies");
        disk_sim_kill(w->disk);
    } else {
        step(w, "the power goes");
        disk_sim_cut_power(w->disk);
    }
    w->is_dead = true;
    w->counts->crashes++;
    life_end(w, false);
}

static void stop(struct world *w)
{
    step(w, "the broker is stopped");
    disk_sim_fail_at(w->disk, 0, 0);
    disk_sim_set_room(w->disk, UINT64_MAX);
    disk_sim_cut_power_at(w->disk, 0);
    bool was_clean = log_failure(w->persist->log) == 0;
    life_end(w, was_clean);
}

/* --- what may happen --------------------------------------------------------------------------------------- */

static unsigned any_slot(struct world *w)
{
    return (unsigned)below(w, w->slot_count);
}

static struct client *any_client(struct world *w)
{
    struct client *client = w->client_count ? w->clients[below(w, w->client_count)] : NULL;
    return client && client->consumer ? client : NULL;
}

static void settle_some(struct world *w)
{
    struct client *client = any_client(w);
    if (!client || client->held_count == 0)
        return;
    enum settle_kind kind = one_in(w, 3)   ? SETTLE_REQUEUE
                            : one_in(w, 4) ? SETTLE_REJECT
                                           : SETTLE_ACK;
    unsigned runs = 1 + (unsigned)below(w, 4);
    while (runs-- > 0 && client->consumer && client->held_count > 0) {
        size_t at = below(w, client->held_count), most = 1 + below(w, 60);
        step(w, "client %u settles (%d) up to %zu from place %" PRIu64, client->number, (int)kind,
             most, client->held[at].sequence);
        settle(client, at, most, kind);
    }
}

static void resume_some(struct world *w)
{
    for (unsigned i = 0; i < w->client_count; i++) {
        struct client *client = w->clients[i];
        if (!client->is_full || !client->is_open || client->consumer->is_closed)
            continue;
        client->is_full = false;
        loop_sim_enter(client->consumer->loop);
        consumer_resume(client->consumer);
        loop_sim_enter(NULL);
    }
}

static void hurt_disk(struct world *w)
{
    uint64_t call = disk_sim_calls(w->disk) + 1 + below(w, 40);
    w->counts->faults++;
    switch (below(w, 6)) {
    case 0:
        step(w, "call %" PRIu64 " of the disk will find no descriptor", call);
        disk_sim_fail_at(w->disk, call, ERR_NO_DESCRIPTORS);
        break;
    case 1:
        step(w, "memory is %s", w->broker->is_short_of_memory ? "plenty" : "short");
        w->broker->is_short_of_memory = !w->broker->is_short_of_memory;
        break;
    case 2:
        step(w, "call %" PRIu64 " of the disk will fail", call);
        disk_sim_fail_at(w->disk, call, ERR_IO);
        break;
    case 3:
        step(w, "call %" PRIu64 " of the disk will find no room", call);
        disk_sim_fail_at(w->disk, call, ERR_NO_SPACE);
        break;
    case 4:
        step(w, "the disk is full");
        disk_sim_set_room(w->disk, disk_sim_used(w->disk) + below(w, 2000));
        break;
    default:
        step(w, "the disk has room");
        disk_sim_set_room(w->disk, UINT64_MAX);
        break;
    }
}

/* Once nothing is on its way: else nobody knows when it arrives. */
static void time_passes(struct world *w)
{
    disk_sim_set_room(w->disk, UINT64_MAX);
    rest(w);
    if (is_cut(w))
        return;
    uint64_t ms = below(w, PICK(w, 20, 2000, 30000));
    step(w, "%" PRIu64 " ms pass", ms);
    loop_sim_advance(w->loops, ms);
}

enum happening {
    PUBLISH_ONE,
    PUBLISH_MANY,
    CONSUME,
    GET,
    SETTLE,
    CANCEL,
    RESUME,
    PURGE,
    SNAPSHOT,
    DELETE,
    HURT,
    TIME,
    WALK,
    LET_GO,
    HAPPENINGS
};

static void something_happens(struct world *w)
{
    unsigned all = 0;
    for (unsigned i = 0; i < HAPPENINGS; i++)
        all += w->weights[i];
    unsigned choice = (unsigned)below(w, all), what = 0;
    while (choice >= w->weights[what])
        choice -= w->weights[what++];
    unsigned slot = any_slot(w);
    bool has_slot = !w->slots[slot].is_deleted;
    bool has_room = w->client_count + w->slot_count < CLIENTS_MAX;
    struct client *client;
    switch ((enum happening)what) {
    case PUBLISH_ONE: publish(w, 1); break;
    case PUBLISH_MANY: publish(w, 1 + (unsigned)below(w, w->many)); break;
    case CONSUME:
        if (has_slot && has_room)
            consume(w, slot, one_in(w, 6), one_in(w, 2) ? 0 : 1 + (uint32_t)below(w, 100), false);
        break;
    case GET:
        if (has_slot && has_room)
            get(w, slot, one_in(w, 2));
        break;
    case SETTLE: settle_some(w); break;
    case CANCEL:
        client = any_client(w);
        if (client)
            cancel(client);
        if (client && client->consumer && one_in(w, 2))
            requeue_all(client);
        break;
    case RESUME: resume_some(w); break;
    case PURGE:
        if (has_slot)
            purge(w, slot);
        break;
    case SNAPSHOT:
        if (has_slot)
            force_snapshot(w, slot);
        break;
    case DELETE:
        if (has_slot)
            delete_queue(w, slot);
        break;
    case HURT: hurt_disk(w); break;
    case TIME: time_passes(w); break;
    case WALK:
        if (has_slot)
            walk(w, slot);
        break;
    case LET_GO:
        if (has_slot)
            walker_let_go(w, slot, true);
        break;
    case HAPPENINGS: lv_unreachable();
    }
}

static void choose(struct world *w)
{
    static const unsigned usual[HAPPENINGS] = {
        [PUBLISH_ONE] = 10, [PUBLISH_MANY] = 10, [CONSUME] = 4, [GET] = 4,      [SETTLE] = 20,
        [CANCEL] = 3,       [RESUME] = 4,        [PURGE] = 1,   [SNAPSHOT] = 2, [DELETE] = 0,
        [HURT] = 0,         [TIME] = 3,          [WALK] = 6,    [LET_GO] = 3,
    };
    for (unsigned i = 0; i < HAPPENINGS; i++)
        w->weights[i] = usual[i] * (unsigned)PICK(w, 0, 1, 1, 2, 5);
    w->weights[PUBLISH_ONE] += 1;
    w->weights[DELETE] = one_in(w, 8) ? 1 : 0;
    w->weights[HURT] = one_in(w, 3) ? (unsigned)PICK(w, 1, 2, 8) : 0;
    w->many = (unsigned)PICK(w, 3, 30, 80, 200);
    w->steps = (unsigned)PICK(w, 10, 30, 100);
    w->large_every = (unsigned)PICK(w, 0, 0, 300, 50);
    w->transient_percent = (unsigned)PICK(w, 0, 0, 10, 50);
    w->ttl_percent = (unsigned)PICK(w, 0, 10, 50, 100);
    w->file_bytes = PICK(w, 4096, 8192, 16384, 65536);
    w->limits.pager.memory_high = PICK(w, 600, 4000, 20000, 200000);
    w->limits.pager.memory_low = w->limits.pager.memory_high / PICK(w, 1, 2, 4);
    w->limits.pager.ahead_bytes = w->limits.pager.memory_high * 2;
    w->limits.pager.ahead_chunks = PICK(w, 1, 2, 8);
    w->limits.pager.segment_bytes = PICK(w, 1000, 8000, 64000);
    w->limits.pager.block_bytes = PICK(w, 200, 2000, 20000);
    w->limits.pager.write_bytes = PICK(w, 1, 1000, 10000);
    w->limits.pager.read_bytes = PICK(w, 100, 2000, 30000);
    w->limits.pager.flight_bytes = PICK(w, 500, 5000, 100000);
    w->limits.pager.carry_bytes = PICK(w, 0, 1000, 64000);
    w->limits.delivered_ahead = PICK(w, 1, 8, 100, 8192);
    w->limits.files_kept = PICK(w, 1, 2);
    w->durability = one_in(w, 8) ? (enum log_durability)PICK(w, LOG_INTERVAL, LOG_NEVER) : LOG_SYNC;
    w->slot_count = 1 + (unsigned)below(w, SLOTS_MAX);
    w->next_queue_id = 1;
    for (unsigned i = 0; i < w->slot_count; i++) {
        w->slots[i].is_durable = i == 0 || !one_in(w, 4);
        w->slots[i].has_priorities = one_in(w, 3);
    }
}

/* A life, up to its end. */
static void live(struct world *w)
{
    if (w->durability == LOG_SYNC &&
        one_in(w, 4)) /* the power goes at some call of the recovery, perhaps */
        disk_sim_cut_power_at(w->disk, disk_sim_calls(w->disk) + 1 + below(w, 60));
    int err = life_open(w);
    if (is_cut(w)) {
        crash(w);
        return;
    }
    if (err < 0)
        fail(w, "the store does not open: %s", lv_error_text(err));
    disk_sim_cut_power_at(w->disk, 0);
    if (one_in(w, 2))
        verify(w, false);
    if (w->durability == LOG_SYNC && !one_in(w, 3))
        disk_sim_cut_power_at(w->disk,
                              disk_sim_calls(w->disk) + 1 + below(w, PICK(w, 20, 100, 500)));
    for (unsigned i = 5 + (unsigned)below(w, w->steps); i > 0 && !is_cut(w); i--) {
        something_happens(w);
        if (!one_in(w, 4))
            some_time(w);
    }
    if (!is_cut(w) && one_in(w, 3))
        verify(w, false);
    if (!is_cut(w) && one_in(w, 4))
        stop(w);
    else
        crash(w);
}

/* --- the end ------------------------------------------------------------------------------------------------ */

struct usage {
    uint64_t files;
    uint64_t bytes;
};

static void count_file(void *arg, const char *name, uint64_t bytes)
{
    (void)name;
    struct usage *usage = arg;
    usage->files++;
    usage->bytes += bytes;
}

static struct usage usage_of(struct world *w, const char *folder)
{
    struct disk *port = disk_sim_port(w->disk);
    struct usage usage = {0};
    if (port->list(port, folder, count_file, &usage) < 0)
        fail(w, "cannot list %s", folder);
    return usage;
}

/* The log moves on a few files, and what nobody needs goes. */
static void move_log_on(struct world *w)
{
    uint64_t until = log_current_file(w->persist->log) + w->limits.files_kept + 3;
    while (log_current_file(w->persist->log) < until && w->model_count < MESSAGES_MAX) {
        uint32_t number = model_add(w, 0);
        struct model *model = &w->models[number];
        model->is_persistent = true;
        model->has_ttl = false;
        model->body_bytes = (uint32_t)w->file_bytes / 4;
        struct message *m = make_message(w, number);
        loop_sim_enter(loops_at(w->loops, 0));
        publish_to(w, loops_at(w->loops, 0), 0, number, m);
        loop_sim_enter(NULL);
        message_unref(&m);
        rest(w);
        if (!w->clients[w->client_count - 1]->held_count)
            fail(w, "the last messages do not come");
        settle(w->clients[w->client_count - 1], 0, 1, SETTLE_ACK);
    }
    rest(w);
}

static void last_life(struct world *w)
{
    int err = life_open(w);
    if (err < 0)
        fail(w, "the store does not open: %s", lv_error_text(err));
    disk_sim_cut_power_at(w->disk, 0);
    verify(w, false);
    verify(w, true);
    w->limits.pager.memory_high = SIZE_MAX;
    consume(w, 0, false, 0, true);
    rest(w);
    move_log_on(w);
    struct usage segments = usage_of(w, "segments"), log = usage_of(w, "log");
    step(w, "%" PRIu64 " segments and %" PRIu64 " files of the log are left", segments.files,
         log.files);
    if (segments.files > 0)
        fail(w, "%" PRIu64 " segments are left", segments.files);
    /* The current file, the next, those kept, the spares, and one that is about to go. */
    if (log.files > w->limits.files_kept + 7)
        fail(w, "%" PRIu64 " files of the log are left", log.files);
    cancel(w->clients[w->client_count - 1]);
    stop(w);
}

void store_world_run(uint64_t seed, struct store_world_counts *counts)
{
    static struct world world;
    static struct model models[MESSAGES_MAX + 64];
    static char text[TEXT_BYTES];
    struct world *w = &world;
    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->random = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15);
    w->random = w->random ? w->random : 1;
    w->counts = counts;
    w->models = models;
    w->text = text;
    w->disk = disk_sim_create(seed);
    running = w;
    signal(SIGABRT, on_abort);
#ifndef HAS_ASAN /* which tells more of it */
    signal(SIGSEGV, on_abort);
#endif
    log_set_level(store_world_is_verbose ? LOG_DEBUG : LOG_NONE);
    choose(w);
    for (unsigned lives = 1 + (unsigned)below(w, 5); lives > 0; lives--)
        live(w);
    last_life(w);
    disk_sim_free(&w->disk);
    for (unsigned i = 0; i < SLOTS_MAX; i++)
        free(w->slots[i].copies);
    counts->worlds++;
    counts->paged += w->was_paged;
    running = NULL;
}
