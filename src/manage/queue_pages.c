/* A page of queues: everything but its rows is found without asking a loop.
 *
 * All queues are gone through once, under RCU, and only pointers and keys are kept. The rows of the
 * page are then separated from the others by their order, without sorting the others, and get
 * references; only then may the thread wait. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/vec.h"
#include "manage/queues_private.h"
#include "topology/vhost.h"

/* A queue that matches. */
struct candidate {
    struct queue *queue; /* borrowed, under RCU */
    struct slice name;
    int64_t key;
    uint64_t name_part; /* 8 bytes of the name, which decide almost every comparison of names */
    uint32_t vhost;     /* its place in the order of vhosts */
};

struct candidates {
    struct candidate *items; /* owned */
    size_t count, capacity;
    size_t total; /* of queues of the page's user, matching or not */
};

/* --- which vhosts ----------------------------------------------------------------------------- */

struct vhost_names {
    struct slice *names; /* owned, each */
    size_t count, capacity;
};

static void vhost_names_free(struct vhost_names *v)
{
    for (size_t i = 0; i < v->count; i++)
        free((void *)(uintptr_t)v->names[i].p);
    free(v->names);
}

static void vhost_names_copy(struct manage *m, struct vhost_names *ret)
{
    struct lv_table_iter it;
    for (struct lv_table_node *n = lv_table_first(m->broker->topology.vhosts, &it); n;
         n = lv_table_next(m->broker->topology.vhosts, &it)) {
        lv_vec_room(ret->names, ret->count, ret->capacity);
        ret->names[ret->count++] = slice_copy(n->key);
    }
}

/* Keeps the vhosts that the actor may see. This may wait. */
static void vhost_names_check(const struct actor *actor, struct vhost_names *v)
{
    struct manage_error ignored = {0};
    size_t kept = 0;
    for (size_t i = 0; i < v->count; i++) {
        if (actor_check_content(actor, v->names[i], &ignored))
            v->names[kept++] = v->names[i];
        else
            free((void *)(uintptr_t)v->names[i].p);
    }
    v->count = kept;
    manage_error_free(&ignored);
}

static int by_slice(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* Finds the vhosts of a page, in the order of their names. Returns false after refusing. */
static bool vhost_names_find(struct manage *m, const struct actor *actor,
                             const struct queue_page *page, struct vhost_names *ret,
                             struct manage_error *error)
{
    if (!page->vhost) {
        if (!actor_check_rank(actor, ACTOR_MANAGEMENT, error))
            return false;
        vhost_names_copy(m, ret);
        vhost_names_check(actor, ret);
        if (ret->count > 0)
            qsort(ret->names, ret->count, sizeof *ret->names, by_slice);
        return true;
    }
    if (!manage_vhost(m, *page->vhost, error) || !actor_check_content(actor, *page->vhost, error))
        return false;
    lv_vec_room(ret->names, ret->count, ret->capacity);
    ret->names[ret->count++] = slice_copy(*page->vhost);
    return true;
}

/* --- which queues ----------------------------------------------------------------------------- */

static void candidates_add(struct manage *m, const struct vhost_names *vhosts, size_t which,
                           const struct queue_page *page, struct candidates *c)
{
    struct vhost *vhost = vhost_find(&m->broker->topology, vhosts->names[which]);
    struct lv_table_iter it;
    if (!vhost) /* deleted since */
        return;
    for (struct lv_table_node *n = lv_table_first(vhost->queues, &it); n;
         n = lv_table_next(vhost->queues, &it)) {
        if (page->user && !queue_is_of_user(queue_of_node(n), *page->user))
            continue;
        c->total++;
        if (page->matches && !page->matches(page->arg, n->key))
            continue;
        lv_vec_room(c->items, c->count, c->capacity);
        c->items[c->count++] =
            (struct candidate){queue_of_node(n), .name = n->key, .vhost = (uint32_t)which};
    }
}

static int64_t find_key(struct manage *m, const struct queue_page *page, const struct queue *q)
{
    if (page->order == BY_KEY)
        return page->key(q);
    return statistics_queue_key(m->statistics, queue_id(q), page->statistic, page->is_rate);
}

static void candidates_set_keys(struct manage *m, const struct queue_page *page,
                                struct candidates *c)
{
    if (page->order == BY_STATISTIC)
        statistics_lock(m->statistics);
    for (size_t i = 0; i < c->count; i++) {
        int64_t key = find_key(m, page, c->items[i].queue);
        c->items[i].key = page->is_descending ? -key : key;
    }
    if (page->order == BY_STATISTIC)
        statistics_unlock(m->statistics);
}

/* Has a name that is read soon loaded meanwhile: names lie all over the memory. */
static void prefetch_name(const struct candidates *c, size_t i)
{
    enum { AHEAD = 12 };
    if (i + AHEAD < c->count)
        __builtin_prefetch(c->items[i + AHEAD].name.p);
}

/* Returns how many bytes all names begin with. */
static size_t common_beginning(const struct candidates *c)
{
    struct slice first = c->items[0].name;
    size_t common = first.n;
    for (size_t i = 1; i < c->count && common > 0; i++) {
        prefetch_name(c, i);
        struct slice name = c->items[i].name;
        size_t n = name.n < common ? name.n : common;
        for (common = 0; common < n && name.p[common] == first.p[common];)
            common++;
    }
    return common;
}

/* Sets each name_part to what follows the common beginning, so that these are in the order of the
 * names. */
static void candidates_set_names(struct candidates *c)
{
    size_t common = c->count > 0 ? common_beginning(c) : 0;
    for (size_t i = 0; i < c->count; i++) {
        prefetch_name(c, i);
        struct slice name = c->items[i].name;
        uint64_t part = 0;
        for (size_t at = common; at < common + sizeof part; at++)
            part = part << 8 | (at < name.n ? name.p[at] : 0);
        c->items[i].name_part = part;
    }
}

/* --- order ------------------------------------------------------------------------------------ */

static int by_names(const struct candidate *a, const struct candidate *b)
{
    if (a->vhost != b->vhost)
        return a->vhost < b->vhost ? -1 : 1;
    if (a->name_part != b->name_part)
        return a->name_part < b->name_part ? -1 : 1;
    return slice_compare(a->name, b->name);
}

static int ascending(const void *a, const void *b)
{
    const struct candidate *p = a, *q = b;
    if (p->key != q->key)
        return p->key < q->key ? -1 : 1;
    return by_names(p, q);
}

static int names_descending(const void *a, const void *b)
{
    return by_names(b, a);
}

typedef int in_order(const void *a, const void *b);

static void swap(struct candidate *a, struct candidate *b)
{
    struct candidate c = *a;
    *a = *b;
    *b = c;
}

/* Puts the median of the first, the middle and the last item first. */
static void choose_pivot(struct candidate *items, size_t count, in_order *order)
{
    struct candidate *first = items, *middle = items + count / 2, *last = items + count - 1;
    if (order(middle, last) > 0)
        swap(middle, last);
    if (order(first, last) > 0)
        swap(first, last);
    if (order(first, middle) < 0)
        swap(first, middle);
}

/* Moves items so that the first `n` of the order are the first n, in any order. No two items are
 * equal. Takes time in proportion to their number, on average. */
static void select_first(struct candidate *items, size_t count, size_t n, in_order *order)
{
    while (n > 0 && n < count) {
        size_t below = 1; /* how many are not above the pivot, with it */
        choose_pivot(items, count, order);
        for (size_t i = 1; i < count; i++) {
            if (order(&items[i], &items[0]) < 0)
                swap(&items[i], &items[below++]);
        }
        swap(&items[0], &items[below - 1]); /* the pivot is at its place now */
        if (n < below) {
            count = below - 1;
        } else {
            items += below;
            count -= below;
            n -= below;
        }
    }
}

/* Returns the candidates of the page in their order, and sets *ret_count. */
static struct candidate *candidates_page(const struct queue_page *page, const struct candidates *c,
                                         size_t *ret_count)
{
    bool is_by_names = page->order == BY_VHOST_AND_NAME;
    in_order *order = page->is_descending && is_by_names ? names_descending : ascending;
    size_t first = page->first < c->count ? page->first : c->count;
    size_t count = page->count < c->count - first ? page->count : c->count - first;
    struct candidate *rows = first > 0 ? c->items + first : c->items; /* NULL: there are none */
    select_first(c->items, c->count, first, order);
    select_first(rows, c->count - first, count, order);
    if (count > 0)
        qsort(rows, count, sizeof *rows, order);
    *ret_count = count;
    return rows;
}

/* --- the page --------------------------------------------------------------------------------- */

/* Does not wait, so that what it finds under RCU is valid until it has references. */
static void page_choose(struct manage *m, const struct queue_page *page,
                        const struct vhost_names *vhosts, struct candidates *c, struct listing *ret)
{
    size_t count;
    for (size_t i = 0; i < vhosts->count; i++)
        candidates_add(m, vhosts, i, page, c);
    candidates_set_names(c);
    if (page->order != BY_VHOST_AND_NAME)
        candidates_set_keys(m, page, c);
    struct candidate *rows = candidates_page(page, c, &count);
    for (size_t i = 0; i < count; i++)
        listing_add(ret, queue_facts_begin(rows[i].queue));
}

bool manage_page_queues(struct manage *m, const struct actor *actor, const struct queue_page *page,
                        struct listing *ret, size_t *ret_total, size_t *ret_matching,
                        struct manage_error *error)
{
    *ret = (struct listing){.columns = queue_columns, .free_row = queue_facts_free};
    struct vhost_names vhosts = {0};
    struct candidates c = {0};
    if (!vhost_names_find(m, actor, page, &vhosts, error))
        return false;
    page_choose(m, page, &vhosts, &c, ret);
    *ret_total = c.total;
    *ret_matching = c.count;
    free(c.items);
    vhost_names_free(&vhosts);
    return queue_facts_gather(m, ret, error);
}
