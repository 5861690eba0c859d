/* Who asks: Basic credentials, or a Bearer token, which is a password without a user. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/api_private.h"
#include "api/base64.h"
#include "base/memory.h"
#include "topology/vhost.h"

static bool refuse_login(struct api_call *c, unsigned status)
{
    if (status == 401)
        http_add_header(c->http, "www-authenticate",
                        slice_str("Basic realm=\"RabbitMQ Management\""));
    api_refuse(c, status, "not_authorized", "Login failed");
    return false;
}

/* Answers a request without credentials, or whose credentials make no sense, without a body. */
static bool refuse_empty(struct api_call *c, unsigned status)
{
    refuse_login(c, status);
    api_refuse_empty(c, status);
    return false;
}

bool api_log_in_as(struct api_call *c, struct slice user, struct slice password)
{
    bool is_from_loopback = http_request_peer(c->http)->is_loopback;
    bool is_in = auth_login(c->manage->auth, user, password, is_from_loopback, &c->identity, NULL);
    struct api_attempts *attempts = &c->api->logins.http;
    atomic_fetch_add_explicit(is_in ? &attempts->accepted : &attempts->refused, 1,
                              memory_order_relaxed);
    if (!is_in)
        return refuse_login(c, 401);
    c->actor = (struct actor){auth_identity_name(c->identity), c->identity};
    return true;
}

static bool log_in_basic(struct api_call *c, struct slice text)
{
    struct lv_buffer credentials = {0};
    const uint8_t *colon = NULL;
    if (base64_decode(text, &credentials))
        colon = memchr(credentials.p, ':', credentials.n);
    bool is_fine;
    if (colon) {
        size_t n = (size_t)(colon - credentials.p);
        is_fine = api_log_in_as(c, slice_of(credentials.p, n),
                                slice_of(colon + 1, credentials.n - n - 1));
    } else {
        is_fine = refuse_empty(c, 400);
    }
    lv_buffer_free(&credentials);
    return is_fine;
}

/* Returns what follows the scheme's name and a space, or a slice without bytes. */
static struct slice after_scheme(struct slice header, const char *scheme)
{
    size_t n = strlen(scheme);
    if (header.n <= n || strncasecmp((const char *)header.p, scheme, n) != 0 || header.p[n] != ' ')
        return SLICE_EMPTY;
    return slice_of(header.p + n + 1, header.n - n - 1);
}

bool api_log_in(struct api_call *c)
{
    struct slice header = http_header(c->http, "authorization");
    struct slice basic = after_scheme(header, "basic"), bearer = after_scheme(header, "bearer");
    if (basic.n > 0)
        return log_in_basic(c, basic);
    if (bearer.n > 0)
        return api_log_in_as(c, SLICE_EMPTY, bearer);
    struct slice in_query = c->route->may_log_in_by_query ? api_query(c, "auth") : SLICE_EMPTY;
    if (header.n == 0 && in_query.n > 0)
        return log_in_basic(c, in_query);
    return refuse_empty(c, 401);
}

/* Whether the actor may see what is in the vhost of the path. That a vhost does not exist is for the
 * handler to say. */
static bool check_content(struct api_call *c, struct manage_error *error)
{
    struct slice vhost = api_part(c, "vhost");
    return actor_check_content(&c->actor, vhost, error) ||
           !vhost_find(&c->manage->broker->topology, vhost);
}

bool api_check_access(struct api_call *c)
{
    static const enum actor_rank ranks[] = {
        [API_PUBLIC] = ACTOR_MANAGEMENT,       [API_MANAGEMENT] = ACTOR_MANAGEMENT,
        [API_VHOST] = ACTOR_MANAGEMENT,        [API_MONITORING] = ACTOR_MONITORING,
        [API_POLICYMAKER] = ACTOR_POLICYMAKER, [API_ADMINISTRATOR] = ACTOR_ADMINISTRATOR,
    };
    struct manage_error error = {0};
    enum api_access access = c->route->access;
    bool has_vhost = strstr(c->route->path, "{vhost}") != NULL;
    bool shows_vhost = has_vhost && access == API_VHOST;
    bool may = actor_check_rank(&c->actor, ACTOR_MANAGEMENT, &error);
    if (!may)
        api_refuse(c, 401, "not_authorised", "Not management user");
    else if (!(may = actor_check_rank(&c->actor, ranks[access], &error)))
        api_refuse(c, 401, "not_authorised", "%s",
                   access == API_ADMINISTRATOR ? "Not administrator user"
                   : access == API_MONITORING  ? "Not monitor user"
                                               : "User not authorised to access object");
    else if ((shows_vhost && !(may = check_content(c, &error))) ||
             (has_vhost && access == API_POLICYMAKER &&
              !(may = actor_check_vhost(&c->actor, ranks[access], api_part(c, "vhost"), &error))))
        api_refuse(c, 401, "not_authorised", "User not authorised to access %s",
                   access == API_VHOST ? "virtual host" : "object");
    manage_error_free(&error);
    return may;
}
