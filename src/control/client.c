/* Only the control socket's thread reads and writes the socket. A command's thread reaches the
 * client through the spool, and through `is_done`, which it sets last, before it wakes us and ends.
 */
#include "control/client.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/background.h"
#include "base/memory.h"
#include "base/rcu.h"

enum {
    READ_BYTES = 64 * 1024,
    STACK_BYTES = 512 * 1024,
};

static void client_wake(void *arg)
{
    const struct client *c = arg;
    int err = eventfd_write(c->service->wake_fd, 1);
    lv_assert(err == 0);
}

struct client *client_create(struct service *service, int fd, uint64_t now_ms)
{
    struct client *c = lv_calloc(1, sizeof *c);
    lv_list_init(&c->link);
    c->service = service;
    c->fd = fd;
    c->since_ms = now_ms;
    c->spool = spool_create(&service->budget, client_wake, c);
    return c;
}

static void client_enter(struct client *c, enum client_state state)
{
    static const unsigned moves[] = {
        [CLIENT_READS] = 1U << CLIENT_RUNS | 1U << CLIENT_SENDS,
        [CLIENT_RUNS] = 1U << CLIENT_SENDS,
        [CLIENT_SENDS] = 1U << CLIENT_READS | 1U << CLIENT_LINGERS,
        [CLIENT_LINGERS] = 0,
    };
    lv_assert(moves[c->state] & 1U << state);
    c->state = state;
}

static void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    spool_cut(c->spool);
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Sends as much as the socket takes. */
static void client_send(struct client *c, uint64_t now_ms)
{
    struct slice bytes;
    bool was_unsent = c->is_unsent;
    while (c->fd >= 0 && spool_next(c->spool, &bytes)) {
        if (!was_unsent)
            c->since_ms = now_ms;
        was_unsent = c->is_unsent = true;
        ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0 && errno != EINTR)
            client_close(c);
        if (n > 0) {
            spool_sent(c->spool, (size_t)n);
            c->since_ms = now_ms;
        }
    }
    c->is_unsent = false;
}

static void client_say(struct client *c, const char *error, const char *text)
{
    struct request r = {.spool = c->spool};
    request_refuse(&r, error, "%s", text);
    spool_put(c->spool, &r.out);
}

/* --- running ---------------------------------------------------------------------------------- */

static void *client_thread(void *arg)
{
    struct client *c = arg;
    pthread_setname_np(pthread_self(), "control-request");
    thread_enter_background();
    lv_rcu_register_thread();
    lv_rcu_offline();
    request_run(&c->request);
    lv_memory_leave();
    lv_rcu_unregister_thread();
    int wake_fd = c->service->wake_fd;
    atomic_store_explicit(&c->is_done, true, memory_order_release);
    int err = eventfd_write(wake_fd, 1);
    lv_assert(err == 0);
    return NULL;
}

static bool client_start_thread(struct client *c)
{
    pthread_attr_t attributes;
    if (c->service->thread_count >= REQUESTS_MAX)
        return false;
    atomic_store_explicit(&c->is_done, false, memory_order_relaxed);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    c->has_thread = pthread_create(&c->thread, &attributes, client_thread, c) == 0;
    pthread_attr_destroy(&attributes);
    c->service->thread_count += c->has_thread;
    return c->has_thread;
}

static void client_join_thread(struct client *c)
{
    lv_assert(c->has_thread && c->service->thread_count > 0);
    int err = pthread_join(c->thread, NULL);
    lv_assert(err == 0);
    c->has_thread = false;
    c->service->thread_count--;
}

static void client_run(struct client *c, const char *line, size_t n)
{
    const struct service *s = c->service;
    c->request = (struct request){.world = s->world,
                                  .manage = s->manage,
                                  .spool = c->spool,
                                  .upload = &c->upload,
                                  .has_followers = c->in.n > n + 1};
    request_parse(&c->request, line, n);
    if (request_is_prompt(&c->request)) {
        request_run(&c->request);
    } else if (client_start_thread(c)) {
        client_enter(c, CLIENT_RUNS);
        return;
    } else {
        request_free(&c->request);
        client_say(c, "too_many_requests", "too many requests are running; try again later");
    }
    client_enter(c, CLIENT_SENDS);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Runs the first line, if it has been received whole; else returns false. */
static bool client_run_line(struct client *c)
{
    const char *end = c->in.n ? memchr(c->in.p, '\n', c->in.n) : NULL;
    if (!end)
        return false;
    size_t n = (size_t)(end - (const char *)c->in.p);
    client_run(c, (const char *)c->in.p, n);
    lv_buffer_consume(&c->in, n + 1);
    return true;
}

static void client_read(struct client *c)
{
    ssize_t n = recv(c->fd, lv_buffer_reserve(&c->in, READ_BYTES), READ_BYTES, 0);
    if (n > 0)
        c->in.n += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        client_close(c);
    if (c->fd < 0 || client_run_line(c) || c->in.n <= REQUEST_BYTES_MAX)
        return;
    client_say(c, "bad_request", "a request has at most 1 MiB");
    c->is_last = true;
    client_enter(c, CLIENT_SENDS);
}

/* Gives the socket away, or only the place that was reserved for it if the client has left. */
static void client_hand_over(struct client *c)
{
    const struct control_world *world = c->service->world;
    lv_assert(c->in.n == 0);
    c->request.is_to_speak_amqp = false;
    world->take_amqp(world->arg, c->fd);
    c->fd = -1;
    client_close(c);
}

/* Called when the answer has been sent: turns to the next request, which may have been received
 * already. */
static void client_next(struct client *c, uint64_t now_ms)
{
    if (c->request.is_to_speak_amqp) {
        client_hand_over(c);
        return;
    }
    c->since_ms = now_ms;
    client_enter(c, c->request.is_to_linger ? CLIENT_LINGERS : CLIENT_READS);
    if (c->state == CLIENT_LINGERS)
        return;
    if (c->is_last)
        client_close(c);
    else
        client_run_line(c);
    if (c->state == CLIENT_READS && c->in.n == 0)
        lv_buffer_free(&c->in); /* an idle client needs no memory */
}

/* --- turns ------------------------------------------------------------------------------------ */

struct pollfd client_wants(const struct client *c)
{
    struct pollfd wants = {.fd = c->fd};
    if (c->is_unsent)
        wants.events = POLLOUT;
    else if (c->state == CLIENT_READS)
        wants.events = POLLIN;
    return wants;
}

void client_turn(struct client *c, short revents, uint64_t now_ms)
{
    if (c->state == CLIENT_READS && revents)
        client_read(c);
    else if (revents & (POLLHUP | POLLERR | POLLNVAL))
        client_close(c);
    while (c->state == CLIENT_RUNS || c->state == CLIENT_SENDS) {
        bool is_done = c->has_thread && atomic_load_explicit(&c->is_done, memory_order_acquire);
        if (is_done) {
            client_join_thread(c);
            client_enter(c, CLIENT_SENDS);
        }
        client_send(c, now_ms);
        if (c->fd < 0 || c->is_unsent || c->state == CLIENT_RUNS)
            return;
        client_next(c, now_ms);
    }
}

bool client_is_over(const struct client *c)
{
    return c->fd < 0 && !c->has_thread;
}

uint64_t client_waited_since(const struct client *c)
{
    bool is_awaited = c->fd >= 0 && (c->state == CLIENT_READS || c->is_unsent);
    return is_awaited ? c->since_ms : UINT64_MAX;
}

void client_cut(struct client *c, const char *error, const char *text)
{
    if (c->state == CLIENT_READS) {
        client_say(c, error, text);
        client_send(c, c->since_ms);
    }
    client_close(c);
}

/* --- the end ---------------------------------------------------------------------------------- */

void client_never_wait(struct client *c)
{
    if (c->state == CLIENT_RUNS && c->is_unsent)
        spool_cut(c->spool); /* a long answer that the client does not read */
    else
        spool_never_wait(c->spool);
}

void client_free(struct client **client)
{
    struct client *c = *client;
    *client = NULL;
    lv_list_remove(&c->link);
    if (c->has_thread)
        client_join_thread(c);
    client_send(c, c->since_ms);
    if (c->fd >= 0 && c->state == CLIENT_LINGERS)
        c->service->world->keep(c->service->world->arg, c->fd);
    else
        client_close(c);
    if (c->request.is_to_speak_amqp)
        client_hand_over(c);
    spool_free(&c->spool);
    lv_buffer_free(&c->in);
    lv_buffer_free(&c->upload);
    free(c);
}
