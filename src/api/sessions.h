/* Connections, channels and consumers, as they are shown in other objects. */
#ifndef LEVERET_API_SESSIONS_H
#define LEVERET_API_SESSIONS_H

#include "api/api_private.h"
#include "manage/connections.h"

/* Lists of what channels do with queues and exchanges, by the object that has them. */
enum api_traffic {
    API_DELIVERIES_OF_QUEUE,   /* "deliveries", by channel */
    API_DELIVERIES_OF_CHANNEL, /* "deliveries", by queue */
    API_PUBLISHES_OF_CHANNEL,  /* "publishes", by exchange */
    API_PUBLISHES_TO_EXCHANGE, /* "incoming", by channel */
};

/* Write a member of an object, if it is asked for: the consumers that are chosen, as
 * "consumer_details"; such a list, which is empty unless management.rates_mode is `detailed`; and
 * an empty list of this name. */
void api_write_consumers(struct api_call *c, const struct session_choice *choice);
void api_write_traffic(struct api_call *c, enum api_traffic which,
                       const struct session_choice *choice);
void api_write_nothing(struct api_call *c, const char *name);

#endif
