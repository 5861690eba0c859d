/* A few threads, each: accept -> read a line -> run the command -> write lines -> read on, until the
 * peer has had enough.
 *
 *   (1) A thread is RCU-online only while a command runs, and offline wherever it waits.
 *   (2) What it waits for on the socket, it waits for together with `stop_fd`, so that control_stop()
 *       never waits for a peer. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/control_private.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rcu.h"

enum {
    THREADS = 4,
    BACKLOG = 64,
    REQUEST_BYTES_MAX = 1024 * 1024,
    OUT_BYTES_MAX = 64 * 1024, /* more than this is written before the command goes on */
    IDLE_MS_MAX = 60000, /* a peer that says nothing, or takes nothing, for so long is dropped */
};

struct control {
    struct control_world world;
    struct asker *asker;
    int listen_fd;
    int stop_fd;
    char *path;
    pthread_t threads[THREADS];
    unsigned thread_count;
};

static const struct control_command *const families[] = {
    control_browse_commands,    control_retry_commands,    control_broker_commands,
    control_queue_commands,     control_topology_commands, control_connection_commands,
    control_user_commands,      control_vhost_commands,    control_policy_commands,
    control_parameter_commands, control_trace_commands,    control_delayed_commands,
};

static const struct control_command *command_find(const char *name)
{
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++)
        for (const struct control_command *c = families[f]; c->name; c++)
            if (strcmp(c->name, name) == 0)
                return c;
    return NULL;
}

/* --- waiting ------------------------------------------------------------------------------ */

/* True when the descriptor is ready; false when the control stops or nothing has come for too long
 * (timeout_ms -1: never too long). */
static bool wait_for(int fd, short events, int stop_fd, int timeout_ms)
{
    struct pollfd polled[2] = {{.fd = fd, .events = events}, {.fd = stop_fd, .events = POLLIN}};
    for (;;) {
        int n = poll(polled, 2, timeout_ms);
        if (n < 0 && errno == EINTR)
            continue;
        return n > 0 && !polled[1].revents;
    }
}

/* --- answering ---------------------------------------------------------------------------- */

static void request_flush(struct request *r)
{
    size_t at = 0;
    lv_rcu_offline();
    while (at < r->out.n && !r->is_broken) {
        ssize_t n = send(r->fd, r->out.p + at, r->out.n - at, MSG_NOSIGNAL);
        if (n >= 0)
            at += (size_t)n;
        else if (errno == EAGAIN)
            r->is_broken = !wait_for(r->fd, POLLOUT, r->stop_fd, IDLE_MS_MAX);
        else if (errno != EINTR)
            r->is_broken = true;
    }
    lv_rcu_online();
    r->out.n = 0;
}

static int append(const char *bytes, size_t n, void *buffer)
{
    lv_buffer_add(buffer, bytes, n);
    return 0;
}

/* Takes the value. */
static void add_line(struct request *r, json_t *value)
{
    lv_assert(!r->is_answered);
    json_dump_callback(value, append, &r->out, JSON_COMPACT);
    json_decref(value);
    lv_buffer_add_u8(&r->out, '\n');
}

void request_row(struct request *r, json_t *row)
{
    add_line(r, row);
    if (r->out.n > OUT_BYTES_MAX)
        request_flush(r);
}

void request_done(struct request *r, json_t *more)
{
    json_t *line = json_object();
    json_object_set_new(line, "ok", json_true());
    if (more)
        json_object_update(line, more);
    json_decref(more);
    add_line(r, line);
    r->is_answered = true;
}

void request_refuse(struct request *r, const char *error, const char *format, ...)
{
    struct lv_buffer text = {0};
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(&text, format, args);
    va_end(args);
    json_t *line = json_object();
    json_object_set_new(line, "error", json_string(error));
    json_object_set_new(line, "text", json_of_slice(lv_buffer_slice(&text)));
    lv_buffer_free(&text);
    add_line(r, line);
    r->is_answered = true;
}

void request_end(struct request *r, int err)
{
    if (err < 0)
        request_refuse(r, lv_error_name(err), "%s", lv_error_text(err));
    else
        request_done(r, NULL);
}

/* --- a request ---------------------------------------------------------------------------- */

/* Checks that what the table names without brackets is there, and that strings are strings. */
static bool arguments_check(struct request *r, const struct control_command *command)
{
    const char *p = command->arguments;
    while (*p) {
        bool is_optional = *p == '[';
        p += is_optional;
        size_t n = strcspn(p, " ]");
        char name[32];
        lv_assert(n < sizeof name);
        memcpy(name, p, n);
        name[n] = '\0';
        p += n + is_optional;
        p += *p == ' ';
        json_t *value = json_object_get(r->arguments, name);
        if (!value && is_optional)
            continue;
        if (!json_is_string(value)) {
            request_refuse(r, "bad_request", "%s: the argument '%s' must be a string",
                           command->name, name);
            return false;
        }
    }
    return true;
}

static void request_run(struct request *r, const char *line, size_t n)
{
    json_error_t error;
    r->is_answered = false;
    r->arguments = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    const char *name = json_string_value(json_object_get(r->arguments, "command"));
    const struct control_command *command = name ? command_find(name) : NULL;
    lv_rcu_online();
    if (!name)
        request_refuse(r, "bad_request", "a request is a JSON object with a command");
    else if (!command)
        request_refuse(r, "no_such_command", "there is no command '%s'", name);
    else if (arguments_check(r, command))
        command->run(r);
    lv_assert(r->is_answered);
    request_flush(r);
    lv_rcu_offline();
    json_decref(r->arguments);
    r->arguments = NULL;
}

/* Appends what comes. False when the peer is done, or we are with it. */
static bool read_more(struct request *r, struct lv_buffer *in)
{
    for (;;) {
        ssize_t n = recv(r->fd, lv_buffer_reserve(in, 4096), 4096, 0);
        if (n > 0) {
            in->n += (size_t)n;
            return true;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            return false;
        if (errno == EAGAIN && !wait_for(r->fd, POLLIN, r->stop_fd, IDLE_MS_MAX))
            return false;
    }
}

static void serve(struct control *c, int fd)
{
    struct request r = {.world = &c->world, .asker = c->asker, .fd = fd, .stop_fd = c->stop_fd};
    struct lv_buffer in = {0};

    while (!r.is_broken && !r.is_to_linger) {
        const char *end = in.n ? memchr(in.p, '\n', in.n) : NULL;
        if (end) {
            size_t n = (size_t)(end - (const char *)in.p);
            request_run(&r, (const char *)in.p, n);
            lv_buffer_consume(&in, n + 1);
        } else if (in.n > REQUEST_BYTES_MAX || !read_more(&r, &in)) {
            break;
        }
    }
    lv_buffer_free(&in);
    lv_buffer_free(&r.out);
    if (!r.is_to_linger)
        close(fd);
}

static void *control_thread(void *arg)
{
    struct control *c = arg;
    pthread_setname_np(pthread_self(), "control");
    lv_rcu_register_thread();
    lv_rcu_offline();
    while (wait_for(c->listen_fd, POLLIN, c->stop_fd, -1)) {
        int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            serve(c, fd);
        else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            wait_for(-1, 0, c->stop_fd, 100); /* out of descriptors: others may give some back */
    }
    lv_rcu_unregister_thread();
    return NULL;
}

/* --- the socket --------------------------------------------------------------------------- */

static int failed(const char *what)
{
    return lv_error_explain(lv_error_from_errno(errno), "%s: %s", what, strerror(errno));
}

/* The data directory is locked by us, so a socket that is there is a leftover. */
static int socket_open(const char *path, int *ret)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return ERR_TOO_LARGE;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return failed("socket");
    if ((unlink(path) != 0 && errno != ENOENT) ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(path, 0600) != 0 || listen(fd, BACKLOG) != 0) {
        int err = failed("socket");
        close(fd);
        return err;
    }
    *ret = fd;
    return 0;
}

static void threads_start(struct control *c)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 512 * 1024);
    for (unsigned i = 0; i < THREADS; i++, c->thread_count++)
        if (pthread_create(&c->threads[i], &attributes, control_thread, c) != 0)
            break;
    pthread_attr_destroy(&attributes);
}

int control_start(const struct control_world *world, struct control **ret)
{
    struct control *c = lv_calloc(1, sizeof *c);
    struct lv_buffer path = {0};
    lv_buffer_printf(&path, "%s/" CONTROL_SOCKET_FILE, world->data_dir);
    c->world = *world;
    c->path = slice_strdup(lv_buffer_slice(&path));
    lv_buffer_free(&path);
    c->listen_fd = -1;
    c->stop_fd = eventfd(0, EFD_CLOEXEC);
    c->asker = asker_create(world->loops);
    int err = c->stop_fd < 0 ? lv_error_from_errno(errno) : socket_open(c->path, &c->listen_fd);
    if (err == 0) {
        threads_start(c);
        err = c->thread_count > 0 ? 0 : ERR_NO_MEMORY;
    }
    if (err < 0) {
        control_stop(&c);
        return err;
    }
    *ret = c;
    return 0;
}

void control_stop(struct control **control)
{
    struct control *c = *control;
    *control = NULL;
    if (!c)
        return;
    asker_close(c->asker);
    if (c->stop_fd >= 0)
        lv_assert(eventfd_write(c->stop_fd, 1) == 0);
    for (unsigned i = 0; i < c->thread_count; i++)
        lv_assert(pthread_join(c->threads[i], NULL) == 0);
    if (c->listen_fd >= 0) {
        unlink(c->path);
        close(c->listen_fd);
    }
    if (c->stop_fd >= 0)
        close(c->stop_fd);
    asker_free(&c->asker);
    free(c->path);
    free(c);
}
