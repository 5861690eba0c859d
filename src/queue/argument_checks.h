/* Checks of one argument's value, as RabbitMQ 3.10 makes them and in its words. Private to the files that read
 * arguments. Each returns false with error 406 filled in. Pure. */
#ifndef LEVERET_QUEUE_ARGUMENT_CHECKS_H
#define LEVERET_QUEUE_ARGUMENT_CHECKS_H

#include "queue/queue_arguments.h"
#include "wire/table.h"

/* The argument that is being looked at, for the error's text. */
struct subject {
    const char *argument;
    const char *kind; /* "queue", "exchange" */
    struct slice name;
    struct slice vhost;
    struct slice table;
    struct broker_error *error;
};

/* `invalid arg '%' for queue '%' in vhost '%': WHY`. */
bool refuse_value(const struct subject *s, const char *why);
/* The same with {WHY,NUMBER}. */
bool refuse_number(const struct subject *s, const char *why, int64_t number);
/* The same with {unacceptable_type,TYPE}. */
bool refuse_type(const struct subject *s, const struct field *f);
/* The argument is one of another type of queue. */
bool refuse_foreign(const struct subject *s, struct slice argument, enum queue_type type);

bool check_integer(const struct subject *s, const struct field *f);
bool check_not_negative(const struct subject *s, const struct field *f);
bool check_bool(const struct subject *s, const struct field *f);
bool check_string(const struct subject *s, const struct field *f);

/* Whether the value is one of these words; the list ends with NULL. */
bool is_one_of(const struct field *f, const char *const *words);

/* Whether the name is among these; the list ends with NULL. */
bool is_among(struct slice name, const char *const *names);

/* Whether an argument of this name is the client's own note. */
bool is_note(struct slice name);

#endif
