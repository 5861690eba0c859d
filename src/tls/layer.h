/* The layer itself: a stream that decrypts what another one reads, and encrypts what it writes. */
#ifndef LEVERET_TLS_LAYER_H
#define LEVERET_TLS_LAYER_H

#include "net/stream.h"
#include "tls/tls.h"

/* Returns the server's side of a TLS connection on `inner`. Takes both: the stream, and a reference
 * of the context. */
struct net_stream *tls_stream_create(struct net_stream *inner, struct tls_context *context,
                                     uint32_t handshake_timeout_ms);

#endif
