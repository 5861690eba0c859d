/* What a user may do. The answer is that of auth/access.h; the reason is found in the permissions
 * of the definitions, which an identity without other backends is judged by. */
#include "manage/user_access.h"

#include <stdlib.h>

#include "auth/access.h"
#include "auth/chain.h"
#include "base/memory.h"
#include "topology/exchange.h"
#include "topology/vhost.h"

struct explaining {
    const struct access_question *q;
    struct auth_identity *who;
    struct vhost *vhost; /* NULL: there is none */
    struct listing *out;
    bool has_permission;
    struct slice patterns[3]; /* owned; by enum auth_action */
    bool has_topic;
    struct slice topic[3]; /* the same; without configure */
};

/* --- what the definitions say ----------------------------------------------------------------- */

static void take_permission(void *arg, const struct definition_permission *p)
{
    struct explaining *e = arg;
    if (!slice_equal(p->vhost, e->q->vhost)) /* an empty one lists all */
        return;
    e->has_permission = true;
    e->patterns[AUTH_CONFIGURE] = slice_copy(p->configure);
    e->patterns[AUTH_WRITE] = slice_copy(p->write);
    e->patterns[AUTH_READ] = slice_copy(p->read);
}

static void take_topic(void *arg, const struct definition_topic_permission *p)
{
    struct explaining *e = arg;
    if (!slice_equal(p->vhost, e->q->vhost) || !slice_equal(p->exchange, e->q->name))
        return;
    e->has_topic = true;
    e->topic[AUTH_WRITE] = slice_copy(p->write);
    e->topic[AUTH_READ] = slice_copy(p->read);
}

static void take_tags(void *arg, const struct definition_user *row)
{
    *(struct slice *)arg = slice_copy(row->tags);
}

static void free_text(struct slice *s)
{
    free((void *)(uintptr_t)s->p);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void facts_free(void *row)
{
    struct access_facts *f = row;
    free_text(&f->reason);
    free_text(&f->pattern);
    free(f);
}

__attribute__((format(printf, 5, 6))) static void add(struct explaining *e, const char *action,
                                                      bool is_allowed, const struct slice *pattern,
                                                      const char *format, ...)
{
    struct access_facts *f = lv_calloc(1, sizeof *f);
    struct lv_buffer text = {0};
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(&text, format, args);
    va_end(args);
    f->action = action;
    f->is_allowed = is_allowed;
    f->reason = slice_copy(lv_buffer_slice(&text));
    f->has_pattern = pattern != NULL;
    if (pattern)
        f->pattern = slice_copy(*pattern);
    lv_buffer_free(&text);
    listing_add(e->out, f);
}

/* Adds what follows from a pattern. */
static void add_matched(struct explaining *e, const char *action, bool is_allowed, const char *what,
                        struct slice pattern)
{
    if (pattern.n == 0 && !is_allowed)
        add(e, action, false, &pattern, "the %s pattern is empty: it matches nothing", what);
    else
        add(e, action, is_allowed, &pattern, "the %s pattern %s", what,
            is_allowed ? "matches" : "does not match");
}

static void explain_vhost(struct explaining *e)
{
    struct broker_error told;
    bool may = access_vhost(e->who, e->q->vhost, &told);
    add(e, "vhost", may, NULL, "the user has %s in this vhost",
        may ? "permissions" : "no permissions");
}

static void explain_action(struct explaining *e, enum auth_action action, const char *name)
{
    struct broker_error told;
    bool may = e->q->is_queue ? access_queue(e->who, e->q->vhost, action, e->q->name, &told)
                              : access_exchange(e->who, e->q->vhost, action, e->q->name, &told);
    if (e->has_permission)
        add_matched(e, name, may, name, e->patterns[action]);
    else
        add(e, name, may, NULL, "the user has no permissions in this vhost");
}

/* --- routing keys ----------------------------------------------------------------------------- */

/* Adds what the topic permissions say, once it is known that the exchange itself is allowed. */
static void explain_key(struct explaining *e, const struct exchange *x, enum auth_action action,
                        const char *name, const char *what)
{
    struct broker_error told;
    if (!slice_is(slice_str(x->type_name), "topic")) {
        add(e, name, true, NULL, "it is no topic exchange: the routing key is not looked at");
        return;
    }
    bool may = access_topic(e->who, e->q->vhost, e->q->name, action, *e->q->routing_key, &told);
    if (e->has_topic)
        add_matched(e, name, may, what, e->topic[action]);
    else
        add(e, name, may, NULL, "there are no topic permissions here: every routing key is fine");
}

static void explain_keys(struct explaining *e)
{
    struct broker_error told;
    const struct exchange *x = e->vhost ? exchange_find(e->vhost, e->q->name) : NULL;
    if (!x) {
        add(e, "publish", false, NULL, "there is no such exchange");
        return;
    }
    if (!access_exchange(e->who, e->q->vhost, AUTH_WRITE, e->q->name, &told))
        add(e, "publish", false, NULL, "it needs write");
    else if (x->is_internal)
        add(e, "publish", false, NULL, "the exchange is internal: no client may publish to it");
    else
        explain_key(e, x, AUTH_WRITE, "publish", "topic write");
    if (!access_exchange(e->who, e->q->vhost, AUTH_READ, e->q->name, &told))
        add(e, "bind", false, NULL, "it needs read");
    else
        explain_key(e, x, AUTH_READ, "bind", "topic read");
}

/* --- all of it -------------------------------------------------------------------------------- */

static void find_subject(struct manage *m, struct explaining *e, struct access_subject *ret)
{
    const struct access_question *q = e->q;
    e->vhost = vhost_find(&m->broker->topology, q->vhost);
    ret->vhost_exists = e->vhost != NULL;
    ret->exists = e->vhost && (q->is_queue ? queue_entry_find(e->vhost, q->name) != NULL
                                           : exchange_find(e->vhost, q->name) != NULL);
    ret->asks_elsewhere = auth_asks_elsewhere(m->auth);
    auth_visit_user(m->auth, q->user, take_tags, &ret->tags);
}

static void explain_all(struct explaining *e)
{
    explain_vhost(e);
    explain_action(e, AUTH_CONFIGURE, "configure");
    explain_action(e, AUTH_WRITE, "write");
    explain_action(e, AUTH_READ, "read");
    if (e->q->routing_key && !e->q->is_queue)
        explain_keys(e);
}

bool manage_explain_access(struct manage *m, const struct actor *actor,
                           const struct access_question *q, struct listing *ret,
                           struct access_subject *ret_subject, struct manage_error *error)
{
    struct explaining e = {.q = q, .out = ret};
    *ret = (struct listing){.free_row = facts_free};
    *ret_subject = (struct access_subject){0};
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    if (auth_identity_of(m->auth, q->user, &e.who) < 0)
        return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_USER, "User '%.*s' does not exist",
                             SLICE_ARG(q->user));
    find_subject(m, &e, ret_subject);
    auth_list_permissions(m->auth, q->user, q->vhost, take_permission, &e);
    auth_list_topic_permissions(m->auth, q->user, q->vhost, take_topic, &e);
    explain_all(&e);
    for (int i = 0; i < 3; i++) {
        free_text(&e.patterns[i]);
        free_text(&e.topic[i]);
    }
    auth_identity_unref(&e.who);
    return true;
}
