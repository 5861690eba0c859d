/* Asks a RabbitMQ's HTTP API. */
#ifndef MIGRATE_MANAGEMENT_H
#define MIGRATE_MANAGEMENT_H

#include <jansson.h>

#include "base/buffer.h"

struct management; /* see management.c */

/* Prepares to ask the API at this URL (http[s]://USER:PASSWORD@HOST:PORT[/PREFIX]), which is
 * copied. `timeout_ms`, above 0, is for each request. Returns 0, and the caller owns *ret; or a
 * negative error with a sentence appended to `reason`. */
int management_open(const char *url, int timeout_ms, struct management **ret,
                    struct lv_buffer *reason);
/* Closes the connection and clears the pointer. NULL is fine. */
void management_close(struct management **management);

/* Asks for a path, such as "/api/overview". Returns 0 with the answer, which the caller owns. Else
 * appends a sentence to `reason`, and returns ERR_REFUSED (the login), ERR_NOT_FOUND (the path),
 * ERR_FORMAT (the answer is no JSON), or another negative error: nobody answers in time. */
int management_get(struct management *management, const char *path, json_t **ret,
                   struct lv_buffer *reason);

/* Opens, asks once, and closes. With a body of JSON (NULL: none) the request is a POST; an answer
 * without content is null. ERR_IO with what the server says if it does not accept the body. */
int management_ask(const char *url, const char *path, const char *body, int timeout_ms,
                   json_t **ret, struct lv_buffer *reason);

/* As struct migrate_module's `read` and `read_to_move` (migrate.h). */
int management_read_to_move(const char *url, int timeout_ms, json_t **ret,
                            struct lv_buffer *reason);
int management_read(const char *url, int timeout_ms, json_t **ret, struct lv_buffer *reason);

#endif
