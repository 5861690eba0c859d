/* Connects a journal with its broker: loops, queues to restore, and the alarm of a failed store. */
#include "broker/broker_journal.h"

#include "broker/event_exchange.h"
#include "queue/restore.h"

/* Sets the alarm, which is never cleared. Any loop. */
static void alarm_set(void *arg)
{
    struct broker *broker = arg;
    if (!(atomic_fetch_or(&broker->alarms, BROKER_ALARM_STORE) & BROKER_ALARM_STORE))
        event_alarm(broker, "store", true);
}

int broker_open_journal(struct broker *broker, const struct journal_options *options,
                        struct journal **ret)
{
    struct journal_options all = *options;
    all.loops = broker->topology.loops;
    all.restorer = restore_begin(&broker->topology);
    all.is_short_of_memory = &broker->is_short_of_memory;
    all.on_failure = alarm_set;
    all.failure_arg = broker;
    return journal_open(&all, ret);
}
