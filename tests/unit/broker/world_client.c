/* A client's questions and holds (world_client.h). */
#include "world_client.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/memory.h"
#include "loop/sim/loop_sim.h"

void world_client_open(struct world_client *client, const struct world_client_place *place,
                       struct queue *q, struct loop *loop, const struct consumer_calls *calls)
{
    client->story = place->story;
    client->calls_open = place->calls_open;
    client->slot = place->slot;
    client->number = place->number;
    client->is_open = true;
    client->consumer = consumer_create(q, loop, calls, client, SLICE_EMPTY, SLICE_EMPTY);
}

/* --- questions -------------------------------------------------------------------------------- */

struct asked {
    struct queue_call call;
    struct world_client *client;
};

static struct queue_call *ask(struct world_client *client, void (*run)(struct queue_call *call),
                              void (*done)(struct queue_call *call))
{
    struct asked *asked = lv_calloc(1, sizeof *asked);
    asked->client = client;
    asked->call.queue = queue_ref(client->consumer->queue);
    asked->call.from = client->consumer->loop;
    asked->call.consumer = client->consumer;
    asked->call.run = run;
    asked->call.done = done;
    ++*client->calls_open;
    return &asked->call;
}

static void start(struct queue_call *call)
{
    loop_sim_enter(call->from);
    queue_call_start(call);
    loop_sim_enter(NULL);
}

struct world_client *world_client_of(const struct queue_call *call)
{
    return lv_container_of(call, struct asked, call)->client;
}

void world_client_answered(struct queue_call *call)
{
    struct asked *asked = lv_container_of(call, struct asked, call);
    --*asked->client->calls_open;
    queue_unref(&call->queue);
    free(asked);
}

void world_client_consume(struct world_client *client, bool no_ack, uint32_t prefetch,
                          void (*done)(struct queue_call *call))
{
    client->consumer->no_ack = no_ack;
    if (!no_ack)
        credit_begin_prefetch(&client->consumer->credit, prefetch);
    story_step(client->story, "client %u on loop %u consumes from queue %u%s, prefetch %u",
               client->number, loop_index(client->consumer->loop), client->slot,
               no_ack ? " without acks" : "", prefetch);
    start(ask(client, queue_call_consume, done));
}

void world_client_get(struct world_client *client, bool no_ack,
                      void (*done)(struct queue_call *call))
{
    client->consumer->is_getter = true;
    struct queue_call *call = ask(client, queue_call_get, done);
    call->get.no_ack = no_ack;
    story_step(client->story, "client %u on loop %u gets from queue %u%s", client->number,
               loop_index(client->consumer->loop), client->slot, no_ack ? " without acks" : "");
    start(call);
}

static void finish(struct queue_call *call)
{
    struct world_client *client = world_client_of(call);
    client->is_open = false;
    world_client_let_go(client);
    world_client_answered(call);
}

void world_client_got(struct queue_call *call)
{
    finish(call);
}

static void cancel_done(struct queue_call *call)
{
    world_client_of(call)->consumer->is_closed = true;
    finish(call);
}

bool world_client_may_cancel(const struct world_client *client)
{
    return client->is_open && !client->consumer->is_getter && !client->is_cancelling;
}

void world_client_cancel(struct world_client *client)
{
    story_step(client->story, "client %u cancels", client->number);
    client->is_cancelling = true;
    start(ask(client, queue_call_cancel, cancel_done));
}

void world_client_resume(struct world_client *client)
{
    if (!client->is_full || !client->is_open || client->consumer->is_closed)
        return;
    client->is_full = false;
    loop_sim_enter(client->consumer->loop);
    consumer_resume(client->consumer);
    loop_sim_enter(NULL);
}

/* --- holds ------------------------------------------------------------------------------------ */

void world_client_let_go(struct world_client *client)
{
    struct consumer *c = client->consumer;
    if (!client->is_open && client->held_count == 0)
        client->consumer = NULL;
    consumer_release(&c);
}
