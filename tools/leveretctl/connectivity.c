/* `check_port_connectivity`: whether each of the broker's listeners accepts a connection from
 * here. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "leveretctl/talk.h"

enum { CONNECT_MS_MAX = 10000 };

/* Waits until the connection is there, or has failed. */
static bool is_connected(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t n = sizeof error;
    return poll(&wait, 1, CONNECT_MS_MAX) == 1 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error == 0;
}

static bool can_connect_to(const struct addrinfo *to)
{
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool is_there =
        connect(fd, to->ai_addr, to->ai_addrlen) == 0 || (errno == EINPROGRESS && is_connected(fd));
    close(fd);
    return is_there;
}

/* Connects to a listener; to one that listens everywhere, through the loopback interface. */
static bool can_connect(const char *interface, const char *port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *all = NULL;
    bool is_any = strcmp(interface, "::") == 0 || strcmp(interface, "0.0.0.0") == 0;
    if (getaddrinfo(is_any ? NULL : interface, port, &hints, &all) != 0)
        return false;
    bool is_there = false;
    for (const struct addrinfo *one = all; one && !is_there; one = one->ai_next)
        is_there = can_connect_to(one);
    freeaddrinfo(all);
    return is_there;
}

static bool is_reached(const json_t *listener)
{
    char port[16];
    snprintf(port, sizeof port, "%lld",
             (long long)json_integer_value(json_object_get(listener, "port")));
    return can_connect(json_string_value(json_object_get(listener, "interface")), port);
}

/* Removes from the list what is reached. */
static void keep_unreached(json_t *listeners)
{
    for (size_t n = json_array_size(listeners); n-- > 0;) {
        if (is_reached(json_array_get(listeners, n)))
            json_array_remove(listeners, n);
    }
}

static void say_reached(const struct invocation *i, json_t *listeners)
{
    const json_t *one;
    size_t n;
    if (i->format == FORMAT_JSON) {
        say_json(
            json_pack("{s:O, s:s, s:s}", "listeners", listeners, "node", i->node, "result", "ok"));
        return;
    }
    if (is_given(i, OPTION_SILENT))
        return;
    printf("Successfully connected to ports");
    json_array_foreach(listeners, n, one) printf(
        "%s %lld", n ? "," : "", (long long)json_integer_value(json_object_get(one, "port")));
    printf(" on node %s.\n", i->node);
}

static int say_unreached(const struct invocation *i, json_t *listeners)
{
    const json_t *one;
    size_t n;
    if (i->format == FORMAT_JSON) {
        print_json(stderr, json_pack("{s:O, s:s}", "failures", listeners, "result", "error"));
    } else if (!is_given(i, OPTION_SILENT)) {
        fprintf(stderr, "Error:\nCannot connect to these listeners of node %s:\n", i->node);
        json_array_foreach(listeners, n, one) listener_print(stderr, one);
    }
    return EXIT_UNAVAILABLE;
}

int run_check_connectivity(struct invocation *i, const struct command *c)
{
    json_t *status;
    int code = broker_ask(i, c, c->banner, request_create(i, c), NULL, NULL, &status);
    if (code != EXIT_OK)
        return code;
    json_t *listeners = listeners_for_programs(i, status), *unreached = json_copy(listeners);
    json_decref(status);
    keep_unreached(unreached);
    if (json_array_size(unreached) > 0)
        code = say_unreached(i, unreached);
    else
        say_reached(i, listeners);
    json_decref(listeners);
    json_decref(unreached);
    return code;
}
