/* Watches the part of a client's handshake that is not encrypted, for a ClientHello that is too
 * long. OpenSSL accepts 128 KiB, and takes the memory for a message as soon as its length has come:
 * nine bytes would cost the broker 143 KiB, before anybody has logged in. */
#ifndef LEVERET_TLS_HELLO_H
#define LEVERET_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Those of clients have 2 KiB at most; a ticket with a large certificate may make one longer. */
enum { HELLO_BYTES_MAX = 16 * 1024 };

/* Zero it at the beginning of a connection. */
struct tls_hello {
    uint32_t message_left; /* bytes of a message that are still to come, behind its head */
    uint16_t record_left;  /* bytes of a record that are still to come, behind its head */
    uint8_t type;          /* of the record */
    uint8_t record_head_n; /* how much of the next record's head has come */
    uint8_t message_head_n;
    uint8_t record_head[5];
    uint8_t message_head[4];
    bool has_ended; /* what follows is encrypted, or no handshake */
};

/* Watches the next bytes from the client. `is_tls_1_2`: that is the version that was agreed on.
 * Returns false if they begin a ClientHello of more than HELLO_BYTES_MAX bytes. Pure. */
bool tls_hello_watch(struct tls_hello *hello, const uint8_t *p, size_t n, bool is_tls_1_2);

#endif
