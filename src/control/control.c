/* One thread accepts, reads, writes and checks timeouts, and waits only in poll(2). A command that
 * may wait runs on a thread of its own (client.h); the others run at once, so `ping` is answered
 * whatever else is running.
 *
 *   (1) At most CLIENTS_MAX are connected. One more replaces the client that has kept us waiting
 *       longest. Most clients keep us waiting: only REQUESTS_MAX can run a command.
 *   (2) A client that keeps us waiting is disconnected after a time, which is shorter while more
 *       than half of the clients or of the threads are in use. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/node_links.h"
#include "base/rcu.h"
#include "control/client.h"

enum {
    BACKLOG = 128,
    CLIENTS_MAX = 256,
    REQUEST_TIMEOUT_MS = 60 * 1000, /* for a whole request to arrive */
    ANSWER_TIMEOUT_MS =
        10 * 60 * 1000, /* for the client to read some of its answer: it may be a pager */
    SCARCE_TIMEOUT_MS = 10 * 1000, /* for both, once half of the clients or threads are in use */
    LOOK_MS = 1000,
    ACCEPTS_MAX = 16,      /* in one turn */
    ACCEPT_PAUSE_MS = 100, /* if there are no descriptors left: others may be closed */
    STACK_BYTES = 512 * 1024,
};

enum { POLLED_LISTENER, POLLED_WAKE, POLLED_STOP, POLLED_CLIENTS };

struct control {
    struct control_world world;
    struct service service;
    int listen_fd;
    char *path;
    char link[PATH_MAX]; /* by which tools find the socket; "" if there is none */
    pthread_t thread;
    bool has_thread;
    /* The members below are used by the thread alone. */
    struct lv_list clients;
    size_t client_count;        /* also those whose socket is closed while their command runs */
    uint64_t accept_after_ms;   /* no client is accepted before this time */
    bool has_warned_of_clients; /* since clients or threads were last scarce */
    struct pollfd polled[POLLED_CLIENTS + CLIENTS_MAX + REQUESTS_MAX];
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- timeouts --------------------------------------------------------------------------------- */

static size_t connected_count(const struct control *c)
{
    size_t count = 0;
    for (struct lv_list *it = c->clients.next; it != &c->clients; it = it->next)
        count += lv_list_item(it, struct client, link)->fd >= 0;
    return count;
}

static struct client *longest_awaited(const struct control *c)
{
    struct client *found = NULL;
    for (struct lv_list *it = c->clients.next; it != &c->clients; it = it->next) {
        struct client *one = lv_list_item(it, struct client, link);
        uint64_t since = client_waited_since(one);
        if (since != UINT64_MAX && (!found || since < client_waited_since(found)))
            found = one;
    }
    return found;
}

static void clients_check_timeouts(struct control *c, uint64_t now)
{
    bool is_scarce =
        connected_count(c) > CLIENTS_MAX / 2 || c->service.thread_count > REQUESTS_MAX / 2;
    for (struct lv_list *it = c->clients.next; it != &c->clients; it = it->next) {
        struct client *one = lv_list_item(it, struct client, link);
        uint64_t since = client_waited_since(one);
        uint64_t timeout = is_scarce                    ? SCARCE_TIMEOUT_MS
                           : one->state == CLIENT_READS ? REQUEST_TIMEOUT_MS
                                                        : ANSWER_TIMEOUT_MS;
        if (since != UINT64_MAX && now >= since + timeout)
            client_cut(one, "timed_out", "no request was received in time");
    }
    if (!is_scarce)
        c->has_warned_of_clients = false;
}

/* Makes room for one more client. Returns false if there is no room and no client keeps us waiting.
 */
static bool make_room(struct control *c)
{
    if (connected_count(c) < CLIENTS_MAX)
        return true;
    struct client *one = longest_awaited(c);
    if (one)
        client_cut(one, "too_many_connections",
                   "no request was received, and another client wants to connect");
    if (!c->has_warned_of_clients)
        log_warning("the control socket has %d connections: each new one replaces the one that has "
                    "been waited for longest",
                    CLIENTS_MAX);
    c->has_warned_of_clients = true;
    return one != NULL;
}

/* --- turns ------------------------------------------------------------------------------------ */

/* Returns false if no more can be accepted now. */
static bool accept_one(struct control *c, uint64_t now)
{
    static const char refusal[] =
        "{\"error\":\"too_many_connections\",\"text\":\"too many connections\"}\n";
    int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            c->accept_after_ms = now + ACCEPT_PAUSE_MS;
        return false;
    }
    if (make_room(c)) {
        lv_list_push(&c->clients, &client_create(&c->service, fd, now)->link);
        c->client_count++;
        return true;
    }
    (void)!send(fd, refusal, sizeof refusal - 1, MSG_NOSIGNAL);
    close(fd);
    return true;
}

static void remove_ended(struct control *c)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &c->clients) {
        struct client *one = lv_list_item(it, struct client, link);
        if (!client_is_over(one))
            continue;
        lv_assert(c->client_count > 0);
        client_free(&one);
        c->client_count--;
    }
}

/* Fills in c->polled, and returns its number of entries. Clients are in the order of the list. */
static size_t fill_polled(struct control *c, uint64_t now)
{
    size_t count = POLLED_CLIENTS;
    lv_assert(c->client_count <= CLIENTS_MAX + REQUESTS_MAX);
    c->polled[POLLED_LISTENER] =
        (struct pollfd){.fd = now >= c->accept_after_ms ? c->listen_fd : -1, .events = POLLIN};
    c->polled[POLLED_WAKE] = (struct pollfd){.fd = c->service.wake_fd, .events = POLLIN};
    c->polled[POLLED_STOP] = (struct pollfd){.fd = c->service.stop_fd, .events = POLLIN};
    for (struct lv_list *it = c->clients.next; it != &c->clients; it = it->next)
        c->polled[count++] = client_wants(lv_list_item(it, struct client, link));
    return count;
}

static int timeout_of(const struct control *c, uint64_t now)
{
    if (now < c->accept_after_ms)
        return ACCEPT_PAUSE_MS;
    return lv_list_is_empty(&c->clients) ? -1 : LOOK_MS;
}

/* Returns false when the control stops. */
static bool control_turn(struct control *c)
{
    uint64_t now = now_ms();
    size_t at = POLLED_CLIENTS, count = fill_polled(c, now);
    eventfd_t woken;
    int n = poll(c->polled, count, timeout_of(c, now));
    if (n < 0)
        return errno == EINTR;
    if (c->polled[POLLED_STOP].revents)
        return false;
    if (c->polled[POLLED_WAKE].revents)
        (void)eventfd_read(c->service.wake_fd, &woken);
    now = now_ms();
    for (struct lv_list *it = c->clients.next; it != &c->clients; it = it->next)
        client_turn(lv_list_item(it, struct client, link), c->polled[at++].revents, now);
    for (int i = 0; c->polled[POLLED_LISTENER].revents && i < ACCEPTS_MAX; i++)
        if (!accept_one(c, now))
            break;
    clients_check_timeouts(c, now);
    remove_ended(c);
    return true;
}

static void end_all(struct control *c)
{
    for (struct lv_list *it = c->clients.next; it != &c->clients; it = it->next)
        client_never_wait(lv_list_item(it, struct client, link));
    while (!lv_list_is_empty(&c->clients)) {
        struct client *one = lv_list_item(c->clients.next, struct client, link);
        client_free(&one);
    }
}

static void *control_thread(void *arg)
{
    struct control *c = arg;
    pthread_setname_np(pthread_self(), "control");
    lv_rcu_register_thread();
    lv_rcu_offline();
    while (control_turn(c))
        continue;
    end_all(c);
    lv_rcu_unregister_thread();
    return NULL;
}

/* --- the socket ------------------------------------------------------------------------------- */

static int control_failed(const char *what)
{
    return lv_error_explain(lv_error_from_errno(errno), "%s: %s", what, strerror(errno));
}

/* We hold the lock of the data directory, so a socket that exists is left over from a crash. */
static int socket_open(const char *path, int *ret)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return ERR_TOO_LARGE;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return control_failed("socket");
    if ((unlink(path) != 0 && errno != ENOENT) ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(path, 0600) != 0 || listen(fd, BACKLOG) != 0) {
        int err = control_failed("socket");
        close(fd);
        return err;
    }
    *ret = fd;
    return 0;
}

/* Without the link tools still find the socket in a default data directory, or are told of it. */
static void link_make(struct control *c)
{
    int err = node_link_make(c->world.node_name, c->path, c->link);
    if (err == ERR_EXISTS)
        log_warning("leveretctl will not find this node by its name: %s; use --data-dir",
                    lv_error_reason(err));
    else if (err < 0)
        log_debug("no link to the control socket: %s", lv_error_reason(err));
}

static int thread_start(struct control *c)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    c->has_thread = pthread_create(&c->thread, &attributes, control_thread, c) == 0;
    pthread_attr_destroy(&attributes);
    return c->has_thread ? 0 : ERR_NO_MEMORY;
}

int control_start(const struct control_world *world, struct control **ret)
{
    struct control *c = lv_calloc(1, sizeof *c);
    struct lv_buffer path = {0};
    lv_assert(world->node_name && world->stop && world->keep);
    lv_buffer_printf(&path, "%s/" CONTROL_SOCKET_FILE, world->data_dir);
    c->world = *world;
    c->path = slice_strdup(lv_buffer_slice(&path));
    lv_buffer_free(&path);
    lv_list_init(&c->clients);
    c->listen_fd = -1;
    c->service = (struct service){
        .world = &c->world,
        .manage = world->manage,
        .stop_fd = eventfd(0, EFD_CLOEXEC),
        .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    int err = c->service.stop_fd < 0 || c->service.wake_fd < 0
                  ? lv_error_from_errno(errno)
                  : socket_open(c->path, &c->listen_fd);
    if (err == 0)
        err = thread_start(c);
    if (err < 0) {
        control_stop(&c);
        return err;
    }
    link_make(c);
    *ret = c;
    return 0;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void stop_thread(struct control *c)
{
    int err = eventfd_write(c->service.stop_fd, 1);
    lv_assert(err == 0);
    err = pthread_join(c->thread, NULL);
    lv_assert(err == 0);
}

void control_stop(struct control **control)
{
    struct control *c = *control;
    *control = NULL;
    if (!c)
        return;
    if (c->has_thread)
        stop_thread(c);
    if (c->link[0] != '\0')
        node_link_remove(c->link, c->path);
    if (c->listen_fd >= 0)
        unlink(c->path);
    close_fd(c->listen_fd);
    close_fd(c->service.stop_fd);
    close_fd(c->service.wake_fd);
    free(c->path);
    free(c);
}
