/* Publisher confirms: which numbers are open, what their queues have answered, and what to send to
 * the publisher, once a turn and in as few frames as `multiple` allows. */
#include "amqp/confirms.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/counters.h"
#include "base/memory.h"

struct chunk {
    uint64_t open;
    uint64_t refused; /* a queue has refused it; a subset of `open`, like the next two */
    uint64_t taken;   /* a queue has taken it */
    uint64_t mandatory;
    uint32_t answers[SEQMAP_ENTRIES];
    uint32_t since_ms[SEQMAP_ENTRIES]; /* the low half of confirms_wait()'s time */
    uint8_t tags[SEQMAP_ENTRIES];
};

static uint64_t bit_of(uint64_t number)
{
    return 1ull << (number % SEQMAP_ENTRIES);
}

void confirms_init(struct confirms *c)
{
    *c = (struct confirms){0};
    lv_seqmap_init(&c->chunks, sizeof(struct chunk));
}

void confirms_free(struct confirms *c)
{
    lv_seqmap_free(&c->chunks);
    free(c->late.numbers);
    free(c->refused.numbers);
}

static void list_grow(struct confirm_list *list)
{
    list->capacity = list->capacity ? list->capacity * 2 : 16;
    list->numbers = lv_realloc(list->numbers, list->capacity * sizeof *list->numbers);
}

static inline void list_add(struct confirm_list *list, uint64_t number)
{
    if (list->count == list->capacity)
        list_grow(list);
    list->is_unordered |= number < list->newest;
    list->newest = number;
    list->numbers[list->count++] = number;
}

void confirms_refuse(struct confirms *c)
{
    list_add(&c->refused, ++c->last);
    c->nacked++;
    COUNT(refused);
}

void confirms_wait(struct confirms *c, const struct confirm_answers *answers, bool is_mandatory,
                   uint64_t now_ms)
{
    lv_assert(answers->later > 0);
    uint64_t number = ++c->last;
    uint64_t bit = bit_of(number);
    struct chunk *chunk = lv_seqmap_find(&c->chunks, number);
    if (!chunk)
        chunk = lv_seqmap_extend(&c->chunks, number);
    chunk->open |= bit;
    if (answers->refused)
        chunk->refused |= bit;
    if (answers->taken)
        chunk->taken |= bit;
    if (is_mandatory)
        chunk->mandatory |= bit;
    chunk->answers[number % SEQMAP_ENTRIES] = answers->later;
    chunk->since_ms[number % SEQMAP_ENTRIES] = (uint32_t)now_ms;
    chunk->tags[number % SEQMAP_ENTRIES] = (uint8_t)c->tag;
    c->open++;
}

enum confirm_end confirms_answer(struct confirms *c, uint64_t number, enum confirm_answer answer,
                                 uint64_t now_ms)
{
    struct chunk *chunk = lv_seqmap_find(&c->chunks, number);
    uint64_t bit = bit_of(number);
    lv_assert(chunk && (chunk->open & bit));
    lv_assert(answer != CONFIRM_LATER && chunk->answers[number % SEQMAP_ENTRIES] > 0);
    if (answer == CONFIRM_TOOK)
        chunk->taken |= bit;
    else if (answer == CONFIRM_REFUSED)
        chunk->refused |= bit;
    if (--chunk->answers[number % SEQMAP_ENTRIES] > 0)
        return CONFIRM_OPEN;
    bool is_gone = !((chunk->taken | chunk->refused) & bit);
    bool is_returned = is_gone && (chunk->mandatory & bit);
    bool is_nacked = (chunk->refused & bit) || (is_gone && !is_returned);
    uint32_t ms = (uint32_t)now_ms - chunk->since_ms[number % SEQMAP_ENTRIES];
    c->acked[chunk->tags[number % SEQMAP_ENTRIES]] += !is_nacked;
    lv_assert(c->open > 0);
    chunk->open &= ~bit;
    c->open--;
    if (chunk->open == 0)
        lv_seqmap_drop(&c->chunks, number);
    c->nacked += is_nacked;
    COUNT_MANY(refused, is_nacked);
    if (!is_nacked)
        confirm_count(ms);
    if (is_nacked)
        list_add(&c->refused, number);
    else if (number <= c->passed)
        list_add(&c->late, number);
    return is_returned ? CONFIRM_RETURNED : CONFIRM_SETTLED;
}

/* --- telling ---------------------------------------------------------------------------------- */

/* One flush: runs of consecutive numbers are told in ascending order. */
struct telling {
    struct confirms *c;
    confirm_send *send;
    void *arg;
    /* when the flush ends, all below it are told, so `multiple` may be used */
    uint64_t lowest_open;
    uint64_t from, to; /* the run that is being extended; from is 0: none */
    bool is_nack;      /* the numbers of the run are nacked, not acked */
    size_t refused;    /* how many of c->refused are told */
};

/* Returns the `open` bits of this number's chunk, from the number's own bit on. */
static uint64_t open_from(const struct confirms *c, uint64_t number)
{
    const struct chunk *chunk = lv_seqmap_find(&c->chunks, number);
    return chunk ? chunk->open >> (number % SEQMAP_ENTRIES) : 0;
}

/* Returns the first number from `from` on that is open (or, if `is_open` is false, that is not),
 * or the one after the last if there is none. */
static uint64_t find_next(const struct confirms *c, uint64_t from, bool is_open)
{
    while (from <= c->last) {
        unsigned rest = SEQMAP_ENTRIES - from % SEQMAP_ENTRIES;
        uint64_t bits = open_from(c, from);
        uint64_t wanted = is_open ? bits : ~bits;
        unsigned step = wanted ? (unsigned)__builtin_ctzll(wanted) : SEQMAP_ENTRIES;
        if (step < rest)
            return from + step <= c->last ? from + step : c->last + 1;
        from += rest;
    }
    return c->last + 1;
}

static uint64_t find_lowest_open(const struct confirms *c)
{
    if (c->open == 0)
        return c->last + 1;
    return find_next(c, c->chunks.first * SEQMAP_ENTRIES, true);
}

static void end_run(struct telling *t)
{
    if (t->from == 0)
        return;
    if (t->to < t->lowest_open) {
        /* RabbitMQ's nack sets `multiple` for a single message, too; its ack does not. */
        t->send(t->arg, t->to, t->is_nack || t->to > t->from, t->is_nack);
    } else {
        for (uint64_t n = t->from; n <= t->to; n++)
            t->send(t->arg, n, false, t->is_nack);
    }
    t->from = 0;
}

static void add_run(struct telling *t, uint64_t from, uint64_t to, bool is_nack)
{
    if (t->from != 0 && t->is_nack == is_nack && t->to + 1 == from) {
        t->to = to;
        return;
    }
    end_run(t);
    t->from = from;
    t->to = to;
    t->is_nack = is_nack;
}

/* Tells acks for the numbers from `from` to `to`, and nacks for those refused numbers up to `to`
 * that are not told yet. Refused numbers between `from` and `to` interrupt the run of acks. */
static void add_acks(struct telling *t, uint64_t from, uint64_t to)
{
    const struct confirm_list *refused = &t->c->refused;
    for (; t->refused < refused->count && refused->numbers[t->refused] <= to; t->refused++) {
        uint64_t number = refused->numbers[t->refused];
        if (number > from)
            add_run(t, from, number - 1, false);
        add_run(t, number, number, true);
        if (number >= from)
            from = number + 1;
    }
    if (from <= to)
        add_run(t, from, to, false);
}

/* Tells of all numbers since the last flush that are not open. */
static void add_new(struct telling *t)
{
    const struct confirms *c = t->c;
    uint64_t from = find_next(c, c->passed + 1, false);
    while (from <= c->last) {
        uint64_t end = find_next(c, from, true);
        add_acks(t, from, end - 1);
        from = find_next(c, end, false);
    }
}

/* Tells of the numbers that were open at the last flush and are to be acked now. */
static void add_late(struct telling *t)
{
    const struct confirm_list *late = &t->c->late;
    for (size_t i = 0; i < late->count; i++) {
        uint64_t from = late->numbers[i];
        while (i + 1 < late->count && late->numbers[i + 1] == late->numbers[i] + 1)
            i++;
        add_acks(t, from, late->numbers[i]);
    }
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void list_sort(struct confirm_list *list)
{
    if (list->is_unordered)
        qsort(list->numbers, list->count, sizeof *list->numbers, compare_numbers);
}

static void list_clear(struct confirm_list *list)
{
    list->count = 0;
    list->newest = 0;
    list->is_unordered = false;
}

void confirms_flush(struct confirms *c, confirm_send *send, void *arg)
{
    struct telling t = {.c = c, .send = send, .arg = arg, .lowest_open = find_lowest_open(c)};
    list_sort(&c->late);
    list_sort(&c->refused);
    add_late(&t);
    add_new(&t);
    for (; t.refused < c->refused.count; t.refused++)
        add_run(&t, c->refused.numbers[t.refused], c->refused.numbers[t.refused], true);
    end_run(&t);
    list_clear(&c->late);
    list_clear(&c->refused);
    c->passed = c->last;
}
