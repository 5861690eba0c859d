/* Commands that set the limits of memory and disk, or have the disk ignored, until the next start.
 */
#include "control/control_private.h"

struct limit_change {
    const struct control_world *world;
    const char *key, *value;
    bool is_set;
};

/* On loop 0. */
static void set_limit(struct loop *loop, void *arg)
{
    struct limit_change *c = arg;
    (void)loop;
    c->is_set = c->world->set_limit(c->world->arg, c->key, c->value);
}

/* Sets the limit that one of two arguments has, as the setting of its key. */
static void run_set_limit(struct request *r, const char *relative, const char *relative_key,
                          const char *absolute_key)
{
    bool is_relative = request_has(r, relative);
    struct limit_change c = {
        .world = r->world,
        .key = is_relative ? relative_key : absolute_key,
        .value = (const char *)request_string(r, is_relative ? relative : "absolute").p,
    };
    if (is_relative == request_has(r, "absolute")) {
        request_refuse(r, "bad_request", "either %s or absolute is needed", relative);
        return;
    }
    struct manage_error error = {0};
    int err = ask_loop(r->manage->asker, loops_at(r->manage->loops, 0), set_limit, &c);
    if (err == 0 && !c.is_set)
        request_refuse(r, "bad_limit", "invalid value '%s' for %s", c.value, c.key);
    else
        request_end(r, manage_end(&error, err), &error);
}

static void run_set_vm_memory_high_watermark(struct request *r)
{
    run_set_limit(r, "relative", "vm_memory_high_watermark.relative",
                  "vm_memory_high_watermark.absolute");
}

static void run_set_disk_free_limit(struct request *r)
{
    run_set_limit(r, "mem_relative", "disk_free_limit.relative", "disk_free_limit.absolute");
}

static void watch_disk(struct loop *loop, void *arg)
{
    const struct control_world *world = arg;
    (void)loop;
    world->watch_disk(world->arg, true);
}

static void ignore_disk(struct loop *loop, void *arg)
{
    const struct control_world *world = arg;
    (void)loop;
    world->watch_disk(world->arg, false);
}

static void set_disk_watch(struct request *r, ask_fn *fn)
{
    struct manage_error error = {0};
    int err =
        ask_loop(r->manage->asker, loops_at(r->manage->loops, 0), fn, (void *)(uintptr_t)r->world);
    request_end(r, manage_end(&error, err), &error);
}

static void run_activate_monitoring(struct request *r)
{
    set_disk_watch(r, watch_disk);
}

static void run_deactivate_monitoring(struct request *r)
{
    set_disk_watch(r, ignore_disk);
}

const struct control_command control_limit_commands[] = {
    {"set_vm_memory_high_watermark", run_set_vm_memory_high_watermark, "[relative] [absolute]"},
    {"set_disk_free_limit", run_set_disk_free_limit, "[mem_relative] [absolute]"},
    {"activate_free_disk_space_monitoring", run_activate_monitoring, ""},
    {"deactivate_free_disk_space_monitoring", run_deactivate_monitoring, ""},
    {NULL, NULL, NULL},
};
