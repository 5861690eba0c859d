/* An object in a file of definitions becomes a row.
 *
 * A table for each kind says which fields its objects may have, of which type, and where in the row
 * their values go. A field that is not in the table is ignored, with a note: versions of RabbitMQ
 * differ in what they add. */
#include "manage/definitions_reading.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/memory.h"
#include "wire/erlang_json.h"
#include "wire/table_json.h"

enum { NAME_BYTES_MAX = 255 };

/* --- fields ----------------------------------------------------------------------------------- */

enum field_kind {
    IS_NAME,      /* text of 1 to 255 bytes: struct slice */
    IS_LONG_NAME, /* text of 1 byte or more, of what AMQP does not name: struct slice */
    IS_SHORT,     /* text of 0 to 255 bytes: struct slice */
    IS_TEXT,      /* struct slice */
    IS_FLAG,      /* bool */
    IS_NUMBER,    /* int64_t */
    IS_ARGUMENTS, /* an object: struct slice, owned, a field table */
    IS_TAGS,      /* a list of texts, or one text: struct slice, owned */
    IS_VALUE,     /* any JSON: json_t * */
    IS_OBJECT,    /* an object, also as a list of pairs: json_t *, owned */
    IS_UNUSED,    /* known, and of no use here */
};

struct field_rule {
    const char *name;
    enum field_kind kind;
    bool is_required;
    size_t offset;
    size_t had_offset; /* of a bool that is set if the field is there; 0: none */
};

#define NEEDS(type, member, name, kind)                                                            \
    {                                                                                              \
        name, kind, true, offsetof(type, member), 0                                                \
    }
#define MAY(type, member, name, kind)                                                              \
    {                                                                                              \
        name, kind, false, offsetof(type, member), 0                                               \
    }
#define MAY_HAVE(type, member, had, name, kind)                                                    \
    {                                                                                              \
        name, kind, false, offsetof(type, member), offsetof(type, had)                             \
    }
#define UNUSED(name)                                                                               \
    {                                                                                              \
        name, IS_UNUSED, false, 0, 0                                                               \
    }
#define RULES_END                                                                                  \
    {                                                                                              \
        NULL, IS_UNUSED, false, 0, 0                                                               \
    }

#define U struct defined_user
static const struct field_rule user_rules[] = {
    NEEDS(U, head.name, "name", IS_LONG_NAME),
    NEEDS(U, tags, "tags", IS_TAGS),
    MAY_HAVE(U, password, has_password, "password", IS_TEXT),
    MAY_HAVE(U, hash, has_hash, "password_hash", IS_TEXT),
    MAY(U, algorithm, "hashing_algorithm", IS_TEXT),
    MAY(U, limits, "limits", IS_OBJECT),
    RULES_END,
};
#undef U

#define V struct defined_vhost
static const struct field_rule vhost_rules[] = {
    NEEDS(V, head.name, "name", IS_LONG_NAME),
    MAY_HAVE(V, description, has_description, "description", IS_TEXT),
    MAY_HAVE(V, tags, has_tags, "tags", IS_TAGS),
    MAY(V, default_queue_type, "default_queue_type", IS_TEXT),
    MAY_HAVE(V, is_traced, has_tracing, "tracing", IS_FLAG),
    MAY(V, limits, "limits", IS_OBJECT),
    MAY(V, metadata, "metadata", IS_VALUE),
    UNUSED("protected_from_deletion"),
    UNUSED("cluster_state"),
    RULES_END,
};

static const struct field_rule metadata_rules[] = {
    MAY_HAVE(V, description, has_description, "description", IS_TEXT),
    MAY_HAVE(V, tags, has_tags, "tags", IS_TAGS),
    MAY(V, default_queue_type, "default_queue_type", IS_TEXT),
    MAY_HAVE(V, is_protected, has_protection, "protected_from_deletion", IS_FLAG),
    RULES_END,
};
#undef V

#define P struct defined_permission
static const struct field_rule permission_rules[] = {
    NEEDS(P, head.name, "user", IS_LONG_NAME), NEEDS(P, head.vhost, "vhost", IS_LONG_NAME),
    NEEDS(P, configure, "configure", IS_TEXT), NEEDS(P, write, "write", IS_TEXT),
    NEEDS(P, read, "read", IS_TEXT),           RULES_END,
};
#undef P

#define T struct defined_topic_permission
static const struct field_rule topic_permission_rules[] = {
    NEEDS(T, head.name, "user", IS_LONG_NAME), NEEDS(T, head.vhost, "vhost", IS_LONG_NAME),
    NEEDS(T, exchange, "exchange", IS_SHORT),  NEEDS(T, write, "write", IS_TEXT),
    NEEDS(T, read, "read", IS_TEXT),           RULES_END,
};
#undef T

#define P struct defined_parameter
static const struct field_rule parameter_rules[] = {
    NEEDS(P, head.name, "name", IS_LONG_NAME),
    NEEDS(P, head.vhost, "vhost", IS_LONG_NAME),
    NEEDS(P, component, "component", IS_LONG_NAME),
    NEEDS(P, value, "value", IS_VALUE),
    RULES_END,
};

static const struct field_rule global_parameter_rules[] = {
    NEEDS(P, head.name, "name", IS_LONG_NAME),
    NEEDS(P, value, "value", IS_VALUE),
    RULES_END,
};
#undef P

#define P struct defined_policy
static const struct field_rule policy_rules[] = {
    NEEDS(P, head.name, "name", IS_LONG_NAME),
    NEEDS(P, head.vhost, "vhost", IS_LONG_NAME),
    NEEDS(P, pattern, "pattern", IS_TEXT),
    MAY(P, apply_to, "apply-to", IS_TEXT),
    NEEDS(P, definition, "definition", IS_VALUE),
    MAY(P, priority, "priority", IS_NUMBER),
    RULES_END,
};
#undef P

#define Q struct defined_queue
static const struct field_rule queue_rules[] = {
    NEEDS(Q, head.name, "name", IS_NAME),
    NEEDS(Q, head.vhost, "vhost", IS_LONG_NAME),
    MAY(Q, is_durable, "durable", IS_FLAG),
    MAY(Q, is_auto_delete, "auto_delete", IS_FLAG),
    MAY(Q, arguments, "arguments", IS_ARGUMENTS),
    UNUSED("type"), /* the argument x-queue-type says it */
    RULES_END,
};
#undef Q

#define X struct defined_exchange
static const struct field_rule exchange_rules[] = {
    NEEDS(X, head.name, "name", IS_NAME),
    NEEDS(X, head.vhost, "vhost", IS_LONG_NAME),
    NEEDS(X, type, "type", IS_NAME),
    MAY(X, is_durable, "durable", IS_FLAG),
    MAY(X, is_auto_delete, "auto_delete", IS_FLAG),
    MAY(X, is_internal, "internal", IS_FLAG),
    MAY(X, arguments, "arguments", IS_ARGUMENTS),
    RULES_END,
};
#undef X

#define B struct defined_binding
static const struct field_rule binding_rules[] = {
    NEEDS(B, head.name, "source", IS_SHORT),
    NEEDS(B, head.vhost, "vhost", IS_LONG_NAME),
    NEEDS(B, destination, "destination", IS_SHORT),
    NEEDS(B, destination_type, "destination_type", IS_TEXT),
    NEEDS(B, routing_key, "routing_key", IS_SHORT),
    MAY(B, arguments, "arguments", IS_ARGUMENTS),
    UNUSED("properties_key"),
    RULES_END,
};
#undef B

static const struct kind_rules {
    const struct field_rule *rules;
    size_t row_bytes;
    bool is_in_vhost;
} kinds[DEFINED_KINDS] = {
    [DEFINED_USERS] = {user_rules, sizeof(struct defined_user), false},
    [DEFINED_VHOSTS] = {vhost_rules, sizeof(struct defined_vhost), false},
    [DEFINED_PERMISSIONS] = {permission_rules, sizeof(struct defined_permission), false},
    [DEFINED_TOPIC_PERMISSIONS] = {topic_permission_rules, sizeof(struct defined_topic_permission),
                                   false},
    [DEFINED_PARAMETERS] = {parameter_rules, sizeof(struct defined_parameter), true},
    [DEFINED_GLOBAL_PARAMETERS] = {global_parameter_rules, sizeof(struct defined_parameter), false},
    [DEFINED_POLICIES] = {policy_rules, sizeof(struct defined_policy), true},
    [DEFINED_QUEUES] = {queue_rules, sizeof(struct defined_queue), true},
    [DEFINED_EXCHANGES] = {exchange_rules, sizeof(struct defined_exchange), true},
    [DEFINED_BINDINGS] = {binding_rules, sizeof(struct defined_binding), true},
};

/* --- texts that rows keep --------------------------------------------------------------------- */

enum { BLOCK_BYTES = 64 * 1024 };

struct text_block {
    struct text_block *before;
    size_t used, bytes;
    uint8_t p[];
};

static struct slice text_keep(struct kept_texts *texts, struct slice text)
{
    struct text_block *block = texts->last;
    if (!block || block->bytes - block->used <= text.n) {
        size_t bytes = text.n < BLOCK_BYTES ? BLOCK_BYTES : text.n + 1;
        block = lv_malloc(sizeof *block + bytes);
        *block = (struct text_block){.before = texts->last, .bytes = bytes};
        texts->last = block;
    }
    uint8_t *p = block->p + block->used;
    if (text.n > 0)
        memcpy(p, text.p, text.n);
    p[text.n] = 0;
    block->used += text.n + 1;
    return slice_of(p, text.n);
}

static struct slice vhost_keep(struct kept_texts *texts, struct slice name)
{
    if (!slice_equal(texts->vhost, name))
        texts->vhost = text_keep(texts, name);
    return texts->vhost;
}

void texts_free(struct kept_texts *texts)
{
    while (texts->last) {
        struct text_block *block = texts->last;
        texts->last = block->before;
        free(block);
    }
}

/* --- one value -------------------------------------------------------------------------------- */

const char *json_type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "a string";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE: return "true";
    case JSON_FALSE: return "false";
    case JSON_NULL: break;
    }
    return "null";
}

static bool refuse_type(const struct reading *r, const char *field, const char *expected,
                        const json_t *value)
{
    return report_fault(r->report, r->kind, r->row, "%s: expected %s, got %s", field, expected,
                        json_type_name(value));
}

static bool read_text(const struct reading *r, const struct field_rule *rule, const json_t *value,
                      struct slice *ret)
{
    if (!json_is_string(value))
        return refuse_type(r, rule->name, "a string", value);
    struct kept_texts *texts = &r->file->texts;
    *ret = strcmp(rule->name, "vhost") == 0 ? vhost_keep(texts, json_slice(value))
                                            : text_keep(texts, json_slice(value));
    bool is_short = rule->kind == IS_NAME || rule->kind == IS_SHORT;
    if ((rule->kind == IS_NAME || rule->kind == IS_LONG_NAME) && ret->n == 0)
        return report_fault(r->report, r->kind, r->row, "%s is empty", rule->name);
    if (is_short && ret->n > NAME_BYTES_MAX)
        return report_fault(r->report, r->kind, r->row, "%s has %zu bytes: at most %d are allowed",
                            rule->name, ret->n, NAME_BYTES_MAX);
    return true;
}

static bool read_arguments(const struct reading *r, const struct field_rule *rule,
                           const json_t *value, struct slice *ret)
{
    struct lv_buffer table = {0};
    if (json_is_empty_list(value))
        return true;
    if (!json_is_object(value))
        return refuse_type(r, rule->name, "an object", value);
    if (table_from_json(&table, value) < 0)
        return report_fault(r->report, r->kind, r->row,
                            "%s is nested too deep, or has a name of more than %d bytes",
                            rule->name, NAME_BYTES_MAX);
    *ret = lv_buffer_slice(&table); /* the row owns the buffer's memory */
    return true;
}

/* Returns the words of a text, which are separated by commas or spaces, separated by commas. The
 * caller owns it. */
static struct slice slice_of_words(struct slice text)
{
    struct lv_buffer words = {0};
    bool is_between = true;
    for (size_t i = 0; i < text.n; i++) {
        bool was_between = is_between;
        is_between = text.p[i] == ',' || text.p[i] == ' ';
        if (!is_between && was_between && words.n > 0)
            lv_buffer_add_u8(&words, ',');
        if (!is_between)
            lv_buffer_add_u8(&words, text.p[i]);
    }
    return lv_buffer_slice(&words);
}

static bool read_tags(const struct reading *r, const struct field_rule *rule, const json_t *value,
                      struct slice *ret)
{
    struct lv_buffer tags = {0};
    if (json_is_string(value)) {
        *ret = slice_of_words(json_slice(value));
        return true;
    }
    if (!json_is_array(value))
        return refuse_type(r, rule->name, "a list of strings", value);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *tag = json_array_get(value, i);
        if (!json_is_string(tag)) {
            lv_buffer_free(&tags);
            return refuse_type(r, rule->name, "a list of strings", tag);
        }
        if (tags.n > 0)
            lv_buffer_add_u8(&tags, ',');
        lv_buffer_add_slice(&tags, json_slice(tag));
    }
    *ret = lv_buffer_slice(&tags);
    return true;
}

/* Returns the object that a list of pairs stands for, as rabbitmqctl of 3.10 writes objects within
 * others; NULL if it is none. The caller owns it. */
static json_t *object_of_pairs(const json_t *list)
{
    json_t *object = json_object();
    bool is_fine = json_is_array(list);
    for (size_t i = 0; is_fine && i < json_array_size(list); i++) {
        const json_t *pair = json_array_get(list, i);
        const json_t *key = json_array_get(pair, 0);
        is_fine = json_array_size(pair) == 2 && json_is_string(key) &&
                  json_object_set(object, json_string_value(key), json_array_get(pair, 1)) == 0;
    }
    if (is_fine)
        return object;
    json_decref(object);
    return NULL;
}

static bool read_object(const struct reading *r, const struct field_rule *rule, json_t *value,
                        json_t **ret)
{
    *ret = json_is_object(value) ? json_incref(value) : object_of_pairs(value);
    return *ret || refuse_type(r, rule->name, "an object", value);
}

static bool read_flag(const struct reading *r, const struct field_rule *rule, const json_t *value,
                      bool *ret)
{
    if (!json_is_boolean(value))
        return refuse_type(r, rule->name, "true or false", value);
    *ret = json_is_true(value);
    return true;
}

static bool read_number(const struct reading *r, const struct field_rule *rule, const json_t *value,
                        int64_t *ret)
{
    if (!json_is_integer(value))
        return refuse_type(r, rule->name, "a number", value);
    *ret = json_integer_value(value);
    return true;
}

static bool read_value(const struct reading *r, const struct field_rule *rule, json_t *value)
{
    void *to = (char *)r->row + rule->offset;
    if (rule->had_offset)
        *(bool *)((char *)r->row + rule->had_offset) = true;
    switch (rule->kind) {
    case IS_NAME:
    case IS_LONG_NAME:
    case IS_SHORT:
    case IS_TEXT: return read_text(r, rule, value, to);
    case IS_FLAG: return read_flag(r, rule, value, to);
    case IS_NUMBER: return read_number(r, rule, value, to);
    case IS_ARGUMENTS: return read_arguments(r, rule, value, to);
    case IS_TAGS:
        free((void *)(uintptr_t)((struct slice *)to)->p); /* metadata may repeat them */
        *(struct slice *)to = SLICE_EMPTY;
        return read_tags(r, rule, value, to);
    case IS_OBJECT: return read_object(r, rule, value, to);
    case IS_VALUE: *(json_t **)to = value; return true;
    case IS_UNUSED: break;
    }
    return true;
}

/* --- one row ---------------------------------------------------------------------------------- */

static const struct field_rule *rule_find(const struct field_rule *rules, const char *name)
{
    while (rules->name && strcmp(rules->name, name) != 0)
        rules++;
    return rules->name ? rules : NULL;
}

/* Returns whether the file gives the row's vhost from outside. */
static bool is_of_file(const struct reading *r, const struct field_rule *rule)
{
    return r->vhost && strcmp(rule->name, "vhost") == 0;
}

/* Reads the fields of an object. The name and the vhost are read first, since they are part of what
 * is said about the others, and what is missing is said last. */
static bool read_fields(struct reading *r, const struct field_rule *rules, json_t *object)
{
    bool is_fine = true;
    for (const struct field_rule *rule = rules; rule->name; rule++) {
        json_t *value = json_object_get(object, rule->name);
        if (is_of_file(r, rule))
            r->row->vhost = *r->vhost;
        else if (value)
            is_fine &= read_value(r, rule, value);
    }
    for (const struct field_rule *rule = rules; rule->name; rule++)
        if (rule->is_required && !is_of_file(r, rule) && !json_object_get(object, rule->name))
            is_fine = report_fault(r->report, r->kind, r->row, "%s is missing", rule->name);
    return is_fine;
}

static void note_unknown(struct reading *r, const struct field_rule *rules, json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (!rule_find(rules, name))
            report_note(r->report, "%s: the unknown field '%s' is ignored",
                        defined_kind_name(r->kind), name);
    }
}

static char *text_of(const json_t *value)
{
    return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* An operator policy's definition may be a list of pairs, too: see object_of_pairs(). */
static char *parameter_text(const struct defined_parameter *p)
{
    json_t *definition = json_object_get(p->value, "definition");
    json_t *object = slice_is(p->component, "operator_policy") && json_is_array(definition)
                         ? object_of_pairs(definition)
                         : NULL;
    if (object)
        json_object_set_new(p->value, "definition", object);
    return text_of(p->value);
}

static void finish_vhost(struct reading *r)
{
    struct defined_vhost *v = (struct defined_vhost *)r->row;
    if (v->metadata && !json_is_object(v->metadata))
        refuse_type(r, "metadata", "an object", v->metadata);
    else if (v->metadata)
        read_fields(r, metadata_rules, v->metadata);
    v->metadata = NULL;
    if (slice_is(v->default_queue_type, "undefined"))
        v->default_queue_type = SLICE_EMPTY;
}

/* Completes a row whose fields have been read. */
static void row_finish(struct reading *r)
{
    if (r->kind == DEFINED_VHOSTS)
        finish_vhost(r);
    if (r->kind == DEFINED_PARAMETERS || r->kind == DEFINED_GLOBAL_PARAMETERS) {
        struct defined_parameter *p = (struct defined_parameter *)r->row;
        p->text = slice_str(parameter_text(p));
        p->value = NULL;
    }
    if (r->kind == DEFINED_POLICIES) {
        struct defined_policy *p = (struct defined_policy *)r->row;
        p->text = slice_str(text_of(p->definition));
        p->definition = NULL;
    }
}

/* What a field is if it is not there. */
static void row_begin(struct reading *r)
{
    if (r->kind == DEFINED_POLICIES)
        ((struct defined_policy *)r->row)->apply_to = slice_str("all");
    if (r->kind == DEFINED_QUEUES)
        ((struct defined_queue *)r->row)->is_durable = true;
    if (r->kind == DEFINED_EXCHANGES)
        ((struct defined_exchange *)r->row)->is_durable = true;
}

void row_free(enum defined_kind kind, struct defined *row)
{
    struct slice *owned = NULL;
    json_t *object = NULL;
    switch (kind) {
    case DEFINED_USERS:
        owned = &((struct defined_user *)row)->tags;
        object = ((struct defined_user *)row)->limits;
        break;
    case DEFINED_VHOSTS:
        owned = &((struct defined_vhost *)row)->tags;
        object = ((struct defined_vhost *)row)->limits;
        break;
    case DEFINED_PARAMETERS:
    case DEFINED_GLOBAL_PARAMETERS: owned = &((struct defined_parameter *)row)->text; break;
    case DEFINED_POLICIES: owned = &((struct defined_policy *)row)->text; break;
    case DEFINED_QUEUES: owned = &((struct defined_queue *)row)->arguments; break;
    case DEFINED_EXCHANGES: owned = &((struct defined_exchange *)row)->arguments; break;
    case DEFINED_BINDINGS: owned = &((struct defined_binding *)row)->arguments; break;
    case DEFINED_PERMISSIONS:
    case DEFINED_TOPIC_PERMISSIONS:
    case DEFINED_KINDS: break;
    }
    if (owned)
        free((void *)(uintptr_t)owned->p);
    json_decref(object);
}

/* --- the door --------------------------------------------------------------------------------- */

size_t row_bytes(enum defined_kind kind)
{
    return kinds[kind].row_bytes;
}

bool kind_is_in_vhost(enum defined_kind kind)
{
    return kinds[kind].is_in_vhost;
}

void row_read(struct reading *r, json_t *object)
{
    const struct field_rule *rules = kinds[r->kind].rules;
    row_begin(r);
    note_unknown(r, rules, object);
    if (read_fields(r, rules, object))
        row_finish(r);
}
