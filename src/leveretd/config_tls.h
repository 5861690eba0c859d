/* The settings ssl_options.*, as the room tls/ wants them. */
#ifndef LEVERET_LEVERETD_CONFIG_TLS_H
#define LEVERET_LEVERETD_CONFIG_TLS_H

#include "leveretd/config.h"
#include "tls/tls.h"

struct lv_buffer;

/* Returns whether anything of TLS is set: an address to listen on, or a certificate. */
bool config_wants_tls(const struct config *config);

/* Makes a context of the config's files. Every fault is reported as "FILE:LINE: ssl_options.KEY:
 * ..."; after an error returns ERR_INVALID. Blocks. */
int config_tls_context(const struct config *config, config_say say, void *arg,
                       struct tls_context **ret);

/* Appends what identifies the present content of these files: tls_files_stamp(). Blocks. */
void config_tls_stamp(const struct config *config, struct lv_buffer *out);

#endif
