#include "common/worker.h"

#include "common/program.h"

#include <inttypes.h>

/* Returns -1 when the connection broke or the program is to end. */
static int settle_delivery(struct broker *broker, uint64_t tag, enum work_result result,
                           struct backoff *backoff)
{
    switch (result) {
    case WORK_DONE: backoff_reset(backoff); return broker_ack(broker, tag);
    case WORK_REFUSED: return broker_reject(broker, tag);
    case WORK_LATER: break;
    }
    if (backoff_wait(backoff))
        return -1;
    return broker_requeue(broker, tag);
}

static enum work_result work_on(const struct worker *worker, const struct delivery *delivery)
{
    struct order order;
    const char *wrong = order_from_bytes(delivery->body, delivery->body_bytes, &order);
    if (wrong) {
        program_log("refused a message of %zu bytes: %s", delivery->body_bytes, wrong);
        return WORK_REFUSED;
    }
    return worker->work(worker->context, &order, delivery->is_redelivered);
}

/* Until the connection breaks or the program is to end. */
static void serve(const struct worker *worker, struct broker *broker, struct backoff *backoff)
{
    if (broker_consume(broker, worker->route->queue, worker->prefetch_count) < 0)
        return;
    program_log("waiting for orders on %s", worker->route->queue);
    while (!program_is_ending()) {
        struct delivery delivery;
        int taken = broker_take(broker, &delivery);
        if (taken < 0)
            return;
        if (taken == 0)
            continue;
        enum work_result result = work_on(worker, &delivery);
        int settled = settle_delivery(broker, delivery.tag, result, backoff);
        delivery_free(&delivery);
        if (settled < 0)
            return;
    }
}

void worker_run(const struct worker *worker, struct broker *broker)
{
    struct backoff backoff = {0};
    while (!program_is_ending() && broker_connect(broker) == 0)
        serve(worker, broker, &backoff);
    program_log("ending");
}
