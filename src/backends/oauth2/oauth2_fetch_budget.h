/* How often keys are fetched because somebody asks for one that is not known. Anybody can ask,
 * so it happens a few times at once, and then once in some seconds. Pure. */
#ifndef LEVERET_BACKENDS_OAUTH2_FETCH_BUDGET_H
#define LEVERET_BACKENDS_OAUTH2_FETCH_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

enum { OAUTH2_FETCHES_AT_ONCE = 3, OAUTH2_FETCH_EVERY_MS = 5000 };

/* All zero is a full budget. */
struct oauth2_fetch_budget {
    uint64_t spent_ms; /* the time at which it is full again; never set back */
};

/* Takes one fetch, if the budget has it at this time. */
static inline bool oauth2_fetch_budget_take(struct oauth2_fetch_budget *budget, uint64_t now_ms)
{
    uint64_t full_at_ms = budget->spent_ms > now_ms ? budget->spent_ms : now_ms;
    if (full_at_ms - now_ms > (uint64_t)(OAUTH2_FETCHES_AT_ONCE - 1) * OAUTH2_FETCH_EVERY_MS)
        return false;
    budget->spent_ms = full_at_ms + OAUTH2_FETCH_EVERY_MS;
    return true;
}

#endif
