/* The clients that consume and get. */
#include <stdlib.h>

#include "worker.h"

enum { CONSUMER_QUEUES = 3 };

enum ack_mode { ACK_SINGLE, ACK_BATCH, ACK_TX, ACK_MODES };

struct consuming {
    enum ack_mode mode;
    unsigned batch;
    uint64_t low; /* tags below are settled */
    struct receipt receipts[TAGS_MAX];
    bool is_settled[TAGS_MAX];
};

/* Acknowledges everything up to the tag. */
static int consuming_settle_batch(struct worker *w, struct consuming *k, uint64_t tag)
{
    for (uint64_t t = k->low; t <= tag; t++) {
        if (!k->is_settled[t])
            ledger_settle(w->run->ledger, &k->receipts[t]);
    }
    client_ack(&w->client, tag, true);
    if (k->mode == ACK_TX)
        client_tx_commit(&w->client);
    return client_flush(&w->client);
}

/* The transaction that acknowledged everything up to the tag is committed. */
static void consuming_committed(struct worker *w, struct consuming *k, uint64_t tag)
{
    for (uint64_t t = k->low; t <= tag; t++) {
        if (!k->is_settled[t])
            ledger_settled(w->run->ledger, &k->receipts[t]);
    }
    k->low = tag + 1;
}

/* Requeues or rejects a few of the messages. Returns false if this one was neither. */
static bool consuming_refuse(struct worker *w, struct consuming *k, uint64_t tag)
{
    unsigned c = random_below(&w->random, 100);
    if (c >= 5 || k->mode == ACK_TX)
        return false;
    if (c < 3)
        ledger_requeue(w->run->ledger, &k->receipts[tag]);
    else
        ledger_settle(w->run->ledger, &k->receipts[tag]);
    client_nack(&w->client, tag, c < 3);
    k->is_settled[tag] = true;
    return true;
}

static int consuming_take(struct worker *w, struct consuming *k, const struct client_event *e)
{
    uint64_t tag = e->tag;
    if (!ledger_deliver(w->run->ledger, e->consumer, e->message_id, e->is_persistent, e->body,
                        e->body_bytes, e->redelivered, &k->receipts[tag]))
        return -1;
    if (consuming_refuse(w, k, tag))
        return client_flush(&w->client);
    if (k->mode == ACK_SINGLE) {
        k->is_settled[tag] = true;
        ledger_settle(w->run->ledger, &k->receipts[tag]);
        client_ack(&w->client, tag, false);
        return client_flush(&w->client);
    }
    if (tag + 1 - k->low < k->batch)
        return 0;
    if (consuming_settle_batch(w, k, tag) < 0)
        return -1;
    if (k->mode == ACK_BATCH)
        k->low = tag + 1;
    return 0;
}

static void consuming_run(struct worker *w, struct consuming *k)
{
    struct client_event e;
    uint64_t committing = 0, last = 0;
    while (last + 1 < TAGS_MAX && client_next(&w->client, &e) == 0) {
        if (e.method == TX_COMMIT_OK) {
            consuming_committed(w, k, committing);
            committing = last + 1 - k->low >= k->batch ? last : 0;
            if (committing > 0 && consuming_settle_batch(w, k, committing) < 0)
                return;
            continue;
        }
        if (e.method == BASIC_CONSUME_OK)
            continue;
        if (e.method != BASIC_DELIVER) {
            ledger_complain(w->run->ledger, "consumer: method %u.%u", e.method >> 16,
                            e.method & 0xffff);
            return;
        }
        last = e.tag;
        bool is_committing = committing > 0;
        if (k->mode != ACK_TX || !is_committing) {
            uint64_t due = e.tag + 1 - k->low >= k->batch ? e.tag : 0;
            if (consuming_take(w, k, &e) < 0)
                return;
            committing = k->mode == ACK_TX ? due : 0;
        } else if (!ledger_deliver(w->run->ledger, e.consumer, e.message_id, e.is_persistent,
                                   e.body, e.body_bytes, e.redelivered, &k->receipts[e.tag])) {
            return;
        }
    }
}

void work_consumer(struct worker *w)
{
    struct consuming *k = calloc(1, sizeof *k);
    if (!k)
        die("memory");
    unsigned prefetch = (const unsigned[]){1, 10, 100, 2000}[random_below(&w->random, 4)];
    k->mode = (enum ack_mode)random_below(&w->random, ACK_MODES);
    k->batch =
        1 + random_below(&w->random, prefetch); /* at most the prefetch: it never gets stuck */
    k->low = 1;
    client_qos(&w->client, (uint16_t)prefetch);
    bool is_good = client_call(&w->client, BASIC_QOS_OK, NULL) == 0;
    if (k->mode == ACK_TX && is_good) {
        client_tx_select(&w->client);
        is_good = client_call(&w->client, TX_SELECT_OK, NULL) == 0;
    }
    unsigned from = random_below(&w->random, SHARED_QUEUES);
    for (unsigned i = 0; i < CONSUMER_QUEUES; i++) {
        unsigned queue = (from + i * 5) % SHARED_QUEUES;
        client_consume(&w->client, ledger_queue_name(queue), queue);
    }
    /* consume-ok's are among the deliveries. */
    if (is_good && client_flush(&w->client) == 0)
        consuming_run(w, k);
    free(k);
}

static int get_one(struct worker *w)
{
    struct client_event e;
    struct receipt r;
    unsigned queue = random_below(&w->random, SHARED_QUEUES);
    bool no_ack = random_below(&w->random, 3) == 0;
    client_get(&w->client, ledger_queue_name(queue), no_ack);
    if (no_ack)
        ledger_gamble(w->run->ledger, queue, true);
    if (client_flush(&w->client) < 0 || client_next(&w->client, &e) < 0)
        return -1;
    if (no_ack)
        ledger_gamble(w->run->ledger, queue, false);
    if (e.method == BASIC_GET_EMPTY)
        return 0;
    if (e.method != BASIC_GET_OK ||
        !ledger_deliver(w->run->ledger, queue, e.message_id, e.is_persistent, e.body, e.body_bytes,
                        e.redelivered, &r))
        return -1;
    bool is_requeued = !no_ack && random_below(&w->random, 4) == 0;
    if (is_requeued)
        ledger_requeue(w->run->ledger, &r);
    else
        ledger_settle(w->run->ledger, &r);
    if (is_requeued)
        client_nack(&w->client, e.tag, true);
    else if (!no_ack)
        client_ack(&w->client, e.tag, false);
    return client_flush(&w->client);
}

void work_getter(struct worker *w)
{
    for (unsigned left = worker_scaled(w, 2000); left > 0 && !worker_is_over(w); left--) {
        if (get_one(w) < 0)
            return;
    }
}
