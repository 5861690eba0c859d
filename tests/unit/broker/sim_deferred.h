/* Deferred calls (RCU) on this thread, for one test program's worlds.
 *
 * liburcu makes them on a thread of its own, some milliseconds later: neither repeatable nor quick.
 * A simulated world has one thread, so they are made at its next quiescent state. These stand in
 * front of the library's functions; include this in one file of a program. */
#ifndef LEVERET_TESTS_SIM_DEFERRED_H
#define LEVERET_TESTS_SIM_DEFERRED_H

#include "base/list.h"
#include "base/rcu.h"

static struct cds_wfcq_node *deferred_first;
static struct cds_wfcq_node **deferred_end = &deferred_first;

static void run_deferred(void)
{
    while (deferred_first) {
        struct rcu_head *head = lv_container_of(deferred_first, struct rcu_head, next);
        deferred_first = head->next.next;
        if (!deferred_first)
            deferred_end = &deferred_first;
        head->func(head);
    }
}

void urcu_qsbr_call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
    head->func = fn;
    head->next.next = NULL;
    *deferred_end = &head->next;
    deferred_end = &head->next.next;
    if (!urcu_qsbr_read_ongoing())
        run_deferred();
}

void urcu_qsbr_quiescent_state(void)
{
    run_deferred();
}

#endif
