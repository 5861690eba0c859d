/* Between client.c, which knows sockets and lines, and control_....c, which know commands. */
#ifndef LEVERET_CONTROL_CONTROL_PRIVATE_H
#define LEVERET_CONTROL_CONTROL_PRIVATE_H

#include "base/buffer.h"
#include "base/slice.h"
#include "broker/policy.h"
#include "control/control.h"
#include "control/spool.h"
#include "manage/ask.h"

struct request;
struct queue;
struct vhost;

/* A command: its handler runs on a thread of its own, RCU online, and ends with one of request_done(),
 * request_refuse(). */
struct control_command {
    const char *name;
    void (*run)(struct request *r);
    const char
        *arguments; /* "user password [tags]": strings that must be there, [those that may] */
    const char *help;
};

/* One list per family, ended by a NULL name. Commands of the first family never wait, and answer in few
 * lines: they run on the control socket's own thread, so they are answered whatever else is under way. */
extern const struct control_command control_broker_commands[];
extern const struct control_command control_queue_commands[];
extern const struct control_command control_browse_commands[];
extern const struct control_command control_retry_commands[];
extern const struct control_command control_topology_commands[];
extern const struct control_command control_delayed_commands[];
extern const struct control_command control_connection_commands[];
extern const struct control_command control_user_commands[];
extern const struct control_command control_vhost_commands[];
extern const struct control_command control_policy_commands[];
extern const struct control_command control_parameter_commands[];
extern const struct control_command control_trace_commands[];

struct request {
    const struct control_world *world;
    struct asker *asker;
    const struct control_command *command; /* NULL: there is none of this name */
    json_t *arguments;                     /* the request object; owned */
    struct lv_buffer out;                  /* what the spool has not got yet */
    struct spool *spool;
    int stop_fd;       /* readable once the control stops */
    bool is_answered;  /* the last line has been added */
    bool is_to_linger; /* the socket is left open: its end is the process's (stop) */
    const struct delayed_counts *delayed; /* while exchanges are listed */
};

/* --- request_run.c ------------------------------------------------------------------------ */

/* Reads a line. The request is then run, or freed. */
void request_parse(struct request *r, const char *line, size_t n);
/* Whether its command never waits: it may be run where nothing may wait. */
bool request_is_prompt(const struct request *r);
/* Runs the command; its answer is in the spool when this returns. Frees what request_parse() made. */
void request_run(struct request *r);
void request_free(struct request *r);

/* True once nobody reads the answer: the command may end early. */
bool request_is_cut(const struct request *r);

/* --- request.c ---------------------------------------------------------------------------- */

/* A string argument; SLICE_EMPTY when it is absent. Arguments named in the table are there. */
struct slice request_string(const struct request *r, const char *name);
bool request_has(const struct request *r, const char *name);
bool request_flag(const struct request *r, const char *name); /* present and true */

/* A number from 0 on; `absent` when it is not there. False after refusing. */
bool request_count(struct request *r, const char *name, uint64_t absent, uint64_t *ret);

/* Waits this long, before a loop is asked again. False: the control stops. RCU as in ask.h. */
bool request_pause(const struct request *r, int ms);

/* One line with an array. Takes the row. */
void request_row(struct request *r, json_t *row);
/* The last line: ok. Takes `more`, an object whose members are added to it; NULL: none. */
void request_done(struct request *r, json_t *more);
/* The last line: an error, by a short name that is part of the protocol, and a sentence. */
void request_refuse(struct request *r, const char *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The last line for an ERR_...: done when it is 0. */
void request_end(struct request *r, int err);

/* The vhost of argument "vhost", or NULL after refusing with no_such_vhost. Valid until the next
 * question. */
struct vhost *request_vhost(struct request *r);

/* The queue of arguments "vhost" and "queue", as a reference, or NULL after refusing with
 * no_such_queue. */
struct queue *request_queue(struct request *r);

/* Bytes as a JSON string; what is no UTF-8 is shown as \xNN. */
json_t *json_of_slice(struct slice s);
json_t *json_of_u64(uint64_t n);
/* ["administrator", "monitoring"] of "administrator,monitoring". */
json_t *json_of_tags(struct slice tags);
/* Like json_of_table(), for the arguments of a declaration: those of which nothing in the broker
 * knows have `true` behind their value. */
json_t *json_of_arguments(struct slice table, bool (*is_known)(struct slice name));
/* A table as [[name, type, value] ...], wrapped as {"table": ...}, as the protocol has it. */
json_t *json_of_table(struct slice table);

/* --- control_policies.c ------------------------------------------------------------------- */

/* The end of a change that JSON was given for: done; invalid_json; validation_failed, `reason` saying
 * why; or no_such_vhost, as the vhost has been deleted meanwhile. */
void request_end_json(struct request *r, int err, const struct lv_buffer *reason);
/* The end of taking a parameter or a policy away: done, or no_such_parameter. */
void request_end_clear(struct request *r, int err);

/* Of a queue or an exchange that NULL rules: empty. */
json_t *json_of_policy_name(const struct effective_policy *policy, enum policy_kind kind);
/* A table, as json_of_table() makes it. */
json_t *json_of_policy_definition(const struct effective_policy *policy);

/* --- control_events.c: a change that has been made is told to the event exchange --------------- */

/* Of a vhost, argument "vhost"; its limits are a parameter, too. `value` is JSON. */
void tell_parameter_set(struct request *r, struct slice component, struct slice name,
                        struct slice value);
void tell_parameter_cleared(struct request *r, struct slice component, struct slice name);
void tell_global_parameter(struct request *r, bool is_set);
void tell_user_limits(struct request *r, bool is_set);
void tell_policy_set(struct request *r, const struct definition_policy *policy);
void tell_policy_cleared(struct request *r, bool is_operator);

/* --- listings: rows of columns that the request names ------------------------------------- */

struct column {
    const char *name;
    json_t *(*value)(const struct request *r, const void *row);
};

enum { COLUMNS_MAX = 64 };

struct columns {
    const struct column *chosen[COLUMNS_MAX];
    size_t count;
};

/* Reads argument "columns", a list of names. False after refusing with unknown_columns. `all` ends
 * with a NULL name. The command has a place (places.h) from here on, but for when it waits. RCU as in
 * ask.h. */
bool columns_choose(struct request *r, const struct column *all, struct columns *ret);
void columns_row(struct request *r, const struct columns *columns, const void *row);
/* The row's JSON alone, which the caller owns; and rows made before, an array, which is taken. */
json_t *columns_json(const struct request *r, const struct columns *columns, const void *row);
void request_rows(struct request *r, json_t *rows);

/* --- control_delayed.c ---------------------------------------------------------------------- */

/* How many messages wait in the exchanges of a vhost that delay them. */
struct delayed_count {
    const struct queue *queue;
    struct queue *hold;
    uint64_t messages;
};

struct delayed_counts {
    struct delayed_count *rows;
    size_t count;
};

/* Asks the queues' homes: what was read of the topology before is stale then. */
struct delayed_counts *delayed_counts_take(struct request *r, struct vhost *vhost);
bool delayed_counts_find(const struct delayed_counts *counts, const struct queue *q,
                         uint64_t *ret_messages);
/* Clears the pointer. NULL is fine. */
void delayed_counts_free(struct delayed_counts **counts);

/* "<node.1.ID.N>": how connections (N 0), channels and consumers' channels are called in listings. */
json_t *json_of_pid(const struct request *r, uint64_t connection_id, unsigned channel);

#endif
