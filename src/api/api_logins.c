/* Logging in, and how often it was tried. */
#include <string.h>

#include "api/api_private.h"
#include "base/counters.h"

/* --- login ------------------------------------------------------------------------------------ */

/* Appends a field of a form, "username=guest&password=guest", decoded. Returns false if there is
 * none, or it is malformed. */
static bool form_field(struct slice form, const char *name, struct lv_buffer *out)
{
    size_t length = strlen(name);
    while (form.n > 0) {
        const uint8_t *end = memchr(form.p, '&', form.n);
        size_t n = end ? (size_t)(end - form.p) : form.n;
        if (n > length && form.p[length] == '=' && memcmp(form.p, name, length) == 0)
            return http_decode(out, slice_of(form.p + length + 1, n - length - 1), true) == 0;
        n += end != NULL;
        form = slice_of(form.p + n, form.n - n);
    }
    return false;
}

/* Checks the user and the password of a form, as the management UI sends it. */
static void log_in(struct api_call *c)
{
    struct lv_buffer user = {0}, password = {0};
    struct slice form = http_body(c->http);
    if (!form_field(form, "username", &user) || !form_field(form, "password", &password))
        api_refuse(c, 400, "bad_request", "expected a form with username and password");
    else if (api_log_in_as(c, lv_buffer_slice(&user), lv_buffer_slice(&password)) &&
             api_check_access(c))
        json_write_text(&c->json, "ok");
    lv_buffer_free(&user);
    lv_buffer_free(&password);
}

/* What the management UI asks before anybody has logged in. */
static void show_login_settings(struct api_call *c)
{
    json_write_tree(&c->json,
                    json_pack("{s:b, s:b, s:s, s:s}", "enable_uaa", false, "oauth_enabled", false,
                              "uaa_client_id", "", "uaa_location", ""));
}

/* --- attempts --------------------------------------------------------------------------------- */

/* Of clients of AMQP, since the start. */
static struct api_attempts attempts_of_clients(void)
{
    struct counters all;
    counters_read(&all);
    return (struct api_attempts){all.logins_accepted, all.logins_refused};
}

static void write_attempts(struct json_writer *w, const char *protocol, uint64_t accepted,
                           uint64_t refused)
{
    json_write_begin(w, '{');
    json_write_key(w, "auth_attempts");
    json_write_u64(w, accepted + refused);
    json_write_key(w, "auth_attempts_failed");
    json_write_u64(w, refused);
    json_write_key(w, "auth_attempts_succeeded");
    json_write_u64(w, accepted);
    json_write_key(w, "protocol");
    json_write_text(w, protocol);
    json_write_end(w, '}');
}

/* Returns false after answering 404, if the path names another node. */
static bool is_this_node(struct api_call *c)
{
    bool is_this = slice_is(api_part(c, "node"), c->manage->node_name);
    if (!is_this)
        api_refuse_not_found(c);
    return is_this;
}

static void list_attempts(struct api_call *c)
{
    struct api_logins *logins = &c->api->logins;
    struct api_attempts clients = attempts_of_clients();
    if (!is_this_node(c))
        return;
    json_write_begin(&c->json, '[');
    write_attempts(&c->json, "amqp091", clients.accepted - logins->clients_before.accepted,
                   clients.refused - logins->clients_before.refused);
    write_attempts(&c->json, "http", logins->http.accepted, logins->http.refused);
    json_write_end(&c->json, ']');
}

static void reset_attempts(struct api_call *c)
{
    struct api_logins *logins = &c->api->logins;
    struct api_attempts clients = attempts_of_clients();
    if (!is_this_node(c))
        return;
    logins->clients_before.accepted = clients.accepted;
    logins->clients_before.refused = clients.refused;
    logins->http.accepted = 0;
    logins->http.refused = 0;
    api_done(c, 204);
}

const struct api_route api_login_routes[] = {
    {"GET", "/auth", API_PUBLIC, show_login_settings, "Shows how users log in to a page."},
    {"GET", "/auth/attempts/{node}", API_MONITORING, list_attempts,
     "Shows how often users and clients have logged in, and how often in vain."},
    {"DELETE", "/auth/attempts/{node}", API_ADMINISTRATOR, reset_attempts,
     "Begins to count attempts to log in anew."},
    {"POST", "/login", API_PUBLIC, log_in,
     "Checks the username and password of a form (application/x-www-form-urlencoded)."},
    {NULL},
};
