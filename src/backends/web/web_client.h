/* Asks web services, by libcurl: one request, one bounded answer, within a deadline. Connections
 * are kept and used again.
 *
 * Only http:// and https:// are asked. Redirects are not followed unless the settings say so,
 * cookies are not kept, and no proxy is taken from the environment. Whether a server's certificate
 * is accepted is struct backend_tls's matter; its name must be the one in the URL. */
#ifndef LEVERET_BACKENDS_WEB_CLIENT_H
#define LEVERET_BACKENDS_WEB_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "backends/tls.h"
#include "base/buffer.h"
#include "base/slice.h"

struct web_client; /* see web_client.c */

/* Strings are borrowed. */
struct web_client_settings {
    int connection_timeout_ms; /* above 0 */
    int timeout_ms;            /* of the whole request; above 0 */
    size_t answer_bytes_max;
    bool follows_redirects; /* up to five, from https:// only to https:// */
    struct backend_tls tls;
    struct backend_tls_protocol protocol;
};

/* Creates a client; the caller owns it. Returns ERR_NOT_FOUND ... if a file of `tls` cannot be
 * read, with the file and the cause appended to `reason`. Copies the settings; lists of ciphers
 * that OpenSSL does not know fail each request. */
int web_client_create(const struct web_client_settings *settings, struct web_client **ret,
                      struct lv_buffer *reason);
/* Closes the connections and clears the pointer. NULL is fine. Call while no request is under
 * way. */
void web_client_free(struct web_client **client);

struct web_request {
    const char *url;
    /* The body of a POST, and its type; without a type the request is a GET. */
    struct slice body;
    const char *content_type;
};

/* Sends a request and waits for the whole answer, which may have any status. Returns 0 with the
 * status and the body (whose former content is dropped), or, with the cause appended to `reason`,
 * ERR_TIMED_OUT, ERR_TOO_LARGE (the answer), ERR_NO_MEMORY, ERR_REFUSED (the server's certificate),
 * or ERR_IO for everything else: the name is unknown, the connection is refused. The cause contains
 * nothing of the request. Any thread; as many at a time as there are threads. */
int web_client_ask(struct web_client *client, const struct web_request *request, long *ret_status,
                   struct lv_buffer *ret_body, struct lv_buffer *reason);

/* Returns 0 if this is a whole http:// or https:// URL, else ERR_INVALID. */
int web_url_check(const char *url);
/* Appends the URL without what may be secret in it: a user's name and password before the host, the
 * query, the fragment. For logs. */
void web_url_show(const char *url, struct lv_buffer *out);

#endif
