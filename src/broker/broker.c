/* The broker's life, and the sentence of an error. */
#include "broker/broker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "broker/parameters.h"
#include "broker/queue_ops.h"
#include "message/events.h"
#include "queue/queue.h"
#include "topology/route.h"
#include "topology/vhost_private.h"
#include "wire/wire.h"

enum refusal refusal_of_code(uint16_t code)
{
    switch (code) {
    case REPLY_ACCESS_REFUSED: return REFUSAL_ACCESS;
    case REPLY_NOT_FOUND: return REFUSAL_NOT_FOUND;
    case REPLY_RESOURCE_LOCKED: return REFUSAL_LOCKED;
    case REPLY_PRECONDITION_FAILED:
    case REPLY_COMMAND_INVALID: return REFUSAL_PRECONDITION;
    case REPLY_NOT_ALLOWED: return REFUSAL_ACCESS;
    case REPLY_NOT_IMPLEMENTED: return REFUSAL_NOT_IMPLEMENTED;
    default: return REFUSAL_INTERNAL;
    }
}

bool broker_refuse(struct broker_error *error, uint16_t code, const char *format, ...)
{
    error->code = code;
    error->refusal = refusal_of_code(code);
    error->closes_connection = false;
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return false;
}

bool broker_refuse_as(struct broker_error *error, enum refusal refusal, uint16_t code,
                      const char *format, ...)
{
    error->code = code;
    error->refusal = refusal;
    error->closes_connection = false;
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return false;
}

bool broker_refuse_connection(struct broker_error *error, uint16_t code, const char *format, ...)
{
    error->code = code;
    error->refusal = refusal_of_code(code);
    error->closes_connection = true;
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return false;
}

struct broker *broker_create(struct loops *loops, struct definitions *definitions)
{
    struct broker *broker = lv_calloc(1, sizeof *broker);
    broker->loops = loops;
    broker->definitions = definitions;
    broker->node_name = "leveret@localhost";
    broker->event_vhost = "/";
    broker->queue_ops_for = queue_ops_for;
    int err = pthread_mutex_init(&broker->topology_lock, NULL);
    lv_assert(err == 0);
    err = pthread_mutex_init(&broker->policy_lock, NULL);
    lv_assert(err == 0);
    atomic_init(&broker->generation, 1);
    atomic_init(&broker->next_queue_id, 1);
    broker->vhosts = lv_table_create();
    broker->reply_queues = lv_table_create();
    broker->globals = lv_calloc(1, sizeof *broker->globals);
    route_init(loops);
    return broker;
}

void broker_free(struct broker **broker)
{
    struct broker *b = *broker;
    *broker = NULL;
    if (!b)
        return;
    events_stop(b);
    lv_rcu_register_thread();
    b->definitions = NULL; /* everything stays as it is stored */
    struct lv_table_iter it;
    for (struct lv_table_node *node = lv_table_first(b->vhosts, &it); node;
         node = lv_table_next(b->vhosts, &it))
        vhost_discard(lv_container_of(node, struct vhost, by_name));
    route_stop(b->loops);
    lv_rcu_barrier();
    lv_table_free(&b->vhosts);
    lv_table_free(&b->reply_queues);
    global_parameters_free(b);
    lv_rcu_barrier();
    lv_rcu_unregister_thread();
    pthread_mutex_destroy(&b->topology_lock);
    pthread_mutex_destroy(&b->policy_lock);
    free(b);
}
