/* The broker as a process: the parts that main() builds in order and takes down in the opposite
 * order. */
#ifndef LEVERET_LEVERETD_LEVERETD_H
#define LEVERET_LEVERETD_LEVERETD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/auth.h"
#include "base/assert.h"
#include "broker/broker.h"
#include "control/control.h"
#include "leveretd/alarms.h"
#include "leveretd/clock_keeper.h"
#include "leveretd/config.h"
#include "leveretd/listeners.h"
#include "leveretd/live_limits.h"
#include "leveretd/options.h"
#include "leveretd/tls_keeper.h"
#include "leveretd/waiters.h"
#include "loop/loop.h"
#include "manage/manage.h"
#include "manage/node.h"
#include "net/net.h"
#include "paging/journal.h"
#include "session/session.h"
#include "store/definitions.h"

/* The exit codes of leveretd, numbered as in sysexits.h and listed in docs/man/leveretd.8. There
 * are also OPTIONS_EXIT_USAGE (64) and OPTIONS_EXIT_CONFIG (78). */
enum exit_code {
    EXIT_OK = 0,
    EXIT_DEFINITIONS = 65,   /* the definitions, the log or all of the directory cannot be read */
    EXIT_LISTEN = 69,        /* cannot listen on an address */
    EXIT_DATA_DIR = 73,      /* the data directory, or its control socket, cannot be created */
    EXIT_DATA_DIR_BUSY = 75, /* another broker uses the data directory */
};

enum { LOG_FILE_BYTES = 16 * 1024 * 1024 };

/* The config in force, or one before it. Other rooms borrow strings of the settings for the life of
 * the process, so a reload never frees a config. */
struct config_history {
    struct config *config;
    struct config_history *older;
};

struct http_services;  /* see http_services.h */
struct shutdown;       /* see shutdown.c */
struct vhost_defaults; /* see manage/vhost_defaults.h */

/* Reads the messages that the previous run left in the log; see restoring.c. */
struct restoring {
    pthread_t thread;
    bool has_thread;
    bool is_over; /* the messages were all read before the loops started, without a thread */
    _Atomic bool is_stopping;
    pthread_mutex_t lock;    /* for `stopping`; while there is a thread */
    pthread_cond_t stopping; /* is_stopping was set */
};

struct leveretd {
    uint64_t begun_us;    /* monotonic */
    uint64_t begun_up_ms; /* clock_up_ms() */
    struct options options;
    struct config *_Atomic config;    /* the config in force; read by any thread */
    struct config_history *configs;   /* owns every config, the latest first */
    const struct config *config_read; /* the latest as its sources have it, without live limits */
    struct live_limits live_limits;   /* loop 0 only */
    int lock_fd;                      /* -1: the data directory is not locked */
    unsigned descriptors_for_files;   /* which connections may not use */
    struct loops *loops;
    struct clock_keeper *clock_keeper;
    struct definitions *definitions;
    struct disk *disk;
    struct journal *journal;
    struct restoring restoring;
    struct auth *auth;
    struct broker *broker;
    struct session_server sessions;
    char node_name[330];
    char cluster_name[330];
    char platform[300];
    struct vhost_defaults *vhost_defaults;
    struct node_source node_source;
    struct manage manage; /* once loops are created, until they are freed */
    struct listeners listeners;
    struct tls_keeper *tls_keeper;
    bool is_serving; /* sessions_start() was called */
    struct control *control;
    unsigned next_operator; /* the loop of the next one (operators.h); the control's thread only */
    struct http_services *http;
    struct alarms *alarms;
    _Atomic bool is_in_maintenance; /* changed on loop 0 only */
    struct shutdown *shutdown;      /* NULL until the stop has begun; loop 0 only */
    _Atomic bool is_stopping;       /* the same, for any thread */
    int exit_code;                  /* of the process, if the loops ran; changed on loop 0 only */

    /* The application stops and the process goes on (stopped.c); changed on loop 0 only. */
    bool is_to_stay;
    struct waiters waiters;  /* for that, or for the start */
    char start_failure[512]; /* why the application has not started again; empty: it was not to */
};

/* Asserts that the caller runs on loop 0, or on no loop (before the start, after the stop). */
static inline void leveretd_assert_home(const struct leveretd *d)
{
    const struct loop *here = loop_current();
    lv_assert(!here || here == loops_at(d->loops, 0));
}

/* Records the time of the start. Call it first, with `d` all zero. */
void leveretd_begin(struct leveretd *d);
/* Records the time of another start. Call it first then, after leveretd_free_app(). */
void leveretd_begin_again(struct leveretd *d);

/* Puts the config, which was read from its sources, in force, with the limits that an operator has
 * set since the start, and takes ownership of it; leveretd_apply() then applies it. The config
 * before it remains readable. Call on loop 0, or before loops_start(). */
void leveretd_use(struct leveretd *d, struct config *config);

/* Sets and applies a limit of memory or disk until the next start: `key` and `value` as in
 * live_limits.h. Returns false, with nothing changed, if the value is not one. `arg` is the struct
 * leveretd. Call on loop 0. */
bool leveretd_set_limit(void *arg, const char *key, const char *value);

/* Switches the disk alarm off or on, until the next start. `arg` is the struct leveretd. Call on
 * loop 0. */
void leveretd_watch_disk(void *arg, bool is_on);

/* getenv(), as a config_getenv. */
const char *leveretd_get_variable(const char *name);

/* Creates a config from options, file and environment; the caller owns *ret. Returns a negative
 * error after logging every error found. Blocks. */
int leveretd_read_config(const struct leveretd *d, struct config **ret);

/* Starts everything, up to listening; the log may still be read after that (restoring.c). Returns
 * EXIT_OK, or the exit code after logging the reason; the caller calls leveretd_free() in both
 * cases. Call on the thread of loop 0. */
int leveretd_start(struct leveretd *d);

/* Creates the data directory if needed, locks it for this process, refuses one of a newer release
 * (store/version_file.h), and finishes a reset that was interrupted. Returns EXIT_OK, or the exit
 * code after logging the reason. */
int leveretd_lock(struct leveretd *d);
/* Opens the outputs of the log, whose files may be in the data directory. Returns EXIT_OK, or the
 * exit code after logging the reason. */
int leveretd_open_log(const struct leveretd *d);

/* Runs `leveretd --recover-definitions`: stores definitions of the queues that the log knows and
 * the definitions lack, and of their vhosts. Logs what was done, or why nothing was, and returns
 * the exit code. Call instead of leveretd_start(). Blocks. */
int leveretd_recover_definitions(struct leveretd *d);

/* Closes every connection of a client; `reason`, which lives as long as the process, is told. Call
 * on loop 0, while it runs. */
void leveretd_close_connections(struct leveretd *d, const char *reason);

/* Begins the graceful stop; a second call ends it at once. The process ends, too, unless
 * leveretd_stop_app() is called instead. Call on loop 0, while it runs. */
void leveretd_stop(struct leveretd *d);
void leveretd_stop_app(struct leveretd *d);

/* Serves the control socket of the stopped node, after leveretd_free_app(): first tells those who
 * wait that it is stopped, or why it has not started. Returns what is to come: the end of the
 * process, or a start. Call on the thread of loop 0. Blocks. */
enum stopped_next { STOPPED_EXITS, STOPPED_STARTS };
enum stopped_next leveretd_serve_stopped(struct leveretd *d);
/* Notes why a start has failed: the last error that was logged since the reader began. */
struct log_tail_reader;
void leveretd_note_failure(struct leveretd *d, struct log_tail_reader *since, int code);

/* Keep clients out, and let them in again; `arg` is the struct leveretd. See struct control_world.
 * Call on loop 0, while it runs. */
void leveretd_suspend_listeners(void *arg);
int leveretd_resume_listeners(void *arg);
void leveretd_drain(void *arg);
int leveretd_revive(void *arg);

/* restoring_begin() reads the log if it is short. restoring_go_on() starts a thread that reads a
 * longer log, and does nothing after a short one. Each returns a negative error if the log cannot
 * be read, or the thread cannot be started. Call each once, in this order, before loops_start(). */
int restoring_begin(struct leveretd *d);
int restoring_go_on(struct leveretd *d);
/* Ends the thread; messages it has not read remain in the log. Call before the journal is closed.
 */
void restoring_stop(struct leveretd *d);

/* Reads the config again and applies the changes that need no restart; logs a warning for each of
 * the others. Call on loop 0. */
void leveretd_reload(struct leveretd *d);

/* Frees the application, in an order in which mail and commits under way still reach their owners:
 * everything but configs, the lock of the data directory and those who wait, with which
 * leveretd_start() may be called again. Call after loops_run() has returned, or if it was never
 * called: also after a start that failed. */
void leveretd_free_app(struct leveretd *d);
/* Frees the rest. */
void leveretd_free(struct leveretd *d);

/* Applies the settings that a reload can change, from the config in force. Call on loop 0, or
 * before loops_start(). */
void leveretd_apply(struct leveretd *d);
/* Applies the limits of memory and disk alone. Call on loop 0, while it runs. */
void leveretd_apply_limits(struct leveretd *d);
/* Applies password_hashing_module alone, which must be known before the first user is created. */
void leveretd_apply_hashing(struct leveretd *d);
/* Opens the backends that auth_backends.* names, and has logins ask them from now on. Returns
 * ERR_..., with nothing changed, after logging which one could not be opened. */
int leveretd_apply_chain(struct leveretd *d);

/* Returns what the process tells of itself (manage/node.h). Its functions may be called once alarms
 * and listeners exist. */
struct node_source leveretd_node_source(struct leveretd *d);

#endif
