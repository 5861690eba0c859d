/* What a new vhost begins with, given in RabbitMQ's order: limits, operator policies, users. */
#include "manage/vhost_defaults.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "broker/parameters.h"
#include "broker/policy.h"
#include "manage/policies.h"
#include "manage/users.h"
#include "topology/vhost.h"

/* --- freeing ---------------------------------------------------------------------------------- */

static void limits_free(struct default_limits *l)
{
    pattern_free(&l->vhosts);
    free(l->name);
    free(l->limits);
}

static void policy_free(struct default_policy *p)
{
    pattern_free(&p->vhosts);
    free(p->name);
    free(p->pattern);
    free(p->apply_to);
    free(p->definition);
}

static void user_free(struct default_user *u)
{
    pattern_free(&u->vhosts);
    free(u->name);
    if (u->password)
        explicit_bzero(u->password, strlen(u->password));
    free(u->password);
    free(u->tags);
    free(u->configure);
    free(u->write);
    free(u->read);
}

void vhost_defaults_free(struct vhost_defaults **defaults)
{
    struct vhost_defaults *d = *defaults;
    *defaults = NULL;
    if (!d)
        return;
    for (size_t i = 0; i < d->limits_count; i++)
        limits_free(&d->limits[i]);
    for (size_t i = 0; i < d->policy_count; i++)
        policy_free(&d->policies[i]);
    for (size_t i = 0; i < d->user_count; i++)
        user_free(&d->users[i]);
    free(d->limits);
    free(d->policies);
    free(d->users);
    free(d);
}

/* --- rows ------------------------------------------------------------------------------------- */

static const struct default_limits *limits_for(const struct vhost_defaults *d, struct slice vhost)
{
    for (size_t i = 0; i < d->limits_count; i++)
        if (pattern_matches(d->limits[i].vhosts, vhost))
            return &d->limits[i];
    return NULL;
}

static struct definition_policy policy_row(const struct default_policy *p, struct slice vhost)
{
    return (struct definition_policy){
        .vhost = vhost,
        .name = slice_str(p->name),
        .is_operator = true,
        .pattern = slice_str(p->pattern),
        .apply_to = slice_str(p->apply_to),
        .definition = slice_str(p->definition),
    };
}

static struct definition_permission permission_row(const struct default_user *u, struct slice vhost)
{
    return (struct definition_permission){
        .vhost = vhost,
        .user = slice_str(u->name),
        .configure = slice_str(u->configure),
        .write = slice_str(u->write),
        .read = slice_str(u->read),
    };
}

/* Says that what the configuration wants cannot be had. */
static void log_refusal(const char *key, const char *name, struct slice vhost, struct slice why)
{
    log_warning("%s.%s was not applied to vhost '%.*s': %.*s", key, name, SLICE_ARG(vhost),
                SLICE_ARG(why));
}

static const char limits_key[] = "default_limits.vhosts",
                  policies_key[] = "default_policies.operator", users_key[] = "default_users";

/* --- by an actor ------------------------------------------------------------------------------ */

static void end(bool is_done, const char *key, const char *name, struct slice vhost,
                struct manage_error *error)
{
    if (!is_done)
        log_refusal(key, name, vhost,
                    error->text.n > 0 ? lv_buffer_slice(&error->text)
                                      : slice_str(lv_error_text(error->error)));
    manage_error_free(error);
    *error = (struct manage_error){0};
}

static void apply_user(const struct default_user *u, struct manage *m, const struct actor *actor,
                       struct slice vhost)
{
    const struct definition_permission row = permission_row(u, vhost);
    struct manage_error error = {0};
    bool is_there =
        auth_has_user(m->auth, row.user) ||
        manage_add_user(m, actor, row.user, slice_str(u->password), slice_str(u->tags), &error);
    end(is_there && manage_set_permissions(m, actor, &row, &error), users_key, u->name, vhost,
        &error);
}

void vhost_defaults_apply(const struct vhost_defaults *d, struct manage *m,
                          const struct actor *actor, struct slice vhost)
{
    struct manage_error error = {0};
    const struct default_limits *limits = limits_for(d, vhost);
    if (limits)
        end(manage_set_vhost_limits(m, actor, vhost, slice_str(limits->limits), &error), limits_key,
            limits->name, vhost, &error);
    for (size_t i = 0; i < d->policy_count; i++) {
        const struct definition_policy row = policy_row(&d->policies[i], vhost);
        if (pattern_matches(d->policies[i].vhosts, vhost))
            end(manage_set_policy(m, actor, &row, NULL, &error), policies_key, d->policies[i].name,
                vhost, &error);
    }
    for (size_t i = 0; i < d->user_count; i++)
        if (pattern_matches(d->users[i].vhosts, vhost))
            apply_user(&d->users[i], m, actor, vhost);
}

/* --- at the first start ----------------------------------------------------------------------- */

static const struct durable_done not_reported = {NULL, NULL};

/* Ends a step of the first start: `err` is its result, `reason` may say more. Frees the reason. */
static void end_first(int err, const char *key, const char *name, struct slice vhost,
                      struct lv_buffer *reason)
{
    if (err < 0)
        log_refusal(key, name, vhost,
                    reason->n > 0 ? lv_buffer_slice(reason) : slice_str(lv_error_text(err)));
    lv_buffer_free(reason);
}

static int begin_user(const struct default_user *u, struct auth *auth, struct slice vhost,
                      struct lv_buffer *reason)
{
    const struct definition_permission row = permission_row(u, vhost);
    int err = auth_add_user(auth, row.user, slice_str(u->password), slice_str(u->tags), NULL, NULL);
    if (err < 0 && err != ERR_EXISTS)
        return err;
    return auth_set_permissions(auth, &row, reason, NULL, NULL);
}

void vhost_defaults_begin(const struct vhost_defaults *d, struct auth *auth, struct vhost *vhost)
{
    struct slice name = vhost_name(vhost);
    struct lv_buffer reason = {0};
    const struct default_limits *limits = limits_for(d, name);
    if (limits) {
        const struct definition_parameter row = {
            .vhost = name,
            .component = slice_str("vhost-limits"),
            .name = slice_str("limits"),
            .value = slice_str(limits->limits),
        };
        end_first(parameter_set(vhost, &row, &reason, not_reported), limits_key, limits->name, name,
                  &reason);
    }
    for (size_t i = 0; i < d->policy_count; i++) {
        const struct definition_policy row = policy_row(&d->policies[i], name);
        if (pattern_matches(d->policies[i].vhosts, name))
            end_first(policy_set(vhost, &row, &reason, not_reported, NULL), policies_key,
                      d->policies[i].name, name, &reason);
    }
    for (size_t i = 0; i < d->user_count; i++)
        if (pattern_matches(d->users[i].vhosts, name))
            end_first(begin_user(&d->users[i], auth, name, &reason), users_key, d->users[i].name,
                      name, &reason);
}
