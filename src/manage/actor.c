/* What an actor may do, and refusals. */
#include <stdarg.h>
#include <stdio.h>

#include "auth/access.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "manage/compute_slots.h"
#include "manage/manage.h"
#include "message/events.h"
#include "topology/vhost.h"

const struct actor actor_cli = {
    .name = {(const uint8_t *)EVENT_ACTOR_CLI, sizeof EVENT_ACTOR_CLI - 1}};

/* --- refusals --------------------------------------------------------------------------------- */

bool manage_refuse(struct manage_error *error, enum refusal refusal, enum subject subject,
                   const char *format, ...)
{
    lv_assert(refusal != REFUSAL_NONE);
    error->refusal = refusal;
    error->subject = subject;
    error->error = 0;
    error->text.n = 0;
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(&error->text, format, args);
    va_end(args);
    return false;
}

bool manage_end(struct manage_error *error, int err)
{
    lv_assert(err <= 0);
    if (err == 0)
        return true;
    manage_refuse(error, REFUSAL_INTERNAL, SUBJECT_NONE, "%s", lv_error_text(err));
    error->error = err;
    return false;
}

bool manage_refuse_as_broker(struct manage_error *error, enum subject subject,
                             const struct broker_error *told)
{
    return manage_refuse(error, told->refusal, subject, "%s", told->text);
}

void manage_error_free(struct manage_error *error)
{
    lv_buffer_free(&error->text);
}

int manage_await_messages(const struct manage *m)
{
    enum { LOOK_MS = 20 };
    int err = 0;
    while (err == 0 && atomic_load(&m->broker->topology.is_restoring))
        err = ask_pause(m->asker, LOOK_MS);
    return err;
}

struct vhost *manage_vhost(struct manage *m, struct slice name, struct manage_error *error)
{
    struct vhost *vhost = vhost_find(&m->broker->topology, name);
    if (!vhost)
        manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_VHOST, "Virtual host '%.*s' does not exist",
                      SLICE_ARG(name));
    return vhost;
}

/* --- what an actor may do --------------------------------------------------------------------- */

static bool has_rank(const struct auth_identity *identity, enum actor_rank rank)
{
    bool is_administrator = auth_has_tag(identity, AUTH_TAG_ADMINISTRATOR);
    bool is_policymaker = is_administrator || auth_has_tag(identity, AUTH_TAG_POLICYMAKER);
    bool is_monitoring = is_administrator || auth_has_tag(identity, AUTH_TAG_MONITORING);
    switch (rank) {
    case ACTOR_ADMINISTRATOR: return is_administrator;
    case ACTOR_POLICYMAKER: return is_policymaker;
    case ACTOR_MONITORING: return is_monitoring;
    default: return is_policymaker || is_monitoring || auth_has_tag(identity, AUTH_TAG_MANAGEMENT);
    }
}

static const char *rank_name(enum actor_rank rank)
{
    switch (rank) {
    case ACTOR_ADMINISTRATOR: return AUTH_TAG_ADMINISTRATOR;
    case ACTOR_POLICYMAKER: return AUTH_TAG_POLICYMAKER;
    case ACTOR_MONITORING: return AUTH_TAG_MONITORING;
    default: return AUTH_TAG_MANAGEMENT;
    }
}

bool actor_check_rank(const struct actor *actor, enum actor_rank rank, struct manage_error *error)
{
    if (!actor->identity)
        return true;
    if (auth_is_current(actor->identity) && has_rank(actor->identity, rank))
        return true;
    return manage_refuse(error, REFUSAL_ACCESS, SUBJECT_USER, "user '%.*s' has no tag '%s'",
                         SLICE_ARG(actor->name), rank_name(rank));
}

bool actor_awaits(const struct actor *actor, const struct broker_error *told)
{
    if (told->refusal != REFUSAL_UNANSWERED)
        return false;
    bool had_slot = compute_slot_pause();
    auth_await_here(actor->identity);
    compute_slot_resume(had_slot);
    return true;
}

static bool has_access(const struct actor *actor, struct slice vhost)
{
    struct broker_error told;
    bool may;
    do {
        may = access_vhost(actor->identity, vhost, &told);
    } while (!may && actor_awaits(actor, &told));
    return may;
}

static bool refuse_vhost(const struct actor *actor, struct slice vhost, struct manage_error *error)
{
    return manage_refuse(error, REFUSAL_ACCESS, SUBJECT_VHOST,
                         "user '%.*s' has no access to vhost '%.*s'", SLICE_ARG(actor->name),
                         SLICE_ARG(vhost));
}

bool actor_check_vhost(const struct actor *actor, enum actor_rank rank, struct slice vhost,
                       struct manage_error *error)
{
    if (!actor->identity)
        return true;
    if (!actor_check_rank(actor, rank, error))
        return false;
    enum actor_rank enough = rank == ACTOR_MANAGEMENT ? ACTOR_MONITORING : ACTOR_ADMINISTRATOR;
    return has_rank(actor->identity, enough) || has_access(actor, vhost) ||
           refuse_vhost(actor, vhost, error);
}

bool actor_check_content(const struct actor *actor, struct slice vhost, struct manage_error *error)
{
    return !actor->identity || has_rank(actor->identity, ACTOR_ADMINISTRATOR) ||
           has_access(actor, vhost) || refuse_vhost(actor, vhost, error);
}

bool actor_check_queue(const struct actor *actor, enum auth_action action, struct slice vhost,
                       struct slice queue, struct manage_error *error)
{
    struct broker_error told;
    if (!actor->identity)
        return true;
    if (!actor_check_rank(actor, ACTOR_MANAGEMENT, error))
        return false;
    bool may;
    do {
        may = access_queue(actor->identity, vhost, action, queue, &told);
    } while (!may && actor_awaits(actor, &told));
    return may || manage_refuse_as_broker(error, SUBJECT_QUEUE, &told);
}

bool actor_check_exchange(const struct actor *actor, enum auth_action action, struct slice vhost,
                          struct slice exchange, struct manage_error *error)
{
    struct broker_error told;
    if (!actor->identity)
        return true;
    if (!actor_check_rank(actor, ACTOR_MANAGEMENT, error))
        return false;
    bool may;
    do {
        may = access_exchange(actor->identity, vhost, action, exchange, &told);
    } while (!may && actor_awaits(actor, &told));
    return may || manage_refuse_as_broker(error, SUBJECT_EXCHANGE, &told);
}

void actor_log(const struct actor *actor, const char *format, ...)
{
    struct lv_buffer text = {0};
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(&text, format, args);
    va_end(args);
    log_line_of(LOG_INFO, (uintptr_t)format, "%.*s: %.*s", SLICE_ARG(actor->name),
                SLICE_ARG(lv_buffer_slice(&text)));
    lv_buffer_free(&text);
}
