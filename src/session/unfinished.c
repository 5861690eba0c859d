/* The limits on room for messages that are not whole.
 *
 *   (1) Room grows with what has come: an announced size takes none. While a loop holds few bytes
 *       of such bodies, a body gets all of its room with its first bytes, so that usually nothing
 *       is copied.
 *   (2) While a loop is above its limit, a session that holds more than SHARE_BYTES is not read
 *       (STOP_UNFINISHED), except the *first holder*: the one that has held more than SHARE_BYTES
 *       for longest. So at least one session always makes progress, and makes room.
 *   (3) If the first holder sends too little while others are stopped, it is closed.
 *   (4) A session that alone holds more than the limit (or than the largest permitted message, if
 *       that is more) is closed, unless a single message takes all that room. */
#include <inttypes.h>

#include "session/session_private.h"
#include "wire/wire.h"

enum {
    SHARE_BYTES = 1024 * 1024, /* what every session may hold, whatever the others do */
    /* bodies get all their room while a loop holds no more than this */
    WHOLE_ROOM_BYTES_MAX = 64 * 1024 * 1024,
    ROOM_BYTES_MIN = 4096,
    FIRST_LOOK_MS = 10000,
    FIRST_BYTES_MIN = 1024 * 1024, /* what the first holder must send between two looks */
};

static uint64_t limit_of(const struct session_loop *home)
{
    return atomic_load_explicit(&home->server->settings.unfinished_bytes_max, memory_order_relaxed);
}

static struct session *first_holder(const struct session_loop *home)
{
    return lv_list_is_empty(&home->unfinished)
               ? NULL
               : lv_list_item(home->unfinished.next, struct session, unfinished_link);
}

/* --- stopping and going on -------------------------------------------------------------------- */

static void first_timer_begin(struct session_loop *home)
{
    struct session *first = first_holder(home);
    lv_assert(first && first->net);
    home->first_id = first->id;
    home->first_received = net_received(first->net);
    loop_timer_start(home->loop, &home->first_timer, FIRST_LOOK_MS);
}

static void stop_at_limit(struct session *s)
{
    struct session_loop *home = s->home;
    if (home->unfinished_bytes <= limit_of(home) || s->unfinished_bytes <= SHARE_BYTES ||
        s == first_holder(home) || s->stops & STOP_UNFINISHED)
        return;
    session_stop(s, STOP_UNFINISHED);
    if (!(s->stops & STOP_UNFINISHED))
        return;
    home->unfinished_stops++;
    if (!loop_timer_is_running(&home->first_timer))
        first_timer_begin(home);
}

static void unfinished_go_on(struct session *s)
{
    if (!(s->stops & STOP_UNFINISHED))
        return;
    lv_assert(s->home->unfinished_stops > 0);
    s->home->unfinished_stops--;
    session_go(s, STOP_UNFINISHED);
}

/* Ends STOP_UNFINISHED of every session if the loop is within its limit, otherwise only of the
 * first holder. Called when room was given back, or another session has become the first holder. */
static void holders_go_on(struct session_loop *home)
{
    bool has_room = home->unfinished_bytes <= limit_of(home);
    struct lv_list *it, *after;
    if (home->unfinished_stops == 0)
        return;
    lv_list_each (it, after, &home->unfinished) {
        struct session *s = lv_list_item(it, struct session, unfinished_link);
        if (has_room || s == first_holder(home))
            unfinished_go_on(s);
    }
}

/* Closes the first holder if it was the first holder at the last look, too, and has sent too little
 * since then; but not if it is stopped itself. */
static void first_look(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    struct session_loop *home = lv_container_of(timer, struct session_loop, first_timer);
    if (home->unfinished_stops == 0)
        return;
    struct session *first = first_holder(home);
    lv_assert(first && first->net);
    if (first->id == home->first_id && first->stops == 0 &&
        net_received(first->net) - home->first_received < FIRST_BYTES_MIN)
        session_close_for(first, REPLY_RESOURCE_ERROR,
                          "unfinished messages of %" PRIu64
                          " bytes do not come on, and others wait for their memory",
                          first->unfinished_bytes);
    if (home->unfinished_stops > 0)
        first_timer_begin(home);
}

/* --- counting --------------------------------------------------------------------------------- */

void session_unfinished_add(struct session *s, uint64_t bytes)
{
    s->unfinished_bytes += bytes;
    s->home->unfinished_bytes += bytes;
    if (s->unfinished_bytes > SHARE_BYTES && lv_list_is_empty(&s->unfinished_link))
        lv_list_push(&s->home->unfinished, &s->unfinished_link);
}

void session_unfinished_drop(struct session *s, uint64_t bytes)
{
    session_assert_home(s);
    lv_assert(bytes <= s->unfinished_bytes && bytes <= s->home->unfinished_bytes);
    s->unfinished_bytes -= bytes;
    s->home->unfinished_bytes -= bytes;
    if (s->unfinished_bytes <= SHARE_BYTES) {
        lv_list_remove(&s->unfinished_link);
        unfinished_go_on(s);
    }
    holders_go_on(s->home);
}

/* --- room ------------------------------------------------------------------------------------- */

uint64_t session_unfinished_room(const struct session *s, uint64_t has, uint64_t whole,
                                 uint64_t least)
{
    uint64_t whole_max = limit_of(s->home) / 2;
    if (whole_max > WHOLE_ROOM_BYTES_MAX)
        whole_max = WHOLE_ROOM_BYTES_MAX;
    uint64_t room = has * 2 > least ? has * 2 : least;
    if (room < ROOM_BYTES_MIN)
        room = ROOM_BYTES_MIN;
    if (room > whole || s->home->unfinished_bytes - has + whole <= whole_max)
        room = whole;
    return room;
}

/* Returns whether the session holds more than one session may: rule (4) above. */
static bool is_too_much(const struct session *s, uint64_t of_this)
{
    uint64_t message_max = s->server->settings.message_bytes_max;
    uint64_t limit = limit_of(s->home);
    return s->unfinished_bytes > (limit > message_max ? limit : message_max) &&
           s->unfinished_bytes > of_this;
}

bool session_unfinished_check(struct session *s, uint64_t of_this, struct broker_error *error)
{
    if (is_too_much(s, of_this))
        return broker_refuse_connection(error, REPLY_RESOURCE_ERROR,
                                        "unfinished messages of %" PRIu64
                                        " bytes are more than a connection may have",
                                        s->unfinished_bytes);
    stop_at_limit(s);
    return true;
}

void unfinished_init(struct session_loop *home)
{
    lv_list_init(&home->unfinished);
    loop_timer_init(&home->first_timer, first_look);
}

void unfinished_free(struct session_loop *home)
{
    loop_timer_stop(home->loop, &home->first_timer);
}
