/* A blocking AMQP client, with what a test of crashes needs: one connection with channel 1, on
 * loopback, as guest. It shares no code with the broker, so the two cannot have the same bug.
 *
 * Requests are gathered in `out` and sent by client_flush(). client_next() returns what was
 * received, one method at a time, with its content if it has one. */
#ifndef LEVERET_CRASH_CLIENT_H
#define LEVERET_CRASH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METHOD(class, id) ((uint32_t)(class) << 16 | (id))

enum {
    CONNECTION_START = METHOD(10, 10),
    CONNECTION_TUNE = METHOD(10, 30),
    CONNECTION_OPEN_OK = METHOD(10, 41),
    CONNECTION_CLOSE = METHOD(10, 50),
    CHANNEL_OPEN_OK = METHOD(20, 11),
    CHANNEL_CLOSE = METHOD(20, 40),
    CHANNEL_CLOSE_OK = METHOD(20, 41),
    EXCHANGE_DECLARE_OK = METHOD(40, 11),
    QUEUE_DECLARE_OK = METHOD(50, 11),
    QUEUE_BIND_OK = METHOD(50, 21),
    QUEUE_PURGE_OK = METHOD(50, 31),
    QUEUE_DELETE_OK = METHOD(50, 41),
    BASIC_QOS_OK = METHOD(60, 11),
    BASIC_CONSUME_OK = METHOD(60, 21),
    BASIC_DELIVER = METHOD(60, 60),
    BASIC_GET_OK = METHOD(60, 71),
    BASIC_GET_EMPTY = METHOD(60, 72),
    BASIC_ACK = METHOD(60, 80),
    BASIC_NACK = METHOD(60, 120),
    CONFIRM_SELECT_OK = METHOD(85, 11),
    TX_SELECT_OK = METHOD(90, 11),
    TX_COMMIT_OK = METHOD(90, 21),
};

struct client_buffer {
    uint8_t *p;
    size_t n, capacity;
};

/* A method that was received. Pointers are valid until the next call. */
struct client_event {
    uint32_t method;
    uint64_t tag;       /* deliver, get-ok, ack, nack */
    bool multiple;      /* ack, nack */
    bool redelivered;   /* deliver, get-ok */
    uint32_t count;     /* declare-ok, purge-ok, delete-ok */
    unsigned consumer;  /* deliver: the consumer tag, which is a number */
    bool is_persistent; /* of the content */
    char message_id[32];
    const uint8_t *body;
    size_t body_bytes;
    char text[256]; /* close: code and text */
};

struct client {
    int fd;
    struct client_buffer in, out, body;
    size_t in_at;
    char why[300]; /* what went wrong, after a failed call */
};

/* Functions that return int return 0, or -1 with `why` set; then only client_close() may be
 * called. */

/* Connects and opens channel 1. Also after a failure the caller calls client_close(). */
int client_open(struct client *c, int port);
/* Closes the socket and frees everything. */
void client_close(struct client *c);

/* Sends what is in `out`. */
int client_flush(struct client *c);
/* Receives the next method. close is a failure. */
int client_next(struct client *c, struct client_event *ret);
/* Flushes and receives the next method, which must be this one. */
int client_call(struct client *c, uint32_t answer, struct client_event *ret);

/* Each of these appends one method (and content) to `out`. */
void client_open_channel(struct client *c);
void client_close_channel(struct client *c);
void client_declare(struct client *c, const char *queue, bool passive);
void client_declare_fanout(struct client *c, const char *exchange);
void client_bind(struct client *c, const char *queue, const char *exchange);
void client_purge(struct client *c, const char *queue);
void client_delete(struct client *c, const char *queue);
void client_qos(struct client *c, uint16_t prefetch);
void client_consume(struct client *c, const char *queue, unsigned consumer);
void client_get(struct client *c, const char *queue, bool no_ack);
void client_publish(struct client *c, const char *exchange, const char *key, bool is_persistent,
                    const char *message_id, const uint8_t *body, size_t body_bytes);
void client_ack(struct client *c, uint64_t tag, bool multiple);
void client_nack(struct client *c, uint64_t tag, bool requeue);
void client_confirm_select(struct client *c);
void client_tx_select(struct client *c);
void client_tx_commit(struct client *c);

#endif
