/* SIGHUP: the config is read again from the same sources, and the settings that need no restart
 * take effect at once. A config with an error changes nothing. */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "leveretd/leveretd.h"
#include "leveretd/log_config.h"

static void log_difference(void *arg, const char *key, bool is_reloadable, const char *old,
                           const char *fresh)
{
    size_t *changes = arg;
    (*changes)++;
    if (is_reloadable)
        log_info("config: %s changed from %s to %s", key, old, fresh);
    else
        log_warning("config: %s remains %s: changing it to %s requires a restart", key, old, fresh);
}

const char *leveretd_get_variable(const char *name)
{
    return getenv(name);
}

int leveretd_read_config(const struct leveretd *d, struct config **ret)
{
    return options_load_config(&d->options, leveretd_get_variable, config_say_log, NULL, ret);
}

void leveretd_use(struct leveretd *d, struct config *config)
{
    struct config_history *h = lv_malloc(sizeof *h);
    leveretd_assert_home(d);
    *h = (struct config_history){.config = config, .older = d->configs};
    d->configs = h;
    d->config = config;
}

static void timeouts_mail(struct loop *at, struct mail *mail)
{
    (void)mail;
    sessions_timeouts_changed(at);
}

void leveretd_reload(struct leveretd *d)
{
    size_t changes = 0;
    lv_assert(loop_current() == loops_at(d->loops, 0));
    struct config *fresh;
    if (leveretd_read_config(d, &fresh) < 0) {
        log_error("config: not reloaded because of the errors above; the settings are unchanged");
        return;
    }
    config_compare(d->config, fresh, log_difference, &changes);
    leveretd_use(d, fresh);
    log_config_apply(fresh); /* opens the files again, too */
    leveretd_apply(d);
    leveretd_apply_chain(d); /* if it cannot, the chain stays */
    struct mail mail = {.deliver = timeouts_mail};
    for (unsigned i = 0; i < loops_count(d->loops); i++)
        loop_mail_from_outside(loops_at(d->loops, i), &mail);
    log_info("config: reloaded%s", changes ? "" : "; the settings are unchanged");
}
