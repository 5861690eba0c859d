/* The broker as a client sees it: one connection with one channel, which comes back by itself.
 *
 * A connection is either up or down. While it is down only broker_connect() does anything. Every
 * other function that fails has logged why, has closed what was left of the connection, and
 * returns -1: the caller starts again at broker_connect(), and whatever was not confirmed or not
 * acknowledged counts as not done. So a user of this file is one loop:
 *
 *     while (broker_connect(broker) == 0)
 *         serve_until_it_breaks(broker);
 *
 * A broker belongs to one thread. */
#ifndef ORDER_BROKER_H
#define ORDER_BROKER_H

#include "common/flags.h"
#include "common/order.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the broker is and as whom to go there. The texts are borrowed. */
struct broker_settings {
    const char *host;
    int port;
    const char *user;
    const char *password;
    const char *vhost;
};
#define BROKER_SETTINGS_DEFAULT                                                                    \
    (struct broker_settings)                                                                       \
    {                                                                                              \
        .host = "127.0.0.1", .port = 5672, .user = "guest", .password = "guest", .vhost = "/"      \
    }

/* The flags that fill such settings: BROKER_FLAGS(&settings) stands in a list of struct flag. */
#define BROKER_FLAGS(s)                                                                            \
    {"--broker-host", "BROKER_HOST", "where the broker is", .text = &(s)->host},                   \
        {"--broker-port",      "BROKER_PORT",   "its AMQP port",                                   \
         .number = &(s)->port, .number_min = 1, .number_max = 65535},                              \
        {"--broker-user", "BROKER_USER", "who logs in", .text = &(s)->user},                       \
        {"--broker-password", "BROKER_PASSWORD", "and how", .text = &(s)->password,                \
         .is_secret = true},                                                                       \
    {                                                                                              \
        "--broker-vhost", "BROKER_VHOST", "the virtual host", .text = &(s)->vhost                  \
    }

enum {
    BROKER_HEARTBEAT_S = 20,
    BROKER_UNCONFIRMED_MAX = 64, /* publishes that may wait for their confirm at a time */
};

struct broker;

/* Makes a broker that is down. `name` is how this connection shows in the broker's lists.
 * Borrows the settings and the name. The caller owns the result; NULL for want of memory. */
struct broker *broker_new(const struct broker_settings *settings, const char *name);

/* Closes the connection, politely when it is up, and clears the pointer. NULL is fine. */
void broker_free(struct broker **broker);

/* Brings the connection up: tries, with growing pauses, until it is, and declares the exchange,
 * the queues and their bindings. Returns -1 only when the program is to end. Does nothing when it
 * is up. */
int broker_connect(struct broker *broker);

/* Closes the connection politely. The next broker_connect() declares everything anew. */
void broker_disconnect(struct broker *broker);

/* What a publisher does when it has nothing to publish: waits until the broker says something,
 * `wake_fd` is readable (-1: none), the program is to end, or a second has passed. Keeps
 * heartbeats flowing and notices a broker that went away, so come back at once. */
int broker_idle(struct broker *broker, int wake_fd);

/* Publishes a persistent JSON message to the order exchange, mandatory. At most
 * BROKER_UNCONFIRMED_MAX between two calls of broker_await_confirms(). Borrows the body. */
int broker_publish(struct broker *broker, const char *routing_key, const char *message_id,
                   const char *body);

enum confirmation { CONFIRMED, CONFIRM_REFUSED };

/* Waits until the broker has answered everything published since the last call. CONFIRM_REFUSED
 * when it refused or returned any of it (which is logged). Returns -1 when the connection broke,
 * or when the program is to end before the answers came. */
int broker_await_confirms(struct broker *broker, enum confirmation *ret);

/* Starts to consume a queue with acknowledgements. */
int broker_consume(struct broker *broker, const char *queue, int prefetch_count);

/* A message that was delivered. It owns what it points to, until delivery_free(). */
struct delivery {
    uint64_t tag;
    bool is_redelivered;
    const void *body;
    size_t body_bytes;
    void *envelope; /* broker.c's */
};

/* Takes the next message: 1 and *ret is filled, which the caller then owns, or 0 when a second
 * brought none, or the program is to end. Keeps heartbeats flowing like broker_idle(). */
int broker_take(struct broker *broker, struct delivery *ret);
void delivery_free(struct delivery *delivery);

/* Settles a delivery: it is done, it is to come again, or it never can be done. */
int broker_ack(struct broker *broker, uint64_t tag);
int broker_requeue(struct broker *broker, uint64_t tag);
int broker_reject(struct broker *broker, uint64_t tag);

#endif
