/* The start, in an order in which each part finds what it depends on:
 *
 *   log level, descriptors -> data directory and its lock -> definitions -> loops, auth, broker
 *   -> recovery, or the first boot -> the log -> sessions -> listeners -> control socket -> alarms
 *
 * Messages are read from the log meanwhile (restoring.c).
 *
 * Whatever fails is said once, here, with what to do about it; the exit code tells which part. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "broker/broker_journal.h"
#include "leveretd/leveretd.h"
#include "leveretd/recovery.h"
#include "store/data_dir.h"
#include "topology/vhost.h"

static uint64_t monotonic_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Descriptors that connections leave to files. Of these the log, the definitions and the control
 * need DESCRIPTORS_FIXED, and the rest is for segments. */
enum { DESCRIPTORS_FOR_FILES_MIN = 16, DESCRIPTORS_FOR_FILES_MAX = 268, DESCRIPTORS_FIXED = 12 };

static unsigned descriptors_for_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        limit.rlim_cur / 4 < (rlim_t)DESCRIPTORS_FOR_FILES_MIN)
        return DESCRIPTORS_FOR_FILES_MIN;
    return limit.rlim_cur / 4 < (rlim_t)DESCRIPTORS_FOR_FILES_MAX ? (unsigned)limit.rlim_cur / 4
                                                                  : DESCRIPTORS_FOR_FILES_MAX;
}

/* Each connection is a descriptor, so we take as many as we may have. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warning("the limit of open files stays as it is: %s", strerror(errno));
}

/* --- parts ------------------------------------------------------------------------------------ */

static const char *event_vhost(const struct config *config)
{
    return config->event_exchange_vhost[0] ? config->event_exchange_vhost : config->default_vhost;
}

/* Before anything is written: at a first start there will be one vhost. */
static int check_first_start(const struct leveretd *d)
{
    const struct config *config = d->config;
    if (data_dir_has_definitions(config->data_dir) || data_dir_has_log(config->data_dir) ||
        strcmp(event_vhost(config), config->default_vhost) == 0)
        return EXIT_OK;
    config_complain(config, CONFIG_event_exchange_vhost,
                    "at the first start the vhost that is made (default_vhost)", config_say_log,
                    NULL);
    return OPTIONS_EXIT_CONFIG;
}

int leveretd_lock(struct leveretd *d)
{
    const char *dir = d->config->data_dir;
    int err = data_dir_create(dir);
    if (err < 0) {
        log_error("cannot make the data directory %s: %s (see --data-dir)", dir,
                  lv_error_reason(err));
        return EXIT_DATA_DIR;
    }
    err = data_dir_lock(dir, &d->lock_fd);
    if (err == ERR_BUSY) {
        log_error("the data directory %s is in use by another leveretd: stop it, or choose another "
                  "with --data-dir",
                  dir);
        return EXIT_DATA_DIR_BUSY;
    }
    if (err < 0) {
        log_error("cannot lock the data directory %s: %s", dir, lv_error_reason(err));
        return EXIT_DATA_DIR;
    }
    return EXIT_OK;
}

static int refuse_without_definitions(const char *dir)
{
    log_error(
        "%s has messages, but no " DEFINITIONS_FILE ": its users, queues and bindings are lost, "
        "and this is no first start. Nothing was changed. Put " DEFINITIONS_FILE
        " back, and " DEFINITIONS_FILE "-wal if there is one; or make the queues anew from the "
        "log with: leveretd --recover-definitions",
        dir);
    return EXIT_DEFINITIONS;
}

/* A first start makes the definitions before it makes the log, so a crash in it leaves no log
 * alone. */
static int open_definitions(struct leveretd *d)
{
    const char *dir = d->config->data_dir;
    if (!data_dir_has_definitions(dir) && (data_dir_has_log(dir) || data_dir_has_segments(dir)))
        return refuse_without_definitions(dir);
    int err = definitions_open(dir, &d->definitions);
    if (err < 0) {
        log_error("cannot open %s/" DEFINITIONS_FILE ": %s%s", dir, lv_error_reason(err),
                  err == ERR_FORMAT ? " (is " DEFINITIONS_FILE
                                      "-wal missing beside it? put it back)"
                                    : "");
        return EXIT_DEFINITIONS;
    }
    if (!definitions_are_behind(d->definitions))
        return EXIT_OK;
    log_error("%s/" DEFINITIONS_FILE
              " is older than it was when the broker ran last: users, queues "
              "and bindings are missing in it. Nothing was changed. Put the newer file back, and "
              "above all " DEFINITIONS_FILE "-wal; or go on with this one, and the queues that the "
              "log knows, after: leveretd --recover-definitions",
              dir);
    return EXIT_DEFINITIONS;
}

/* The log is made at the first start, before there can be a queue. */
static int check_log(const struct leveretd *d, const struct recovery *recovered)
{
    const char *dir = d->config->data_dir;
    bool has_segments = data_dir_has_segments(dir);
    if (data_dir_has_log(dir) || d->options.begins_new_log ||
        (recovered->queues == 0 && !has_segments))
        return EXIT_OK;
    log_error(
        "%s has definitions of %zu queue%s, but no log: the messages are lost. Nothing was "
        "changed. Put the folder log back%s; or start with empty queues, once, with: leveretd "
        "--new-log",
        dir, recovered->queues, recovered->queues == 1 ? "" : "s",
        has_segments ? "" : ", and the folder segments");
    return EXIT_DEFINITIONS;
}

static unsigned loops_wanted(const struct config *config)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t count = config->loops > 0 ? config->loops : cpus > 0 ? cpus : 1;
    return count > LOOPS_MAX ? LOOPS_MAX : (unsigned)count;
}

/* Whether there are vhosts, and the one that the config names for events is none of them. */
static bool lacks_event_vhost(const struct leveretd *d)
{
    const char *named = d->config->event_exchange_vhost;
    return lv_table_count(d->broker->topology.vhosts) > 0 && named[0] &&
           !vhost_find(&d->broker->topology, slice_str(named));
}

static int recover(struct leveretd *d, struct recovery *ret)
{
    int err = recovery_load(d->definitions, d->auth, d->broker, ret);
    if (err < 0) {
        log_error("cannot read the definitions in %s: %s", d->config->data_dir,
                  lv_error_reason(err));
        return EXIT_DEFINITIONS;
    }
    int code = check_log(d, ret);
    if (code != EXIT_OK)
        return code;
    if (lacks_event_vhost(d)) {
        config_complain(d->config, CONFIG_event_exchange_vhost, "a vhost that exists",
                        config_say_log, NULL);
        return OPTIONS_EXIT_CONFIG;
    }
    if (recovery_first_boot(d->config, d->auth, d->broker))
        log_info("first start in %s: made vhost '%s' and user '%s'", d->config->data_dir,
                 d->config->default_vhost, d->config->default_user);
    return EXIT_OK;
}

/* The messages: after the definitions, whose queues they go into. */
static int open_store(struct leveretd *d)
{
    static const enum log_durability durabilities[] = {
        [CONFIG_DURABILITY_SYNC] = LOG_SYNC,
        [CONFIG_DURABILITY_INTERVAL] = LOG_INTERVAL,
        [CONFIG_DURABILITY_NONE] = LOG_NEVER,
    };
    struct journal_options options = {
        .durability = durabilities[d->config->durability],
        .file_bytes = LOG_FILE_BYTES,
        .interval_ms = (unsigned)d->config->durability_interval_ms,
        .segment_files_open_max = descriptors_for_files() - DESCRIPTORS_FIXED,
        .on_space = alarms_log_space,
        .arg = d->broker,
    };
    d->disk = disk_posix_create(d->config->data_dir);
    options.disk = d->disk;
    int err = broker_open_journal(d->broker, &options, &d->journal);
    if (err == 0)
        err = restoring_begin(d);
    if (err == 0)
        return EXIT_OK;
    log_error("cannot open the log in %s: %s", d->config->data_dir, lv_error_reason(err));
    return EXIT_DEFINITIONS;
}

static int go_on_restoring(struct leveretd *d)
{
    int err = restoring_go_on(d);
    if (err == 0)
        return EXIT_OK;
    log_error("cannot start a thread that reads the log: %s", lv_error_text(err));
    return EXIT_DEFINITIONS;
}

static void stop_mailed(struct loop *at, struct mail *mail)
{
    (void)at;
    leveretd_stop(mail->a);
}

static void stop_asked(void *arg)
{
    struct leveretd *d = arg;
    struct mail mail = {.deliver = stop_mailed, .a = d};
    loop_mail_from_outside(loops_at(d->loops, 0), &mail);
}

static int open_control(struct leveretd *d)
{
    const struct control_world world = {
        .loops = d->loops,
        .broker = d->broker,
        .auth = d->auth,
        .sessions = &d->sessions,
        .data_dir = d->config->data_dir,
        .node_name = d->cluster_name,
        .arg = d,
        .stop = stop_asked,
        .facts = leveretd_facts,
        .environment = leveretd_environment,
    };
    int err = control_start(&world, &d->control);
    if (err == 0)
        return EXIT_OK;
    log_error("cannot open the control socket %s/" CONTROL_SOCKET_FILE ": %s%s",
              d->config->data_dir, lv_error_reason(err),
              err == ERR_TOO_LARGE ? " (the path has more than 107 bytes)" : "");
    return EXIT_DATA_DIR;
}

/* --- settings --------------------------------------------------------------------------------- */

static void name_ourselves(struct leveretd *d)
{
    struct utsname system;
    if (uname(&system) != 0)
        memset(&system, 0, sizeof system);
    snprintf(d->platform, sizeof d->platform, "%s %s", system.sysname, system.machine);
    if (d->config->cluster_name[0]) {
        snprintf(d->cluster_name, sizeof d->cluster_name, "%s", d->config->cluster_name);
        return;
    }
    system.nodename[strcspn(system.nodename, ".")] = '\0';
    snprintf(d->cluster_name, sizeof d->cluster_name, "leveret@%s", system.nodename);
}

/* Messages that are not whole yet may take a quarter of the memory limit, split evenly among the
 * loops, and at least BYTES_MIN a loop. */
static uint64_t unfinished_bytes_max(const struct leveretd *d)
{
    enum { BYTES_MIN = 4 * 1024 * 1024 };
    struct alarm_limits limits;
    alarms_limits_of(d->config, alarms_total_memory(), &limits);
    uint64_t bytes = limits.memory_bytes / 4 / loops_count(d->loops);
    return bytes > BYTES_MIN ? bytes : BYTES_MIN;
}

static void set_sessions(struct leveretd *d)
{
    const struct config *config = d->config;
    struct session_settings *s = &d->sessions.settings;
    s->product = config->server_product;
    s->version = config->server_version;
    s->frame_bytes_max = (uint32_t)config->frame_bytes_max;
    s->initial_frame_bytes_max = (uint32_t)config->initial_frame_bytes_max;
    s->channel_max = (uint16_t)config->channel_max;
    s->heartbeat_s = (uint16_t)config->heartbeat_s;
    s->handshake_timeout_ms = (uint32_t)config->handshake_timeout_ms;
    s->send_timeout_ms = (uint32_t)config->send_timeout_ms;
    s->message_bytes_max = (uint64_t)config->message_bytes_max;
    s->unfinished_bytes_max = unfinished_bytes_max(d);
    s->connections_max = config->connection_max; /* CONFIG_NONE is below 0 */
    s->qos_reaches_running = config->qos_reaches_running;
    s->forgets_histories = config->republished_x_death == CONFIG_X_DEATH_IGNORE;
}

static void set_loopback_users(struct leveretd *d)
{
    const struct config_flags *users = &d->config->loopback_users;
    struct slice *names = lv_calloc(users->count + 1, sizeof *names);
    for (size_t i = 0; i < users->count; i++)
        names[i] = slice_str(users->names[i]);
    auth_set_loopback_users(d->auth, names, users->count);
    free(names);
}

static void set_broker(struct leveretd *d)
{
    const struct config *config = d->config;
    d->broker->topology.is_type_relaxed = config->is_queue_type_relaxed;
    d->broker->topology.consumer_timeout_ms =
        config->consumer_timeout_ms == CONFIG_NONE ? 0 : (uint64_t)config->consumer_timeout_ms;
}

void leveretd_apply(struct leveretd *d)
{
    log_set_level(config_log_level(d->config));
    set_loopback_users(d);
    set_sessions(d);
    set_broker(d);
    listeners_configure(&d->listeners, d->config);
    atomic_store(&d->broker->topology.default_queue_type,
                 config_word(CONFIG_QUEUE_TYPES, d->config->default_queue_type));
    if (d->alarms)
        alarms_configure(d->alarms, d->config);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void say_started(const struct leveretd *d, const struct recovery *r)
{
    struct lv_buffer where = {0};
    listeners_print(&d->listeners, &where);
    uint64_t us = monotonic_us() - d->begun_us;
    unsigned loops = loops_count(d->loops);
    log_info("leveretd " LEVERET_VERSION " listens on %.*s, %s/" CONTROL_SOCKET_FILE
             " (control): %u loop%s, %zu queue%s recovered, started in %" PRIu64 ".%" PRIu64 " ms",
             (int)where.n, (const char *)where.p, d->config->data_dir, loops, loops == 1 ? "" : "s",
             r->queues, r->queues == 1 ? "" : "s", us / 1000, us / 100 % 10);
    lv_buffer_free(&where);
}

static void signal_stop(void *arg, int signal_number)
{
    log_info("%s received", signal_number == SIGINT ? "SIGINT" : "SIGTERM");
    leveretd_stop(arg);
}

static void signal_reload(void *arg, int signal_number)
{
    (void)signal_number;
    leveretd_reload(arg);
}

int leveretd_start(struct leveretd *d)
{
    struct recovery recovery = {0};
    int code;

    log_set_level(config_log_level(d->config));
    raise_descriptor_limit();
    net_leave_descriptors(descriptors_for_files());
    if ((code = check_first_start(d)) != EXIT_OK || (code = leveretd_lock(d)) != EXIT_OK ||
        (code = open_definitions(d)) != EXIT_OK)
        return code;

    name_ourselves(d);
    d->loops = loops_create(loops_wanted(d->config));
    d->clock_keeper = clock_keeper_create(d->config->data_dir, d->loops);
    loops_on_signal(d->loops, SIGTERM, signal_stop, d);
    loops_on_signal(d->loops, SIGINT, signal_stop, d);
    loops_on_signal(d->loops, SIGHUP, signal_reload, d);
    d->auth = auth_create(d->definitions);
    d->broker = broker_create(d->loops, d->definitions);
    d->broker->topology.node_name = d->cluster_name;
    d->broker->topology.event_vhost = event_vhost(d->config);
    d->sessions.broker = d->broker;
    d->sessions.auth = d->auth;
    d->sessions.settings.leveret_version = LEVERET_VERSION;
    d->sessions.settings.platform = d->platform;
    d->sessions.settings.cluster_name = d->cluster_name;
    if ((code = recover(d, &recovery)) != EXIT_OK || (code = open_store(d)) != EXIT_OK)
        return code;

    log_thread_start(); /* from here on a slow reader of the log holds up nobody */
    leveretd_apply(d);
    net_init(d->loops);
    sessions_start(d->loops, &d->sessions);
    d->is_serving = true;
    d->alarms = alarms_create(d->broker, d->config->data_dir, d->config);
    if ((code = listeners_open(&d->listeners, d->loops, d->config, &d->sessions)) != EXIT_OK ||
        (code = open_control(d)) != EXIT_OK)
        return code;
    listeners_configure(&d->listeners, d->config);
    if ((code = go_on_restoring(d)) != EXIT_OK)
        return code;
    alarms_start(d->alarms);
    clock_keeper_begin(d->clock_keeper);
    loops_start(d->loops);
    say_started(d, &recovery);
    return EXIT_OK;
}

void leveretd_begin(struct leveretd *d)
{
    d->begun_us = monotonic_us();
    d->begun_up_ms = clock_up_ms();
    d->lock_fd = -1;
}
