/* Setting and clearing: the actor's rank, the vhost, the change, its events, what is refused. */
#include "manage/settings.h"

#include "base/assert.h"
#include "base/error.h"
#include "manage/change.h"
#include "topology/vhost.h"

static bool setting_is_allowed(const struct actor *actor, const struct setting *s,
                               struct manage_error *error)
{
    return s->vhost ? actor_check_vhost(actor, s->rank, *s->vhost, error)
                    : actor_check_rank(actor, s->rank, error);
}

static void answer_only(struct loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
}

/* Waits until every queue's home has applied the change: it was mailed to the loops before this
 * question, so they have applied it when they answer. */
static int wait_for_homes(struct manage *m)
{
    return ask_every_loop(m->asker, answer_only, NULL);
}

/* Makes the change and announces it. Returns 0 also if the setting already had this value; then
 * nothing is announced. */
static int setting_change(struct manage *m, const struct actor *actor, const struct setting *s,
                          struct vhost *vhost, struct lv_buffer *reason)
{
    struct change change;
    lv_assert((vhost != NULL) == (s->vhost != NULL));
    int err = s->submit(m, vhost, s->row, reason, change_begin(&change, actor));
    err = change_end(&change, err);
    bool is_set_already = err == ERR_EXISTS;
    if (is_set_already)
        err = 0;
    else if (err == 0)
        s->announce(m, actor, s->row);
    return err == 0 && s->is_for_queues ? wait_for_homes(m) : err;
}

bool setting_end(const struct slice *vhost, int err, const struct lv_buffer *reason,
                 struct manage_error *error)
{
    if (err == ERR_FORMAT)
        return manage_refuse(error, REFUSAL_MALFORMED, SUBJECT_PARAMETER,
                             "JSON decoding error. Reason: badarg");
    if (err == ERR_INVALID)
        return manage_refuse(error, REFUSAL_PRECONDITION, SUBJECT_PARAMETER,
                             "Validation failed\n\n%.*s", SLICE_ARG(lv_buffer_slice(reason)));
    if (err == ERR_REFUSED)
        return manage_refuse(error, REFUSAL_RESERVED, SUBJECT_POLICY,
                             "policies may not be set using this method");
    if (err == ERR_NOT_FOUND && vhost)
        return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_VHOST,
                             "Virtual host '%.*s' does not exist", SLICE_ARG(*vhost));
    return manage_end(error, err);
}

bool setting_set(struct manage *m, const struct actor *actor, const struct setting *s,
                 struct manage_error *error)
{
    struct lv_buffer reason = {0};
    struct vhost *vhost = NULL;
    if (!setting_is_allowed(actor, s, error))
        return false;
    if (s->vhost && !(vhost = manage_vhost(m, *s->vhost, error)))
        return false;
    int err = setting_change(m, actor, s, vhost, &reason);
    bool is_done = setting_end(s->vhost, err, &reason, error);
    lv_buffer_free(&reason);
    return is_done;
}

static int setting_clear_in(struct manage *m, const struct actor *actor, const struct setting *s)
{
    struct vhost *vhost = NULL;
    if (s->vhost && !(vhost = vhost_find(&m->broker->topology, *s->vhost)))
        return ERR_NOT_FOUND;
    return setting_change(m, actor, s, vhost, NULL);
}

bool setting_clear(struct manage *m, const struct actor *actor, const struct setting *s,
                   struct manage_error *error)
{
    if (!setting_is_allowed(actor, s, error))
        return false;
    int err = setting_clear_in(m, actor, s);
    if (err == ERR_NOT_FOUND)
        return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_PARAMETER,
                             "Parameter does not exist");
    return manage_end(error, err);
}
