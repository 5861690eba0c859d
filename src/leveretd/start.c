/* The start, in an order in which each part finds the parts it depends on:
 *
 *   log level, descriptors -> data directory and its lock -> definitions -> loops, auth, broker
 *   -> recovery, or the first start -> the log -> sessions -> listeners -> control socket -> HTTP
 *   -> alarms
 *
 * The messages of a long log are read meanwhile, on a thread of its own (restoring.c).
 *
 * An error is logged once, here, with what to do about it; the exit code tells which part failed.
 */
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

#include "base/assert.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/log_output.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "broker/broker_journal.h"
#include "leveretd/http_services.h"
#include "leveretd/leveretd.h"
#include "leveretd/load_definitions.h"
#include "leveretd/log_config.h"
#include "leveretd/log_exchange.h"
#include "leveretd/operators.h"
#include "leveretd/recovery.h"
#include "leveretd/service_notify.h"
#include "leveretd/statistics_config.h"
#include "leveretd/vhost_defaults_config.h"
#include "leveretd/watchdog.h"
#include "manage/jobs.h"
#include "manage/message_traces.h"
#include "store/data_dir.h"
#include "store/version_file.h"
#include "topology/vhost.h"

static uint64_t monotonic_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Descriptors that are kept for files, so that connections may not use them. DESCRIPTORS_FIXED of
 * these are for the log, the definitions and the control socket, the rest for segments. */
enum { DESCRIPTORS_FOR_FILES_MIN = 16, DESCRIPTORS_FOR_FILES_MAX = 268, DESCRIPTORS_FIXED = 12 };
_Static_assert((int)DESCRIPTORS_FOR_FILES_MIN > (int)DESCRIPTORS_FIXED, "some are for segments");

/* Returns a quarter of the descriptors the process may have, within the bounds above. */
static unsigned descriptors_for_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        limit.rlim_cur / 4 < (rlim_t)DESCRIPTORS_FOR_FILES_MIN)
        return DESCRIPTORS_FOR_FILES_MIN;
    return limit.rlim_cur / 4 < (rlim_t)DESCRIPTORS_FOR_FILES_MAX ? (unsigned)limit.rlim_cur / 4
                                                                  : DESCRIPTORS_FOR_FILES_MAX;
}

/* Raises the limit of open files as far as permitted: each connection needs a descriptor. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warning("cannot raise the limit of open files: %s", strerror(errno));
}

/* --- event_exchange.vhost --------------------------------------------------------------------- */

static const char *event_vhost(const struct config *config)
{
    return config->event_exchange_vhost[0] ? config->event_exchange_vhost : config->default_vhost;
}

static int refuse_event_vhost(const struct config *config, const char *expected)
{
    config_complain(config, CONFIG_event_exchange_vhost, expected, config_say_log, NULL);
    return OPTIONS_EXIT_CONFIG;
}

/* A first start creates one vhost, default_vhost, so events can be published in no other. */
static int check_event_vhost_of_first_start(const struct config *config)
{
    bool is_loaded = config_loads_definitions(config); /* the files may have the vhost */
    if (is_loaded || strcmp(event_vhost(config), config->default_vhost) == 0)
        return EXIT_OK;
    return refuse_event_vhost(config, "the value of default_vhost, the only vhost at the first "
                                      "start");
}

/* Checks event_exchange.vhost if this is a first start. Called before the data directory is
 * touched. */
static int check_first_start(const struct leveretd *d)
{
    const char *dir = d->config->data_dir;
    if (data_dir_has_definitions(dir) || data_dir_has_log(dir))
        return EXIT_OK;
    return check_event_vhost_of_first_start(d->config);
}

static int refuse_definitions(const struct leveretd *d, int err)
{
    log_error("cannot read the definitions in %s: %s", d->config->data_dir, lv_error_reason(err));
    return EXIT_DEFINITIONS;
}

/* What check_event_vhost() finds in the definitions. */
struct vhost_search {
    struct slice name;
    bool is_found;
    size_t vhosts;
    size_t users;
};

static int search_vhost(void *arg, const struct definition_vhost *row)
{
    struct vhost_search *search = arg;
    search->vhosts++;
    search->is_found |= slice_equal(row->name, search->name);
    return 0;
}

static int search_user(void *arg, const struct definition_user *row)
{
    struct vhost_search *search = arg;
    (void)row;
    search->users++;
    return 0;
}

/* Checks against the definitions the vhost that the config names, as soon as they are open and
 * before anything in them is changed. If the operator has deleted every vhost, any name is fine. */
static int check_event_vhost(const struct leveretd *d)
{
    static const struct definitions_visitor visitor = {.vhost = search_vhost, .user = search_user};
    struct vhost_search search = {.name = slice_str(d->config->event_exchange_vhost)};
    if (search.name.n == 0)
        return EXIT_OK;
    int err = definitions_load(d->definitions, &visitor, &search);
    if (err < 0)
        return refuse_definitions(d, err);
    if (search.is_found || (search.vhosts == 0 && search.users > 0))
        return EXIT_OK;
    if (search.vhosts == 0) /* a first start that was interrupted before it created the vhost */
        return check_event_vhost_of_first_start(d->config);
    return refuse_event_vhost(d->config, "a vhost that exists");
}

/* --- the data directory ----------------------------------------------------------------------- */

int leveretd_open_log(const struct leveretd *d)
{
    return log_config_apply(d->config) < 0 ? EXIT_DATA_DIR : EXIT_OK;
}

static int create_and_lock(struct leveretd *d)
{
    const char *dir = d->config->data_dir;
    int err = data_dir_create(dir);
    if (err < 0) {
        log_error("cannot create the data directory %s: %s (see --data-dir)", dir,
                  lv_error_reason(err));
        return EXIT_DATA_DIR;
    }
    err = data_dir_lock(dir, &d->lock_fd);
    if (err == ERR_BUSY) {
        log_error("the data directory %s is in use by another leveretd: stop it, or choose another "
                  "directory with --data-dir",
                  dir);
        return EXIT_DATA_DIR_BUSY;
    }
    if (err < 0) {
        log_error("cannot lock the data directory %s: %s", dir, lv_error_reason(err));
        return EXIT_DATA_DIR;
    }
    return EXIT_OK;
}

/* A reset may have been interrupted by the end of the process, or by an error. */
static int finish_reset(const struct leveretd *d)
{
    const char *dir = d->config->data_dir;
    int err = data_dir_finish_reset(dir);
    if (err == 0)
        return EXIT_OK;
    log_error("cannot finish the reset of %s that was interrupted: %s", dir, lv_error_reason(err));
    return EXIT_DATA_DIR;
}

/* A newer Leveret may have written what this one would misread. */
static int check_version(const struct leveretd *d)
{
    int err = version_file_check(d->config->data_dir);
    if (err == 0)
        return EXIT_OK;
    log_error("cannot open the data directory %s: %s. Nothing was changed", d->config->data_dir,
              lv_error_reason(err));
    return EXIT_DEFINITIONS;
}

static void write_version(const struct leveretd *d)
{
    int err = version_file_write(d->config->data_dir);
    if (err < 0)
        log_warning("cannot write %s/version, so older releases will not refuse this directory by "
                    "its version: %s",
                    d->config->data_dir, lv_error_reason(err));
}

int leveretd_lock(struct leveretd *d)
{
    bool is_locked = d->lock_fd >= 0; /* since before the application was stopped */
    int code = is_locked ? EXIT_OK : create_and_lock(d);
    if (code == EXIT_OK)
        code = check_version(d);
    return code == EXIT_OK ? finish_reset(d) : code;
}

static int refuse_without_definitions(const char *dir)
{
    log_error("%s contains messages but no " DEFINITIONS_FILE
              ": its users, queues and bindings are missing. Nothing was changed. "
              "Restore " DEFINITIONS_FILE ", and " DEFINITIONS_FILE
              "-wal if there is one; or recreate the queues from the log with: leveretd "
              "--recover-definitions",
              dir);
    return EXIT_DEFINITIONS;
}

/* A first start creates the definitions before the log, so a crash never leaves a log without
 * definitions. */
static int open_definitions(struct leveretd *d)
{
    const char *dir = d->config->data_dir;
    if (!data_dir_has_definitions(dir) && (data_dir_has_log(dir) || data_dir_has_segments(dir)))
        return refuse_without_definitions(dir);
    int err = definitions_open(dir, &d->definitions);
    if (err < 0) {
        log_error("cannot open %s/" DEFINITIONS_FILE ": %s%s", dir, lv_error_reason(err),
                  err == ERR_FORMAT ? " (if " DEFINITIONS_FILE "-wal is missing, restore it)" : "");
        return EXIT_DEFINITIONS;
    }
    if (!definitions_are_behind(d->definitions))
        return EXIT_OK;
    log_error("%s/" DEFINITIONS_FILE
              " is older than it was when the broker last ran: it lacks users, queues or bindings. "
              "Nothing was changed. Restore the newer file, and above all " DEFINITIONS_FILE
              "-wal; or keep this one and recreate the queues that only the log has with: leveretd "
              "--recover-definitions",
              dir);
    return EXIT_DEFINITIONS;
}

/* Refuses to start if there are queues' definitions or segments, but no log, unless --new-log is
 * given: the first start creates the log before there can be a queue, so the log must have been
 * lost. */
static int check_log(const struct leveretd *d, const struct recovery *recovered)
{
    const char *dir = d->config->data_dir;
    bool has_segments = data_dir_has_segments(dir);
    if (data_dir_has_log(dir) || d->options.begins_new_log ||
        (recovered->queues == 0 && !has_segments))
        return EXIT_OK;
    log_error(
        "%s contains definitions of %zu queue%s but no log: the messages are missing. Nothing "
        "was changed. Restore the directory log%s; or start once with empty queues, with: "
        "leveretd --new-log",
        dir, recovered->queues, recovered->queues == 1 ? "" : "s",
        has_segments ? "" : " and the directory segments");
    return EXIT_DEFINITIONS;
}

static unsigned loops_wanted(const struct config *config)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t count = config->loops > 0 ? config->loops : cpus > 0 ? cpus : 1;
    return count > LOOPS_MAX ? LOOPS_MAX : (unsigned)count;
}

/* Any thread: the user's password is hashed, so all of the first start can be stored. */
static void first_start_done(void *arg)
{
    definitions_release(arg);
}

static int recover_topology(struct leveretd *d, struct recovery *ret)
{
    int err = recovery_load(d->definitions, d->auth, d->broker, ret);
    if (err < 0)
        return refuse_definitions(d, err);
    int code = check_log(d, ret);
    if (code != EXIT_OK)
        return code;
    /* A vhost without a user, or whose user has no password yet, would not be a first start. */
    definitions_hold(d->definitions); /* until all of it is submitted */
    definitions_hold(d->definitions); /* until first_start_done() */
    bool is_first = recovery_first_boot(d->config, d->vhost_defaults, d->auth, d->broker,
                                        first_start_done, d->definitions);
    recovery_ensure_cluster_id(d->broker);
    definitions_release(d->definitions);
    if (is_first)
        log_info("first start in %s: created vhost '%s' and user '%s'", d->config->data_dir,
                 d->config->default_vhost, d->config->default_user);
    else
        definitions_release(d->definitions);
    return EXIT_OK;
}

/* Opens the log, once the queues that its messages belong to exist. */
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
        .segment_files_open_max = d->descriptors_for_files - DESCRIPTORS_FIXED,
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
    log_error("cannot start the thread that reads the log: %s", lv_error_text(err));
    return EXIT_DEFINITIONS;
}

/* On loop 0. */
static void stop_mailed(struct loop *at, struct mail *mail)
{
    (void)at;
    leveretd_stop(mail->a);
}

/* Any thread. */
static void stop_asked(void *arg)
{
    struct leveretd *d = arg;
    struct mail mail = {.deliver = stop_mailed, .a = d};
    loop_mail_from_outside(loops_at(d->loops, 0), &mail);
}

/* On loop 0. */
static void stop_app_mailed(struct loop *at, struct mail *mail)
{
    (void)at;
    leveretd_stop_app(mail->a);
}

/* Any thread. */
static void stop_app_asked(void *arg)
{
    struct leveretd *d = arg;
    struct mail mail = {.deliver = stop_app_mailed, .a = d};
    loop_mail_from_outside(loops_at(d->loops, 0), &mail);
}

/* Those who have asked for the end of the process see it by the end of their connections. */
static void keep_socket(void *arg, int fd)
{
    struct leveretd *d = arg;
    waiters_add(&d->waiters, fd);
}

static int open_control(struct leveretd *d)
{
    const struct control_world world = {
        .manage = &d->manage,
        .node_name = d->node_name,
        .data_dir = d->config->data_dir,
        .arg = d,
        .stop = stop_asked,
        .stop_app = stop_app_asked,
        .keep = keep_socket,
        .set_limit = leveretd_set_limit,
        .watch_disk = leveretd_watch_disk,
        .suspend_listeners = leveretd_suspend_listeners,
        .resume_listeners = leveretd_resume_listeners,
        .drain = leveretd_drain,
        .revive = leveretd_revive,
        .reserve_amqp = operators_reserve,
        .take_amqp = operators_take,
    };
    int err = control_start(&world, &d->control);
    if (err == 0)
        return EXIT_OK;
    log_error("cannot open the control socket %s/" CONTROL_SOCKET_FILE ": %s%s",
              d->config->data_dir, lv_error_reason(err),
              err == ERR_TOO_LARGE ? " (the path is longer than 107 bytes)" : "");
    return EXIT_DATA_DIR;
}

/* Writes the node's name: what is configured, with the host's name if it has none. */
static void set_node_name(struct leveretd *d, const char *host)
{
    const char *name = d->config->node_name;
    if (strchr(name, '@'))
        snprintf(d->node_name, sizeof d->node_name, "%s", name);
    else
        snprintf(d->node_name, sizeof d->node_name, "%s@%s", name[0] ? name : "leveret", host);
}

/* Sets the platform, and the names of the node and of the cluster. */
static void set_names(struct leveretd *d)
{
    struct utsname system;
    if (uname(&system) != 0)
        memset(&system, 0, sizeof system);
    snprintf(d->platform, sizeof d->platform, "%s %s", system.sysname, system.machine);
    system.nodename[strcspn(system.nodename, ".")] = '\0';
    set_node_name(d, system.nodename);
    const char *cluster_name = d->config->cluster_name;
    snprintf(d->cluster_name, sizeof d->cluster_name, "%s",
             cluster_name[0] ? cluster_name : d->node_name);
}

/* Says which files the configuration comes from. */
static void log_config_files(const struct config *config)
{
    struct lv_buffer files = {0};
    for (size_t i = 0; i < config->file_count; i++)
        lv_buffer_printf(&files, "%s%s", i ? ", " : "", config->files[i]);
    if (files.n > 0)
        log_info("config: read from %.*s", SLICE_ARG(lv_buffer_slice(&files)));
    lv_buffer_free(&files);
}

/* --- all of it -------------------------------------------------------------------------------- */

static void log_started(const struct leveretd *d, const struct recovery *r)
{
    struct lv_buffer where = {0};
    listeners_print(&d->listeners, &where);
    uint64_t us = monotonic_us() - d->begun_us;
    unsigned loops = loops_count(d->loops);
    listeners_log(&d->listeners, "started");
    log_info("Server startup complete; leveretd " LEVERET_VERSION
             " listens on %.*s, %s/" CONTROL_SOCKET_FILE
             " (control): %u loop%s, %zu queue%s recovered, started in %" PRIu64 ".%" PRIu64 " ms",
             (int)where.n, (const char *)where.p, d->config->data_dir, loops, loops == 1 ? "" : "s",
             r->queues, r->queues == 1 ? "" : "s", us / 1000, us / 100 % 10);
    struct lv_buffer status = {0};
    lv_buffer_printf(&status, "Listening on %.*s", SLICE_ARG(lv_buffer_slice(&where)));
    service_notify_ready(lv_buffer_slice(&status));
    lv_buffer_free(&status);
    lv_buffer_free(&where);
}

static void signal_stop(void *arg, int signal_number)
{
    log_info("%s received - shutting down", signal_number == SIGINT ? "SIGINT" : "SIGTERM");
    leveretd_stop(arg);
}

static void signal_reload(void *arg, int signal_number)
{
    (void)signal_number;
    leveretd_reload(arg);
}

static void create_rooms(struct leveretd *d)
{
    set_names(d);
    int err = vhost_defaults_read(d->config, &d->vhost_defaults, config_say_nothing, NULL);
    lv_assert(err == 0); /* config_check() has said what is wrong */
    d->loops = loops_create(loops_wanted(d->config));
    d->clock_keeper = clock_keeper_create(d->config->data_dir, d->loops);
    d->tls_keeper = tls_keeper_create(d->loops);
    loops_on_signal(d->loops, SIGTERM, signal_stop, d);
    loops_on_signal(d->loops, SIGINT, signal_stop, d);
    loops_on_signal(d->loops, SIGHUP, signal_reload, d);
    d->auth = auth_create(d->definitions);
    leveretd_apply_hashing(d); /* before the first user is created */
    d->broker = broker_create(d->loops, d->definitions);
    d->broker->topology.node_name = d->node_name;
    d->broker->topology.event_vhost = event_vhost(d->config);
    d->broker->topology.log_vhost = d->config->log_exchange ? d->config->default_vhost : NULL;
    d->sessions.broker = d->broker;
    d->sessions.auth = d->auth;
    d->sessions.settings.leveret_version = LEVERET_VERSION;
    d->sessions.settings.platform = d->platform;
    d->sessions.settings.cluster_name = d->cluster_name;
    d->node_source = leveretd_node_source(d);
    d->manage = (struct manage){
        .loops = d->loops,
        .asker = asker_create(d->loops),
        .broker = d->broker,
        .auth = d->auth,
        .sessions = &d->sessions,
        .node_name = d->node_name,
        .vhost_defaults = d->vhost_defaults,
        .node = &d->node_source,
    };
    d->manage.jobs = jobs_create(&d->manage);
    d->manage.traces = message_traces_create(&d->manage);
}

int leveretd_start(struct leveretd *d)
{
    lv_assert(d->config && d->begun_us > 0 && !d->loops);
    log_set_level(config_log_level(d->config));
    log_config_files(d->config);
    if (!log_threads_are_running())
        log_thread_start(); /* from here on a slow reader of the log blocks nobody */
    raise_descriptor_limit();
    d->descriptors_for_files = descriptors_for_files();
    net_leave_descriptors(d->descriptors_for_files);
    int code;
    if ((code = check_first_start(d)) != EXIT_OK || (code = leveretd_lock(d)) != EXIT_OK ||
        (code = leveretd_open_log(d)) != EXIT_OK || (code = open_definitions(d)) != EXIT_OK ||
        (code = check_event_vhost(d)) != EXIT_OK)
        return code;

    create_rooms(d);
    auth_start_threads(d->auth);
    struct recovery recovery = {0};
    if ((code = recover_topology(d, &recovery)) != EXIT_OK || (code = open_store(d)) != EXIT_OK)
        return code;

    write_version(d);
    leveretd_apply(d);
    if (leveretd_apply_chain(d) < 0)
        return OPTIONS_EXIT_CONFIG;
    if ((code = leveretd_load_definitions(d)) != EXIT_OK)
        return code;
    net_init(d->loops);
    sessions_start(d->loops, &d->sessions);
    d->is_serving = true;
    d->alarms = alarms_create(d->broker, d->config->data_dir, d->config);
    if ((code = listeners_open(&d->listeners, d->loops, d->config, &d->sessions,
                               tls_keeper_server(d->tls_keeper, CONFIG_TLS_AMQP))) != EXIT_OK ||
        (code = statistics_open(d)) != EXIT_OK || (code = open_control(d)) != EXIT_OK ||
        (code = http_services_open(d)) != EXIT_OK)
        return code;
    listeners_configure(&d->listeners, d->config);
    if ((code = go_on_restoring(d)) != EXIT_OK)
        return code;
    alarms_start(d->alarms);
    clock_keeper_begin(d->clock_keeper);
    tls_keeper_start(d->tls_keeper);
    log_exchange_start(d->broker, d->node_name, d->config);
    if ((code = http_services_start(d->http)) != EXIT_OK)
        return code;
    loops_start(d->loops);
    watchdog_watch(d->loops);
    log_started(d, &recovery);
    return EXIT_OK;
}

void leveretd_begin_again(struct leveretd *d)
{
    d->begun_us = monotonic_us();
}

void leveretd_begin(struct leveretd *d)
{
    d->begun_us = monotonic_us();
    d->begun_up_ms = clock_up_ms();
    d->lock_fd = -1;
}
