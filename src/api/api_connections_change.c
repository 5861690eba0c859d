/* Closing connections; changing their channels. */
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

/* --- channels --------------------------------------------------------------------------------- */

static void end_change(struct api_call *c, bool is_done, struct manage_error *error)
{
    if (is_done)
        api_done(c, 204);
    else if (error->refusal == REFUSAL_ACCESS)
        api_refuse(c, 401, "not_authorised", "User not authorised to access object");
    else
        api_refuse_as(c, error);
    manage_error_free(error);
}

static void change_channel(struct api_call *c)
{
    struct manage_error error = {0};
    int64_t prefetch = api_integer(c, "prefetch", 0);
    if (prefetch < 0 || prefetch > UINT16_MAX)
        api_refuse(c, 400, "bad_request", "prefetch: expected a number from 0 to 65535, got %lld",
                   (long long)prefetch);
    else
        end_change(c,
                   manage_set_prefetch(c->manage, &c->actor, api_part(c, "name"),
                                       (uint32_t)prefetch, &error),
                   &error);
}

/* Reads a channel's number. Returns false if it is none. */
static bool read_channel(struct slice text, uint16_t *ret)
{
    uint32_t n = 0;
    bool is_number = text.n > 0 && text.n <= 5;
    for (size_t i = 0; i < text.n && is_number; i++) {
        is_number = text.p[i] >= '0' && text.p[i] <= '9';
        n = n * 10 + (text.p[i] - '0');
    }
    *ret = (uint16_t)n;
    return is_number && n <= UINT16_MAX;
}

static void cancel_consumer(struct api_call *c)
{
    struct manage_error error = {0};
    struct consumer_place place = {.vhost = api_part(c, "vhost"),
                                   .connection = api_part(c, "connection"),
                                   .tag = api_part(c, "tag")};
    if (!read_channel(api_part(c, "channel"), &place.channel))
        api_refuse_not_found(c);
    else
        end_change(c, manage_cancel_consumer(c->manage, &c->actor, &place, &error), &error);
}

const struct api_route api_connection_change_routes[] = {
    {"DELETE", "/connections/{name}", API_MANAGEMENT, close_connection,
     "Closes a connection; also succeeds if it has ended. The header `X-Reason` is what its client "
     "is told. Who is not an administrator may close connections of their own."},
    {"DELETE", "/connections/username/{user}", API_MANAGEMENT, close_connections_of_user,
     "Closes the connections of a user."},
    {"PUT", "/channels/{name}", API_MANAGEMENT, change_channel,
     "Sets the prefetch of a channel and of its consumers that acknowledge; 0: no limit. Not in "
     "RabbitMQ, like the next one.",
     .body = "prefetch:integer!"},
    {"DELETE", "/consumers/{vhost}/{connection}/{channel}/{tag}", API_MANAGEMENT, cancel_consumer,
     "Cancels a consumer, by the name of its connection and the number of its channel. Its client "
     "gets basic.cancel; what it holds stays with it."},
    {NULL},
};
