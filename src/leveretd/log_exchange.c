/* The output's thread formats a line and mails it to loop 0, which publishes it. At most
 * WAITING_MAX lines are on their way; while a queue is slow, further ones wait in the output's ring
 * and then are dropped. Lines that loop 0 logs while it publishes one are kept from this output:
 * otherwise each would cause the next. */
#include "leveretd/log_exchange.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "broker/system_message.h"
#include "leveretd/log_config.h"
#include "topology/vhost.h"
#include "wire/table.h"

enum { WAITING_MAX = 1000 };

struct log_message {
    enum log_level level;
    uint64_t seconds;
    bool is_json;
    struct lv_buffer body;
};

/* The sink; `format` belongs to the output's thread, the rest is fixed between start and stop. */
struct log_exchange {
    struct log_format *format;
};

static struct {
    pthread_mutex_t lock;  /* for `broker`, and for mailing with it */
    struct broker *broker; /* NULL: nothing is published */
    const char *node_name;
    const char *vhost;
    _Atomic unsigned waiting;
} world = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- on loop 0 -------------------------------------------------------------------------------- */

static struct message *message_of(const struct log_message *line)
{
    struct lv_buffer headers = {0};
    struct table_writer w;
    table_begin(&w, &headers);
    table_put_str(&w, "node", slice_str(world.node_name));
    table_end(&w);
    const struct properties properties = {
        .flags = PROPERTY_HEADERS | PROPERTY_CONTENT_TYPE | PROPERTY_TIMESTAMP,
        .headers = lv_buffer_slice(&headers),
        .content_type = slice_str(line->is_json ? "application/json" : "text/plain"),
        .timestamp = line->seconds,
    };
    struct message *m =
        system_message_create(slice_str(LOG_EXCHANGE), log_level_name(line->level), SLICE_EMPTY,
                              &properties, lv_buffer_slice(&line->body));
    lv_buffer_free(&headers);
    return m;
}

static void line_arrives(struct loop *at, struct mail *mail)
{
    struct broker *broker = mail->a;
    struct log_message *line = mail->b;
    struct vhost *vhost = vhost_find(&broker->topology, slice_str(world.vhost));
    struct message *m = vhost ? message_of(line) : NULL;
    log_output_shun(LOG_SLOT_EXCHANGE, true);
    if (m)
        system_message_publish(at, vhost, &m);
    log_output_shun(LOG_SLOT_EXCHANGE, false);
    lv_buffer_free(&line->body);
    free(line);
    world.waiting--;
}

/* --- on the output's thread ------------------------------------------------------------------- */

static void line_mail(const struct log_format *format, const struct log_record *record)
{
    struct log_message *line = lv_calloc(1, sizeof *line);
    line->level = record->level;
    line->seconds = (uint64_t)record->us / 1000000;
    line->is_json = log_format_is_json(format);
    log_format_put(format, record, &line->body);
    lv_buffer_add_u8(&line->body, '\n');
    world.waiting++;
    struct mail mail = {.deliver = line_arrives, .a = world.broker, .b = line};
    loop_mail_from_outside(loops_at(world.broker->topology.loops, 0), &mail);
}

static bool exchange_put(void *sink, const struct log_record *record)
{
    const struct log_exchange *x = sink;
    if (world.waiting >= WAITING_MAX)
        return false;
    pthread_mutex_lock(&world.lock);
    if (world.broker)
        line_mail(x->format, record);
    pthread_mutex_unlock(&world.lock);
    return true;
}

static bool exchange_flush(void *sink)
{
    (void)sink;
    return true;
}

static void exchange_free(void *sink)
{
    struct log_exchange *x = sink;
    log_format_free(&x->format);
    free(x);
}

static const struct log_sink_ops exchange_ops = {
    .put = exchange_put, .flush = exchange_flush, .free = exchange_free};

/* --- the home thread -------------------------------------------------------------------------- */

void log_exchange_configure(const struct config *config)
{
    struct log_output_levels levels;
    if (!world.broker)
        return;
    struct log_exchange *x = lv_malloc(sizeof *x);
    x->format = log_config_format(config, "exchange");
    log_config_levels(config, config->log_exchange_level, &levels);
    log_output_set(LOG_SLOT_EXCHANGE, "exchange:" LOG_EXCHANGE, &exchange_ops, x, &levels);
}

void log_exchange_start(struct broker *broker, const char *node_name, const struct config *config)
{
    lv_assert(!world.broker);
    if (!config->log_exchange)
        return;
    pthread_mutex_lock(&world.lock);
    world.broker = broker;
    world.node_name = node_name;
    world.vhost = config->default_vhost;
    pthread_mutex_unlock(&world.lock);
    log_exchange_configure(config);
}

void log_exchange_stop(void)
{
    if (!world.broker)
        return;
    log_output_clear(LOG_SLOT_EXCHANGE);
    pthread_mutex_lock(&world.lock);
    world.broker = NULL;
    pthread_mutex_unlock(&world.lock);
}
