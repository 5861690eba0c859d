/* The AMQP client that the benchmark's programs share: a blocking handshake and blocking calls for
 * the set-up, buffers for what is measured. Any failure ends the program with one line. */
#ifndef LEVERET_BENCH_CLIENT_H
#define LEVERET_BENCH_CLIENT_H

#include <openssl/types.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "wire/methods.h"

enum { CLIENT_INPUT_BYTES = 256 * 1024 };

struct client {
    int fd;
    SSL *ssl; /* NULL: plain */
    uint32_t frame_bytes_max;
    struct lv_buffer out; /* output; the first out_at bytes are written */
    size_t out_at;
    uint8_t *in; /* CLIENT_INPUT_BYTES */
    size_t in_bytes;
};

/* Prints the reason and exits with 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Returns nanoseconds of the monotonic clock. */
uint64_t now_ns(void);

/* From now on connections use TLS, of any certificate; with `resumes`, each but the first comes
 * back with a ticket. */
void client_use_tls(bool resumes);
/* Shows this certificate if the broker asks for one: a PEM file with the certificate and its key.
 * Call after client_use_tls(). */
void client_use_certificate(const char *path);
/* Returns how many connections came back with a ticket that the broker took. */
unsigned long client_resumed(void);
/* Connects to 127.0.0.1, and does nothing else. client_drop() is the opposite. */
void client_reach(struct client *c, int port);
/* Connects to 127.0.0.1, and shakes hands if TLS is used. client_drop() is the opposite. */
void client_connect(struct client *c, int port);
/* Closes the connection without a word and frees everything. */
void client_drop(struct client *c);

/* Connects to 127.0.0.1 as guest and opens channel 1. */
void client_open(struct client *c, int port);
/* Closes the connection politely and frees everything. */
void client_close(struct client *c);

/* Appends a method's frame to the output. */
#define CLIENT_PUT(c, number, method, ...)                                                         \
    do {                                                                                           \
        const struct amqp_##method method_ = {__VA_ARGS__};                                        \
        size_t size_ = amqp_##method##_size(&method_);                                             \
        amqp_##method##_put(lv_buffer_reserve(&(c)->out, size_), (number), &method_);              \
        (c)->out.n += size_;                                                                       \
    } while (0)

/* Writes all output. Blocks. */
void client_flush(struct client *c);
/* Writes bytes like write(2): EAGAIN if the socket takes none. */
ssize_t client_write(struct client *c, const void *p, size_t n);
/* Writes as much as the socket takes at once. Returns whether that was all. */
bool client_write_some(struct client *c);
/* Reads frames until a method with this id. Returns its arguments, valid until the next call.
 * Blocks. */
struct slice client_await(struct client *c, uint32_t method);
/* Reads once (the socket must be readable) and appends to the input. */
void client_read_some(struct client *c);

/* Takes the next whole frame of the input from *at on. Returns false if there is none. */
bool client_next_frame(const struct client *c, size_t *at, uint8_t *ret_type,
                       struct slice *ret_payload);
/* Drops the first n bytes of the input. */
void client_consume(struct client *c, size_t n);

/* Sends a request and waits for its answer. */
#define CLIENT_CALL(c, number, method, answer, ...)                                                \
    do {                                                                                           \
        CLIENT_PUT((c), (number), method, __VA_ARGS__);                                            \
        client_flush(c);                                                                           \
        client_await((c), (answer));                                                               \
    } while (0)

#endif
