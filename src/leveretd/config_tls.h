/* The settings ssl_options.*, management.ssl.* and prometheus.ssl.*, as the room tls/ wants them;
 * what is spoken to the server of definitions. */
#ifndef LEVERET_LEVERETD_CONFIG_TLS_H
#define LEVERET_LEVERETD_CONFIG_TLS_H

#include "leveretd/config.h"
#include "tls/ciphers.h"
#include "tls/tls.h"

struct lv_buffer;

/* Whose certificate and rules. The API and the metrics use those of AMQP if they have no
 * certificate of their own. */
enum config_tls { CONFIG_TLS_AMQP, CONFIG_TLS_MANAGEMENT, CONFIG_TLS_METRICS, CONFIG_TLS_COUNT };

/* Returns the port of the API without and with TLS; 0: none. As in RabbitMQ, where only TLS is set
 * there is no listener without it. */
uint16_t config_management_port(const struct config *config);
uint16_t config_management_ssl_port(const struct config *config);
/* Returns the port of metrics with TLS; 0: none. */
uint16_t config_metrics_ssl_port(const struct config *config);

/* Returns whether any listener needs this, or a certificate is set. */
bool config_wants_tls(const struct config *config, enum config_tls of);
/* Returns what the keys of the settings used begin with: "ssl_options". Static. */
const char *config_tls_prefix(const struct config *config, enum config_tls of);

/* Makes a context of the config's files. Every fault is reported as "FILE:LINE: ssl_options.KEY:
 * ..."; after an error returns ERR_INVALID. Blocks. */
int config_tls_context(const struct config *config, enum config_tls of, config_say say, void *arg,
                       struct tls_context **ret);

/* Visits the ciphers of listeners for AMQP: tls_each_cipher(). */
void config_tls_each_cipher(const struct config *config, bool all, tls_cipher_visit *visit,
                            void *arg);

/* Appends what identifies the present content of these files: tls_files_stamp(). Blocks. */
void config_tls_stamp(const struct config *config, enum config_tls of, struct lv_buffer *out);

/* What definitions.tls.versions.* and .ciphers.* say. */
struct config_tls_client {
    unsigned versions; /* of TLS_1_2, TLS_1_3 */
    struct tls_ciphers ciphers;
};
/* Reads them. Every fault is reported; after an error returns ERR_INVALID. The caller frees
 * ret->ciphers in any case. */
int config_tls_of_definitions(const struct config *config, config_say say, void *arg,
                              struct config_tls_client *ret);

#endif
