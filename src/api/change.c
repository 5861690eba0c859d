/* What changes of queues, exchanges and bindings share. */
#include "api/api_private.h"
#include "topology/vhost.h"
#include "wire/erlang_json.h"
#include "wire/table_json.h"

bool api_may_change_operator_policies(struct api_call *c)
{
    if (!c->api->settings.keeps_operator_policies)
        return true;
    http_set_header(c->http, "allow", slice_str("HEAD, GET, OPTIONS"));
    api_refuse_empty(c, 405);
    return false;
}

void api_refuse_change(struct api_call *c, struct manage_error *error)
{
    struct slice text = lv_buffer_slice(&error->text);
    switch (error->refusal) {
    case REFUSAL_NOT_FOUND:
        if (error->subject == SUBJECT_VHOST)
            text = slice_str("vhost_not_found");
        api_refuse(c, 404, "not_found", "%.*s", SLICE_ARG(text));
        manage_error_free(error);
        break;
    case REFUSAL_ACCESS:
    case REFUSAL_RESERVED:
        api_refuse(c, 401, "not_authorised", "Access refused.");
        manage_error_free(error);
        break;
    default: api_refuse_as(c, error); break;
    }
}

void api_end_of_existing(struct api_call *c, bool is_done, struct manage_error *error)
{
    if (is_done) {
        api_done(c, 204);
    } else if (!vhost_find(&c->manage->broker->topology, api_part(c, "vhost"))) {
        api_refuse_not_found(c);
        manage_error_free(error);
    } else if (error->refusal == REFUSAL_NOT_FOUND) {
        api_refuse_as(c, error);
    } else {
        api_refuse_change(c, error);
    }
}

/* Returns whether a null is in the value. */
static bool has_null(const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        if (has_null(member))
            return true;
    }
    json_array_foreach(value, i, member)
    {
        if (has_null(member))
            return true;
    }
    return json_is_null(value);
}

bool api_table_of(struct api_call *c, const char *name, const json_t *value, struct lv_buffer *out)
{
    if (has_null(value))
        api_refuse(c, 400, "bad_request", "null_not_allowed");
    else if (json_is_empty_list(value))
        return true;
    else if (!json_is_object(value))
        api_refuse(c, 400, "bad_request", "%s: expected object", name);
    else if (table_from_json(out, value) < 0)
        api_refuse(c, 400, "bad_request", "%s: nested too deep, or a name is too long", name);
    else
        return true;
    return false;
}

bool api_table(struct api_call *c, const char *name, struct lv_buffer *out)
{
    const json_t *value = api_member(c, name);
    return !value || api_table_of(c, name, value, out);
}

struct slice api_exchange_part(const struct api_call *c, const char *name)
{
    struct slice part = api_part(c, name);
    return slice_is(part, "amq.default") ? SLICE_EMPTY : part;
}
