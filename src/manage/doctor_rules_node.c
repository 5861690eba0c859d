/* Rules about the node: its resources, its loops, who may come in. */
#include <inttypes.h>

#include "broker/broker.h"
#include "manage/doctor_rules.h"

bool doctor_rule_alarm_in_force(const struct alarm_look *look, struct verdict *ret)
{
    return doctor_find(ret, SEVERITY_CRITICAL, 1, "The alarm %s is on: %.*s.", look->name,
                       SLICE_ARG(look->why));
}

bool doctor_rule_publishers_blocked(const struct node_look *n, struct verdict *ret)
{
    return n->blocked > 0 &&
           doctor_find(ret, SEVERITY_WARNING, n->blocked, "An alarm blocks publishers on %s.",
                       COUNT_OF(n->blocked, "connection"));
}

/* --- limits ----------------------------------------------------------------------------------- */

/* Returns whether at least 80 % of the limit are used; 0: there is none. */
static bool is_near(uint64_t used, uint64_t limit)
{
    return limit > 0 && used >= limit - limit / 5;
}

static uint64_t percent(uint64_t used, uint64_t limit)
{
    return (uint64_t)((double)used * 100 / (double)limit);
}

bool doctor_rule_memory_near_limit(const struct node_look *n, struct verdict *ret)
{
    return !(n->alarms & BROKER_ALARM_MEMORY) && is_near(n->memory_used, n->memory_limit) &&
           doctor_find(ret, SEVERITY_WARNING, 1,
                       "%s MiB of memory are in use: %" PRIu64 " %% of the limit of %s MiB.",
                       NUMBER(n->memory_used >> 20), percent(n->memory_used, n->memory_limit),
                       NUMBER(n->memory_limit >> 20));
}

bool doctor_rule_disk_near_limit(const struct node_look *n, struct verdict *ret)
{
    enum { MARGIN = 1 << 30 };
    return !(n->alarms & BROKER_ALARM_DISK) && n->disk_free_limit > 0 &&
           n->disk_free < n->disk_free_limit + MARGIN &&
           doctor_find(ret, SEVERITY_WARNING, 1,
                       "%s MiB of the disk are free; the limit is %s MiB.",
                       NUMBER(n->disk_free >> 20), NUMBER(n->disk_free_limit >> 20));
}

bool doctor_rule_connections_near_limit(const struct node_look *n, struct verdict *ret)
{
    if (n->connections_max >= 0 && is_near(n->connections, (uint64_t)n->connections_max))
        return doctor_find(ret, SEVERITY_WARNING, 1, "%s are open; connection_max is %s.",
                           COUNT_OF(n->connections, "connection"),
                           NUMBER((uint64_t)n->connections_max));
    return is_near(n->files_used, n->files_max) &&
           doctor_find(ret, SEVERITY_WARNING, 1, "%s of %s file descriptors are in use, for %s.",
                       NUMBER(n->files_used), NUMBER(n->files_max),
                       COUNT_OF(n->connections, "connection"));
}

/* --- how fast --------------------------------------------------------------------------------- */

bool doctor_rule_disk_syncs_slowly(const struct node_look *n, struct verdict *ret)
{
    enum { SYNCS_MIN = 10, SLOW_MS = 50, STUCK_MS = 500 };
    uint64_t ms = n->syncs > 0 ? n->sync_us / n->syncs / 1000 : 0;
    return n->syncs >= SYNCS_MIN && ms >= SLOW_MS &&
           doctor_find(ret, ms >= STUCK_MS ? SEVERITY_CRITICAL : SEVERITY_WARNING, ms,
                       "%s syncs of the log in the last %s took %s ms on average.",
                       NUMBER(n->syncs), TIME(n->span_s), NUMBER(ms));
}

bool doctor_rule_loop_hot(const struct loop_look *l, struct verdict *ret)
{
    bool is_hot =
        l->loops > 1 && l->busy_permille >= 800 && l->others_permille <= l->busy_permille / 2;
    if (!is_hot)
        return false;
    doctor_find(ret, SEVERITY_WARNING, l->busy_permille,
                "Loop %u was busy for %u %% of the last %s, the other loops for %u %% on average",
                l->index, l->busy_permille / 10, TIME(l->span_s), l->others_permille / 10);
    if (l->moved > 0)
        lv_buffer_printf(&ret->evidence,
                         "; its busiest queue is '%.*s' in vhost '%.*s', with %s in and "
                         "out",
                         SLICE_ARG(l->queue), SLICE_ARG(l->vhost), COUNT_OF(l->moved, "message"));
    lv_buffer_printf(&ret->evidence, ".");
    return true;
}

bool doctor_rule_loops_saturated(const struct node_look *n, struct verdict *ret)
{
    return n->loops_busy_permille >= 900 &&
           doctor_find(ret, SEVERITY_WARNING, n->loops_busy_permille,
                       "The %s %s busy for %u %% of the last %s on average.",
                       COUNT_OF(n->loops, "loop"), WERE(n->loops), n->loops_busy_permille / 10,
                       TIME(n->span_s));
}

/* --- churn ------------------------------------------------------------------------------------ */

static double per_second(uint64_t n, uint64_t span_s)
{
    return span_s > 0 ? (double)n / (double)span_s : 0;
}

/* Returns how many come and go. Those that stay are no churn: after a start, all clients come. */
static uint64_t churned(uint64_t opened, uint64_t closed)
{
    return opened < closed ? opened : closed;
}

bool doctor_rule_connection_churn(const struct node_look *n, struct verdict *ret)
{
    enum { CONNECTIONS_MIN = 20 };
    uint64_t count = churned(n->connected, n->disconnected);
    return count >= CONNECTIONS_MIN && count >= n->span_s &&
           doctor_find(ret, SEVERITY_WARNING, n->connected,
                       "%s connections were opened in the last %s (%.1f a second), and %s closed; "
                       "%s are open.",
                       NUMBER(n->connected), TIME(n->span_s), per_second(n->connected, n->span_s),
                       NUMBER(n->disconnected), NUMBER(n->connections));
}

bool doctor_rule_channel_churn(const struct node_look *n, struct verdict *ret)
{
    enum { CHANNELS_MIN = 100, FACTOR = 5 };
    uint64_t count = churned(n->channels_opened, n->channels_closed);
    return count >= CHANNELS_MIN && count >= FACTOR * n->span_s && count >= FACTOR * n->connected &&
           doctor_find(ret, SEVERITY_ADVICE, n->channels_opened,
                       "%s channels were opened in the last %s (%.1f a second), and %s closed; %s "
                       "are open.",
                       NUMBER(n->channels_opened), TIME(n->span_s),
                       per_second(n->channels_opened, n->span_s), NUMBER(n->channels_closed),
                       NUMBER(n->channels));
}

/* --- who may come in -------------------------------------------------------------------------- */

bool doctor_rule_certificate_expires(const struct certificate_look *c, struct verdict *ret)
{
    enum { DAY_S = 86400, SOON_DAYS = 30, NOW_DAYS = 7 };
    if (c->ends_in_s > SOON_DAYS * DAY_S)
        return false;
    if (c->ends_in_s <= 0)
        return doctor_find(ret, SEVERITY_CRITICAL, UINT64_MAX, "%s expired %s ago.", c->path,
                           TIME((uint64_t)-c->ends_in_s));
    return doctor_find(ret, c->ends_in_s <= NOW_DAYS * DAY_S ? SEVERITY_CRITICAL : SEVERITY_WARNING,
                       (uint64_t)INT64_MAX - (uint64_t)c->ends_in_s, "%s expires in %s.", c->path,
                       TIME((uint64_t)c->ends_in_s));
}

bool doctor_rule_default_password(const struct login_look *l, struct verdict *ret)
{
    return l->is_open &&
           doctor_find(ret, SEVERITY_CRITICAL, 1,
                       "guest can log in with its default password from any address that reaches "
                       "%s, port %" PRIu64 ".",
                       l->interface, l->port);
}
