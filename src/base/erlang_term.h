/* Reads Erlang terms from text, as RabbitMQ's advanced.config has them:
 *
 *   [{rabbitmq_auth_backend_ldap, [{port, 389}, {vhost_access_query, {constant, true}}]}].
 *
 * Atoms, strings, binaries, numbers, characters ($a), tuples, lists, maps and comments are
 * understood. Variables, funs, records, and lists with a tail ([a|b]) are not. Text is kept in the
 * encoding of the source, UTF-8. Pure; any thread. */
#ifndef LEVERET_BASE_ERLANG_TERM_H
#define LEVERET_BASE_ERLANG_TERM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { ERLANG_TERM_DEPTH_MAX = 64 };

enum erlang_type {
    ERLANG_ATOM,
    ERLANG_STRING,
    ERLANG_BINARY,
    ERLANG_INTEGER,
    ERLANG_FLOAT,
    ERLANG_TUPLE,
    ERLANG_LIST,
    ERLANG_MAP, /* its items are its keys and values, in turn */
};

/* A term, and where it begins. Borrowed from its struct erlang_terms. */
struct erlang_term {
    enum erlang_type type;
    unsigned line;       /* from 1 */
    unsigned column;     /* from 1, in bytes */
    struct slice text;   /* of an atom, a string or a binary, without quotes and escapes */
    struct slice source; /* the term as it was written; it lies in the text that was parsed */
    int64_t integer;
    double number; /* of an ERLANG_FLOAT */
    const struct erlang_term *items;
    size_t count; /* of items */
};

/* What was parsed. It owns the terms and their text. */
struct erlang_terms {
    struct erlang_term *items;
    size_t count;
    void *blocks; /* all memory below the items; private */
};

/* What is wrong with the text, and where. */
struct erlang_fault {
    unsigned line;
    unsigned column;
    char message[120];
};

/* Parses terms, each followed by a dot; the last one's dot may be missing. The caller frees *ret
 * with erlang_terms_free(). Returns ERR_INVALID, and fills in *ret_fault, if the text is anything
 * else. */
int erlang_terms_parse(struct slice text, struct erlang_terms *ret, struct erlang_fault *ret_fault);
void erlang_terms_free(struct erlang_terms *terms);

/* Returns whether the term is this atom. */
bool erlang_is_atom(const struct erlang_term *term, const char *name);
/* Returns whether the term is a tuple of `count` items. */
bool erlang_is_tuple(const struct erlang_term *term, size_t count);
/* Returns whether the term is a list. An empty string is an empty list. */
bool erlang_is_list(const struct erlang_term *term);
/* Returns true, and the text, if the term is a string or a binary. An empty list is an empty
 * string. */
bool erlang_text(const struct erlang_term *term, struct slice *ret);

#endif
