/* Closing connections. */
#include <stdlib.h>
#include <string.h>

#include "api/api_private.h"
#include "manage/connections.h"

/* The reason that the clients are told, which the caller frees. */
static char *reason_of(const struct api_call *c)
{
    struct slice reason = http_header(c->http, "x-reason");
    return slice_strdup(reason.n ? reason : slice_str("Closed via management plugin"));
}

/* Whether a connection can have this name. If there is none, it has ended: closing it once more is
 * no mistake. */
static bool is_name(struct slice name)
{
    return memmem(name.p, name.n, " -> ", 4) != NULL;
}

static void close_connection(struct api_call *c)
{
    struct manage_error error = {0};
    char *reason = reason_of(c);
    if (manage_close_connection_named(c->manage, &c->actor, api_part(c, "name"), reason, &error))
        api_done(c, 204);
    else if (error.refusal == REFUSAL_NOT_FOUND && is_name(api_part(c, "name")))
        api_done(c, 204);
    else if (error.refusal == REFUSAL_ACCESS)
        api_refuse(c, 401, "not_authorised", "User not authorised to access object");
    else
        api_refuse_as(c, &error);
    manage_error_free(&error);
    free(reason);
}

static void close_connections_of_user(struct api_call *c)
{
    struct manage_error error = {0};
    char *reason = reason_of(c);
    uint64_t closed;
    if (manage_close_connections(c->manage, &c->actor, SLICE_EMPTY, api_part(c, "user"), reason,
                                 &closed, &error))
        api_done(c, 204);
    else if (error.refusal == REFUSAL_ACCESS)
        api_refuse(c, 401, "not_authorised", "User not authorised to access object");
    else
        api_refuse_as(c, &error);
    manage_error_free(&error);
    free(reason);
}

const struct api_route api_connection_change_routes[] = {
    {"DELETE", "/connections/{name}", API_MANAGEMENT, close_connection,
     "Closes a connection; also succeeds if it has ended. The header `X-Reason` is what its client "
     "is told. Who is not an administrator may close connections of their own."},
    {"DELETE", "/connections/username/{user}", API_MANAGEMENT, close_connections_of_user,
     "Closes the connections of a user."},
    {NULL},
};
