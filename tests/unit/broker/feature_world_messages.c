/* What the messages of a feature world look like: everything about one follows from its number, and
 * from what has happened to it since. */
#include "feature_world_private.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "wire/properties.h"
#include "wire/table.h"
#include "world_body.h"

/* --- made ------------------------------------------------------------------------------------- */

/* In the order of their names, in which dead letters have them. */
static struct slice headers_of(const struct fw_message *m, struct lv_buffer *space)
{
    struct table_writer t;
    table_begin(&t, space);
    if (m->value > 0)
        table_put_int(&t, "value", m->value);
    if (m->twin > 0)
        table_put_int(&t, "x-deduplication-header", m->twin);
    if (m->has_delay)
        table_put_int(&t, "x-delay", (int32_t)m->delay_ms);
    return table_end(&t);
}

enum { ID_BYTES_MAX = 40 };

static struct slice id_of(uint32_t number, char *space)
{
    memset(space, 'a' + (int)(number % 26), ID_BYTES_MAX);
    memcpy(space, &number, sizeof number);
    return slice_of(space, 4 + number % 23);
}

static struct properties properties_of(const struct fw_message *m, struct slice headers,
                                       struct slice id, char *expiration)
{
    struct properties p = {.flags = PROPERTY_MESSAGE_ID, .message_id = id, .headers = headers};
    if (m->value > 0 || m->twin > 0 || m->has_delay)
        p.flags |= PROPERTY_HEADERS;
    if (m->has_priority) {
        p.flags |= PROPERTY_PRIORITY;
        p.priority = m->priority;
    }
    if (m->has_ttl) {
        p.flags |= PROPERTY_EXPIRATION;
        int n = snprintf(expiration, 24, "%" PRIu64, m->ttl_ms);
        p.expiration = slice_of(expiration, (size_t)n);
    }
    return p;
}

static struct slice key_of(const struct feature_world *w, const struct fw_message *m)
{
    return slice_str(m->exchange == DLX_DEFAULT ? w->slots[m->queue].name : "some.key");
}

static struct slice exchange_of(const struct feature_world *w, const struct fw_message *m)
{
    return slice_str(m->exchange == DLX_DEFAULT ? "" : w->exchanges[m->exchange].name);
}

struct message *fw_make_message(struct feature_world *w, uint32_t number)
{
    const struct fw_message *model = &w->messages[number];
    struct lv_buffer headers = {0}, header = {0};
    char id[ID_BYTES_MAX], expiration[24];
    struct properties p =
        properties_of(model, headers_of(model, &headers), id_of(number, id), expiration);
    size_t n = properties_size(&p);
    properties_put(lv_buffer_reserve(&header, n), &p);
    struct message *m =
        message_create(exchange_of(w, model), key_of(w, model), slice_of(header.p, n),
                       model->body_bytes, model->is_persistent);
    world_body_write(number, message_body_space(m), model->body_bytes);
    lv_buffer_free(&headers);
    lv_buffer_free(&header);
    return m;
}

/* --- come ------------------------------------------------------------------------------------- */

static void read_death(struct feature_world *w, struct slice entry, struct fw_arrival *ret)
{
    struct field queue, reason, count;
    unsigned at = ret->death_count++;
    if (!table_find(entry, "queue", &queue) || !table_find(entry, "reason", &reason) ||
        !table_find(entry, "count", &count) || count.type != FIELD_LONG)
        fw_fail(w, "message %u has half a history", ret->number);
    ret->deaths[at].slot = fw_slot_named(w, queue.bytes);
    ret->deaths[at].count = count.i;
    ret->deaths[at].reason = DEATH_COUNT;
    for (int i = 0; i < DEATH_COUNT; i++) {
        if (slice_is(reason.bytes, death_word((enum death)i)))
            ret->deaths[at].reason = (enum death)i;
    }
    if (ret->deaths[at].slot == FW_SLOTS_MAX || ret->deaths[at].reason == DEATH_COUNT ||
        count.i < 1)
        fw_fail(w, "message %u has a history of something else", ret->number);
    ret->history = (ret->history ^ (ret->deaths[at].slot * 64u + (unsigned)reason.bytes.n)) *
                       UINT64_C(0x9E3779B97F4A7C15) +
                   (uint64_t)count.i;
}

static void read_history(struct feature_world *w, struct slice headers, struct fw_arrival *ret)
{
    struct field history, entry, first;
    if (!table_find(headers, "x-death", &history))
        return;
    if (history.type != FIELD_ARRAY || !table_find(headers, "x-first-death-queue", &first) ||
        !table_find(headers, "x-last-death-queue", &entry))
        fw_fail(w, "message %u has half a history", ret->number);
    ret->history = 1 + fw_slot_named(w, first.bytes);
    unsigned last = fw_slot_named(w, entry.bytes);
    while (ret->death_count < FW_DEATHS_MAX && array_next(&history.bytes, &entry))
        read_death(w, entry.bytes, ret);
    if (ret->death_count == 0 || ret->deaths[0].slot != last)
        fw_fail(w, "message %u did not die last where it says", ret->number);
    ret->history += ret->history == 0;
}

static bool is_history(struct slice name)
{
    return slice_is(name, "x-death") || slice_begins(name, "x-first-death-") ||
           slice_begins(name, "x-last-death-");
}

/* The same headers but for the history, and the sign of the delay. */
static void check_headers(struct feature_world *w, struct slice wanted, struct slice headers,
                          struct fw_arrival *ret)
{
    struct slice name, wanted_name;
    struct field f, wanted_f;
    while (table_next(&headers, &name, &f)) {
        if (is_history(name))
            continue;
        if (!table_next(&wanted, &wanted_name, &wanted_f) || !slice_equal(name, wanted_name))
            fw_fail(w, "message %u has a header %.*s", ret->number, SLICE_ARG(name));
        if (slice_is(name, "x-delay") && f.i == -wanted_f.i && f.i != 0) {
            ret->is_after_delay = true;
            f.i = wanted_f.i;
        }
        if (!field_equal(&f, &wanted_f))
            fw_fail(w, "message %u has another header %.*s", ret->number, SLICE_ARG(name));
    }
    if (wanted.n > 0)
        fw_fail(w, "message %u lacks a header", ret->number);
}

/* Where it was put, and by which way it has come. */
static void check_address(struct feature_world *w, struct slice exchange, struct slice key,
                          const struct fw_arrival *a)
{
    const struct fw_message *m = &w->messages[a->number];
    if (w->has_retries)
        return;
    if (a->death_count == 0) {
        if (!slice_equal(exchange, exchange_of(w, m)) || !slice_equal(key, key_of(w, m)))
            fw_fail(w, "message %u has another exchange or routing key", a->number);
        return;
    }
    const struct fw_slot *s = &w->slots[a->deaths[0].slot];
    for (unsigned i = 0; i < s->regime_count; i++) {
        int dlx = s->regimes[i].settings.dlx;
        if (dlx != DLX_NONE && slice_is(exchange, dlx == DLX_DEFAULT ? "" : w->exchanges[dlx].name))
            return;
    }
    fw_fail(w, "message %u comes by exchange %.*s", a->number, SLICE_ARG(exchange));
}

static void check_properties(struct feature_world *w, const struct properties *p,
                             const struct properties *wanted, const struct fw_arrival *a)
{
    unsigned flags = p->flags, others = PROPERTY_EXPIRATION | PROPERTY_HEADERS;
    if ((flags & ~others) != (wanted->flags & ~others) || p->priority != wanted->priority ||
        !slice_equal(p->message_id, wanted->message_id))
        fw_fail(w, "message %u has other properties", a->number);
    bool may_lose = a->death_count > 0 || w->has_retries;
    bool is_lost = (wanted->flags & PROPERTY_EXPIRATION) && !(flags & PROPERTY_EXPIRATION);
    if (is_lost ? !may_lose : !slice_equal(p->expiration, wanted->expiration))
        fw_fail(w, "message %u has another expiration", a->number);
    if ((flags & PROPERTY_EXPIRATION) && a->death_count > 0)
        fw_fail(w, "message %u is a dead letter, and can expire", a->number);
}

static void check_body(struct feature_world *w, struct slice body, uint32_t number)
{
    static uint8_t wanted[64 * 1024];
    size_t n = w->messages[number].body_bytes;
    lv_assert(n <= sizeof wanted);
    world_body_write(number, wanted, n);
    if (!slice_equal(body, slice_of(wanted, n)))
        fw_fail(w, "message %u has another body", number);
}

void fw_read_message(struct feature_world *w, unsigned slot, struct slice exchange,
                     struct slice key, struct slice header, struct slice body,
                     struct fw_arrival *ret)
{
    struct properties p;
    struct lv_buffer headers = {0};
    char id[ID_BYTES_MAX], expiration[24];
    *ret = (struct fw_arrival){.slot = slot};
    if (!properties_read(header, &p) || p.message_id.n < sizeof ret->number)
        fw_fail(w, "a message has come that nobody has published");
    memcpy(&ret->number, p.message_id.p, sizeof ret->number);
    if (ret->number >= w->message_count)
        fw_fail(w, "a message has come that nobody has published: %u", ret->number);
    const struct fw_message *m = &w->messages[ret->number];
    read_history(w, p.headers, ret);
    struct properties wanted =
        properties_of(m, headers_of(m, &headers), id_of(ret->number, id), expiration);
    check_properties(w, &p, &wanted, ret);
    check_headers(w, wanted.headers, p.headers, ret);
    check_address(w, exchange, key, ret);
    check_body(w, body, ret->number);
    lv_buffer_free(&headers);
}
