/* Checks of one argument's value, as RabbitMQ 3.10 makes them and in its words. Private to the
 * files that read arguments. Each returns false with error 406 filled in. Pure. */
#ifndef LEVERET_TOPOLOGY_ARGUMENT_CHECKS_H
#define LEVERET_TOPOLOGY_ARGUMENT_CHECKS_H

#include "base/slice.h"
#include "topology/refusal.h"
#include "wire/table.h"

/* The argument that is being looked at, for the error's text. */
struct argument_subject {
    const char *argument;
    const char *kind; /* "queue", "exchange" */
    struct slice name;
    struct slice vhost;
    struct slice table;
    struct broker_error *error;
};

/* `invalid arg '%' for queue '%' in vhost '%': WHY`. */
bool refuse_value(const struct argument_subject *s, const char *why);
/* The same with {WHY,NUMBER}. */
bool refuse_number(const struct argument_subject *s, const char *why, int64_t number);
/* The same with {unacceptable_type,TYPE}. */
bool refuse_type(const struct argument_subject *s, const struct field *f);
/* Whether the argument, if it is there, can be an exchange's name. */
bool check_exchange_name(const struct argument_subject *s);
/* Whether the argument is the same in both tables: the subject's is what is received, `have` is
 * current. */
bool check_equal(const struct argument_subject *s, struct slice have);

bool check_integer(const struct argument_subject *s, const struct field *f);
bool check_not_negative(const struct argument_subject *s, const struct field *f);
bool check_bool(const struct argument_subject *s, const struct field *f);
bool check_string(const struct argument_subject *s, const struct field *f);

/* Whether the value is one of these words; the list ends with NULL. */
bool is_one_of(const struct field *f, const char *const *words);

/* Whether the name is among these; the list ends with NULL. */
bool is_among(struct slice name, const char *const *names);

/* Whether an argument of this name is the client's own note. */
bool is_note(struct slice name);

#endif
