/* Between client.c, which knows sockets and lines, and control_....c, which know commands. */
#ifndef LEVERET_CONTROL_CONTROL_PRIVATE_H
#define LEVERET_CONTROL_CONTROL_PRIVATE_H

#include "base/buffer.h"
#include "base/slice.h"
#include "control/control.h"
#include "control/spool.h"
#include "manage/listing.h"
#include "manage/manage.h"

struct request;

/* A command: its handler runs on a thread of its own, RCU online, and ends with one of
 * request_done(), request_refuse(). */
struct control_command {
    const char *name;
    void (*run)(struct request *r);
    /* "user password [tags]": strings that must be there, [those that may]. */
    const char *arguments;
    const char *help;
};

/* One list per family, ended by a NULL name. Commands of the first family never wait, and answer
 * in few lines: they run on the control socket's own thread, so they are answered whatever else
 * is under way. */
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
    struct manage *manage;
    const struct control_command *command; /* NULL: there is none of this name */
    json_t *arguments;                     /* the request object; owned */
    struct lv_buffer out;                  /* what the spool has not got yet */
    struct spool *spool;
    bool is_answered;  /* the last line has been added */
    bool is_to_linger; /* the socket is left open: its end is the process's (stop) */
};

/* --- request_run.c ---------------------------------------------------------------------------- */

/* Reads a line. The request is then run, or freed. */
void request_parse(struct request *r, const char *line, size_t n);
/* Whether its command never waits: it may be run where nothing may wait. */
bool request_is_prompt(const struct request *r);
/* Runs the command; its answer is in the spool when this returns. Frees what request_parse()
 * made. */
void request_run(struct request *r);
void request_free(struct request *r);

/* True once nobody reads the answer: the command may end early. */
bool request_is_cut(const struct request *r);

/* --- request.c -------------------------------------------------------------------------------- */

/* A string argument; SLICE_EMPTY when it is absent. Arguments named in the table are there. */
struct slice request_string(const struct request *r, const char *name);
bool request_has(const struct request *r, const char *name);
bool request_flag(const struct request *r, const char *name); /* present and true */

/* A number from 0 on; `absent` when it is not there. False after refusing. */
bool request_count(struct request *r, const char *name, uint64_t absent, uint64_t *ret);

/* One line with an array. Takes the row. */
void request_row(struct request *r, json_t *row);
/* The last line: ok. Takes `more`, an object whose members are added to it; NULL: none. */
void request_done(struct request *r, json_t *more);
/* The last line: an error, by a short name that is part of the protocol, and a sentence. */
void request_refuse(struct request *r, const char *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* --- json.c ----------------------------------------------------------------------------------- */

/* Bytes as a JSON string; what is no UTF-8 is shown as \xNN. */
json_t *json_of_slice(struct slice s);
json_t *json_of_u64(uint64_t n);
/* A column's value, as the protocol has it. */
json_t *json_of_value(const struct manage *m, const struct value *value);

/* --- listing.c -------------------------------------------------------------------------------- */

enum { COLUMNS_MAX = 64 };

struct columns {
    const struct column *chosen[COLUMNS_MAX];
    size_t count;
};

/* Reads argument "columns", a list of names. False after refusing with unknown_columns. The
 * command has a slot (compute_slots.h) from here on, but for when it waits. RCU as in ask.h. */
bool columns_choose(struct request *r, const struct column *all, struct columns *ret);
/* Those of these names, separated by spaces: for listings that always have the same. */
void columns_named(const struct column *all, const char *names, struct columns *ret);
bool columns_have(const struct columns *columns, const char *name);
void columns_row(struct request *r, const struct columns *columns, const void *facts);

/* The last line for how a manage_...() ended: ok, or the error's name and text. Frees the error. */
void request_end(struct request *r, bool is_done, struct manage_error *error);
/* With `more`, as request_done() takes it. */
void request_end_with(struct request *r, bool is_done, json_t *more, struct manage_error *error);
/* A listing's rows before it. Frees the listing. */
void request_listing(struct request *r, bool is_done, const struct columns *columns,
                     struct listing *listing, struct manage_error *error);

#endif
