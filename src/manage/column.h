/* A listing's columns, and the values in them. A value has a type of the broker's own words;
 * each skin has its way to write it. */
#ifndef LEVERET_MANAGE_COLUMN_H
#define LEVERET_MANAGE_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct effective_policy;
struct manage;

enum value_type {
    VALUE_NOTHING, /* there is nothing to show */
    VALUE_BOOL,
    VALUE_NUMBER,
    VALUE_INTEGER, /* below 0, too */
    VALUE_REAL,
    VALUE_STRING,
    VALUE_TABLE,      /* an AMQP table */
    VALUE_ARGUMENTS,  /* a table of a declaration's arguments, of which the broker knows some */
    VALUE_WORDS,      /* separated by commas */
    VALUE_TIME,       /* milliseconds since 1970 */
    VALUE_SESSION,    /* a connection (channel 0) or a channel */
    VALUE_HOME,       /* a loop */
    VALUE_NODES,      /* the one node, as a list */
    VALUE_CLUSTER,    /* the one node, and that it runs */
    VALUE_BYTES,      /* a message's, or the beginning of them */
    VALUE_PROPERTIES, /* a message's, as its header has them */
    VALUE_DEFINITION, /* of a policy, NULL: none */
};

/* What its pointers lead to lives as long as the row. */
struct value {
    enum value_type type;
    union {
        bool yes;
        uint64_t number; /* also a time, and a home's index */
        int64_t integer;
        double real;
        struct slice string; /* also words, a table, and the header that has properties */
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
    };
};

/* The types of columns.h. One that ends with _IF shows nothing where its condition does not
 * hold; REAL_IF shows 0. */
#define VALUE_OF_NOTHING() ((struct value){.type = VALUE_NOTHING})
#define VALUE_OF_BOOL(b) ((struct value){.type = VALUE_BOOL, .yes = (b)})
#define VALUE_OF_NUMBER(n) ((struct value){.type = VALUE_NUMBER, .number = (n)})
#define VALUE_OF_NUMBER_IF(is, n) ((is) ? VALUE_OF_NUMBER(n) : VALUE_OF_NOTHING())
#define VALUE_OF_INTEGER(n) ((struct value){.type = VALUE_INTEGER, .integer = (n)})
#define VALUE_OF_REAL_IF(is, x)                                                                    \
    ((is) ? (struct value){.type = VALUE_REAL, .real = (x)} : VALUE_OF_NUMBER(0))
#define VALUE_OF_STRING(s) ((struct value){.type = VALUE_STRING, .string = (s)})
#define VALUE_OF_TEXT(s) VALUE_OF_STRING(slice_str(s))
#define VALUE_OF_TABLE(s) ((struct value){.type = VALUE_TABLE, .string = (s)})
#define VALUE_OF_WORDS(s) ((struct value){.type = VALUE_WORDS, .string = (s)})
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
#define VALUE_OF_DEFINITION(p) ((struct value){.type = VALUE_DEFINITION, .policy = (p)})

struct column {
    const char *name;
    struct value (*value)(const struct manage *m, const void *facts);
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
#define COLUMN_ROW(column, type, ...) {#column, COLUMN_OF(column)},
#define COLUMNS_END                                                                                \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

/* NULL: there is none of this name. */
const struct column *column_find(const struct column *all, struct slice name);

/* By numbers, bytes, false before true; what shows nothing first. Tables are all equal. */
int value_compare(const struct value *a, const struct value *b);

#endif
