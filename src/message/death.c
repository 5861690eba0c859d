/* The headers are read into a list, changed there, and written again, sorted by name as RabbitMQ
 * does. A publisher may have made up the history: entries that are not tables are dropped, and of
 * several with one queue and reason the newest is kept. */
#include "message/death.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "wire/properties.h"
#include "wire/table.h"
#include "wire/wire.h"

const char *death_word(enum death reason)
{
    static const char *const words[] = {
#define DEATH_WORD(name, word) [DEATH_##name] = (word),
        DEATHS(DEATH_WORD)
#undef DEATH_WORD
    };
    lv_assert(reason < DEATH_COUNT);
    return words[reason];
}

/* --- lists of fields -------------------------------------------------------------------------- */

struct named {
    struct slice name;
    struct field value;
    size_t order; /* index in the list when added, for names that occur twice */
};

struct fields {
    struct named *items;
    size_t count, capacity;
};

static void fields_add(struct fields *list, struct slice name, const struct field *value)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        list->items = lv_realloc(list->items, list->capacity * sizeof *list->items);
    }
    list->items[list->count] = (struct named){name, *value, list->count};
    list->count++;
}

static void fields_read(struct fields *list, struct slice table)
{
    struct slice name;
    struct field value;
    while (table_next(&table, &name, &value))
        fields_add(list, name, &value);
}

static struct named *fields_find(const struct fields *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (slice_is(list->items[i].name, name))
            return &list->items[i];
    }
    return NULL;
}

/* Replaces the first field of this name, or adds one at the end. */
static void fields_set(struct fields *list, const char *name, const struct field *value)
{
    struct named *old = fields_find(list, name);
    if (old)
        old->value = *value;
    else
        fields_add(list, slice_str(name), value);
}

static void fields_set_string(struct fields *list, const char *name, struct slice value)
{
    fields_set(list, name, &(struct field){.type = FIELD_LONGSTR, .bytes = value});
}

static void fields_remove(struct fields *list, const char *name)
{
    struct named *found = fields_find(list, name);
    if (!found)
        return;
    size_t at = (size_t)(found - list->items);
    memmove(found, found + 1, (list->count - at - 1) * sizeof *found);
    list->count--;
}

static int compare_names(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = slice_compare(x->name, y->name);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static void fields_sort(struct fields *list)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, compare_names);
}

static void fields_put(struct table_writer *w, const struct fields *list)
{
    for (size_t i = 0; i < list->count; i++)
        table_put_field(w, list->items[i].name, &list->items[i].value);
}

/* --- entries of a history --------------------------------------------------------------------- */

/* The queue and reason of an entry: a history has one entry for each. */
struct cause {
    bool has_queue, has_reason;
    struct field queue, reason;
};

static bool field_is_text(const struct field *f)
{
    return f->type == FIELD_LONGSTR || f->type == FIELD_BINARY;
}

static bool cause_fields_equal(bool has_a, const struct field *a, bool has_b, const struct field *b)
{
    if (!has_a || !has_b)
        return has_a == has_b;
    return field_is_text(a) && field_is_text(b) ? slice_equal(a->bytes, b->bytes)
                                                : field_equal(a, b);
}

static bool causes_are_same(const struct cause *a, const struct cause *b)
{
    return cause_fields_equal(a->has_queue, &a->queue, b->has_queue, &b->queue) &&
           cause_fields_equal(a->has_reason, &a->reason, b->has_reason, &b->reason);
}

static struct cause cause_of(struct slice entry)
{
    struct cause c = {0};
    c.has_queue = table_find(entry, "queue", &c.queue);
    c.has_reason = table_find(entry, "reason", &c.reason);
    return c;
}

struct entry {
    struct slice table;
    struct cause cause;
    uint64_t hash; /* of the cause */
    size_t merged; /* number of entries with this cause */
};

/* A history (the header x-death) may be long, and is read each time a queue dead-letters the
 * message: so entries are found by a hash table. */
struct history {
    struct entry *entries;
    size_t count, capacity;
    uint32_t *slots; /* index of an entry plus 1; 0: free. Twice as many as `capacity` */
};

/* Equal causes have the same hash. */
static uint64_t cause_hash(const struct cause *c)
{
    uint64_t queue =
        c->has_queue && field_is_text(&c->queue) ? lv_hash(c->queue.bytes) : c->has_queue;
    uint64_t reason =
        c->has_reason && field_is_text(&c->reason) ? lv_hash(c->reason.bytes) : c->has_reason;
    return queue * 31 + reason;
}

static size_t slot_mask(const struct history *h)
{
    return h->capacity * 2 - 1;
}

static struct entry *history_find(const struct history *h, const struct cause *cause, uint64_t hash)
{
    for (size_t i = hash & slot_mask(h); h->count > 0 && h->slots[i]; i = (i + 1) & slot_mask(h)) {
        struct entry *e = &h->entries[h->slots[i] - 1];
        if (e->hash == hash && causes_are_same(&e->cause, cause))
            return e;
    }
    return NULL;
}

static void slot_fill(struct history *h, size_t at)
{
    size_t i = h->entries[at].hash & slot_mask(h);
    while (h->slots[i])
        i = (i + 1) & slot_mask(h);
    h->slots[i] = (uint32_t)at + 1;
}

static void history_grow(struct history *h)
{
    h->capacity = h->capacity ? h->capacity * 2 : 8;
    h->entries = lv_realloc(h->entries, h->capacity * sizeof *h->entries);
    free(h->slots);
    h->slots = lv_calloc(h->capacity * 2, sizeof *h->slots);
    for (size_t i = 0; i < h->count; i++)
        slot_fill(h, i);
}

static void history_add(struct history *h, struct slice table)
{
    struct entry fresh = {.table = table, .cause = cause_of(table), .merged = 1};
    fresh.hash = cause_hash(&fresh.cause);
    struct entry *known = history_find(h, &fresh.cause, fresh.hash);
    if (known) {
        known->merged++;
        return;
    }
    if (h->count == h->capacity)
        history_grow(h);
    lv_assert(h->count < h->capacity);
    h->entries[h->count++] = fresh;
    slot_fill(h, h->count - 1);
}

/* A history has at most this many entries; older ones are dropped. */
enum { HISTORY_ENTRIES_MAX = 1024 };

static void history_read(struct history *h, struct slice array)
{
    struct field value;
    while (h->count < HISTORY_ENTRIES_MAX && array_next(&array, &value)) {
        if (value.type == FIELD_TABLE)
            history_add(h, value.bytes);
    }
}

static int64_t count_plus_one(int64_t count)
{
    return count < INT64_MAX ? count + 1 : count;
}

/* Writes an entry unchanged; but if it has no count, and is not alone in the history (`is_alone`:
 * one entry, nothing merged), it gets one: the number of entries merged into it. */
static void entry_put_old(struct table_writer *w, const struct entry *e, bool is_alone)
{
    struct field count;
    struct slice name;
    struct slice rest = e->table;
    table_put_table(w, NULL);
    if (!is_alone && !table_find(e->table, "count", &count))
        table_put_long(w, "count", (int64_t)e->merged);
    while (table_next(&rest, &name, &count))
        table_put_field(w, name, &count);
    table_end(w);
}

/* Writes the entry of this queue and reason, with its count increased. */
static void entry_put_known(struct table_writer *w, const struct entry *e, bool is_alone)
{
    struct fields list = {0};
    fields_read(&list, e->table);
    struct named *count = fields_find(&list, "count");
    struct field fresh = {.type = FIELD_LONG,
                          .i = is_alone ? 1 : count_plus_one((int64_t)e->merged)};
    if (count)
        fresh.i = field_is_integer(&count->value) ? count_plus_one(count->value.i) : 1;
    fields_set(&list, "count", &fresh);
    fields_sort(&list);
    table_put_table(w, NULL);
    fields_put(w, &list);
    table_end(w);
    free(list.items);
}

/* --- the new entry ---------------------------------------------------------------------------- */

/* The message as it was in the queue. */
struct before {
    const struct dead_letter *d;
    struct properties properties;
    struct fields headers;
    struct slice keys; /* routing-keys: an array's content, in `space` */
    struct lv_buffer space;
};

static void before_read_keys(struct before *b)
{
    struct table_writer w;
    struct field cc, key;
    table_begin(&w, &b->space);
    table_put_array(&w, "keys");
    table_put_str(&w, NULL, message_routing_key(b->d->message));
    if (table_find(b->properties.headers, "CC", &cc) && cc.type == FIELD_ARRAY) {
        while (array_next(&cc.bytes, &key)) {
            if (key.type == FIELD_LONGSTR)
                table_put_value(&w, &key);
        }
    }
    b->keys = table_end(&w);
}

static void entry_put_new(struct table_writer *w, const struct before *b, bool is_sorted)
{
    const struct dead_letter *d = b->d;
    struct fields list = {0};
    struct field time = {.type = FIELD_TIMESTAMP, .i = (int64_t)d->time_s};
    struct field keys = {.type = FIELD_ARRAY, .bytes = b->keys};
    fields_set(&list, "count", &(struct field){.type = FIELD_LONG, .i = 1});
    fields_set_string(&list, "reason", slice_str(death_word(d->reason)));
    fields_set_string(&list, "queue", d->queue);
    fields_set(&list, "time", &time);
    fields_set_string(&list, "exchange", message_exchange(d->message));
    fields_set(&list, "routing-keys", &keys);
    if (b->properties.flags & PROPERTY_EXPIRATION)
        fields_set_string(&list, "original-expiration", b->properties.expiration);
    if (is_sorted)
        fields_sort(&list);
    table_put_table(w, NULL);
    fields_put(w, &list);
    table_end(w);
    free(list.items);
}

/* --- the headers ------------------------------------------------------------------------------ */

static void history_put_grown(struct table_writer *w, const struct before *b, struct slice array)
{
    const struct dead_letter *d = b->d;
    struct cause cause = {
        .has_queue = true,
        .has_reason = true,
        .queue = {.type = FIELD_LONGSTR, .bytes = d->queue},
        .reason = {.type = FIELD_LONGSTR, .bytes = slice_str(death_word(d->reason))},
    };
    struct history h = {0};
    history_read(&h, array);
    bool is_alone = h.count == 1 && h.entries[0].merged == 1;
    struct entry *known = history_find(&h, &cause, cause_hash(&cause));
    if (known)
        entry_put_known(w, known, is_alone);
    else
        entry_put_new(w, b, true);
    for (size_t i = 0; i < h.count; i++) {
        if (&h.entries[i] != known)
            entry_put_old(w, &h.entries[i], is_alone);
    }
    free(h.entries);
    free(h.slots);
}

/* Writes the new history to `out` and returns it. `old` is the content of the array x-death; NULL:
 * the message has no such array. */
static struct field history_write(struct lv_buffer *out, const struct before *b,
                                  const struct slice *old)
{
    struct table_writer w;
    table_begin(&w, out);
    table_put_array(&w, "x-death");
    if (old)
        history_put_grown(&w, b, *old);
    else
        entry_put_new(&w, b, false);
    return (struct field){.type = FIELD_ARRAY, .bytes = table_end(&w)};
}

/* Adds this death to the headers, which then borrow from `space`. Returns false if x-death was not
 * an array. */
static bool headers_add_death(struct before *b, struct lv_buffer *space)
{
    const struct dead_letter *d = b->d;
    struct slice reason = slice_str(death_word(d->reason));
    struct slice exchange = message_exchange(d->message);
    const struct named *old = fields_find(&b->headers, "x-death");
    bool is_first = old == NULL;
    bool is_valid = is_first || old->value.type == FIELD_ARRAY;
    struct field history =
        history_write(space, b, is_first || !is_valid ? NULL : &old->value.bytes);
    if (is_first) {
        fields_set_string(&b->headers, "x-first-death-reason", reason);
        fields_set_string(&b->headers, "x-first-death-queue", d->queue);
        fields_set_string(&b->headers, "x-first-death-exchange", exchange);
    }
    fields_set_string(&b->headers, "x-last-death-reason", reason);
    fields_set_string(&b->headers, "x-last-death-queue", d->queue);
    fields_set_string(&b->headers, "x-last-death-exchange", exchange);
    fields_set(&b->headers, "x-death", &history);
    fields_sort(&b->headers);
    if (d->has_routing_key)
        fields_remove(&b->headers, "CC");
    return is_valid;
}

/* --- the message ------------------------------------------------------------------------------ */

static struct slice shortstr_cut(struct slice s)
{
    return slice_of(s.p, s.n < SHORTSTR_BYTES_MAX ? s.n : SHORTSTR_BYTES_MAX);
}

static struct message *dead_letter_write(const struct before *b)
{
    const struct dead_letter *d = b->d;
    struct lv_buffer headers = {0}, header = {0};
    struct table_writer w;
    table_begin(&w, &headers);
    fields_put(&w, &b->headers);
    struct properties properties = b->properties;
    properties.headers = table_end(&w);
    properties.flags |= PROPERTY_HEADERS;
    properties.flags &= (uint16_t)~PROPERTY_EXPIRATION;
    size_t n = properties_size(&properties);
    properties_put(lv_buffer_reserve(&header, n), &properties);
    header.n = n;
    struct slice key = d->has_routing_key ? d->routing_key : message_routing_key(d->message);
    struct slice body = message_body(d->message);
    struct message *m = message_create(shortstr_cut(d->exchange), shortstr_cut(key),
                                       lv_buffer_slice(&header), body.n, d->message->is_persistent);
    if (m && body.n > 0)
        memcpy(message_body_space(m), body.p, body.n);
    lv_buffer_free(&headers);
    lv_buffer_free(&header);
    return m;
}

struct message *dead_letter_make(const struct dead_letter *d, bool *ret_had_bad_history)
{
    struct before b = {.d = d};
    struct lv_buffer space = {0};
    if (!properties_read(message_header(d->message), &b.properties))
        b.properties = (struct properties){0}; /* stored by a version that accepted bad headers */
    fields_read(&b.headers, b.properties.headers);
    before_read_keys(&b);
    *ret_had_bad_history = !headers_add_death(&b, &space);
    struct message *m = dead_letter_write(&b);
    free(b.headers.items);
    lv_buffer_free(&b.space);
    lv_buffer_free(&space);
    return m;
}

/* --- cycles ----------------------------------------------------------------------------------- */

static bool message_history(const struct message *m, struct slice *ret_headers, struct slice *ret)
{
    struct properties properties;
    struct field history;
    if (!properties_read(message_header(m), &properties) ||
        !table_find(properties.headers, "x-death", &history) || history.type != FIELD_ARRAY)
        return false;
    *ret_headers = properties.headers;
    *ret = history.bytes;
    return true;
}

static bool table_has_string(struct slice entry, const char *name, struct slice value)
{
    struct field f;
    return table_find(entry, name, &f) && f.type == FIELD_LONGSTR && slice_equal(f.bytes, value);
}

int64_t dead_letter_rounds(const struct message *m)
{
    struct slice history, headers;
    struct field entry, count;
    bool has_count = message_history(m, &headers, &history) && array_next(&history, &entry) &&
                     entry.type == FIELD_TABLE && table_find(entry.bytes, "count", &count) &&
                     field_is_integer(&count);
    return has_count ? count.i : 1;
}

bool dead_letter_turns(const struct message *m, struct slice queue)
{
    struct slice history, headers;
    struct field entry;
    size_t count = 0;
    if (!message_history(m, &headers, &history))
        return false;
    for (; array_next(&history, &entry); count++) {
        if (entry.type != FIELD_TABLE ||
            table_has_string(entry.bytes, "reason", slice_str("rejected")))
            return false;
        if (table_has_string(entry.bytes, "queue", queue))
            return true;
    }
    /* The entry of this queue may be among those that were dropped. */
    return count >= HISTORY_ENTRIES_MAX && table_has_string(headers, "x-first-death-queue", queue);
}

void dead_letter_describe(struct lv_buffer *out, const struct message *m, struct slice queue)
{
    enum { QUEUES_SHOWN = 20 };
    struct slice history = SLICE_EMPTY, headers;
    struct field entry, name;
    lv_buffer_printf(out, "[\"%.*s\"", SLICE_ARG(queue));
    message_history(m, &headers, &history);
    for (int i = 0; i < QUEUES_SHOWN && array_next(&history, &entry); i++) {
        if (entry.type == FIELD_TABLE && table_find(entry.bytes, "queue", &name) &&
            name.type == FIELD_LONGSTR)
            lv_buffer_printf(out, ",\"%.*s\"", SLICE_ARG(name.bytes));
    }
    lv_buffer_printf(out, "%s]", history.n > 0 ? ",..." : "");
}
