/* Claims, waiters, and the values in the definitions; dedup.h has the rules.
 *
 * A claim is owned by its message: by dedup_claims, then by dedup_publish, then, while its value is
 * being stored, by the callback. The cache's entry points at it until the claim ends or a newer
 * value displaces the entry. Sinks that are answered when the claim ends are in the claim's list.
 */
#include "topology/dedup.h"

#include <stdlib.h>

#include "base/memory.h"
#include "store/definitions.h"
#include "topology/argument_checks.h"
#include "wire/table.h"

/* With more values than this being stored, publishers are held back. */
static const uint64_t BEING_STORED_MAX = 20000;

enum { SIZE_DEFAULT = 128, SIZE_MAX_ENTRIES = 1 << 30 };

static const char HEADER[] = "x-deduplication-header";

struct dedup {
    _Atomic uint32_t refs; /* the owner's, and one for each claim and each unanswered duplicate */
    struct topology *topology;
    pthread_mutex_t lock;
    struct dedup_cache cache;
    uint64_t ttl_ms;
    struct slice header; /* owned, like the names below */
    bool is_stored;
    bool is_closed; /* under the lock */
    struct slice vhost, name;
    bool is_queue;
};

/* A sink that is answered when a claim ends. */
struct waiter {
    struct waiter *next;
    struct confirm_sink *sink;
    uint64_t number;
};

/* A value whose first message is not answered yet. While an entry points at the claim, `waiters` is
 * used under dedup->lock only. */
struct dedup_claim {
    struct dedup_claim *next; /* the next claim of the same message */
    struct dedup *dedup;      /* a reference */
    struct loop *loop;        /* the publishing loop: the claim ends there */
    struct value_hash value;
    uint64_t number, until_ms;
    struct waiter *waiters;
};

/* --- arguments -------------------------------------------------------------------------------- */

static bool field_read_positive(const struct field *f, uint64_t *ret)
{
    if (field_is_integer(f)) {
        *ret = (uint64_t)f->i;
        return f->i > 0;
    }
    if (f->type != FIELD_LONGSTR || f->bytes.n == 0 || f->bytes.n > 18)
        return false;
    *ret = 0;
    for (size_t i = 0; i < f->bytes.n; i++) {
        if (f->bytes.p[i] < '0' || f->bytes.p[i] > '9')
            return false;
        *ret = *ret * 10 + (uint64_t)(f->bytes.p[i] - '0');
    }
    return *ret > 0;
}

static bool settings_read_switch(struct slice arguments, bool *ret, struct broker_error *error)
{
    struct field f;
    if (!table_find(arguments, "x-message-deduplication", &f))
        return true;
    *ret = f.type == FIELD_BOOL ? f.b : slice_is(f.bytes, "true");
    return f.type == FIELD_BOOL ||
           (f.type == FIELD_LONGSTR && (*ret || slice_is(f.bytes, "false"))) ||
           broker_refuse(error, 406,
                         "Invalid argument, 'x-message-deduplication' must be a boolean");
}

static bool settings_read_size(struct slice arguments, bool is_of_type, uint32_t *ret,
                               struct broker_error *error)
{
    struct field f;
    uint64_t size = SIZE_DEFAULT;
    bool is_there = table_find(arguments, "x-cache-size", &f);
    if (is_there ? !field_read_positive(&f, &size) : is_of_type)
        return broker_refuse(error, 406,
                             "%snvalid argument, 'x-cache-size' must be an integer greater than 0",
                             is_of_type ? "Missing or i" : "I");
    *ret = size < SIZE_MAX_ENTRIES ? (uint32_t)size : SIZE_MAX_ENTRIES;
    return true;
}

static const char *const argument_names[] = {
    "x-message-deduplication", "x-cache-size",           "x-cache-ttl",
    "x-cache-persistence",     "x-deduplication-header", NULL};

bool dedup_argument_is_known(struct slice name)
{
    return is_among(name, argument_names);
}

bool dedup_settings_read(struct slice arguments, bool is_of_type, struct dedup_settings *ret,
                         struct broker_error *error)
{
    struct field f;
    *ret = (struct dedup_settings){.is_on = is_of_type, .header = slice_str(HEADER)};
    if (!is_of_type && !settings_read_switch(arguments, &ret->is_on, error))
        return false;
    if (!ret->is_on)
        return true;
    if (!settings_read_size(arguments, is_of_type, &ret->size, error))
        return false;
    if (table_find(arguments, "x-cache-ttl", &f) && !field_read_positive(&f, &ret->ttl_ms))
        return broker_refuse(error, 406,
                             "Invalid argument, 'x-cache-ttl' must be an integer greater than 0");
    if (table_find(arguments, HEADER, &f)) {
        if (f.type != FIELD_LONGSTR || f.bytes.n == 0)
            return broker_refuse(error, 406, "Invalid argument, '%s' must be a header's name",
                                 HEADER);
        ret->header = f.bytes;
    }
    bool is_given = table_find(arguments, "x-cache-persistence", &f);
    ret->is_stored = !is_given || slice_is(f.bytes, "disk");
    if (is_given && (f.type != FIELD_LONGSTR || (!ret->is_stored && !slice_is(f.bytes, "memory"))))
        return broker_refuse(
            error, 406,
            "Invalid argument, 'x-cache-persistence' must be either 'disk' or 'memory'");
    return true;
}

/* --- life ------------------------------------------------------------------------------------- */

struct dedup *dedup_create(struct vhost *vhost, const struct destination *owner, bool is_durable,
                           struct slice arguments, bool is_of_type)
{
    struct dedup_settings settings;
    struct broker_error error;
    if (!dedup_settings_read(arguments, is_of_type, &settings, &error) || !settings.is_on)
        return NULL;
    struct dedup *d = lv_calloc(1, sizeof *d);
    atomic_init(&d->refs, 1);
    d->topology = vhost->topology;
    int err = pthread_mutex_init(&d->lock, NULL);
    lv_assert(err == 0);
    d->cache.size_max = settings.size;
    d->ttl_ms = settings.ttl_ms;
    d->header = slice_copy(settings.header);
    d->is_stored = settings.is_stored && is_durable;
    d->vhost = slice_copy(vhost_name(vhost));
    d->name = slice_copy(owner->name);
    d->is_queue = owner->kind == DESTINATION_QUEUE;
    return d;
}

static struct dedup *dedup_ref(struct dedup *d)
{
    uint32_t before = atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    lv_assert(before > 0);
    return d;
}

void dedup_free(struct dedup **dedup)
{
    struct dedup *d = *dedup;
    *dedup = NULL;
    if (!d)
        return;
    uint32_t before = atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel);
    lv_assert(before > 0);
    if (before > 1)
        return;
    dedup_cache_free(&d->cache);
    pthread_mutex_destroy(&d->lock);
    free((void *)d->header.p);
    free((void *)d->vhost.p);
    free((void *)d->name.p);
    free(d);
}

void dedup_close(struct dedup *d)
{
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->is_closed = true;
    pthread_mutex_unlock(&d->lock);
}

bool dedup_is_behind(const struct topology *topology)
{
    return atomic_load_explicit(&topology->values_being_stored, memory_order_relaxed) >
           BEING_STORED_MAX;
}

/* --- stored values; the caller holds dedup->lock ---------------------------------------------- */

static struct definition_seen dedup_definition(const struct dedup *d, struct value_hash value,
                                               uint64_t number, uint64_t until_ms)
{
    return (struct definition_seen){
        .vhost = d->vhost,
        .name = d->name,
        .is_queue = d->is_queue,
        .low = value.low,
        .high = value.high,
        .number = number,
        .until_ms = until_ms,
    };
}

static void value_unstore(struct dedup *d, struct value_hash value)
{
    if (d->is_closed || !d->topology->definitions)
        return;
    struct definition_seen row = dedup_definition(d, value, 0, 0);
    definitions_submit(d->topology->definitions, definition_delete_seen(&row), NULL, NULL);
}

static void entry_forget(struct dedup *d, struct dedup_entry *entry)
{
    if (entry->is_stored)
        value_unstore(d, entry->value);
    dedup_cache_remove(&d->cache, entry);
}

/* Adds an entry, in place of the oldest if the cache is full. */
static struct dedup_entry *value_remember(struct dedup *d, struct value_hash value,
                                          uint64_t until_ms)
{
    if (dedup_cache_is_full(&d->cache))
        entry_forget(d, dedup_cache_oldest(&d->cache));
    struct dedup_entry *entry = dedup_cache_add(&d->cache, value);
    entry->until_ms = until_ms;
    return entry;
}

void dedup_restore(struct dedup *d, struct value_hash value, uint64_t number, uint64_t until_ms,
                   uint64_t now_ms)
{
    pthread_mutex_lock(&d->lock);
    if (until_ms > 0 && until_ms <= now_ms) {
        value_unstore(d, value);
    } else if (!dedup_cache_find(&d->cache, value)) {
        struct dedup_entry *entry = value_remember(d, value, until_ms);
        entry->is_stored = true;
        entry->number = number;
        d->cache.last_number = number;
    }
    pthread_mutex_unlock(&d->lock);
}

/* --- claiming values -------------------------------------------------------------------------- */

/* Returns the steady time at which a value expires; 0: never. */
static uint64_t value_expires_at(const struct dedup *d, struct slice headers, uint64_t now_ms)
{
    struct field f;
    uint64_t ttl_ms = d->ttl_ms;
    if (table_find(headers, "x-cache-ttl", &f) && field_is_integer(&f) && f.i > 0)
        ttl_ms = (uint64_t)f.i;
    return ttl_ms ? now_ms + ttl_ms : 0;
}

/* Claims the value if it is new, and returns whether it is. The caller holds dedup->lock. */
static bool value_claim(struct dedup *d, struct value_hash value, uint64_t until_ms,
                        struct loop *loop, struct dedup_claims *claims)
{
    uint64_t now_ms = loop_steady_ms(loop);
    struct dedup_entry *entry = dedup_cache_find(&d->cache, value);
    if (entry && entry->claim == NULL && entry->until_ms > 0 && entry->until_ms <= now_ms) {
        entry_forget(d, entry);
        entry = NULL;
    }
    if (entry)
        return false;
    entry = value_remember(d, value, until_ms);
    struct dedup_claim *claim = lv_calloc(1, sizeof *claim);
    claim->dedup = dedup_ref(d);
    claim->loop = loop;
    claim->value = value;
    claim->number = entry->number;
    claim->until_ms = until_ms;
    claim->next = claims->first;
    claims->first = claim;
    entry->claim = claim;
    return true;
}

bool dedup_admits(struct dedup *d, struct slice headers, struct dedup_claims *claims)
{
    struct field f, death;
    if (!table_find_slice(headers, d->header, &f) || f.type == FIELD_VOID ||
        table_find(headers, "x-death", &death))
        return true;
    struct loop *loop = loop_current();
    lv_assert(loop != NULL);
    struct value_hash value = value_hash_of(&f);
    uint64_t until_ms = value_expires_at(d, headers, loop_steady_ms(loop));
    pthread_mutex_lock(&d->lock);
    bool is_new = value_claim(d, value, until_ms, loop, claims);
    pthread_mutex_unlock(&d->lock);
    if (!is_new && !claims->seen_by) {
        claims->seen_by = dedup_ref(d);
        claims->seen = value;
    }
    return is_new;
}

/* --- the end of a claim ----------------------------------------------------------------------- */

static void claim_add_waiter(struct dedup_claim *claim, struct confirm_sink *sink, uint64_t number)
{
    struct waiter *w = lv_malloc(sizeof *w);
    *w = (struct waiter){claim->waiters, sink, number};
    claim->waiters = w;
}

/* Takes ownership of the claim, and answers all sinks that wait for its end. If the message was not
 * taken, its value is forgotten. Called on the claim's loop. */
static void claim_end(struct loop *loop, struct dedup_claim *claim, bool taken, bool is_stored)
{
    struct dedup *d = claim->dedup;
    lv_assert(claim->loop == loop);
    lv_assert(taken || !is_stored);
    pthread_mutex_lock(&d->lock);
    struct dedup_entry *entry = dedup_cache_find(&d->cache, claim->value);
    if (entry && entry->claim == claim) {
        entry->claim = NULL;
        entry->is_stored = is_stored;
        if (!taken)
            dedup_cache_remove(&d->cache, entry);
    } else if (!entry && is_stored) {
        value_unstore(d, claim->value); /* a newer value has displaced the entry meanwhile */
    }
    struct waiter *waiters = claim->waiters;
    pthread_mutex_unlock(&d->lock);
    while (waiters) {
        struct waiter *w = waiters;
        waiters = w->next;
        confirm_sink_answer(loop, w->sink, w->number, taken ? CONFIRM_TOOK : CONFIRM_REFUSED, NULL);
        free(w);
    }
    dedup_free(&claim->dedup);
    free(claim);
}

static void claim_stored_mail(struct loop *at, struct mail *mail)
{
    struct dedup_claim *claim = mail->a;
    bool is_stored = mail->c == 0;
    uint64_t before = atomic_fetch_sub_explicit(&claim->dedup->topology->values_being_stored, 1,
                                                memory_order_relaxed);
    lv_assert(before > 0);
    claim_end(at, claim, is_stored, is_stored);
}

/* Called on the definitions' thread. */
static void claim_is_stored(void *arg, int error)
{
    struct dedup_claim *claim = arg;
    struct mail mail = {.deliver = claim_stored_mail, .a = claim, .c = error < 0};
    loop_mail_from_outside(claim->loop, &mail);
}

/* Begins to store the value of a message that is safe in its queues, and returns true: the claim
 * ends and the sink is answered when the value is stored. Returns false, and does nothing, if the
 * values of this exchange or queue are not stored or if it is being deleted. */
static bool claim_store(struct dedup_claim *claim, struct confirm_sink *sink)
{
    struct dedup *d = claim->dedup;
    struct definitions *definitions = d->topology->definitions;
    if (!d->is_stored || !definitions)
        return false;
    pthread_mutex_lock(&d->lock);
    bool is_open = !d->is_closed;
    if (is_open) {
        struct definition_seen row =
            dedup_definition(d, claim->value, claim->number, claim->until_ms);
        claim_add_waiter(claim, sink, 0);
        atomic_fetch_add_explicit(&d->topology->values_being_stored, 1, memory_order_relaxed);
        definitions_submit(definitions, definition_put_seen(&row), claim_is_stored, claim);
    }
    pthread_mutex_unlock(&d->lock);
    return is_open;
}

void dedup_claims_drop(struct loop *loop, struct dedup_claims *claims)
{
    while (claims->first) {
        struct dedup_claim *claim = claims->first;
        claims->first = claim->next;
        claim_end(loop, claim, false, false);
    }
    dedup_free(&claims->seen_by);
}

/* --- publishing ------------------------------------------------------------------------------- */

struct dedup_publish {
    struct confirm_sink sink;   /* for the answers of the queues, then of the claims */
    struct dedup_claim *claims; /* until all queues have answered */
    /* How many answers are to come. dedup_publish_end() adds the number of late answers; a queue
     * that answers before that makes `waiting` negative. */
    int64_t waiting;
    bool is_complete; /* dedup_publish_end() was called */
    bool is_persistent;
    struct confirm_answers answers; /* of the queues and claims so far */
    struct confirm_sink *to;        /* the publisher's sink, with `number` */
    uint64_t number;
};

/* Ends the claims when all queues have answered. Returns how many claims end later, after their
 * values are stored. */
static int64_t publish_end_claims(struct dedup_publish *p)
{
    bool taken = confirm_answers_sum(&p->answers) == CONFIRM_TOOK;
    int64_t later = 0;
    while (p->claims) {
        struct dedup_claim *claim = p->claims;
        p->claims = claim->next;
        if (taken && p->is_persistent && claim_store(claim, &p->sink))
            later++;
        else
            claim_end(p->sink.loop, claim, taken, false);
    }
    return later;
}

static void publish_answer(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                           struct message *message)
{
    (void)number;
    struct dedup_publish *p = lv_container_of(sink, struct dedup_publish, sink);
    confirm_answers_add(&p->answers, answer);
    p->waiting--;
    if (!p->is_complete || p->waiting > 0)
        return;
    lv_assert(p->waiting == 0);
    p->waiting = publish_end_claims(p);
    if (p->waiting > 0)
        return;
    /* If all queues are gone, `message` came with this answer, which is the last queue's. */
    enum confirm_answer sum = confirm_answers_sum(&p->answers);
    if (p->to)
        confirm_sink_answer(sink->loop, p->to, p->number, sum,
                            sum == CONFIRM_GONE ? message : NULL);
    free(p);
}

struct dedup_publish *dedup_publish_begin(struct loop *loop, struct dedup_claims *claims,
                                          bool is_persistent)
{
    lv_assert(loop_current() == loop);
    struct dedup_publish *p = lv_calloc(1, sizeof *p);
    p->sink = (struct confirm_sink){.loop = loop, .answer = publish_answer};
    p->claims = claims->first;
    p->is_persistent = is_persistent;
    claims->first = NULL;
    return p;
}

struct confirm_sink *dedup_publish_sink(struct dedup_publish *publish)
{
    return &publish->sink;
}

enum confirm_answer dedup_publish_end(struct dedup_publish **publish,
                                      const struct confirm_answers *answers,
                                      struct confirm_sink *to, uint64_t number)
{
    struct dedup_publish *p = *publish;
    *publish = NULL;
    lv_assert(!p->is_complete);
    p->answers.taken |= answers->taken;
    p->answers.refused |= answers->refused;
    p->answers.gone |= answers->gone;
    p->waiting += answers->later;
    p->is_complete = true;
    lv_assert(p->waiting >= 0); /* each answer was announced by CONFIRM_LATER */
    if (p->waiting == 0)
        p->waiting = publish_end_claims(p);
    if (p->waiting > 0) {
        p->to = to;
        p->number = number;
        return to ? CONFIRM_LATER : CONFIRM_TOOK;
    }
    enum confirm_answer answer = confirm_answers_sum(&p->answers);
    free(p);
    return answer;
}

enum confirm_answer dedup_answer_duplicate(struct dedup_claims *claims, struct confirm_sink *to,
                                           uint64_t number)
{
    struct dedup *d = claims->seen_by;
    lv_assert(d != NULL);
    enum confirm_answer answer = CONFIRM_TOOK;
    pthread_mutex_lock(&d->lock);
    struct dedup_entry *entry = dedup_cache_find(&d->cache, claims->seen);
    if (!entry)
        answer = CONFIRM_REFUSED; /* the first message has been refused since */
    else if (entry->claim && to)
        answer = CONFIRM_LATER;
    if (answer == CONFIRM_LATER)
        claim_add_waiter(entry->claim, to, number);
    pthread_mutex_unlock(&d->lock);
    dedup_free(&claims->seen_by);
    return answer;
}
