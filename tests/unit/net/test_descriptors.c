#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"

enum { CLIENTS = 40, SPARE = 12 };

static unsigned open_descriptors(void)
{
    unsigned n = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

static void close_half_open(struct net_listener *listener)
{
    net_listener_set_limits(listener, &(struct net_accept_limits){.connections = -1,
                                                                  .newcomers_per_address = -1,
                                                                  .proxy_header_ms = PATIENCE_MS,
                                                                  .closes_half_open = true});
}

/* A server in a process of its own, with room for SPARE connections; writes its port. Waits to be
 * killed. */
static void child(int report_fd, struct server *server)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = open_descriptors() + SPARE;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(write(report_fd, &server->port, sizeof server->port), sizeof server->port);
    for (;;)
        pause();
}

static bool echoes(int fd)
{
    uint8_t frame[14], got[14];
    size_t n = frame_make(frame, 'E', 10, 1);
    if (send(fd, frame, n, MSG_NOSIGNAL) != (ssize_t)n)
        return false;
    return recv(fd, got, n, MSG_WAITALL) == (ssize_t)n;
}

static pid_t child_start(bool closes_half_open, uint16_t *ret_port)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(ends[1],
              closes_half_open ? server_start_prepared(1, NULL, close_half_open) : server_start(2));
    assert_int_equal(read(ends[0], ret_port, sizeof *ret_port), sizeof *ret_port);
    close(ends[0]);
    close(ends[1]);
    return pid;
}

static void without_descriptors_new_peers_are_closed_and_the_others_served(void **state)
{
    (void)state;
    int fd[CLIENTS];
    uint16_t port = 0;
    unsigned served = 0;
    pid_t pid = child_start(false, &port);
    for (unsigned i = 0; i < CLIENTS; i++) {
        fd[i] = client_connect(port);
        bool is_served = echoes(fd[i]);
        assert_true(is_served || i >= served); /* once it is full, it stays full */
        served += is_served;
    }
    assert_true(served >= SPARE / 2);
    assert_true(served < CLIENTS);
    for (unsigned i = 0; i < served; i++)
        assert_true(echoes(fd[i]));
    /* When descriptors are free again, peers are served again. */
    for (unsigned i = 0; i < CLIENTS; i++)
        close(fd[i]);
    bool is_served = false;
    for (unsigned tries = 0; !is_served && tries < PATIENCE_MS; tries++) {
        int again = client_connect(port);
        is_served = echoes(again);
        close(again);
    }
    assert_true(is_served);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void without_descriptors_the_oldest_half_open_peers_are_closed(void **state)
{
    (void)state;
    int fd[CLIENTS];
    uint16_t port = 0;
    unsigned open = 0;
    pid_t pid = child_start(true, &port);
    for (unsigned i = 0; i < CLIENTS; i++) {
        fd[i] = client_connect(port);
        assert_true(echoes(fd[i]));
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        bool is_open = echoes(fd[i]);
        assert_true(is_open || open == 0); /* the oldest are closed */
        open += is_open;
        close(fd[i]);
    }
    assert_true(open >= SPARE / 2);
    assert_true(open < CLIENTS);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_descriptors_new_peers_are_closed_and_the_others_served),
        cmocka_unit_test(without_descriptors_the_oldest_half_open_peers_are_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
