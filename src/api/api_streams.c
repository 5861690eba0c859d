/* Streams of server-sent events: the log, and what happens in the broker. See streams.h. */
#include <stdlib.h>

#include "api/streams.h"
#include "base/log_format.h"
#include "base/log_tail.h"
#include "base/memory.h"
#include "broker/event_tail.h"
#include "wire/table_json.h"

enum { LINES_USUAL = 50, LINES_MAX = 10000 };

enum source { SOURCE_EVENTS, SOURCE_LOG };
_Static_assert((int)SOURCE_LOG + 1 == (int)STREAM_SOURCES, "each has its number");

/* What is read into, by the thread of streams. */
struct stream_reader {
    struct event_tail *events;
    struct lv_buffer headers; /* of an event */
    struct log_format *format;
    struct log_tail_reader log;
    struct lv_buffer line;
};

static void write_event(struct lv_buffer *out, const char *name, struct slice json)
{
    lv_buffer_printf(out, "event: %s\ndata: ", name);
    lv_buffer_add_slice(out, json);
    lv_buffer_add(out, "\n\n", 2);
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

/* Writes the next line. Returns false if there is none. */
static bool write_line(struct stream_reader *r, struct lv_buffer *out)
{
    struct log_record record;
    enum log_tail_result result = log_tail_next(&r->log, 0, &record);
    if (result == LOG_TAIL_LOST) {
        write_event(out, "lost", slice_str("{}"));
    } else if (result == LOG_TAIL_LINE) {
        r->line.n = 0;
        log_format_put(r->format, &record, &r->line);
        write_event(out, "log", lv_buffer_slice(&r->line));
    }
    return result != LOG_TAIL_NONE;
}

/* A stream_source's read(). */
static void read_log(void *arg, uint64_t *at, struct lv_buffer *out)
{
    struct stream_reader *r = arg;
    r->log.at = *at;
    while (out->n < STREAM_BYTES && write_line(r, out)) {
    }
    *at = r->log.at;
}

/* Answers with the lines that are there. */
static void answer_recent(struct api_call *c, uint64_t lines)
{
    struct stream_reader *r = lv_calloc(1, sizeof *r);
    http_set_header(c->http, "content-type", slice_str("text/event-stream"));
    http_set_header(c->http, "cache-control", slice_str("no-store"));
    r->format = json_format();
    log_tail_begin(&r->log, lines);
    lv_buffer_add(http_out(c->http), ":\n\n", 3);
    while (write_line(r, http_out(c->http)) && api_flush(c)) {
    }
    log_format_free(&r->format);
    lv_buffer_free(&r->line);
    free(r);
}

static void stream_logs(struct api_call *c)
{
    uint64_t lines;
    if (!api_query_number(c, "lines", LINES_USUAL, LINES_MAX, &lines))
        return;
    if (slice_is(api_query(c, "follow"), "false")) {
        answer_recent(c, lines);
        return;
    }
    struct log_tail_reader *from = lv_malloc(sizeof *from);
    log_tail_begin(from, lines);
    streams_add(c->api->streams, c, SOURCE_LOG, from->at);
    free(from);
}

/* --- events ----------------------------------------------------------------------------------- */

static void write_happening(struct lv_buffer *out, const char *key, struct slice headers)
{
    struct lv_buffer json = {0};
    struct json_writer w = {.out = &json};
    json_write_tree(&w, table_to_json(headers));
    write_event(out, key, lv_buffer_slice(&json));
    lv_buffer_free(&json);
}

static void write_lost(struct lv_buffer *out, uint64_t count)
{
    char json[64];
    int n = snprintf(json, sizeof json, "{\"count\":%llu}", (unsigned long long)count);
    write_event(out, "lost", slice_of(json, (size_t)n));
}

/* A stream_source's read(). */
static void read_events(void *arg, uint64_t *at, struct lv_buffer *out)
{
    struct stream_reader *r = arg;
    struct event_reader reader = {r->events, *at};
    enum event_read result = EVENT_READ;
    while (out->n < STREAM_BYTES && result != EVENT_READ_NONE) {
        const char *key;
        uint64_t lost;
        result = event_read_next(&reader, &key, &r->headers, &lost);
        if (result == EVENT_READ)
            write_happening(out, key, lv_buffer_slice(&r->headers));
        else if (result == EVENT_READ_LOST)
            write_lost(out, lost);
    }
    *at = reader.next;
}

/* A stream_source's end(). */
static void end_events(void *arg)
{
    struct stream_reader *r = arg;
    event_reader_end(&(struct event_reader){.tail = r->events});
}

static void stream_events(struct api_call *c)
{
    struct event_reader reader;
    event_reader_begin(&reader, c->manage->broker->event_tail); /* from here on nothing is missed */
    if (!streams_add(c->api->streams, c, SOURCE_EVENTS, reader.next))
        event_reader_end(&reader);
}

/* --- their life ------------------------------------------------------------------------------- */

void api_open_streams(struct api *api)
{
    struct stream_reader *r = api->stream_reader = lv_calloc(1, sizeof *r);
    r->events = api->manage->broker->event_tail;
    r->format = json_format();
    const struct stream_source sources[STREAM_SOURCES] = {
        [SOURCE_EVENTS] = {read_events, end_events, r},
        [SOURCE_LOG] = {read_log, NULL, r},
    };
    api->streams = streams_create(sources, api->settings.streams_max);
    event_tail_set_wake(r->events, streams_wake, api->streams);
    log_tail_set_wake(streams_wake, api->streams);
}

void api_end_streams(struct api *api)
{
    if (!api || !api->streams)
        return;
    event_tail_set_wake(api->stream_reader->events, NULL, NULL);
    log_tail_set_wake(NULL, NULL);
    streams_stop(api->streams);
}

void api_free_streams(struct api *api)
{
    struct stream_reader *r = api->stream_reader;
    api_end_streams(api);
    streams_free(&api->streams);
    log_format_free(&r->format);
    lv_buffer_free(&r->headers);
    lv_buffer_free(&r->line);
    free(r);
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
