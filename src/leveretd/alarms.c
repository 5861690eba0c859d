/* The watch over memory and disk.
 *
 * A check reads /proc/self/statm and calls statvfs(3) once: microseconds. When an alarm changes, it
 * is logged once, stored in broker->alarms, and mailed to every loop, which tells its connections.
 *
 * The allocator keeps freed memory, so the resident set does not shrink by itself. While it is near
 * the limit, memory that is freed is given back at once, and every loop is asked once a second to
 * give back what is free, and to report how much of it cannot be given back. Far from the limit the
 * loops are asked every ten seconds, unless the process is small. */
#include "leveretd/alarms.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/memory.h"
#include "broker/event_exchange.h"
#include "leveretd/machine_memory.h"
#include "paging/journal.h"
#include "queue/queue.h"
#include "session/session.h"

struct alarms {
    struct broker *broker;
    const char *data_dir;
    const struct config *config; /* the latest; loop 0 only */
    uint64_t measured_at_ms;     /* when the machine's memory was last measured */
    struct loop_timer timer;
    pthread_mutex_t lock; /* of facts, which other threads read; changed on loop 0 only */
    struct alarm_facts facts;
    bool ignores_disk;                       /* no disk alarm is set; loop 0 only */
    bool is_giving_back;                     /* freed memory is given back at once */
    uint64_t near_at_ms;                     /* when the resident set was last near the limit */
    uint64_t asked_at_ms;                    /* when the loops were last asked to give back */
    _Atomic uint64_t spare_bytes[LOOPS_MAX]; /* by loop, as of its last answer */
};

static void assert_loop_0(const struct alarms *a)
{
    lv_assert(loop_current() == loops_at(a->broker->topology.loops, 0));
}

static void mail_all_loops(struct loop *from, struct broker *broker, const struct mail *mail)
{
    for (unsigned i = 0; i < loops_count(broker->topology.loops); i++)
        loop_mail(from, loops_at(broker->topology.loops, i), mail);
}

/* --- reading ---------------------------------------------------------------------------------- */

static uint64_t sum_spare_bytes(struct alarms *a)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < loops_count(a->broker->topology.loops); i++)
        sum += atomic_load_explicit(&a->spare_bytes[i], memory_order_relaxed);
    return sum;
}

static void take_readings(struct alarms *a, struct alarm_readings *ret)
{
    *ret = (struct alarm_readings){0};
    ret->has_memory = machine_memory_resident(&ret->memory_bytes);
    ret->spare_bytes = sum_spare_bytes(a);
    struct statvfs fs;
    ret->has_disk = statvfs(a->data_dir, &fs) == 0;
    if (ret->has_disk)
        ret->disk_free_bytes = (uint64_t)fs.f_bavail * (uint64_t)fs.f_frsize;
}

/* --- telling ---------------------------------------------------------------------------------- */

/* Lines have RabbitMQ's words and level, in one line. They end with the words of Leveret's first
 * logs, which people look for as well: `memory alarm cleared`. */

/* Returns what a set of alarms means for publishers. */
static const char *publishers_text(unsigned alarms)
{
    return alarms ? "publishers are blocked" : "publishers are no longer blocked";
}

static const char *alarm_text(bool is_set)
{
    return is_set ? "set" : "cleared";
}

static void log_change(const struct alarms *a, unsigned changed, unsigned alarms)
{
    const struct alarm_limits *limits = &a->facts.limits;
    const struct alarm_readings *now = &a->facts.readings;
    const char *node = a->broker->topology.node_name;
    if (changed & BROKER_ALARM_MEMORY)
        log_warning(
            "memory resource limit alarm %s on node %s. vm_memory_high_watermark %s. Memory "
            "used:%llu allowed:%llu; memory alarm %s, %s",
            alarm_text(alarms & BROKER_ALARM_MEMORY), node,
            alarms & BROKER_ALARM_MEMORY ? "set" : "clear",
            (unsigned long long)alarm_memory_in_use(now), (unsigned long long)limits->memory_bytes,
            alarm_text(alarms & BROKER_ALARM_MEMORY), publishers_text(alarms));
    if (changed & BROKER_ALARM_DISK)
        log_warning("disk resource limit alarm %s on node %s. Free disk space is %s. Free bytes: "
                    "%llu. Limit: %llu; in %s; disk alarm %s, %s",
                    alarm_text(alarms & BROKER_ALARM_DISK), node,
                    alarms & BROKER_ALARM_DISK ? "insufficient" : "sufficient",
                    (unsigned long long)now->disk_free_bytes,
                    (unsigned long long)limits->disk_free_bytes, a->data_dir,
                    alarm_text(alarms & BROKER_ALARM_DISK), publishers_text(alarms));
}

static void emit_change(struct broker *broker, unsigned changed, unsigned alarms)
{
    if (changed & BROKER_ALARM_MEMORY)
        event_alarm(broker, "memory", alarms & BROKER_ALARM_MEMORY);
    if (changed & BROKER_ALARM_DISK)
        event_alarm(broker, "disk", alarms & BROKER_ALARM_DISK);
}

/* On each loop. */
static void alarms_changed_mail(struct loop *at, struct mail *mail)
{
    (void)mail;
    sessions_alarms_changed(at);
}

/* --- memory that is free ---------------------------------------------------------------------- */

/* On each loop. */
static void relieve_mail(struct loop *at, struct mail *mail)
{
    struct broker *broker = mail->a;
    queues_relieve(&broker->topology, at);
}

/* Makes the queues page out when memory becomes short: this is before publishers are blocked. */
static void watch_shortage(struct loop *loop, struct broker *broker, bool is_short)
{
    if (atomic_exchange(&broker->is_short_of_memory, is_short) == is_short || !is_short)
        return;
    log_info("memory is running low: queues page out messages");
    mail_all_loops(loop, broker, &(struct mail){.deliver = relieve_mail, .a = broker});
}

/* On each loop. */
static void give_back_mail(struct loop *at, struct mail *mail)
{
    struct alarms *a = mail->a;
    atomic_store_explicit(&a->spare_bytes[loop_index(at)], lv_memory_give_back(),
                          memory_order_relaxed);
}

/* While memory is given back: how often the loops are asked, and for how long after the resident
 * set was last near the limit. */
enum { ASK_EVERY_MS = 1000, GIVING_BACK_MS = 10000 };

/* Far from the limit the loops are asked less often, so that memory which a busy hour has left free
 * is given back, too. They are not asked while the process has at most SMALL_BYTES. */
enum { ASK_SELDOM_MS = 10000, SMALL_BYTES = 24 * 1024 * 1024 };

static void ask_for_memory(struct loop *loop, struct alarms *a, uint64_t every_ms)
{
    uint64_t now_ms = loop_now_ms(loop);
    if (now_ms - a->asked_at_ms < every_ms)
        return;
    a->asked_at_ms = now_ms;
    mail_all_loops(loop, a->broker, &(struct mail){.deliver = give_back_mail, .a = a});
}

/* Has memory given back from when the resident set comes near the limit until GIVING_BACK_MS after
 * it was last near, since much memory may be freed in that time. */
static void watch_resident(struct loop *loop, struct alarms *a, uint64_t resident_bytes)
{
    bool is_near = alarm_memory_is_short(&a->facts.limits, resident_bytes);
    uint64_t now_ms = loop_now_ms(loop);
    if (is_near)
        a->near_at_ms = now_ms;
    bool is_giving_back = is_near || (a->is_giving_back && now_ms - a->near_at_ms < GIVING_BACK_MS);
    if (is_giving_back != a->is_giving_back)
        lv_memory_keep_freed(!is_giving_back);
    a->is_giving_back = is_giving_back;
    if (is_giving_back) {
        ask_for_memory(loop, a, ASK_EVERY_MS);
        return;
    }
    if (resident_bytes > SMALL_BYTES)
        ask_for_memory(loop, a, ASK_SELDOM_MS);
    for (unsigned i = 0; i < loops_count(a->broker->topology.loops); i++)
        atomic_store_explicit(&a->spare_bytes[i], 0, memory_order_relaxed);
}

/* --- checking --------------------------------------------------------------------------------- */

static void check_mail(struct loop *at, struct mail *mail);

/* Any thread. */
static void check_soon(void *arg)
{
    struct alarms *a = arg;
    struct mail mail = {.deliver = check_mail, .a = a};
    loop_mail_from_outside(loops_at(a->broker->topology.loops, 0), &mail);
}

static void set_limits(struct alarms *a, uint64_t total_bytes)
{
    struct alarm_limits limits;
    alarm_limits_of(a->config, total_bytes, &limits);
    pthread_mutex_lock(&a->lock);
    a->facts.total_bytes = total_bytes;
    a->facts.limits = limits;
    pthread_mutex_unlock(&a->lock);
}

/* Measures the machine's memory again, now and then: the limit of a container may change while it
 * runs. */
static void watch_total(struct loop *loop, struct alarms *a)
{
    enum { MEASURE_EVERY_MS = 2000 };
    uint64_t now_ms = loop_now_ms(loop);
    if (now_ms - a->measured_at_ms < MEASURE_EVERY_MS)
        return;
    a->measured_at_ms = now_ms;
    uint64_t total_bytes = alarm_total_bytes(a->config, machine_memory_bytes());
    if (total_bytes == a->facts.total_bytes)
        return;
    uint64_t before = a->facts.limits.memory_bytes;
    set_limits(a, total_bytes);
    log_info("the memory for this process is now %llu bytes: the memory alarm's limit changes from "
             "%llu to %llu bytes",
             (unsigned long long)total_bytes, (unsigned long long)before,
             (unsigned long long)a->facts.limits.memory_bytes);
}

/* Reads memory and disk, sets or clears alarms, and starts the timer for the next check. */
static void check(struct loop *loop, struct alarms *a)
{
    assert_loop_0(a);
    struct alarm_readings readings;
    watch_total(loop, a);
    take_readings(a, &readings);
    pthread_mutex_lock(&a->lock);
    a->facts.readings = readings;
    pthread_mutex_unlock(&a->lock);

    watch_resident(loop, a, readings.memory_bytes);
    watch_shortage(loop, a->broker,
                   readings.has_memory &&
                       alarm_memory_is_short(&a->facts.limits, alarm_memory_in_use(&readings)));
    const unsigned ours = BROKER_ALARM_MEMORY | BROKER_ALARM_DISK;
    unsigned was = atomic_load_explicit(&a->broker->alarms, memory_order_relaxed) & ours;
    unsigned is = alarm_decide(&a->facts.limits, &readings);
    if (a->ignores_disk)
        is &= ~(unsigned)BROKER_ALARM_DISK;
    if (is != was) {
        unsigned all = atomic_fetch_xor(&a->broker->alarms, is ^ was) ^ is ^ was;
        log_change(a, is ^ was, all);
        emit_change(a->broker, is ^ was, is);
        mail_all_loops(loop, a->broker, &(struct mail){.deliver = alarms_changed_mail});
    }
    struct journal_loop *store = journal_of(loop);
    uint64_t room_min = a->ignores_disk ? 0 : a->facts.limits.disk_free_bytes;
    if (store)
        journal_watch_room(store->journal, room_min, is & BROKER_ALARM_DISK, check_soon, a);
    loop_timer_start(loop, &a->timer, alarm_next_check_ms(&a->facts.limits, &readings));
}

static void timer_fired(struct loop *loop, struct loop_timer *timer)
{
    check(loop, lv_container_of(timer, struct alarms, timer));
}

static void check_mail(struct loop *at, struct mail *mail)
{
    check(at, mail->a);
}

/* --- the door --------------------------------------------------------------------------------- */

void alarms_log_space(void *broker_arg, bool has_room)
{
    struct broker *broker = broker_arg;
    unsigned others;
    if (has_room)
        others = atomic_fetch_and(&broker->alarms, ~(unsigned)BROKER_ALARM_LOG);
    else
        others = atomic_fetch_or(&broker->alarms, BROKER_ALARM_LOG);
    others &= ~(unsigned)BROKER_ALARM_LOG;
    log_warning("log resource limit alarm %s on node %s: the disk has %s room for the log; %s",
                alarm_text(!has_room), broker->topology.node_name, has_room ? "enough" : "no",
                publishers_text(others | (has_room ? 0 : BROKER_ALARM_LOG)));
    event_alarm(broker, "log", !has_room);
    struct mail mail = {.deliver = alarms_changed_mail};
    for (unsigned i = 0; i < loops_count(broker->topology.loops); i++)
        loop_mail_from_outside(loops_at(broker->topology.loops, i), &mail);
}

struct alarms *alarms_create(struct broker *broker, const char *data_dir,
                             const struct config *config)
{
    struct alarms *a = lv_calloc(1, sizeof *a);
    a->broker = broker;
    a->data_dir = data_dir;
    pthread_mutex_init(&a->lock, NULL);
    a->config = config;
    a->facts.total_bytes = alarm_total_bytes(config, machine_memory_bytes());
    alarm_limits_of(config, a->facts.total_bytes, &a->facts.limits);
    take_readings(a, &a->facts.readings);
    loop_timer_init(&a->timer, timer_fired);
    return a;
}

void alarms_start(struct alarms *a)
{
    lv_assert(!loop_current());
    check_soon(a);
}

void alarms_configure(struct alarms *a, const struct config *config)
{
    a->config = config;
    set_limits(a, alarm_total_bytes(config, machine_memory_bytes()));
    check(loops_at(a->broker->topology.loops, 0), a);
}

void alarms_watch_disk(struct alarms *a, bool is_on)
{
    assert_loop_0(a);
    a->ignores_disk = !is_on;
    check(loops_at(a->broker->topology.loops, 0), a);
}

void alarms_facts(struct alarms *a, struct alarm_facts *ret)
{
    pthread_mutex_lock(&a->lock);
    *ret = a->facts;
    pthread_mutex_unlock(&a->lock);
}

void alarms_free(struct alarms **alarms)
{
    struct alarms *a = *alarms;
    *alarms = NULL;
    if (!a)
        return;
    pthread_mutex_destroy(&a->lock);
    free(a);
}
