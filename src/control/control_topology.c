/* Commands about exchanges and bindings. */
#include "control/control_private.h"
#include "manage/exchanges.h"

static void run_list_exchanges(struct request *r)
{
    struct columns columns;
    struct listing listing;
    struct manage_error error = {0};
    if (!columns_choose(r, exchange_columns, &columns))
        return;
    bool counts = columns_have(&columns, "messages_delayed");
    bool is_done = (!counts || manage_end(&error, manage_await_messages(r->manage))) &&
                   manage_list_exchanges(r->manage, &actor_cli, request_string(r, "vhost"), counts,
                                         &listing, &error);
    request_listing(r, is_done, &columns, &listing, &error);
}

static void run_list_bindings(struct request *r)
{
    struct columns columns;
    struct listing listing;
    struct manage_error error = {0};
    if (!columns_choose(r, binding_columns, &columns))
        return;
    bool is_done =
        manage_list_bindings(r->manage, &actor_cli, request_string(r, "vhost"), &listing, &error);
    request_listing(r, is_done, &columns, &listing, &error);
}

const struct control_command control_topology_commands[] = {
    {"list_exchanges", run_list_exchanges, "vhost"},
    {"list_bindings", run_list_bindings, "vhost"},
    {NULL, NULL, NULL},
};
