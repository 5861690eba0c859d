/* Clients that are too slow: each wait for a client has its time.
 *
 *   a request's header         request_ms from its first byte, or from the connection's beginning
 *   the next request           idle_ms
 *   a request's body           body_ms, and 1 ms for each byte that has come
 *   taking the answer          TAKEN_BYTES_MIN in every TAKEN_MS while there is something to take
 *                              (a client that takes nothing at all is ended by net/) */
#include "http/http_private.h"

enum { CHECK_MS = 1000, TAKEN_MS = 60000, TAKEN_BYTES_MIN = 60 * 1024 };

static uint64_t now_ms(void)
{
    return loop_patient_ms(loop_current());
}

/* Notes when the wait for a request began, or for the rest of one. */
static void note_progress(struct http_conn *c, bool has_bytes)
{
    struct slow *s = &c->slow;
    uint64_t done = atomic_load(&c->requests_done);
    if (done != s->done_seen) {
        s->done_seen = done;
        s->has_bytes = false;
        s->since_ms = now_ms();
        net_admit(c->client);
    } else if (atomic_load(&c->has_stream)) {
        net_admit(c->client); /* it has an answer, which does not end */
    }
    if (has_bytes && !s->has_bytes && atomic_load(&c->requests_begun) == done) {
        s->has_bytes = true;
        s->since_ms = now_ms();
    }
}

static bool sends_too_slowly(struct http_conn *c)
{
    const struct http_options *o = &c->listener->server->options;
    struct slow *s = &c->slow;
    uint64_t begun = atomic_load(&c->requests_begun), now = now_ms();
    note_progress(c, false);
    if (begun == s->done_seen) {
        s->body_since_ms = 0;
        return now - s->since_ms > (s->has_bytes || begun == 0 ? o->request_ms : o->idle_ms);
    }
    if (atomic_load(&c->requests_read) == begun) {
        s->body_since_ms = 0;
        return false;
    }
    if (s->body_since_ms == 0)
        s->body_since_ms = now;
    return now - s->body_since_ms > o->body_ms + atomic_load(&c->body_bytes);
}

static bool takes_too_slowly(struct http_conn *c)
{
    struct slow *s = &c->slow;
    uint64_t sent = net_sent(c->client);
    if (s->sent_since_ms > 0 && now_ms() - s->sent_since_ms <= (uint64_t)TAKEN_MS)
        return false;
    bool is_slow = s->sent_since_ms > 0 && sent - s->sent_seen < (uint64_t)TAKEN_BYTES_MIN;
    s->sent_since_ms = now_ms();
    s->sent_seen = sent;
    return is_slow;
}

static bool is_too_slow(struct http_conn *c)
{
    if (net_unwritten(c->client) == 0) {
        c->slow.sent_since_ms = 0;
        return sends_too_slowly(c);
    }
    c->slow.since_ms = now_ms(); /* it is busy with the answer */
    return takes_too_slowly(c);
}

static void check(struct loop *loop, struct loop_timer *timer)
{
    struct http_conn *c = lv_container_of(timer, struct http_conn, slow.timer);
    if (c->client && is_too_slow(c))
        net_close(c->client, false);
    else
        loop_timer_start(loop, timer, CHECK_MS);
}

void slow_begin(struct http_conn *c, struct loop *loop)
{
    c->slow.since_ms = loop_patient_ms(loop);
    loop_timer_init_patient(&c->slow.timer, check);
    loop_timer_start(loop, &c->slow.timer, CHECK_MS);
}

void slow_note_bytes(struct http_conn *c)
{
    note_progress(c, true);
}

void slow_end(struct http_conn *c, struct loop *loop)
{
    loop_timer_stop(loop, &c->slow.timer);
}
