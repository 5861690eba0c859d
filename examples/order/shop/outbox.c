#include "shop/outbox.h"

#include "common/program.h"
#include "shop/orders.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BATCH_MAX = BROKER_UNCONFIRMED_MAX / ORDER_ROUTES, MESSAGE_ID_BYTES_MAX = 80 };

struct outbox {
    struct orders *orders; /* the thread's */
    struct broker *broker; /* the thread's */
    int bell_fd;
    pthread_t thread;
    struct order_row batch[BATCH_MAX];
};

void outbox_ring(struct outbox *outbox)
{
    uint64_t one = 1;
    ssize_t written = write(outbox->bell_fd, &one, sizeof(one));
    (void)written; /* it can only be full of rings that nobody has heard yet */
}

static void bell_quiet(struct outbox *outbox)
{
    uint64_t rings;
    ssize_t got = read(outbox->bell_fd, &rings, sizeof(rings));
    (void)got; /* nothing to read is quiet as well */
}

static int publish_order(struct broker *broker, const struct order *order)
{
    json_t *object = order_to_json(order);
    char *body = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (!body) {
        program_log("order %" PRId64 ": cannot be written as JSON", order->id);
        return -1;
    }
    int failed = 0;
    for (int i = 0; i < ORDER_ROUTES && !failed; i++) {
        char message_id[MESSAGE_ID_BYTES_MAX];
        snprintf(message_id, sizeof(message_id), "%s-%" PRId64 "-%" PRId64,
                 order_routes[i].routing_key, order->id, order->ordered_at_ms);
        failed = broker_publish(broker, order_routes[i].routing_key, message_id, body);
    }
    free(body);
    return failed;
}

/* Publishes a batch and awaits its confirms. Returns -1 when the batch stays in the outbox. */
static int publish_batch(struct outbox *outbox, int count)
{
    int64_t start_us = clock_steady_us();
    for (int i = 0; i < count; i++) {
        if (publish_order(outbox->broker, &outbox->batch[i].order) < 0)
            return -1;
    }
    enum confirmation confirmation;
    if (broker_await_confirms(outbox->broker, &confirmation) < 0)
        return -1;
    if (confirmation == CONFIRM_REFUSED)
        return -1;
    if (orders_set_published(outbox->orders, outbox->batch, count, clock_wall_ms()) < 0)
        return -1;
    for (int i = 0; i < count; i++)
        program_log("order %" PRId64 ": confirmed by the broker in %.1f ms",
                    outbox->batch[i].order.id, (double)(clock_steady_us() - start_us) / 1000);
    return 0;
}

/* Until something breaks or the program is to end. */
static void serve(struct outbox *outbox, struct backoff *backoff)
{
    while (!program_is_ending()) {
        bell_quiet(outbox);
        int count = orders_unpublished(outbox->orders, outbox->batch, BATCH_MAX);
        if (count < 0 || (count > 0 && publish_batch(outbox, count) < 0))
            return;
        if (count > 0)
            backoff_reset(backoff);
        if (count < BATCH_MAX && broker_idle(outbox->broker, outbox->bell_fd) < 0)
            return;
    }
}

static void *outbox_run(void *context)
{
    struct outbox *outbox = context;
    struct backoff backoff = {0};
    while (!program_is_ending() && broker_connect(outbox->broker) == 0) {
        serve(outbox, &backoff);
        if (backoff_wait(&backoff))
            break;
        broker_disconnect(outbox->broker); /* whatever it was: declare everything anew */
    }
    return NULL;
}

int outbox_start(const char *database_path, const struct broker_settings *settings,
                 struct outbox **ret)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    if (!outbox)
        return -1;
    outbox->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    outbox->broker = broker_new(settings, "shop");
    if (outbox->bell_fd < 0 || !outbox->broker) {
        program_log("the outbox cannot start");
        goto fail;
    }
    if (orders_open(database_path, &outbox->orders) < 0)
        goto fail;
    int status = pthread_create(&outbox->thread, NULL, outbox_run, outbox);
    if (status != 0) {
        program_log("the outbox cannot start: %s", strerror(status));
        goto fail;
    }
    *ret = outbox;
    return 0;

fail:
    orders_close(&outbox->orders);
    broker_free(&outbox->broker);
    if (outbox->bell_fd >= 0)
        close(outbox->bell_fd);
    free(outbox);
    return -1;
}

void outbox_stop(struct outbox **outbox)
{
    if (!*outbox)
        return;
    pthread_join((*outbox)->thread, NULL);
    orders_close(&(*outbox)->orders);
    broker_free(&(*outbox)->broker);
    close((*outbox)->bell_fd);
    free(*outbox);
    *outbox = NULL;
}
