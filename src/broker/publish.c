/* How a message gets into its queues; publish.h has the order of the calls.
 *
 * A message whose bytes are still in a socket's buffer is copied only if a queue keeps it: a queue
 * with a consumer that waits writes the bytes to that consumer's output (queue_pass_through()). The
 * first queue that keeps the message makes it, and all others share it. */
#include "broker/publish.h"

#include <stdlib.h>

#include "base/memory.h"
#include "broker/delayed.h"
#include "wire/table.h"

bool publish_begin(struct publish *p, struct message **message)
{
    struct message *m = *message;
    lv_assert(m);
    *message = NULL;
    *p = (struct publish){.content = delivery_of_message(m)};
    if (properties_read(p->content.header, &p->properties))
        return true;
    p->properties = (struct properties){0};
    return false;
}

/* --- routing ---------------------------------------------------------------------------------- */

static size_t array_count(struct slice array)
{
    struct field value;
    size_t count = 0;
    while (array_next(&array, &value))
        count++;
    return count;
}

/* Appends the strings of an array. Returns the new count. */
static size_t keys_add(struct slice *keys, size_t count, struct slice array)
{
    struct field key;
    while (array_next(&array, &key)) {
        if (key.type == FIELD_LONGSTR)
            keys[count++] = key.bytes;
    }
    return count;
}

static void route_by_many_keys(struct loop *loop, struct exchange *exchange,
                               const struct routing_input *input, struct slice cc, struct slice bcc,
                               struct route *ret)
{
    size_t most = 1 + array_count(cc) + array_count(bcc);
    struct slice *keys = lv_malloc(most * sizeof *keys);
    keys[0] = input->routing_key;
    size_t count = keys_add(keys, 1, cc);
    count = keys_add(keys, count, bcc);
    lv_assert(count <= most);
    route_find_many(loop, exchange, keys, count, input, ret);
    free(keys);
}

void publish_route(struct loop *loop, struct exchange *exchange, struct publish *p,
                   struct route *ret)
{
    const struct routing_input input = {
        .routing_key = p->content.routing_key,
        .headers = p->properties.headers,
        .has_headers = (p->properties.flags & PROPERTY_HEADERS) != 0,
        .message = &p->content,
        .claims = p->is_once ? &p->claims : NULL,
    };
    struct field cc;
    bool has_cc = table_find(input.headers, "CC", &cc) && cc.type == FIELD_ARRAY;
    if (has_cc || p->bcc.n > 0)
        route_by_many_keys(loop, exchange, &input, has_cc ? cc.bytes : SLICE_EMPTY, p->bcc, ret);
    else
        route_find(loop, exchange, &input, ret);
    p->counts = exchange_counts_of(exchange, loop);
    /* As in RabbitMQ the default exchange hands a message to a queue that there is not. */
    bool is_to_nowhere = ret->count == 0 && exchange_name(exchange).n == 0;
    exchange_count(p->counts, is_to_nowhere ? 1 : ret->count);
}

/* --- forms of the message --------------------------------------------------------------------- */

static bool is_persistent(const struct publish *p)
{
    return p->properties.delivery_mode == DELIVERY_MODE_PERSISTENT;
}

bool publish_need_message(struct publish *p)
{
    struct delivery *content = &p->content;
    if (content->message)
        return true;
    content->message = message_create(content->exchange, content->routing_key, content->header,
                                      content->body.n, is_persistent(p));
    if (content->message && content->body.n > 0)
        memcpy(message_body_space(content->message), content->body.p, content->body.n);
    return content->message != NULL;
}

/* Returns the message in the form for this queue, borrowed, or NULL if there is no memory. */
static struct message *need_message_for(struct publish *p, const struct queue *q)
{
    if (!publish_need_message(p))
        return NULL;
    if (!queue_is_delaying(q) || (p->bcc.n == 0 && !p->delayed))
        return p->content.message;
    if (!p->delayed)
        (void)delay_header_keep_bcc(p->content.message, p->bcc, &p->delayed);
    return p->delayed;
}

bool publish_keep(struct publish *p, const struct route *route)
{
    bool has_memory = publish_need_message(p);
    for (size_t i = 0; i < route->count && has_memory; i++)
        has_memory = need_message_for(p, queue_of_entry(route->queues[i])) != NULL;
    return has_memory;
}

/* --- sending ---------------------------------------------------------------------------------- */

static void send_to_queue(struct loop *loop, struct publish *p, struct queue *q,
                          struct confirm_sink *sink, uint64_t number, struct publish_result *ret)
{
    if (queue_pass_through(loop, q, &p->content)) {
        ret->answers.taken = true;
        return;
    }
    struct message *message = need_message_for(p, q);
    if (!message) {
        ret->is_out_of_memory = true;
        return;
    }
    confirm_answers_add(&ret->answers, queue_publish(loop, q, message, sink, number));
    if (!ret->behind && queue_is_behind(q))
        ret->behind = q;
}

static void send_to_queues(struct loop *loop, struct publish *p, const struct route *route,
                           struct confirm_sink *sink, uint64_t number, struct publish_result *ret)
{
    for (size_t i = 0; i < route->count && !ret->is_out_of_memory; i++)
        send_to_queue(loop, p, queue_of_entry(route->queues[i]), sink, number, ret);
}

/* Sends a message whose value an exchange has claimed, or that an exchange has seen before. */
static void send_once(struct loop *loop, struct publish *p, const struct route *route,
                      struct confirm_sink *sink, uint64_t number, struct publish_result *ret)
{
    struct dedup_publish *once = dedup_publish_begin(loop, &p->claims, is_persistent(p));
    struct publish_result of_queues = {0};
    send_to_queues(loop, p, route, dedup_publish_sink(once), 0, &of_queues);
    of_queues.answers.refused |= of_queues.is_out_of_memory;
    ret->behind = of_queues.behind;
    ret->is_out_of_memory = of_queues.is_out_of_memory;
    struct confirm_sink *to = of_queues.is_out_of_memory ? NULL : sink;
    confirm_answers_add(&ret->answers, dedup_publish_end(&once, &of_queues.answers, to, number));
    if (p->claims.seen_by && !ret->is_out_of_memory)
        confirm_answers_add(&ret->answers, dedup_answer_duplicate(&p->claims, sink, number));
}

void publish_send(struct loop *loop, struct publish *p, const struct route *route,
                  struct confirm_sink *sink, uint64_t number, struct publish_result *ret)
{
    *ret = (struct publish_result){0};
    (dedup_claims_are_empty(&p->claims) ? send_to_queues : send_once)(loop, p, route, sink, number,
                                                                      ret);
}

void publish_end(struct loop *loop, struct publish *p)
{
    if (p->content.message)
        message_unref(&p->content.message);
    if (p->delayed)
        message_unref(&p->delayed);
    if (!dedup_claims_are_empty(&p->claims))
        dedup_claims_drop(loop, &p->claims);
}

/* --- memo of the last route ------------------------------------------------------------------- */

static bool memo_is_about(const struct publish_memo *memo, struct slice exchange,
                          struct slice routing_key)
{
    const uint8_t *key = memo->names + memo->exchange_bytes;
    return slice_equal(slice_of(memo->names, memo->exchange_bytes), exchange) &&
           slice_equal(slice_of(key, memo->routing_key_bytes), routing_key);
}

bool publish_memo_holds(struct publish_memo *memo, struct topology *topology, uint64_t permissions,
                        struct slice exchange, struct slice routing_key)
{
    if (!memo || !memo->is_valid || !memo_is_about(memo, exchange, routing_key))
        return false;
    memo->is_valid = memo->topology_generation == topology_generation(topology) &&
                     memo->permissions == permissions;
    return memo->is_valid;
}

bool publish_memo_write(struct publish_memo **memo, const struct exchange *exchange,
                        const struct publish *publish, const struct route *route,
                        uint64_t topology_generation, uint64_t permissions)
{
    struct slice routing_key = publish->content.routing_key;
    if (exchange->is_never_cached || route->count > PUBLISH_MEMO_QUEUES_MAX)
        return false;
    if (!*memo)
        *memo = lv_malloc(sizeof **memo);
    struct publish_memo *m = *memo;
    struct slice name = exchange_name(exchange);
    lv_assert(name.n <= SHORTSTR_BYTES_MAX && routing_key.n <= SHORTSTR_BYTES_MAX);
    m->topology_generation = topology_generation;
    m->permissions = permissions;
    m->counts = publish->counts;
    m->exchange_bytes = (uint8_t)name.n;
    m->routing_key_bytes = (uint8_t)routing_key.n;
    wire_put_bytes(wire_put_bytes(m->names, name), routing_key);
    m->count = route->count;
    for (size_t i = 0; i < route->count; i++)
        m->queues[i] = route->queues[i];
    m->is_valid = route->is_cacheable;
    return true;
}
