/* How many logins were tried, by protocol; and, if that is tracked, by user and address. */
#ifndef LEVERET_AUTH_ATTEMPTS_H
#define LEVERET_AUTH_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct auth;

enum { AUTH_ATTEMPT_SOURCES_MAX = 10000 };

struct auth_attempts_row {
    const char *protocol;       /* "amqp091", "http": of static storage */
    struct slice address, user; /* of the rows of sources; cut at 255 bytes */
    uint64_t accepted, refused;
};

/* Counts an attempt, once it is answered: accepted and refused are 0 or 1 each. A source (protocol,
 * address and user) is only counted while sources are tracked, and there are at most
 * AUTH_ATTEMPT_SOURCES_MAX of them: others are counted by protocol alone. Any thread. */
void auth_count_attempt(struct auth *auth, const struct auth_attempts_row *attempt);
/* Sets whether sources are tracked: at first they are not. Switching it off forgets them. Any
 * thread. */
void auth_track_sources(struct auth *auth, bool is_on);

/* Visits the rows of protocols, or those of sources, in the order of address, user and protocol. A
 * row is borrowed for the call, which must not call into auth. Any thread. */
typedef void auth_attempts_visit(void *arg, const struct auth_attempts_row *row);
void auth_each_attempts(struct auth *auth, bool by_source, auth_attempts_visit *visit, void *arg);
/* Visits a row for each protocol, with all attempts since the process has started. Otherwise like
 * auth_each_attempts(). */
void auth_each_protocol_ever(struct auth *auth, auth_attempts_visit *visit, void *arg);
/* Counts from 0 again, and forgets the sources. Any thread. */
void auth_forget_attempts(struct auth *auth);

/* Between the files of this room. */
struct auth_attempts *auth_attempts_create(void);
void auth_attempts_free(struct auth_attempts **attempts);

#endif
