/* Between client.c, which handles sockets and lines, and control_....c, which handle commands. */
#ifndef LEVERET_CONTROL_CONTROL_PRIVATE_H
#define LEVERET_CONTROL_CONTROL_PRIVATE_H

#include <jansson.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "base/spool.h"
#include "control/control.h"
#include "manage/json_text.h"
#include "manage/listing.h"
#include "manage/manage.h"

struct request;

/* A command. Its handler runs on a thread of its own, with RCU online, and answers once: with
 * request_done(), request_refuse(), or a function that calls one of these. */
struct control_command {
    const char *name;
    void (*run)(struct request *r);
    /* The arguments that are strings: "user password [tags]"; those in brackets may be absent. What
     * else a command takes is in docs/formats/control.md. */
    const char *arguments;
};

/* A list for each family, ended by a NULL name. The commands of control_broker_commands never wait,
 * and their answers are short: they run on the control socket's own thread, so they are answered
 * whatever else is running. */
extern const struct control_command control_broker_commands[];
/* The only commands while the application is stopped; they run on the same thread. */
extern const struct control_command control_stopped_commands[];
/* The command `stop`, of both (control_broker.c). */
void control_stop_process(struct request *r);
extern const struct control_command control_listener_commands[];
extern const struct control_command control_feature_flag_commands[];
extern const struct control_command control_queue_commands[];
extern const struct control_command control_browse_commands[];
extern const struct control_command control_retry_commands[];
extern const struct control_command control_topology_commands[];
extern const struct control_command control_delayed_commands[];
extern const struct control_command control_connection_commands[];
extern const struct control_command control_user_commands[];
extern const struct control_command control_login_commands[];
extern const struct control_command control_event_commands[];
extern const struct control_command control_vhost_commands[];
extern const struct control_command control_policy_commands[];
extern const struct control_command control_parameter_commands[];
extern const struct control_command control_trace_commands[];
extern const struct control_command control_log_commands[];
extern const struct control_command control_node_commands[];
extern const struct control_command control_limit_commands[];
extern const struct control_command control_definition_commands[];
extern const struct control_command control_job_commands[];
extern const struct control_command control_top_commands[];

struct request {
    const struct control_world *world;
    struct manage *manage;
    const struct control_command *command; /* NULL: there is no such command */
    json_t *arguments;                     /* the request object; owned */
    struct lv_buffer out;                  /* the part of the answer that is not yet in the spool */
    struct spool *spool;
    struct lv_buffer *upload; /* what the client has uploaded; the client's own */
    bool is_answered;         /* the last line of the answer has been added */
    bool is_to_linger;        /* the world keeps the socket (stop, stop_app, start_app) */
    bool is_to_speak_amqp;    /* the socket is handed over once the answer is sent (amqp) */
    bool has_followers;       /* the client has sent more than this line already */
};

/* --- request_run.c ---------------------------------------------------------------------------- */

/* Parses a line into a request that is all zero but for `world`, `manage` and `spool`. The caller
 * then runs or frees it. */
void request_parse(struct request *r, const char *line, size_t n);
/* Returns true if the request's command never waits, so that it may run on the socket's thread. An
 * unknown command is one of these. */
bool request_is_prompt(const struct request *r);
/* Runs the command and frees the request; its answer is in the spool when this returns. Call on a
 * thread that is not a loop and is registered with RCU, which is offline before and after the call.
 */
void request_run(struct request *r);
void request_free(struct request *r);

/* Returns true if the client is gone: the command may end early. */
bool request_is_cut(const struct request *r);
/* Puts the rows answered so far into the spool, from where they are sent; this may wait for the
 * client. Only a command whose rows come slowly calls it: others are sent in larger parts. */
void request_flush(struct request *r);

/* --- request.c -------------------------------------------------------------------------------- */

/* Returns a string argument, or SLICE_EMPTY if it is absent. Arguments that the command's row names
 * without brackets are never absent. */
struct slice request_string(const struct request *r, const char *name);
bool request_has(const struct request *r, const char *name);
bool request_flag(const struct request *r, const char *name); /* present and true */

/* Reads an argument that is a number from 0; if it is absent, *ret is `absent`. Returns false after
 * refusing. */
bool request_count(struct request *r, const char *name, uint64_t absent, uint64_t *ret);

/* Answers one more row: a line with an array. Takes the row. */
void request_row(struct request *r, json_t *row);
/* Answers the last line: ok. Takes `more`, an object whose members are added to it (NULL: none). */
void request_done(struct request *r, json_t *more);
/* Answers the last line: an error, with a short name that is part of the protocol, and a sentence.
 */
void request_refuse(struct request *r, const char *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Answers that what one of the world's functions has begun is under way: another last line follows
 * when it has ended. */
void request_begun(struct request *r);

/* --- json.c ----------------------------------------------------------------------------------- */

/* Returns a column's value, as in the protocol. The caller owns it. */
json_t *json_of_value(const struct manage *m, const struct value *value);

/* --- listing.c -------------------------------------------------------------------------------- */

enum { COLUMNS_MAX = 64 };

struct columns {
    const struct column *chosen[COLUMNS_MAX];
    size_t count;
};

/* Reads the argument "columns", a list of names. Returns false after refusing. From here on the
 * command holds a compute slot (compute_slots.h), except while it waits. RCU as in ask.h. */
bool columns_choose(struct request *r, const struct column *all, struct columns *ret);
/* Finds the columns with these names, which are separated by spaces. For listings whose columns the
 * client cannot choose. */
void columns_named(const struct column *all, const char *names, struct columns *ret);
bool columns_have(const struct columns *columns, const char *name);
/* Answers a row. */
void columns_row(struct request *r, const struct columns *columns, const void *facts);

/* Answers the last line after a function manage_...(): ok, or the error's name and text. Frees the
 * error. */
void request_end(struct request *r, bool is_done, struct manage_error *error);
/* Like request_end(), with `more`, as request_done() takes it. */
void request_end_with(struct request *r, bool is_done, json_t *more, struct manage_error *error);
/* Like request_end(), after the rows of a listing. Frees the listing. */
void request_listing(struct request *r, bool is_done, const struct columns *columns,
                     struct listing *listing, struct manage_error *error);

#endif
