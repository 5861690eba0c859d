/* Checks of single arguments, as RabbitMQ 3.10 makes them and with its texts. For the files of
 * topology/ and queue/ that read arguments. A check returns true, or false with error 406 filled
 * in. */
#ifndef LEVERET_TOPOLOGY_ARGUMENT_CHECKS_H
#define LEVERET_TOPOLOGY_ARGUMENT_CHECKS_H

#include "base/slice.h"
#include "topology/refusal.h"
#include "wire/table.h"

/* The argument that is checked, and what it is an argument of, for the error's text. */
struct argument_subject {
    const char *argument;
    const char *kind;   /* "queue", "exchange" */
    struct slice name;  /* of the queue or exchange */
    struct slice vhost; /* its vhost's name */
    struct slice table; /* the arguments */
    struct broker_error *error;
};

/* Fills in `invalid arg '%' for queue '%' in vhost '%': WHY`. Returns false. */
bool refuse_value(const struct argument_subject *s, const char *why);
/* Like refuse_value(), with {WHY,NUMBER} for WHY. */
bool refuse_number(const struct argument_subject *s, const char *why, int64_t number);
/* Like refuse_value(), with {unacceptable_type,TYPE} for WHY. */
bool refuse_type(const struct argument_subject *s, const struct field *f);
/* Checks that the argument is absent or a string, as the name of an exchange must be. */
bool check_exchange_name(const struct argument_subject *s);
/* Checks that the argument is the same in two tables: s->table is that of the declaration, `have`
 * that of the existing queue or exchange. */
bool check_equal(const struct argument_subject *s, struct slice have);

/* Check that the argument's value is an integer, an integer not below 0, a boolean, a string. */
bool check_integer(const struct argument_subject *s, const struct field *f);
bool check_not_negative(const struct argument_subject *s, const struct field *f);
bool check_bool(const struct argument_subject *s, const struct field *f);
bool check_string(const struct argument_subject *s, const struct field *f);

/* Returns whether the value is one of these words; the list ends with NULL. */
bool is_one_of(const struct field *f, const char *const *words);

/* Returns whether the name is one of these; the list ends with NULL. */
bool is_among(struct slice name, const char *const *names);

/* Returns whether an argument of this name has a meaning for the client alone: the name does not
 * begin with "x-". */
bool argument_is_custom(struct slice name);

#endif
