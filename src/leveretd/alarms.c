/* Every look is a read of /proc/self/statm and one statvfs(3): microseconds. A change of an alarm
 * is logged once, stored in broker->alarms, and mailed to every loop, which tells its connections.
 *
 * An allocator keeps what is freed, and the resident set does not shrink. So while it is near the
 * limit every loop is asked, once a second, to give back what is free, and to say how much is free
 * and cannot be given back; and what is freed meanwhile goes back at once. Far from the limit they
 * give back what is free every ten seconds, unless there is little. */
#include "leveretd/alarms.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/digits.h"
#include "base/log.h"
#include "base/memory.h"
#include "broker/event_exchange.h"
#include "paging/journal.h"
#include "queue/queue.h"
#include "session/session.h"

/* --- pure ------------------------------------------------------------------------------------- */

uint64_t alarms_memory_in_use(const struct alarm_readings *readings)
{
    uint64_t spare = readings->spare_bytes / 2;
    return readings->memory_bytes > spare ? readings->memory_bytes - spare : 0;
}

unsigned alarms_decide(const struct alarm_limits *limits, const struct alarm_readings *readings)
{
    unsigned alarms = 0;
    if (readings->has_memory && alarms_memory_in_use(readings) > limits->memory_bytes)
        alarms |= BROKER_ALARM_MEMORY;
    if (readings->has_disk && readings->disk_free_bytes < limits->disk_free_bytes)
        alarms |= BROKER_ALARM_DISK;
    return alarms;
}

/* Nothing fills faster than this, so the way to a limit takes at least distance / rate. */
enum { BYTES_A_MS = 1024 * 1024 };

static uint64_t look_after(uint64_t distance_bytes)
{
    uint64_t ms = distance_bytes / BYTES_A_MS / 2;
    if (ms < ALARM_PERIOD_MS_MIN)
        return ALARM_PERIOD_MS_MIN;
    return ms > ALARM_PERIOD_MS_MAX ? ALARM_PERIOD_MS_MAX : ms;
}

uint64_t alarms_next_look_ms(const struct alarm_limits *limits,
                             const struct alarm_readings *readings)
{
    if (alarms_decide(limits, readings))
        return ALARM_PERIOD_MS_MIN;
    uint64_t ms = ALARM_PERIOD_MS_MAX;
    if (readings->has_memory)
        ms = look_after(limits->memory_bytes - alarms_memory_in_use(readings));
    if (readings->has_disk) {
        uint64_t disk_ms = look_after(readings->disk_free_bytes - limits->disk_free_bytes);
        ms = disk_ms < ms ? disk_ms : ms;
    }
    return ms;
}

static uint64_t share_of(uint64_t bytes, double share)
{
    double product = (double)bytes * share;
    return product >= 9.2e18 ? INT64_MAX : (uint64_t)product;
}

void alarms_limits_of(const struct config *config, uint64_t total_bytes, struct alarm_limits *ret)
{
    ret->memory_bytes = config->memory_bytes != CONFIG_NONE
                            ? (uint64_t)config->memory_bytes
                            : share_of(total_bytes, config->memory_relative);
    ret->disk_free_bytes = config->disk_free_relative > 0
                               ? share_of(total_bytes, config->disk_free_relative)
                               : (uint64_t)config->disk_free_bytes;
}

bool alarms_parse_statm(struct slice text, uint64_t page_bytes, uint64_t *ret)
{
    uint64_t size, resident;
    if (!lv_digits_take(&text, &size) || text.n == 0 || text.p[0] != ' ')
        return false;
    text = slice_of(text.p + 1, text.n - 1);
    if (!lv_digits_take(&text, &resident) || text.n == 0 || text.p[0] != ' ')
        return false;
    return !__builtin_mul_overflow(resident, page_bytes, ret);
}

bool alarms_parse_group_limit(struct slice text, uint64_t *ret)
{
    /* Version 1 says "none" as the largest multiple of a page, whatever that is today. */
    const uint64_t none_from = UINT64_C(1) << 60;
    uint64_t n;
    if (!lv_digits_take(&text, &n) || n >= none_from)
        return false;
    *ret = n;
    return true;
}

/* Whether `name` is one of the controllers in a list like "cpu,memory". */
static bool names_controller(struct slice list, const char *name)
{
    size_t n = strlen(name);
    for (size_t at = 0; at < list.n;) {
        size_t end = at;
        while (end < list.n && list.p[end] != ',')
            end++;
        if (end - at == n && memcmp(list.p + at, name, n) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

static struct slice until(struct slice *rest, char separator)
{
    const uint8_t *end = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    struct slice taken = slice_of(rest->p, n);
    size_t skip = end ? n + 1 : n;
    *rest = slice_of(rest->p + skip, rest->n - skip);
    return taken;
}

bool alarms_parse_group_path(struct slice text, struct slice *ret, bool *ret_is_v1)
{
    bool has_v2 = false;
    while (text.n) {
        struct slice line = until(&text, '\n');
        struct slice number = until(&line, ':');
        struct slice controllers = until(&line, ':');
        if (names_controller(controllers, "memory")) {
            *ret = line;
            *ret_is_v1 = true;
            return true;
        }
        if (slice_is(number, "0") && controllers.n == 0) {
            *ret = line;
            *ret_is_v1 = false;
            has_v2 = true;
        }
    }
    return has_v2;
}

/* --- the machine ------------------------------------------------------------------------------ */

enum { FILE_BYTES_MAX = 4096, PATH_BYTES_MAX = 4096 };

/* The beginning of a small file. Empty when it cannot be read. */
static struct slice read_small(const char *path, char *room, size_t n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return SLICE_EMPTY;
    ssize_t got = read(fd, room, n);
    close(fd);
    return got > 0 ? slice_of(room, (size_t)got) : SLICE_EMPTY;
}

static void lower_to_group_limit(const char *path, uint64_t *total)
{
    char text[64];
    uint64_t limit;
    if (alarms_parse_group_limit(read_small(path, text, sizeof text), &limit) && limit < *total)
        *total = limit;
}

/* The limit may stand at the group itself or at any group around it; within a container the path
 * is seen from outside and its last step, the mount's root, is the one that is there. */
static void lower_to_groups(struct slice group, bool is_v1, uint64_t *total)
{
    const char *root = is_v1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
    const char *file = is_v1 ? "memory.limit_in_bytes" : "memory.max";
    char path[PATH_BYTES_MAX];

    for (size_t n = group.n;;) {
        while (n > 0 && group.p[n - 1] == '/')
            n--;
        int length =
            snprintf(path, sizeof path, "%s%.*s/%s", root, (int)n, (const char *)group.p, file);
        if (length > 0 && (size_t)length < sizeof path)
            lower_to_group_limit(path, total);
        if (n == 0)
            return;
        while (n > 0 && group.p[n - 1] != '/')
            n--;
    }
}

uint64_t alarms_total_memory(void)
{
    uint64_t total = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    char text[FILE_BYTES_MAX];
    struct slice group;
    bool is_v1;
    if (alarms_parse_group_path(read_small("/proc/self/cgroup", text, sizeof text), &group, &is_v1))
        lower_to_groups(group, is_v1, &total);
    return total;
}

/* --- the watch -------------------------------------------------------------------------------- */

struct alarms {
    struct broker *broker;
    const char *data_dir;
    struct loop_timer timer;
    pthread_mutex_t lock; /* of facts: listings read them on other threads */
    struct alarm_facts facts;
    bool is_tidy;                            /* what is freed is given back */
    uint64_t near_at_ms;                     /* when the resident set was last near the limit */
    uint64_t asked_at_ms;                    /* the loops, to give memory back */
    _Atomic uint64_t spare_bytes[LOOPS_MAX]; /* by loop, as of its last answer */
};

static uint64_t spare_bytes(struct alarms *a)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < loops_count(a->broker->topology.loops); i++)
        sum += atomic_load_explicit(&a->spare_bytes[i], memory_order_relaxed);
    return sum;
}

static void take_readings(struct alarms *a, struct alarm_readings *ret)
{
    char text[128];
    struct statvfs fs;

    *ret = (struct alarm_readings){0};
    ret->has_memory = alarms_parse_statm(read_small("/proc/self/statm", text, sizeof text),
                                         (uint64_t)sysconf(_SC_PAGESIZE), &ret->memory_bytes);
    ret->spare_bytes = spare_bytes(a);
    ret->has_disk = statvfs(a->data_dir, &fs) == 0;
    if (ret->has_disk)
        ret->disk_free_bytes = (uint64_t)fs.f_bavail * (uint64_t)fs.f_frsize;
}

static void log_change(const struct alarms *a, unsigned changed, unsigned alarms)
{
    const struct alarm_limits *limits = &a->facts.limits;
    const struct alarm_readings *now = &a->facts.readings;

    if (changed & BROKER_ALARM_MEMORY)
        log_line(alarms & BROKER_ALARM_MEMORY ? LOG_WARNING : LOG_INFO,
                 "memory alarm %s: %llu bytes used, the limit is %llu; publishers are %s",
                 alarms & BROKER_ALARM_MEMORY ? "set" : "cleared",
                 (unsigned long long)alarms_memory_in_use(now),
                 (unsigned long long)limits->memory_bytes, alarms ? "held up" : "served again");
    if (changed & BROKER_ALARM_DISK)
        log_line(alarms & BROKER_ALARM_DISK ? LOG_WARNING : LOG_INFO,
                 "disk alarm %s: %llu bytes free at %s, the limit is %llu; publishers are %s",
                 alarms & BROKER_ALARM_DISK ? "set" : "cleared",
                 (unsigned long long)now->disk_free_bytes, a->data_dir,
                 (unsigned long long)limits->disk_free_bytes, alarms ? "held up" : "served again");
}

static void tell_events(struct broker *broker, unsigned changed, unsigned alarms)
{
    if (changed & BROKER_ALARM_MEMORY)
        event_alarm(broker, "memory", alarms & BROKER_ALARM_MEMORY);
    if (changed & BROKER_ALARM_DISK)
        event_alarm(broker, "disk", alarms & BROKER_ALARM_DISK);
}

static void tell_loop(struct loop *at, struct mail *mail)
{
    (void)mail;
    sessions_alarms_changed(at);
}

static void spread(struct loop *loop, struct broker *broker)
{
    struct mail mail = {.deliver = tell_loop};
    for (unsigned i = 0; i < loops_count(broker->topology.loops); i++)
        loop_mail(loop, loops_at(broker->topology.loops, i), &mail);
}

static void relieve_loop(struct loop *at, struct mail *mail)
{
    struct broker *broker = mail->a;
    queues_relieve(&broker->topology, at);
}

/* Queues page out before publishers are held up. */
static void watch_shortage(struct loop *loop, struct broker *broker, bool is_short)
{
    if (atomic_exchange(&broker->is_short_of_memory, is_short) == is_short || !is_short)
        return;
    log_info("memory is short: queues keep less of what waits in them in memory");
    struct mail mail = {.deliver = relieve_loop, .a = broker};
    for (unsigned i = 0; i < loops_count(broker->topology.loops); i++)
        loop_mail(loop, loops_at(broker->topology.loops, i), &mail);
}

static void give_back(struct loop *at, struct mail *mail)
{
    struct alarms *a = mail->a;
    atomic_store_explicit(&a->spare_bytes[loop_index(at)], lv_memory_give_back(),
                          memory_order_relaxed);
}

enum { ASK_EVERY_MS = 1000, TIDY_MS = 10000 };

/* Far from the limit, too, now and then: what one busy hour has left need not stay for good. */
enum { SPARE_TIME_MS = 10000, SMALL_BYTES = 24 * 1024 * 1024 };

static void ask_for_memory(struct loop *loop, struct alarms *a, uint64_t every_ms)
{
    uint64_t now_ms = loop_now_ms(loop);
    if (now_ms - a->asked_at_ms < every_ms)
        return;
    a->asked_at_ms = now_ms;
    struct mail mail = {.deliver = give_back, .a = a};
    for (unsigned i = 0; i < loops_count(a->broker->topology.loops); i++)
        loop_mail(loop, loops_at(a->broker->topology.loops, i), &mail);
}

/* From here on memory is short. */
static bool is_near_limit(const struct alarms *a, uint64_t bytes)
{
    return bytes > a->facts.limits.memory_bytes / 4 * 3;
}

/* Begins near the limit, and goes on for a while after that, since much may be freed then. */
static void tidy(struct loop *loop, struct alarms *a, uint64_t bytes)
{
    bool is_near = is_near_limit(a, bytes);
    uint64_t now_ms = loop_now_ms(loop);
    if (is_near)
        a->near_at_ms = now_ms;
    bool is_tidy = is_near || (a->is_tidy && now_ms - a->near_at_ms < TIDY_MS);
    if (is_tidy != a->is_tidy)
        lv_memory_keep_freed(!is_tidy);
    a->is_tidy = is_tidy;
    if (is_tidy) {
        ask_for_memory(loop, a, ASK_EVERY_MS);
        return;
    }
    if (bytes > SMALL_BYTES)
        ask_for_memory(loop, a, SPARE_TIME_MS);
    for (unsigned i = 0; i < loops_count(a->broker->topology.loops); i++)
        atomic_store_explicit(&a->spare_bytes[i], 0, memory_order_relaxed);
}

static void first_look(struct loop *at, struct mail *mail);

/* On a thread of the store. */
static void look_at_once(void *arg)
{
    struct alarms *a = arg;
    struct mail mail = {.deliver = first_look, .a = a};
    loop_mail_from_outside(loops_at(a->broker->topology.loops, 0), &mail);
}

static void look(struct loop *loop, struct alarms *a)
{
    struct alarm_readings readings;
    take_readings(a, &readings);
    pthread_mutex_lock(&a->lock);
    a->facts.readings = readings;
    pthread_mutex_unlock(&a->lock);

    tidy(loop, a, readings.memory_bytes);
    watch_shortage(loop, a->broker,
                   readings.has_memory && is_near_limit(a, alarms_memory_in_use(&readings)));
    const unsigned ours = BROKER_ALARM_MEMORY | BROKER_ALARM_DISK;
    unsigned was = atomic_load_explicit(&a->broker->alarms, memory_order_relaxed) & ours;
    unsigned is = alarms_decide(&a->facts.limits, &readings);
    if (is != was) {
        unsigned all = atomic_fetch_xor(&a->broker->alarms, is ^ was) ^ is ^ was;
        log_change(a, is ^ was, all);
        tell_events(a->broker, is ^ was, is);
        spread(loop, a->broker);
    }
    struct journal_loop *store = journal_of(loop);
    if (store)
        journal_watch_room(store->journal, a->facts.limits.disk_free_bytes, is & BROKER_ALARM_DISK,
                           look_at_once, a);
    loop_timer_start(loop, &a->timer, alarms_next_look_ms(&a->facts.limits, &readings));
}

void alarms_log_space(void *broker_arg, bool has_room)
{
    struct broker *broker = broker_arg;
    if (has_room)
        atomic_fetch_and(&broker->alarms, ~(unsigned)BROKER_ALARM_LOG);
    else
        atomic_fetch_or(&broker->alarms, BROKER_ALARM_LOG);
    log_line(has_room ? LOG_INFO : LOG_WARNING,
             has_room ? "the disk has room for the log again; publishers are served again"
                      : "the disk has no room for the log; publishers are held up until it has");
    event_alarm(broker, "log", !has_room);
    struct mail mail = {.deliver = tell_loop};
    for (unsigned i = 0; i < loops_count(broker->topology.loops); i++)
        loop_mail_from_outside(loops_at(broker->topology.loops, i), &mail);
}

static void timer_fired(struct loop *loop, struct loop_timer *timer)
{
    look(loop, lv_container_of(timer, struct alarms, timer));
}

static void first_look(struct loop *at, struct mail *mail)
{
    look(at, mail->a);
}

struct alarms *alarms_create(struct broker *broker, const char *data_dir,
                             const struct config *config)
{
    struct alarms *a = lv_calloc(1, sizeof *a);
    a->broker = broker;
    a->data_dir = data_dir;
    pthread_mutex_init(&a->lock, NULL);
    a->facts.total_bytes = alarms_total_memory();
    alarms_limits_of(config, a->facts.total_bytes, &a->facts.limits);
    take_readings(a, &a->facts.readings);
    loop_timer_init(&a->timer, timer_fired);
    return a;
}

void alarms_start(struct alarms *a)
{
    struct mail mail = {.deliver = first_look, .a = a};
    loop_mail_from_outside(loops_at(a->broker->topology.loops, 0), &mail);
}

void alarms_configure(struct alarms *a, const struct config *config)
{
    struct alarm_limits limits;
    alarms_limits_of(config, a->facts.total_bytes, &limits);
    pthread_mutex_lock(&a->lock);
    a->facts.limits = limits;
    pthread_mutex_unlock(&a->lock);
    look(loops_at(a->broker->topology.loops, 0), a);
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
