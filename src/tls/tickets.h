/* Keys of session tickets: a client that comes back with a ticket needs no full handshake, and the
 * server keeps nothing about it. The ticket is encrypted with a key that is replaced every hour;
 * one key before it still opens tickets, which are then replaced. */
#ifndef LEVERET_TLS_TICKETS_H
#define LEVERET_TLS_TICKETS_H

#include <openssl/types.h>
#include <stdint.h>

enum { TICKET_KEY_MS = 3600 * 1000, TICKET_LIFE_S = 3600, TICKET_NAME_BYTES = 16 };

struct tls_tickets;

struct tls_tickets *tls_tickets_create(void);
/* Clears the pointer. NULL is fine. */
void tls_tickets_free(struct tls_tickets **tickets);

/* Does what SSL_CTX_set_tlsext_ticket_key_evp_cb() asks of its callback, at this time (of any clock
 * that is not set). Any thread. */
int tls_tickets_use(struct tls_tickets *tickets, uint64_t now_ms, unsigned char *name,
                    unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new);

#endif
