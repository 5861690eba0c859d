/* The door of the module leveret_migrate.so: what leveretctl needs to look at a running RabbitMQ,
 * and to move over from it and back. The module has libcurl and librabbitmq, which take longer to
 * load than everything else of leveretctl. */
#ifndef MIGRATE_MIGRATE_H
#define MIGRATE_MIGRATE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buffer.h"

enum migrate_step {
    MIGRATE_UNDER_WAY,  /* some of the queue's messages have been moved */
    MIGRATE_CONNECTING, /* a connection is lost, and is opened again */
    MIGRATE_DONE,       /* the queue has had its turn */
};

/* A RabbitMQ's HTTP API, and how it is asked. Strings are borrowed. */
struct migrate_api {
    const char *url;     /* http[s]://USER:PASSWORD@HOST:PORT[/PREFIX] */
    const char *ca_file; /* PEM: the authorities that https:// trusts; NULL: this machine's */
    int timeout_ms;      /* of each request; above 0 */
};

/* Messages to be moved; `arg` is handed to the functions. */
struct migrate_job {
    const char *url;     /* of the RabbitMQ: amqp[s]://USER:PASSWORD@HOST[:PORT] */
    const char *ca_file; /* of struct migrate_api, for amqps:// */
    bool is_export;      /* from this machine's broker to the RabbitMQ; else the other way */
    int patience_ms;     /* for how long a lost connection is opened again and again */

    /* Connects to the control socket of this machine's broker, where AMQP begins. Returns 0 and the
     * socket, which is taken; or ERR_CLOSED, with a sentence appended to `reason`. */
    int (*open_local)(void *arg, int *ret_fd, struct lv_buffer *reason);
    /* Is told what has been done with the queue so far (`move`, below). */
    void (*progress)(void *arg, const json_t *queue, enum migrate_step step);
    void *arg;

    /* For an export: the routes of each vhost at the RabbitMQ (`routes`, below), and the only
     * user_id that messages may have there, or NULL if they may have any. */
    const json_t *routes;
    const char *user_id;
};

struct migrate_module {
    const char *version; /* LEVERET_VERSION of the build: another one is not to be used */

    /* Reads what a RabbitMQ says of itself over its HTTP API; changes nothing there. Returns 0 with
     * an object in *ret, which the caller owns: the answer to each path by its name (management.c),
     * and `unread`, a list of {"path", "reason"} of those that could not be read. Or returns a
     * negative error with a sentence appended to `reason`: the URL is not one, nobody answers, its
     * certificate or the user is refused, or the user is not an administrator. */
    int (*read)(const struct migrate_api *api, json_t **ret, struct lv_buffer *reason);

    /* Returns the report on what was read, which the caller owns: `findings` (severity, rule, what,
     * count, where, instead, remedy; the gravest first), the counts `blocks`, `differs` and
     * `notes`, `source` (version, node, nodes), and how many `rules` there are. `source` may have
     * any shape, and is borrowed. It may have members about this machine (check_rules.h). */
    json_t *(*check)(const json_t *source);

    /* Appends the vhost and the user of an address, and the URL of its HTTP API (addresses.h). */
    int (*vhost)(const char *url, struct lv_buffer *ret, struct lv_buffer *reason);
    void (*user)(const char *url, struct lv_buffer *ret);
    void (*api)(const char *url, const char *management, struct lv_buffer *ret);

    /* Like `read`, of what moving needs: `definitions`, `queues`, `exchanges`, `bindings`,
     * `vhosts`, `whoami`, and `overview`, all of which must be there. */
    int (*read_to_move)(const struct migrate_api *api, json_t **ret, struct lv_buffer *reason);
    /* Asks the API for one path, or sends it a body of JSON (NULL: none): management.h. */
    int (*ask)(const struct migrate_api *api, const char *path, const char *body, json_t **ret,
               struct lv_buffer *reason);

    /* What is carried over: carried.h. */
    json_t *(*definitions)(const json_t *source, const char *vhost);
    json_t *(*definitions_back)(const json_t *local, const json_t *source, const char *vhost,
                                json_t *passwordless);
    json_t *(*queues)(const json_t *queues, const char *vhost, const char *pattern);
    /* Returns the routes of each vhost by its name (routes.h), which the caller owns. */
    json_t *(*routes)(const json_t *source);

    /* Moves the messages of these queues (`queues`), one after the other. Each gets the members
     * `messages` and `moved_bytes`, `rerouted` and `anonymous` (mover.h), which go on if it is
     * moved again, `left` and `consumers` (at the source); and `reason`, if it could not be moved.
     * Returns 0, or ERR_CLOSED if a connection is lost for good, with a sentence appended to
     * `reason`. */
    int (*move)(const struct migrate_job *job, json_t *queues, struct lv_buffer *reason);
};

/* The name by which the module exports its struct migrate_module. */
#define MIGRATE_MODULE "migrate_module"

#endif
