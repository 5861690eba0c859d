/* The command that moves dead letters back. The queue's home does it; this thread looks now and then how far
 * it is. A client that goes does not stop it. */
#include "base/error.h"
#include "broker/queue_retry.h"
#include "control/control_private.h"

enum { PAUSE_MS = 5 };

struct asking {
    struct queue *queue; /* referenced */
    struct retry_options options;
    struct retry *retry; /* NULL: another one is under way */
    struct retry_progress progress;
};

static void start_on_loop(struct loop *loop, void *arg)
{
    (void)loop;
    struct asking *a = arg;
    if (!retry_start(a->queue, &a->options, &a->retry))
        a->retry = NULL;
}

static void look_on_loop(struct loop *loop, void *arg)
{
    (void)loop;
    struct asking *a = arg;
    a->progress = retry_progress(a->retry);
}

static void leave_on_loop(struct loop *loop, void *arg)
{
    (void)loop;
    struct asking *a = arg;
    retry_unref(&a->retry);
}

static int wait_for_it(struct request *r, struct asking *a)
{
    int err = 0;
    while (err == 0 && !a->progress.is_over) {
        err = ask_loop(r->asker, a->queue->entry.home, look_on_loop, a);
        if (err == 0 && !a->progress.is_over && !request_pause(r, PAUSE_MS))
            err = ERR_CLOSED;
    }
    if (a->retry)
        ask_loop_or_end(r->asker, a->queue->entry.home, leave_on_loop, a);
    return err;
}

static void answer(struct request *r, const struct asking *a)
{
    if (a->progress.is_gone)
        request_refuse(r, "no_such_queue",
                       "The queue was deleted, after %llu messages had been moved",
                       (unsigned long long)a->progress.moved);
    else
        request_done(r, json_pack("{s:I, s:I}", "moved", (json_int_t)a->progress.moved, "stayed",
                                  (json_int_t)a->progress.stayed));
}

static void run_retry_dead_letters(struct request *r)
{
    struct asking a = {.options.keep_history = request_flag(r, "keep_history")};
    if (!request_count(r, "limit", UINT64_MAX, &a.options.limit))
        return;
    a.queue = request_queue(r);
    if (!a.queue)
        return;
    int err = ask_loop(r->asker, a.queue->entry.home, start_on_loop, &a);
    bool is_started = err == 0 && a.retry;
    if (is_started)
        err = wait_for_it(r, &a);
    if (err < 0)
        request_end(r, err);
    else if (!is_started)
        request_refuse(r, "retry_under_way", "Dead letters of this queue are being moved already");
    else
        answer(r, &a);
    queue_unref(&a.queue);
}

const struct control_command control_retry_commands[] = {
    {"retry_dead_letters", run_retry_dead_letters, "vhost queue",
     "moves dead letters back to the queues they came from: limit, keep_history"},
    {NULL, NULL, NULL, NULL},
};
