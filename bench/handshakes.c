/* What TLS costs a broker: connections that are opened and dropped, or opened and kept.
 *
 *     handshakes --port P --pid PID --seconds S [--tls 0] [--resume 1]
 *     handshakes --port P --pid PID --idle N [--tls 0]
 *     handshakes --port P --pid PID --silent N [--bytes B]
 *
 * With --certificate FILE it has a certificate to show (PEM, with its key). The first opens
 * connections one after the other, and prints how many, and the broker's CPU time for each. The
 * second opens N connections with a channel, and prints the broker's resident memory for each. The
 * third does the same with peers that connect, send the first B bytes of a handshake, and then
 * nothing. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "client.h"

#define OPTIONS(O)                                                                                 \
    O(port, 5671, "port of the broker")                                                            \
    O(pid, 0, "the broker's process")                                                              \
    O(tls, 1, "0: plain connections, to compare with")                                             \
    O(resume, 0, "1: come back with a ticket")                                                     \
    O(seconds, 3, "seconds of measuring")                                                          \
    O(idle, 0, "connections to open and to keep; 0: measure handshakes")                           \
    O(silent, 0, "connections that never complete the handshake")                                  \
    O(bytes, 0, "what each of these sends of it: 0 to 5")

static struct {
#define OPTION_MEMBER(name, value, text) long name;
    OPTIONS(OPTION_MEMBER)
#undef OPTION_MEMBER
    const char *certificate; /* NULL: none */
} o = {
#define OPTION_DEFAULT(name, value, text) .name = (value),
    OPTIONS(OPTION_DEFAULT)
#undef OPTION_DEFAULT
};

/* Returns the number behind `name` in a file of /proc. */
static long proc_number(const char *path, const char *name)
{
    char line[256];
    long found = -1;
    FILE *file = fopen(path, "r");
    if (!file)
        die("cannot read %s", path);
    while (found < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            found = strtol(line + strlen(name), NULL, 10);
    fclose(file);
    return found;
}

static long resident_kb(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/status", o.pid);
    return proc_number(path, "VmRSS:");
}

/* Returns the microseconds of CPU time that the broker has used. */
static double cpu_us(void)
{
    char path[64], text[1024];
    unsigned long user, system;
    snprintf(path, sizeof path, "/proc/%ld/stat", o.pid);
    FILE *file = fopen(path, "r");
    if (!file)
        die("cannot read %s", path);
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    const char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                        &system) != 2)
        die("cannot parse %s", path);
    return (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

/* With TLS 1.3 the ticket comes after the handshake, so an answer is awaited too. */
static void connect_once(void)
{
    struct client c;
    uint8_t answer;
    client_connect(&c, (int)o.port);
    c.in = lv_malloc(CLIENT_INPUT_BYTES);
    if (client_write(&c, "AMQP\0\0\x09\x01", 8) != 8)
        die("cannot write");
    while (c.in_bytes == 0)
        client_read_some(&c);
    answer = c.in[0];
    if (answer != 1)
        die("the broker does not answer with a frame");
    client_drop(&c);
}

static void measure_handshakes(void)
{
    connect_once(); /* gets the first ticket */
    double before = cpu_us();
    uint64_t begun = now_ns(), count = 0;
    while (now_ns() - begun < (uint64_t)o.seconds * 1000000000) {
        connect_once();
        count++;
    }
    double seconds = (double)(now_ns() - begun) / 1e9, each = (cpu_us() - before) / (double)count;
    printf(
        "{\"connections\":%.0f,\"resumed\":%.2f,\"broker_cpu_us\":%.1f,\"per_cpu_second\":%.0f}\n",
        (double)count / seconds, (double)client_resumed() / (double)count, each, 1e6 / each);
}

/* Waits until the broker's memory has not changed for two seconds. */
static void print_memory(long count, long before_kb)
{
    long last_kb = 0, now_kb = resident_kb();
    while (now_kb != last_kb) {
        sleep(2);
        last_kb = now_kb;
        now_kb = resident_kb();
    }
    printf("{\"connections\":%ld,\"bytes_each\":%.0f}\n", count,
           (double)(now_kb - before_kb) * 1024 / (double)count);
}

static void measure_idle(void)
{
    struct client *clients = lv_calloc((size_t)o.idle, sizeof *clients);
    client_open(&clients[0], (int)o.port);
    client_close(&clients[0]);
    long before = resident_kb();
    for (long i = 0; i < o.idle; i++)
        client_open(&clients[i], (int)o.port);
    print_memory(o.idle, before);
    for (long i = 0; i < o.idle; i++)
        client_drop(&clients[i]);
    free(clients);
}

/* The broker must not end them meanwhile: set its ssl_handshake_timeout. */
static void measure_silent(void)
{
    static const uint8_t hello[] = {22, 3, 1, 1, 0};
    struct client *clients = lv_calloc((size_t)o.silent, sizeof *clients);
    long before = resident_kb();
    for (long i = 0; i < o.silent; i++) {
        client_reach(&clients[i], (int)o.port);
        if (o.bytes > 0 && client_write(&clients[i], hello, (size_t)o.bytes) != o.bytes)
            die("cannot write");
    }
    print_memory(o.silent, before);
    for (long i = 0; i < o.silent; i++)
        client_drop(&clients[i]);
    free(clients);
}

static _Noreturn void print_usage(void)
{
    printf("Usage: handshakes --pid PID [--NAME NUMBER]... [--certificate FILE]\n");
#define OPTION_HELP(name, value, text) printf("  --%-9s %s (%ld)\n", #name, text, (long)(value));
    OPTIONS(OPTION_HELP)
#undef OPTION_HELP
    exit(2);
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {
#define OPTION_ROW(name, value, text) {#name, required_argument, NULL, 0},
        OPTIONS(OPTION_ROW)
#undef OPTION_ROW
            {"certificate", required_argument, NULL, 'c'},
        {0}};
    long *const members[] = {
#define OPTION_ADDRESS(name, value, text) &o.name,
        OPTIONS(OPTION_ADDRESS)
#undef OPTION_ADDRESS
    };
    int letter, index;
    while ((letter = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        if (letter == 'c')
            o.certificate = optarg;
        else if (letter == 0)
            *members[index] = strtol(optarg, NULL, 10);
        else
            print_usage();
    }
    if (o.pid == 0 || optind < argc || o.bytes < 0 || o.bytes > 5)
        print_usage();
    if (o.tls)
        client_use_tls(o.resume != 0);
    if (o.tls && o.certificate)
        client_use_certificate(o.certificate);
    if (o.silent > 0)
        measure_silent();
    else if (o.idle > 0)
        measure_idle();
    else
        measure_handshakes();
    return 0;
}
