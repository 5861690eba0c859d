/* Logging in by a form, and how many logins were tried. */
#include "api/admin.h"
#include "api/admin_fields.h"
#include "manage/login_attempts.h"

#define F struct login_attempts_facts
#define COLUMN_OF(field) attempts_field_##field
API_ATTEMPTS_FIELDS(FIELD_VALUE)
static const struct column attempts_fields[] = {API_ATTEMPTS_FIELDS(FIELD_ROW) COLUMNS_END};
#undef COLUMN_OF

#define COLUMN_OF(field) source_field_##field
API_SOURCE_FIELDS(FIELD_VALUE)
static const struct column source_fields[] = {API_SOURCE_FIELDS(FIELD_ROW) COLUMNS_END};

static void write_member(struct api_call *c, const char *name, const char *text)
{
    if (!text)
        return;
    json_write_key(&c->json, name);
    json_write_text(&c->json, text);
}

static void write_provider(struct api_call *c, const struct api_oauth *oauth)
{
    write_member(c, "oauth_client_id", oauth->client_id);
    write_member(c, "oauth_provider_url", oauth->provider_url);
    write_member(c, "oauth_metadata_url", oauth->metadata_url);
    write_member(c, "oauth_token_url", oauth->token_url);
    write_member(c, "oauth_scopes", oauth->scopes);
    json_write_key(&c->json, "oauth_disable_basic_auth");
    json_write_bool(&c->json, c->api->settings.disables_basic);
}

/* What is said of UAA is for older versions of RabbitMQ's page. */
static void show_settings(struct api_call *c)
{
    const struct api_oauth *oauth = &c->api->settings.oauth;
    json_write_begin(&c->json, '{');
    json_write_key(&c->json, "enable_uaa");
    json_write_bool(&c->json, false);
    json_write_key(&c->json, "uaa_client_id");
    json_write_text(&c->json, "");
    json_write_key(&c->json, "uaa_location");
    json_write_text(&c->json, "");
    json_write_key(&c->json, "oauth_enabled");
    json_write_bool(&c->json, oauth->client_id != NULL);
    if (oauth->client_id)
        write_provider(c, oauth);
    json_write_end(&c->json, '}');
}

static bool is_this_node(struct api_call *c)
{
    if (slice_is(api_part(c, "node"), c->manage->node_name))
        return true;
    api_refuse_not_found(c);
    return false;
}

static void list(struct api_call *c, bool by_source, const struct column *fields)
{
    struct listing l = {0};
    struct manage_error error = {0};
    if (!is_this_node(c))
        return;
    bool is_done = manage_list_login_attempts(c->manage, &c->actor, by_source, &l, &error);
    l.columns = fields;
    api_answer_listing(c, is_done, &l, &error);
}

static void list_attempts(struct api_call *c)
{
    list(c, false, attempts_fields);
}

static void list_attempts_by_source(struct api_call *c)
{
    list(c, true, source_fields);
}

static void forget_attempts(struct api_call *c)
{
    struct manage_error error = {0};
    if (is_this_node(c))
        api_end(c, manage_forget_login_attempts(c->manage, &c->actor, &error), false, &error);
}

const struct api_route api_login_routes[] = {
    {"GET", "/auth", API_PUBLIC, show_settings,
     "Shows at which provider of tokens users of a page log in, if there is one."},
    {"POST", "/login", API_PUBLIC, api_log_in_by_form,
     "Logs a browser in: takes a form with username and password, or with a token, and sets a "
     "cookie that stands for them until the login ends. Scripts cannot read it, and other sites "
     "cannot use it."},
    {"DELETE", "/login", API_PUBLIC, api_log_out, "Takes the cookie away."},
    {"GET", "/auth/attempts/{node}", API_MONITORING, list_attempts,
     "Lists how many logins were tried, by protocol.", .answer = attempts_fields, .is_list = true},
    {"DELETE", "/auth/attempts/{node}", API_ADMINISTRATOR, forget_attempts,
     "Counts login attempts from 0 again."},
    {"GET", "/auth/attempts/{node}/source", API_MONITORING, list_attempts_by_source,
     "Lists how many logins were tried, by address, user and protocol, if "
     "track_auth_attempt_source is on.",
     .answer = source_fields, .is_list = true},
    {"DELETE", "/auth/attempts/{node}/source", API_ADMINISTRATOR, forget_attempts,
     "Counts login attempts from 0 again."},
    {NULL},
};
