/* `import_from` and `export_to`: what their files share. */
#ifndef LEVERETCTL_MOVING_H
#define LEVERETCTL_MOVING_H

#include "leveretctl/migration.h"
#include "leveretctl/talk.h"

struct moving {
    struct invocation *i;
    const struct command *c;
    const struct migrate_module *module;
    bool is_export;
    const char *url;       /* of the RabbitMQ, for AMQP */
    const char *vhost;     /* the only one that is moved; NULL: all */
    struct lv_buffer path; /* where `vhost` is stored if the URL has it */
    struct lv_buffer url_of_api;
    struct migrate_api rabbit; /* how the HTTP API is asked; borrows from url_of_api */
    json_t *source;            /* what the RabbitMQ says of itself; owned */
    json_t *queues;            /* those to be moved, with what was done (migrate.h); owned */
    json_t *passwordless;      /* users whom an export has left without a password; owned */
    json_t *refused;   /* definitions that an export has left behind (moving_send.c); owned */
    uint64_t since_ms; /* when the first message was asked for */
    uint64_t shown_ms; /* when the line of progress was last drawn */
};

/* --- moving_local.c: this machine's broker ---------------------------------------------------- */

/* Connects to the control socket, where AMQP begins: struct migrate_job's open_local. `arg` is the
 * struct moving. */
int moving_open_local(void *arg, int *ret_fd, struct lv_buffer *reason);
/* Returns EXIT_OK with the broker's definitions, or with its queues as the HTTP API lists them; the
 * caller owns either. Else the exit code, after saying what has failed. */
int moving_local_definitions(struct moving *m, json_t **ret);
int moving_local_queues(struct moving *m, json_t **ret);

/* --- moving_send.c: what an export declares --------------------------------------------------- */

/* Sends these definitions to the RabbitMQ; with --skip-unsupported all but those that it refuses,
 * which are noted: queues among m->queues as skipped, others in m->refused (kind, vhost, name,
 * reason). Returns the exit code, after saying what has failed. */
int moving_send_definitions(struct moving *m, const json_t *definitions);

/* --- moving_left.c: what is left at the source ------------------------------------------------ */

/* Notes for each queue that has had its turn how many messages are `unacked` at the source, after
 * waiting until that is known. Returns the exit code, after saying what has failed. */
int moving_look_for_unacked(struct moving *m);
/* Returns the object of the list that has the same name and, if there are any, the same vhost, or
 * NULL. Borrowed. */
json_t *moving_namesake(json_t *list, const json_t *wanted);

/* --- moving_report.c: what is printed --------------------------------------------------------- */

/* Shows what has been done with a queue so far: struct migrate_job's progress. */
void moving_progress(void *arg, const json_t *queue, enum migrate_step step);
/* Prints what would be moved. */
void moving_say_plan(const struct moving *m);
/* Prints what was moved, and what is left. */
void moving_say_result(const struct moving *m);
/* Returns the plan, or what was done, for programs; the caller owns it. */
json_t *moving_result(const struct moving *m);
/* Returns whether messages are left that can be moved later: ready, or in consumers' hands. */
bool moving_has_left(const struct moving *m);

#endif
