/* Room for the bodies of messages that are not whole yet, and its bounds.
 *
 *   (1) Room grows with what has come: an announcement alone takes none. A body gets all of its room with
 *       its first bytes while few bytes of such bodies are held, so that usually nothing is copied.
 *   (2) Beyond a loop's limit a connection that holds more than its share is not read (STOP_BODIES),
 *       except for the first that came to hold so much: so somebody always gets on, and makes room.
 *   (3) The first must not keep the others waiting: one that sends too little while others are stopped is
 *       closed.
 *   (4) A connection that alone passes the limit is closed, unless it is by a single message. */
#include <inttypes.h>

#include "amqp/publish_private.h"
#include "message/message.h"

enum {
    SHARE_BYTES = 1024 * 1024,               /* of every connection, whatever the others hold */
    WHOLE_ROOM_BYTES_MAX = 64 * 1024 * 1024, /* held by a loop while bodies get all of their room */
    ROOM_BYTES_MIN = 4096,
    FIRST_LOOK_MS = 10000,
    FIRST_BYTES_MIN = 1024 * 1024, /* that the first must send between two looks */
};

static uint64_t limit_of(const struct amqp_loop *home)
{
    return atomic_load_explicit(&home->server->settings.unfinished_bytes_max, memory_order_relaxed);
}

static struct connection *first_holder(const struct amqp_loop *home)
{
    return lv_list_is_empty(&home->body_holders)
               ? NULL
               : lv_list_item(home->body_holders.next, struct connection, body_link);
}

/* --- stopping and going on ---------------------------------------------------------------------- */

static void first_begins(struct amqp_loop *home)
{
    struct connection *first = first_holder(home);
    home->first_id = first->id;
    home->first_received = net_received(first->net);
    loop_timer_start(home->loop, &home->body_timer, FIRST_LOOK_MS);
}

static void stop_at_limit(struct connection *conn)
{
    struct amqp_loop *home = conn->home;
    if (home->body_bytes <= limit_of(home) || conn->body_bytes <= SHARE_BYTES ||
        conn == first_holder(home) || conn->stops & STOP_BODIES)
        return;
    connection_stop(conn, STOP_BODIES);
    if (!(conn->stops & STOP_BODIES))
        return;
    home->body_stops++;
    if (!loop_timer_is_running(&home->body_timer))
        first_begins(home);
}

static void go_on(struct connection *conn)
{
    if (!(conn->stops & STOP_BODIES))
        return;
    conn->home->body_stops--;
    connection_go(conn, STOP_BODIES);
}

/* There is more room, or another first. */
static void let_go_on(struct amqp_loop *home)
{
    bool has_room = home->body_bytes <= limit_of(home);
    struct lv_list *it, *after;
    if (home->body_stops == 0)
        return;
    lv_list_each (it, after, &home->body_holders) {
        struct connection *conn = lv_list_item(it, struct connection, body_link);
        if (has_room || conn == first_holder(home))
            go_on(conn);
    }
}

/* Closes the first when it has had its time and has not used it; one that is held up itself has not
 * had it. */
static void look_at_first(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    struct amqp_loop *home = lv_container_of(timer, struct amqp_loop, body_timer);
    if (home->body_stops == 0)
        return;
    struct connection *first = first_holder(home);
    if (first->id == home->first_id && first->stops == 0 &&
        net_received(first->net) - home->first_received < FIRST_BYTES_MIN)
        connection_fail(first, REPLY_RESOURCE_ERROR, 0,
                        "unfinished messages of %" PRIu64
                        " bytes do not come on, and others wait for "
                        "their memory",
                        first->body_bytes);
    if (home->body_stops > 0)
        first_begins(home);
}

/* --- counting ----------------------------------------------------------------------------------- */

static void count_more(struct connection *conn, uint64_t bytes)
{
    conn->body_bytes += bytes;
    conn->home->body_bytes += bytes;
    if (conn->body_bytes > SHARE_BYTES && lv_list_is_empty(&conn->body_link))
        lv_list_push(&conn->home->body_holders, &conn->body_link);
}

void channel_release_room(struct channel *ch)
{
    struct connection *conn = ch->connection;
    conn->body_bytes -= ch->incoming->room;
    conn->home->body_bytes -= ch->incoming->room;
    ch->incoming->room = 0;
    if (conn->body_bytes <= SHARE_BYTES) {
        lv_list_remove(&conn->body_link);
        go_on(conn);
    }
    let_go_on(conn->home);
}

/* --- room --------------------------------------------------------------------------------------- */

static uint64_t room_for(const struct amqp_loop *home, const struct incoming *in, uint64_t least)
{
    uint64_t whole_max = limit_of(home) / 2;
    if (whole_max > WHOLE_ROOM_BYTES_MAX)
        whole_max = WHOLE_ROOM_BYTES_MAX;
    uint64_t room = in->room * 2 > least ? in->room * 2 : least;
    if (room < ROOM_BYTES_MIN)
        room = ROOM_BYTES_MIN;
    if (room > in->body_bytes || home->body_bytes - in->room + in->body_bytes <= whole_max)
        room = in->body_bytes;
    return room;
}

/* (4) */
static bool is_too_much(const struct connection *conn, const struct incoming *in)
{
    uint64_t message_max = connection_server(conn)->settings.message_bytes_max;
    uint64_t limit = limit_of(conn->home);
    return conn->body_bytes > (limit > message_max ? limit : message_max) &&
           conn->body_bytes > in->room;
}

bool channel_make_room(struct channel *ch, uint64_t bytes)
{
    struct incoming *in = ch->incoming;
    struct connection *conn = ch->connection;
    if (bytes > in->room) {
        uint64_t room = room_for(conn->home, in, bytes);
        if (!message_grow(&in->message, room)) {
            channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_RESOURCE_ERROR, "out of memory");
            return false;
        }
        count_more(conn, room - in->room);
        in->room = room;
    }
    if (is_too_much(conn, in)) {
        connection_fail(conn, REPLY_RESOURCE_ERROR, AMQP_BASIC_PUBLISH,
                        "unfinished messages of %" PRIu64
                        " bytes are more than a connection may have",
                        conn->body_bytes);
        return false;
    }
    stop_at_limit(conn);
    return true;
}

void bodies_init(struct amqp_loop *home)
{
    lv_list_init(&home->body_holders);
    loop_timer_init(&home->body_timer, look_at_first);
}

void bodies_free(struct amqp_loop *home)
{
    loop_timer_stop(home->loop, &home->body_timer);
}
