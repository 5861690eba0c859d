/* A listing's columns and their values. A value has a type; each interface writes it in its own
 * way. */
#ifndef LEVERET_MANAGE_COLUMN_H
#define LEVERET_MANAGE_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct effective_policy;
struct json_t;
struct manage;
struct statistics_answer;

enum value_type {
    VALUE_NOTHING,
    VALUE_ABSENT, /* of the HTTP API: the field is left out */
    VALUE_BOOL,
    VALUE_NUMBER,
    VALUE_INTEGER, /* may be negative */
    VALUE_REAL,
    VALUE_STRING,
    VALUE_TABLE,      /* an AMQP table */
    VALUE_ARGUMENTS,  /* the arguments of a declaration, some of which the broker knows */
    VALUE_WORDS,      /* separated by commas */
    VALUE_JSON,       /* a value as JSON text */
    VALUE_TIME,       /* milliseconds since 1970 */
    VALUE_SESSION,    /* a connection (channel 0) or a channel */
    VALUE_HOME,       /* a loop */
    VALUE_NODES,      /* the one node, as a list */
    VALUE_CLUSTER,    /* the one node, and that it is running */
    VALUE_BYTES,      /* a message's body, or the beginning of it */
    VALUE_PROPERTIES, /* a message's properties, encoded */
    VALUE_DEFINITION, /* of the effective policy; NULL: there is none */
    VALUE_TREE,       /* JSON */
    /* Of the HTTP API: */
    VALUE_OPTIONAL,    /* a string; if it is empty there is none */
    VALUE_CLOCK,       /* a time, shown as a date */
    VALUE_DETAILS,     /* a statistic's rate and samples */
    VALUE_BINDING_KEY, /* what names a binding among those of its source and destination */
    /* The object that the field's name, which ends with a dot, is for is there even if no field
     * in it is. */
    VALUE_OBJECT,
};

/* The pointers in a value are valid as long as its row. */
struct value {
    enum value_type type;
    union {
        bool yes;
        uint64_t number; /* also a time, and a loop's index */
        int64_t integer;
        double real;
        struct slice string; /* also words, JSON, a table, and encoded properties */
        struct {
            struct slice table;
            bool (*is_known)(struct slice name);
        } arguments;
        struct {
            uint64_t connection;
            unsigned channel;
        } session;
        struct {
            struct slice content;
            bool is_text; /* UTF-8 */
        } bytes;
        const struct effective_policy *policy;
        struct json_t *tree; /* borrowed; NULL: the field is left out */
        struct {
            const struct statistics_answer *answer;
            unsigned statistic; /* enum statistic */
        } details;
        struct {
            struct slice routing_key, arguments;
        } binding;
    };
};

/* Values of the types in columns.h. For a type that ends with _IF the value is VALUE_NOTHING if the
 * condition is false; for REAL_IF it is the number 0. */
#define VALUE_OF_NOTHING() ((struct value){.type = VALUE_NOTHING})
#define VALUE_OF_ABSENT() ((struct value){.type = VALUE_ABSENT})
#define VALUE_OF_BOOL(b) ((struct value){.type = VALUE_BOOL, .yes = (b)})
#define VALUE_OF_NUMBER(n) ((struct value){.type = VALUE_NUMBER, .number = (n)})
#define VALUE_OF_NUMBER_IF(is, n) ((is) ? VALUE_OF_NUMBER(n) : VALUE_OF_NOTHING())
/* The field is left out if the condition is false. */
#define VALUE_OF_BOOL_WHERE(is, b) ((is) ? VALUE_OF_BOOL(b) : VALUE_OF_ABSENT())
#define VALUE_OF_NUMBER_WHERE(is, n) ((is) ? VALUE_OF_NUMBER(n) : VALUE_OF_ABSENT())
#define VALUE_OF_INTEGER(n) ((struct value){.type = VALUE_INTEGER, .integer = (n)})
#define VALUE_OF_INTEGER_WHERE(is, n) ((is) ? VALUE_OF_INTEGER(n) : VALUE_OF_ABSENT())
#define VALUE_OF_REAL_IF(is, x)                                                                    \
    ((is) ? (struct value){.type = VALUE_REAL, .real = (x)} : VALUE_OF_NUMBER(0))
#define VALUE_OF_REAL(x) ((struct value){.type = VALUE_REAL, .real = (x)})
/* Like REAL, but the field is left out if the condition is false. */
#define VALUE_OF_REAL_WHERE(is, x) ((is) ? VALUE_OF_REAL(x) : VALUE_OF_ABSENT())
#define VALUE_OF_STRING(s) ((struct value){.type = VALUE_STRING, .string = (s)})
#define VALUE_OF_TEXT(s) VALUE_OF_STRING(slice_str(s))
#define VALUE_OF_TABLE(s) ((struct value){.type = VALUE_TABLE, .string = (s)})
#define VALUE_OF_WORDS(s) ((struct value){.type = VALUE_WORDS, .string = (s)})
#define VALUE_OF_JSON(s) ((struct value){.type = VALUE_JSON, .string = (s)})
#define VALUE_OF_TIME(ms) ((struct value){.type = VALUE_TIME, .number = (ms)})
#define VALUE_OF_ARGUMENTS(t, is)                                                                  \
    ((struct value){.type = VALUE_ARGUMENTS, .arguments = {(t), (is)}})
#define VALUE_OF_SESSION(id, ch) ((struct value){.type = VALUE_SESSION, .session = {(id), (ch)}})
#define VALUE_OF_SESSION_IF(is, id, ch) ((is) ? VALUE_OF_SESSION(id, ch) : VALUE_OF_NOTHING())
#define VALUE_OF_HOME(i) ((struct value){.type = VALUE_HOME, .number = (i)})
#define VALUE_OF_NODES_IF(is) ((is) ? (struct value){.type = VALUE_NODES} : VALUE_OF_NOTHING())
#define VALUE_OF_CLUSTER() ((struct value){.type = VALUE_CLUSTER})
#define VALUE_OF_BYTES(s, is) ((struct value){.type = VALUE_BYTES, .bytes = {(s), (is)}})
#define VALUE_OF_PROPERTIES(s) ((struct value){.type = VALUE_PROPERTIES, .string = (s)})
#define VALUE_OF_OBJECT() ((struct value){.type = VALUE_OBJECT})
#define VALUE_OF_TREE(t) ((t) ? (struct value){.type = VALUE_TREE, .tree = (t)} : VALUE_OF_ABSENT())
#define VALUE_OF_OPTIONAL(s) ((struct value){.type = VALUE_OPTIONAL, .string = (s)})
/* Like STRING, but null if the string is empty; and left out if it is. */
#define VALUE_OF_STRING_OR_NULL(s) ((s).n > 0 ? VALUE_OF_STRING(s) : VALUE_OF_NOTHING())
#define VALUE_OF_STRING_WHERE(is, s) ((is) ? VALUE_OF_STRING(s) : VALUE_OF_ABSENT())
#define VALUE_OF_CLOCK_WHERE(is, ms)                                                               \
    ((is) ? (struct value){.type = VALUE_CLOCK, .number = (ms)} : VALUE_OF_ABSENT())
#define VALUE_OF_NODES_WHERE(is) ((is) ? (struct value){.type = VALUE_NODES} : VALUE_OF_ABSENT())
#define VALUE_OF_STRING_OR_NULL_WHERE(is, s) ((is) ? VALUE_OF_STRING_OR_NULL(s) : VALUE_OF_ABSENT())
#define VALUE_OF_NOTHING_WHERE(is) ((is) ? VALUE_OF_NOTHING() : VALUE_OF_ABSENT())
#define VALUE_OF_BINDING_KEY(key, table)                                                           \
    ((struct value){.type = VALUE_BINDING_KEY, .binding = {(key), (table)}})
#define VALUE_OF_DEFINITION(p) ((struct value){.type = VALUE_DEFINITION, .policy = (p)})

struct column {
    const char *name;
    struct value (*value)(const struct manage *m, const void *facts);
    const char *type;  /* as in the row: "NUMBER"; NULL in tables that are not made from rows */
    bool is_statistic; /* of the HTTP API: the value is computed from the facts' statistics */
};

/* A listing's columns, ended by a NULL name, from its rows in columns.h:
 *
 *     #define F struct queue_facts
 *     #define COLUMN_OF(column) queue_##column
 *     QUEUE_COLUMNS(COLUMN_VALUE)
 *     const struct column queue_columns[] = {QUEUE_COLUMNS(COLUMN_ROW) COLUMNS_END};
 */
#define COLUMN_VALUE(column, type, ...)                                                            \
    static struct value COLUMN_OF(column)(const struct manage *m, const void *facts)               \
    {                                                                                              \
        const F *f = facts;                                                                        \
        (void)m, (void)f;                                                                          \
        return VALUE_OF_##type(__VA_ARGS__);                                                       \
    }
#define COLUMN_ROW(column, type, ...) {#column, COLUMN_OF(column), #type},
#define COLUMNS_END                                                                                \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

/* Returns the column of this name, or NULL. `all` is ended by a NULL name. */
const struct column *column_find(const struct column *all, struct slice name);

/* Compares for sorting: negative, 0 or positive. VALUE_NOTHING is first; all tables are equal. */
int value_compare(const struct value *a, const struct value *b);

#endif
