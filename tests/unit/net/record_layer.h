/* A layer for tests, with all that makes TLS difficult and nothing else. Both sides first send
 * "HELLO" and wait for the other's. Then bytes are sent in records: a length (1 byte, 1 to 200) and
 * that many bytes, each exclusive-or 0x5a. A read returns at most one record, so more may be
 * pending; a record that the socket took in part must be finished before its bytes count as
 * taken. */
#ifndef LEVERET_TESTS_NET_RECORD_LAYER_H
#define LEVERET_TESTS_NET_RECORD_LAYER_H

#include "net/stream.h"

enum { RECORD_BYTES_MAX = 200, HASTY_MS = 20 };

/* A net_layer_fn. */
int record_layer(void *arg, struct net_stream **stream);
/* One whose handshake must be complete within HASTY_MS. */
int hasty_record_layer(void *arg, struct net_stream **stream);
/* One that fails. */
int refusing_layer(void *arg, struct net_stream **stream);

/* The client's side, blocking: sends HELLO and receives it; encodes n bytes to `to`, which has room
 * for 2 n, and returns how many they become; receives exactly n decoded bytes. */
void record_client_hello(int fd);
size_t record_encode(uint8_t *to, const uint8_t *p, size_t n);
void record_client_receive(int fd, uint8_t *p, size_t n);

#endif
