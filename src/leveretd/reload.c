/* The config in force is replaced. At SIGHUP it is read again from its sources, and the settings
 * that need no restart take effect at once; a config with an error changes nothing. A limit that an
 * operator sets is put into a copy of it. */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "leveretd/leveretd.h"
#include "leveretd/log_config.h"
#include "leveretd/service_notify.h"

/* Returns a value as the log shows it: one that is not set is not left out of the sentence. */
static const char *logged(const char *value)
{
    return value[0] ? value : "(none)";
}

static void log_difference(void *arg, const char *key, bool is_reloadable, const char *old,
                           const char *fresh)
{
    size_t *changes = arg;
    (*changes)++;
    if (is_reloadable)
        log_info("config: %s changed from %s to %s", key, logged(old), logged(fresh));
    else
        log_warning("config: %s remains %s: changing it to %s requires a restart", key, logged(old),
                    logged(fresh));
}

const char *leveretd_get_variable(const char *name)
{
    return getenv(name);
}

int leveretd_read_config(const struct leveretd *d, struct config **ret)
{
    return options_load_config(&d->options, leveretd_get_variable, config_say_log, NULL, ret);
}

/* Takes ownership of the config. */
static void own(struct leveretd *d, struct config *config)
{
    struct config_history *h = lv_malloc(sizeof *h);
    leveretd_assert_home(d);
    *h = (struct config_history){.config = config, .older = d->configs};
    d->configs = h;
}

void leveretd_use(struct leveretd *d, struct config *config)
{
    struct config *used = config;
    own(d, config);
    if (live_limits_are_set(&d->live_limits)) {
        used = config_copy(config);
        own(d, used);
        live_limits_reload(&d->live_limits, d->config_read, config, used);
    }
    d->config_read = config;
    d->config = used;
}

bool leveretd_set_limit(void *arg, const char *key, const char *value)
{
    struct leveretd *d = arg;
    struct config *config = config_copy(d->config);
    if (live_limit_put(config, key, value) < 0) {
        config_free(&config);
        return false;
    }
    own(d, config);
    d->config = config;
    live_limits_keep(&d->live_limits, key, value);
    log_info("rmq-cli: %s is set to %s until the next start", key, value);
    leveretd_apply_limits(d);
    return true;
}

void leveretd_watch_disk(void *arg, bool is_on)
{
    struct leveretd *d = arg;
    log_info("rmq-cli: free disk space is %s",
             is_on ? "watched again" : "not watched until the next start");
    alarms_watch_disk(d->alarms, is_on);
}

static void timeouts_mail(struct loop *at, struct mail *mail)
{
    (void)mail;
    sessions_timeouts_changed(at);
}

static void reload(struct leveretd *d)
{
    const struct config *before = d->config;
    size_t changes = 0;
    lv_assert(loop_current() == loops_at(d->loops, 0));
    struct config *fresh;
    if (leveretd_read_config(d, &fresh) < 0) {
        log_error("config: not reloaded because of the errors above; the settings are unchanged");
        return;
    }
    leveretd_use(d, fresh);
    config_compare(before, d->config, log_difference, &changes);
    log_config_apply(fresh); /* opens the files again, too */
    leveretd_apply(d);
    leveretd_apply_chain(d); /* if it cannot, the chain stays */
    struct mail mail = {.deliver = timeouts_mail};
    for (unsigned i = 0; i < loops_count(d->loops); i++)
        loop_mail_from_outside(loops_at(d->loops, i), &mail);
    log_info("config: reloaded%s", changes ? "" : "; the settings are unchanged");
}

void leveretd_reload(struct leveretd *d)
{
    service_notify_reloading();
    reload(d);
    service_notify_reloaded();
}
