/* The broker as a process: what main() builds in order and takes down in the opposite order. */
#ifndef LEVERET_LEVERETD_LEVERETD_H
#define LEVERET_LEVERETD_LEVERETD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/auth.h"
#include "broker/broker.h"
#include "control/control.h"
#include "leveretd/alarms.h"
#include "leveretd/clock_keeper.h"
#include "leveretd/config.h"
#include "leveretd/listeners.h"
#include "leveretd/options.h"
#include "loop/loop.h"
#include "net/net.h"
#include "paging/journal.h"
#include "session/session.h"
#include "store/definitions.h"

/* How leveretd ends, as sysexits.h numbers it; docs/man/leveretd.8 says the same. Besides there are
 * OPTIONS_EXIT_USAGE (64) and OPTIONS_EXIT_CONFIG (78). */
enum exit_code {
    EXIT_OK = 0,
    EXIT_DEFINITIONS = 65,   /* the definitions or the log cannot be read */
    EXIT_LISTEN = 69,        /* an address cannot be listened on */
    EXIT_DATA_DIR = 73,      /* the data directory cannot be made */
    EXIT_DATA_DIR_BUSY = 75, /* another broker has the data directory */
};

enum { LOG_FILE_BYTES = 16 * 1024 * 1024 };

/* A config that was in force once. Settings' strings are borrowed by other rooms for the life of
 * the process, so a reload never frees one. */
struct config_history {
    struct config *config;
    struct config_history *older;
};

struct shutdown; /* see shutdown.c */

/* The messages that the last life has left in the log; see restoring.c. */
struct restoring {
    pthread_t thread;
    bool has_thread;
    bool is_over; /* before the loops start: all has been read */
    _Atomic bool is_stopping;
};

struct leveretd {
    uint64_t begun_us;    /* monotonic */
    uint64_t begun_up_ms; /* clock_up_ms() */
    struct options options;
    struct config *_Atomic config;  /* the one in force; read by any thread */
    struct config_history *configs; /* owns all */
    int lock_fd;
    struct loops *loops;
    struct clock_keeper *clock_keeper;
    struct definitions *definitions;
    struct disk *disk;
    struct journal *journal;
    struct restoring restoring;
    struct auth *auth;
    struct broker *broker;
    struct session_server sessions;
    char cluster_name[300];
    char platform[300];
    struct listeners listeners;
    bool is_serving; /* sessions_start() was called */
    struct control *control;
    struct alarms *alarms;
    struct shutdown *shutdown; /* NULL until the stop has begun */
    int exit_code;             /* what the process ends with; loop 0's */
};

/* Notes the time; d is zeroed otherwise. The first call. Any thread. */
void leveretd_begin(struct leveretd *d);

/* Takes the config and puts it in force: leveretd_apply() then tells the others. The one before
 * stays readable. On loop 0, or before loops_start(). */
void leveretd_use(struct leveretd *d, struct config *config);

/* The config that options, file and environment make; the caller owns *ret. Negative after the
 * errors were logged. Blocks. */
int leveretd_read_config(const struct leveretd *d, struct config **ret);

/* Brings everything up to listening; messages may come later (restoring.c). EXIT_OK, or the exit
 * code after the reason was logged; what was built is then the caller's to leveretd_free() all the
 * same. On the thread of loop 0. */
int leveretd_start(struct leveretd *d);

/* Takes the data directory for this process. EXIT_OK, or the exit code after the reason was
 * logged. */
int leveretd_lock(struct leveretd *d);

/* `leveretd --recover-definitions`: makes the queues, and their vhosts, that the log knows and the
 * definitions do not. The exit code, after what was done, or why not, was logged. Instead of
 * leveretd_start(). Blocks. */
int leveretd_recover_definitions(struct leveretd *d);

/* Begins the graceful stop; again: ends it at once. On loop 0, while it runs. */
void leveretd_stop(struct leveretd *d);

/* Reads the log, if that does not take long; else restoring_go_on() starts a thread for it. A
 * negative error: the log cannot be read, or there can be no thread. Before loops_start(). */
int restoring_begin(struct leveretd *d);
int restoring_go_on(struct leveretd *d);
/* Ends the thread: what it has not read stays in the log. Before the store is closed. */
void restoring_stop(struct leveretd *d);

/* Reads the config again and takes over what can be changed while running; the rest is warned
 * about. On loop 0. */
void leveretd_reload(struct leveretd *d);

/* After loops_run() has returned, or without it: frees all, in the order that lets what is under
 * way still find its ends. Fine on what is half built. */
void leveretd_free(struct leveretd *d);

/* Takes over the settings that a reload changes, from the config in force. On loop 0, or before
 * loops_start(). */
void leveretd_apply(struct leveretd *d);

/* Facts for `leveretctl status`. Any thread. */
void leveretd_facts(void *arg, json_t *object);
/* The effective configuration, for `leveretctl environment`. Any thread. */
void leveretd_environment(void *arg, json_t *object);

#endif
