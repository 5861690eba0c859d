/* How many logins were tried (auth/attempts.h), and what backends have answered. */
#ifndef LEVERET_MANAGE_LOGIN_ATTEMPTS_H
#define LEVERET_MANAGE_LOGIN_ATTEMPTS_H

#include "manage/listing.h"
#include "manage/manage.h"

struct login_attempts_facts {
    const char *protocol;
    struct slice address, user; /* of a source */
    uint64_t accepted, refused;
};

/* Lists the attempts by protocol, or by source: address, user and protocol. Monitors may. The
 * listing has no columns. */
bool manage_list_login_attempts(struct manage *m, const struct actor *actor, bool by_source,
                                struct listing *ret, struct manage_error *error);
/* Counts from 0 again. Only an administrator may. */
bool manage_forget_login_attempts(struct manage *m, const struct actor *actor,
                                  struct manage_error *error);
/* Sets whether attempts are counted by source as well, until the configuration is read again
 * (track_auth_attempt_source). Switching it off forgets the sources. Only an administrator may. */
bool manage_track_login_sources(struct manage *m, const struct actor *actor, bool is_on,
                                struct manage_error *error);
/* Forgets the answers of authorization backends elsewhere: they are asked again. Only an
 * administrator may. */
bool manage_forget_decisions(struct manage *m, const struct actor *actor,
                             struct manage_error *error);

#endif
