/* Writes the headers of an event; events->publish() publishes it. */
#include "message/events.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "loop/loop.h"
#include "wire/erlang_text.h"
#include "wire/table.h"

/* --- the acting user -------------------------------------------------------------------------- */

static _Thread_local struct slice actor;

struct slice events_act_as(struct slice user)
{
    struct slice before = actor;
    actor = user;
    return before;
}

struct slice events_actor(void)
{
    return actor.n ? actor : slice_str(EVENT_ACTOR_INTERNAL);
}

/* --- fields ----------------------------------------------------------------------------------- */

/* Writes a text for each field of the table. table_describe() puts brackets around a text; they are
 * cut off. */
static void event_put_argument_texts(struct table_writer *w, struct slice table)
{
    struct slice rest = table, name;
    struct field f;
    struct lv_buffer text = {0};
    const uint8_t *at = rest.p;
    while (table_next(&rest, &name, &f)) {
        text.n = 0;
        table_describe(&text, slice_of(at, (size_t)(rest.p - at)));
        table_put_str(w, NULL, slice_of(text.p + 1, text.n - 2));
        at = rest.p;
    }
    lv_buffer_free(&text);
}

static void event_put_words(struct table_writer *w, struct slice text)
{
    while (text.n > 0) {
        const uint8_t *comma = memchr(text.p, ',', text.n);
        size_t n = comma ? (size_t)(comma - text.p) : text.n;
        table_put_str(w, NULL, slice_of(text.p, n));
        n += comma != NULL;
        text = slice_of(text.p + n, text.n - n);
    }
}

static void event_put_chars(struct table_writer *w, struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        table_put_long(w, NULL, text.p[i]);
}

static void event_put_members(struct table_writer *w, struct slice table)
{
    struct slice name;
    struct field f;
    while (table_next(&table, &name, &f))
        table_put_field(w, name, &f);
}

static void event_put_address(struct table_writer *w, const char *name, struct slice address)
{
    struct lv_buffer text = {0};
    erlang_put_address(&text, address);
    table_put_str(w, name, lv_buffer_slice(&text));
    lv_buffer_free(&text);
}

static void event_put_array(struct table_writer *w, const struct event_field *f)
{
    table_put_array(w, f->name);
    if (f->kind == EVENT_FIELD_ARGUMENTS)
        event_put_argument_texts(w, f->bytes);
    else if (f->kind == EVENT_FIELD_WORDS)
        event_put_words(w, f->bytes);
    else
        event_put_chars(w, f->bytes);
    table_end(w);
}

static void event_put_field(struct table_writer *w, const struct event_field *f)
{
    const struct field table = {.type = FIELD_TABLE, .bytes = f->bytes};
    switch (f->kind) {
    case EVENT_FIELD_NONE: break;
    case EVENT_FIELD_STR: table_put_str(w, f->name, f->bytes); break;
    case EVENT_FIELD_BOOL: table_put_bool(w, f->name, f->number != 0); break;
    case EVENT_FIELD_LONG: table_put_long(w, f->name, f->number); break;
    case EVENT_FIELD_TABLE: table_put_field(w, slice_str(f->name), &table); break;
    case EVENT_FIELD_MEMBERS: event_put_members(w, f->bytes); break;
    case EVENT_FIELD_VALUE: table_put_field(w, slice_str(f->name), f->value); break;
    case EVENT_FIELD_ADDRESS: event_put_address(w, f->name, f->bytes); break;
    case EVENT_FIELD_ARGUMENTS:
    case EVENT_FIELD_WORDS:
    case EVENT_FIELD_CHARS: event_put_array(w, f); break;
    }
}

/* --- sending ---------------------------------------------------------------------------------- */

void event_send(struct events *events, const char *key, const struct event_field *fields,
                size_t count)
{
    struct lv_buffer headers = {0};
    struct table_writer w;
    lv_assert(events->publish != NULL);
    table_begin(&w, &headers);
    for (size_t i = 0; i < count; i++)
        event_put_field(&w, &fields[i]);
    table_end(&w);
    events->publish(events, key, &headers);
}

void events_set_bound(struct events *events, bool is_bound)
{
    if (is_bound)
        atomic_fetch_or(&events->state, EVENT_STATE_BOUND);
    else
        atomic_fetch_and(&events->state, ~(unsigned)EVENT_STATE_BOUND);
}

void events_set_followed(struct events *events, bool is_followed)
{
    if (is_followed)
        atomic_fetch_or(&events->state, EVENT_STATE_FOLLOWED);
    else
        atomic_fetch_and(&events->state, ~(unsigned)EVENT_STATE_FOLLOWED);
}

void events_stop(struct events *events)
{
    lv_assert(!loop_current());
    atomic_fetch_or(&events->state, EVENT_STATE_STOPPED);
}

struct slice event_pid(const char *node_name, char space[EVENT_PID_MAX], uint64_t connection_id,
                       unsigned channel)
{
    int n = snprintf(space, EVENT_PID_MAX, "<%.270s.1.%" PRIu64 ".%u>", node_name, connection_id,
                     channel);
    return slice_of(space, (size_t)n);
}
