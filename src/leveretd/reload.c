/* SIGHUP: the config is read anew, from the same places, and what can be changed while the broker
 * runs takes hold at once. A config with an error changes nothing. */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "leveretd/leveretd.h"

static void say_difference(void *arg, const char *key, bool is_reloadable, const char *old,
                           const char *fresh)
{
    size_t *changes = arg;
    (*changes)++;
    if (is_reloadable)
        log_info("config: %s is now %s (was %s)", key, fresh, old);
    else
        log_warning("config: %s stays %s until the next start, not %s: it cannot be changed while "
                    "the broker runs",
                    key, old, fresh);
}

static const char *environment(const char *name)
{
    return getenv(name);
}

int leveretd_read_config(const struct leveretd *d, struct config **ret)
{
    return options_load_config(&d->options, environment, config_say_log, NULL, ret);
}

void leveretd_use(struct leveretd *d, struct config *config)
{
    struct config_history *h = lv_malloc(sizeof *h);
    *h = (struct config_history){.config = config, .older = d->configs};
    d->configs = h;
    d->config = config;
}

static void tell_loop(struct loop *at, struct mail *mail)
{
    (void)mail;
    sessions_timeouts_changed(at);
}

void leveretd_reload(struct leveretd *d)
{
    struct config *fresh;
    size_t changes = 0;
    if (leveretd_read_config(d, &fresh) < 0) {
        log_error("config: not reloaded because of the errors above; nothing has changed");
        return;
    }
    config_compare(d->config, fresh, say_difference, &changes);
    leveretd_use(d, fresh);
    leveretd_apply(d);
    struct mail mail = {.deliver = tell_loop};
    for (unsigned i = 0; i < loops_count(d->loops); i++)
        loop_mail_from_outside(loops_at(d->loops, i), &mail);
    log_info("config reloaded%s", changes ? "" : ": nothing has changed");
}
