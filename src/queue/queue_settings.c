/* Merges a queue's arguments with its policy, and sends the result to the queue's home. */
#include "queue/queue_settings.h"

#include <stddef.h>

#include "queue/held.h"
#include "queue/queue_private.h"
#include "wire/erlang_json.h"

/* --- merging ---------------------------------------------------------------------------------- */

/* No time need be longer than 10 years, RabbitMQ's bound for arguments; so sums do not overflow. */
static const int64_t TIME_MS_MAX = 315360000000;

static const struct {
    const char *key;
    size_t offset; /* of an int64_t in struct queue_arguments */
    bool is_time;
} numbers[] = {
    {"message-ttl", offsetof(struct queue_arguments, message_ttl_ms), true},
    {"expires", offsetof(struct queue_arguments, expires_ms), true},
    {"max-length", offsetof(struct queue_arguments, max_length), false},
    {"max-length-bytes", offsetof(struct queue_arguments, max_length_bytes), false},
    {"consumer-timeout", offsetof(struct queue_arguments, consumer_timeout_ms), true},
    {"delivery-limit", offsetof(struct queue_arguments, delivery_limit), false},
};

static void merge_number(json_t *definition, size_t i, struct queue_arguments *ret)
{
    int64_t *number = (int64_t *)(void *)((uint8_t *)ret + numbers[i].offset);
    const json_t *value = json_object_get(definition, numbers[i].key);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return;
    int64_t limit = json_integer_value(value);
    if (numbers[i].is_time && limit > TIME_MS_MAX)
        limit = TIME_MS_MAX;
    if (*number == ARGUMENT_UNSET || limit < *number)
        *number = limit;
}

static void merge_name(json_t *definition, const char *key, bool *has, struct slice *name)
{
    const json_t *value = json_object_get(definition, key);
    if (*has || !json_is_string(value))
        return;
    *has = true;
    *name = json_slice(value);
}

void queue_settings_merge(const struct queue_arguments *arguments,
                          const struct effective_policy *policy, struct queue_arguments *ret)
{
    *ret = *arguments;
    if (!policy)
        return;
    json_t *definition = policy->definition;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        merge_number(definition, i, ret);
    merge_name(definition, "dead-letter-exchange", &ret->has_dead_letter_exchange,
               &ret->dead_letter_exchange);
    merge_name(definition, "dead-letter-routing-key", &ret->has_dead_letter_routing_key,
               &ret->dead_letter_routing_key);
    struct slice strategy = json_slice(json_object_get(definition, "dead-letter-strategy"));
    if (!ret->has_dead_letter_strategy)
        ret->dead_letters_at_least_once = slice_is(strategy, "at-least-once");
    struct slice overflow = json_slice(json_object_get(definition, "overflow"));
    if (!ret->has_overflow)
        ret->has_overflow = queue_overflow_parse(overflow, &ret->overflow);
}

const struct policy **queue_matched_policies(struct queue *q)
{
    return q->matched_policies;
}

void queue_begin_policy(struct queue *q, struct effective_policy *policy)
{
    lv_assert(!q->policy);
    q->policy = policy;
    queue_settings_merge(&q->arguments, policy, &q->settings);
}

/* --- telling the home ------------------------------------------------------------------------- */

static void settings_arrive(struct loop *at, struct mail *mail)
{
    (void)at;
    struct queue *q = mail->a;
    if (held_takes(q, mail))
        return;
    struct effective_policy *old = q->policy;
    q->policy = mail->b;
    queue_settings_merge(&q->arguments, q->policy, &q->settings);
    effective_policy_unref(&old);
    if (!atomic_load_explicit(&q->entry.is_deleted, memory_order_relaxed))
        queue_settings_changed(q);
    queue_unref(&q);
}

void queue_settings_mail(struct queue *q, struct effective_policy *policy)
{
    struct mail mail = {.deliver = settings_arrive, .a = q, .b = policy};
    loop_mail_from_outside(q->entry.home, &mail);
}
