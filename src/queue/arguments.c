/* Arguments, as RabbitMQ 3.10 checks them: in its order, so that of two mistakes the same one is
 * named; in its words.
 *
 * Each queue type knows some arguments. Those are checked by value; an argument that only another
 * type knows is refused; what no type knows is taken and ignored. */
#include "queue/arguments.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/buffer.h"
#include "wire/floats.h"
#include "wire/table.h"

enum { CLASSIC = 1, QUORUM = 2, STREAM = 4 };

/* 10 years: no time in milliseconds may be longer. */
static const int64_t EXPIRY_MS_MAX = 315360000000;

/* The argument that is being looked at, for the error's text. */
struct subject {
    const char *argument;
    const char *kind; /* "queue", "exchange" */
    struct slice name;
    struct slice vhost;
    struct slice table;
    struct broker_error *error;
};

/* Fills 406 with "... for queue 'q' in vhost 'v': WHY". */
static bool refuse_value(const struct subject *s, const char *why)
{
    return broker_refuse(s->error, 406, "invalid arg '%s' for %s '%.*s' in vhost '%.*s': %s",
                         s->argument, s->kind, SLICE_ARG(s->name), SLICE_ARG(s->vhost), why);
}

static bool refuse_number(const struct subject *s, const char *why, int64_t number)
{
    char text[80];
    snprintf(text, sizeof text, "{%s,%" PRId64 "}", why, number);
    return refuse_value(s, text);
}

static bool refuse_type(const struct subject *s, const struct field *f)
{
    char text[80];
    snprintf(text, sizeof text, "{unacceptable_type,%s}", field_type_name(f->type));
    return refuse_value(s, text);
}

static bool refuse_unsupported(const struct subject *s, const char *what, struct slice value)
{
    char text[400];
    snprintf(text, sizeof text, "\"unsupported queue %s '%.*s'\"", what, SLICE_ARG(value));
    return refuse_value(s, text);
}

/* --- one value ------------------------------------------------------------------------------ */

static bool check_integer(const struct subject *s, const struct field *f)
{
    char text[80];
    if (field_is_integer(f))
        return true;
    snprintf(text, sizeof text, "\"expected integer, got %s\"", field_type_name(f->type));
    return refuse_value(s, text);
}

static bool check_not_negative(const struct subject *s, const struct field *f)
{
    return check_integer(s, f) && (f->i >= 0 || refuse_number(s, "value_negative", f->i));
}

static bool check_milliseconds(const struct subject *s, const struct field *f)
{
    return check_not_negative(s, f) &&
           (f->i <= EXPIRY_MS_MAX || refuse_number(s, "value_too_large", f->i));
}

static bool check_not_zero(const struct subject *s, const struct field *f)
{
    return check_integer(s, f) && (f->i != 0 || refuse_number(s, "value_zero", 0));
}

static bool check_expires(const struct subject *s, const struct field *f)
{
    return check_not_zero(s, f) && check_milliseconds(s, f);
}

static bool check_priority(const struct subject *s, const struct field *f)
{
    return check_not_negative(s, f) &&
           (f->i <= 255 || refuse_number(s, "max_value_exceeded", f->i));
}

static bool check_group_size(const struct subject *s, const struct field *f)
{
    return check_not_negative(s, f) && check_not_zero(s, f);
}

static bool check_bool(const struct subject *s, const struct field *f)
{
    return f->type == FIELD_BOOL || refuse_type(s, f);
}

static bool check_string(const struct subject *s, const struct field *f)
{
    return f->type == FIELD_LONGSTR || refuse_type(s, f);
}

/* A string out of a list that ends with NULL. */
static bool is_one_of(const struct field *f, const char *const *words)
{
    while (*words && !slice_is(f->bytes, *words))
        words++;
    return *words != NULL;
}

static bool check_dead_letter_key(const struct subject *s, const struct field *f)
{
    struct field exchange;
    return check_string(s, f) && (table_find(s->table, "x-dead-letter-exchange", &exchange) ||
                                  refuse_value(s, "routing_key_but_no_dlx_defined"));
}

static bool check_strategy(const struct subject *s, const struct field *f)
{
    static const char *const words[] = {"at-most-once", "at-least-once", NULL};
    return check_string(s, f) && (is_one_of(f, words) || refuse_value(s, "invalid_dlx_strategy"));
}

static bool check_overflow(const struct subject *s, const struct field *f)
{
    static const char *const words[] = {"drop-head", "reject-publish", "reject-publish-dlx", NULL};
    return check_string(s, f) && (is_one_of(f, words) || refuse_value(s, "invalid_overflow"));
}

static bool check_leader_locator(const struct subject *s, const struct field *f)
{
    static const char *const words[] = {"client-local", "balanced", "random", "least-leaders",
                                        NULL};
    return check_string(s, f) &&
           (is_one_of(f, words) || refuse_value(s, "invalid_queue_locator_arg"));
}

static bool check_mode(const struct subject *s, const struct field *f)
{
    static const char *const words[] = {"default", "lazy", NULL};
    return check_string(s, f) && (is_one_of(f, words) || refuse_unsupported(s, "mode", f->bytes));
}

static bool check_version(const struct subject *s, const struct field *f)
{
    if (!check_not_negative(s, f))
        return false;
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, f->i);
    return f->i == 1 || f->i == 2 || refuse_unsupported(s, "version", slice_str(text));
}

static bool check_type(const struct subject *s, const struct field *f)
{
    static const char *const words[] = {"classic", "quorum", "stream", NULL};
    return check_string(s, f) && (is_one_of(f, words) || refuse_unsupported(s, "type", f->bytes));
}

/* --- the arguments of queues ---------------------------------------------------------------- */

/* In the order in which they are checked. */
static const struct {
    const char *name;
    unsigned types;                                                /* which queue types know it */
    bool (*check)(const struct subject *s, const struct field *f); /* NULL: any value */
} queue_rules[] = {
    {"x-expires", CLASSIC | QUORUM, check_expires},
    {"x-message-ttl", CLASSIC | QUORUM, check_milliseconds},
    {"x-dead-letter-exchange", CLASSIC | QUORUM, check_string},
    {"x-dead-letter-routing-key", CLASSIC | QUORUM, check_dead_letter_key},
    {"x-dead-letter-strategy", QUORUM, check_strategy},
    {"x-max-length", CLASSIC | QUORUM, check_not_negative},
    {"x-max-length-bytes", CLASSIC | QUORUM | STREAM, check_not_negative},
    {"x-max-in-memory-length", QUORUM, check_not_negative},
    {"x-max-in-memory-bytes", QUORUM, check_not_negative},
    {"x-max-priority", CLASSIC, check_priority},
    {"x-overflow", CLASSIC | QUORUM, check_overflow},
    {"x-queue-mode", CLASSIC, check_mode},
    {"x-queue-version", CLASSIC, check_version},
    {"x-single-active-consumer", CLASSIC | QUORUM, check_bool},
    {"x-queue-type", CLASSIC | QUORUM | STREAM, check_type},
    {"x-quorum-initial-group-size", QUORUM, check_group_size},
    {"x-max-age", STREAM, NULL},
    {"x-stream-max-segment-size-bytes", STREAM, NULL},
    {"x-initial-cluster-size", QUORUM | STREAM, NULL},
    {"x-queue-leader-locator", QUORUM | STREAM, check_leader_locator},
    {"x-queue-master-locator", CLASSIC, NULL},
    {"x-delivery-limit", QUORUM, NULL},
    {"x-last-value-key", CLASSIC | QUORUM, check_string},
};

enum { QUEUE_RULES = sizeof queue_rules / sizeof *queue_rules };

/* What is compared when a queue is declared again, in order. */
static const char *const classic_compared[] = {
    "x-expires",
    "x-message-ttl",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-overflow",
    "x-queue-mode",
    "x-queue-version",
    "x-single-active-consumer",
    "x-queue-type",
    "x-queue-master-locator",
    "x-last-value-key",
    NULL,
};

static const char *const quorum_compared[] = {
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-expires",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-in-memory-length",
    "x-max-in-memory-bytes",
    "x-overflow",
    "x-single-active-consumer",
    "x-queue-type",
    "x-quorum-initial-group-size",
    "x-delivery-limit",
    "x-message-ttl",
    "x-queue-leader-locator",
    NULL,
};

static bool is_of_type(struct slice table, const char *type)
{
    struct field f;
    return table_find(table, "x-queue-type", &f) && f.type == FIELD_LONGSTR &&
           slice_is(f.bytes, type);
}

static bool check_known(struct subject *s, unsigned type)
{
    struct field f;
    for (int i = 0; i < QUEUE_RULES; i++) {
        s->argument = queue_rules[i].name;
        if ((queue_rules[i].types & type) && queue_rules[i].check &&
            table_find(s->table, s->argument, &f) && !queue_rules[i].check(s, &f))
            return false;
    }
    return true;
}

/* The types that know this argument; 0: none does. */
static unsigned types_of(struct slice argument)
{
    for (int i = 0; i < QUEUE_RULES; i++) {
        if (slice_is(argument, queue_rules[i].name))
            return queue_rules[i].types;
    }
    return 0;
}

/* The first argument, in the table's order, that only other types know. */
static bool check_foreign(const struct subject *s, unsigned type)
{
    struct slice rest = s->table;
    struct slice name;
    struct field f;
    while (table_next(&rest, &name, &f)) {
        unsigned types = types_of(name);
        if (types != 0 && !(types & type))
            return broker_refuse(s->error, 406,
                                 "invalid arg '%.*s' for queue '%.*s' in vhost '%.*s' of queue "
                                 "type %s",
                                 SLICE_ARG(name), SLICE_ARG(s->name), SLICE_ARG(s->vhost),
                                 type == QUORUM ? "rabbit_quorum_queue" : "rabbit_classic_queue");
    }
    return true;
}

static bool check_quorum_flags(const struct subject *s, struct queue_flags flags)
{
    const char *property = flags.auto_delete ? "auto-delete"
                           : flags.exclusive ? "exclusive-owner"
                           : !flags.durable  ? "non-durable"
                                             : NULL;
    return !property ||
           broker_refuse(s->error, 406, "invalid property '%s' for queue '%.*s' in vhost '%.*s'",
                         property, SLICE_ARG(s->name), SLICE_ARG(s->vhost));
}

/* An exchange's name as an argument, whose type is looked at before everything else. */
static bool check_exchange_name(const struct subject *s)
{
    struct field f;
    return !table_find(s->table, s->argument, &f) || f.type == FIELD_LONGSTR ||
           broker_refuse(s->error, 406,
                         "invalid type '%s' for arg '%s' in %s '%.*s' in vhost '%.*s'",
                         field_type_name(f.type), s->argument, s->kind, SLICE_ARG(s->name),
                         SLICE_ARG(s->vhost));
}

static bool check_queue_type(struct subject *s)
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

static bool check_queue(struct subject *s, struct queue_flags flags)
{
    s->argument = "x-dead-letter-exchange";
    if (!check_exchange_name(s) || !check_queue_type(s))
        return false;
    bool is_quorum = is_of_type(s->table, "quorum");
    unsigned type = is_quorum ? QUORUM : CLASSIC;
    return check_known(s, type) && check_foreign(s, type) &&
           (!is_quorum || check_quorum_flags(s, flags));
}

static int64_t integer_of(struct slice table, const char *name)
{
    struct field f;
    return table_find(table, name, &f) && field_is_integer(&f) ? f.i : ARGUMENT_UNSET;
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

/* Any value is taken: one that is no number, or negative, means that there is no limit. */
static int64_t delivery_limit_of(struct slice table)
{
    struct field f;
    if (!table_find(table, "x-delivery-limit", &f))
        return ARGUMENT_UNSET;
    return field_is_integer(&f) && f.i >= 0 ? f.i : DELIVERY_LIMIT_NONE;
}

static int64_t consumer_timeout_of(struct slice table)
{
    struct field f;
    if (!table_find(table, "x-consumer-timeout", &f) || !field_is_integer(&f))
        return ARGUMENT_UNSET;
    return f.i > 0 ? f.i : 0;
}

static void read_queue(struct slice table, struct queue_arguments *ret)
{
    struct field f;
    *ret = (struct queue_arguments){
        .type = is_of_type(table, "quorum") ? QUEUE_QUORUM : QUEUE_CLASSIC,
        .message_ttl_ms = integer_of(table, "x-message-ttl"),
        .expires_ms = integer_of(table, "x-expires"),
        .max_length = integer_of(table, "x-max-length"),
        .max_length_bytes = integer_of(table, "x-max-length-bytes"),
        .max_priority = integer_of(table, "x-max-priority"),
        .delivery_limit = delivery_limit_of(table),
        .consumer_timeout_ms = consumer_timeout_of(table),
        .single_active_consumer = table_find(table, "x-single-active-consumer", &f) && f.b,
    };
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
    struct subject s = {NULL, "queue", queue, vhost, table, error};
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

/* --- equivalence ---------------------------------------------------------------------------- */

enum value_class { CLASS_INTEGER, CLASS_FLOAT, CLASS_BYTES, CLASS_OTHER };

/* A timestamp is a number like the integers once it has been read. */
static enum value_class class_of(const struct field *f)
{
    if (field_is_integer(f) || f->type == FIELD_TIMESTAMP)
        return CLASS_INTEGER;
    if (f->type == FIELD_DOUBLE || f->type == FIELD_FLOAT)
        return CLASS_FLOAT;
    return f->type == FIELD_LONGSTR || f->type == FIELD_BINARY ? CLASS_BYTES : CLASS_OTHER;
}

static bool is_same_value(const struct field *a, const struct field *b)
{
    enum value_class class = class_of(a);
    if (class == CLASS_OTHER || class != class_of(b))
        return field_equal(a, b);
    if (class == CLASS_INTEGER)
        return a->i == b->i;
    return class == CLASS_FLOAT ? floats_equal(a->f, b->f) : slice_equal(a->bytes, b->bytes);
}

/* Appends 'VALUE'. */
static void put_value(struct lv_buffer *out, const struct field *f)
{
    lv_buffer_add_u8(out, '\'');
    if (class_of(f) == CLASS_BYTES)
        lv_buffer_add_slice(out, f->bytes);
    else
        field_describe(out, f);
    lv_buffer_add_u8(out, '\'');
}

/* "none", 'VALUE', or, where the other side has none, the value 'VALUE' of type 'TYPE'. */
static void put_side(struct lv_buffer *out, const struct field *f, bool is_set, bool is_other_set)
{
    if (!is_set || (is_other_set && f->type == FIELD_VOID)) {
        lv_buffer_printf(out, "none");
        return;
    }
    if (!is_other_set)
        lv_buffer_printf(out, "the value ");
    put_value(out, f);
    if (!is_other_set)
        lv_buffer_printf(out, " of type '%s'", field_type_name(f->type));
}

static bool compare(const struct subject *s, struct slice have_table)
{
    struct field have = {0};
    struct field want = {0};
    bool has = table_find(have_table, s->argument, &have);
    bool wants = table_find(s->table, s->argument, &want);
    if (has == wants && (!has || is_same_value(&have, &want)))
        return true;
    bool is_type = slice_is(slice_str(s->argument), "x-queue-type");
    if (is_type && has != wants && is_of_type(has ? have_table : s->table, "classic"))
        return true;
    struct lv_buffer text = {0};
    lv_buffer_printf(&text, "received ");
    put_side(&text, &want, wants, has);
    lv_buffer_printf(&text, " but current is ");
    put_side(&text, &have, has, wants);
    broker_refuse(s->error, 406, "inequivalent arg '%s' for %s '%.*s' in vhost '%.*s': %.*s",
                  s->argument, s->kind, SLICE_ARG(s->name), SLICE_ARG(s->vhost),
                  SLICE_ARG(lv_buffer_slice(&text)));
    lv_buffer_free(&text);
    return false;
}

static bool check_flag(const struct subject *s, const char *flag, bool have, bool want)
{
    if (have == want)
        return true;
    return broker_refuse(s->error, 406,
                         "inequivalent arg '%s' for queue '%.*s' in vhost '%.*s': received '%s' "
                         "but current is '%s'",
                         flag, SLICE_ARG(s->name), SLICE_ARG(s->vhost), want ? "true" : "false",
                         have ? "true" : "false");
}

bool queue_is_equivalent(struct queue_flags have, struct slice have_table, struct queue_flags want,
                         struct slice want_table, bool is_type_relaxed, struct slice queue,
                         struct slice vhost, struct broker_error *error)
{
    struct subject s = {NULL, "queue", queue, vhost, want_table, error};
    if (!check_flag(&s, "durable", have.durable, want.durable) ||
        !check_flag(&s, "auto_delete", have.auto_delete, want.auto_delete))
        return false;
    const char *const *names =
        is_of_type(have_table, "quorum") ? quorum_compared : classic_compared;
    for (; *names; names++) {
        s.argument = *names;
        if (is_type_relaxed && slice_is(slice_str(*names), "x-queue-type"))
            continue;
        if (!compare(&s, have_table))
            return false;
    }
    return true;
}

/* --- exchanges ------------------------------------------------------------------------------ */

bool exchange_arguments_check(struct slice table, struct slice exchange, struct slice vhost,
                              struct broker_error *error)
{
    struct subject s = {"alternate-exchange", "exchange", exchange, vhost, table, error};
    return check_exchange_name(&s);
}

bool exchange_arguments_are_equivalent(struct slice have, struct slice want, struct slice exchange,
                                       struct slice vhost, struct broker_error *error)
{
    struct subject s = {"alternate-exchange", "exchange", exchange, vhost, want, error};
    return compare(&s, have);
}

/* --- consumers ------------------------------------------------------------------------------ */

static bool read_flag(struct subject *s, const char *name, bool *ret)
{
    struct field f;
    s->argument = name;
    bool is_there = table_find(s->table, name, &f);
    if (is_there && !check_bool(s, &f))
        return false;
    *ret = is_there && f.b;
    return true;
}

/* A number of messages, or a word. */
static bool read_browse_offset(struct subject *s, struct browser_arguments *ret)
{
    static const char *const words[] = {"first", "last", "next", NULL};
    struct field f;
    s->argument = "x-browse-offset";
    if (!table_find(s->table, s->argument, &f))
        return true;
    if (f.type != FIELD_LONGSTR) {
        if (!check_not_negative(s, &f))
            return false;
        ret->skip = (uint64_t)f.i;
        return true;
    }
    if (!is_one_of(&f, words))
        return refuse_value(s, "\"expected a number, first, last or next\"");
    ret->is_last = slice_is(f.bytes, "last");
    ret->is_next = slice_is(f.bytes, "next");
    return true;
}

/* Leveret's own: a consumer that looks only. */
static bool browser_arguments_read(struct subject *s, struct browser_arguments *ret)
{
    *ret = (struct browser_arguments){0};
    return read_flag(s, "x-browse", &ret->is_wanted) && read_browse_offset(s, ret) &&
           read_flag(s, "x-browse-end", &ret->ends);
}

/* An argument that consumers of this type of queue do not have. */
static bool refuse_foreign(const struct subject *s, enum queue_type type)
{
    return broker_refuse(s->error, 406,
                         "invalid arg '%s' for queue '%.*s' in vhost '%.*s' of queue type %s",
                         s->argument, SLICE_ARG(s->name), SLICE_ARG(s->vhost),
                         type == QUEUE_QUORUM ? "rabbit_quorum_queue" : "rabbit_classic_queue");
}

bool consumer_arguments_read(struct slice table, enum queue_type type, struct slice queue,
                             struct slice vhost, struct consumer_arguments *ret,
                             struct broker_error *error)
{
    struct subject s = {"x-priority", "queue", queue, vhost, table, error};
    struct field priority;
    struct field f;
    bool has_priority = table_find(table, s.argument, &priority);
    if (has_priority && !check_integer(&s, &priority))
        return false;
    s.argument = "x-cancel-on-ha-failover";
    if (table_find(table, s.argument, &f) &&
        (type == QUEUE_QUORUM ? !refuse_foreign(&s, type) : !check_bool(&s, &f)))
        return false;
    s.argument = "x-stream-offset";
    if (table_find(table, s.argument, &f))
        return refuse_foreign(&s, type);
    ret->priority = has_priority ? priority.i : 0;
    if (!browser_arguments_read(&s, &ret->browsing))
        return false;
    return true;
}

/* --- known names ---------------------------------------------------------------------------- */

static const char *const deduplication_names[] = {
    "x-message-deduplication", "x-cache-size",           "x-cache-ttl",
    "x-cache-persistence",     "x-deduplication-header", NULL};

static bool is_among(struct slice name, const char *const *names)
{
    while (*names && !slice_is(name, *names))
        names++;
    return *names != NULL;
}

static bool is_note(struct slice name)
{
    return name.n < 2 || memcmp(name.p, "x-", 2) != 0;
}

bool queue_argument_is_known(struct slice name)
{
    return is_note(name) || types_of(name) != 0 || slice_is(name, "x-consumer-timeout") ||
           is_among(name, deduplication_names);
}

bool exchange_argument_is_known(struct slice name)
{
    static const char *const names[] = {"x-delayed-type", "x-hash-on", "x-recent-history-length",
                                        NULL};
    return is_note(name) || is_among(name, names) || is_among(name, deduplication_names);
}

bool consumer_argument_is_known(struct slice name)
{
    static const char *const names[] = {"x-priority",         "x-cancel-on-ha-failover",
                                        "x-stream-offset",    "x-browse",
                                        "x-browse-offset",    "x-browse-end",
                                        "x-consumer-timeout", NULL};
    return is_note(name) || is_among(name, names);
}
