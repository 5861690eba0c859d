/* The event exchange, amq.rabbitmq.event: where the events of message/events.h are published. */
#ifndef LEVERET_BROKER_EVENT_EXCHANGE_H
#define LEVERET_BROKER_EVENT_EXCHANGE_H

#include "broker/broker.h"

/* Makes the broker publish its events from now on, while something is bound to the exchange. Call
 * once, before the loops start. */
void event_exchange_begin(struct broker *broker);

/* Emits alarm.set or alarm.cleared; `source` is "memory", "disk", "log" or "store". Any thread. */
void event_alarm(struct broker *broker, const char *source, bool is_set);

#endif
