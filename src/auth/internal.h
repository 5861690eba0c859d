/* The internal backend: users and passwords in the definitions. Private to the room. */
#ifndef LEVERET_AUTH_INTERNAL_H
#define LEVERET_AUTH_INTERNAL_H

#include "auth/auth_private.h"

enum internal_answer { INTERNAL_ALLOWED, INTERNAL_REFUSED, INTERNAL_NEEDS_HASH };

/* Checks name and password. INTERNAL_ALLOWED: the user was there with this password a moment ago.
 * INTERNAL_REFUSED: *ret_why is a static text that follows the user's name in the log, "- invalid
 * credentials". INTERNAL_NEEDS_HASH: a slow hash would have to be made, and `may_be_slow` is
 * false. Without a password (has_password false) the user need only exist. Any thread; with
 * may_be_slow no loop's. */
enum internal_answer internal_check(struct auth *auth, struct slice user, struct slice password,
                                    bool has_password, bool may_be_slow, const char **ret_why);

/* Returns whether checking a password of this name, which has none, takes a slow hash: for as large
 * a part of all names as of the users, chosen by the name. The caller holds the lock. */
bool internal_stands_in_slowly(const struct auth *auth, struct slice name);

/* Returns why a user that has been authenticated may not log in from where it is, as a text like
 * the above; NULL: it may. */
const char *internal_refuse_address(struct auth *auth, struct slice user, bool is_from_loopback);

/* Hashes a new password on a thread for hashes, and waits for it. Writes the text, which is empty
 * for an empty password, and its algorithm. Returns ERR_NO_MEMORY if there is no memory or too many
 * hashes are waited for. Never on a loop. */
int internal_hash(struct auth *auth, struct slice password, enum password_algorithm *ret_algorithm,
                  char ret_text[PASSWORD_HASH_TEXT_MAX]);
/* Keeps that this is the password of the hash, so that the first login need not find out. */
void internal_remember(struct auth *auth, struct slice user, struct slice hash,
                       struct slice password);

#endif
