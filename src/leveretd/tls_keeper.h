/* Keeps the certificates of the listeners for TLS: reads them at the start, at SIGHUP and when
 * their files change, and warns before they expire. */
#ifndef LEVERET_LEVERETD_TLS_KEEPER_H
#define LEVERET_LEVERETD_TLS_KEEPER_H

#include "leveretd/config.h"
#include "leveretd/config_tls.h"
#include "loop/loop.h"
#include "manage/node.h"
#include "tls/tls.h"

struct tls_keeper;

/* Creates a keeper without certificates. The caller owns it. */
struct tls_keeper *tls_keeper_create(struct loops *loops);
/* Clears the pointer. NULL is fine. Call after loops_run() has returned, when no listener is left.
 */
void tls_keeper_free(struct tls_keeper **keeper);

/* Reads the files of this config, which is borrowed until another one is given, for connections to
 * come; if that fails, which is logged, they get the certificates before. Nothing is logged of what
 * config_check() has just warned of. Blocks. Call on loop 0, or before loops_start(). */
void tls_keeper_configure(struct tls_keeper *keeper, const struct config *config);
/* From now on looks every second whether the files have changed. Call once, before loops_start().
 */
void tls_keeper_start(struct tls_keeper *keeper);

/* Returns what listeners of this kind are given; valid as long as the keeper. */
struct tls_server *tls_keeper_server(struct tls_keeper *keeper, enum config_tls of);

/* Visits the files with certificates that are in use. Any thread. */
void tls_keeper_each_certificate(struct tls_keeper *keeper, node_certificate_visit *visit,
                                 void *arg);

#endif
