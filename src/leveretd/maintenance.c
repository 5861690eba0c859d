/* Keeping clients out while the node runs (`leveretctl suspend_listeners`), and maintenance
 * (`drain`), which also closes the connections there are. Both end with the application. */
#include "base/log.h"
#include "leveretd/leveretd.h"

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
    leveretd_assert_home(d);
    log_warning("This node is being put into maintenance (drain) mode");
    d->is_in_maintenance = true;
    leveretd_suspend_listeners(d);
    leveretd_close_connections(d, "Node was put into maintenance mode");
}

int leveretd_revive(void *arg)
{
    struct leveretd *d = arg;
    log_info("This node is being revived from maintenance (drain) mode");
    int err = leveretd_resume_listeners(d);
    d->is_in_maintenance = err < 0;
    return err;
}
