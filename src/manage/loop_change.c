#include "manage/loop_change.h"

#include "base/error.h"

struct changing {
    struct manage *m;
    const struct actor *actor;
    const struct loop_change *change;
    struct commit commit;
    bool is_vhost_gone;
    enum change_result result;
    struct broker_error error;
};

static void change_on_loop(struct loop *loop, void *arg)
{
    struct changing *c = arg;
    struct vhost *vhost = vhost_find(&c->m->broker->topology, c->change->vhost);
    c->is_vhost_gone = !vhost;
    if (!vhost)
        return;
    struct slice before = events_act_as(c->actor->name);
    c->result = c->change->run(loop, vhost, c->change->what,
                               (struct durable_done){commit_done, &c->commit}, &c->error);
    events_act_as(before);
}

bool loop_change_make(struct manage *m, const struct actor *actor, const struct loop_change *change,
                      struct manage_error *error)
{
    struct changing c = {.m = m, .actor = actor, .change = change};
    commit_begin(&c.commit);
    int err = ask_loop(m->asker, loops_at(m->loops, 0), change_on_loop, &c);
    bool is_pending = err == 0 && !c.is_vhost_gone && c.result == CHANGE_PENDING;
    int committed = commit_end(&c.commit, is_pending ? 0 : ERR_CLOSED);
    if (err < 0 || (is_pending && committed < 0))
        return manage_end(error, err < 0 ? err : committed);
    if (c.is_vhost_gone)
        return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_VHOST,
                             "Virtual host '%.*s' does not exist", SLICE_ARG(change->vhost));
    if (c.result == CHANGE_REFUSED && c.error.refusal != REFUSAL_NONE)
        manage_refuse_as_broker(error, change->subject, &c.error);
    return c.result != CHANGE_REFUSED;
}

/* --- declaring -------------------------------------------------------------------------------- */

static bool may_declare(const struct actor *actor, const struct loop_declaration *d,
                        struct manage_error *error)
{
    struct broker_error told;
    if (!actor->identity)
        return true;
    if (!actor_check_vhost(actor, ACTOR_MANAGEMENT, d->change.vhost, error))
        return false;
    bool may;
    do {
        may = d->may(actor->identity, d->change.vhost, d->change.what, &told);
    } while (!may && actor_awaits(actor, &told));
    return may || manage_refuse_as_broker(error, d->change.subject, &told);
}

bool loop_declare(struct manage *m, const struct actor *actor, const struct loop_declaration *d,
                  struct manage_error *error)
{
    for (;;) {
        struct vhost *vhost = manage_vhost(m, d->change.vhost, error);
        if (!vhost)
            return false;
        d->look(vhost, d->change.what);
        if (!may_declare(actor, d, error))
            return false;
        if (loop_change_make(m, actor, &d->change, error))
            return true;
        if (error->refusal != REFUSAL_NONE)
            return false;
    }
}
