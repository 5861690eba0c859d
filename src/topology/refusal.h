/* A refusal: why a request was not done, with RabbitMQ's reply code and text for it. */
#ifndef LEVERET_TOPOLOGY_REFUSAL_H
#define LEVERET_TOPOLOGY_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

/* The reason, independent of the protocol. "It" is what the request asks for or would change. AMQP
 * 0-9-1 answers with the reply code; other front ends and manage/ translate the reason. */
enum refusal {
    REFUSAL_NONE,
    REFUSAL_NOT_FOUND,    /* it does not exist */
    REFUSAL_EXISTS,       /* it exists already */
    REFUSAL_ACCESS,       /* the user has no permission */
    REFUSAL_RESERVED,     /* no user has permission: a reserved name, the default exchange, ... */
    REFUSAL_LOCKED,       /* it is exclusive to another connection */
    REFUSAL_IN_USE,       /* it has consumers or bindings */
    REFUSAL_NOT_EMPTY,    /* it has messages */
    REFUSAL_LIMIT,        /* a limit is reached */
    REFUSAL_PRECONDITION, /* an argument is invalid, or differs from the declared one */
    REFUSAL_MALFORMED,    /* the request cannot be parsed */
    REFUSAL_BUSY,         /* the same operation is under way already */
    REFUSAL_NOT_IMPLEMENTED, /* this broker cannot do it */
    REFUSAL_INTERNAL,        /* the broker has failed */
    /* No refusal: it is not known yet whether the user has permission (auth/access.h). There is no
     * code and no text for it. */
    REFUSAL_UNANSWERED,
};

/* RabbitMQ's answer. `code` is an AMQP reply code (0: no error); `text` does not begin with the
 * code's name ("NOT_FOUND - "), which the AMQP front end adds. */
struct broker_error {
    uint16_t code;
    enum refusal refusal;
    bool closes_connection; /* else the error closes only the channel */
    char text[600];
};

/* Fills in the error, with the reason refusal_of_code(code). Always returns false, so that callers
 * can write `return broker_refuse(...)`. */
bool broker_refuse(struct broker_error *error, uint16_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Like broker_refuse(), with this reason instead. */
bool broker_refuse_as(struct broker_error *error, enum refusal refusal, uint16_t code,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Like broker_refuse(), for an error that closes the connection. */
bool broker_refuse_connection(struct broker_error *error, uint16_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Returns the usual reason for an AMQP reply code. */
enum refusal refusal_of_code(uint16_t code);

#endif
