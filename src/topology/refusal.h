/* A refusal: why something is not done, with the words and the reply code that RabbitMQ has for
 * it. */
#ifndef LEVERET_TOPOLOGY_REFUSAL_H
#define LEVERET_TOPOLOGY_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

/* Why something was refused, in no protocol's words: AMQP answers by the reply code beside it,
 * other front ends and the operator's side (manage/) map this. */
enum refusal {
    REFUSAL_NONE,
    REFUSAL_NOT_FOUND,       /* what was named does not exist */
    REFUSAL_EXISTS,          /* what was to be made is there already */
    REFUSAL_ACCESS,          /* the user has no permission */
    REFUSAL_RESERVED,        /* no user has: a reserved name, the default exchange, ... */
    REFUSAL_LOCKED,          /* another connection has it for itself */
    REFUSAL_IN_USE,          /* it has consumers or bindings */
    REFUSAL_NOT_EMPTY,       /* it has messages */
    REFUSAL_LIMIT,           /* there are as many as a limit allows */
    REFUSAL_PRECONDITION,    /* an argument is invalid, or differs from what was declared */
    REFUSAL_MALFORMED,       /* it cannot be read: no JSON */
    REFUSAL_BUSY,            /* the same is being done already */
    REFUSAL_NOT_IMPLEMENTED, /* by this broker */
    REFUSAL_INTERNAL,        /* the broker's own failure */
};

/* What RabbitMQ would answer. `code` is an AMQP reply code (0: no error); `text` comes without the
 * "NOT_FOUND - " in front, which the AMQP front end adds. */
struct broker_error {
    uint16_t code;
    enum refusal refusal;
    bool closes_connection; /* else only the channel */
    char text[600];
};

/* Fills the error and returns false, so that `return broker_refuse(...)` reads well. The refusal is
 * the one that the code stands for: refusal_of_code(). */
bool broker_refuse(struct broker_error *error, uint16_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, where the code alone does not say why. */
bool broker_refuse_as(struct broker_error *error, enum refusal refusal, uint16_t code,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same for what closes the connection. */
bool broker_refuse_connection(struct broker_error *error, uint16_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The refusal that an AMQP reply code stands for where nothing more is known. */
enum refusal refusal_of_code(uint16_t code);

#endif
