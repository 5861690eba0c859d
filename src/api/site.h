/* Pages: what a browser finds beside the API, and the tool rabbitmqadmin. */
#ifndef LEVERET_API_SITE_H
#define LEVERET_API_SITE_H

#include "api/api_private.h"

/* Begin and end an answer that is a page of HTML; between them its content is appended to
 * http_out(). */
void page_begin(struct api_call *c, const char *title);
void page_end(struct api_call *c);
/* Answers that the page is at this path below the prefix: "/cli/index.html". */
void page_redirect(struct api_call *c, const char *path);

/* Answers a path below the prefix that is not the API's ("/", "/cli/rabbitmqadmin"), or 404.
 * Everybody may ask. */
void site_answer(struct api_call *c, struct slice path);

#endif
