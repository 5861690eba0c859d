/* The lives of messages, put together from the records of all loops.
 *
 * The records are not copied: they stay where they are as long as the reading thread is online
 * (RCU), so nothing here waits. They are sorted by message and time; what the clock shows at the
 * same microsecond keeps the order of its loop. */
#include "manage/message_traces_private.h"

#include <stdlib.h>

#include "base/memory.h"
#include "manage/facts.h"
#include "message/death.h"

struct seen_record {
    struct life_record record;
    size_t order; /* of reading */
};

struct seen_records {
    struct seen_record *of;
    size_t count, capacity;
};

/* --- reading ---------------------------------------------------------------------------------- */

static void add_record(void *arg, const struct life_record *record)
{
    struct seen_records *s = arg;
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 256;
        s->of = lv_realloc(s->of, s->capacity * sizeof *s->of);
    }
    s->of[s->count] = (struct seen_record){*record, s->count};
    s->count++;
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_message(const void *a, const void *b)
{
    const struct seen_record *p = a, *q = b;
    int order = compare(life_number(p->record.life), life_number(q->record.life));
    if (order == 0)
        order = compare(p->record.at_us, q->record.at_us);
    return order ? order : compare(p->order, q->order);
}

static void read_records(struct life_trace *t, struct seen_records *ret)
{
    *ret = (struct seen_records){0};
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        life_ring_each(&t->rings[i], add_record, ret);
    if (ret->count > 0)
        qsort(ret->of, ret->count, sizeof *ret->of, by_message);
}

/* Returns how many records, from this one on, are of one message. */
static size_t life_length(const struct seen_records *s, size_t first)
{
    size_t n = 1;
    uint32_t number = life_number(s->of[first].record.life);
    while (first + n < s->count && life_number(s->of[first + n].record.life) == number)
        n++;
    return n;
}

/* --- what a record says ----------------------------------------------------------------------- */

static bool has_queue(enum life_event event)
{
    switch (event) {
    case LIFE_PUBLISHED:
    case LIFE_UNROUTABLE:
    case LIFE_ROLLED_BACK:
    case LIFE_CONFIRMED:
    case LIFE_NACKED: return false;
    default: return true;
    }
}

/* Returns by how much it changes the number of queues that the message is in. */
static int queued_by(const struct life_record *r)
{
    switch (r->event) {
    case LIFE_QUEUED: return 1;
    case LIFE_ACKED:
    case LIFE_DROPPED:
    case LIFE_LEFT:
    case LIFE_PURGED: return -1;
    case LIFE_QUEUE_DELETED: return r->position != LIFE_NO_POSITION ? -1 : 0;
    case LIFE_DELIVERED:
    case LIFE_GOT: return r->flags & LIFE_IS_NO_ACK ? -1 : 0;
    default: return 0;
    }
}

static void facts_of_publish(const struct life_record *r, struct traced_facts *f)
{
    f->exchange = r->texts[0];
    f->routing_key = r->texts[1];
    f->connection = r->texts[2];
    f->user = r->texts[3];
    f->body_bytes = r->value;
    f->channel = r->channel;
    f->is_persistent = r->flags & LIFE_IS_PERSISTENT;
    f->was_there = r->flags & LIFE_WAS_THERE;
    f->is_beginning_lost = false;
}

/* The confirm says nothing about where the message is. */
static bool is_state(enum life_event event)
{
    return event != LIFE_CONFIRMED && event != LIFE_NACKED && event != LIFE_LEFT;
}

static void facts_of_life(const struct open_trace *open, const struct seen_record *records,
                          size_t count, struct traced_facts *f)
{
    int64_t queued = 0;
    uint64_t first_us = records[0].record.at_us;
    *f = (struct traced_facts){
        .number = life_number(records[0].record.life),
        .started_ms = open->started_ms + (first_us - open->trace->begun_us) / 1000,
        .run_us = records[count - 1].record.at_us - first_us,
        .records = count,
        .is_beginning_lost = true,
        .state = life_event_word(records[0].record.event),
    };
    for (size_t i = 0; i < count; i++) {
        const struct life_record *r = &records[i].record;
        if (r->event == LIFE_PUBLISHED && f->is_beginning_lost)
            facts_of_publish(r, f);
        if (has_queue(r->event) && is_state(r->event))
            f->queue = r->texts[0];
        bool is_delivery = r->event == LIFE_DELIVERED || r->event == LIFE_GOT;
        if (is_delivery && r->flags & LIFE_IS_NO_ACK)
            f->state = "consumed";
        else if (is_state(r->event))
            f->state = life_event_word(r->event);
        f->deliveries += is_delivery;
        f->redeliveries += is_delivery && r->flags & LIFE_IS_REDELIVERED;
        f->deaths += r->event == LIFE_DEAD_LETTERED;
        queued += queued_by(r);
    }
    f->queued = queued > 0 ? (uint64_t)queued : 0;
}

/* --- all messages ----------------------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
    const struct traced_facts *p = *(struct traced_facts *const *)a;
    const struct traced_facts *q = *(struct traced_facts *const *)b;
    int order = compare(p->started_ms, q->started_ms);
    return order ? order : compare(p->number, q->number);
}

bool message_trace_messages(struct manage *m, const struct actor *actor, uint64_t id,
                            struct listing *ret, struct manage_error *error)
{
    struct open_trace open;
    struct seen_records records;
    *ret = (struct listing){0};
    if (!message_trace_open(m, actor, id, &open, error))
        return false;
    read_records(open.trace, &records);
    for (size_t i = 0; i < records.count;) {
        size_t n = life_length(&records, i);
        struct traced_facts f;
        facts_of_life(&open, &records.of[i], n, &f);
        listing_add(ret,
                    FACTS_COPY(&f, &f.exchange, &f.routing_key, &f.connection, &f.user, &f.queue));
        i += n;
    }
    free(records.of);
    message_trace_close(&open);
    listing_sort_by(ret, by_start);
    return true;
}

/* --- one message ------------------------------------------------------------------------------ */

/* What names a connection, and the last one that was looked for among all records. */
struct names {
    const struct seen_records *all;
    size_t first; /* of the message that is shown */
    uint64_t connection;
    const struct life_record *found; /* NULL: none has its name */
};

static bool has_names_of(const struct life_record *r, uint64_t connection)
{
    bool has_names =
        r->event == LIFE_PUBLISHED || r->event == LIFE_DELIVERED || r->event == LIFE_GOT;
    return has_names && r->connection == connection;
}

/* Returns a record that has the names of the connection and its user, or NULL. Mostly it is the
 * i-th record itself, or the delivery before it. */
static const struct life_record *names_find(struct names *names, size_t i, uint64_t connection)
{
    const struct seen_records *all = names->all;
    if (names->connection == connection)
        return names->found;
    names->connection = connection;
    names->found = NULL;
    for (i++; i-- > names->first && !names->found;) {
        if (has_names_of(&all->of[i].record, connection))
            names->found = &all->of[i].record;
    }
    for (i = 0; i < all->count && !names->found; i++) {
        if (has_names_of(&all->of[i].record, connection))
            names->found = &all->of[i].record;
    }
    return names->found;
}

/* Fills in who did it, for the i-th record. */
static void event_name(struct names *names, size_t i, struct life_event_facts *f)
{
    uint64_t connection = names->all->of[i].record.connection;
    const struct life_record *r = connection ? names_find(names, i, connection) : NULL;
    if (r) {
        f->connection = r->texts[2];
        f->user = r->texts[3];
    }
}

static void event_fill(struct names *names, size_t i, struct life_event_facts *f)
{
    const struct life_record *r = &names->all->of[i].record;
    *f = (struct life_event_facts){
        .at_us = r->at_us - names->all->of[names->first].record.at_us,
        .event = life_event_word(r->event),
        .kind = r->event,
        .reason = r->flags & LIFE_HAS_REASON ? death_word(r->reason) : NULL,
        .channel = r->channel,
        .position = has_queue(r->event) && r->event != LIFE_ROUTED ? r->position : LIFE_NO_POSITION,
        .flags = r->flags,
    };
    if (has_queue(r->event))
        f->queue = r->texts[0];
    switch (r->event) {
    case LIFE_PUBLISHED:
        f->exchange = r->texts[0];
        f->routing_key = r->texts[1];
        f->connection = r->texts[2];
        f->user = r->texts[3];
        break;
    case LIFE_ROUTED: f->queues = r->value; break;
    case LIFE_DEAD_LETTERED:
    case LIFE_FORWARDED:
        f->exchange = r->texts[1];
        f->routing_key = r->texts[2];
        break;
    case LIFE_CONFIRMED:
    case LIFE_NACKED:
        f->delivery_tag = r->value;
        event_name(names, i, f);
        break;
    default: f->consumer_tag = r->texts[1]; event_name(names, i, f);
    }
}

/* Returns which record of a life is shown as the i-th of so many events. */
static size_t shown_at(size_t i, size_t shown, size_t count)
{
    return i < LIFE_EVENTS_SHOWN_MAX / 2 ? i : i + count - shown;
}

static void show_life(const struct open_trace *open, const struct seen_records *s, size_t first,
                      void (*show)(void *arg, const struct traced_life *life), void *arg)
{
    size_t count = life_length(s, first);
    size_t shown = count < LIFE_EVENTS_SHOWN_MAX ? count : LIFE_EVENTS_SHOWN_MAX;
    struct life_event_facts *events = lv_calloc(shown, sizeof *events);
    struct names names = {.all = s, .first = first};
    struct traced_facts facts;
    struct traced_life life = {
        .facts = &facts, .events = events, .event_count = shown, .omitted = count - shown};
    facts_of_life(open, &s->of[first], count, &facts);
    for (size_t i = 0; i < shown; i++) {
        size_t at = first + shown_at(i, shown, count);
        const struct life_record *r = &s->of[at].record;
        event_fill(&names, at, &events[i]);
        if (r->event != LIFE_PUBLISHED || life.header.n > 0)
            continue;
        life.header = r->texts[4];
        life.payload = r->texts[5];
        life.has_payload = open->shows_payloads;
    }
    show(arg, &life);
    free(events);
}

bool message_trace_life(struct manage *m, const struct actor *actor, uint64_t id, uint64_t number,
                        void (*show)(void *arg, const struct traced_life *life), void *arg,
                        struct manage_error *error)
{
    struct open_trace open;
    struct seen_records records;
    if (!message_trace_open(m, actor, id, &open, error))
        return false;
    read_records(open.trace, &records);
    size_t at = 0;
    while (at < records.count && life_number(records.of[at].record.life) != number)
        at++;
    bool is_there = at < records.count;
    if (is_there)
        show_life(&open, &records, at, show, arg);
    free(records.of);
    message_trace_close(&open);
    return is_there ||
           manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_NONE,
                         "there is no message %llu in this trace", (unsigned long long)number);
}
