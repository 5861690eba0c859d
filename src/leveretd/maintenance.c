/* Keeping clients out while the node runs (`leveretctl suspend_listeners`), and maintenance (`drain`),
 * which also closes the connections there are. Both end with the process. */
#include "base/log.h"
#include "leveretd/leveretd.h"

static void close_connections(struct loop *at, struct mail *mail)
{
    const struct leveretd *d = mail->a;
    if (d->is_serving)
        sessions_close_all(at, "Node was put into maintenance mode");
}

void leveretd_suspend_listeners(void *arg)
{
    struct leveretd *d = arg;
    leveretd_assert_home(d);
    listeners_suspend(&d->listeners);
    log_warning("Suspended all listeners and will no longer accept client connections");
}

int leveretd_resume_listeners(void *arg)
{
    struct leveretd *d = arg;
    leveretd_assert_home(d);
    int err = listeners_resume(&d->listeners, d->loops, d->config);
    if (err == 0)
        log_info("Resumed all listeners and will accept client connections again");
    return err;
}

void leveretd_drain(void *arg)
{
    struct leveretd *d = arg;
    struct mail mail = {.deliver = close_connections, .a = d};
    leveretd_assert_home(d);
    log_warning("This node is being put into maintenance (drain) mode");
    d->is_in_maintenance = true;
    leveretd_suspend_listeners(d);
    for (unsigned i = 0; i < loops_count(d->loops); i++)
        loop_mail(loops_at(d->loops, 0), loops_at(d->loops, i), &mail);
}

int leveretd_revive(void *arg)
{
    struct leveretd *d = arg;
    log_info("This node is being revived from maintenance (drain) mode");
    int err = leveretd_resume_listeners(d);
    d->is_in_maintenance = err < 0;
    return err;
}
