/* x-recent-history: a fanout that keeps the last messages (x-recent-history-length, by default 20)
 * and publishes them, oldest first, to the destination of each new binding.
 *
 * A message is added to the history before its destinations are looked up, and a binding is visible
 * before the history is read: a client that binds while others publish misses no message, and may
 * get one twice. Messages whose header x-recent-history-no-store is true are not kept. The history
 * is in memory only: a restart empties it, as in RabbitMQ. */
#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"
#include "message/delivery.h"
#include "topology/binding_set.h"
#include "topology/exchange_private.h"
#include "wire/properties.h"
#include "wire/table.h"

enum { HISTORY_LENGTH = 20, HISTORY_CAPACITY_MIN = 8 };

static const char LENGTH_ARGUMENT[] = "x-recent-history-length";

struct history {
    struct binding_set bindings;
    uint64_t length; /* at most this many messages */
    pthread_mutex_t lock;
    /* A ring buffer of `capacity` slots, which grows up to `length`. It owns a reference to each
     * message, and is used under `lock`. */
    struct message **messages;
    size_t capacity, first, count;
};

/* --- the history ------------------------------------------------------------------------------ */

static struct message *message_at(const struct history *history, size_t i)
{
    return history->messages[(history->first + i) % history->capacity];
}

static void history_grow(struct history *history)
{
    size_t capacity = history->capacity ? history->capacity * 2 : HISTORY_CAPACITY_MIN;
    if (capacity > history->length)
        capacity = (size_t)history->length;
    struct message **messages = lv_malloc(capacity * sizeof(struct message *));
    for (size_t i = 0; i < history->count; i++)
        messages[i] = message_at(history, i);
    free(history->messages);
    history->messages = messages;
    history->capacity = capacity;
    history->first = 0;
}

/* Takes ownership of the message. Returns the oldest one, now owned by the caller, if the history
 * was full, else NULL. */
static struct message *history_push(struct history *history, struct message *message)
{
    struct message *oldest = NULL;
    lv_assert(history->count <= history->length);
    lv_assert(history->count <= history->capacity);
    if (history->count == history->length) {
        oldest = message_at(history, 0);
        history->first = (history->first + 1) % history->capacity;
        history->count--;
    } else if (history->count == history->capacity) {
        history_grow(history);
    }
    history->messages[(history->first + history->count) % history->capacity] = message;
    history->count++;
    return oldest;
}

static bool input_has_no_store(const struct routing_input *input)
{
    struct field f;
    return input->has_headers && table_find(input->headers, "x-recent-history-no-store", &f) &&
           f.type == FIELD_BOOL && f.b;
}

/* Returns a reference to the delivery's message, or to a new message if the delivery has none
 * (delivery.h); NULL if its properties cannot be read or there is no memory. */
static struct message *history_message(const struct delivery *d)
{
    struct properties properties = {0};
    if (d->message)
        return message_ref(d->message);
    if (!properties_read(d->header, &properties))
        return NULL;
    struct message *m = message_create(d->exchange, d->routing_key, d->header, d->body.n,
                                       properties.delivery_mode == DELIVERY_MODE_PERSISTENT);
    if (m && d->body.n > 0)
        memcpy(message_body_space(m), d->body.p, d->body.n);
    return m;
}

static void history_remember(struct history *history, const struct delivery *delivery)
{
    struct message *message = history_message(delivery);
    if (!message)
        return;
    pthread_mutex_lock(&history->lock);
    struct message *oldest = history_push(history, message);
    pthread_mutex_unlock(&history->lock);
    if (oldest)
        message_unref(&oldest);
}

static void history_route(struct exchange *exchange, const struct routing_input *input,
                          struct route_set *ret)
{
    struct history *history = exchange->state;
    if (input->message && !input_has_no_store(input))
        history_remember(history, input->message);
    binding_set_route(&history->bindings, ret);
}

/* --- a new binding ---------------------------------------------------------------------------- */

/* Returns the messages, oldest first, with a reference to each; NULL if there are none. The caller
 * owns array and references. */
static struct message **history_copy(struct history *history, size_t *ret_count)
{
    struct message **messages = NULL;
    pthread_mutex_lock(&history->lock);
    *ret_count = history->count;
    if (history->count > 0)
        messages = lv_malloc(history->count * sizeof(struct message *));
    for (size_t i = 0; i < history->count; i++)
        messages[i] = message_ref(message_at(history, i));
    pthread_mutex_unlock(&history->lock);
    return messages;
}

static void history_bound(struct exchange *exchange, struct destination *destination)
{
    struct loop *loop = loop_current();
    size_t count;
    struct message **messages = history_copy(exchange->state, &count);
    const struct exchange_hooks *hooks = exchange->vhost->topology->exchange_hooks;
    lv_assert(!topology_is_locked(exchange->vhost->topology)); /* publishing may take the lock */
    for (size_t i = 0; i < count; i++) {
        lv_assert(!hooks || loop != NULL); /* before the loops start there are no messages */
        if (hooks)
            hooks->publish(loop, destination, messages[i]);
        message_unref(&messages[i]);
    }
    free(messages);
}

/* --- arguments, life -------------------------------------------------------------------------- */

static bool history_check_arguments(struct vhost *vhost, const struct exchange_declaration *d,
                                    struct broker_error *error)
{
    (void)vhost;
    struct field f;
    if (!table_find(d->arguments, LENGTH_ARGUMENT, &f) || (field_is_integer(&f) && f.i > 0))
        return true;
    struct lv_buffer value = {0};
    field_describe(&value, &f);
    broker_refuse(error, 406, "Invalid argument %.*s, '%s' must be a positive integer",
                  SLICE_ARG(lv_buffer_slice(&value)), LENGTH_ARGUMENT);
    lv_buffer_free(&value);
    return false;
}

static void history_create(struct exchange *exchange)
{
    struct history *history = lv_calloc(1, sizeof *history);
    struct field f;
    bool is_set = table_find(exchange->arguments, LENGTH_ARGUMENT, &f) && field_is_integer(&f);
    history->length = is_set && f.i > 0 ? (uint64_t)f.i : HISTORY_LENGTH;
    int err = pthread_mutex_init(&history->lock, NULL);
    lv_assert(err == 0);
    exchange->state = history;
}

static void history_destroy(struct exchange *exchange)
{
    struct history *history = exchange->state;
    lv_assert(binding_set_is_empty(&history->bindings));
    for (size_t i = 0; i < history->count; i++) {
        struct message *m = message_at(history, i);
        message_unref(&m);
    }
    free(history->messages);
    pthread_mutex_destroy(&history->lock);
    free(history);
}

static void history_bind(struct exchange *exchange, struct binding *binding)
{
    struct history *history = exchange->state;
    binding_set_add(&history->bindings, binding);
}

static void history_unbind(struct exchange *exchange, struct binding *binding)
{
    struct history *history = exchange->state;
    binding_set_remove(&history->bindings, binding);
}

const struct exchange_type exchange_recent_history = {
    .name = "x-recent-history",
    .is_asked_once = true,
    .is_never_cached = true,
    .check_arguments = history_check_arguments,
    .create = history_create,
    .destroy = history_destroy,
    .route = history_route,
    .bind = history_bind,
    .unbind = history_unbind,
    .bound = history_bound,
};
