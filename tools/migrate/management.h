/* Asks a RabbitMQ's HTTP API. */
#ifndef MIGRATE_MANAGEMENT_H
#define MIGRATE_MANAGEMENT_H

#include <jansson.h>

#include "base/buffer.h"
#include "migrate/migrate.h"

struct management; /* see management.c */

/* Prepares to ask this API. Returns 0, and the caller owns *ret; or a negative error with a
 * sentence appended to `reason`: the URL, or the file of authorities. Copies what it needs. */
int management_open(const struct migrate_api *api, struct management **ret,
                    struct lv_buffer *reason);
/* Closes the connection and clears the pointer. NULL is fine. */
void management_close(struct management **management);

/* Asks for a path, such as "/api/overview". Returns 0 with the answer, which the caller owns. Else
 * appends a sentence to `reason`, and returns ERR_REFUSED (the login, or the server's certificate),
 * ERR_NOT_FOUND (the path), ERR_FORMAT (the answer is no JSON), or another negative error: nobody
 * answers in time. */
int management_get(struct management *management, const char *path, json_t **ret,
                   struct lv_buffer *reason);

/* Opens, asks once, and closes. With a body of JSON (NULL: none) the request is a POST; an answer
 * without content is null. ERR_INVALID with the server's reason if it does not accept the body. */
int management_ask(const struct migrate_api *api, const char *path, const char *body, json_t **ret,
                   struct lv_buffer *reason);

/* As struct migrate_module's `read` and `read_to_move` (migrate.h). */
int management_read_to_move(const struct migrate_api *api, json_t **ret, struct lv_buffer *reason);
int management_read(const struct migrate_api *api, json_t **ret, struct lv_buffer *reason);

#endif
