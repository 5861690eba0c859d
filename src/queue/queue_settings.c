/* Merges a queue's arguments with its policy, and mails a new policy to the queue's home. */
#include "queue/queue_settings.h"

#include "queue/held.h"
#include "queue/queue_private.h"
#include "wire/erlang_json.h"

/* --- merging ---------------------------------------------------------------------------------- */

/* 10 years, RabbitMQ's bound for arguments. Longer times in policies are cut to it, so that sums do
 * not overflow. */
static const int64_t TIME_MS_MAX = 315360000000;

static void merge_number(const json_t *value, bool is_time, int64_t *number)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return;
    int64_t limit = json_integer_value(value);
    if (is_time && limit > TIME_MS_MAX)
        limit = TIME_MS_MAX;
    if (*number == ARGUMENT_UNSET || limit < *number)
        *number = limit;
}

static void merge_numbers(const json_t *definition, struct queue_arguments *ret)
{
    int64_t *number;
    const char *key;
    bool is_time;
    for (size_t n = 0; (number = queue_arguments_lowered(ret, n, &key, &is_time)); n++)
        merge_number(json_object_get(definition, key), is_time, number);
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
    merge_numbers(definition, ret);
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
    if (!queue_is_deleted(q))
        queue_settings_changed(q);
    queue_unref(&q);
}

void queue_settings_mail(struct queue *q, struct effective_policy *policy)
{
    struct mail mail = {.deliver = settings_arrive, .a = q, .b = policy};
    loop_mail_from_outside(q->entry.home, &mail);
}
