/* Commands of a node whose application is stopped (`leveretctl stop_app`): the process is there,
 * but no listener, no queue and no definitions. */
#include "base/error.h"
#include "control/control_private.h"
#include "manage/manage.h"

static void run_ping(struct request *r)
{
    request_done(r, json_pack("{s:s}", "node", r->world->node_name));
}

static void run_await_startup(struct request *r)
{
    request_refuse(r, "not_started", "rabbit_is_not_running");
}

static void run_version(struct request *r)
{
    request_done(r, json_pack("{s:s}", "leveret_version", LEVERET_VERSION));
}

/* Whether clients are served is the one check that can be answered. */
static void run_check(struct request *r)
{
    if (slice_is(request_string(r, "check"), "is-in-service"))
        request_done(r, json_pack("{s:{s:s, s:s, s:s}}", "health", "status", "failed", "reason",
                                  "the application is stopped", "state", "stopped"));
    else
        request_refuse(r, "not_running", "the application is stopped");
}

static void run_stop_app(struct request *r)
{
    request_done(r, NULL);
}

static void run_start_app(struct request *r)
{
    request_begun(r);
    r->world->start_app(r->world->arg);
}

static void run_reset(struct request *r)
{
    int err = r->world->reset(r->world->arg);
    if (err < 0)
        request_refuse(r, "reset_failed", "%s", lv_error_reason(err));
    else
        request_done(r, NULL);
}

/* There are no peers that a start would wait for. */
static void run_force_boot(struct request *r)
{
    request_done(r, NULL);
}

const struct control_command control_stopped_commands[] = {
    {"ping", run_ping, ""},
    {"await_startup", run_await_startup, ""},
    {"version", run_version, ""},
    {"check", run_check, "check"},
    {"stop", control_stop_process, ""},
    {"stop_app", run_stop_app, ""},
    {"start_app", run_start_app, ""},
    {"reset", run_reset, ""},
    {"force_boot", run_force_boot, ""},
    {NULL, NULL, NULL},
};
