/* Publishing in a feature world, as a session does it: an exchange, the queues of its route, one
 * answer of each. */
#include "feature_world_private.h"

#include <string.h>

#include "topology/dedup.h"
#include "topology/route.h"
#include "wire/properties.h"

/* --- answers ---------------------------------------------------------------------------------- */

static bool has_store_failed(const struct feature_world *w)
{
    return !w->machine.journal || log_failure(w->machine.journal->log) < 0 ||
           atomic_load(&w->machine.journal->has_failed);
}

void fw_note_failure(struct feature_world *w)
{
    if (!w->machine.journal || fw_is_cut(w) || !has_store_failed(w))
        return;
    w->failure_step = w->story.step;
    if (log_failure(w->machine.journal->log) == 0)
        w->lasting_failure_step = w->story.step;
}

static void refuse(struct feature_world *w, struct fw_message *m)
{
    w->counts->refused += !m->is_refused;
    if (!m->is_refused)
        m->is_refused_cleanly = !has_store_failed(w);
    m->is_refused = true;
    fw_note_failure(w);
}

void fw_on_answer(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                  struct message *message)
{
    struct feature_world *w = lv_container_of(sink, struct fw_sink, sink)->world;
    if ((answer == CONFIRM_GONE) != (message != NULL))
        fw_fail(w, "message %" PRIu64 " comes back though it was not too late, or does not",
                number);
    struct fw_message *m = &w->messages[number];
    if (w->is_dead)
        return;
    if (m->life != w->story.life)
        fw_fail(w, "message %" PRIu64 " of an earlier life is answered", number);
    if (m->answers++ == m->answers_due)
        fw_fail(w, "message %" PRIu64 " is answered once too often", number);
    if (answer == CONFIRM_REFUSED)
        refuse(w, m);
}

void fw_check_answers(struct feature_world *w)
{
    for (uint32_t i = 0; i < w->message_count; i++) {
        const struct fw_message *m = &w->messages[i];
        if (m->life == w->story.life && m->answers != m->answers_due)
            fw_fail(w, "message %u has %u answers of %u", i, m->answers, m->answers_due);
    }
}

/* --- into queues ------------------------------------------------------------------------------ */

static void note_answer(struct feature_world *w, struct fw_message *m, enum confirm_answer answer)
{
    if (answer == CONFIRM_LATER)
        m->answers_due++;
    if (answer == CONFIRM_REFUSED)
        refuse(w, m);
}

/* One answer that comes while its queues are asked must find that it is due. */
static void put(struct feature_world *w, struct loop *loop, uint32_t number, struct message *m,
                const struct route *route)
{
    struct confirm_sink *sink = &w->sinks[loop_index(loop)].sink;
    for (size_t i = 0; i < route->count; i++)
        note_answer(w, &w->messages[number],
                    queue_publish(loop, queue_of_entry(route->queues[i]), m, sink, number));
}

static void put_once(struct feature_world *w, struct loop *loop, uint32_t number, struct message *m,
                     const struct route *route, struct dedup_claims *claims)
{
    struct fw_message *model = &w->messages[number];
    struct confirm_sink *sink = &w->sinks[loop_index(loop)].sink;
    struct dedup_publish *publish = dedup_publish_begin(loop, claims, m->is_persistent);
    struct confirm_answers answers = {0};
    for (size_t i = 0; i < route->count; i++)
        confirm_answers_add(&answers, queue_publish(loop, queue_of_entry(route->queues[i]), m,
                                                    dedup_publish_sink(publish), 0));
    note_answer(w, model, dedup_publish_end(&publish, &answers, sink, number));
    if (claims->seen_by) {
        model->is_duplicate = true;
        w->counts->duplicates++;
        note_answer(w, model, dedup_answer_duplicate(claims, sink, number));
    }
}

/* What an exchange has remembered: a message with this value that it has let through, and whether
 * that has arrived. */
static const struct fw_message *twin_before(const struct feature_world *w, uint32_t number)
{
    const struct fw_message *m = &w->messages[number];
    for (uint32_t i = number; m->twin > 0 && i-- > 0;) {
        const struct fw_message *other = &w->messages[i];
        if (other->life != w->story.life)
            break;
        if (other->twin == m->twin && other->exchange == m->exchange && !other->is_duplicate &&
            !other->is_refused)
            return other;
    }
    return NULL;
}

static void check_route(struct feature_world *w, uint32_t number, const struct route *route)
{
    struct fw_message *m = &w->messages[number];
    bool drops = m->exchange >= 0 && w->exchanges[m->exchange].drops_duplicates;
    bool is_duplicate = drops && twin_before(w, number);
    unsigned slots = 0;
    for (size_t i = 0; i < route->count; i++)
        slots |= 1u << fw_slot_named(w, queue_entry_name(route->queues[i]));
    if (slots != (is_duplicate ? 0 : m->entries))
        fw_fail(w, "message %u goes to %x, not to %x%s", number, slots, m->entries,
                is_duplicate ? " (it is a duplicate)" : "");
}

/* What was published at home has arrived. */
static void note_arrival(struct feature_world *w, const struct loop *loop, struct fw_message *m)
{
    for (unsigned i = 0; i < FW_SLOTS_MAX; i++) {
        if ((m->entries >> i & 1) && queue_home(w->slots[i].queue) != loop)
            return;
    }
    m->arrived_step = w->story.step;
    m->arrived_ms = m->published_ms;
}

static void publish(struct feature_world *w, struct loop *loop, uint32_t number)
{
    struct fw_message *model = &w->messages[number];
    struct message *m = fw_make_message(w, number);
    struct properties p;
    struct route route;
    struct dedup_claims claims = {0};
    if (!properties_read(message_header(m), &p))
        lv_unreachable();
    const struct delivery whole = delivery_of_message(m);
    const struct routing_input input = {
        .routing_key = message_routing_key(m),
        .headers = p.headers,
        .has_headers = (p.flags & PROPERTY_HEADERS) != 0,
        .message = &whole,
        .claims = &claims,
    };
    route_find(loop, exchange_find(w->machine.vhost, message_exchange(m)), &input, &route);
    check_route(w, number, &route);
    if (dedup_claims_are_empty(&claims))
        put(w, loop, number, m, &route);
    else
        put_once(w, loop, number, m, &route, &claims);
    model->entries = model->is_duplicate ? 0 : model->entries;
    note_arrival(w, loop, model);
    message_unref(&m);
}

/* --- messages --------------------------------------------------------------------------------- */

static void choose_address(struct feature_world *w, struct fw_message *m)
{
    unsigned exchange = (unsigned)fw_below(w, FW_EXCHANGES_MAX);
    m->exchange = w->exchanges[exchange].is_used && !fw_one_in(w, 3) ? (int)exchange : DLX_DEFAULT;
    m->queue = (unsigned)fw_below(w, w->queue_count);
}

static uint32_t add_message(struct feature_world *w, unsigned publisher)
{
    uint32_t number = w->message_count++;
    struct fw_message *m = &w->messages[number];
    *m = (struct fw_message){
        .life = w->story.life,
        .step = w->story.step,
        .arrived_step = FW_NEVER,
        .arrived_ms = FW_NEVER,
        .published_ms = fw_now_ms(w),
        .publisher = (uint8_t)publisher,
        .body_bytes = (uint32_t)fw_below(w, fw_one_in(w, 6) ? FW_BODY_MAX : 60),
        .is_persistent = !fw_percent(w, w->transient_percent),
        .has_priority = fw_one_in(w, 2),
        .priority = (uint8_t)fw_below(w, FW_PRIORITIES + 1),
        .has_ttl = fw_percent(w, w->ttl_percent),
        .has_delay = fw_percent(w, w->delay_percent),
        .ttl_ms = (uint64_t)FW_PICK(w, 0, 5, 300, 300, FW_TIME_MS_MAX, FW_NEVER_MS),
        .delay_ms = 1 + fw_below(w, (uint64_t)FW_PICK(w, 10, 1000, FW_TIME_MS_MAX)),
    };
    if (fw_percent(w, w->value_percent))
        m->value = (uint8_t)(1 + fw_below(w, FW_VALUES_MAX));
    if (fw_percent(w, w->twin_percent))
        m->twin = (uint8_t)(1 + fw_below(w, FW_VALUES_MAX));
    w->counts->messages++;
    return number;
}

static void address(struct feature_world *w, struct fw_message *m)
{
    m->entries = fw_targets(w, m->exchange, m->queue, m->has_delay);
    m->queues = fw_targets(w, m->exchange, m->queue, false);
}

void fw_publish(struct feature_world *w, unsigned count)
{
    unsigned publisher = (unsigned)fw_below(w, loops_count(w->machine.loops));
    struct loop *loop = loops_at(w->machine.loops, publisher);
    struct fw_message chosen;
    choose_address(w, &chosen);
    uint32_t first = w->message_count;
    fw_step(w, "loop %u publishes from %u on to %s %u", publisher, first,
            chosen.exchange == DLX_DEFAULT ? "queue" : "exchange",
            chosen.exchange == DLX_DEFAULT ? chosen.queue : (unsigned)chosen.exchange);
    loop_sim_enter(loop);
    for (unsigned i = 0; i < count && w->message_count < FW_MESSAGES_MAX; i++) {
        uint32_t number = add_message(w, publisher);
        struct fw_message *m = &w->messages[number];
        m->exchange = chosen.exchange;
        m->queue = chosen.queue;
        address(w, m);
        publish(w, loop, number);
        w->story.step++;
    }
    loop_sim_enter(NULL);
    fw_step(w, "... up to %u", w->message_count);
}

void fw_publish_ballast(struct feature_world *w, unsigned queue)
{
    uint32_t number = add_message(w, 0);
    struct fw_message *m = &w->messages[number];
    m->is_persistent = true;
    m->has_ttl = m->has_delay = false;
    m->value = m->twin = 0;
    m->body_bytes = (uint32_t)w->machine.file_bytes / 4;
    m->exchange = DLX_DEFAULT;
    m->queue = queue;
    address(w, m);
    loop_sim_enter(loops_at(w->machine.loops, 0));
    publish(w, loops_at(w->machine.loops, 0), number);
    loop_sim_enter(NULL);
}
