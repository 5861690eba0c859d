/* Commands that keep clients out of the node, or let them in again. */
#include "base/error.h"
#include "control/control_private.h"
#include "manage/ask.h"

struct change {
    const struct control_world *world;
    void (*close)(void *arg);
    int (*open)(void *arg);
    int error;
};

static void change_on_loop(struct loop *loop, void *arg)
{
    struct change *c = arg;
    (void)loop;
    if (c->close)
        c->close(c->world->arg);
    else
        c->error = c->open(c->world->arg);
}

/* Calls one of the world's functions on loop 0, and answers. */
static void run_change(struct request *r, void (*close)(void *arg), int (*open)(void *arg))
{
    struct change c = {.world = r->world, .close = close, .open = open};
    struct manage_error error = {0};
    int err = ask_loop(r->manage->asker, loops_at(r->manage->loops, 0), change_on_loop, &c);
    if (err == 0 && c.error < 0)
        request_refuse(r, "cannot_listen", "not every listener could be opened: see the log");
    else
        request_end(r, manage_end(&error, err), &error);
}

static void run_suspend_listeners(struct request *r)
{
    run_change(r, r->world->suspend_listeners, NULL);
}

static void run_resume_listeners(struct request *r)
{
    run_change(r, NULL, r->world->resume_listeners);
}

static void run_drain(struct request *r)
{
    run_change(r, r->world->drain, NULL);
}

static void run_revive(struct request *r)
{
    run_change(r, NULL, r->world->revive);
}

const struct control_command control_listener_commands[] = {
    {"suspend_listeners", run_suspend_listeners, ""},
    {"resume_listeners", run_resume_listeners, ""},
    {"drain", run_drain, ""},
    {"revive", run_revive, ""},
    {NULL, NULL, NULL},
};
