/* Between the files of this room: what a route is, and what handlers share. */
#ifndef LEVERET_API_API_PRIVATE_H
#define LEVERET_API_API_PRIVATE_H

#include <jansson.h>

#include "api/api.h"
#include "api/cookie.h"
#include "base/json_write.h"
#include "manage/listing.h"
#include "manage/statistics.h"

struct api_call;

/* --- routes ----------------------------------------------------------------------------------- */

/* Who may ask. Each includes those who may more (manage.h). */
enum api_access {
    API_PUBLIC,     /* everybody: no credentials are read */
    API_MANAGEMENT, /* users with any tag of the broker's; the handler shows what they may see */
    API_VHOST,      /* of these, who have access to the vhost in the path */
    API_MONITORING,
    API_POLICYMAKER, /* of these, who have access to the vhost in the path, if there is one */
    API_ADMINISTRATOR,
};

/* A route. Paths, permissions, docs/http-api.md and openapi.json come from these tables. */
struct api_route {
    const char *method;
    const char *path; /* below /api: "/queues/{vhost}/{name}" */
    enum api_access access;
    void (*run)(struct api_call *c);
    const char *summary; /* a sentence */
    /* The members of the body: "durable:boolean arguments:object name:string!"; those with an
     * exclamation mark must be there. NULL: there is no body. The types are JSON's, "any", or
     * "text": a string for which no number is taken. */
    const char *body;
    const struct column *answer; /* the fields of an object of the answer; NULL: see the summary */
    bool is_list;                /* the answer is a listing of these, to be sorted ... */
    bool is_paged;               /* and in pages, if a page is asked for */
    /* Credentials may be in the query, ?auth=BASE64: for links that browsers follow. */
    bool may_log_in_by_query;
};

/* A table for each family, ended by a NULL method. */
extern const struct api_route api_binding_routes[];
extern const struct api_route api_connection_routes[];
extern const struct api_route api_consumer_routes[];
extern const struct api_route api_doctor_routes[];
extern const struct api_route api_exchange_routes[];
extern const struct api_route api_general_routes[];
extern const struct api_route api_health_routes[];
extern const struct api_route api_login_routes[];
extern const struct api_route api_node_routes[];
extern const struct api_route api_operation_routes[];
extern const struct api_route api_overview_routes[];
extern const struct api_route api_queue_routes[];
extern const struct api_route api_queue_change_routes[];
extern const struct api_route api_exchange_change_routes[];
extern const struct api_route api_binding_change_routes[];
extern const struct api_route api_connection_change_routes[];
extern const struct api_route api_vhost_routes[];
extern const struct api_route api_user_routes[];
extern const struct api_route api_permission_routes[];
extern const struct api_route api_policy_routes[];
extern const struct api_route api_parameter_routes[];
extern const struct api_route api_limit_routes[];
extern const struct api_route api_definition_routes[];
extern const struct api_route api_message_routes[];
extern const struct api_route api_job_routes[];
extern const struct api_route api_browse_routes[];
extern const struct api_route api_stream_routes[];
extern const struct api_route api_trace_routes[];

extern const struct api_route api_document_routes[];

/* All tables, ended by NULL. */
extern const struct api_route *const api_families[];

/* --- a call ----------------------------------------------------------------------------------- */

enum { API_PARTS_MAX = 8 };

struct api_call {
    struct api *api;
    struct manage *manage;
    struct http_request *http; /* NULL once it is a stream */
    const struct api_route *route;
    struct slice parts[API_PARTS_MAX]; /* of the path, decoded; owned */
    size_t part_count;
    struct auth_identity *identity; /* a reference; NULL with API_PUBLIC */
    struct actor actor;
    json_t *body;                  /* owned; NULL: none */
    struct json_writer json;       /* writes into the answer */
    struct statistics_range range; /* of samples, once api_read_range() has been called */
};

struct api {
    struct manage *manage;
    struct api_settings settings;
    struct streams *streams;             /* streams.h; owned */
    struct stream_reader *stream_reader; /* see api_streams.c; owned */
    uint8_t cookie_key[COOKIE_KEY_BYTES];
};

/* --- path.c ----------------------------------------------------------------------------------- */

/* Splits the path into c->parts, which api_free_path() frees. Returns 0, or the status: 404 if it
 * has too many parts, 400 if an escape is malformed. */
unsigned api_split_path(struct api_call *c, struct slice path);
void api_free_path(struct api_call *c);
/* Returns whether the parts are as the route's path asks. */
bool api_route_fits(const struct api_call *c, const struct api_route *route);
/* Returns whether the route calls a part of the path {name}, and sets *ret to it, decoded. */
bool api_find_part(const struct api_call *c, const char *name, struct slice *ret);
/* Returns that part, which is there. */
struct slice api_part(const struct api_call *c, const char *name);

/* --- query.c ---------------------------------------------------------------------------------- */

/* Returns a query parameter, or SLICE_EMPTY if it is absent. */
struct slice api_query(const struct api_call *c, const char *name);
/* Returns whether a query parameter is "true". */
bool api_query_flag(const struct api_call *c, const char *name);

/* Reads a query parameter that is a number up to `max`; *ret is `absent` if it is absent. Returns
 * false after refusing. */
bool api_query_number(struct api_call *c, const char *name, uint64_t absent, uint64_t max,
                      uint64_t *ret);

/* --- answers.c: each call gives one ----------------------------------------------------------- */

/* Sends what has been written so far, if it is much. May wait: pointers read under RCU are stale
 * afterwards. Returns false if the client is gone. */
bool api_flush(struct api_call *c);

/* {"error": "bad_request", "reason": ...}, in place of what was written before. */
void api_refuse(struct api_call *c, unsigned status, const char *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void api_refuse_not_found(struct api_call *c);
/* An answer of this status without a body. */
void api_refuse_empty(struct api_call *c, unsigned status);
/* What a function manage_...() has refused. Frees the error. */
void api_refuse_as(struct api_call *c, struct manage_error *error);
/* An answer without a body: 204, 201 ... */
void api_done(struct api_call *c, unsigned status);
/* Ends a change: 201 if `is_new`, else 204; or the refusal. Frees the error. */
void api_end(struct api_call *c, bool is_done, bool is_new, struct manage_error *error);

/* --- change.c --------------------------------------------------------------------------------- */

/* What a change of queues, exchanges or bindings has refused, as RabbitMQ shows it: the reason is
 * that of AMQP, but a missing permission is only "Access refused.". Frees the error. */
void api_refuse_change(struct api_call *c, struct manage_error *error);
/* Ends a change of a queue, exchange or binding that must exist: 204, or the refusal, which is 404
 * for everybody if the vhost does not exist. Frees the error. */
void api_end_of_existing(struct api_call *c, bool is_done, struct manage_error *error);
/* Refuses with 405, if operator policies cannot be changed over HTTP. Returns whether they can. */
bool api_may_change_operator_policies(struct api_call *c);

/* Appends a member of the body that is an object, as an AMQP table; nothing if it is absent.
 * Returns false after refusing: a null, or too deep. */
bool api_table(struct api_call *c, const char *name, struct lv_buffer *out);
/* Does the same for a value that is there; `name` is for the refusal. */
bool api_table_of(struct api_call *c, const char *name, const json_t *value, struct lv_buffer *out);
/* Returns an exchange's name in the path; the default exchange is called amq.default there. */
struct slice api_exchange_part(const struct api_call *c, const char *name);

/* --- body.c ----------------------------------------------------------------------------------- */

/* Parses the body if the route has one, and checks it. Returns false after refusing. */
bool api_check_body(struct api_call *c);

/* Return a member of the body, or what stands for an absent one: SLICE_EMPTY, `absent`. The type is
 * right: it was checked by the route's `body`. */
struct slice api_string(const struct api_call *c, const char *name);
bool api_bool(const struct api_call *c, const char *name, bool absent);
int64_t api_integer(const struct api_call *c, const char *name, int64_t absent);
const json_t *api_member(const struct api_call *c, const char *name);

/* --- headers.c -------------------------------------------------------------------------------- */

/* Sets the headers that every answer has. */
void api_begin_headers(struct api_call *c);
/* Checks what the request's headers ask for: what is accepted, conditions, other origins. Returns
 * false after refusing. */
bool api_check_headers(struct api_call *c);
/* Answers OPTIONS: "HEAD, GET, OPTIONS". */
void api_answer_options(struct api_call *c, struct slice methods);

/* --- objects.c, listing.c --------------------------------------------------------------------- */

/* Writes an object with these fields, or with those that the parameter `columns` asks for. Names
 * with dots make objects in objects: "message_stats.publish". A value that is VALUE_ABSENT is left
 * out. Fields with the same beginning are neighbours in the table. */
void api_write_fields(struct api_call *c, const struct column *fields, const void *facts);
/* Writes a member `key`: an array of the listing's rows, each like api_write_fields(). What was
 * written is sent on the way, so that no more is kept than a part. */
void api_write_rows(struct api_call *c, const char *key, const struct column *fields,
                    const struct listing *l);
/* Answers a listing, whose columns are fields as above: filtered, sorted and paged as the query
 * asks. Frees the listing; and the error, if it was refused. */
void api_answer_listing(struct api_call *c, bool is_done, struct listing *listing,
                        struct manage_error *error);

/* Reads lengths_age, lengths_incr, msg_rates_age ... Returns false after refusing. */
bool api_read_range(struct api_call *c, struct statistics_range *ret);

/* --- value.c ---------------------------------------------------------------------------------- */

/* Writes a value as the API shows it. */
void api_write_value(struct api_call *c, const struct value *value);

/* --- api_messages.c --------------------------------------------------------------------------- */

/* Writes the properties of a content header as an object; as an empty array if there are none, as
 * RabbitMQ does. */
void api_write_properties(struct api_call *c, struct slice header);
/* Writes the members payload and payload_encoding: a string, or base64 unless it is text. */
void api_write_payload(struct api_call *c, struct slice payload, bool is_text);

/* --- api_streams.c ---------------------------------------------------------------------------- */

/* The beginning and the end of the API's streams. */
void api_open_streams(struct api *api);
void api_free_streams(struct api *api);

/* --- login.c ---------------------------------------------------------------------------------- */

/* Finds out who asks, and fills in c->identity and c->actor. Returns false after answering 401. */
bool api_log_in(struct api_call *c);
/* Handlers of /login: check the form's user and password, and set a cookie that stands for them; or
 * take it away. */
void api_log_in_by_form(struct api_call *c);
void api_log_out(struct api_call *c);
/* Checks c->route->access. Returns false after answering 401. */
bool api_check_access(struct api_call *c);

#endif
