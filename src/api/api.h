/* RabbitMQ's HTTP API over manage/: paths below /api. A request is checked (who asks, may they),
 * its handler calls functions of manage/ and writes their results as JSON; it decides nothing. */
#ifndef LEVERET_API_API_H
#define LEVERET_API_API_H

#include "http/http.h"
#include "manage/manage.h"

struct api; /* see api.c */

/* Creates the API, which the caller owns. The manage is borrowed. */
struct api *api_create(struct manage *manage);
/* Frees the API and clears the pointer. NULL is fine. Call after the server has stopped. */
void api_free(struct api **api);

/* An http_handler; `arg` is the API. */
void api_handle(void *arg, struct http_request *request);
/* An http_is_short: health checks are, and what a probe asks to see whether the broker answers. */
bool api_is_short(const struct http_request *request);

#endif
