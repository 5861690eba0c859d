/* The model of a store world: what its messages look like, and which of them are gone for good. */
#include "store_world_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "wire/properties.h"
#include "world_body.h"

/* --- messages: everything about one follows from its number ----------------------------------- */

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

/* One that asks a queue for something does so in the only format that is known; others are kept as
 * they come. */
static uint8_t format_of(const struct world *w, uint32_t number)
{
    const struct model *model = &w->models[number];
    bool is_known = model->has_priority || model->has_ttl;
    return (uint8_t)(is_known ? HEADER_AMQP_0_9_1 : number % HEADER_FORMATS);
}

bool world_may_be_over(const struct world *w, uint32_t number)
{
    const struct model *model = &w->models[number];
    return model->has_ttl && world_now_ms(w) >= model->published_ms + model->ttl_ms;
}

bool world_is_over(const struct world *w, uint32_t number)
{
    const struct model *model = &w->models[number];
    return model->has_ttl && world_now_ms(w) >= model->published_ms + model->ttl_ms + MAIL_MS_MAX;
}

unsigned world_priority_of(const struct world *w, unsigned slot, uint32_t number)
{
    const struct model *model = &w->models[number];
    if (!w->slots[slot].has_priorities || !model->has_priority)
        return 0;
    return model->priority < PRIORITIES ? model->priority : PRIORITIES - 1;
}

static uint8_t scratch[BODY_MAX];

static struct slice key_of(uint32_t number)
{
    static const char keys[] = "a.key.of.some.length";
    return slice_of(keys, number % sizeof keys);
}

struct message *world_make_message(struct world *w, uint32_t number)
{
    uint8_t properties[PROPERTIES_MAX];
    const struct model *model = &w->models[number];
    size_t n = properties_of(w, number, properties);
    struct message *m =
        message_create(slice_str("amq.direct"), key_of(number), slice_of(properties, n),
                       model->body_bytes, model->is_persistent);
    world_body_write(number, message_body_space(m), model->body_bytes);
    m->format = format_of(w, number) & 0x7fu;
    return m;
}

uint32_t world_read_message(struct world *w, const struct delivery *d)
{
    uint8_t properties[PROPERTIES_MAX];
    struct properties read;
    uint32_t number;
    if (!properties_read(d->header, &read) || read.message_id.n < sizeof number)
        world_fail(w, "a message has come that nobody has published");
    memcpy(&number, read.message_id.p, sizeof number);
    if (number >= w->model_count)
        world_fail(w, "a message has come that nobody has published: %u", number);
    size_t n = properties_of(w, number, properties);
    if (!slice_equal(d->header, slice_of(properties, n)))
        world_fail(w, "message %u has other properties", number);
    if (d->message && d->message->format != format_of(w, number))
        world_fail(w, "message %u has another format", number);
    if (!slice_equal(d->routing_key, key_of(number)) ||
        !slice_equal(d->exchange, slice_str("amq.direct")))
        world_fail(w, "message %u has another routing key or exchange", number);
    if (d->body.n != w->models[number].body_bytes)
        world_fail(w, "message %u has %zu bytes, not %u", number, d->body.n,
                   w->models[number].body_bytes);
    world_body_write(number, scratch, d->body.n);
    if (d->body.n > 0 && memcmp(scratch, d->body.p, d->body.n) != 0)
        world_fail(w, "message %u has another body", number);
    return number;
}

struct copy *copy_of(struct world *w, unsigned slot, uint32_t message)
{
    struct slot *s = &w->slots[slot];
    uint32_t at = message < s->first_message ? 0 : w->models[message].copy_of[slot];
    return at ? &s->copies[at - 1] : NULL;
}

struct copy *copy_add(struct world *w, unsigned slot, uint32_t message)
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

/* --- what is true once the log says so -------------------------------------------------------- */

struct promise *promise_make(struct world *w, unsigned slot, size_t count)
{
    struct promise *p = lv_calloc(1, sizeof *p + count * sizeof p->copies[0]);
    p->world = w;
    p->slot = slot;
    p->home = queue_home(w->slots[slot].queue);
    return p;
}

void promise_add(struct promise *p, const struct copy *copy)
{
    p->copies[p->count++] = (uint32_t)(copy - p->world->slots[p->slot].copies);
}

static void promise_mail(struct loop *at, struct mail *mail)
{
    struct promise *p = mail->a;
    if (!journal_of(at) || p->world->is_dead) {
        free(p);
        return;
    }
    p->ticket = log_submit(journal_of(at)->stage);
    p->next = p->world->promises;
    p->world->promises = p;
}

void promise_send(struct loop *from, struct promise *p)
{
    struct mail mail = {.deliver = promise_mail, .a = p};
    if (from == p->home)
        promise_mail(from, &mail);
    else
        loop_mail(from, p->home, &mail);
}

static bool promise_is_safe(const struct promise *p)
{
    const struct journal_loop *part = loop_slot(p->home, &journal_slot);
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
        world_step(p->world, "  (queue %u: settled for good: message %u and %zu more)", p->slot,
                   s->copies[p->copies[0]].message, p->count - 1);
}

void promises_look(struct world *w, bool is_end)
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
