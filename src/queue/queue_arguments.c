/* Arguments of queues, as RabbitMQ 3.10 checks them: in its order, so that of two mistakes the same
 * one is reported, and with its texts. One table has every argument: which queue types know it, how
 * it is checked, when it is compared, which number it sets.
 *
 * The arguments that a queue's type knows are checked; one that only another type knows is refused;
 * one that no type knows is ignored. */
#include "queue/queue_arguments.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "topology/argument_checks.h"
#include "topology/dedup.h"
#include "wire/table.h"

bool refuse_foreign(const struct argument_subject *s, struct slice argument, enum queue_type type)
{
    return broker_refuse(s->error, 406,
                         "invalid arg '%.*s' for queue '%.*s' in vhost '%.*s' of queue type %s",
                         SLICE_ARG(argument), SLICE_ARG(s->name), SLICE_ARG(s->vhost),
                         type == QUEUE_QUORUM ? "rabbit_quorum_queue" : "rabbit_classic_queue");
}

enum { CLASSIC = 1, QUORUM = 2, STREAM = 4, BOTH = CLASSIC | QUORUM, ALL = BOTH | STREAM };

/* 10 years: no time in milliseconds may be longer. */
static const int64_t EXPIRY_MS_MAX = 315360000000;

static bool refuse_unsupported(const struct argument_subject *s, const char *what,
                               struct slice value)
{
    char text[400];
    snprintf(text, sizeof text, "\"unsupported queue %s '%.*s'\"", what, SLICE_ARG(value));
    return refuse_value(s, text);
}

/* --- one value -------------------------------------------------------------------------------- */

static bool check_milliseconds(const struct argument_subject *s, const struct field *f)
{
    return check_not_negative(s, f) &&
           (f->i <= EXPIRY_MS_MAX || refuse_number(s, "value_too_large", f->i));
}

static bool check_not_zero(const struct argument_subject *s, const struct field *f)
{
    return check_integer(s, f) && (f->i != 0 || refuse_number(s, "value_zero", 0));
}

static bool check_expires(const struct argument_subject *s, const struct field *f)
{
    return check_not_zero(s, f) && check_milliseconds(s, f);
}

static bool check_priority(const struct argument_subject *s, const struct field *f)
{
    return check_not_negative(s, f) &&
           (f->i <= 255 || refuse_number(s, "max_value_exceeded", f->i));
}

static bool check_group_size(const struct argument_subject *s, const struct field *f)
{
    return check_not_negative(s, f) && check_not_zero(s, f);
}

static bool check_dead_letter_key(const struct argument_subject *s, const struct field *f)
{
    struct field exchange;
    return check_string(s, f) && (table_find(s->table, "x-dead-letter-exchange", &exchange) ||
                                  refuse_value(s, "routing_key_but_no_dlx_defined"));
}

static bool check_strategy(const struct argument_subject *s, const struct field *f)
{
    static const char *const words[] = {"at-most-once", "at-least-once", NULL};
    return check_string(s, f) && (is_one_of(f, words) || refuse_value(s, "invalid_dlx_strategy"));
}

static bool check_overflow(const struct argument_subject *s, const struct field *f)
{
    static const char *const words[] = {"drop-head", "reject-publish", "reject-publish-dlx", NULL};
    return check_string(s, f) && (is_one_of(f, words) || refuse_value(s, "invalid_overflow"));
}

static bool check_leader_locator(const struct argument_subject *s, const struct field *f)
{
    static const char *const words[] = {"client-local", "balanced", "random", "least-leaders",
                                        NULL};
    return check_string(s, f) &&
           (is_one_of(f, words) || refuse_value(s, "invalid_queue_locator_arg"));
}

static bool check_mode(const struct argument_subject *s, const struct field *f)
{
    static const char *const words[] = {"default", "lazy", NULL};
    return check_string(s, f) && (is_one_of(f, words) || refuse_unsupported(s, "mode", f->bytes));
}

static bool check_version(const struct argument_subject *s, const struct field *f)
{
    if (!check_not_negative(s, f))
        return false;
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, f->i);
    return f->i == 1 || f->i == 2 || refuse_unsupported(s, "version", slice_str(text));
}

static bool check_type(const struct argument_subject *s, const struct field *f)
{
    static const char *const words[] = {"classic", "quorum", "stream", NULL};
    return check_string(s, f) && (is_one_of(f, words) || refuse_unsupported(s, "type", f->bytes));
}

/* --- the arguments of queues ------------------------------------------------------------------ */

/* Returns an argument's integer; ARGUMENT_UNSET if it is not one. */
static int64_t read_integer(const struct field *f)
{
    return field_is_integer(f) ? f->i : ARGUMENT_UNSET;
}

/* Any value is accepted: one that is not a number, or negative, means that there is no limit. */
static int64_t read_delivery_limit(const struct field *f)
{
    return field_is_integer(f) && f->i >= 0 ? f->i : DELIVERY_LIMIT_NONE;
}

static int64_t read_timeout(const struct field *f)
{
    return !field_is_integer(f) ? ARGUMENT_UNSET : f->i > 0 ? f->i : 0;
}

/* What a policy may do to a number: nothing; lower it; lower it, and it is a time in milliseconds.
 */
enum { ALONE = 1, POLICY, POLICY_MS };

#define NUMBER(member, lowered_by) offsetof(struct queue_arguments, member), lowered_by

/* All arguments of queues, in the order in which they are checked. */
static const struct argument {
    const char *name;
    unsigned types; /* which queue types know it */
    bool (*check)(const struct argument_subject *s, const struct field *f); /* NULL: any value */
    /* The turn in which it is compared when a classic, or a quorum queue is declared again; 0: it
     * is not compared. */
    uint8_t compared[2];
    size_t number; /* offset of its int64_t in struct queue_arguments; 0: it sets no number */
    int lowered_by;
    int64_t (*read)(const struct field *); /* reads the number; NULL: read_integer() */
} arguments[] = {
    {"x-expires", BOTH, check_expires, {1, 4}, NUMBER(expires_ms, POLICY_MS)},
    {"x-message-ttl", BOTH, check_milliseconds, {2, 14}, NUMBER(message_ttl_ms, POLICY_MS)},
    {"x-dead-letter-exchange", BOTH, check_string, {3, 1}},
    {"x-dead-letter-routing-key", BOTH, check_dead_letter_key, {4, 2}},
    {"x-dead-letter-strategy", QUORUM, check_strategy, {0, 3}},
    {"x-max-length", BOTH, check_not_negative, {5, 5}, NUMBER(max_length, POLICY)},
    {"x-max-length-bytes", ALL, check_not_negative, {6, 6}, NUMBER(max_length_bytes, POLICY)},
    {"x-max-in-memory-length", QUORUM, check_not_negative, {0, 7}},
    {"x-max-in-memory-bytes", QUORUM, check_not_negative, {0, 8}},
    {"x-max-priority", CLASSIC, check_priority, {7, 0}, NUMBER(max_priority, ALONE)},
    {"x-overflow", BOTH, check_overflow, {8, 9}},
    {"x-queue-mode", CLASSIC, check_mode, {9, 0}},
    {"x-queue-version", CLASSIC, check_version, {10, 0}},
    {"x-single-active-consumer", BOTH, check_bool, {11, 10}},
    {"x-queue-type", ALL, check_type, {12, 11}},
    {"x-quorum-initial-group-size", QUORUM, check_group_size, {0, 12}},
    {"x-max-age", STREAM, NULL, {0, 0}},
    {"x-stream-max-segment-size-bytes", STREAM, NULL, {0, 0}},
    {"x-initial-cluster-size", QUORUM | STREAM, NULL, {0, 0}},
    {"x-queue-leader-locator", QUORUM | STREAM, check_leader_locator, {0, 15}},
    {"x-queue-master-locator", CLASSIC, NULL, {13, 0}},
    {"x-delivery-limit",
     QUORUM,
     NULL,
     {0, 13},
     NUMBER(delivery_limit, POLICY),
     read_delivery_limit},
    {"x-last-value-key", BOTH, check_string, {14, 0}},
    {"x-consumer-timeout",
     BOTH,
     NULL,
     {0, 0},
     NUMBER(consumer_timeout_ms, POLICY_MS),
     read_timeout},
};

enum { ARGUMENTS = sizeof arguments / sizeof *arguments };

static bool is_of_type(struct slice table, const char *type)
{
    struct field f;
    return table_find(table, "x-queue-type", &f) && f.type == FIELD_LONGSTR &&
           slice_is(f.bytes, type);
}

static bool check_known(struct argument_subject *s, unsigned type)
{
    struct field f;
    for (int i = 0; i < ARGUMENTS; i++) {
        const struct argument *a = &arguments[i];
        s->argument = a->name;
        if ((a->types & type) && a->check && table_find(s->table, a->name, &f) && !a->check(s, &f))
            return false;
    }
    return true;
}

/* Returns the types that know this argument; 0: none does. */
static unsigned types_of(struct slice argument)
{
    for (int i = 0; i < ARGUMENTS; i++) {
        if (slice_is(argument, arguments[i].name))
            return arguments[i].types;
    }
    return 0;
}

/* Refuses the first argument, in the order of the client's table, that only other types know. */
static bool check_foreign(const struct argument_subject *s, unsigned type)
{
    struct slice rest = s->table;
    struct slice name;
    struct field f;
    while (table_next(&rest, &name, &f)) {
        unsigned types = types_of(name);
        if (types != 0 && !(types & type))
            return refuse_foreign(s, name, type == QUORUM ? QUEUE_QUORUM : QUEUE_CLASSIC);
    }
    return true;
}

static bool check_quorum_flags(const struct argument_subject *s, struct queue_flags flags)
{
    const char *property = flags.auto_delete ? "auto-delete"
                           : flags.exclusive ? "exclusive-owner"
                           : !flags.durable  ? "non-durable"
                                             : NULL;
    return !property ||
           broker_refuse(s->error, 406, "invalid property '%s' for queue '%.*s' in vhost '%.*s'",
                         property, SLICE_ARG(s->name), SLICE_ARG(s->vhost));
}

static bool check_queue_type(struct argument_subject *s)
{
    struct field f;
    s->argument = "x-queue-type";
    if (table_find(s->table, s->argument, &f) && !check_type(s, &f))
        return false;
    if (!is_of_type(s->table, "stream"))
        return true;
    return broker_refuse_connection(s->error, 540,
                                    "queue '%.*s' in vhost '%.*s': queue type 'stream' is not "
                                    "supported",
                                    SLICE_ARG(s->name), SLICE_ARG(s->vhost));
}

static bool check_queue(struct argument_subject *s, struct queue_flags flags)
{
    s->argument = "x-dead-letter-exchange";
    if (!check_exchange_name(s) || !check_queue_type(s))
        return false;
    bool is_quorum = is_of_type(s->table, "quorum");
    unsigned type = is_quorum ? QUORUM : CLASSIC;
    return check_known(s, type) && check_foreign(s, type) &&
           (!is_quorum || check_quorum_flags(s, flags));
}

static bool string_of(struct slice table, const char *name, struct slice *ret)
{
    struct field f;
    bool is_set = table_find(table, name, &f);
    *ret = is_set ? f.bytes : SLICE_EMPTY;
    return is_set;
}

bool queue_overflow_parse(struct slice word, enum queue_overflow *ret)
{
    static const char *const words[] = {
        [OVERFLOW_DROP_HEAD] = "drop-head",
        [OVERFLOW_REJECT_PUBLISH] = "reject-publish",
        [OVERFLOW_REJECT_PUBLISH_DLX] = "reject-publish-dlx",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (slice_is(word, words[i])) {
            *ret = (enum queue_overflow)i;
            return true;
        }
    }
    return false;
}

static int64_t *number_of(const struct argument *a, struct queue_arguments *values)
{
    return (int64_t *)(void *)((uint8_t *)values + a->number);
}

static void read_numbers(struct slice table, struct queue_arguments *ret)
{
    struct field f;
    for (int i = 0; i < ARGUMENTS; i++) {
        const struct argument *a = &arguments[i];
        if (a->number == 0)
            continue;
        bool is_set = table_find(table, a->name, &f);
        *number_of(a, ret) = !is_set ? ARGUMENT_UNSET : (a->read ? a->read : read_integer)(&f);
    }
}

int64_t *queue_arguments_lowered(struct queue_arguments *values, size_t n, const char **ret_key,
                                 bool *ret_is_time)
{
    for (int i = 0; i < ARGUMENTS; i++) {
        const struct argument *a = &arguments[i];
        if (a->lowered_by < POLICY || n-- > 0)
            continue;
        *ret_key = a->name + strlen("x-");
        *ret_is_time = a->lowered_by == POLICY_MS;
        return number_of(a, values);
    }
    return NULL;
}

static void read_queue(struct slice table, struct queue_arguments *ret)
{
    struct field f;
    *ret = (struct queue_arguments){
        .type = is_of_type(table, "quorum") ? QUEUE_QUORUM : QUEUE_CLASSIC,
        .single_active_consumer = table_find(table, "x-single-active-consumer", &f) && f.b,
    };
    read_numbers(table, ret);
    struct slice strategy;
    ret->has_dead_letter_strategy = string_of(table, "x-dead-letter-strategy", &strategy);
    ret->dead_letters_at_least_once =
        ret->has_dead_letter_strategy && slice_is(strategy, "at-least-once");
    struct slice overflow;
    ret->has_overflow =
        string_of(table, "x-overflow", &overflow) && queue_overflow_parse(overflow, &ret->overflow);
    ret->has_dead_letter_exchange =
        string_of(table, "x-dead-letter-exchange", &ret->dead_letter_exchange);
    ret->has_dead_letter_routing_key =
        string_of(table, "x-dead-letter-routing-key", &ret->dead_letter_routing_key);
}

bool queue_arguments_read(struct slice table, struct queue_flags flags, struct slice queue,
                          struct slice vhost, struct queue_arguments *ret,
                          struct broker_error *error)
{
    struct argument_subject s = {NULL, "queue", queue, vhost, table, error};
    if (!check_queue(&s, flags))
        return false;
    read_queue(table, ret);
    return true;
}

bool queue_arguments_check_generated(struct slice table, struct broker_error *error)
{
    if (!is_of_type(table, "quorum"))
        return true;
    return broker_refuse(error, 406,
                         "Cannot declare a server-named queue for type rabbit_quorum_queue");
}

/* --- equivalence ------------------------------------------------------------------------------ */

/* Compares one argument. A queue without x-queue-type counts as a classic one. */
static bool arguments_compare(const struct argument_subject *s, struct slice have_table)
{
    struct field f;
    bool is_type = slice_is(slice_str(s->argument), "x-queue-type");
    bool has = table_find(have_table, s->argument, &f);
    bool wants = table_find(s->table, s->argument, &f);
    if (is_type && has != wants && is_of_type(has ? have_table : s->table, "classic"))
        return true;
    return check_equal(s, have_table);
}

static bool check_flag(const struct argument_subject *s, const char *flag, bool have, bool want)
{
    if (have == want)
        return true;
    return broker_refuse(s->error, 406,
                         "inequivalent arg '%s' for queue '%.*s' in vhost '%.*s': received '%s' "
                         "but current is '%s'",
                         flag, SLICE_ARG(s->name), SLICE_ARG(s->vhost), want ? "true" : "false",
                         have ? "true" : "false");
}

/* Returns the argument that is compared in this turn, or NULL after the last one. */
static const char *compared_in(enum queue_type type, unsigned turn)
{
    for (int i = 0; i < ARGUMENTS; i++) {
        if (arguments[i].compared[type] == turn)
            return arguments[i].name;
    }
    return NULL;
}

bool queue_is_equivalent(struct queue_flags have, struct slice have_table, struct queue_flags want,
                         struct slice want_table, bool is_type_relaxed, struct slice queue,
                         struct slice vhost, struct broker_error *error)
{
    struct argument_subject s = {NULL, "queue", queue, vhost, want_table, error};
    if (!check_flag(&s, "durable", have.durable, want.durable) ||
        !check_flag(&s, "auto_delete", have.auto_delete, want.auto_delete))
        return false;
    enum queue_type type = is_of_type(have_table, "quorum") ? QUEUE_QUORUM : QUEUE_CLASSIC;
    for (unsigned turn = 1; (s.argument = compared_in(type, turn)); turn++) {
        if (is_type_relaxed && slice_is(slice_str(s.argument), "x-queue-type"))
            continue;
        if (!arguments_compare(&s, have_table))
            return false;
    }
    return true;
}

/* --- known names ------------------------------------------------------------------------------ */

bool queue_argument_is_known(struct slice name)
{
    return argument_is_custom(name) || types_of(name) != 0 || dedup_argument_is_known(name);
}
