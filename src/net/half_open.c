/* The half-open connections of a listener: peers that were accepted and have not sent yet what
 * their owner waits for. When a new peer finds no place, the oldest of them is closed.
 *
 *   (1) They are in `all` in the order in which they came, and, in the same order, in the list of
 *       the bucket in which their newcomer is counted (accepting.c).
 *   (2) A connection that is closed is in no list from then on, so each is closed once. */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "net/net_private.h"

struct half_open {
    struct lv_list in_all;
    struct lv_list in_bucket;
    struct net_conn *conn;
    uint64_t since_ms; /* loop_patient_ms() */
};

struct half_open_set {
    struct lv_list all;
    struct lv_list buckets[NEWCOMER_BUCKETS]; /* all zero until the first is put there */
    uint64_t closed;                          /* since the last line that told how many */
    uint64_t warn_after_ms;
};

struct half_open_set *half_open_set_create(void)
{
    struct half_open_set *set = lv_calloc(1, sizeof *set);
    lv_list_init(&set->all);
    return set;
}

void half_open_set_free(struct half_open_set **set)
{
    lv_assert(!*set || lv_list_is_empty(&(*set)->all));
    free(*set);
    *set = NULL;
}

bool half_open_set_is_empty(const struct half_open_set *set)
{
    return lv_list_is_empty(&set->all);
}

/* --- a connection ----------------------------------------------------------------------------- */

static struct lv_list *list_of(struct half_open_set *set, uint16_t bucket)
{
    struct lv_list *list = &set->buckets[bucket];
    if (!list->next)
        lv_list_init(list);
    return list;
}

void half_open_begin(struct half_open_set *set, struct net_conn *conn)
{
    struct half_open *h = lv_calloc(1, sizeof *h);
    h->conn = conn;
    h->since_ms = loop_patient_ms(conn->net->loop);
    lv_list_push(&set->all, &h->in_all);
    lv_list_push(list_of(set, conn->entry.bucket), &h->in_bucket);
    conn->entry.half_open = h;
}

void half_open_leave_bucket(struct half_open *h)
{
    lv_list_remove(&h->in_bucket);
}

void half_open_enter_bucket(struct half_open_set *set, struct half_open *h, uint16_t bucket)
{
    lv_list_remove(&h->in_bucket);
    lv_list_push(list_of(set, bucket), &h->in_bucket);
}

void half_open_end(struct half_open **half_open)
{
    struct half_open *h = *half_open;
    *half_open = NULL;
    if (!h)
        return;
    lv_list_remove(&h->in_all);
    lv_list_remove(&h->in_bucket);
    free(h);
}

/* --- making room ------------------------------------------------------------------------------ */

/* Counts a connection that is about to be closed, and logs how many there were at most once every
 * WARN_EVERY_MS. */
static void note_closed(struct half_open_set *set, const struct net_conn *conn, const char *key)
{
    struct net_peer peer;
    uint64_t now_ms = loop_now_ms(conn->net->loop);
    set->closed++;
    if (now_ms < set->warn_after_ms)
        return;
    conn->stream->calls->peer(conn->stream, &peer);
    log_warning("connection %s:%u -> %s:%u was half-open and is closed: a new one needs its place "
                "(%s); %llu were closed for that since the last such line",
                peer.peer.text, peer.peer.port, peer.local.text, peer.local.port, key,
                (unsigned long long)set->closed);
    set->warn_after_ms = now_ms + WARN_EVERY_MS;
    set->closed = 0;
}

static void half_open_close(struct half_open_set *set, struct net_conn *conn, const char *key)
{
    note_closed(set, conn, key);
    entry_admit(&conn->entry);
    conn_close(conn, ERR_CLOSED);
}

bool half_open_close_oldest(struct half_open_set *set, uint64_t ms_min, const char *key)
{
    if (lv_list_is_empty(&set->all))
        return false;
    const struct half_open *oldest = lv_list_item(set->all.next, struct half_open, in_all);
    if (loop_patient_ms(oldest->conn->net->loop) - oldest->since_ms < ms_min)
        return false;
    half_open_close(set, oldest->conn, key);
    return true;
}

bool half_open_close_oldest_of(struct half_open_set *set, uint16_t bucket, const char *key)
{
    struct lv_list *list = list_of(set, bucket);
    if (lv_list_is_empty(list))
        return false;
    half_open_close(set, lv_list_item(list->next, struct half_open, in_bucket)->conn, key);
    return true;
}
