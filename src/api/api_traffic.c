/* What channels do with queues and exchanges, as queues, channels and exchanges show it. */
#include <string.h>

#include "api/fields.h"
#include "api/objects.h"
#include "api/sessions.h"

#define F struct traffic_facts
#define COLUMN_OF(field) traffic_field_##field
API_TRAFFIC_CHANNEL_FIELDS(FIELD_VALUE)
API_TRAFFIC_QUEUE_FIELDS(FIELD_VALUE)
API_TRAFFIC_EXCHANGE_FIELDS(FIELD_VALUE)
API_TRAFFIC_DELIVERY_FIELDS(FIELD_VALUE)
API_TRAFFIC_PUBLISH_FIELDS(FIELD_VALUE)

static const struct column deliveries_of_queue[] = {
    API_TRAFFIC_CHANNEL_FIELDS(FIELD_ROW) API_TRAFFIC_DELIVERY_FIELDS(FIELD_ROW) COLUMNS_END};
static const struct column deliveries_of_channel[] = {
    API_TRAFFIC_QUEUE_FIELDS(FIELD_ROW) API_TRAFFIC_DELIVERY_FIELDS(FIELD_ROW) COLUMNS_END};
static const struct column publishes_of_channel[] = {
    API_TRAFFIC_EXCHANGE_FIELDS(FIELD_ROW) API_TRAFFIC_PUBLISH_FIELDS(FIELD_ROW) COLUMNS_END};
static const struct column publishes_to_exchange[] = {
    API_TRAFFIC_CHANNEL_FIELDS(FIELD_ROW) API_TRAFFIC_PUBLISH_FIELDS(FIELD_ROW) COLUMNS_END};

static void counts_now(const struct traffic_facts *f, struct statistics_answer *ret)
{
#define COUNT_NOW(name) api_statistic_now(ret, STATISTIC_##name, f->counts.name);
    CHANNEL_COUNTS(COUNT_NOW)
#undef COUNT_NOW
    api_statistic_end_now(ret);
}

static bool delivery_statistics(const struct api_call *c, const void *facts,
                                struct statistics_answer *ret)
{
    const struct traffic_facts *f = facts;
    statistics_delivery(c->manage->statistics, f->connection, f->channel, f->queue, &c->range, ret);
    counts_now(f, ret);
    return true;
}

static bool publish_statistics(const struct api_call *c, const void *facts,
                               struct statistics_answer *ret)
{
    const struct traffic_facts *f = facts;
    statistics_publish(c->manage->statistics, f->connection, f->channel, f->exchange, &c->range,
                       ret);
    counts_now(f, ret);
    return true;
}

enum { STATISTICS_AT = offsetof(struct traffic_facts, statistics) };

static const struct {
    const char *name;
    enum session_kind kind;
    struct api_kind shown;
} lists[] = {
    [API_DELIVERIES_OF_QUEUE] = {"deliveries",
                                 SESSION_DELIVERIES,
                                 {deliveries_of_queue, delivery_statistics, STATISTICS_AT}},
    [API_DELIVERIES_OF_CHANNEL] = {"deliveries",
                                   SESSION_DELIVERIES,
                                   {deliveries_of_channel, delivery_statistics, STATISTICS_AT}},
    [API_PUBLISHES_OF_CHANNEL] = {"publishes",
                                  SESSION_PUBLISHES,
                                  {publishes_of_channel, publish_statistics, STATISTICS_AT}},
    [API_PUBLISHES_TO_EXCHANGE] = {"incoming",
                                   SESSION_PUBLISHES,
                                   {publishes_to_exchange, publish_statistics, STATISTICS_AT}},
};

/* A consumer that has got nothing yet is not shown. */
static bool has_happened(const struct traffic_facts *f)
{
    static const struct channel_counts none;
    return memcmp(&f->counts, &none, sizeof none) != 0;
}

void api_write_traffic(struct api_call *c, enum api_traffic which,
                       const struct session_choice *choice)
{
    struct listing l = {0};
    struct manage_error error = {0};
    if (!api_asks_for(c, lists[which].name))
        return;
    if (statistics_rates_mode(c->manage->statistics) == RATES_DETAILED &&
        !manage_list_sessions(c->manage, &actor_cli, lists[which].kind, choice, &l, &error))
        manage_error_free(&error);
    struct api_show show;
    api_show_whole(&show, c, &lists[which].shown);
    json_write_key(&c->json, lists[which].name);
    json_write_begin(&c->json, '[');
    for (size_t i = 0; i < l.count; i++) {
        if (has_happened(l.rows[i]))
            api_show(&show, l.rows[i]);
    }
    json_write_end(&c->json, ']');
    listing_free(&l);
}
