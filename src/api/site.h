/* Pages beside the API: what a browser finds, and the tool rabbitmqadmin. */
#ifndef LEVERET_API_SITE_H
#define LEVERET_API_SITE_H

#include "api/api_private.h"

/* Answers a path below the prefix that is not the API's ("/", "/cli/rabbitmqadmin"), or 404.
 * Everybody may ask. */
void site_answer(struct api_call *c, struct slice path);

#endif
