/* `leveretd --recover-definitions`: the definitions are lost, or older than they were, and the log
 * is there. It says of each queue that depends on it who that is, and so the messages get their
 * queue back, under its name. Users, permissions, exchanges, bindings and policies are not in the
 * log: nobody is made who could log in, least of all a guest that was deleted on purpose.
 *
 *   - the definitions are loaded as they are: what they have stays;
 *   - the log is read, and what it knows of queues is noted by their ids;
 *   - queues that the definitions lack are stored, and their vhosts.
 *
 * A queue whose name is not in the log (of an earlier version), or is another's by now, is called
 * recovered-ID. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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
    bool is_defined; /* the definitions have it */
    bool is_gone;    /* deleted, the log says */
    bool is_auto_delete;
    int64_t messages; /* at most: what is settled twice, or before it came, is not told apart */
    struct slice vhost, name, arguments; /* owned; no name: not known */
};

struct rebuild {
    struct definitions *definitions;
    struct slice default_vhost;
    struct known_queue *queues; /* by id */
    size_t count, capacity;
    struct slice *vhosts; /* owned: those that are there */
    size_t vhost_count, vhost_capacity;
    size_t made;
    uint64_t delayed; /* messages that wait in the queues of delaying exchanges */
    _Atomic int error;
};

/* --- what is known ---------------------------------------------------------------------------- */

static void drop(struct slice *s)
{
    free((void *)(uintptr_t)s->p);
    *s = SLICE_EMPTY;
}

static size_t place_of(const struct rebuild *r, uint64_t id)
{
    size_t found;
    LV_LOWER_BOUND(found, r->count, at, r->queues[at].id < id);
    return found;
}

/* The queue that this lane belongs to. */
static struct known_queue *known(struct rebuild *r, uint64_t lane)
{
    uint64_t id = lane_id_queue(lane);
    size_t at = place_of(r, id);
    if (at < r->count && r->queues[at].id == id)
        return &r->queues[at];
    lv_vec_room(r->queues, r->count, r->capacity);
    memmove(r->queues + at + 1, r->queues + at, (r->count - at) * sizeof *r->queues);
    r->queues[at] = (struct known_queue){.id = id};
    r->count++;
    return &r->queues[at];
}

static void name_it(struct known_queue *q, struct slice vhost, struct slice name,
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
    drop(&q->vhost);
    drop(&q->name);
    drop(&q->arguments);
}

static bool has_vhost(const struct rebuild *r, struct slice name)
{
    for (size_t i = 0; i < r->vhost_count; i++) {
        if (slice_equal(r->vhosts[i], name))
            return true;
    }
    return false;
}

static void note_vhost(struct rebuild *r, struct slice name)
{
    lv_vec_room(r->vhosts, r->vhost_count, r->vhost_capacity);
    r->vhosts[r->vhost_count++] = slice_copy(name);
}

static int load_vhost(void *arg, const struct definition_vhost *row)
{
    note_vhost(arg, row->name);
    return 0;
}

static int load_queue(void *arg, const struct definition_queue *row)
{
    struct known_queue *q = known(arg, row->id);
    name_it(q, row->vhost, row->name, row->arguments, row->is_auto_delete);
    q->is_defined = true;
    return 0;
}

/* --- what the log says ------------------------------------------------------------------------ */

static void on_enqueue(void *arg, uint64_t file, uint64_t lane, const struct log_carried *message)
{
    (void)file;
    (void)message;
    known(arg, lane)->messages++;
}

static void on_settle(void *arg, uint64_t lane, uint64_t from, uint64_t count)
{
    (void)from;
    known(arg, lane)->messages -= (int64_t)count;
}

static void on_snapshot(void *arg, uint64_t file, const struct log_snapshot *snapshot)
{
    (void)file;
    int64_t messages = (int64_t)snapshot->carried_count;
    for (size_t i = 0; i < snapshot->segment_count; i++)
        messages += (int64_t)snapshot->segments[i].persistent_live;
    known(arg, snapshot->queue)->messages = messages;
}

static void on_queue_gone(void *arg, uint64_t lane)
{
    known(arg, lane)->is_gone = true;
}

/* Another queue may have the number of one that is gone. */
static void on_queue(void *arg, const struct log_queue *queue)
{
    struct known_queue *q = known(arg, queue->queue);
    if (q->is_gone && !q->is_defined) {
        forget_name(q);
        q->messages = 0;
    }
    q->is_gone = false;
    name_it(q, queue->vhost, queue->name, queue->arguments, queue->is_auto_delete);
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

/* --- making them ------------------------------------------------------------------------------ */

static void is_stored(void *arg, int error)
{
    struct rebuild *r = arg;
    if (error < 0)
        atomic_store(&r->error, error);
}

static void make_vhost(struct rebuild *r, struct slice name)
{
    if (has_vhost(r, name))
        return;
    note_vhost(r, name);
    definitions_submit(
        r->definitions,
        definition_put_vhost(&(struct definition_vhost){
            .name = name, .description = slice_str("Recovered from the log of messages")}),
        is_stored, r);
}

static void make_queue(struct rebuild *r, const struct known_queue *q, struct slice name)
{
    struct slice vhost = q->name.n > 0 ? q->vhost : r->default_vhost;
    make_vhost(r, vhost);
    definitions_submit(r->definitions,
                       definition_put_queue(&(struct definition_queue){
                           .vhost = vhost,
                           .name = name,
                           .is_auto_delete = q->is_auto_delete,
                           .arguments = q->arguments,
                           .id = q->id,
                       }),
                       is_stored, r);
    r->made++;
    log_info("recovered queue '%.*s' in vhost '%.*s', %" PRId64 " messages at most",
             SLICE_ARG(name), SLICE_ARG(vhost), q->messages > 0 ? q->messages : 0);
}

static int compare(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* By name; of those that share one, the one that keeps it comes first. */
static int by_name(const void *a, const void *b)
{
    const struct known_queue *x = a, *y = b;
    int order = compare(x->vhost, y->vhost);
    if (order == 0)
        order = compare(x->name, y->name);
    if (order == 0)
        order = (int)y->is_defined - (int)x->is_defined;
    return order != 0 ? order : (x->id < y->id) - (x->id > y->id);
}

static bool is_wanted(const struct known_queue *q)
{
    return !q->is_defined && !q->is_gone && (q->name.n > 0 || q->messages > 0);
}

static void make_queues(struct rebuild *r)
{
    const struct known_queue *last = NULL; /* who keeps its name */
    if (r->count > 1)
        qsort(r->queues, r->count, sizeof *r->queues, by_name);
    for (size_t i = 0; i < r->count; i++) {
        const struct known_queue *q = &r->queues[i];
        bool is_taken = last && q->name.n > 0 && slice_equal(last->vhost, q->vhost) &&
                        slice_equal(last->name, q->name);
        char text[40];
        snprintf(text, sizeof text, "recovered-%" PRIu64, q->id);
        if (is_wanted(q) && delayed_is_queue(q->name)) {
            r->delayed += q->messages > 0 ? (uint64_t)q->messages : 0;
        } else if (is_wanted(q)) {
            make_queue(r, q, is_taken || q->name.n == 0 ? slice_str(text) : q->name);
        }
        if (!q->is_gone && q->name.n > 0 && !is_taken)
            last = q;
    }
}

static int say_result(const struct rebuild *r, const char *data_dir)
{
    if (r->error < 0) {
        log_error("cannot write the definitions in %s: %s", data_dir, lv_error_reason(r->error));
        return EXIT_DEFINITIONS;
    }
    log_info(
        "%s: %zu queue%s made from the log. Users, permissions, exchanges, bindings and policies "
        "are not in it. Start leveretd, then: leveretctl add_user, set_permissions",
        data_dir, r->made, r->made == 1 ? "" : "s");
    if (r->delayed > 0)
        log_warning("%" PRIu64
                    " delayed messages wait for their exchanges, which are not in the log: "
                    "they are dropped at the next start, unless it finds the lost definitions",
                    r->delayed);
    return EXIT_OK;
}

static int rebuild(struct rebuild *r, struct leveretd *d)
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
        make_vhost(r, r->default_vhost);
    make_queues(r);
    /* A change in any case: from here on these are the definitions. */
    definitions_submit(r->definitions, definition_delete_global_parameter(SLICE_EMPTY), is_stored,
                       r);
    definitions_close(&r->definitions);
    return say_result(r, dir);
}

static void rebuild_free(struct rebuild *r)
{
    definitions_close(&r->definitions);
    for (size_t i = 0; i < r->count; i++)
        forget_name(&r->queues[i]);
    for (size_t i = 0; i < r->vhost_count; i++)
        drop(&r->vhosts[i]);
    free(r->queues);
    free(r->vhosts);
}

int leveretd_recover_definitions(struct leveretd *d)
{
    struct rebuild r = {.default_vhost = slice_str(d->config->default_vhost)};
    int code;
    log_set_level(config_log_level(d->config));
    if ((code = leveretd_lock(d)) != EXIT_OK)
        return code;
    code = rebuild(&r, d);
    rebuild_free(&r);
    return code;
}
