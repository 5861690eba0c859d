/* Looking at the node: its resources, its loops, its certificates, who may come in. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/counters.h"
#include "manage/doctor_private.h"
#include "manage/process_facts.h"
#include "manage/statistics.h"

/* --- alarms ----------------------------------------------------------------------------------- */

static void examine_alarms(struct diagnosis *d, const struct node_facts *f)
{
    for (size_t i = 0; i < node_alarm_count; i++) {
        struct lv_buffer why = {0};
        if (!(f->alarms & node_alarms[i].bit))
            continue;
        node_alarm_explain(f, node_alarms[i].bit, &why);
        doctor_examine_alarm(&d->report,
                             &(struct alarm_look){node_alarms[i].name, lv_buffer_slice(&why)});
        lv_buffer_free(&why);
    }
}

/* --- loops ------------------------------------------------------------------------------------ */

/* How busy each loop was in the period. */
struct busyness {
    uint64_t span_ms;
    unsigned loops, permille[LOOPS_MAX], sum;
};

static void busyness_read(const struct diagnosis *d, struct busyness *ret)
{
    struct statistics_span span;
    *ret = (struct busyness){.loops = loops_count(d->m->loops)};
    for (unsigned i = 0; i < ret->loops; i++) {
        if (!statistics_loop_span(d->m->statistics, i, d->period_ms, &span) || span.ms == 0)
            continue;
        uint64_t permille = statistics_rise(&span, STATISTIC_turn_us) / span.ms;
        ret->permille[i] = permille < 1000 ? (unsigned)permille : 1000;
        ret->sum += ret->permille[i];
        ret->span_ms = span.ms;
    }
}

static void examine_loops(struct diagnosis *d, const struct busyness *b)
{
    for (unsigned i = 0; i < b->loops; i++) {
        unsigned others = b->loops - 1;
        const struct loop_look look = {
            .span_s = b->span_ms / 1000,
            .index = i,
            .loops = b->loops,
            .busy_permille = b->permille[i],
            .others_permille = others > 0 ? (b->sum - b->permille[i]) / others : 0,
            .vhost = d->busiest[i].vhost,
            .queue = d->busiest[i].name,
            .moved = d->busiest[i].moved,
        };
        doctor_examine_loop(&d->report, &look);
    }
}

/* --- who may come in -------------------------------------------------------------------------- */

static void examine_certificate(void *arg, const struct node_certificate *c)
{
    struct diagnosis *d = arg;
    const struct certificate_look look = {
        .path = c->path, .ends_in_s = c->ends_at_s - (int64_t)(clock_wall_ms() / 1000)};
    doctor_examine_certificate(&d->report, &look);
}

static bool is_on_loopback(const char *interface)
{
    return strncmp(interface, "127.", 4) == 0 || strcmp(interface, "::1") == 0 ||
           strcmp(interface, "localhost") == 0;
}

struct open_listener {
    char interface[64]; /* empty: there is none */
    uint64_t port;
};

/* Keeps a listener for which passwords are asked, and that other machines reach. */
static void look_at_listener(void *arg, const struct node_listener *l)
{
    struct open_listener *open = arg;
    bool asks_passwords =
        strcmp(l->protocol, "http/prometheus") != 0 && strcmp(l->protocol, "https/prometheus") != 0;
    if (open->interface[0] || !asks_passwords || is_on_loopback(l->interface))
        return;
    snprintf(open->interface, sizeof open->interface, "%s", l->interface);
    open->port = l->port;
}

/* The password is tried only if it matters: that may take a slow hash. */
static void examine_logins(struct diagnosis *d)
{
    struct open_listener open = {.port = 0};
    struct slice guest = slice_str("guest");
    node_each_listener(d->m, look_at_listener, &open);
    const struct login_look look = {
        .is_open = open.interface[0] && auth_admits(d->m->auth, guest, guest, false),
        .interface = open.interface,
        .port = open.port,
    };
    doctor_examine_login(&d->report, &look);
}

/* --- the node --------------------------------------------------------------------------------- */

static void look_at_resources(const struct diagnosis *d, const struct node_facts *f,
                              struct node_look *look)
{
    struct process_facts process;
    struct counters c;
    uint64_t spare = f->memory_spare_bytes / 2; /* as for the alarm */
    process_facts_read(&process);
    counters_read(&c);
    look->blocked = d->blocked;
    look->alarms = f->alarms;
    look->memory_used = f->memory_used_bytes > spare ? f->memory_used_bytes - spare : 0;
    look->memory_limit = f->memory_limit_bytes;
    look->disk_free = f->disk_free_bytes;
    look->disk_free_limit = f->disk_free_limit_bytes;
    look->files_used = process.files_used;
    look->files_max = process.files_max;
    look->connections = f->connections;
    look->connections_max = f->connections_max;
    if (c.channels_opened > c.channels_closed)
        look->channels = c.channels_opened - c.channels_closed;
}

static void look_at_period(const struct diagnosis *d, struct node_look *look)
{
    struct statistics_span span;
    if (!statistics_node_span(d->m->statistics, d->period_ms, &span))
        return;
    look->span_s = span.ms / 1000;
    look->syncs = statistics_rise(&span, STATISTIC_log_syncs);
    look->sync_us = statistics_rise(&span, STATISTIC_log_sync_us);
    look->connected = statistics_rise(&span, STATISTIC_connection_created);
    look->disconnected = statistics_rise(&span, STATISTIC_connection_closed);
    look->channels_opened = statistics_rise(&span, STATISTIC_channel_created);
    look->channels_closed = statistics_rise(&span, STATISTIC_channel_closed);
}

void diagnose_node(struct diagnosis *d, uint64_t *ret_covered_s)
{
    struct node_facts facts;
    struct node_look look = {.loops = loops_count(d->m->loops)};
    struct busyness busyness;
    node_facts_gather(d->m, &facts);
    examine_alarms(d, &facts);
    look_at_resources(d, &facts, &look);
    statistics_lock(d->m->statistics);
    look_at_period(d, &look);
    busyness_read(d, &busyness);
    statistics_unlock(d->m->statistics);
    look.loops_busy_permille = busyness.sum / look.loops;
    doctor_examine_node(&d->report, &look);
    examine_loops(d, &busyness);
    node_each_certificate(d->m, examine_certificate, d);
    examine_logins(d);
    *ret_covered_s = look.span_s;
}
