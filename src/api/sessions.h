/* Connections, channels and consumers, as they are shown in other objects. */
#ifndef LEVERET_API_SESSIONS_H
#define LEVERET_API_SESSIONS_H

#include "api/api_private.h"
#include "manage/connections.h"

/* Write a member of an object, if it is asked for: the consumers that are chosen, as
 * "consumer_details", and an empty list of this name. */
void api_write_consumers(struct api_call *c, const struct session_choice *choice);
void api_write_nothing(struct api_call *c, const char *name);

#endif
