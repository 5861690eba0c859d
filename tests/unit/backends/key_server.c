#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/key_server.h"
#include "base/buffer.h"

struct key_server {
    int listener;
    char url[64];
    pthread_t thread;
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t changed;
    int status;
    struct lv_buffer text;
    unsigned requests;
    bool is_paused;
    bool is_stopping;
};

/* Reads a request up to its empty line. */
static bool request_read(int fd)
{
    char bytes[4096];
    size_t n = 0;
    while (n < sizeof bytes) {
        ssize_t got = read(fd, bytes + n, sizeof bytes - n);
        if (got <= 0)
            return false;
        n += (size_t)got;
        if (memmem(bytes, n, "\r\n\r\n", 4))
            return true;
    }
    return false;
}

/* Appends the answer; nothing if the connection is to be closed. */
static void answer_make(struct key_server *server, struct lv_buffer *out)
{
    pthread_mutex_lock(&server->lock);
    server->requests++;
    pthread_cond_broadcast(&server->changed);
    while (server->is_paused && !server->is_stopping)
        pthread_cond_wait(&server->changed, &server->lock);
    if (server->status != 0) {
        lv_buffer_printf(out, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                         server->status, server->text.n);
        lv_buffer_add_slice(out, lv_buffer_slice(&server->text));
    }
    pthread_mutex_unlock(&server->lock);
}

static void request_serve(struct key_server *server, int fd)
{
    struct lv_buffer answer = {0};
    if (request_read(fd))
        answer_make(server, &answer);
    for (size_t sent = 0; sent < answer.n;) {
        ssize_t n = send(fd, answer.p + sent, answer.n - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    lv_buffer_free(&answer);
    close(fd);
}

static void *server_run(void *arg)
{
    struct key_server *server = arg;
    int fd;
    while ((fd = accept(server->listener, NULL, NULL)) >= 0)
        request_serve(server, fd);
    return NULL;
}

struct key_server *key_server_start(void)
{
    struct key_server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    assert_non_null(server);
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, n), 0);
    assert_int_equal(listen(server->listener, 128), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &n), 0);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d/keys", ntohs(address.sin_port));
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
    return server;
}

void key_server_stop(struct key_server **server)
{
    struct key_server *s = *server;
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
    lv_buffer_free(&s->text);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *server = NULL;
}

const char *key_server_url(const struct key_server *server)
{
    return server->url;
}

void key_server_answer(struct key_server *server, int status, struct slice text)
{
    pthread_mutex_lock(&server->lock);
    server->status = status;
    server->text.n = 0;
    lv_buffer_add_slice(&server->text, text);
    pthread_mutex_unlock(&server->lock);
}

void key_server_pause(struct key_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->is_paused = true;
    pthread_mutex_unlock(&server->lock);
}

void key_server_resume(struct key_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->is_paused = false;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

unsigned key_server_requests(struct key_server *server)
{
    pthread_mutex_lock(&server->lock);
    unsigned requests = server->requests;
    pthread_mutex_unlock(&server->lock);
    return requests;
}

void key_server_await(struct key_server *server, unsigned requests)
{
    pthread_mutex_lock(&server->lock);
    while (server->requests < requests)
        pthread_cond_wait(&server->changed, &server->lock);
    pthread_mutex_unlock(&server->lock);
}
