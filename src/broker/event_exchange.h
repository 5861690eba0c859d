/* The event exchange, amq.rabbitmq.event: where the events of message/events.h are published. */
#ifndef LEVERET_BROKER_EVENT_EXCHANGE_H
#define LEVERET_BROKER_EVENT_EXCHANGE_H

#include "broker/broker.h"

/* The broker's events are published from here on, once something is bound to the exchange.
 * Before the loops start. */
void event_exchange_begin(struct broker *broker);

/* The event that an alarm was set or cleared: "memory", "disk", "log", "store". Any thread. */
void event_alarm(struct broker *broker, const char *source, bool is_set);

#endif
