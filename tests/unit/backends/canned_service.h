/* A web service for tests: on a free port of 127.0.0.1, with a thread. It answers every request
 * with the same bytes, whatever these are, and keeps the requests. One connection at a time. */
#ifndef LEVERET_TESTS_BACKENDS_CANNED_SERVICE_H
#define LEVERET_TESTS_BACKENDS_CANNED_SERVICE_H

#include "base/buffer.h"

struct canned_service; /* see canned_service.c */

/* Starts a service that answers with these bytes; NULL: it takes requests and answers nothing. The
 * caller owns it; the answer is borrowed. */
struct canned_service *canned_start(const char *answer);
/* Ends it, closes its connection and clears the pointer. */
void canned_stop(struct canned_service **service);

/* Appends "http://127.0.0.1:PORT" and the path, with a NUL behind it. */
void canned_url(const struct canned_service *service, const char *path, struct lv_buffer *out);

/* What has been sent to it. Call after an answer has come. */
unsigned canned_connections(struct canned_service *service);
/* All requests so far, one behind the other, with a NUL behind them; valid until the next. */
const char *canned_requests(struct canned_service *service);

#endif
