/* A layer for tests, with all that makes TLS difficult and nothing else. Both sides first send
 * "HELLO" and wait for the other's. Then bytes travel in records: a length (1 byte, 1 to 200) and
 * as many bytes, each exclusive-or 0x5a. A read hands over one record at most, so more may be
 * pending; a record that the socket took in part must be finished before its bytes are taken. */
#ifndef LEVERET_TESTS_NET_RECORD_LAYER_H
#define LEVERET_TESTS_NET_RECORD_LAYER_H

#include "net/stream.h"

enum { RECORD_BYTES_MAX = 200 };

/* A net_layer_fn. */
int record_layer(void *arg, struct net_stream **stream);
/* One that never comes about. */
int refusing_layer(void *arg, struct net_stream **stream);

/* The client's side, blocking: says HELLO and hears it; encodes n bytes into `to` (room for twice
 * as many) and returns how many they are; receives exactly n decoded bytes. */
void record_client_hello(int fd);
size_t record_encode(uint8_t *to, const uint8_t *p, size_t n);
void record_client_receive(int fd, uint8_t *p, size_t n);

#endif
