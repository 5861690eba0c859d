/* Commands about connections, channels and consumers. */
#include <stdio.h>
#include <string.h>

#include "control/control_private.h"
#include "manage/connections.h"

typedef bool list_fn(struct manage *m, const struct actor *actor, const struct slice *vhost,
                     struct listing *ret, struct manage_error *error);

static void rows_list(struct request *r, const struct column *all, list_fn *fn,
                      const struct slice *vhost)
{
    struct columns columns;
    struct listing listing;
    struct manage_error error = {0};
    if (!columns_choose(r, all, &columns))
        return;
    bool is_done = fn(r->manage, &actor_cli, vhost, &listing, &error);
    request_listing(r, is_done, &columns, &listing, &error);
}

static void run_list_connections(struct request *r)
{
    rows_list(r, connection_columns, manage_list_connections, NULL);
}

static void run_list_channels(struct request *r)
{
    rows_list(r, channel_columns, manage_list_channels, NULL);
}

static void run_list_consumers(struct request *r)
{
    struct slice vhost = request_string(r, "vhost");
    rows_list(r, consumer_columns, manage_list_consumers, &vhost);
}

/* --- closing ---------------------------------------------------------------------------------- */

/* Parses "<node.1.ID.CHANNEL>" as json_of_value() writes it; the node's name may contain dots. */
static bool parse_pid(struct slice text, uint64_t *ret_id)
{
    char copy[512];
    unsigned long long id, channel;
    int end = -1;
    if (text.n < 2 || text.n >= sizeof copy || text.p[0] != '<')
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    char *from = copy + text.n;
    for (unsigned dots = 0; dots < 3; dots++) {
        do {
            if (--from <= copy)
                return false;
        } while (*from != '.');
    }
    if (sscanf(from, ".%*u.%llu.%llu>%n", &id, &channel, &end) != 2 || end < 0 || from[end] != '\0')
        return false;
    *ret_id = id;
    return true;
}

static void run_close_connection(struct request *r)
{
    struct slice pid = request_string(r, "pid");
    const char *reason = (const char *)request_string(r, "reason").p;
    struct manage_error error = {0};
    uint64_t id;
    bool was_there = false;
    if (!parse_pid(pid, &id)) {
        request_refuse(r, "invalid_pid", "\"%.*s\" is not the pid of a connection", SLICE_ARG(pid));
        return;
    }
    bool is_done = manage_close_connection(r->manage, &actor_cli, id, reason, &was_there, &error);
    request_end_with(r, is_done, json_pack("{s:i}", "closed", was_there), &error);
}

static void run_close_all_connections(struct request *r)
{
    const char *reason = (const char *)request_string(r, "reason").p;
    struct manage_error error = {0};
    uint64_t closed = 0;
    bool is_done = manage_close_connections(r->manage, &actor_cli, request_string(r, "vhost"),
                                            request_string(r, "user"), reason, &closed, &error);
    request_end_with(r, is_done, json_pack("{s:I}", "closed", (json_int_t)closed), &error);
}

const struct control_command control_connection_commands[] = {
    {"list_connections", run_list_connections, ""},
    {"list_channels", run_list_channels, ""},
    {"list_consumers", run_list_consumers, "vhost"},
    {"close_connection", run_close_connection, "pid reason"},
    {"close_all_connections", run_close_all_connections, "reason [vhost] [user]"},
    {NULL, NULL, NULL},
};
