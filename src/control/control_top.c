/* The command for `leveretctl top`: the first queues in an order, with what the sampler has seen
 * of them (manage/statistics.h). Only the rows asked for are gathered, however many queues there
 * are. */
#include <string.h>

#include "control/control_private.h"
#include "manage/compute_slots.h"
#include "manage/queues.h"
#include "topology/vhost.h"

enum { ROWS_USUALLY = 20, ROWS_MAX = 1000 };

/* By what rows are sorted, the largest first. */
static const struct {
    const char *name;
    enum statistic statistic;
    bool is_rate;
} orders[] = {
    {"messages", STATISTIC_messages, false},
    {"ready", STATISTIC_messages_ready, false},
    {"unacked", STATISTIC_messages_unacknowledged, false},
    {"publish", STATISTIC_publish, true},
    {"deliver", STATISTIC_deliver_get, true},
    {"ack", STATISTIC_ack, true},
};

/* Reads the argument "sort". Returns false after refusing. */
static bool order_choose(struct request *r, struct queue_page *page)
{
    struct slice name = request_string(r, "sort");
    if (slice_is(name, "name")) {
        page->order = BY_VHOST_AND_NAME;
        return true;
    }
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        if (!slice_is(name, orders[i].name))
            continue;
        page->order = BY_STATISTIC;
        page->statistic = orders[i].statistic;
        page->is_rate = orders[i].is_rate;
        page->is_descending = true;
        return true;
    }
    request_refuse(r, "bad_order",
                   "sort: expected messages, ready, unacked, publish, deliver, "
                   "ack or name");
    return false;
}

static json_t *rates_of(const struct statistics_answer *a)
{
    return json_pack("[f, f, f]", a->of[STATISTIC_publish].rate, a->of[STATISTIC_deliver_get].rate,
                     a->of[STATISTIC_ack].rate);
}

/* Answers [vhost, name, [publish, deliver, ack], ready, unacked, consumers, memory]. */
static void queue_row(struct request *r, const struct queue_facts *f)
{
    struct statistics_answer a = {0};
    statistics_queue(r->manage->statistics, queue_id(f->queue), NULL, &a);
    request_row(r,
                json_pack("[o, o, o, I, I, I, I]",
                          json_of_slice(vhost_name(queue_entry(f->queue)->vhost)),
                          json_of_slice(f->name), rates_of(&a), (json_int_t)f->ready,
                          (json_int_t)f->unacked, (json_int_t)f->consumers, (json_int_t)f->memory));
    statistics_answer_free(&a);
}

/* Returns the totals of the node, for the last line. */
static json_t *totals_of(struct request *r, size_t total, size_t matching)
{
    struct statistics_answer a = {0};
    statistics_node(r->manage->statistics, NULL, &a);
    json_t *totals = json_pack("{s:I, s:I, s:o, s:I, s:I}", "queues", (json_int_t)total, "matching",
                               (json_int_t)matching, "rates", rates_of(&a), "ready",
                               (json_int_t)a.of[STATISTIC_messages_ready].value, "unacked",
                               (json_int_t)a.of[STATISTIC_messages_unacknowledged].value);
    statistics_answer_free(&a);
    return totals;
}

static void run_top(struct request *r)
{
    struct slice vhost = request_string(r, "vhost");
    struct queue_page page = {.vhost = request_has(r, "vhost") ? &vhost : NULL};
    struct listing listing = {0};
    struct manage_error error = {0};
    size_t total = 0, matching = 0;
    uint64_t count;
    if (!order_choose(r, &page) || !request_count(r, "limit", ROWS_USUALLY, &count))
        return;
    page.count = count < ROWS_MAX ? (size_t)count : ROWS_MAX;
    compute_slot_take();
    bool is_done =
        manage_page_queues(r->manage, &actor_cli, &page, &listing, &total, &matching, &error);
    for (size_t i = 0; is_done && i < listing.count && !request_is_cut(r); i++)
        queue_row(r, listing.rows[i]);
    listing_free(&listing);
    request_end_with(r, is_done, is_done ? totals_of(r, total, matching) : NULL, &error);
}

const struct control_command control_top_commands[] = {
    {"top", run_top, "sort [vhost]"},
    {NULL, NULL, NULL},
};
