/* The log as messages: RabbitMQ's exchange amq.rabbitmq.log, with the level as routing key. */
#ifndef LEVERET_LEVERETD_LOG_EXCHANGE_H
#define LEVERET_LEVERETD_LOG_EXCHANGE_H

#include "broker/broker.h"
#include "leveretd/config.h"

/* Publishes lines from now on to the exchange in default_vhost if log.exchange is set; the vhost
 * got the exchange when it was made. Home thread, before the loops run. */
void log_exchange_start(struct broker *broker, const char *node_name, const struct config *config);
/* Changes the level and the format. Home thread. */
void log_exchange_configure(const struct config *config);
/* From here on no line is published. Home thread, after the loops have run. */
void log_exchange_stop(void);

#endif
