/* Objects that statistics are kept of. */
#include "manage/statistics_objects.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "base/vec.h"

#define OF(name) STATISTIC_##name
#define CHANNEL_FIGURES PUBLISH_FIGURES, DELIVERY_FIGURES
#define PUBLISH_FIGURES OF(publish), OF(confirm), OF(return_unroutable), OF(drop_unroutable)
#define DELIVERY_FIGURES                                                                           \
    OF(deliver), OF(deliver_no_ack), OF(get), OF(get_no_ack), OF(get_empty), OF(redeliver), OF(ack)
#define LENGTHS OF(messages), OF(messages_ready), OF(messages_unacknowledged)

const struct object_figures object_figures[OBJECT_KINDS] = {
    [OBJECT_QUEUE] = {17,
                      {LENGTHS, OF(publish), OF(deliver), OF(deliver_no_ack), OF(get),
                       OF(get_no_ack), OF(get_empty), OF(redeliver), OF(ack), OF(disk_reads),
                       OF(disk_writes), OF(dropped_expired), OF(dropped_maxlen), OF(circled),
                       OF(messages_lost)}},
    [OBJECT_EXCHANGE] = {4,
                         {OF(publish_in), OF(publish_out), OF(return_unroutable),
                          OF(drop_unroutable)}},
    [OBJECT_CONNECTION] = {2, {OF(recv_oct), OF(send_oct)}},
    [OBJECT_CHANNEL] = {11, {CHANNEL_FIGURES}},
    [OBJECT_DELIVERY] = {7, {DELIVERY_FIGURES}},
    [OBJECT_PUBLISH] = {4, {PUBLISH_FIGURES}},
    [OBJECT_VHOST] = {16, {LENGTHS, CHANNEL_FIGURES, OF(recv_oct), OF(send_oct)}},
    [OBJECT_NODE] = {29,
                     {LENGTHS, CHANNEL_FIGURES, OF(disk_reads), OF(disk_writes),
                      OF(connection_created), OF(connection_closed), OF(channel_created),
                      OF(channel_closed), OF(queue_declared), OF(queue_created), OF(queue_deleted),
                      OF(mem_used), OF(fd_used), OF(sockets_used), OF(disk_free), OF(log_syncs),
                      OF(log_sync_us)}},
    [OBJECT_LOOP] = {1, {OF(turn_us)}},
};

/* --- keys ------------------------------------------------------------------------------------- */

uint64_t vhost_key(struct slice vhost)
{
    return lv_hash(vhost);
}

uint64_t exchange_key(struct slice vhost, struct slice exchange)
{
    return lv_hash(vhost) * UINT64_C(0x9e3779b97f4a7c15) ^ lv_hash(exchange);
}

/* Ids of connections are counted up, so that their upper bits are 0. */
uint64_t channel_key(uint64_t connection, uint16_t number)
{
    return connection << 16 | number;
}

uint64_t traffic_key(uint64_t connection, uint16_t number, struct slice name)
{
    return channel_key(connection, number) * UINT64_C(0x9e3779b97f4a7c15) ^ lv_hash(name);
}

/* --- sets ------------------------------------------------------------------------------------- */

static size_t slot_of(const struct object_set *set, uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (set->slot_count - 1);
}

static size_t slot_after(const struct object_set *set, size_t slot)
{
    return (slot + 1) & (set->slot_count - 1);
}

struct object *object_find(const struct object_set *set, uint64_t key)
{
    if (set->slot_count == 0)
        return NULL;
    size_t i = slot_of(set, key);
    while (set->slots[i] && set->slots[i]->key != key)
        i = slot_after(set, i);
    return set->slots[i];
}

static void slot_fill(struct object_set *set, struct object *o)
{
    size_t i = slot_of(set, o->key);
    while (set->slots[i])
        i = slot_after(set, i);
    set->slots[i] = o;
}

/* Keeps at least half of the slots free. */
static void slots_grow(struct object_set *set)
{
    if ((set->count + 1) * 2 <= set->slot_count)
        return;
    free(set->slots);
    set->slot_count = set->slot_count ? set->slot_count * 2 : 32;
    set->slots = lv_calloc(set->slot_count, sizeof(struct object *));
    for (size_t i = 0; i < set->count; i++)
        slot_fill(set, set->all[i]);
}

struct object *object_add(struct object_set *set, uint64_t key)
{
    struct object *o = lv_calloc(1, sizeof *o);
    o->key = key;
    slots_grow(set);
    lv_vec_room(set->all, set->count, set->capacity);
    o->at = set->count;
    set->all[set->count++] = o;
    slot_fill(set, o);
    return o;
}

/* Empties the slot, and moves up what is found past it. */
static void slot_empty(struct object_set *set, size_t slot)
{
    set->slots[slot] = NULL;
    for (size_t i = slot_after(set, slot); set->slots[i]; i = slot_after(set, i)) {
        struct object *o = set->slots[i];
        set->slots[i] = NULL;
        slot_fill(set, o);
    }
}

static void object_free(struct object *o)
{
    history_free(&o->history);
    if (o->queue)
        queue_unref(&o->queue);
    free((void *)(uintptr_t)o->name.p);
    free(o->sums);
    free(o);
}

void object_remove(struct object_set *set, struct object *o)
{
    size_t slot = slot_of(set, o->key);
    while (set->slots[slot] != o) {
        lv_assert(set->slots[slot]);
        slot = slot_after(set, slot);
    }
    slot_empty(set, slot);
    struct object *last = set->all[--set->count];
    set->all[o->at] = last;
    last->at = o->at;
    object_free(o);
}

void object_set_free(struct object_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        object_free(set->all[i]);
    free(set->all);
    free(set->slots);
    *set = (struct object_set){0};
}

/* --- figures ---------------------------------------------------------------------------------- */

static bool are_all_zero(const uint64_t *figures, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (figures[i] != 0)
            return false;
    }
    return true;
}

void object_note(struct object *o, enum object_kind kind, const struct retention *retention,
                 uint64_t now_ms, uint64_t before_ms, const uint64_t *figures)
{
    unsigned count = object_figures[kind].count;
    uint64_t since_ms = o->noted_ms ? o->noted_ms : before_ms;
    o->interval_ms = since_ms ? (uint32_t)(now_ms - since_ms) : 0;
    if (!o->noted_ms)
        o->moved_ms = o->begun_ms = now_ms;
    o->noted_ms = now_ms;
    if (!o->history && are_all_zero(figures, count))
        return;
    if (!o->history)
        o->history = history_create(retention, count);
    int64_t by[OBJECT_FIGURES_MAX];
    history_note(o->history, now_ms, figures);
    if (history_last_change(o->history, by))
        o->moved_ms = now_ms;
}

uint64_t object_figure(const struct object *o, unsigned i)
{
    return o->history ? history_figures(o->history)[i] : 0;
}

double object_rate(const struct object *o, unsigned i)
{
    int64_t by[OBJECT_FIGURES_MAX];
    if (!o->history || o->interval_ms == 0 || !history_last_change(o->history, by))
        return 0;
    return (double)by[i] * 1000 / o->interval_ms;
}
