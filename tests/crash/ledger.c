/* The ledger: messages made from numbers, their states, and what is wrong with what was seen. */
#include "ledger.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMPLAINTS_SHOWN = 40, POOL_BYTES = 16 * 1024 * 1024 };

/* The state of a message in one of its queues, and flags. */
enum { THERE, TAKEN, GOING, MAYBE, GONE, STATE_MASK = 7 };
enum {
    SEEN = 8,      /* it was delivered once */
    REQUIRED = 16, /* it was confirmed, or found after a restart */
    FOUND = 32,    /* it was found by the reading of its queue that is under way */
};

struct entry {
    uint8_t copy[TARGETS_MAX]; /* one in each of its queues */
};

struct publisher {
    uint64_t base; /* messages with lower numbers are GONE in all queues */
    uint64_t next;
    struct entry *entries; /* of [base, next) */
    size_t capacity;
};

struct ledger {
    pthread_mutex_t mutex;
    uint64_t seed;
    uint8_t *pool; /* bodies are pieces of it */
    struct publisher publishers[PUBLISHERS];
    struct ledger_counts counts;
    unsigned complaints;
    uint64_t gambles[QUEUES];  /* messages requested without acknowledgement, and not received */
    uint64_t bytes[QUEUES];    /* found by the last reading */
    uint64_t last[PUBLISHERS]; /* 1 + the last number that the present reading has found */
};

/* --- messages --------------------------------------------------------------------------------- */

static const char *const queue_names[QUEUES] = {
    "crash.0", "crash.1", "crash.2", "crash.3",  "crash.4",  "crash.5",      "crash.6",
    "crash.7", "crash.8", "crash.9", "crash.10", "crash.11", "crash.purged", "crash.deleted"};
static const char *const exchange_names[EXCHANGES] = {"crash.even", "crash.odd"};
static const unsigned bound[EXCHANGES][TARGETS_MAX] = {{0, 1, 2, 3}, {2, 5, 9, 10}};

const char *ledger_queue_name(unsigned queue)
{
    return queue_names[queue];
}

const char *ledger_exchange_name(unsigned exchange)
{
    return exchange_names[exchange];
}

unsigned ledger_bound(unsigned exchange, unsigned ret_queues[TARGETS_MAX])
{
    memcpy(ret_queues, bound[exchange], sizeof bound[exchange]);
    return TARGETS_MAX;
}

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static size_t between(uint64_t chance, size_t from, size_t to)
{
    return from + chance % (to - from + 1);
}

/* The first publisher sends many small messages, the others some of every size. */
static size_t body_size_of(unsigned publisher, uint64_t h)
{
    uint64_t kind = h % 2000;
    h = mix(h);
    if (publisher == 0 || kind < 1000)
        return between(h, 1, 100);
    if (kind < 1700)
        return between(h, 0, 4096);
    if (kind < 1960)
        return between(h, 4096, 65536);
    if (kind < 1996)
        return between(h, 65536, 1024 * 1024);
    return between(h, 1024 * 1024, BODY_BYTES_MAX);
}

static void letter_choose_targets(struct letter *m, uint64_t h)
{
    m->exchange = "";
    m->target_count = 1;
    if (m->publisher == PUBLISHER_PURGER || m->publisher == PUBLISHER_DELETER) {
        m->targets[0] = m->publisher == PUBLISHER_PURGER ? QUEUE_PURGED : QUEUE_DELETED;
        m->key = queue_names[m->targets[0]];
    } else if (h % 10 < 7) {
        m->targets[0] = (unsigned)(h / 10 % SHARED_QUEUES);
        m->key = queue_names[m->targets[0]];
    } else {
        unsigned exchange = (unsigned)(h / 10 % EXCHANGES);
        m->exchange = exchange_names[exchange];
        m->key = "";
        m->target_count = ledger_bound(exchange, m->targets);
    }
}

static struct letter letter_of(const struct ledger *l, unsigned publisher, uint64_t number)
{
    uint64_t h = mix(l->seed ^ mix(number * PUBLISHERS + publisher));
    struct letter m = {.publisher = publisher, .number = number, .is_persistent = h % 16 != 0};
    h = mix(h);
    letter_choose_targets(&m, h);
    m.body_bytes = body_size_of(publisher, mix(h + 1));
    m.body = l->pool + mix(h + 2) % (POOL_BYTES - BODY_BYTES_MAX);
    return m;
}

/* --- the ledger ------------------------------------------------------------------------------- */

struct ledger *ledger_create(uint64_t seed)
{
    struct ledger *l = calloc(1, sizeof *l);
    if (!l || !(l->pool = malloc(POOL_BYTES)))
        abort();
    pthread_mutex_init(&l->mutex, NULL);
    l->seed = mix(seed);
    for (size_t i = 0; i < POOL_BYTES; i += 8) {
        uint64_t word = mix(l->seed + i);
        memcpy(l->pool + i, &word, 8);
    }
    return l;
}

void ledger_free(struct ledger **ledger)
{
    struct ledger *l = *ledger;
    *ledger = NULL;
    for (unsigned p = 0; p < PUBLISHERS; p++)
        free(l->publishers[p].entries);
    pthread_mutex_destroy(&l->mutex);
    free(l->pool);
    free(l);
}

static void lock(struct ledger *l)
{
    pthread_mutex_lock(&l->mutex);
}

static void unlock(struct ledger *l)
{
    pthread_mutex_unlock(&l->mutex);
}

struct ledger_counts ledger_counts(struct ledger *l)
{
    lock(l);
    struct ledger_counts counts = l->counts;
    unlock(l);
    return counts;
}

static void ledger_print(struct ledger *l, const char *format, va_list list)
{
    if (l->complaints++ >= COMPLAINTS_SHOWN)
        return;
    fputs("WRONG: ", stdout);
    vprintf(format, list);
    putchar('\n');
    fflush(stdout);
}

void ledger_complain(struct ledger *l, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    lock(l);
    l->counts.other++;
    ledger_print(l, format, list);
    unlock(l);
    va_end(list);
}

/* Counts a fault of a message in *count, one of l->counts, and prints it. The lock is held. */
__attribute__((format(printf, 5, 6))) static void ledger_blame(struct ledger *l, uint64_t *count,
                                                               unsigned queue,
                                                               const struct receipt *r,
                                                               const char *format, ...)
{
    char what[200];
    va_list list;
    ++*count;
    if (l->complaints++ >= COMPLAINTS_SHOWN)
        return;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    printf("WRONG: queue %s, message %u.%llu: %s\n", queue_names[queue], r->publisher,
           (unsigned long long)r->number, what);
    fflush(stdout);
}

static uint8_t *copy_of(struct ledger *l, const struct receipt *r)
{
    struct publisher *p = &l->publishers[r->publisher];
    return r->number < p->base ? NULL : &p->entries[r->number - p->base].copy[r->target];
}

static unsigned state_of(const uint8_t *copy)
{
    return copy ? *copy & STATE_MASK : GONE;
}

static void set_state(uint8_t *copy, unsigned state)
{
    *copy = (uint8_t)((*copy & ~(unsigned)STATE_MASK) | state);
}

/* --- publishing ------------------------------------------------------------------------------- */

void ledger_publish(struct ledger *l, unsigned publisher, struct letter *ret)
{
    lock(l);
    struct publisher *p = &l->publishers[publisher];
    size_t at = p->next - p->base;
    if (at == p->capacity) {
        p->capacity = p->capacity ? p->capacity * 2 : 4096;
        p->entries = realloc(p->entries, p->capacity * sizeof *p->entries);
        if (!p->entries)
            abort();
    }
    *ret = letter_of(l, publisher, p->next);
    for (unsigned t = 0; t < TARGETS_MAX; t++)
        p->entries[at].copy[t] = t < ret->target_count ? THERE : GONE;
    p->next++;
    l->counts.published++;
    unlock(l);
    snprintf(ret->message_id, sizeof ret->message_id, "%u.%llu", publisher,
             (unsigned long long)ret->number);
}

void ledger_confirm(struct ledger *l, unsigned publisher, uint64_t from, uint64_t to)
{
    lock(l);
    struct publisher *p = &l->publishers[publisher];
    for (uint64_t n = from; n <= to; n++) {
        l->counts.confirmed++;
        for (unsigned t = 0; t < TARGETS_MAX && n >= p->base; t++)
            p->entries[n - p->base].copy[t] |= REQUIRED;
    }
    unlock(l);
}

/* --- consuming -------------------------------------------------------------------------------- */

/* Finds out which message this is, and whether it is whole. The lock is held. */
static bool recognize(struct ledger *l, unsigned queue, const char *message_id, bool is_persistent,
                      const uint8_t *body, size_t body_bytes, struct receipt *ret)
{
    char *end = NULL;
    *ret = (struct receipt){.publisher = (unsigned)strtoul(message_id, &end, 10)};
    if (*end == '.')
        ret->number = strtoull(end + 1, &end, 10);
    if (*end || ret->publisher >= PUBLISHERS || ret->number >= l->publishers[ret->publisher].next) {
        ledger_blame(l, &l->counts.damaged, queue, ret, "'%s' was never published", message_id);
        return false;
    }
    struct letter m = letter_of(l, ret->publisher, ret->number);
    while (ret->target < m.target_count && m.targets[ret->target] != queue)
        ret->target++;
    if (ret->target == m.target_count) {
        ledger_blame(l, &l->counts.damaged, queue, ret, "is not for this queue");
        return false;
    }
    bool is_whole = m.body_bytes == body_bytes && m.is_persistent == is_persistent &&
                    (body_bytes == 0 || memcmp(m.body, body, body_bytes) == 0);
    if (!is_whole)
        ledger_blame(l, &l->counts.damaged, queue, ret, "damaged: %zu bytes where there were %zu",
                     body_bytes, m.body_bytes);
    return is_whole;
}

/* A message that was delivered before must be marked as redelivered. */
static void check_mark(struct ledger *l, unsigned queue, const struct receipt *r, uint8_t *copy,
                       bool redelivered)
{
    if ((*copy & SEEN) && !redelivered)
        ledger_blame(l, &l->counts.unmarked, queue, r,
                     "was delivered before and is not marked redelivered");
    *copy |= SEEN;
}

bool ledger_deliver(struct ledger *l, unsigned queue, const char *message_id, bool is_persistent,
                    const uint8_t *body, size_t body_bytes, bool redelivered, struct receipt *ret)
{
    lock(l);
    bool is_ours = recognize(l, queue, message_id, is_persistent, body, body_bytes, ret);
    l->counts.delivered++;
    if (is_ours) {
        uint8_t *copy = copy_of(l, ret);
        unsigned state = state_of(copy);
        if (state == GONE || state == GOING)
            ledger_blame(l, &l->counts.returned, queue, ret, "came again after it was settled%s",
                         state == GONE ? " for good" : "");
        else if (state == TAKEN)
            ledger_blame(l, &l->counts.twice, queue, ret, "came twice");
        if (copy) {
            check_mark(l, queue, ret, copy, redelivered);
            set_state(copy, TAKEN);
        }
    }
    unlock(l);
    return is_ours;
}

static void ledger_move(struct ledger *l, const struct receipt *r, unsigned state)
{
    lock(l);
    uint8_t *copy = copy_of(l, r);
    if (copy)
        set_state(copy, state);
    l->counts.settled += state == GOING;
    unlock(l);
}

void ledger_requeue(struct ledger *l, const struct receipt *r)
{
    ledger_move(l, r, THERE);
}

void ledger_settle(struct ledger *l, const struct receipt *r)
{
    ledger_move(l, r, GOING);
}

void ledger_settled(struct ledger *l, const struct receipt *r)
{
    ledger_move(l, r, GONE);
}

void ledger_gamble(struct ledger *l, unsigned queue, bool is_out)
{
    lock(l);
    l->gambles[queue] += is_out ? 1 : UINT64_MAX;
    unlock(l);
}

/* --- walks ------------------------------------------------------------------------------------ */

typedef void visit_fn(struct ledger *l, unsigned queue, const struct receipt *r, uint8_t *copy,
                      void *arg);

/* Visits every message of the queue that may not be GONE. The lock is held. */
static void ledger_visit_queue(struct ledger *l, unsigned queue, visit_fn *visit, void *arg)
{
    for (unsigned p = 0; p < PUBLISHERS; p++) {
        struct publisher *from = &l->publishers[p];
        bool may_be_its = queue == QUEUE_PURGED    ? p == PUBLISHER_PURGER
                          : queue == QUEUE_DELETED ? p == PUBLISHER_DELETER
                                                   : p < PUBLISHER_PURGER;
        for (uint64_t n = from->base; may_be_its && n < from->next; n++) {
            struct letter m = letter_of(l, p, n);
            for (unsigned t = 0; t < m.target_count; t++) {
                struct receipt r = {p, t, n};
                if (m.targets[t] == queue)
                    visit(l, queue, &r, copy_of(l, &r), arg);
            }
        }
    }
}

/* Frees entries of messages that are GONE in all queues. The lock is held. */
static void ledger_trim(struct ledger *l)
{
    for (unsigned p = 0; p < PUBLISHERS; p++) {
        struct publisher *from = &l->publishers[p];
        size_t gone = 0, count = from->next - from->base;
        for (; gone < count; gone++) {
            const struct entry *e = &from->entries[gone];
            unsigned t = 0;
            while (t < TARGETS_MAX && (e->copy[t] & STATE_MASK) == GONE)
                t++;
            if (t < TARGETS_MAX)
                break;
        }
        if (gone > 0)
            memmove(from->entries, from->entries + gone, (count - gone) * sizeof *from->entries);
        from->base += gone;
    }
}

static void visit_clear(struct ledger *l, unsigned queue, const struct receipt *r, uint8_t *copy,
                        void *arg)
{
    (void)l, (void)queue, (void)r, (void)arg;
    unsigned state = *copy & STATE_MASK;
    /* FOUND marks what the answer must count: see visit_cleared(). */
    *copy &= (uint8_t)~FOUND;
    if (state == THERE && (*copy & REQUIRED))
        *copy |= FOUND;
    if (state == THERE || state == MAYBE)
        set_state(copy, GOING);
}

void ledger_clear(struct ledger *l, unsigned queue)
{
    lock(l);
    ledger_visit_queue(l, queue, visit_clear, NULL);
    unlock(l);
}

struct cleared {
    uint64_t required;
    uint64_t possible;
    bool is_final;
};

static void visit_cleared(struct ledger *l, unsigned queue, const struct receipt *r, uint8_t *copy,
                          void *arg)
{
    (void)l, (void)queue, (void)r;
    struct cleared *c = arg;
    c->required += (*copy & FOUND) != 0;
    c->possible += (*copy & STATE_MASK) == GOING;
    *copy &= (uint8_t)~FOUND;
    if (c->is_final)
        set_state(copy, GONE);
}

void ledger_cleared(struct ledger *l, unsigned queue, uint32_t count, bool is_final)
{
    struct cleared c = {.is_final = is_final};
    lock(l);
    ledger_visit_queue(l, queue, visit_cleared, &c);
    l->counts.settled += count;
    unlock(l);
    if (count < c.required || count > c.possible)
        ledger_complain(l, "queue %s: %u messages were cleared, not %llu to %llu",
                        queue_names[queue], count, (unsigned long long)c.required,
                        (unsigned long long)c.possible);
}

/* --- after a kill ----------------------------------------------------------------------------- */

void ledger_killed(struct ledger *l)
{
    lock(l);
    for (unsigned p = 0; p < PUBLISHERS; p++) {
        struct publisher *from = &l->publishers[p];
        for (uint64_t n = from->base; n < from->next; n++) {
            bool is_persistent = letter_of(l, p, n).is_persistent;
            for (unsigned t = 0; t < TARGETS_MAX; t++) {
                uint8_t *copy = &from->entries[n - from->base].copy[t];
                unsigned state = *copy & STATE_MASK;
                if (!is_persistent)
                    set_state(copy, GONE);
                else if (state == TAKEN)
                    set_state(copy, THERE);
                else if (state == GOING)
                    set_state(copy, MAYBE);
                *copy &= (uint8_t)~FOUND;
            }
        }
    }
    ledger_trim(l);
    unlock(l);
}

void ledger_verify_begin(struct ledger *l, unsigned queue)
{
    lock(l);
    memset(l->last, 0, sizeof l->last);
    l->bytes[queue] = 0;
    unlock(l);
}

/* Compares one message of the reading with its state. The lock is held. */
static void ledger_verify_one(struct ledger *l, unsigned queue, const struct receipt *r,
                              bool redelivered)
{
    uint8_t *copy = copy_of(l, r);
    unsigned state = state_of(copy);
    if (copy && (*copy & FOUND))
        ledger_blame(l, &l->counts.twice, queue, r, "is there twice");
    else if (state == GONE)
        ledger_blame(l, &l->counts.returned, queue, r, "is there after it was settled for good%s",
                     letter_of(l, r->publisher, r->number).is_persistent ? ""
                                                                         : " (or is transient)");
    if (r->number + 1 <= l->last[r->publisher])
        ledger_blame(l, &l->counts.reordered, queue, r, "is behind %llu",
                     (unsigned long long)l->last[r->publisher] - 1);
    l->last[r->publisher] = r->number + 1;
    if (!copy)
        return;
    check_mark(l, queue, r, copy, redelivered);
    l->counts.came_back += state == MAYBE;
    *copy |= FOUND | REQUIRED;
    set_state(copy, THERE);
}

bool ledger_verify(struct ledger *l, unsigned queue, const char *message_id, bool is_persistent,
                   const uint8_t *body, size_t body_bytes, bool redelivered)
{
    struct receipt r;
    lock(l);
    l->counts.verified++;
    l->bytes[queue] += body_bytes;
    bool is_ours = recognize(l, queue, message_id, is_persistent, body, body_bytes, &r);
    if (is_ours)
        ledger_verify_one(l, queue, &r, redelivered);
    unlock(l);
    return is_ours;
}

static void visit_verified(struct ledger *l, unsigned queue, const struct receipt *r, uint8_t *copy,
                           void *arg)
{
    (void)arg;
    bool was_found = (*copy & FOUND) != 0;
    *copy &= (uint8_t)~FOUND;
    if (was_found || (*copy & STATE_MASK) == GONE)
        return;
    bool is_lost = (*copy & STATE_MASK) == THERE && (*copy & REQUIRED);
    if (is_lost && l->gambles[queue] > 0) {
        l->gambles[queue]--;
        l->counts.gambled_away++;
    } else if (is_lost) {
        ledger_blame(l, &l->counts.lost, queue, r, "is lost (%zu bytes)",
                     letter_of(l, r->publisher, r->number).body_bytes);
    } else if ((*copy & STATE_MASK) == THERE) {
        l->counts.unconfirmed_lost++;
    }
    set_state(copy, GONE);
}

void ledger_verify_end(struct ledger *l, unsigned queue)
{
    lock(l);
    ledger_visit_queue(l, queue, visit_verified, NULL);
    l->gambles[queue] = 0;
    unlock(l);
}

static void visit_drained(struct ledger *l, unsigned queue, const struct receipt *r, uint8_t *copy,
                          void *arg)
{
    (void)queue, (void)r, (void)arg;
    l->counts.settled += (*copy & STATE_MASK) != GONE;
    set_state(copy, GONE);
}

void ledger_drained(struct ledger *l, unsigned queue)
{
    lock(l);
    ledger_visit_queue(l, queue, visit_drained, NULL);
    l->bytes[queue] = 0;
    ledger_trim(l);
    unlock(l);
}

uint64_t ledger_live_bytes(struct ledger *l)
{
    uint64_t bytes = 0;
    lock(l);
    for (unsigned q = 0; q < QUEUES; q++)
        bytes += l->bytes[q];
    unlock(l);
    return bytes;
}
