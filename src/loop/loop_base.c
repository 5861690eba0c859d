/* What every loop has: its index, the functions called at the end of a turn and when it is freed,
 * and a slot for each room. */
#include "loop/loop_base.h"

#include <stdatomic.h>

static _Thread_local struct loop *current;

void loop_base_init(struct loop_base *base, struct loops *set, unsigned index)
{
    base->set = set;
    base->index = index;
    lv_list_init(&base->tasks);
    lv_list_init(&base->jobs);
}

void loop_base_call_at_free(struct loop *loop)
{
    const struct hooks *hooks = &loop_base(loop)->at_free;
    for (unsigned i = hooks->count; i > 0; i--)
        hooks->fn[i - 1](loop);
}

void loop_base_free(struct loop_base *base)
{
    timers_free(&base->timers);
    timers_free(&base->patient);
    out_pool_free(&base->out_pool);
}

void hooks_add(struct hooks *hooks, hook_fn *fn)
{
    lv_assert(fn != NULL);
    lv_assert(hooks->count < HOOKS_MAX);
    hooks->fn[hooks->count++] = fn;
}

void hooks_call(const struct hooks *hooks, struct loop *loop)
{
    for (unsigned i = 0; i < hooks->count; i++)
        hooks->fn[i](loop);
}

struct loop *loop_current(void)
{
    return current;
}

void loop_set_current(struct loop *loop)
{
    current = loop;
}

struct loops *loop_set(const struct loop *loop)
{
    return loop_base_const(loop)->set;
}

unsigned loop_index(const struct loop *loop)
{
    return loop_base_const(loop)->index;
}

struct out_pool *loop_out_pool(struct loop *loop)
{
    return &loop_base(loop)->out_pool;
}

void *loop_slot(const struct loop *loop, const struct loop_slot *slot)
{
    return loop_base_const(loop)->slots[slot->number];
}

void loop_set_slot(struct loop *loop, struct loop_slot *slot, void *value)
{
    static _Atomic unsigned numbered;
    lv_assert(!loops_are_running(loop_set(loop)));
    if (slot->number == 0)
        slot->number = atomic_fetch_add(&numbered, 1) + 1;
    lv_assert(slot->number <= LOOP_SLOTS_MAX);
    loop_base(loop)->slots[slot->number] = value;
}

void loop_at_turn_end(struct loop *loop, void (*fn)(struct loop *loop))
{
    lv_assert(!loops_are_running(loop_set(loop)));
    hooks_add(&loop_base(loop)->turn_end, fn);
}

void loop_at_free(struct loop *loop, void (*fn)(struct loop *loop))
{
    lv_assert(!loops_are_running(loop_set(loop)));
    hooks_add(&loop_base(loop)->at_free, fn);
}
