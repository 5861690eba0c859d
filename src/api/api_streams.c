/* Streams of server-sent events: the log, and what happens in the broker.
 *
 * A stream runs on a worker's thread until its client is gone or the broker stops, so their number
 * is bounded. A client that is slow loses what it is too late for, and is told so: neither the log
 * nor a loop waits for it. */
#include <stdatomic.h>
#include <stdlib.h>

#include "api/api_private.h"
#include "base/log_format.h"
#include "base/log_tail.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "broker/event_tail.h"
#include "manage/compute_slots.h"
#include "wire/table_json.h"

enum {
    STREAMS_MAX = 8, /* half of the workers */
    LINES_USUAL = 50,
    LINES_MAX = 10000,
    WAIT_MS = 100,
    QUIET_WAITS_MAX = 150, /* waits without anything to send, after which a comment is sent */
};

/* --- a stream --------------------------------------------------------------------------------- */

static _Atomic unsigned streams;

/* Begins a stream. Returns false after refusing: there are too many. */
static bool stream_begin(struct api_call *c)
{
    if (atomic_fetch_add(&streams, 1) >= STREAMS_MAX) {
        atomic_fetch_sub(&streams, 1);
        api_refuse(c, 503, "unavailable", "%d streams are open already", STREAMS_MAX);
        return false;
    }
    http_set_header(c->http, "content-type", slice_str("text/event-stream"));
    http_set_header(c->http, "cache-control", slice_str("no-store"));
    return true;
}

static void stream_end(void)
{
    atomic_fetch_sub(&streams, 1);
}

/* Sends what is written. Returns false if the stream ends. */
static bool stream_flush(struct api_call *c)
{
    bool had_slot = compute_slot_pause();
    bool is_there = http_flush(c->http, true);
    compute_slot_resume(had_slot);
    return is_there && auth_is_current(c->identity);
}

static void write_event(struct api_call *c, const char *name, struct slice json)
{
    struct lv_buffer *out = http_out(c->http);
    lv_buffer_printf(out, "event: %s\ndata: ", name);
    lv_buffer_add_slice(out, json);
    lv_buffer_add(out, "\n\n", 2);
}

static void write_lost(struct api_call *c, uint64_t count)
{
    char json[64];
    int n = snprintf(json, sizeof json, "{\"count\":%llu}", (unsigned long long)count);
    write_event(c, "lost", slice_of(json, (size_t)n));
}

/* A comment, which shows that the stream is alive. */
static void write_comment(struct api_call *c)
{
    lv_buffer_add(http_out(c->http), ":\n\n", 3);
}

/* --- the log ---------------------------------------------------------------------------------- */

static struct log_format *json_format(void)
{
    return log_format_create(&(struct log_format_settings){
        .is_json = true,
        .line = LOG_FORMAT_LINE_DEFAULT,
        .field_map = LOG_FORMAT_FIELD_MAP_DEFAULT,
        .verbosity_map = "",
    });
}

static enum log_tail_result read_log(struct log_tail_reader *reader, unsigned wait_ms,
                                     struct log_record *ret)
{
    bool had_slot = compute_slot_pause();
    enum log_tail_result result = log_tail_next(reader, (int)wait_ms, ret);
    compute_slot_resume(had_slot);
    return result;
}

static void follow_log(struct api_call *c, struct log_tail_reader *reader,
                       const struct log_format *format, bool is_live)
{
    struct lv_buffer line = {0};
    struct log_record record;
    unsigned quiet = 0;
    bool goes_on = true;
    while (goes_on) {
        enum log_tail_result result = read_log(reader, is_live ? WAIT_MS : 0, &record);
        line.n = 0;
        if (result == LOG_TAIL_LINE) {
            log_format_put(format, &record, &line);
            write_event(c, "log", lv_buffer_slice(&line));
        } else if (result == LOG_TAIL_LOST) {
            write_event(c, "lost", slice_str("{}"));
        } else if (++quiet == QUIET_WAITS_MAX) {
            quiet = 0;
            write_comment(c);
        }
        goes_on = stream_flush(c) && (is_live || result != LOG_TAIL_NONE);
    }
    lv_buffer_free(&line);
}

static void stream_logs(struct api_call *c)
{
    uint64_t lines;
    if (!api_query_number(c, "lines", LINES_USUAL, LINES_MAX, &lines) || !stream_begin(c))
        return;
    struct log_tail_reader *reader = lv_malloc(sizeof *reader);
    struct log_format *format = json_format();
    log_tail_begin(reader, lines);
    write_comment(c);
    follow_log(c, reader, format, !slice_is(api_query(c, "follow"), "false"));
    log_format_free(&format);
    free(reader);
    stream_end();
}

/* --- events ----------------------------------------------------------------------------------- */

static void write_happening(struct api_call *c, const char *key, struct slice headers)
{
    struct lv_buffer json = {0};
    struct json_writer w = {.out = &json};
    json_write_tree(&w, table_to_json(headers));
    write_event(c, key, lv_buffer_slice(&json));
    lv_buffer_free(&json);
}

static void follow_events(struct api_call *c, struct event_reader *reader)
{
    struct lv_buffer headers = {0};
    unsigned quiet = 0;
    bool goes_on = true;
    while (goes_on) {
        const char *key;
        uint64_t lost;
        enum event_read result = event_read_next(reader, &key, &headers, &lost);
        if (result == EVENT_READ) {
            write_happening(c, key, lv_buffer_slice(&headers));
        } else if (result == EVENT_READ_LOST) {
            write_lost(c, lost);
        } else if (++quiet == QUIET_WAITS_MAX) {
            quiet = 0;
            write_comment(c);
        }
        goes_on = stream_flush(c) &&
                  (result != EVENT_READ_NONE || ask_pause(c->manage->asker, WAIT_MS) == 0);
    }
    lv_buffer_free(&headers);
}

static void stream_events(struct api_call *c)
{
    struct event_reader reader;
    if (!stream_begin(c))
        return;
    event_reader_begin(&reader, c->manage->broker->event_tail);
    write_comment(c); /* from here on nothing is missed */
    follow_events(c, &reader);
    event_reader_end(&reader);
    stream_end();
}

const struct api_route api_stream_routes[] = {
    {"GET", "/events", API_MONITORING, stream_events,
     "Streams what happens in the broker as server-sent events, with the names and fields of the "
     "events of the exchange amq.rabbitmq.event. A slow client gets the event `lost`, with the "
     "number of events that it has missed."},
    {"GET", "/logs", API_MONITORING, stream_logs,
     "Streams the log as server-sent events, each a line in JSON: the last `lines` (50), and then, "
     "unless `follow=false`, those to come."},
    {NULL},
};
