/* Changes of exchanges. */
#include "api/api_private.h"
#include "manage/exchanges.h"
#include "wire/wire.h"

static bool check_name(struct api_call *c, struct slice name)
{
    if (name.n <= SHORTSTR_BYTES_MAX)
        return true;
    api_refuse(c, 400, "bad_request", "exchange should be less than 255 bytes, actually was %zu",
               name.n);
    return false;
}

static void declare_exchange(struct api_call *c)
{
    struct lv_buffer arguments = {0};
    struct manage_error error = {0};
    bool is_new = false;
    struct slice name = api_exchange_part(c, "name");
    struct slice type = api_string(c, "type");
    if (check_name(c, name) && api_table(c, "arguments", &arguments)) {
        const struct exchange_declaration d = {
            .name = name,
            .type = api_member(c, "type") ? type : slice_str("direct"),
            .durable = api_bool(c, "durable", false),
            .auto_delete = api_bool(c, "auto_delete", false),
            .internal = api_bool(c, "internal", false),
            .arguments = lv_buffer_slice(&arguments),
        };
        if (manage_declare_exchange(c->manage, &c->actor, api_part(c, "vhost"), &d, &is_new,
                                    &error))
            api_done(c, is_new ? 201 : 204);
        else
            api_refuse_change(c, &error);
    }
    lv_buffer_free(&arguments);
}

static void delete_exchange(struct api_call *c)
{
    struct manage_error error = {0};
    api_end_of_existing(c,
                        manage_delete_exchange(c->manage, &c->actor, api_part(c, "vhost"),
                                               api_exchange_part(c, "name"),
                                               api_query_flag(c, "if-unused"), &error),
                        &error);
}

const struct api_route api_exchange_change_routes[] = {
    {"PUT", "/exchanges/{vhost}/{name}", API_VHOST, declare_exchange,
     "Declares an exchange: 201 if it is new, 204 if an equivalent one exists.",
     .body = "type:string durable:boolean auto_delete:boolean internal:boolean arguments:object"},
    {"DELETE", "/exchanges/{vhost}/{name}", API_VHOST, delete_exchange,
     "Deletes an exchange; with `if-unused=true` only if it has no bindings."},
    {NULL},
};
