/* Queue after queue: a link to each side, in the vhost of the queue, is kept while it can be used.
 *
 * A link that was open and is lost is opened again, for as long as the caller says; the time begins
 * anew whenever messages have been moved. What a side refuses is the matter of that queue, and the
 * next one is tried. */
#include "migrate/moves.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "migrate/mover.h"
#include "migrate/places.h"

enum { PAUSE_MS_MIN = 250, PAUSE_MS_MAX = 4000 };

struct moves {
    const struct migrate_job *job;
    struct link rabbit, local;
    const char *vhost;         /* of the links */
    const char *refused_vhost; /* a side does not let us into it */
    json_t *queue;             /* the one under way */
    struct moved moved;
    bool is_again;     /* a link was lost while this queue was under way */
    bool has_begun;    /* both sides have let us in before */
    uint64_t since_ms; /* of the last message, or of the first failure without one */
};

/* --- links ------------------------------------------------------------------------------------ */

static void close_links(struct moves *m)
{
    link_close(&m->rabbit);
    link_close(&m->local);
}

static int open_links(struct moves *m, const char *vhost, struct lv_buffer *reason)
{
    int fd = -1, err = 0;
    if (m->rabbit.amqp && m->local.amqp && strcmp(m->vhost, vhost) == 0)
        return 0;
    close_links(m);
    m->vhost = vhost;
    err = link_open(&m->rabbit, m->job->url, vhost, reason);
    if (err == 0)
        err = m->job->open_local(m->job->arg, &fd, reason);
    if (err == 0)
        err = link_adopt(&m->local, fd, vhost, reason);
    m->has_begun |= err == 0;
    return err;
}

/* --- one queue -------------------------------------------------------------------------------- */

static void note(struct moves *m)
{
    json_object_set_new(m->queue, "messages", json_integer((json_int_t)m->moved.messages));
    json_object_set_new(m->queue, "moved_bytes", json_integer((json_int_t)m->moved.bytes));
    json_object_set_new(m->queue, "rerouted", json_integer((json_int_t)m->moved.rerouted));
    json_object_set_new(m->queue, "anonymous", json_integer((json_int_t)m->moved.anonymous));
    json_object_set_new(m->queue, "left", json_integer(m->moved.left));
    json_object_set_new(m->queue, "consumers", json_integer(m->moved.consumers));
}

static void note_progress(void *arg)
{
    struct moves *m = arg;
    note(m);
    m->job->progress(m->job->arg, m->queue, MIGRATE_UNDER_WAY);
}

static int try_queue(struct moves *m, struct lv_buffer *reason)
{
    const char *vhost = text_of_member(m->queue, "vhost");
    int err = open_links(m, vhost, reason);
    if (err == ERR_REFUSED)
        m->refused_vhost = vhost;
    if (err)
        return err;
    struct mover_job job = {
        .from = m->job->is_export ? &m->local : &m->rabbit,
        .to = m->job->is_export ? &m->rabbit : &m->local,
        .queue = text_of_member(m->queue, "name"),
        .window = (uint32_t)number_of_member(m->queue, "window"),
        .is_quorum = json_is_true(json_object_get(m->queue, "quorum")),
        .is_again = m->is_again,
        .is_single_active = json_is_true(json_object_get(m->queue, "single_active")),
        .routes = m->job->is_export ? json_object_get(m->job->routes, vhost) : NULL,
        .user_id = m->job->user_id,
        .progress = note_progress,
        .arg = m,
    };
    return mover_run(&job, &m->moved, reason);
}

/* Waits before the next attempt, ever longer. Returns false if it has taken too long already. */
static bool may_try_again(struct moves *m, unsigned attempts)
{
    uint64_t now = clock_up_ms();
    if (!m->has_begun || now - m->since_ms >= (uint64_t)m->job->patience_ms)
        return false;
    unsigned pause = attempts > 4 ? PAUSE_MS_MAX : (unsigned)PAUSE_MS_MIN << attempts;
    usleep(pause * 1000);
    return true;
}

static int move_queue(struct moves *m, struct lv_buffer *reason)
{
    int err = 0;
    m->since_ms = clock_up_ms();
    m->is_again = false;
    for (unsigned attempts = 0;; attempts++) {
        uint64_t before = m->moved.messages;
        reason->n = 0;
        err = try_queue(m, reason);
        if (err == 0)
            return 0;
        close_links(m);
        m->is_again = true;
        if (m->moved.messages > before) {
            attempts = 0;
            m->since_ms = clock_up_ms();
        }
        note(m);
        if (err != ERR_CLOSED || !may_try_again(m, attempts))
            return err;
        m->job->progress(m->job->arg, m->queue, MIGRATE_CONNECTING);
    }
}

/* A queue may be moved again: then its counts go on. */
static void begin_queue(struct moves *m, json_t *queue)
{
    m->queue = queue;
    m->moved = (struct moved){
        .messages = (uint64_t)number_of_member(queue, "messages"),
        .bytes = (uint64_t)number_of_member(queue, "moved_bytes"),
        .rerouted = (uint64_t)number_of_member(queue, "rerouted"),
        .anonymous = (uint64_t)number_of_member(queue, "anonymous"),
        .left = (uint32_t)number_of_member(queue, "left"),
        .consumers = (uint32_t)number_of_member(queue, "consumers"),
    };
    json_object_del(queue, "reason");
}

int moves_run(const struct migrate_job *job, json_t *queues, struct lv_buffer *reason)
{
    struct moves m = {.job = job,
                      .rabbit = {.name = "RabbitMQ", .ca_file = job->ca_file},
                      .local = {.name = "the broker of this machine"}};
    json_t *queue;
    size_t n;
    int err = 0;
    json_array_foreach(queues, n, queue)
    {
        if (json_object_get(queue, "skipped"))
            continue;
        struct lv_buffer why = {0};
        begin_queue(&m, queue);
        if (m.refused_vhost && member_is(queue, "vhost", m.refused_vhost)) {
            lv_buffer_printf(&why, "a side refuses the vhost");
            err = ERR_REFUSED;
        } else {
            err = move_queue(&m, &why);
        }
        note(&m);
        if (err)
            json_object_set_new(queue, "reason", json_stringn_nocheck((const char *)why.p, why.n));
        job->progress(job->arg, queue, MIGRATE_DONE);
        if (err == ERR_CLOSED || err == ERR_INVALID)
            lv_buffer_add(reason, why.p, why.n);
        lv_buffer_free(&why);
        if (err == ERR_CLOSED || err == ERR_INVALID)
            break;
    }
    close_links(&m);
    return err == ERR_CLOSED || err == ERR_INVALID ? err : 0;
}
