/* liburcu for one thread, for tests and fuzzers on simulated loops: these functions are linked in
 * front of the library's. There is no other reader to wait for, so deferred calls are made at the
 * thread's next quiescent state: much sooner than the library would, and always at the same point.
 * AddressSanitizer then finds code that keeps a pointer longer than its turn. */
#include <urcu-qsbr.h>

#include "base/assert.h"

static struct {
    struct cds_wfcq_node *first, *last;
    bool is_online;
    bool is_calling;
} rcu;

static struct rcu_head *calls_take_first(void)
{
    struct rcu_head *head = lv_container_of(rcu.first, struct rcu_head, next);
    rcu.first = rcu.first->next;
    return head;
}

/* Makes all deferred calls, including those that a deferred call defers. */
static void grace_period(void)
{
    if (rcu.is_calling)
        return;
    rcu.is_calling = true;
    while (rcu.first) {
        struct rcu_head *head = calls_take_first();
        head->func(head);
    }
    rcu.is_calling = false;
}

void urcu_qsbr_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
    head->func = func;
    head->next.next = NULL;
    if (rcu.first)
        rcu.last->next = &head->next;
    else
        rcu.first = &head->next;
    rcu.last = &head->next;
    if (!rcu.is_online)
        grace_period();
}

void urcu_qsbr_register_thread(void)
{
    rcu.is_online = true;
}

void urcu_qsbr_unregister_thread(void)
{
    rcu.is_online = false;
    grace_period();
}

int urcu_qsbr_read_ongoing(void)
{
    return rcu.is_online;
}

void urcu_qsbr_quiescent_state(void)
{
    grace_period();
}

void urcu_qsbr_thread_offline(void)
{
    rcu.is_online = false;
    grace_period();
}

void urcu_qsbr_thread_online(void)
{
    rcu.is_online = true;
}
