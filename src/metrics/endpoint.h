/* The HTTP endpoint: metrics_handle() is a handler of the HTTP server. */
#ifndef LEVERET_METRICS_ENDPOINT_H
#define LEVERET_METRICS_ENDPOINT_H

#include "http/http.h"
#include "manage/manage.h"

/* What is served. Everything is borrowed, for as long as requests are handled. */
struct metrics_endpoint {
    struct manage *manage;
    const char *path;          /* "/metrics" */
    bool is_always_per_object; /* `path` itself shows what `path`/per-object does */
    http_guard *guard;         /* lets in who may read; NULL: everybody may */
    void *guard_arg;
};

/* Answers a request; `endpoint` is a struct metrics_endpoint. */
void metrics_handle(void *endpoint, struct http_request *request);

/* Returns whether text/plain is among the types of a header Accept. A missing header is empty: any
 * type is accepted. Pure. */
bool accepts_text(struct slice accept);

#endif
