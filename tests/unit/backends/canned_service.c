#include "backends/canned_service.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"

struct canned_service {
    const char *answer;
    int listener;
    int stop[2]; /* a pipe; closing its writing end ends the thread */
    int port;
    pthread_t thread;
    pthread_mutex_t lock; /* for what follows */
    unsigned connections;
    struct lv_buffer requests;
};

/* Waits until the descriptor is readable. Returns false if the service is to stop. */
static bool wait_for(struct canned_service *s, int fd)
{
    struct pollfd both[] = {{.fd = fd, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};
    while (poll(both, 2, -1) < 0)
        ;
    return both[1].revents == 0;
}

/* Returns how many bytes the first request in the text has, or 0 if it is incomplete. */
static size_t request_bytes(const char *text, size_t n)
{
    const char *end = memmem(text, n, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    const size_t head = (size_t)(end - text) + 4;
    const char *length = memmem(text, head, "Content-Length: ", 16);
    const size_t body = length == NULL ? 0 : strtoul(length + 16, NULL, 10);
    return head + body <= n ? head + body : 0;
}

static void keep(struct canned_service *s, const char *request, size_t n)
{
    pthread_mutex_lock(&s->lock);
    lv_buffer_add(&s->requests, request, n);
    pthread_mutex_unlock(&s->lock);
}

/* A client that has enough of an answer may close: that is no fault of the service. */
static void answer(const struct canned_service *s, int fd)
{
    size_t n = s->answer == NULL ? 0 : strlen(s->answer);
    for (size_t sent = 0; sent < n;) {
        ssize_t did = send(fd, s->answer + sent, n - sent, MSG_NOSIGNAL);
        if (did <= 0)
            return;
        sent += (size_t)did;
    }
}

static void serve(struct canned_service *s, int fd)
{
    struct lv_buffer in = {0};
    while (wait_for(s, fd)) {
        ssize_t did = read(fd, lv_buffer_reserve(&in, 4096), 4096);
        if (did <= 0)
            break;
        in.n += (size_t)did;
        const size_t n = request_bytes((const char *)in.p, in.n);
        if (n > 0) {
            keep(s, (const char *)in.p, n);
            lv_buffer_consume(&in, n);
            answer(s, fd);
        }
    }
    lv_buffer_free(&in);
    close(fd);
}

static void *run(void *arg)
{
    struct canned_service *s = arg;
    while (wait_for(s, s->listener)) {
        int fd = accept(s->listener, NULL, NULL);
        lv_assert(fd >= 0);
        pthread_mutex_lock(&s->lock);
        s->connections++;
        pthread_mutex_unlock(&s->lock);
        serve(s, fd);
    }
    return NULL;
}

struct canned_service *canned_start(const char *text)
{
    struct canned_service *s = lv_calloc(1, sizeof *s);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    s->answer = text;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    lv_assert(bind(s->listener, (struct sockaddr *)&address, sizeof address) == 0);
    lv_assert(listen(s->listener, 16) == 0);
    lv_assert(getsockname(s->listener, (struct sockaddr *)&address, &n) == 0);
    s->port = ntohs(address.sin_port);
    lv_assert(pipe(s->stop) == 0);
    pthread_mutex_init(&s->lock, NULL);
    lv_assert(pthread_create(&s->thread, NULL, run, s) == 0);
    return s;
}

void canned_stop(struct canned_service **service)
{
    struct canned_service *s = *service;
    close(s->stop[1]);
    pthread_join(s->thread, NULL);
    close(s->stop[0]);
    close(s->listener);
    pthread_mutex_destroy(&s->lock);
    lv_buffer_free(&s->requests);
    free(s);
    *service = NULL;
}

void canned_url(const struct canned_service *s, const char *path, struct lv_buffer *out)
{
    lv_buffer_printf(out, "http://127.0.0.1:%d%s", s->port, path);
}

unsigned canned_connections(struct canned_service *s)
{
    pthread_mutex_lock(&s->lock);
    unsigned n = s->connections;
    pthread_mutex_unlock(&s->lock);
    return n;
}

const char *canned_requests(struct canned_service *s)
{
    pthread_mutex_lock(&s->lock);
    *lv_buffer_reserve(&s->requests, 1) = '\0';
    s->requests.p[s->requests.n] = '\0';
    const char *text = (const char *)s->requests.p;
    pthread_mutex_unlock(&s->lock);
    return text;
}
