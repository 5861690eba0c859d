#include "amqp/confirms.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

struct chunk {
    uint64_t open;
    uint64_t refused; /* some queue said no; a subset of open */
    uint32_t answers[WINDOW_ENTRIES];
};

static uint64_t bit_of(uint64_t number)
{
    return 1ull << (number % WINDOW_ENTRIES);
}

void confirms_init(struct confirms *c)
{
    *c = (struct confirms){0};
    lv_window_init(&c->window, sizeof(struct chunk));
}

void confirms_free(struct confirms *c)
{
    lv_window_free(&c->window);
    free(c->early);
    free(c->refused);
}

static void numbers_add(uint64_t **numbers, size_t *count, size_t *capacity, uint64_t number)
{
    if (*count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 16;
        *numbers = lv_realloc(*numbers, *capacity * sizeof **numbers);
    }
    (*numbers)[(*count)++] = number;
}

void confirms_wait(struct confirms *c, uint64_t number, uint32_t answers, bool refused)
{
    lv_assert(number == c->last);
    lv_assert(answers > 0);
    struct chunk *chunk = lv_window_extend(&c->window, number);
    chunk->open |= bit_of(number);
    if (refused)
        chunk->refused |= bit_of(number);
    chunk->answers[number % WINDOW_ENTRIES] = answers;
    c->open++;
}

void confirms_refuse(struct confirms *c, uint64_t number)
{
    lv_assert(number == c->last);
    numbers_add(&c->refused, &c->refused_count, &c->refused_capacity, number);
}

/* The lowest open number, or the one after the last when none is open. */
static uint64_t lowest_open(const struct confirms *c)
{
    if (c->open == 0)
        return c->last + 1;
    for (uint64_t n = c->window.first * WINDOW_ENTRIES;; n += WINDOW_ENTRIES) {
        const struct chunk *chunk = lv_window_find(&c->window, n);
        if (chunk && chunk->open)
            return n + (unsigned)__builtin_ctzll(chunk->open);
    }
}

bool confirms_answer(struct confirms *c, uint64_t number, bool taken)
{
    struct chunk *chunk = lv_window_find(&c->window, number);
    lv_assert(chunk && (chunk->open & bit_of(number)));
    if (!taken)
        chunk->refused |= bit_of(number);
    if (--chunk->answers[number % WINDOW_ENTRIES] > 0)
        return false;
    bool refused = (chunk->refused & bit_of(number)) != 0;
    chunk->open &= ~bit_of(number);
    chunk->refused &= ~bit_of(number);
    c->open--;
    if (chunk->open == 0)
        lv_window_drop(&c->window, number);
    if (refused)
        numbers_add(&c->refused, &c->refused_count, &c->refused_capacity, number);
    else
        numbers_add(&c->early, &c->early_count, &c->early_capacity, number);
    return true;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Acks from told + 1 to `to`, all of them safe but for the refused ones in between. */
static void ack_up_to(struct confirms *c, uint64_t to,
                      void (*send)(void *arg, uint64_t number, bool multiple, bool nack), void *arg)
{
    if (to > c->told)
        send(arg, to, to > c->told + 1, false);
    if (to > c->told)
        c->told = to;
}

void confirms_flush(struct confirms *c,
                    void (*send)(void *arg, uint64_t number, bool multiple, bool nack), void *arg)
{
    uint64_t below = lowest_open(c) - 1;
    if (c->refused_count > 1)
        qsort(c->refused, c->refused_count, sizeof *c->refused, by_number);
    for (size_t i = 0; i < c->refused_count; i++) {
        uint64_t number = c->refused[i];
        /* A multiple ack must not run over a nack: ack what is before it first. */
        if (number <= below) {
            ack_up_to(c, number - 1, send, arg);
            c->told = number > c->told ? number : c->told;
        }
        send(arg, number, number <= below, true);
    }
    c->refused_count = 0;
    ack_up_to(c, below, send, arg);
    for (size_t i = 0; i < c->early_count; i++) {
        if (c->early[i] > below)
            send(arg, c->early[i], false, false);
    }
    c->early_count = 0;
}
