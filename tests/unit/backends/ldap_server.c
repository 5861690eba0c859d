#include "unit/backends/ldap_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"

enum { CLIENTS_MAX = 16, BIND = 0x60, SEARCH = 0x63 };

/* Messages of LDAP in BER: a sequence of the request's number and the answer. */
static const uint8_t bind_done[] = {0x30, 12, 2, 1, 0, 0x61, 7, 10, 1, 0, 4, 0, 4, 0};
static const uint8_t search_done[] = {0x30, 12, 2, 1, 0, 0x65, 7, 10, 1, 0, 4, 0, 4, 0};
const struct slice ldap_bind_done = {bind_done, sizeof bind_done};
const struct slice ldap_search_done = {search_done, sizeof search_done};

static void send_answer(const struct ldap_server *s, int fd, struct slice answer, uint8_t id)
{
    uint8_t bytes[512];
    lv_assert(answer.n <= sizeof bytes);
    if (answer.n == 0)
        return;
    memcpy(bytes, answer.p, answer.n);
    if (!s->keeps_id && answer.n > 4)
        bytes[4] = id;
    ssize_t sent = send(fd, bytes, answer.n, MSG_NOSIGNAL);
    (void)sent; /* a client that has gone is none of the server's business */
}

/* Answers what a client has sent: a request, small enough to arrive at once. Returns false if it
 * has gone, or is to go. */
static bool serve(struct ldap_server *s, int fd)
{
    uint8_t bytes[1024];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n < 6)
        return n > 0;
    if (bytes[5] == BIND) {
        send_answer(s, fd, s->bind_answer, bytes[4]);
        return !s->closes;
    }
    if (bytes[5] == SEARCH)
        atomic_fetch_add(&s->searches, 1);
    for (unsigned i = 0; bytes[5] == SEARCH && i < (s->repeats ? s->repeats : 1); i++)
        send_answer(s, fd, s->search_answer, bytes[4]);
    return true;
}

/* Serves until the listener is shut down. */
static void *run(void *arg)
{
    struct ldap_server *s = arg;
    struct pollfd fds[1 + CLIENTS_MAX] = {{s->listener, POLLIN, 0}};
    nfds_t count = 1;
    for (;;) {
        poll(fds, count, -1);
        for (nfds_t i = count - 1; i > 0; i--) {
            if (fds[i].revents && !serve(s, fds[i].fd)) {
                close(fds[i].fd);
                fds[i] = fds[--count];
            }
        }
        if (!fds[0].revents)
            continue;
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0)
            break;
        lv_assert(count <= CLIENTS_MAX);
        atomic_fetch_add(&s->connections, 1);
        fds[count++] = (struct pollfd){fd, POLLIN, 0};
    }
    for (nfds_t i = 1; i < count; i++)
        close(fds[i].fd);
    return NULL;
}

void ldap_server_start(struct ldap_server *server, const char *address, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t n = sizeof a;
    lv_assert(inet_pton(AF_INET, address, &a.sin_addr) == 1);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    lv_assert(bind(server->listener, (struct sockaddr *)&a, sizeof a) == 0);
    lv_assert(listen(server->listener, 16) == 0);
    getsockname(server->listener, (struct sockaddr *)&a, &n);
    server->port = ntohs(a.sin_port);
    lv_assert(pthread_create(&server->thread, NULL, run, server) == 0);
}

void ldap_server_stop(struct ldap_server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
}
