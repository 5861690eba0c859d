/* Who asks, and whether they may.
 *
 * Credentials are those of the header "authorization": Basic, or a Bearer token, which is a
 * password without a user. In their place a browser has the cookie that POST /login has set
 * (cookie.h), and a download of definitions may have them in its URL (?auth=), as in RabbitMQ. All
 * of them end in the same login, which counts as an attempt by "http". */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "api/api_private.h"
#include "api/base64.h"
#include "api/cookie.h"
#include "auth/attempts.h"
#include "auth/login.h"
#include "base/log.h"
#include "base/memory.h"
#include "manage/compute_slots.h"
#include "topology/vhost.h"

#define COOKIE_NAME "auth"

/* --- refusals --------------------------------------------------------------------------------- */

/* Returns whether a page's script asks, as far as it tells: by the header x-requested-with, or by
 * an EventSource, which cannot have one. */
static bool is_of_script(const struct api_call *c)
{
    return http_header(c->http, "x-requested-with").n > 0 ||
           slice_is(http_header(c->http, "accept"), "text/event-stream");
}

/* On a challenge of this kind a browser shows a dialog of its own, also to a page that has a form
 * for logging in: it is not sent to scripts. */
static void ask_for_credentials(struct api_call *c)
{
    if (is_of_script(c))
        return;
    http_add_header(c->http, "www-authenticate", slice_str("Basic realm=\"RabbitMQ Management\""));
}

static bool refuse_login(struct api_call *c)
{
    ask_for_credentials(c);
    api_refuse(c, 401, "not_authorized", "Login failed");
    return false;
}

/* Answers a request without credentials, without a body. */
static bool refuse_nobody(struct api_call *c)
{
    ask_for_credentials(c);
    api_refuse_empty(c, 401);
    return false;
}

/* Answers credentials that make no sense. */
static bool refuse_malformed(struct api_call *c)
{
    api_refuse_empty(c, 400);
    return false;
}

/* --- a login ---------------------------------------------------------------------------------- */

static void count_attempt(struct api_call *c, struct slice user, bool is_accepted)
{
    const struct auth_attempts_row attempt = {
        .protocol = "http",
        .address = slice_str(http_request_peer(c->http)->address),
        .user = user,
        .accepted = is_accepted,
        .refused = !is_accepted,
    };
    auth_count_attempt(c->manage->auth, &attempt);
}

/* Checks user and password, which may be a token. Returns false after refusing. */
static bool log_in(struct api_call *c, struct slice user, struct slice password)
{
    const struct http_peer *peer = http_request_peer(c->http);
    const struct auth_credentials credentials = {
        .user = user,
        .password = password,
        .has_password = true,
        .peer_address = slice_str(peer->address),
    };
    struct lv_buffer reason = {0};
    http_set_user(c->http, user);
    bool had_slot = compute_slot_pause();
    bool is_in =
        auth_login_with(c->manage->auth, &credentials, peer->is_loopback, &c->identity, &reason);
    compute_slot_resume(had_slot);
    count_attempt(c, is_in ? auth_identity_name(c->identity) : user, is_in);
    if (is_in) {
        c->actor = (struct actor){auth_identity_name(c->identity), c->identity};
        http_set_user(c->http, c->actor.name); /* a token has named nobody before */
    } else {
        log_warning("HTTP access denied to %s: %.*s", peer->address,
                    SLICE_ARG(lv_buffer_slice(&reason)));
    }
    lv_buffer_free(&reason);
    return is_in || refuse_login(c);
}

/* Refuses passwords if only tokens are to be used. */
static bool passwords_are_allowed(struct api_call *c)
{
    if (!c->api->settings.disables_basic)
        return true;
    api_refuse(c, 401, "not_authorised", "HTTP access denied: basic auth disabled");
    return false;
}

/* --- Basic ------------------------------------------------------------------------------------ */

static bool log_in_basic(struct api_call *c, struct slice text)
{
    struct lv_buffer credentials = {0};
    const uint8_t *colon = NULL;
    if (!passwords_are_allowed(c))
        return false;
    if (base64_decode(text, &credentials) && credentials.n > 0)
        colon = memchr(credentials.p, ':', credentials.n);
    bool is_fine;
    if (colon) {
        size_t n = (size_t)(colon - credentials.p);
        is_fine = log_in(c, slice_of(credentials.p, n), slice_of(colon + 1, credentials.n - n - 1));
    } else {
        is_fine = refuse_malformed(c);
    }
    password_wipe(lv_buffer_slice(&credentials));
    lv_buffer_free(&credentials);
    return is_fine;
}

/* Finds out whether the header is of this scheme; *ret is what follows the scheme's name. */
static bool has_scheme(struct slice header, const char *scheme, struct slice *ret)
{
    size_t n = strlen(scheme);
    if (header.n < n || strncasecmp((const char *)header.p, scheme, n) != 0 ||
        (header.n > n && header.p[n] != ' '))
        return false;
    while (n < header.n && header.p[n] == ' ')
        n++;
    while (header.n > n && header.p[header.n - 1] == ' ')
        header.n--;
    *ret = slice_of(header.p + n, header.n - n);
    return true;
}

/* --- the cookie ------------------------------------------------------------------------------- */

static uint64_t now_s(void)
{
    return (uint64_t)time(NULL);
}

/* Logs in by a cookie. A cookie that has ended, or is not ours, is as none. */
static bool log_in_by_cookie(struct api_call *c, struct slice value)
{
    struct lv_buffer space = {0};
    struct cookie_content content = {0};
    bool is_valid =
        cookie_open(c->api->cookie_key, value, &space, &content) && content.ends_at_s > now_s();
    bool is_token = content.user.n == 0;
    bool is_in = !is_valid ? refuse_nobody(c)
                           : (is_token || passwords_are_allowed(c)) &&
                                 log_in(c, content.user, content.password);
    password_wipe(lv_buffer_slice(&space));
    lv_buffer_free(&space);
    return is_in;
}

/* Returns whether the browser's connection is over TLS, perhaps to a proxy. */
static bool is_over_tls(struct api_call *c)
{
    return http_request_peer(c->http)->is_tls ||
           slice_is(http_header(c->http, "x-forwarded-proto"), "https");
}

/* Scripts cannot read the cookie, and pages of other sites cannot have it sent. */
static void set_cookie(struct api_call *c, struct slice value, uint64_t seconds)
{
    struct lv_buffer header = {0};
    lv_buffer_printf(
        &header, COOKIE_NAME "=%.*s; Path=/; Max-Age=%llu; HttpOnly; SameSite=Strict%s",
        SLICE_ARG(value), (unsigned long long)seconds, is_over_tls(c) ? "; Secure" : "");
    http_add_header(c->http, "set-cookie", lv_buffer_slice(&header));
    lv_buffer_free(&header);
}

/* --- the form --------------------------------------------------------------------------------- */

/* Appends the value of a field of the form, "username=a&password=b". Returns false if there is
 * none, or it is malformed. */
static bool form_field(struct slice form, const char *name, struct lv_buffer *out)
{
    size_t n = strlen(name);
    while (form.n > 0) {
        const uint8_t *end = memchr(form.p, '&', form.n);
        size_t one = end ? (size_t)(end - form.p) : form.n;
        if (one > n && memcmp(form.p, name, n) == 0 && form.p[n] == '=')
            return http_decode(out, slice_of(form.p + n + 1, one - n - 1), true) == 0;
        one += end != NULL;
        form = slice_of(form.p + one, form.n - one);
    }
    return false;
}

/* Browsers drop a cookie of more than 4096 bytes, its name and attributes included. */
enum { COOKIE_VALUE_MAX = 3900 };

static void answer_cookie(struct api_call *c, struct slice user, struct slice password)
{
    uint64_t seconds = (uint64_t)c->api->settings.session_minutes * 60;
    const struct cookie_content content = {user, password, now_s() + seconds};
    struct lv_buffer value = {0};
    if (!cookie_seal(c->api->cookie_key, &content, &value)) {
        api_refuse(c, 500, "internal_error", "the cookie cannot be made");
    } else if (value.n > (size_t)COOKIE_VALUE_MAX) {
        api_refuse(c, 400, "bad_request",
                   "the %s is too long: it makes a cookie of %zu bytes, and browsers keep %d",
                   user.n > 0 ? "password" : "token", value.n, COOKIE_VALUE_MAX);
    } else {
        set_cookie(c, lv_buffer_slice(&value), seconds);
        json_write_text(&c->json, "ok");
    }
    lv_buffer_free(&value);
}

static void log_in_by_token(struct api_call *c, struct slice token)
{
    if (token.n == 0)
        refuse_malformed(c);
    else if (log_in(c, SLICE_EMPTY, token) && api_check_access(c))
        answer_cookie(c, SLICE_EMPTY, token);
}

void api_log_in_by_form(struct api_call *c)
{
    static const char *const types[] = {"application/x-www-form-urlencoded", NULL};
    struct lv_buffer user = {0}, password = {0};
    struct slice form = http_body(c->http);
    if (!http_list_has(http_header(c->http, "content-type"), types))
        api_refuse_empty(c, 415);
    else if (form_field(form, "token", &password))
        log_in_by_token(c, lv_buffer_slice(&password));
    else if (!form_field(form, "username", &user) || !form_field(form, "password", &password))
        refuse_malformed(c);
    else if (passwords_are_allowed(c) &&
             log_in(c, lv_buffer_slice(&user), lv_buffer_slice(&password)) && api_check_access(c))
        answer_cookie(c, lv_buffer_slice(&user), lv_buffer_slice(&password));
    password_wipe(lv_buffer_slice(&password));
    lv_buffer_free(&password);
    lv_buffer_free(&user);
}

void api_log_out(struct api_call *c)
{
    set_cookie(c, SLICE_EMPTY, 0);
    api_done(c, 204);
}

/* --- who asks --------------------------------------------------------------------------------- */

bool api_log_in(struct api_call *c)
{
    struct slice header = http_header(c->http, "authorization"), text;
    if (has_scheme(header, "basic", &text))
        return log_in_basic(c, text);
    if (has_scheme(header, "bearer", &text))
        return text.n > 0 ? log_in(c, SLICE_EMPTY, text) : refuse_malformed(c);
    if (header.n > 0)
        return refuse_nobody(c);
    if (c->route->may_log_in_by_query && (text = api_query(c, "auth")).n > 0)
        return log_in_basic(c, text);
    if ((text = cookie_find(http_header(c->http, "cookie"), COOKIE_NAME)).n > 0)
        return log_in_by_cookie(c, text);
    return refuse_nobody(c);
}

bool api_lets_monitor_in(void *arg, struct http_request *request)
{
    struct api *api = arg;
    static const struct api_route route = {.path = "", .access = API_MONITORING};
    struct api_call c = {.api = api,
                         .manage = api->manage,
                         .http = request,
                         .route = &route,
                         .json = {.out = http_out(request)}};
    http_set_header(request, "content-type", slice_str("application/json"));
    bool is_in = api_log_in(&c) && api_check_access(&c);
    if (is_in)
        http_set_header(request, "content-type", SLICE_EMPTY);
    compute_slot_give();
    auth_identity_unref(&c.identity);
    return is_in;
}

/* Whether the actor may see what is in the vhost of the path, or set policies there. That a vhost
 * does not exist is for the handler to say. */
static bool check_vhost(struct api_call *c, struct manage_error *error)
{
    struct slice vhost = api_part(c, "vhost");
    bool may = c->route->access == API_POLICYMAKER
                   ? actor_check_vhost(&c->actor, ACTOR_POLICYMAKER, vhost, error)
                   : actor_check_content(&c->actor, vhost, error);
    return may || !vhost_find(&c->manage->broker->topology, vhost);
}

/* Whether nothing of what the path names exists, since its vhost does not. The other changes are
 * refused by their handlers, in other words; manage/ would say what it says of a forbidden
 * vhost. */
static bool is_nowhere(const struct api_call *c)
{
    const struct api_route *route = c->route;
    bool is_read = strcmp(route->method, "GET") == 0;
    bool is_undone = route->access == API_POLICYMAKER && strcmp(route->method, "DELETE") == 0;
    return route->access != API_ADMINISTRATOR && (is_read || is_undone) &&
           !vhost_find(&c->manage->broker->topology, api_part(c, "vhost"));
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
    struct slice vhost;
    bool has_vhost = api_find_part(c, "vhost", &vhost);
    bool is_of_vhost = has_vhost && (access == API_VHOST || access == API_POLICYMAKER);
    bool may = actor_check_rank(&c->actor, ACTOR_MANAGEMENT, &error);
    if (!may)
        api_refuse(c, 401, "not_authorised", "Not management user");
    else if (!(may = actor_check_rank(&c->actor, ranks[access], &error)))
        api_refuse(c, 401, "not_authorised", "%s",
                   access == API_ADMINISTRATOR ? "Not administrator user"
                   : access == API_MONITORING  ? "Not monitor user"
                                               : "User not authorised to access object");
    else if (is_of_vhost && !(may = check_vhost(c, &error)))
        api_refuse(c, 401, "not_authorised", "User not authorised to access %s",
                   access == API_VHOST ? "virtual host" : "object");
    else if (has_vhost && !(may = !is_nowhere(c)))
        api_refuse_not_found(c);
    manage_error_free(&error);
    return may;
}
