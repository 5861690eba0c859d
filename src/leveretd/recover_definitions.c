/* `leveretd --recover-definitions`: for a data directory that has its log, but whose definitions
 * are lost or were replaced by an older copy. The log names each queue that has messages in it, so
 * these queues can be recreated. Users, permissions, exchanges, bindings and policies are not in
 * the log. No user is created, least of all guest, who may have been deleted on purpose.
 *
 *   - The definitions are loaded, and everything in them is kept.
 *   - The log is read, and the queues it knows are collected by their ids.
 *   - Queues that the definitions lack are stored, with their vhosts.
 *
 * A queue is called recovered-ID if the log, written by an earlier version, lacks its name, or if
 * another queue has that name by now. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/search.h"
#include "base/vec.h"
#include "broker/delayed.h"
#include "leveretd/leveretd.h"
#include "paging/lane.h"
#include "store/data_dir.h"

struct known_queue {
    uint64_t id;
    bool is_defined; /* the definitions contain it */
    bool is_gone;    /* the log says that it was deleted */
    bool is_auto_delete;
    int64_t messages; /* enqueues less settles: an estimate, as a settle may be logged twice */
    struct slice vhost, name, arguments; /* owned; the name is empty if it is not known */
};

struct rebuild {
    struct definitions *definitions;
    struct slice default_vhost;
    struct known_queue *queues; /* by id */
    size_t count, capacity;
    struct slice *vhosts; /* owned: their names */
    size_t vhost_count, vhost_capacity;
    size_t made;       /* queues that were stored */
    uint64_t delayed;  /* messages in the queues of delayed exchanges, which are not recreated */
    _Atomic int error; /* of a commit */
};

/* --- known queues and vhosts ------------------------------------------------------------------ */

static void free_slice(struct slice *s)
{
    free((void *)(uintptr_t)s->p);
    *s = SLICE_EMPTY;
}

/* Returns the index of the queue with this id, or the index where it would be. */
static size_t queue_index(const struct rebuild *r, uint64_t id)
{
    size_t found;
    LV_LOWER_BOUND(found, r->count, at, r->queues[at].id < id);
    return found;
}

/* Returns the queue that this lane belongs to; adds it if it is not known yet. Valid until the next
 * call. */
static struct known_queue *want_queue(struct rebuild *r, uint64_t lane)
{
    uint64_t id = lane_id_queue(lane);
    size_t at = queue_index(r, id);
    if (at < r->count && r->queues[at].id == id)
        return &r->queues[at];
    lv_vec_room(r->queues, r->count, r->capacity);
    memmove(r->queues + at + 1, r->queues + at, (r->count - at) * sizeof *r->queues);
    r->queues[at] = (struct known_queue){.id = id};
    r->count++;
    return &r->queues[at];
}

/* Sets the queue's name and arguments, unless they are known already. */
static void set_name(struct known_queue *q, struct slice vhost, struct slice name,
                     struct slice arguments, bool is_auto_delete)
{
    if (q->name.n > 0)
        return;
    q->vhost = slice_copy(vhost);
    q->name = slice_copy(name);
    q->arguments = slice_copy(arguments);
    q->is_auto_delete = is_auto_delete;
}

static void forget_name(struct known_queue *q)
{
    free_slice(&q->vhost);
    free_slice(&q->name);
    free_slice(&q->arguments);
}

static bool has_vhost(const struct rebuild *r, struct slice name)
{
    for (size_t i = 0; i < r->vhost_count; i++) {
        if (slice_equal(r->vhosts[i], name))
            return true;
    }
    return false;
}

static void add_vhost(struct rebuild *r, struct slice name)
{
    lv_vec_room(r->vhosts, r->vhost_count, r->vhost_capacity);
    r->vhosts[r->vhost_count++] = slice_copy(name);
}

static int load_vhost(void *arg, const struct definition_vhost *row)
{
    add_vhost(arg, row->name);
    return 0;
}

static int load_queue(void *arg, const struct definition_queue *row)
{
    struct known_queue *q = want_queue(arg, row->id);
    set_name(q, row->vhost, row->name, row->arguments, row->is_auto_delete);
    q->is_defined = true;
    return 0;
}

/* --- reading the log -------------------------------------------------------------------------- */

static void on_enqueue(void *arg, uint64_t file, uint64_t lane, const struct log_carried *message)
{
    (void)file;
    (void)message;
    want_queue(arg, lane)->messages++;
}

static void on_settle(void *arg, uint64_t lane, uint64_t from, uint64_t count)
{
    (void)from;
    want_queue(arg, lane)->messages -= (int64_t)count;
}

static void on_snapshot(void *arg, uint64_t file, const struct log_snapshot *snapshot)
{
    (void)file;
    int64_t messages = (int64_t)snapshot->carried_count;
    for (size_t i = 0; i < snapshot->segment_count; i++)
        messages += (int64_t)snapshot->segments[i].persistent_live;
    want_queue(arg, snapshot->queue)->messages = messages;
}

static void on_queue_gone(void *arg, uint64_t lane)
{
    want_queue(arg, lane)->is_gone = true;
}

/* A new queue may have the id of a deleted one. */
static void on_queue(void *arg, const struct log_queue *queue)
{
    struct known_queue *q = want_queue(arg, queue->queue);
    if (q->is_gone && !q->is_defined) {
        forget_name(q);
        q->messages = 0;
    }
    q->is_gone = false;
    set_name(q, queue->vhost, queue->name, queue->arguments, queue->is_auto_delete);
}

static void on_safe(void *arg, unsigned stage, uint64_t ticket, int error)
{
    (void)arg;
    (void)stage;
    (void)ticket;
    (void)error;
}

static int read_log(struct rebuild *r, const char *data_dir)
{
    static const struct log_visitor visitor = {
        .enqueue = on_enqueue,
        .settle = on_settle,
        .snapshot = on_snapshot,
        .queue_gone = on_queue_gone,
        .queue = on_queue,
    };
    struct disk *disk = disk_posix_create(data_dir);
    const struct log_options options = {
        .disk = disk,
        .file_bytes = LOG_FILE_BYTES,
        .stages = 1,
        .on_safe = on_safe,
        .is_stepped = true,
    };
    struct log *log = NULL;
    bool is_over = false;
    int err = log_open(&options, &log);
    while (err == 0 && !is_over)
        err = log_read(log, &visitor, r, &is_over);
    log_close(&log);
    disk_posix_free(&disk);
    return err;
}

/* --- storing queues and vhosts ---------------------------------------------------------------- */

/* On the thread of the definitions. */
static void stored(void *arg, int error)
{
    struct rebuild *r = arg;
    if (error < 0)
        atomic_store(&r->error, error);
}

static void store_vhost(struct rebuild *r, struct slice name)
{
    if (has_vhost(r, name))
        return;
    add_vhost(r, name);
    definitions_submit(
        r->definitions,
        definition_put_vhost(&(struct definition_vhost){
            .name = name, .description = slice_str("Recovered from the log of messages")}),
        stored, r);
}

static void store_queue(struct rebuild *r, const struct known_queue *q, struct slice name)
{
    struct slice vhost = q->name.n > 0 ? q->vhost : r->default_vhost;
    lv_assert(!q->is_defined);
    store_vhost(r, vhost);
    definitions_submit(r->definitions,
                       definition_put_queue(&(struct definition_queue){
                           .vhost = vhost,
                           .name = name,
                           .is_auto_delete = q->is_auto_delete,
                           .arguments = q->arguments,
                           .id = q->id,
                       }),
                       stored, r);
    r->made++;
    log_info("recovered queue '%.*s' in vhost '%.*s' with about %" PRId64 " messages",
             SLICE_ARG(name), SLICE_ARG(vhost), q->messages > 0 ? q->messages : 0);
}

/* Orders by vhost and name; of queues with the same name, the one that keeps it comes first. */
static int compare_by_name(const void *a, const void *b)
{
    const struct known_queue *x = a, *y = b;
    int order = slice_compare(x->vhost, y->vhost);
    if (order == 0)
        order = slice_compare(x->name, y->name);
    if (order == 0)
        order = (int)y->is_defined - (int)x->is_defined;
    return order != 0 ? order : (x->id < y->id) - (x->id > y->id);
}

static bool is_wanted(const struct known_queue *q)
{
    return !q->is_defined && !q->is_gone && (q->name.n > 0 || q->messages > 0);
}

static void store_queues(struct rebuild *r)
{
    const struct known_queue *last = NULL; /* the latest that keeps its name */
    if (r->count > 1)
        qsort(r->queues, r->count, sizeof *r->queues, compare_by_name);
    for (size_t i = 0; i < r->count; i++) {
        const struct known_queue *q = &r->queues[i];
        bool is_taken = last && q->name.n > 0 && slice_equal(last->vhost, q->vhost) &&
                        slice_equal(last->name, q->name);
        char text[40];
        snprintf(text, sizeof text, "recovered-%" PRIu64, q->id);
        if (is_wanted(q) && delayed_is_queue(q->name)) {
            r->delayed += q->messages > 0 ? (uint64_t)q->messages : 0;
        } else if (is_wanted(q)) {
            store_queue(r, q, is_taken || q->name.n == 0 ? slice_str(text) : q->name);
        }
        if (!q->is_gone && q->name.n > 0 && !is_taken)
            last = q;
    }
}

/* Logs the result and returns the exit code. */
static int log_result(const struct rebuild *r, const char *data_dir)
{
    if (r->error < 0) {
        log_error("cannot write the definitions in %s: %s", data_dir, lv_error_reason(r->error));
        return EXIT_DEFINITIONS;
    }
    log_info("%s: %zu queue%s recreated from the log. Users, permissions, exchanges, bindings and "
             "policies are not in the log: start leveretd, then use leveretctl add_user and "
             "set_permissions",
             data_dir, r->made, r->made == 1 ? "" : "s");
    if (r->delayed > 0)
        log_warning("%" PRIu64 " delayed message%s not recovered, since delayed exchanges are not "
                    "in the log: the next start drops them, unless the lost definitions are "
                    "restored first",
                    r->delayed, r->delayed == 1 ? "" : "s");
    return EXIT_OK;
}

static int rebuild_definitions(struct rebuild *r, struct leveretd *d)
{
    static const struct definitions_visitor visitor = {.vhost = load_vhost, .queue = load_queue};
    const char *dir = d->config->data_dir;
    int err = definitions_open(dir, &r->definitions);
    if (err == 0)
        err = definitions_load(r->definitions, &visitor, r);
    if (err == 0 && data_dir_has_log(dir))
        err = read_log(r, dir);
    if (err < 0) {
        log_error("cannot recover the definitions in %s: %s", dir, lv_error_reason(err));
        return EXIT_DEFINITIONS;
    }
    if (r->vhost_count == 0)
        store_vhost(r, r->default_vhost);
    store_queues(r);
    /* At least one change is made: once it is committed, the definitions no longer count as an
     * older copy, which would prevent the start. */
    definitions_submit(r->definitions, definition_delete_global_parameter(SLICE_EMPTY), stored, r);
    definitions_close(&r->definitions);
    return log_result(r, dir);
}

static void rebuild_free(struct rebuild *r)
{
    definitions_close(&r->definitions);
    for (size_t i = 0; i < r->count; i++)
        forget_name(&r->queues[i]);
    for (size_t i = 0; i < r->vhost_count; i++)
        free_slice(&r->vhosts[i]);
    free(r->queues);
    free(r->vhosts);
}

int leveretd_recover_definitions(struct leveretd *d)
{
    struct rebuild r = {.default_vhost = slice_str(d->config->default_vhost)};
    lv_assert(!d->loops && !d->definitions);
    log_set_level(config_log_level(d->config));
    log_thread_start();
    int code;
    if ((code = leveretd_lock(d)) != EXIT_OK || (code = leveretd_open_log(d)) != EXIT_OK)
        return code;
    code = rebuild_definitions(&r, d);
    rebuild_free(&r);
    return code;
}
