/* An event is mailed to loop 0 as a key and a table of headers. Loop 0 adds the time when it
 * publishes. The message is persistent, as those of RabbitMQ's plugin are, and its timestamp is in
 * seconds. */
#include "broker/event_exchange.h"

#include <stdlib.h>

#include "base/memory.h"
#include "broker/event_tail.h"
#include "broker/system_message.h"
#include "message/events.h"
#include "wire/table.h"

struct event {
    const char *key;
    struct lv_buffer headers;
};

static void event_publish(struct loop *loop, struct broker *broker, struct event *event)
{
    struct vhost *vhost = vhost_find(&broker->topology, slice_str(broker->topology.event_vhost));
    uint64_t now_ms = loop_wall_ms(loop);
    struct table_writer w;
    lv_assert(loop_index(loop) == 0);
    table_begin(&w, &event->headers);
    table_put_long(&w, "timestamp_in_ms", (int64_t)now_ms);
    table_end(&w);
    event_tail_put(broker->event_tail, event->key, lv_buffer_slice(&event->headers));
    if (!vhost)
        return;
    const struct properties properties = {
        .flags = PROPERTY_HEADERS | PROPERTY_DELIVERY_MODE | PROPERTY_TIMESTAMP,
        .headers = lv_buffer_slice(&event->headers),
        .delivery_mode = DELIVERY_MODE_PERSISTENT,
        .timestamp = now_ms / 1000,
    };
    struct message *m = system_message_create(slice_str(EVENT_EXCHANGE), event->key, SLICE_EMPTY,
                                              &properties, SLICE_EMPTY);
    if (m)
        system_message_publish(loop, vhost, &m);
}

static void event_arrives(struct loop *at, struct mail *mail)
{
    struct event *event = mail->b;
    event_publish(at, mail->a, event);
    lv_buffer_free(&event->headers);
    free(event);
}

/* Takes the headers. Any thread. */
static void event_mail(struct events *events, const char *key, struct lv_buffer *headers)
{
    struct topology *topology = lv_container_of(events, struct topology, events);
    struct event *event = lv_malloc(sizeof *event);
    *event = (struct event){key, *headers};
    *headers = (struct lv_buffer){0};
    struct loop *from = loop_current();
    struct loop *to = loops_at(topology->loops, 0);
    struct mail mail = {
        .deliver = event_arrives,
        .a = lv_container_of(topology, struct broker, topology),
        .b = event,
    };
    if (from)
        loop_mail(from, to, &mail);
    else
        loop_mail_from_outside(to, &mail);
}

void event_exchange_begin(struct broker *broker)
{
    lv_assert(!broker->topology.events.publish);
    broker->topology.events.publish = event_mail;
}

void event_alarm(struct broker *broker, const char *source, bool is_set)
{
    event_emit(broker_events(broker), is_set ? "alarm.set" : "alarm.cleared",
               EVENT_TEXT("node", broker->topology.node_name), EVENT_TEXT("source", source));
}
