/* What a user may do: the broker's own decisions, and why. */
#ifndef LEVERET_MANAGE_USER_ACCESS_H
#define LEVERET_MANAGE_USER_ACCESS_H

#include "manage/listing.h"
#include "manage/manage.h"

struct access_question {
    struct slice user, vhost;
    bool is_queue; /* else an exchange */
    struct slice name;
    const struct slice *routing_key; /* of an exchange; NULL: it is not asked for */
};

/* An action, and whether the user may do it. */
struct access_facts {
    const char *action; /* "vhost": enter it; "configure", "write", "read"; "publish", "bind" */
    bool is_allowed;
    struct slice reason; /* a sentence; owned */
    bool has_pattern;
    struct slice pattern; /* of the permission that decides; owned */
};

struct access_subject {
    struct slice tags;         /* separated by commas; owned */
    bool vhost_exists, exists; /* the queue or exchange */
    bool asks_elsewhere;       /* the broker asks other backends, too: they may decide otherwise */
};

/* Asks auth/access.h what the user may do with the queue or exchange, as the definitions say: the
 * rows are struct access_facts; ret->columns is not set. With a routing key, "publish" and "bind"
 * say whether the user may use this key at the exchange. Only an administrator may ask.
 * REFUSAL_NOT_FOUND: the definitions have no such user. The caller frees ret_subject->tags. */
bool manage_explain_access(struct manage *m, const struct actor *actor,
                           const struct access_question *q, struct listing *ret,
                           struct access_subject *ret_subject, struct manage_error *error);

#endif
