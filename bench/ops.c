/* Rates of connections, queues and bindings.
 *
 *   ops PORT churn N            N times: connects, opens a channel and closes
 *   ops PORT hold N             connects N times, prints, and keeps them until standard input ends
 *   ops PORT declare N [durable]    declares N queues, 100 under way at a time, and deletes them
 *   ops PORT keep N [durable]       declares N queues
 *   ops PORT bind N [durable]       binds a queue to a topic exchange with N keys
 *
 * Prints one line of JSON with the rate of the first step. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"
#include "client.h"

enum { UNDER_WAY = 100, NAME_BYTES = 64 };

typedef void put_fn(struct client *c, struct slice name, bool is_durable);

static void put_declare(struct client *c, struct slice name, bool is_durable)
{
    CLIENT_PUT(c, 1, queue_declare, .queue = name, .durable = is_durable);
}

static void put_delete(struct client *c, struct slice name, bool is_durable)
{
    (void)is_durable;
    CLIENT_PUT(c, 1, queue_delete, .queue = name);
}

static void put_bind(struct client *c, struct slice name, bool is_durable)
{
    (void)is_durable;
    CLIENT_PUT(c, 1, queue_bind, .queue = slice_str("bench.bound"),
               .exchange = slice_str("bench.topics"), .routing_key = name);
}

/* Sends a request for each of n names; returns how many a second were answered. */
static double call_for_each_name(struct client *c, long n, put_fn *put, uint32_t answer,
                                 bool is_durable)
{
    char name[NAME_BYTES];
    uint64_t begun_ns = now_ns();
    for (long sent = 0, answered = 0; answered < n; answered++) {
        for (; sent < n && sent - answered < UNDER_WAY; sent++) {
            snprintf(name, sizeof name, "bench.name.%ld.%ld", sent % 97, sent);
            put(c, slice_str(name), is_durable);
        }
        client_flush(c);
        client_await(c, answer);
    }
    return (double)n * 1e9 / (double)(now_ns() - begun_ns);
}

static double churn(int port, long n)
{
    uint64_t begun_ns = now_ns();
    for (long i = 0; i < n; i++) {
        struct client c;
        client_open(&c, port);
        client_close(&c);
    }
    return (double)n * 1e9 / (double)(now_ns() - begun_ns);
}

static double connect_many(int port, long n)
{
    struct client *clients = lv_calloc((size_t)n, sizeof *clients);
    uint64_t begun_ns = now_ns();
    for (long i = 0; i < n; i++) {
        client_open(&clients[i], port);
        free(clients[i].in); /* these connections are not read any more */
    }
    return (double)n * 1e9 / (double)(now_ns() - begun_ns);
}

static double bind_many(struct client *c, long n, bool is_durable)
{
    struct slice exchange = slice_str("bench.topics"), queue = slice_str("bench.bound");
    CLIENT_CALL(c, 1, exchange_declare, AMQP_EXCHANGE_DECLARE_OK, .exchange = exchange,
                .type = slice_str("topic"), .durable = is_durable);
    CLIENT_CALL(c, 1, queue_declare, AMQP_QUEUE_DECLARE_OK, .queue = queue, .durable = is_durable);
    double rate = call_for_each_name(c, n, put_bind, AMQP_QUEUE_BIND_OK, is_durable);
    CLIENT_CALL(c, 1, queue_delete, AMQP_QUEUE_DELETE_OK, .queue = queue);
    CLIENT_CALL(c, 1, exchange_delete, AMQP_EXCHANGE_DELETE_OK, .exchange = exchange);
    return rate;
}

static double declare_many(struct client *c, long n, bool is_durable, bool keeps)
{
    double rate = call_for_each_name(c, n, put_declare, AMQP_QUEUE_DECLARE_OK, is_durable);
    if (!keeps)
        call_for_each_name(c, n, put_delete, AMQP_QUEUE_DELETE_OK, is_durable);
    return rate;
}

static double ops_run(int port, const char *what, long n, bool is_durable)
{
    struct client c;
    double rate;
    if (strcmp(what, "churn") == 0)
        return churn(port, n);
    if (strcmp(what, "hold") == 0)
        return connect_many(port, n);
    client_open(&c, port);
    if (strcmp(what, "bind") == 0)
        rate = bind_many(&c, n, is_durable);
    else if (strcmp(what, "declare") == 0 || strcmp(what, "keep") == 0)
        rate = declare_many(&c, n, is_durable, what[0] == 'k');
    else
        die("unknown operation '%s'", what);
    client_close(&c);
    return rate;
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    if (argc < 4)
        die("usage: ops PORT churn|hold|declare|keep|bind N [durable]");
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    double rate = ops_run(atoi(argv[1]), argv[2], strtol(argv[3], NULL, 10),
                          argc > 4 && strcmp(argv[4], "durable") == 0);
    printf("{\"rate\":%.1f}\n", rate);
    fflush(stdout);
    while (strcmp(argv[2], "hold") == 0 && getchar() != EOF)
        ;
    return 0;
}
