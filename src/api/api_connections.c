/* Connections and channels, and the consumers of channels. */
#include <string.h>

#include "api/fields.h"
#include "api/objects.h"
#include "api/pages.h"
#include "api/sessions.h"
#include "base/clock.h"
#include "topology/vhost.h"
#include "wire/table.h"

/* --- connections ------------------------------------------------------------------------------ */

/* As the API names protocols; leveretctl shows Erlang's tuple, as rabbitmqctl does. */
static const char *protocol_name(const char *protocol)
{
    return strcmp(protocol, "{0,9,1}") == 0 ? "AMQP 0-9-1"
           : strcmp(protocol, "{1,0}") == 0 ? "AMQP 1-0"
                                            : protocol;
}

/* What the client calls its connection. */
static struct slice own_name(const struct connection_facts *f)
{
    struct slice name = SLICE_EMPTY;
    table_find_string(f->client_properties, "connection_name", &name);
    return name;
}

static bool has_own_name(const struct connection_facts *f)
{
    struct slice name;
    return table_find_string(f->client_properties, "connection_name", &name);
}

#define F struct connection_facts
#define COLUMN_OF(field) connection_field_##field
API_CONNECTION_PLAIN_FIELDS(FIELD_VALUE)
API_CONNECTION_STATISTIC_FIELDS(FIELD_VALUE)
static const struct column plain_fields[] = {API_CONNECTION_PLAIN_FIELDS(FIELD_ROW) COLUMNS_END};
static const struct column connection_fields[] = {
    API_CONNECTION_PLAIN_FIELDS(FIELD_ROW) API_CONNECTION_STATISTIC_FIELDS(FIELD_ROW) COLUMNS_END};
#undef F
#undef COLUMN_OF

/* A page finds connections by what their clients call them, too. */
#define CONNECTION_NAMES "name user_provided_name"

static bool connection_statistics(const struct api_call *c, const void *facts,
                                  struct statistics_answer *ret)
{
    const struct connection_facts *f = facts;
    struct statistics *s = c->manage->statistics;
    if (!s || statistics_settings(s)->is_disabled)
        return false;
    statistics_connection(s, f->id, &c->range, ret);
    api_statistic_now(ret, STATISTIC_recv_oct, f->received_bytes);
    api_statistic_now(ret, STATISTIC_send_oct, f->sent_bytes);
    return true;
}

static const struct api_kind plain_kind = {.fields = plain_fields, .names = CONNECTION_NAMES};
static const struct api_kind connection_kind = {connection_fields, connection_statistics,
                                                offsetof(struct connection_facts, statistics),
                                                CONNECTION_NAMES};

/* --- channels --------------------------------------------------------------------------------- */

#define F struct channel_facts
#define COLUMN_OF(field) channel_field_##field
API_CHANNEL_FIELDS(FIELD_VALUE)
static const struct column channel_fields[] = {API_CHANNEL_FIELDS(FIELD_ROW) COLUMNS_END};
#undef F
#undef COLUMN_OF

static bool channel_statistics(const struct api_call *c, const void *facts,
                               struct statistics_answer *ret)
{
    const struct channel_facts *f = facts;
    struct statistics *s = c->manage->statistics;
    if (!s || statistics_settings(s)->is_disabled)
        return false;
    if (!statistics_channel(s, f->connection, f->number, &c->range, ret))
        ret->moved_ms = clock_wall_ms();
    if (!api_counts_messages(c))
        return true;
#define COUNT_NOW(name) api_statistic_now(ret, STATISTIC_##name, f->counts.name);
    CHANNEL_COUNTS(COUNT_NOW)
#undef COUNT_NOW
    api_statistic_end_now(ret);
    return true;
}

static const struct api_kind channel_kind = {channel_fields, channel_statistics,
                                             offsetof(struct channel_facts, statistics),
                                             "name connection_details.user_provided_name"};

/* --- listings --------------------------------------------------------------------------------- */

static int by_vhost_and_name(struct slice vhost1, struct slice name1, struct slice vhost2,
                             struct slice name2)
{
    int order = slice_compare(vhost1, vhost2);
    return order != 0 ? order : slice_compare(name1, name2);
}

static int compare_connections(const void *a, const void *b)
{
    const struct connection_facts *x = *(struct connection_facts *const *)a;
    const struct connection_facts *y = *(struct connection_facts *const *)b;
    return by_vhost_and_name(x->vhost, x->name, y->vhost, y->name);
}

static int compare_channels(const void *a, const void *b)
{
    const struct channel_facts *x = *(struct channel_facts *const *)a;
    const struct channel_facts *y = *(struct channel_facts *const *)b;
    return by_vhost_and_name(x->vhost, x->name, y->vhost, y->name);
}

static void answer_sessions(struct api_call *c, enum session_kind what,
                            const struct session_choice *choice, const struct api_kind *kind)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = manage_list_sessions(c->manage, &c->actor, what, choice, &l, &error);
    if (is_done)
        listing_sort_by(&l, what == SESSION_CONNECTIONS ? compare_connections : compare_channels);
    api_answer_kind(c, kind, is_done, &l, &error);
}

static const struct api_kind *kind_of(const struct api_call *c)
{
    return api_query_flag(c, "disable_stats") ? &plain_kind : &connection_kind;
}

/* Returns whether the vhost of the path exists; else answers 404. */
static bool find_vhost(struct api_call *c)
{
    bool is_there = vhost_find(&c->manage->broker->topology, api_part(c, "vhost")) != NULL;
    if (!is_there)
        api_refuse_not_found(c);
    return is_there;
}

static void list_connections(struct api_call *c)
{
    answer_sessions(c, SESSION_CONNECTIONS, &(struct session_choice){0}, kind_of(c));
}

static void list_connections_of_vhost(struct api_call *c)
{
    struct slice vhost = api_part(c, "vhost");
    if (find_vhost(c))
        answer_sessions(c, SESSION_CONNECTIONS, &(struct session_choice){.vhost = &vhost},
                        kind_of(c));
}

static void list_connections_of_user(struct api_call *c)
{
    struct slice user = api_part(c, "user");
    answer_sessions(c, SESSION_CONNECTIONS, &(struct session_choice){.user = &user}, &plain_kind);
}

static void list_channels(struct api_call *c)
{
    answer_sessions(c, SESSION_CHANNELS, &(struct session_choice){0}, &channel_kind);
}

static void list_channels_of_vhost(struct api_call *c)
{
    struct slice vhost = api_part(c, "vhost");
    if (find_vhost(c))
        answer_sessions(c, SESSION_CHANNELS, &(struct session_choice){.vhost = &vhost},
                        &channel_kind);
}

/* --- one of them ------------------------------------------------------------------------------ */

/* Finds the connection or channel that is chosen, and checks that the user may see it. Returns
 * false after refusing; the caller frees the listing in any case. */
static bool find_one(struct api_call *c, enum session_kind what,
                     const struct session_choice *choice, struct listing *ret)
{
    struct manage_error error = {0};
    bool sees_all = actor_check_rank(&c->actor, ACTOR_MONITORING, &error);
    manage_error_free(&error);
    error = (struct manage_error){0};
    if (!manage_list_sessions(c->manage, &actor_cli, what, choice, ret, &error)) {
        api_refuse_as(c, &error);
        return false;
    }
    if (ret->count == 0) {
        api_refuse_not_found(c);
        return false;
    }
    struct slice user = what == SESSION_CONNECTIONS
                            ? ((struct connection_facts *)ret->rows[0])->user
                            : ((struct channel_facts *)ret->rows[0])->user;
    if (sees_all || slice_equal(user, c->actor.name))
        return true;
    api_refuse(c, 401, "not_authorised", "User not authorised to access object");
    return false;
}

static bool find_connection(struct api_call *c, struct listing *ret)
{
    struct slice name = api_part(c, "name");
    return find_one(c, SESSION_CONNECTIONS, &(struct session_choice){.connection = &name}, ret);
}

static void show_connection(struct api_call *c)
{
    struct listing l = {0};
    if (api_read_range(c, &c->range) && find_connection(c, &l)) {
        struct api_show show;
        api_show_whole(&show, c, kind_of(c)); /* RabbitMQ heeds no columns here */
        api_show(&show, l.rows[0]);
    }
    listing_free(&l);
}

static void list_channels_of_connection(struct api_call *c)
{
    struct listing l = {0};
    struct slice name = api_part(c, "name");
    if (find_connection(c, &l))
        answer_sessions(c, SESSION_CHANNELS, &(struct session_choice){.connection = &name},
                        &channel_kind);
    listing_free(&l);
}

static void list_sessions_of_connection(struct api_call *c)
{
    struct listing l = {0};
    if (find_connection(c, &l)) {
        json_write_begin(&c->json, '[');
        json_write_end(&c->json, ']');
    }
    listing_free(&l);
}

static void show_channel(struct api_call *c)
{
    struct listing l = {0};
    struct slice name = api_part(c, "name");
    const struct session_choice choice = {.channel = &name};
    if (api_read_range(c, &c->range) && find_one(c, SESSION_CHANNELS, &choice, &l)) {
        struct api_show show;
        api_show_begin(&show, c, &channel_kind);
        json_write_begin(&c->json, '{');
        api_show_fields(&show, l.rows[0]);
        api_write_consumers(c, &choice);
        api_write_traffic(c, API_DELIVERIES_OF_CHANNEL, &choice);
        api_write_traffic(c, API_PUBLISHES_OF_CHANNEL, &choice);
        json_write_end(&c->json, '}');
    }
    listing_free(&l);
}

const struct api_route api_connection_routes[] = {
    {"GET", "/connections", API_MANAGEMENT, list_connections,
     "Lists connections: monitors see all, other users their own.", .answer = connection_fields,
     .is_list = true, .is_paged = true},
    {"GET", "/vhosts/{vhost}/connections", API_VHOST, list_connections_of_vhost,
     "Lists the connections to a vhost.", .answer = connection_fields, .is_list = true,
     .is_paged = true},
    {"GET", "/connections/username/{user}", API_MANAGEMENT, list_connections_of_user,
     "Lists the connections of a user.", .answer = plain_fields, .is_list = true, .is_paged = true},
    {"GET", "/connections/{name}", API_MANAGEMENT, show_connection, "Shows a connection.",
     .answer = connection_fields},
    {"GET", "/connections/{name}/channels", API_MANAGEMENT, list_channels_of_connection,
     "Lists the channels of a connection.", .answer = channel_fields, .is_list = true,
     .is_paged = true},
    {"GET", "/connections/{name}/sessions", API_MANAGEMENT, list_sessions_of_connection,
     "Lists the AMQP 1.0 sessions of a connection: there are none yet."},
    {"GET", "/channels", API_MANAGEMENT, list_channels,
     "Lists channels: monitors see all, other users their own.", .answer = channel_fields,
     .is_list = true, .is_paged = true},
    {"GET", "/channels/{name}", API_MANAGEMENT, show_channel,
     "Shows a channel, and its consumers as consumer_details.", .answer = channel_fields},
    {"GET", "/vhosts/{vhost}/channels", API_VHOST, list_channels_of_vhost,
     "Lists the channels of a vhost.", .answer = channel_fields, .is_list = true, .is_paged = true},
    {NULL},
};
