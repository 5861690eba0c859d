/* Reading everything back. A queue is consumed on a channel in a transaction, which is committed if
 * the queue is to be drained, and given up with the channel otherwise. */
#include "verify.h"

#include <stddef.h>

static int verify_delivery(struct run *run, unsigned queue, const struct client_event *e)
{
    return ledger_verify(run->ledger, queue, e->message_id, e->is_persistent, e->body,
                         e->body_bytes, e->redelivered)
               ? 0
               : -1;
}

/* Reads `count` messages, and any that the broker has and did not count: once `count` have come, it
 * is asked again how many are ready. *ret_tag becomes the last delivery tag, if there is any. */
static int verify_read_queue(struct run *run, struct client *c, unsigned queue, uint32_t count,
                             uint64_t *ret_tag)
{
    struct client_event e;
    uint64_t seen = 0;
    client_consume(c, ledger_queue_name(queue), queue);
    if (client_call(c, BASIC_CONSUME_OK, NULL) < 0)
        return -1;
    for (bool is_asked = false;;) {
        if (seen >= count && !is_asked) {
            client_declare(c, ledger_queue_name(queue), true);
            if (client_flush(c) < 0)
                return -1;
            is_asked = true;
        }
        if (client_next(c, &e) < 0)
            return -1;
        if (e.method == QUEUE_DECLARE_OK && e.count == 0)
            break;
        is_asked = is_asked && e.method != QUEUE_DECLARE_OK;
        if (e.method != BASIC_DELIVER)
            continue;
        if (verify_delivery(run, queue, &e) < 0)
            return -1;
        *ret_tag = e.tag;
        seen++;
    }
    if (seen != count)
        ledger_complain(run->ledger, "queue %s: %llu messages where the broker counted %u",
                        ledger_queue_name(queue), (unsigned long long)seen, count);
    return 0;
}

static int verify_queue(struct run *run, struct client *c, unsigned queue, bool is_drained)
{
    struct client_event e;
    uint64_t tag = 0;
    ledger_verify_begin(run->ledger, queue);
    client_declare(c, ledger_queue_name(queue), false);
    if (client_call(c, QUEUE_DECLARE_OK, &e) < 0)
        return -1;
    client_tx_select(c);
    if (client_call(c, TX_SELECT_OK, NULL) < 0 ||
        verify_read_queue(run, c, queue, e.count, &tag) < 0)
        return -1;
    ledger_verify_end(run->ledger, queue);
    if (is_drained && tag > 0) {
        client_ack(c, tag, true);
        client_tx_commit(c);
        if (client_call(c, TX_COMMIT_OK, NULL) < 0)
            return -1;
    }
    if (is_drained)
        ledger_drained(run->ledger, queue);
    client_close_channel(c);
    if (client_call(c, CHANNEL_CLOSE_OK, NULL) < 0)
        return -1;
    client_open_channel(c);
    return client_call(c, CHANNEL_OPEN_OK, NULL);
}

bool verify_all(struct run *run, struct client *c, bool is_drained)
{
    for (unsigned queue = 0; queue < QUEUES; queue++) {
        if (verify_queue(run, c, queue, is_drained) == 0)
            continue;
        ledger_complain(run->ledger, "queue %s: cannot be read: %s", ledger_queue_name(queue),
                        c->why);
        return false;
    }
    return true;
}

bool declare_all(struct run *run, struct client *c)
{
    for (unsigned queue = 0; queue < QUEUES; queue++) {
        client_declare(c, ledger_queue_name(queue), false);
        if (client_call(c, QUEUE_DECLARE_OK, NULL) < 0)
            goto fail;
    }
    for (unsigned i = 0; i < EXCHANGES; i++) {
        unsigned queues[TARGETS_MAX];
        client_declare_fanout(c, ledger_exchange_name(i));
        if (client_call(c, EXCHANGE_DECLARE_OK, NULL) < 0)
            goto fail;
        for (unsigned t = ledger_bound(i, queues); t-- > 0;) {
            client_bind(c, ledger_queue_name(queues[t]), ledger_exchange_name(i));
            if (client_call(c, QUEUE_BIND_OK, NULL) < 0)
                goto fail;
        }
    }
    return true;
fail:
    ledger_complain(run->ledger, "declaring: %s", c->why);
    return false;
}
