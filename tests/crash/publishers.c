/* The clients that publish. What they publish follows from the ledger. */
#include <stdlib.h>

#include "worker.h"

static void worker_publish(struct worker *w, unsigned publisher, struct letter *ret)
{
    ledger_publish(w->run->ledger, publisher, ret);
    client_publish(&w->client, ret->exchange, ret->key, ret->is_persistent, ret->message_id,
                   ret->body, ret->body_bytes);
}

/* A publisher with confirms. Tag 1 is the message with the number `first`. */
struct confirming {
    unsigned publisher;
    uint64_t first;
    uint64_t next_tag; /* of the next publish */
    uint64_t count;    /* published and not confirmed yet */
    uint64_t low;      /* all tags below are confirmed */
    bool done[TAGS_MAX];
};

/* Takes one confirm, of one or of several messages. */
static int confirming_take(struct worker *w, struct confirming *k)
{
    struct client_event e;
    if (client_next(&w->client, &e) < 0)
        return -1;
    if (e.method != BASIC_ACK || e.tag == 0 || e.tag >= k->next_tag) {
        ledger_complain(w->run->ledger,
                        "publisher %u: method %u.%u, tag %llu, where a confirm should be",
                        k->publisher, e.method >> 16, e.method & 0xffff, (unsigned long long)e.tag);
        return -1;
    }
    for (uint64_t tag = e.multiple ? k->low : e.tag; tag <= e.tag; tag++) {
        if (k->done[tag]) {
            if (!e.multiple)
                ledger_complain(w->run->ledger, "publisher %u: confirmed twice", k->publisher);
            continue;
        }
        k->done[tag] = true;
        k->count--;
        ledger_confirm(w->run->ledger, k->publisher, k->first + tag - 1, k->first + tag - 1);
    }
    while (k->low < k->next_tag && k->done[k->low])
        k->low++;
    return 0;
}

static void confirming_publish(struct worker *w, struct confirming *k)
{
    struct letter m;
    worker_publish(w, k->publisher, &m);
    if (k->next_tag == 1)
        k->first = m.number;
    k->next_tag++;
    k->count++;
}

struct confirming *confirming_begin(struct worker *w, unsigned publisher)
{
    struct confirming *k = calloc(1, sizeof *k);
    if (!k)
        die("memory");
    k->publisher = publisher;
    k->next_tag = k->low = 1;
    client_confirm_select(&w->client);
    if (client_call(&w->client, CONFIRM_SELECT_OK, NULL) == 0)
        return k;
    free(k);
    return NULL;
}

int confirming_publish_batch(struct worker *w, struct confirming *k, unsigned count)
{
    for (; count > 0 && k->next_tag < TAGS_MAX; count--)
        confirming_publish(w, k);
    if (client_flush(&w->client) < 0)
        return -1;
    while (k->count > 0) {
        if (confirming_take(w, k) < 0)
            return -1;
    }
    return 0;
}

void work_confirmer(struct worker *w)
{
    struct confirming *k = confirming_begin(w, w->index);
    unsigned window = w->index == 0 ? 2000 : 1 + random_below(&w->random, 100);
    unsigned left = worker_scaled(w, w->index == 0 ? 12000 : 1500);
    while (k && left > 0 && !worker_is_over(w)) {
        for (; k->count < window && left > 0; left--) {
            confirming_publish(w, k);
            if (w->client.out.n > 65536 && client_flush(&w->client) < 0)
                break;
        }
        if (client_flush(&w->client) < 0 || confirming_take(w, k) < 0)
            break;
    }
    while (k && left == 0 && k->count > 0 && confirming_take(w, k) == 0)
        continue;
    free(k);
}

void work_tx_publisher(struct worker *w)
{
    client_tx_select(&w->client);
    if (client_call(&w->client, TX_SELECT_OK, NULL) < 0)
        return;
    for (unsigned left = worker_scaled(w, 300); left > 0 && !worker_is_over(w); left--) {
        struct letter first = {0}, last;
        unsigned count = 1 + random_below(&w->random, 20);
        for (unsigned i = 0; i < count; i++)
            worker_publish(w, PUBLISHER_TX, i == 0 ? &first : &last);
        client_tx_commit(&w->client);
        if (client_call(&w->client, TX_COMMIT_OK, NULL) < 0)
            return;
        ledger_confirm(w->run->ledger, PUBLISHER_TX, first.number, first.number + count - 1);
    }
}
