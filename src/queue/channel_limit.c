#include "queue/channel_limit.h"

#include <stdlib.h>

#include "base/memory.h"
#include "queue/browser.h"
#include "queue/queue.h"

static bool is_counted(const struct consumer *c)
{
    return !c->no_ack && !c->is_getter;
}

/* --- its life --------------------------------------------------------------------------------- */

struct channel_limit *channel_limit_create(struct loop *loop)
{
    struct channel_limit *limit = lv_calloc(1, sizeof *limit);
    atomic_init(&limit->refs, 1);
    limit->loop = loop;
    lv_list_init(&limit->line);
    limit->least_priority = INT64_MAX;
    return limit;
}

struct channel_limit *channel_limit_ref(struct channel_limit *limit)
{
    atomic_fetch_add(&limit->refs, 1);
    return limit;
}

void channel_limit_unref(struct channel_limit **limit)
{
    struct channel_limit *l = *limit;
    *limit = NULL;
    if (l && atomic_fetch_sub(&l->refs, 1) == 1)
        free(l);
}

/* --- the line: session loop --------------------------------------------------------------------- */

/* Behind everybody, but before those of the same queue that have a lower priority. */
static void line_insert(struct channel_limit *l, struct consumer *c)
{
    struct lv_list *it, *after, *at = &l->line;
    if (c->priority > l->least_priority) {
        lv_list_each (it, after, &l->line) {
            const struct consumer *other = lv_list_item(it, struct consumer, line_link);
            if (other->queue == c->queue && other->priority < c->priority) {
                at = it;
                break;
            }
        }
    } else {
        l->least_priority = c->priority;
    }
    lv_list_insert_before(at, &c->line_link);
    l->line_count++;
}

static void line_remove(struct channel_limit *l, struct consumer *c)
{
    lv_list_remove(&c->line_link);
    l->line_count--;
    atomic_fetch_sub(&l->waiting, 1);
}

static bool has_room(const struct channel_limit *l)
{
    uint32_t max = atomic_load(&l->max);
    return max == 0 || atomic_load(&l->used) < max;
}

/* Takes the share of one who stands in the line: what is free, divided among all of them. 0: nothing is
 * free. */
static uint32_t take_share(struct channel_limit *l)
{
    for (uint32_t used = atomic_load(&l->used);;) {
        uint32_t max = atomic_load(&l->max);
        if (max != 0 && used >= max)
            return 0;
        uint32_t share = max == 0 ? 1 : (max - used + l->line_count - 1) / l->line_count;
        if (atomic_compare_exchange_weak(&l->used, &used, used + share))
            return share;
    }
}

static void handed_mail(struct loop *at, struct mail *mail);

static void hand_out(struct channel_limit *l)
{
    while (!lv_list_is_empty(&l->line) && has_room(l)) {
        struct consumer *c = lv_list_item(l->line.next, struct consumer, line_link);
        uint32_t share = is_counted(c) ? take_share(l) : 0;
        if (share == 0 && is_counted(c))
            return;
        line_remove(l, c);
        struct mail mail = {.deliver = handed_mail, .a = c, .c = share};
        if (c->queue->home == l->loop)
            handed_mail(l->loop, &mail);
        else
            loop_mail(l->loop, c->queue->home, &mail);
    }
}

static void room_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct channel_limit *l = mail->a;
    atomic_store(&l->is_told, false);
    hand_out(l);
    channel_limit_unref(&l);
}

/* Once for all that comes free in a turn. Any loop, which is `from`. */
static void tell(struct channel_limit *l, struct loop *from)
{
    if (atomic_load(&l->waiting) == 0 || atomic_exchange(&l->is_told, true))
        return;
    struct mail mail = {.deliver = room_mail, .a = channel_limit_ref(l)};
    loop_mail(from, l->loop, &mail);
}

static void joins_line(struct consumer *c)
{
    struct channel_limit *l = c->limit;
    if (c->is_closed)
        atomic_fetch_sub(&l->waiting, 1);
    else
        line_insert(l, c);
}

static void wait_mail(struct loop *at, struct mail *mail)
{
    struct consumer *c = mail->a;
    joins_line(c);
    tell(c->limit, at); /* a place may have come free before the line knew of it */
}

void channel_limit_set(struct channel_limit *l, uint32_t max)
{
    atomic_store(&l->max, max);
    tell(l, l->loop);
}

void channel_limit_leave_line(struct consumer *c)
{
    if (!lv_list_is_empty(&c->line_link))
        line_remove(c->limit, c);
}

void channel_limit_part(struct consumer *c)
{
    lv_assert(lv_list_is_empty(&c->line_link));
    channel_limit_unref(&c->limit);
}

/* --- places: home ------------------------------------------------------------------------------- */

void channel_limit_join(struct channel_limit *l, struct consumer *c)
{
    lv_assert(c->limit == NULL);
    c->limit = channel_limit_ref(l);
    c->is_unlimited = false;
    if (is_counted(c))
        atomic_fetch_add(&l->used, c->unacked);
}

static void wait_in_line(struct consumer *c)
{
    struct channel_limit *l = c->limit;
    struct loop *home = c->queue->home;
    c->is_in_line = true;
    atomic_fetch_add(&l->waiting, 1);
    if (home != l->loop) {
        struct mail mail = {.deliver = wait_mail, .a = c};
        loop_mail(home, l->loop, &mail);
        return;
    }
    joins_line(c);
    if (has_room(l)) /* come free after we looked, and before others saw that somebody waits */
        tell(l, home);
}

/* A place, unless others wait for one. */
static bool take_free(struct channel_limit *l)
{
    if (atomic_load(&l->waiting) > 0)
        return false;
    for (uint32_t used = atomic_load(&l->used);;) {
        uint32_t max = atomic_load(&l->max);
        if (max != 0 && used >= max)
            return false;
        if (atomic_compare_exchange_weak(&l->used, &used, used + 1))
            return true;
    }
}

bool channel_limit_take(struct consumer *c)
{
    if (c->is_in_line)
        return false;
    if (c->handed > 0) {
        c->handed--;
        return true;
    }
    if (is_counted(c) ? take_free(c->limit) : has_room(c->limit))
        return true;
    wait_in_line(c);
    return false;
}

static void give(struct consumer *c, uint32_t count)
{
    atomic_fetch_sub(&c->limit->used, count);
    tell(c->limit, c->queue->home);
}

void channel_limit_give(struct consumer *c, uint32_t count)
{
    if (is_counted(c))
        give(c, count);
}

/* Its turn has come: it may take so many places now, and gives back the rest. */
static void handed_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct consumer *c = mail->a;
    c->is_in_line = false;
    c->handed = (uint32_t)mail->c;
    queue_deliver_to(c->queue, c);
    uint32_t rest = c->handed;
    c->handed = 0;
    if (rest > 0)
        give(c, rest);
}
