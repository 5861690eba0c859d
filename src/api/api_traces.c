/* Looking at messages on their way: how many go where, and the lives of single ones. */
#include <stdlib.h>

#include "api/api_private.h"
#include "api/fields.h"
#include "api/objects.h"
#include "manage/flows.h"
#include "manage/message_traces.h"
#include "wire/wire.h"

#define F struct flow_facts
#define COLUMN_OF(field) flow_field_##field
API_FLOW_FIELDS(FIELD_VALUE)
static const struct column flow_fields[] = {API_FLOW_FIELDS(FIELD_ROW) COLUMNS_END};
#undef F
#undef COLUMN_OF

#define F struct trace_facts
#define COLUMN_OF(field) trace_field_##field
API_TRACE_FIELDS(FIELD_VALUE)
static const struct column trace_fields[] = {API_TRACE_FIELDS(FIELD_ROW) COLUMNS_END};
#undef F
#undef COLUMN_OF

#define F struct traced_facts
#define COLUMN_OF(field) traced_field_##field
API_TRACED_FIELDS(FIELD_VALUE)
static const struct column traced_fields[] = {API_TRACED_FIELDS(FIELD_ROW) COLUMNS_END};
#undef F
#undef COLUMN_OF

/* What pages of them are filtered by. */
static const struct api_kind flow_kind = {.fields = flow_fields, .names = "source destination"};
static const struct api_kind traced_kind = {.fields = traced_fields,
                                            .names = "routing_key user queue state"};

static void list_flows(struct api_call *c)
{
    struct listing l = {0};
    struct manage_error error = {0};
    bool is_done = manage_list_flows(c->manage, &c->actor, api_part(c, "vhost"),
                                     api_query(c, "queue"), &l, &error);
    api_answer_kind(c, &flow_kind, is_done, &l, &error);
}

/* --- traces ----------------------------------------------------------------------------------- */

/* Reads a member of the body that is a number in these limits. Returns false after refusing. */
static bool read_number(struct api_call *c, const char *name, int64_t absent, int64_t min,
                        int64_t max, uint64_t *ret)
{
    int64_t n = api_integer(c, name, absent);
    if (n < min || n > max) {
        api_refuse(c, 400, "bad_request", "%s: expected an integer from %lld to %lld", name,
                   (long long)min, (long long)max);
        return false;
    }
    *ret = (uint64_t)n;
    return true;
}

/* Returns false after refusing. */
static bool read_wish(struct api_call *c, struct trace_wish *ret)
{
    struct slice kind = api_string(c, "kind");
    *ret = (struct trace_wish){
        .vhost = api_string(c, "vhost"),
        .name = api_string(c, "name"),
        .pattern = api_string(c, "routing_key"),
        .is_of_queue = slice_is(kind, "queue"),
    };
    if (!ret->is_of_queue && !slice_is(kind, "exchange")) {
        api_refuse(c, 400, "bad_request", "kind: expected queue or exchange");
        return false;
    }
    if (!ret->is_of_queue && slice_is(ret->name, "amq.default"))
        ret->name = SLICE_EMPTY;
    return read_number(c, "seconds", 60, 1, TRACE_SECONDS_MAX, &ret->seconds) &&
           read_number(c, "messages", 1000, 1, TRACE_MESSAGES_MAX, &ret->messages) &&
           read_number(c, "one_in", 1, 1, TRACE_ONE_IN_MAX, &ret->one_in) &&
           read_number(c, "payload_bytes", 0, 0, TRACE_PAYLOAD_BYTES_MAX, &ret->payload_bytes) &&
           read_number(c, "memory", 4 * TRACE_BYTES_MIN, TRACE_BYTES_MIN, TRACE_BYTES_MAX,
                       &ret->bytes);
}

static void add_location(struct api_call *c, uint64_t id)
{
    struct lv_buffer location = {0};
    lv_buffer_printf(&location, "/api/message-traces/%llu", (unsigned long long)id);
    http_add_header(c->http, "location", lv_buffer_slice(&location));
    lv_buffer_free(&location);
}

/* Shows the trace, or the refusal. */
static void answer_trace(struct api_call *c, uint64_t id, bool is_new, struct manage_error *error)
{
    struct trace_facts *f = message_trace_find(c->manage, &c->actor, id, error);
    if (!f) {
        api_refuse_as(c, error);
        return;
    }
    if (is_new) {
        http_status(c->http, 201);
        add_location(c, id);
    }
    api_write_fields(c, trace_fields, f);
    free(f);
}

static void start_trace(struct api_call *c)
{
    struct trace_wish wish;
    struct manage_error error = {0};
    uint64_t id = 0;
    if (!read_wish(c, &wish))
        return;
    if (message_trace_start(c->manage, &c->actor, &wish, &id, &error))
        answer_trace(c, id, true, &error);
    else if (error.refusal == REFUSAL_NOT_FOUND)
        api_refuse_as(c, &error);
    else
        api_refuse_change(c, &error);
}

static void list_traces(struct api_call *c)
{
    struct listing l;
    struct manage_error error = {0};
    message_traces_list(c->manage, &c->actor, &l);
    l.columns = trace_fields;
    api_answer_listing(c, true, &l, &error);
}

/* Returns the number in the path; nothing has the number UINT64_MAX. */
static uint64_t number_in_path(const struct api_call *c, const char *name)
{
    uint64_t number = 0;
    struct slice text = api_part(c, name);
    if (text.n == 0 || text.n > 18)
        return UINT64_MAX;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return UINT64_MAX;
        number = number * 10 + (uint64_t)(text.p[i] - '0');
    }
    return number;
}

static void show_trace(struct api_call *c)
{
    struct manage_error error = {0};
    answer_trace(c, number_in_path(c, "id"), false, &error);
}

static void end_trace(struct api_call *c, bool forgets)
{
    struct manage_error error = {0};
    uint64_t id = number_in_path(c, "id");
    api_end(c, message_trace_stop(c->manage, &c->actor, id, forgets, &error), false, &error);
}

static void stop_trace(struct api_call *c)
{
    end_trace(c, false);
}

static void forget_trace(struct api_call *c)
{
    end_trace(c, true);
}

/* --- messages --------------------------------------------------------------------------------- */

static void list_messages(struct api_call *c)
{
    struct listing l;
    struct manage_error error = {0};
    bool is_done =
        message_trace_messages(c->manage, &c->actor, number_in_path(c, "id"), &l, &error);
    api_answer_kind(c, &traced_kind, is_done, &l, &error);
}

static void put_text(struct json_writer *w, const char *name, struct slice text)
{
    if (text.n == 0)
        return;
    json_write_key(w, name);
    json_write_string(w, text);
}

static void put_number(struct json_writer *w, const char *name, uint64_t number)
{
    if (number == 0)
        return;
    json_write_key(w, name);
    json_write_u64(w, number);
}

static void put_flag(struct json_writer *w, const char *name, bool is_set)
{
    if (!is_set)
        return;
    json_write_key(w, name);
    json_write_bool(w, true);
}

static void write_event(struct json_writer *w, const struct life_event_facts *f)
{
    bool has_exchange =
        f->kind == LIFE_PUBLISHED || f->kind == LIFE_DEAD_LETTERED || f->kind == LIFE_FORWARDED;
    json_write_begin(w, '{');
    json_write_key(w, "at_us");
    json_write_u64(w, f->at_us);
    json_write_key(w, "event");
    json_write_text(w, f->event);
    put_text(w, "reason", f->reason ? slice_str(f->reason) : SLICE_EMPTY);
    put_text(w, "queue", f->queue);
    if (has_exchange) { /* both may be empty */
        json_write_key(w, "exchange");
        json_write_string(w, f->exchange);
        json_write_key(w, "routing_key");
        json_write_string(w, f->routing_key);
    }
    put_text(w, "connection", f->connection);
    put_number(w, "channel", f->channel);
    put_text(w, "user", f->user);
    put_text(w, "consumer_tag", f->consumer_tag);
    put_number(w, "delivery_tag", f->delivery_tag);
    if (f->position != LIFE_NO_POSITION) {
        json_write_key(w, "position");
        json_write_u64(w, f->position);
    }
    put_number(w, "queues", f->queues);
    put_flag(w, "redelivered", f->flags & LIFE_IS_REDELIVERED);
    put_flag(w, "no_ack", f->flags & LIFE_IS_NO_ACK);
    put_flag(w, "mandatory", f->flags & LIFE_IS_MANDATORY);
    put_flag(w, "returned", f->flags & LIFE_IS_RETURNED);
    put_flag(w, "was_there", f->flags & LIFE_WAS_THERE);
    put_flag(w, "is_cut", f->flags & LIFE_IS_CUT);
    json_write_end(w, '}');
}

/* It is not flushed: what is shown is valid only while nothing waits. */
static void write_life(void *arg, const struct traced_life *life)
{
    struct api_call *c = arg;
    struct json_writer *w = &c->json;
    json_write_begin(w, '{');
    json_write_key(w, "message");
    api_write_fields(c, traced_fields, life->facts);
    if (life->header.n > 0) {
        json_write_key(w, "properties");
        api_write_properties(c, life->header);
    }
    if (life->has_payload)
        api_write_payload(c, life->payload, wire_is_utf8(life->payload));
    json_write_key(w, "events");
    json_write_begin(w, '[');
    for (size_t i = 0; i < life->event_count; i++)
        write_event(w, &life->events[i]);
    json_write_end(w, ']');
    put_number(w, "omitted_events", life->omitted);
    json_write_end(w, '}');
}

static void show_message(struct api_call *c)
{
    struct manage_error error = {0};
    if (!message_trace_life(c->manage, &c->actor, number_in_path(c, "id"),
                            number_in_path(c, "number"), write_life, c, &error))
        api_refuse_as(c, &error);
}

const struct api_route api_trace_routes[] = {
    {"GET", "/vhosts/{vhost}/flows", API_VHOST, list_flows,
     "Lists how many messages go from each exchange to each queue, or to `queue`: `count` in the "
     "last `counted_ms` milliseconds, and their `rate` a second, over the last six seconds at most. "
     "They are counted only while somebody looks: for 15 seconds after each request, so the first "
     "one shows nothing. `source` is the exchange that a message was published to, even if others "
     "were on its way.",
     .answer = flow_fields, .is_list = true, .is_paged = true},
    {"GET", "/message-traces", API_MONITORING, list_traces,
     "Lists the traces of messages in vhosts whose content the user may see, the newest first.",
     .answer = trace_fields, .is_list = true, .is_paged = true},
    {"POST", "/message-traces", API_MONITORING, start_trace,
     "Starts to follow single messages of a `queue` or an `exchange` (`kind`), for `seconds` (60; at "
     "most 600): those whose routing key matches the regular expression `routing_key`, of these `one_in` "
     "so many (1), at most `messages` (1000; 10000), in `memory` bytes (4 MiB; 1 to 16 MiB). With "
     "`payload_bytes` (0; 4096) the beginning of each payload is kept, for which the user must have "
     "read permission. Answers 201 with the trace, and its address in `Location`.",
     .body = "vhost:text! kind:text! name:text! seconds:integer messages:integer one_in:integer "
             "routing_key:text payload_bytes:integer memory:integer",
     .answer = trace_fields},
    {"GET", "/message-traces/{id}", API_MONITORING, show_trace,
     "Shows a trace: what it has seen, what it keeps, and what it costs.", .answer = trace_fields},
    {"POST", "/message-traces/{id}/stop", API_MONITORING, stop_trace,
     "Ends a trace before its time. What it has written down stays.", ""},
    {"DELETE", "/message-traces/{id}", API_MONITORING, forget_trace,
     "Ends a trace, and forgets what it has written down."},
    {"GET", "/message-traces/{id}/messages", API_MONITORING, list_messages,
     "Lists the messages that a trace has followed, the oldest first: where each is now, and who "
     "published it. `run_us` is the time from its first record to its last. A page finds them by "
     "routing key, user, queue and state.",
     .answer = traced_fields, .is_list = true, .is_paged = true},
    {"GET", "/message-traces/{id}/messages/{number}", API_MONITORING, show_message,
     "Shows the life of a message: `message` as in the listing, its `properties`, and its `events`, "
     "each with `at_us`, the microseconds since the first one. docs/tracing.md lists the events. Of "
     "more than 2,000 the first and the last 1,000 are shown, and `omitted_events` is the number of "
     "the others."},
    {NULL},
};
