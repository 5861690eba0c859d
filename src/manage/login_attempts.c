#include "manage/login_attempts.h"

#include "auth/attempts.h"
#include "manage/facts.h"

static void add_row(void *listing, const struct auth_attempts_row *row)
{
    struct login_attempts_facts f = {
        .protocol = row->protocol,
        .address = row->address,
        .user = row->user,
        .accepted = row->accepted,
        .refused = row->refused,
    };
    listing_add(listing, FACTS_COPY(&f, &f.address, &f.user));
}

bool manage_list_login_attempts(struct manage *m, const struct actor *actor, bool by_source,
                                struct listing *ret, struct manage_error *error)
{
    *ret = (struct listing){0};
    if (!actor_check_rank(actor, ACTOR_MONITORING, error))
        return false;
    auth_each_attempts(m->auth, by_source, add_row, ret);
    return true;
}

bool manage_forget_login_attempts(struct manage *m, const struct actor *actor,
                                  struct manage_error *error)
{
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    auth_forget_attempts(m->auth);
    actor_log(actor, "login attempts are counted from 0 again");
    return true;
}

bool manage_track_login_sources(struct manage *m, const struct actor *actor, bool is_on,
                                struct manage_error *error)
{
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    auth_track_sources(m->auth, is_on);
    actor_log(actor, "login attempts are %s by source", is_on ? "counted" : "no longer counted");
    return true;
}

bool manage_forget_decisions(struct manage *m, const struct actor *actor,
                             struct manage_error *error)
{
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    auth_forget_decisions(m->auth);
    actor_log(actor, "answers of authorization backends are asked for again");
    return true;
}
