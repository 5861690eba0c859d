/* Queues: listing and showing them. */
#include "api/api_private.h"
#include "api/bindings.h"
#include "api/fields.h"
#include "api/objects.h"
#include "api/pages.h"
#include "api/sessions.h"
#include "api/vhosts_seen.h"
#include "base/clock.h"
#include "manage/compute_slots.h"
#include "manage/exchanges.h"
#include "manage/queue_origins.h"
#include "manage/queues.h"
#include "topology/vhost.h"

/* A page of more queues than this is chosen by what the sampler has seen (manage/queues.h); of
 * fewer, all are asked for, so that their order is that of this moment. */
enum { ASKED_FOR_MAX = 2000 };
/* How many of many queues are gathered at once for a listing without pages. */
enum { PART = 5000 };

/* --- fields ----------------------------------------------------------------------------------- */

static struct slice policy_name(const struct queue_facts *f, enum policy_kind kind)
{
    return f->policy ? f->policy->names[kind] : SLICE_EMPTY;
}

static const char *queue_state(const struct queue_facts *f)
{
    return f->is_gone ? "stopped" : f->is_restoring ? "recovering" : "running";
}

#define API_QUEUE_FIELDS(C)                                                                        \
    API_QUEUE_PLAIN_FIELDS(C)                                                                      \
    API_QUEUE_REPLICA_FIELDS(C)                                                                    \
    API_QUEUE_POLICY_FIELDS(C)                                                                     \
    API_QUEUE_LIVE_FIELDS(C) API_QUEUE_TOTAL_FIELDS(C) API_QUEUE_STATISTIC_FIELDS(C)
#define F struct queue_facts
#define COLUMN_OF(field) queue_field_##field
API_QUEUE_FIELDS(FIELD_VALUE)

#define WITHOUT_STATISTICS(C)                                                                      \
    API_QUEUE_PLAIN_FIELDS(C) API_QUEUE_REPLICA_FIELDS(C) API_QUEUE_POLICY_FIELDS(C)

static const struct column plain_fields[] = {WITHOUT_STATISTICS(FIELD_ROW)
                                                 API_QUEUE_LIVE_FIELDS(FIELD_ROW) COLUMNS_END};
static const struct column total_fields[] = {WITHOUT_STATISTICS(FIELD_ROW)
                                                 API_QUEUE_TOTAL_FIELDS(FIELD_ROW) COLUMNS_END};
static const struct column queue_fields[] = {
    API_QUEUE_PLAIN_FIELDS(FIELD_ROW) API_QUEUE_REPLICA_FIELDS(FIELD_ROW)
        API_QUEUE_TOTAL_FIELDS(FIELD_ROW) API_QUEUE_STATISTIC_FIELDS(FIELD_ROW) COLUMNS_END};

static bool find_statistics(const struct api_call *c, const void *facts,
                            struct statistics_answer *ret)
{
    const struct queue_facts *f = facts;
    const struct queue_counters *n = &f->counters;
    if (!c->manage->statistics || statistics_settings(c->manage->statistics)->is_disabled ||
        f->is_restoring)
        return false;
    if (!statistics_queue(c->manage->statistics, queue_id(f->queue), &c->range, ret))
        ret->moved_ms = clock_wall_ms();
    api_statistic_now(ret, STATISTIC_messages, f->ready + f->unacked + f->dead_letters);
    api_statistic_now(ret, STATISTIC_messages_ready, f->ready);
    api_statistic_now(ret, STATISTIC_messages_unacknowledged, f->unacked);
    if (!api_counts_messages(c))
        return true;
    api_statistic_now(ret, STATISTIC_publish, n->published);
    api_statistic_now(ret, STATISTIC_deliver, n->delivered);
    api_statistic_now(ret, STATISTIC_deliver_no_ack, n->delivered_no_ack);
    api_statistic_now(ret, STATISTIC_get, n->got);
    api_statistic_now(ret, STATISTIC_get_no_ack, n->got_no_ack);
    api_statistic_now(ret, STATISTIC_get_empty, n->got_empty);
    api_statistic_now(ret, STATISTIC_redeliver, n->redelivered);
    api_statistic_now(ret, STATISTIC_ack, n->acked);
    api_statistic_end_now(ret);
    return true;
}

static const struct api_kind plain_kind = {.fields = plain_fields};
static const struct api_kind total_kind = {.fields = total_fields};
static const struct api_kind queue_kind = {queue_fields, find_statistics,
                                           offsetof(struct queue_facts, statistics)};

static const struct api_kind *kind_of(const struct api_call *c, bool may_total)
{
    if (!api_query_flag(c, "disable_stats"))
        return &queue_kind;
    return may_total && api_query_flag(c, "enable_queue_totals") ? &total_kind : &plain_kind;
}

/* --- listings --------------------------------------------------------------------------------- */

static bool list_one(struct api_call *c, struct slice vhost, struct listing *ret,
                     struct manage_error *error)
{
    struct slice user;
    bool has_user = api_find_part(c, "user", &user);
    return manage_list_queues(c->manage, &c->actor, vhost, has_user ? &user : NULL, ret, error);
}

static size_t count_queues(struct api_call *c)
{
    size_t count = 0;
    struct lv_table_iter it;
    struct lv_table *vhosts = c->manage->broker->topology.vhosts;
    for (struct lv_table_node *n = lv_table_first(vhosts, &it); n; n = lv_table_next(vhosts, &it))
        count += lv_table_count(lv_container_of(n, struct vhost, by_name)->queues);
    return count;
}

/* The first letters of the type's name, as a number: they are ASCII, and in the order of names. */
static int64_t key_of_type(const struct queue *q)
{
    const char *name = queue_type_name(queue_type(q));
    int64_t key = 0;
    for (size_t i = 0; i < sizeof key; i++) {
        key = key << 8 | *name;
        name += *name != '\0';
    }
    return key;
}

static int64_t key_of_consumers(const struct queue *q)
{
    return (int64_t)queue_consumer_count(q);
}

static int64_t key_of_durable(const struct queue *q)
{
    return queue_entry(q)->flags.durable;
}

/* Fields of queues that can be read on any thread. */
static const struct {
    const char *field;
    int64_t (*key)(const struct queue *q);
} any_thread_keys[] = {
    {"type", key_of_type}, {"consumers", key_of_consumers}, {"durable", key_of_durable}};

static bool find_key(struct slice path, struct queue_page *page)
{
    for (size_t i = 0; i < sizeof any_thread_keys / sizeof any_thread_keys[0]; i++) {
        if (!slice_is(path, any_thread_keys[i].field))
            continue;
        page->order = BY_KEY;
        page->key = any_thread_keys[i].key;
        return true;
    }
    return false;
}

/* Fills in by what the page is sorted. Returns false if that is known at the queues' homes
 * alone. */
static bool find_order(const struct api_call *c, struct queue_page *page)
{
    struct slice path = api_query(c, "sort");
    page->is_descending = api_query_flag(c, "sort_reverse");
    bool is_one_vhost = page->vhost || lv_table_count(c->manage->broker->topology.vhosts) == 1;
    if (path.n == 0 || (slice_is(path, "name") && is_one_vhost) || find_key(path, page))
        return true;
    page->order = BY_STATISTIC;
    return api_statistic_of_path(path, &page->statistic, &page->is_rate);
}

/* Answers a page out of many queues. */
static void answer_page(struct api_call *c, struct api_page *page, struct queue_page *wanted)
{
    struct api_show show;
    struct api_counts counts;
    struct listing l = {0};
    struct manage_error error = {0};
    wanted->matches = page->name.n > 0 ? api_page_matches : NULL;
    wanted->arg = page;
    wanted->first = api_page_first(page);
    wanted->count = (size_t)page->size;
    if (!manage_page_queues(c->manage, &c->actor, wanted, &l, &counts.total, &counts.matching,
                            &error)) {
        api_refuse_as(c, &error);
        return;
    }
    api_show_begin(&show, c, kind_of(c, true));
    api_page_write(&show, page, &counts, &l, 0);
    listing_free(&l);
}

/* Writes many queues, a part after the other, so that they take little memory. When a queue is
 * declared or deleted meanwhile, another may appear twice, or not at all. */
static void answer_in_parts(struct api_call *c, struct queue_page *wanted)
{
    struct api_show show;
    struct api_counts counts;
    struct manage_error error = {0};
    bool is_begun = false, has_more = true;
    api_show_begin(&show, c, kind_of(c, true));
    for (wanted->count = PART; has_more; wanted->first += PART) {
        struct listing l = {0};
        size_t i = 0;
        if (!manage_page_queues(c->manage, &c->actor, wanted, &l, &counts.total, &counts.matching,
                                &error))
            break;
        if (!is_begun)
            json_write_begin(&c->json, '[');
        is_begun = true;
        for (; i < l.count && api_flush(c); i++)
            api_show(&show, l.rows[i]);
        has_more = i == PART;
        listing_free(&l);
    }
    if (is_begun)
        json_write_end(&c->json, ']');
    else
        api_refuse_as(c, &error);
    manage_error_free(&error);
}

static void list_queues(struct api_call *c)
{
    struct api_page page = {.is_asked_for = false};
    struct queue_page wanted = {NULL};
    struct listing listing = {0};
    struct manage_error error = {0};
    struct slice vhost, user;
    bool is_fine = api_read_range(c, &c->range) && api_page_read(c, &page);
    if (api_find_part(c, "vhost", &vhost))
        wanted.vhost = &vhost;
    if (api_find_part(c, "user", &user))
        wanted.user = &user;
    if (is_fine && count_queues(c) > ASKED_FOR_MAX && find_order(c, &wanted)) {
        compute_slot_take();
        if (page.is_asked_for)
            answer_page(c, &page, &wanted);
        else
            answer_in_parts(c, &wanted);
    } else if (is_fine) {
        bool is_done = api_list_vhosts(c, list_one, &listing, &error);
        api_answer_kind(c, kind_of(c, true), is_done, &listing, &error);
    }
    api_page_free(&page);
}

/* --- one queue -------------------------------------------------------------------------------- */

/* Of the connection that owns an exclusive queue. */
static void write_owner(struct api_call *c, uint64_t id)
{
    struct listing l = {0};
    struct manage_error error = {0};
    const struct session_choice choice = {.id = id};
    if (!api_asks_for(c, "owner_pid_details") ||
        !manage_list_sessions(c->manage, &actor_cli, SESSION_CONNECTIONS, &choice, &l, &error)) {
        manage_error_free(&error);
        return;
    }
    if (l.count > 0) {
        const struct connection_facts *f = l.rows[0];
        json_write_key(&c->json, "owner_pid_details");
        json_write_begin(&c->json, '{');
        json_write_key(&c->json, "name");
        json_write_string(&c->json, f->name);
        json_write_key(&c->json, "peer_host");
        json_write_text(&c->json, f->peer.peer.text);
        json_write_key(&c->json, "peer_port");
        json_write_u64(&c->json, f->peer.peer.port);
        json_write_end(&c->json, '}');
    }
    listing_free(&l);
}

static void write_queue(struct api_call *c, const struct listing *l)
{
    struct api_show show;
    struct queue_facts *f = l->rows[0];
    const struct api_kind *kind = kind_of(c, false);
    struct slice vhost = api_part(c, "vhost"), name = api_part(c, "name");
    api_show_begin(&show, c, kind);
    json_write_begin(&c->json, '{');
    api_show_fields(&show, f);
    if (kind == &queue_kind) {
        const struct session_choice choice = {.vhost = &vhost, .queue = &name};
        if (f->consumers > 0)
            api_write_consumers(c, &choice);
        else
            api_write_nothing(c, "consumer_details"); /* no connection need be visited */
        api_write_traffic(c, API_DELIVERIES_OF_QUEUE, &choice);
        api_write_nothing(c, "incoming");
        if (f->owner != 0)
            write_owner(c, f->owner);
    }
    json_write_end(&c->json, '}');
}

static void show_queue(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    if (!api_read_range(c, &c->range))
        return;
    if (!manage_show_queue(c->manage, &c->actor, api_part(c, "vhost"), api_part(c, "name"), &l,
                           &error)) {
        api_refuse_as(c, &error);
        return;
    }
    write_queue(c, &l);
    listing_free(&l);
}

static void list_bindings_of_queue(struct api_call *c)
{
    struct slice name = api_part(c, "name");
    api_answer_bindings(c, &(struct binding_ends){.destination = &name, .is_to_queue = true});
}

/* --- its settings ----------------------------------------------------------------------------- */

#undef F
#undef COLUMN_OF
#define F struct queue_setting
#define COLUMN_OF(field) setting_field_##field
API_SETTING_FIELDS(FIELD_VALUE)
static const struct column setting_fields[] = {API_SETTING_FIELDS(FIELD_ROW) COLUMNS_END};

static void list_settings(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = manage_list_queue_settings(c->manage, &c->actor, api_part(c, "vhost"),
                                              api_part(c, "name"), &l, &error);
    l.columns = setting_fields;
    api_answer_listing(c, is_done, &l, &error);
}

const struct api_route api_queue_routes[] = {
    {"GET", "/queues", API_MANAGEMENT, list_queues,
     "Lists the queues of all vhosts that the user has access to.", .answer = queue_fields,
     .is_list = true, .is_paged = true},
    {"GET", "/queues/detailed", API_MANAGEMENT, list_queues,
     "Lists queues like /queues, which shows the same fields.", .answer = queue_fields,
     .is_list = true, .is_paged = true},
    {"GET", "/queues/{vhost}", API_VHOST, list_queues, "Lists the queues of a vhost.",
     .answer = queue_fields, .is_list = true, .is_paged = true},
    {"GET", "/users/{user}/queues", API_MANAGEMENT, list_queues,
     "Lists the queues that a user has declared, in the vhosts that who asks has access to. None if "
     "there is no such user; those of a user who was deleted.",
     .answer = queue_fields, .is_list = true, .is_paged = true},
    {"GET", "/queues/{vhost}/{name}", API_VHOST, show_queue,
     "Shows a queue, and its consumers as consumer_details.", .answer = queue_fields},
    {"GET", "/queues/{vhost}/{name}/bindings", API_VHOST, list_bindings_of_queue,
     "Lists the bindings to a queue.", .answer = api_binding_fields, .is_list = true,
     .is_paged = true},
    {"GET", "/queues/{vhost}/{name}/settings", API_VHOST, list_settings,
     "Lists the settings of a queue, and where each comes from: the `value` in force, its `source` "
     "(`argument`, `policy`, `operator_policy`, or `default`: the broker's configuration), and what "
     "each of them says. Of `has_effect` false are those that are accepted and do nothing.",
     .answer = setting_fields, .is_list = true},
    {NULL},
};
