/* RabbitMQ's HTTP API over manage/: paths below /api. A request is checked (who asks, may they),
 * its handler calls functions of manage/ and writes their results as JSON; it decides nothing. */
#ifndef LEVERET_API_API_H
#define LEVERET_API_API_H

#include "http/http.h"
#include "manage/manage.h"

struct api; /* see api.c */

/* Texts are borrowed as long as the API exists; of a header's value, NULL means that it is not
 * sent. */
struct api_settings {
    /* The provider at which users get tokens for the management page; client_id NULL: none. */
    struct api_oauth {
        const char *client_id, *provider_url, *scopes;
        const char *metadata_url; /* NULL: below the provider's URL, as OpenID says */
        const char *token_url;    /* NULL: the metadata names it, on one of these servers */
    } oauth;
    const char *path_prefix; /* before /api: "" or "/rabbit" */
    const char *content_security_policy, *strict_transport_security;
    bool is_policy_own; /* that policy was set by the operator: it is that of pages, too */
    const char *content_type_options, *frame_options, *xss_protection;
    /* Pages of these origins ("https://console.example.com") may call the API; "*": of any. */
    const char *const *origins;
    size_t origin_count;
    int64_t cors_s;               /* for which browsers remember that; below 0: they are not told */
    unsigned streams_max;         /* that are open at the same time */
    uint32_t session_minutes;     /* for which a login by the form lasts */
    const uint8_t *cookie_key;    /* COOKIE_KEY_BYTES (api/cookie.h); copied */
    bool disables_basic;          /* only tokens log in */
    bool guards_reference;        /* who reads /api/index.html and openapi.json must log in */
    bool keeps_operator_policies; /* they cannot be changed over HTTP */
};

/* Creates the API, which the caller owns. The manage is borrowed. */
struct api *api_create(struct manage *manage, const struct api_settings *settings);
/* Ends every stream; from then on none is opened. Call before the server is stopped, on any thread
 * that is not a worker. NULL is fine. */
void api_end_streams(struct api *api);
/* Frees the API and clears the pointer. NULL is fine. Call after the server has stopped. */
void api_free(struct api **api);

/* An http_guard of other rooms' handlers; `arg` is the API. Lets in who may see what monitors
 * see. */
bool api_lets_monitor_in(void *arg, struct http_request *request);

/* An http_handler; `arg` is the API. */
void api_handle(void *arg, struct http_request *request);
/* An http_is_short: health checks are, what a probe asks to see whether the broker answers, and
 * pages. */
bool api_is_short(void *arg, const struct http_request *request);

#endif
