/* The overview: totals, and what the broker is. */
#include <string.h>

#include "api/api_private.h"
#include "api/fields.h"
#include "api/node_trees.h"
#include "base/clock.h"
#include "base/counters.h"
#include "broker/parameters.h"
#include "manage/connections.h"
#include "manage/node.h"
#include "manage/vhosts.h"
#include "session/session.h"
#include "topology/vhost.h"

struct overview_facts {
    struct node_facts node;
    const struct statistics_answer *statistics;
    bool sees_all; /* not only the vhosts it has access to */
    uint64_t connections, channels, consumers, queues, exchanges;
    json_t *contexts, *exchange_types, *listeners, *retention; /* owned */
};

#define F struct overview_facts
#define COLUMN_OF(field) overview_field_##field
API_OVERVIEW_FIELDS(FIELD_VALUE)
static const struct column overview_fields[] = {API_OVERVIEW_FIELDS(FIELD_ROW) COLUMNS_END};

/* --- totals ----------------------------------------------------------------------------------- */

/* Counts what is in the vhosts that the user may see. Finding these may wait, counting does not. */
static bool count_topology(struct api_call *c, struct overview_facts *f, struct manage_error *error)
{
    struct listing vhosts = {0};
    if (!manage_list_vhosts(c->manage, &c->actor, &vhosts, error))
        return false;
    for (size_t i = 0; i < vhosts.count; i++) {
        const struct vhost_facts *seen = vhosts.rows[i];
        const struct vhost *vhost = vhost_find(&c->manage->broker->topology, seen->name);
        if (!vhost)
            continue; /* deleted meanwhile */
        f->queues += lv_table_count(vhost->queues);
        f->exchanges += lv_table_count(vhost->exchanges) + 1; /* the default exchange */
    }
    listing_free(&vhosts);
    return true;
}

static uint64_t difference(uint64_t more, uint64_t less)
{
    return more > less ? more - less : 0; /* the threads' counters are read one by one */
}

static void count_all_sessions(struct overview_facts *f)
{
    struct counters n;
    counters_read(&n);
    f->connections = difference(n.connections_opened, n.connections_closed);
    f->channels = difference(n.channels_opened, n.channels_closed);
    f->consumers = difference(n.consumers_added, n.consumers_removed);
}

/* Counts the connections and channels that the user may see. Waits. Returns false with the error.
 */
static bool count_sessions(struct api_call *c, struct overview_facts *f, struct manage_error *error)
{
    struct listing connections = {0}, channels = {0};
    if (f->sees_all) {
        count_all_sessions(f);
        return true;
    }
    bool is_done = manage_list_connections(c->manage, &c->actor, NULL, &connections, error) &&
                   manage_list_channels(c->manage, &c->actor, NULL, &channels, error);
    f->connections = connections.count;
    f->channels = channels.count;
    listing_free(&connections);
    listing_free(&channels);
    return is_done;
}

/* --- the answer ------------------------------------------------------------------------------- */

static void facts_free(struct overview_facts *f)
{
    json_decref(f->contexts);
    json_decref(f->exchange_types);
    json_decref(f->listeners);
    json_decref(f->retention);
}

static bool sees_all_vhosts(const struct api_call *c)
{
    struct manage_error error = {0};
    bool sees_all = actor_check_rank(&c->actor, ACTOR_MONITORING, &error);
    manage_error_free(&error);
    return sees_all;
}

static void overview(struct api_call *c)
{
    struct manage *m = c->manage;
    struct manage_error error = {0};
    struct statistics_answer statistics;
    struct overview_facts f = {.sees_all = sees_all_vhosts(c), .statistics = &statistics};
    if (!api_read_range(c, &c->range))
        return;
    if (!count_topology(c, &f, &error) || !count_sessions(c, &f, &error)) {
        api_refuse_as(c, &error);
        return;
    }
    statistics_overview(m->statistics, &c->actor, &c->range, &statistics);
    node_facts_gather(m, &f.node);
    f.exchange_types = tree_of_exchange_types();
    f.retention = tree_of_retention(m->statistics);
    f.contexts = f.sees_all ? tree_of_contexts(m) : NULL;
    f.listeners = f.sees_all ? tree_of_listeners(m) : NULL;
    api_write_fields(c, overview_fields, &f);
    statistics_answer_free(&statistics);
    facts_free(&f);
}

const struct api_route api_overview_routes[] = {
    {"GET", "/overview", API_MANAGEMENT, overview,
     "Shows totals of messages, rates and objects, and versions and listeners of the node.",
     .answer = overview_fields},
    {NULL},
};
