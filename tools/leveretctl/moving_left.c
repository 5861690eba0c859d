/* What consumers at the source hold when the queues have had their turn.
 *
 * RabbitMQ says it only in its statistics, which are up to 10 s late: a queue reports every 5 s,
 * and what queues have reported is collected every 5 s. They are waited for only if they can
 * change the result:
 *
 *   (1) A quorum queue counts as consumers all who hold its messages, also those who have cancelled
 *       or who took one by basic.get. So if AMQP says that it has none, nobody holds any.
 *   (2) A classic queue from which nothing was moved, without consumers and with nothing
 *       unacknowledged, is taken at its word.
 *   (3) A classic queue from which something was moved, without consumers, is known as soon as the
 *       statistics show it empty: then they are newer than the move.
 *   (4) Of any queue that has consumers, only statistics are believed that must be newer than the
 *       last pass, for which the time is waited.
 *
 * The broker of this machine knows it at once. */
#include <unistd.h>

#include "base/clock.h"
#include "leveretctl/moving.h"

enum { LOOK_EVERY_MS = 500, STATISTICS_MS = 11 * 1000 };

/* --- lists ------------------------------------------------------------------------------------ */

static bool has_same(const json_t *one, const json_t *other, const char *member)
{
    const json_t *value = json_object_get(one, member);
    const json_t *its_value = json_object_get(other, member);
    return value ? json_equal(value, its_value) : !its_value;
}

json_t *moving_namesake(json_t *list, const json_t *wanted)
{
    json_t *one;
    size_t n;
    json_array_foreach(list, n, one)
    {
        if (has_same(one, wanted, "name") && has_same(one, wanted, "vhost"))
            return one;
    }
    return NULL;
}

/* Returns EXIT_OK with the queues of the broker that messages are taken from, as an HTTP API lists
 * them. The caller owns them. */
static int list_source(struct moving *m, json_t **ret)
{
    struct lv_buffer reason = {0};
    int code = EXIT_OK;
    if (m->is_export) {
        ask_close(&m->i->ask);
        code = connect_to_broker(m->i);
        return code == EXIT_OK ? moving_local_queues(m, ret) : code;
    }
    if (m->module->ask(&m->rabbit, "/api/queues", NULL, ret, &reason) != 0)
        code = say_error(EXIT_UNAVAILABLE, "Cannot read RabbitMQ's HTTP API: %s", text_of(&reason));
    lv_buffer_free(&reason);
    return code;
}

/* --- one look --------------------------------------------------------------------------------- */

static json_int_t number_in(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

/* Copies what is unacknowledged from the list. Returns whether the list may be too old for that. */
static bool note_queue(json_t *queue, const json_t *listed)
{
    json_int_t unacked = number_in(listed, "unacked");
    bool has_consumers = number_in(queue, "consumers") > 0;
    bool is_moved = number_in(queue, "messages") > 0;
    bool is_known = json_is_true(json_object_get(queue, "quorum")) && !has_consumers &&
                    !json_object_get(queue, "reason");
    if (is_known)
        unacked = 0;
    json_object_set_new(queue, "unacked", json_integer(unacked));
    return !is_known &&
           (has_consumers || unacked > 0 || (is_moved && number_in(listed, "ready") > 0));
}

static bool note_unacked(struct moving *m, json_t *listed)
{
    json_t *now = m->module->queues(listed, m->vhost, m->i->values[OPTION_QUEUES]), *queue;
    bool is_old = false;
    size_t n;
    json_array_foreach(m->queues, n, queue)
    {
        if (!json_object_get(queue, "skipped"))
            is_old |= note_queue(queue, moving_namesake(now, queue));
    }
    json_decref(now);
    return is_old;
}

/* With --wait there is another pass anyway if something is left. */
static bool is_enough(const struct moving *m, bool is_old)
{
    return m->is_export || !is_old || (is_given(m->i, OPTION_WAIT) && moving_has_left(m));
}

int moving_look_for_unacked(struct moving *m)
{
    uint64_t until_ms = clock_up_ms() + STATISTICS_MS;
    for (;;) {
        json_t *listed = NULL;
        bool is_last = clock_up_ms() >= until_ms;
        int code = list_source(m, &listed);
        if (code != EXIT_OK)
            return code;
        bool is_old = note_unacked(m, listed);
        json_decref(listed);
        if (is_last || is_enough(m, is_old))
            return EXIT_OK;
        usleep(LOOK_EVERY_MS * 1000);
    }
}
