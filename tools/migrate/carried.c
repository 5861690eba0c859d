#include "migrate/carried.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/mover.h"
#include "migrate/outlet.h"
#include "migrate/places.h"

enum { WINDOW_BYTES = 32 << 20, WINDOW_MIN = 8 };

static bool is_in(const json_t *object, const char *vhost)
{
    return !vhost || member_is(object, "vhost", vhost);
}

/* --- definitions ------------------------------------------------------------------------------ */

static bool has_object(const json_t *list, const json_t *object)
{
    const char *name = text_of_member(object, "name"), *vhost = text_of_member(object, "vhost");
    const json_t *one;
    size_t n;
    json_array_foreach(list, n,
                       one) if (strcmp(text_of_member(one, "name"), name) == 0 &&
                                strcmp(text_of_member(one, "vhost"), vhost) == 0) return true;
    return false;
}

/* Returns a copy with the members of this list, separated by spaces, that the object has. */
static json_t *copy_of(const json_t *object, const char *members)
{
    json_t *copy = json_object();
    for (size_t n; *members; members += n + strspn(members + n, " ")) {
        n = strcspn(members, " ");
        json_t *value = json_object_getn(object, members, n);
        if (value)
            json_object_setn(copy, members, n, value);
    }
    return copy;
}

static json_t *list_of(json_t *definitions, const char *name)
{
    json_t *list = json_object_get(definitions, name);
    if (!json_is_array(list)) {
        list = json_array();
        json_object_set_new(definitions, name, list);
    }
    return list;
}

static void add_to_vhost(json_t *vhost, const json_t *described)
{
    json_t *description = json_object_get(described, "description");
    json_t *tags = json_object_get(described, "tags");
    if (json_is_string(description))
        json_object_set(vhost, "description", description);
    if (json_is_array(tags))
        json_object_set(vhost, "tags", tags);
}

/* RabbitMQ leaves the descriptions and tags of vhosts out of its definitions. */
static void add_descriptions(const json_t *source, json_t *definitions)
{
    const json_t *described;
    json_t *vhost;
    size_t n, k;
    json_array_foreach(list_of(definitions, "vhosts"), n, vhost)
    {
        json_array_foreach(json_object_get(source, "vhosts"), k, described)
        {
            if (member_is(described, "name", text_of_member(vhost, "name")))
                add_to_vhost(vhost, described);
        }
    }
}

/* RabbitMQ 3.10 reads tags beside the name of a vhost, and not in its metadata. */
static void repeat_descriptions(json_t *definitions)
{
    json_t *vhost;
    size_t n;
    json_array_foreach(list_of(definitions, "vhosts"), n, vhost)
    {
        add_to_vhost(vhost, json_object_get(vhost, "metadata"));
    }
}

static void add_queues(const json_t *source, json_t *definitions)
{
    json_t *list = list_of(definitions, "queues");
    const json_t *queue;
    size_t n;
    json_array_foreach(json_object_get(source, "queues"), n, queue)
    {
        if (json_is_false(json_object_get(queue, "durable")) &&
            !json_is_true(json_object_get(queue, "exclusive")) && !has_object(list, queue))
            json_array_append_new(list, copy_of(queue, "name vhost durable auto_delete arguments"));
    }
}

/* An exchange that an export has left, as it was killed. */
static bool is_our_own(const char *exchange)
{
    return strncmp(exchange, OUTLET_EXCHANGE_PREFIX, sizeof OUTLET_EXCHANGE_PREFIX - 1) == 0;
}

static void add_exchanges(const json_t *source, json_t *definitions)
{
    json_t *list = list_of(definitions, "exchanges");
    const json_t *exchange;
    size_t n;
    json_array_foreach(json_object_get(source, "exchanges"), n, exchange)
    {
        const char *name = text_of_member(exchange, "name");
        if (json_is_false(json_object_get(exchange, "durable")) && name[0] &&
            strncmp(name, "amq.", 4) != 0 && !is_our_own(name) && !has_object(list, exchange))
            json_array_append_new(
                list, copy_of(exchange, "name vhost type durable auto_delete internal arguments"));
    }
}

/* Returns whether the source or the destination of a binding is in the list, or is one that each
 * vhost has. */
static bool has_end(const json_t *list, const json_t *binding, const char *member)
{
    const char *name = text_of_member(binding, member);
    json_t *end = json_pack("{s:s, s:s}", "name", name, "vhost", text_of_member(binding, "vhost"));
    bool has = has_object(list, end);
    json_decref(end);
    return has;
}

static bool is_transient(const json_t *list, const json_t *binding, const char *member)
{
    const json_t *one;
    size_t n;
    json_array_foreach(
        list, n,
        one) if (member_is(one, "name", text_of_member(binding, member)) &&
                 member_is(one, "vhost",
                           text_of_member(
                               binding, "vhost"))) return json_is_false(json_object_get(one,
                                                                                        "durable"));
    return false;
}

/* Adds the bindings with an end that is not durable. Importing a binding twice changes nothing. */
static void add_bindings(const json_t *source, json_t *definitions)
{
    json_t *list = list_of(definitions, "bindings");
    const json_t *queues = list_of(definitions, "queues");
    const json_t *exchanges = list_of(definitions, "exchanges"), *binding;
    size_t n;
    json_array_foreach(json_object_get(source, "bindings"), n, binding)
    {
        bool is_to_queue = member_is(binding, "destination_type", "queue");
        const json_t *destinations = is_to_queue ? queues : exchanges;
        const char *source_name = text_of_member(binding, "source");
        if (source_name[0] && !is_our_own(source_name) &&
            has_end(destinations, binding, "destination") &&
            (is_transient(exchanges, binding, "source") ||
             is_transient(destinations, binding, "destination")))
            json_array_append_new(list,
                                  copy_of(binding, "source vhost destination destination_type "
                                                   "routing_key arguments"));
    }
}

/* --- what belongs to one broker
 * ------------------------------------------------------------------ */

/* The id of a cluster is not another one's. */
static void drop_cluster_id(json_t *definitions)
{
    json_t *list = list_of(definitions, "global_parameters");
    for (size_t n = json_array_size(list); n-- > 0;)
        if (member_is(json_array_get(list, n), "name", "internal_cluster_id"))
            json_array_remove(list, n);
}

static bool has_foreign_hash(const json_t *user)
{
    static const char known[] = "rabbit_password_hashing_";
    const char *algorithm = text_of_member(user, "hashing_algorithm");
    return algorithm[0] && strncmp(algorithm, known, sizeof known - 1) != 0;
}

/* RabbitMQ cannot verify passwords by Leveret's own hash: users whom it has keep their passwords,
 * and the others begin without one. */
static void replace_hashes(json_t *definitions, const json_t *source, json_t *passwordless)
{
    json_t *list = list_of(definitions, "users");
    const json_t *there = json_object_get(json_object_get(source, "definitions"), "users");
    for (size_t n = json_array_size(list); n-- > 0;) {
        json_t *user = json_array_get(list, n);
        if (!has_foreign_hash(user))
            continue;
        if (has_object(there, user)) {
            json_array_remove(list, n);
        } else {
            json_object_set_new(user, "password_hash", json_string(""));
            json_object_del(user, "hashing_algorithm");
            json_array_append_new(passwordless, json_string(text_of_member(user, "name")));
        }
    }
}

/* --- of one vhost ----------------------------------------------------------------------------- */

static bool has_permissions(const json_t *permissions, const json_t *user)
{
    const json_t *one;
    size_t n;
    json_array_foreach(permissions, n,
                       one) if (member_is(one, "user", text_of_member(user, "name"))) return true;
    return false;
}

static bool is_kept(const char *kind, const json_t *one, const char *vhost,
                    const json_t *permissions)
{
    if (strcmp(kind, "users") == 0)
        return has_permissions(permissions, one);
    if (strcmp(kind, "vhosts") == 0)
        return member_is(one, "name", vhost);
    return member_is(one, "vhost", vhost);
}

static void keep_vhost(json_t *definitions, const char *vhost)
{
    static const char *const kinds[] = {"permissions", "topic_permissions", "users",
                                        "vhosts",      "parameters",        "policies",
                                        "queues",      "exchanges",         "bindings"};
    json_object_del(definitions, "global_parameters");
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        json_t *list = list_of(definitions, kinds[k]);
        for (size_t n = json_array_size(list); n-- > 0;)
            if (!is_kept(kinds[k], json_array_get(list, n), vhost,
                         json_object_get(definitions, "permissions")))
                json_array_remove(list, n);
    }
}

json_t *carried_definitions(const json_t *source, const char *vhost)
{
    json_t *definitions = json_deep_copy(json_object_get(source, "definitions"));
    if (!json_is_object(definitions)) {
        json_decref(definitions);
        definitions = json_object();
    }
    add_descriptions(source, definitions);
    add_queues(source, definitions);
    add_exchanges(source, definitions);
    add_bindings(source, definitions);
    drop_cluster_id(definitions);
    if (vhost)
        keep_vhost(definitions, vhost);
    return definitions;
}

json_t *carried_back(const json_t *local, const json_t *source, const char *vhost,
                     json_t *passwordless)
{
    json_t *definitions = json_deep_copy(local);
    drop_cluster_id(definitions);
    if (vhost)
        keep_vhost(definitions, vhost);
    repeat_descriptions(definitions);
    replace_hashes(definitions, source, passwordless);
    return definitions;
}

/* --- queues ----------------------------------------------------------------------------------- */

static json_int_t window_of(json_int_t bytes, json_int_t messages)
{
    json_int_t each = messages > 0 && bytes > 0 ? bytes / messages + 1 : 1;
    json_int_t window = WINDOW_BYTES / each;
    return window < WINDOW_MIN ? WINDOW_MIN : window > MOVER_WINDOW_MAX ? MOVER_WINDOW_MAX : window;
}

static const char *reason_to_skip(const json_t *queue)
{
    if (json_is_true(json_object_get(queue, "exclusive")) ||
        json_object_get(queue, "owner_pid_details"))
        return "it is exclusive, and ends with its connection";
    if (member_is(queue, "type", "stream"))
        return "it is a stream";
    return NULL;
}

static json_t *carried_queue(const json_t *queue)
{
    json_int_t unacked = number_of_member(queue, "messages_unacknowledged");
    json_int_t ready = number_of_member(queue, "messages_ready");
    json_int_t bytes = number_of_member(queue, "message_bytes");
    const json_t *arguments = json_object_get(queue, "arguments");
    const char *skipped = reason_to_skip(queue);
    json_t *carried = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:b}", "vhost", text_of_member(queue, "vhost"), "name",
        text_of_member(queue, "name"), "ready", ready, "unacked", unacked, "bytes", bytes, "window",
        window_of(bytes, ready + unacked), "quorum", member_is(queue, "type", "quorum"),
        "single_active", json_is_true(json_object_get(arguments, "x-single-active-consumer")));
    if (skipped)
        json_object_set_new(carried, "skipped", json_string(skipped));
    return carried;
}

static int compare_queues(const void *a, const void *b)
{
    const json_t *const *one = a, *const *other = b;
    int order = strcmp(text_of_member(*one, "vhost"), text_of_member(*other, "vhost"));
    return order ? order : strcmp(text_of_member(*one, "name"), text_of_member(*other, "name"));
}

/* Returns a list of the same objects in order. Takes the list. */
static json_t *sorted(json_t *list)
{
    size_t count = json_array_size(list), n;
    json_t **objects = calloc(count + 1, sizeof *objects), *object, *result = json_array();
    json_array_foreach(list, n, object) objects[n] = object;
    qsort(objects, count, sizeof *objects, compare_queues);
    for (n = 0; n < count; n++)
        json_array_append(result, objects[n]);
    free(objects);
    json_decref(list);
    return result;
}

json_t *carried_queues(const json_t *queues, const char *vhost, const char *pattern)
{
    json_t *list = json_array();
    const json_t *queue;
    size_t n;
    json_array_foreach(queues, n, queue)
    {
        const char *name = text_of_member(queue, "name");
        if (name[0] && is_in(queue, vhost) && (!pattern || fnmatch(pattern, name, 0) == 0))
            json_array_append_new(list, carried_queue(queue));
    }
    return sorted(list);
}
