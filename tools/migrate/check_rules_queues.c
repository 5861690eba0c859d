/* Rules about queues and their messages. */
#include <string.h>

#include "migrate/check_rules.h"
#include "migrate/known.h"

static const json_t *queues_of(const json_t *source)
{
    return json_object_get(source, "queues");
}

static const char *argument_of(const json_t *queue, const char *name)
{
    return text_of_member(json_object_get(queue, "arguments"), name);
}

/* Returns the queue's type: what the API says, or its argument. */
static const char *type_of(const json_t *queue)
{
    const char *type = text_of_member(queue, "type");
    if (!*type)
        type = argument_of(queue, "x-queue-type");
    return *type ? type : "classic";
}

/* --- types ------------------------------------------------------------------------------------ */

/* Returns the queues; if they could not be read, those of the definitions. */
static const json_t *declared_queues(const json_t *source)
{
    const json_t *queues = queues_of(source);
    return json_is_array(queues)
               ? queues
               : json_object_get(json_object_get(source, "definitions"), "queues");
}

void migration_rule_stream_queues(const json_t *source, struct places *out)
{
    const json_t *queue;
    size_t n;
    json_array_foreach(declared_queues(source), n, queue) if (strcmp(type_of(queue), "stream") == 0)
        places_add_object(out, "queue", queue);
}

void migration_rule_unknown_queue_types(const json_t *source, struct places *out)
{
    const json_t *queue;
    size_t n;
    json_array_foreach(declared_queues(source), n, queue)
    {
        const char *type = type_of(queue);
        if (strcmp(type, "classic") != 0 && strcmp(type, "quorum") != 0 &&
            strcmp(type, "stream") != 0)
            places_add(out, "queue '%s' in vhost '%s' (%s)", text_of_member(queue, "name"),
                       text_of_member(queue, "vhost"), type);
    }
}

void migration_rule_quorum_queues(const json_t *source, struct places *out)
{
    const json_t *queue;
    size_t n;
    json_array_foreach(declared_queues(source), n, queue) if (strcmp(type_of(queue), "quorum") == 0)
        places_add_object(out, "queue", queue);
}

/* Returns whether the queue's argument, or the policies that apply to it, set this key. */
static bool has_setting(const json_t *queue, const char *argument)
{
    return json_object_get(json_object_get(queue, "arguments"), argument) ||
           json_object_get(json_object_get(queue, "effective_policy_definition"),
                           argument + strlen("x-"));
}

void migration_rule_delivery_limit_missing(const json_t *source, struct places *out)
{
    const json_t *queue;
    size_t n;
    json_array_foreach(declared_queues(source), n,
                       queue) if (strcmp(type_of(queue), "quorum") == 0 &&
                                  has_setting(queue, "x-dead-letter-exchange") &&
                                  !has_setting(queue, "x-delivery-limit"))
        places_add_object(out, "queue", queue);
}

/* Streams are refused as a whole: their arguments are no matter. */
void migration_rule_queue_arguments(const json_t *source, struct places *out)
{
    const json_t *queue;
    size_t n;
    json_array_foreach(declared_queues(source), n, queue)
    {
        const char *name;
        json_t *value;
        if (strcmp(type_of(queue), "stream") == 0)
            continue;
        json_object_foreach(json_object_get(queue, "arguments"), name, value)
        {
            if (strncmp(name, "x-", strlen("x-")) == 0 && !is_known(name, known_queue_arguments))
                places_add(out, "%s of queue '%s' in vhost '%s'", name,
                           text_of_member(queue, "name"), text_of_member(queue, "vhost"));
        }
    }
}

/* --- what definitions do not have ------------------------------------------------------------- */

static bool is_exclusive(const json_t *queue)
{
    return json_is_true(json_object_get(queue, "exclusive"));
}

static void add_with_messages(struct places *out, const json_t *queue)
{
    places_add(out, "queue '%s' in vhost '%s' (%" JSON_INTEGER_FORMAT " messages)",
               text_of_member(queue, "name"), text_of_member(queue, "vhost"),
               number_of_member(queue, "messages"));
}

void migration_rule_exclusive_queues(const json_t *source, struct places *out)
{
    const json_t *queue;
    size_t n;
    json_array_foreach(queues_of(source), n, queue) if (is_exclusive(queue))
        add_with_messages(out, queue);
}

void migration_rule_transient_queues(const json_t *source, struct places *out)
{
    const json_t *queue;
    size_t n;
    json_array_foreach(queues_of(source), n,
                       queue) if (json_is_false(json_object_get(queue, "durable")) &&
                                  !is_exclusive(queue)) add_with_messages(out, queue);
}

void migration_rule_unacked_messages(const json_t *source, struct places *out)
{
    const json_t *queue;
    size_t n;
    json_array_foreach(queues_of(source), n, queue)
    {
        json_int_t unacked = number_of_member(queue, "messages_unacknowledged");
        if (unacked > 0)
            places_add(out, "queue '%s' in vhost '%s' (%" JSON_INTEGER_FORMAT " unacknowledged)",
                       text_of_member(queue, "name"), text_of_member(queue, "vhost"), unacked);
    }
}

void migration_rule_single_consumers(const json_t *source, struct places *out)
{
    const json_t *row;
    size_t n;
    json_array_foreach(queues_of(source), n, row)
    {
        const json_t *tag = json_object_get(row, "single_active_consumer_tag");
        if (json_string_length(tag) > 0)
            places_add_object(out, "queue", row);
    }
    json_array_foreach(json_object_get(source, "consumers"), n, row)
    {
        if (json_is_true(json_object_get(row, "exclusive")))
            places_add_object(out, "queue", json_object_get(row, "queue"));
    }
}

/* --- space ------------------------------------------------------------------------------------ */

void migration_rule_disk_too_small(const json_t *source, struct places *out)
{
    double bytes = 0, free = (double)number_of_member(source, "data_disk_free");
    const json_t *queue;
    size_t n;
    json_array_foreach(queues_of(source), n, queue) bytes +=
        (double)number_of_member(queue, "message_bytes");
    if (json_object_get(source, "data_disk_free") && bytes > free)
        places_add(out, "%.0f MiB of messages; %.0f MiB are free here", bytes / (1 << 20),
                   free / (1 << 20));
}
