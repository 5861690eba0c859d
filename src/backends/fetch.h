/* Fetches one file from a web server. libcurl, which does it, is in a module of its own,
 * leveret_fetch.so, which is loaded for the first call. */
#ifndef LEVERET_BACKENDS_FETCH_H
#define LEVERET_BACKENDS_FETCH_H

#include <stddef.h>

#include "backends/tls.h"
#include "base/buffer.h"

/* Strings are borrowed. */
struct fetch_request {
    const char *url; /* http:// or https:// */
    size_t bytes_max;
    int connection_timeout_ms; /* above 0 */
    int timeout_ms;            /* of the whole fetch, redirects included; above 0 */
    struct backend_tls tls;
    struct backend_tls_protocol protocol;
};

/* Fetches the file, and waits for it. Up to five redirects are followed, from https:// only to
 * https://. Returns 0 with the file appended to `ret_file`, which is empty before; or ERR_NOT_FOUND
 * if the module is not installed or the status is not 2xx, or ERR_... for anything else. Then the
 * reason is appended to `reason`, without the URL. Appends to `ret_shown` the URL without what may
 * be secret in it, unless the module cannot be loaded. Blocks. Any thread. */
int backend_fetch(const struct fetch_request *request, struct lv_buffer *ret_file,
                  struct lv_buffer *ret_shown, struct lv_buffer *reason);

/* What the module exports under the name fetch_module. */
struct fetch_module {
    const char *version;  /* LEVERET_VERSION of the build that the module comes from */
    size_t request_bytes; /* the size of struct fetch_request */
    int (*fetch)(const struct fetch_request *request, struct lv_buffer *ret_file,
                 struct lv_buffer *ret_shown, struct lv_buffer *reason);
};

#endif
