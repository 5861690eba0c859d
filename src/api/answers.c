/* The answers that handlers have in common. */
#include "api/api_private.h"
#include "manage/compute_slots.h"

bool api_flush(struct api_call *c)
{
    if (http_out(c->http)->n < 64 * 1024)
        return !http_is_cut(c->http);
    bool had_slot = compute_slot_pause();
    bool is_there = http_flush(c->http, false);
    compute_slot_resume(had_slot);
    return is_there;
}

void api_refuse(struct api_call *c, unsigned status, const char *error, const char *format, ...)
{
    struct lv_buffer reason = {0};
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(&reason, format, args);
    va_end(args);
    http_status(c->http, status);
    http_out(c->http)->n = 0;
    c->json.needs_comma = false;
    json_write_begin(&c->json, '{');
    json_write_key(&c->json, "error");
    json_write_text(&c->json, error);
    json_write_key(&c->json, "reason");
    json_write_string(&c->json, lv_buffer_slice(&reason));
    json_write_end(&c->json, '}');
    lv_buffer_free(&reason);
}

void api_refuse_not_found(struct api_call *c)
{
    api_refuse(c, 404, "Object Not Found", "Not Found");
}

void api_refuse_empty(struct api_call *c, unsigned status)
{
    http_out(c->http)->n = 0;
    http_set_header(c->http, "content-type", SLICE_EMPTY);
    http_status(c->http, status);
}

void api_refuse_as(struct api_call *c, struct manage_error *error)
{
    struct slice text = lv_buffer_slice(&error->text);
    switch (error->refusal) {
    case REFUSAL_NOT_FOUND: api_refuse_not_found(c); break;
    case REFUSAL_ACCESS: api_refuse(c, 401, "not_authorised", "%.*s", SLICE_ARG(text)); break;
    case REFUSAL_INTERNAL: api_refuse(c, 500, "internal_error", "%.*s", SLICE_ARG(text)); break;
    default: api_refuse(c, 400, "bad_request", "%.*s", SLICE_ARG(text)); break;
    }
    manage_error_free(error);
}

void api_done(struct api_call *c, unsigned status)
{
    api_refuse_empty(c, status);
}

void api_end(struct api_call *c, bool is_done, bool is_new, struct manage_error *error)
{
    if (!is_done)
        api_refuse_as(c, error);
    else
        api_done(c, is_new ? 201 : 204);
}
