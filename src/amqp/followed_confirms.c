/* A ring in the order of the numbers. Confirms mostly come in that order, so what is told is at the
 * front, or near it: one that is told before others closes its gap from the front. */
#include "amqp/followed_confirms.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/search.h"

struct followed {
    uint64_t number;
    uint32_t life;
};

struct followed_confirms {
    size_t first, count;
    struct followed of[FOLLOWED_MAX];
};

_Static_assert((FOLLOWED_MAX & (FOLLOWED_MAX - 1)) == 0, "a power of two: see followed_at()");

static struct followed *followed_at(struct followed_confirms *f, size_t i)
{
    return &f->of[(f->first + i) & (FOLLOWED_MAX - 1)];
}

void followed_add(struct followed_confirms **followed, uint64_t number, uint32_t life)
{
    if (!*followed)
        *followed = lv_calloc(1, sizeof **followed);
    struct followed_confirms *f = *followed;
    if (f->count == FOLLOWED_MAX)
        return;
    lv_assert(f->count == 0 || followed_at(f, f->count - 1)->number < number);
    *followed_at(f, f->count++) = (struct followed){number, life};
}

static void take_first(struct followed_confirms *f, followed_told *told, void *arg)
{
    const struct followed one = *followed_at(f, 0);
    f->first++;
    f->count--;
    told(arg, one.number, one.life);
}

static void take_one(struct followed_confirms *f, uint64_t number, followed_told *told, void *arg)
{
    size_t found;
    LV_LOWER_BOUND(found, f->count, at, followed_at(f, at)->number < number);
    if (found == f->count || followed_at(f, found)->number != number)
        return;
    const struct followed one = *followed_at(f, found);
    for (; found > 0; found--)
        *followed_at(f, found) = *followed_at(f, found - 1);
    *followed_at(f, 0) = one;
    take_first(f, told, arg);
}

void followed_take(struct followed_confirms **followed, uint64_t number, bool multiple,
                   followed_told *told, void *arg)
{
    struct followed_confirms *f = *followed;
    if (!multiple)
        take_one(f, number, told, arg);
    while (multiple && f->count > 0 && followed_at(f, 0)->number <= number)
        take_first(f, told, arg);
    if (f->count > 0)
        return;
    free(f);
    *followed = NULL;
}
