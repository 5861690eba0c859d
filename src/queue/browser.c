/* A browser delivers the messages that its browse finds, a few each turn, while its consumer has
 * credit. */
#include "queue/browser.h"

#include <stdlib.h>

#include "base/memory.h"
#include "queue/browse.h"
#include "queue/queue_private.h"

/* One browser gets at most this much in a turn. */
enum { MESSAGES_A_TURN = 64, BYTES_A_TURN = 256 * 1024 };

struct browser {
    struct consumer *consumer;
    struct browse *browse;
    struct loop_task run;
    struct loop_timer run_later; /* in the next turn, after other work */
};

static struct loop *browser_home(const struct browser *b)
{
    return b->consumer->queue->entry.home;
}

/* --- deliveries ------------------------------------------------------------------------------- */

static void browser_hand_over(struct consumer *c, struct message *m, const struct browse_item *item)
{
    struct delivery d = delivery_of_message(m);
    d.position = item->position;
    d.redelivered = item->redelivered;
    consumer_spend_credit(c);
    consumer_deliver(c, &d);
}

/* Cancels a browser whose queue was deleted, or that has seen everything and wants no more. */
static void browser_finish(struct consumer *c)
{
    browser_detach(c);
    consumer_tell_cancelled(c);
}

/* Gives the consumer one message. Returns false if it can go on only later; the browser may have
 * been freed then. */
static bool browser_give_one(struct consumer *c, uint64_t *ret_bytes)
{
    struct browse *browse = c->browser->browse;
    struct browse_item item;
    if (!consumer_has_room(c))
        return false;
    enum browse_result result = browse_peek(browse, &item);
    if (result == BROWSE_GONE || (result == BROWSE_END && c->browsing.ends)) {
        browser_finish(c);
        return false;
    }
    if (result != BROWSE_ITEM || !consumer_take_credit(c))
        return false;
    struct message *m = browse_message(browse);
    browse_pass(browse);
    if (!m) {
        consumer_untake_credit(c);
        return true;
    }
    *ret_bytes += message_memory(m);
    browser_hand_over(c, m, &item);
    message_unref(&m);
    return true;
}

static void browser_run(struct loop *loop, struct loop_task *task)
{
    struct browser *b = lv_container_of(task, struct browser, run);
    uint64_t bytes = 0;
    for (unsigned n = 0; n < MESSAGES_A_TURN && bytes < BYTES_A_TURN; n++) {
        if (!browser_give_one(b->consumer, &bytes))
            return;
    }
    loop_timer_start(loop, &b->run_later, 0);
}

static void browser_run_later(struct loop *loop, struct loop_timer *timer)
{
    struct browser *b = lv_container_of(timer, struct browser, run_later);
    browser_run(loop, &b->run);
}

static void browser_wake(void *arg)
{
    struct browser *b = arg;
    if (!loop_timer_is_running(&b->run_later))
        loop_schedule(browser_home(b), &b->run);
}

/* --- its life --------------------------------------------------------------------------------- */

void browser_attach(struct consumer *c)
{
    queue_assert_home(c->queue);
    lv_assert(c->is_browser);
    lv_assert(!c->is_attached && !c->browser);
    struct browser *b = lv_calloc(1, sizeof *b);
    b->consumer = c;
    loop_task_init(&b->run, browser_run);
    loop_timer_init(&b->run_later, browser_run_later);
    b->browse = browse_open(
        c->queue, &(struct browse_options){.start = c->browsing, .wake = browser_wake, .arg = b});
    c->browser = b;
    c->is_attached = true;
    browser_wake(b);
}

void browser_detach(struct consumer *c)
{
    queue_assert_home(c->queue);
    lv_assert(c->browser);
    struct browser *b = c->browser;
    c->browser = NULL;
    c->is_attached = false;
    loop_unschedule(browser_home(b), &b->run);
    loop_timer_stop(browser_home(b), &b->run_later);
    browse_close(&b->browse);
    free(b);
}

void browser_go_on(struct consumer *c)
{
    lv_assert(c->browser);
    browser_wake(c->browser);
}

void browser_give(struct consumer *c)
{
    if (c->browser)
        browser_run(browser_home(c->browser), &c->browser->run);
}

void browser_settle(struct consumer *c, uint32_t count)
{
    lv_assert(c->is_browser);
    consumer_return_credit(c, count);
    queue_consumer_ready(c->queue, c);
}
