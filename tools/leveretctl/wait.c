/* `wait PIDFILE` and `wait --pid PID`: wait until a process has started the broker.
 *
 * leveretd writes no pid file. So, while the file that is named does not exist, a broker that
 * answers is as good: then its pid is the one that the system knows at the other end of the socket.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "leveretctl/talk.h"

enum { LOOK_MS = 100, PID_FILE_BYTES_MAX = 32 };

/* What is said at each step; `steps` counts those said. */
struct waiting {
    struct invocation *i;
    const struct command *c;
    uint64_t deadline_ms;
    int steps;
};

int wait_check(const struct invocation *i, const struct command *c)
{
    bool has_pid = is_given(i, OPTION_PID);
    if (has_pid && i->argument_count > 0)
        return usage_error(i, c, EXIT_USAGE, "\"Cannot specify both pid and pidfile\"");
    if (!has_pid && i->argument_count == 0)
        return usage_error(i, c, EXIT_USAGE, "\"No pid or pidfile specified\"");
    return EXIT_OK;
}

static void say_step(struct waiting *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say_step(struct waiting *w, const char *format, ...)
{
    struct lv_buffer text = {0};
    va_list args;
    if (is_quiet(w->i))
        return;
    va_start(args, format);
    lv_buffer_vprintf(&text, format, args);
    va_end(args);
    if (w->i->format == FORMAT_JSON)
        printf(w->steps == 0 ? "[\n" : ",");
    w->steps++;
    say_done(w->i, text_of(&text));
    fflush(stdout);
    lv_buffer_free(&text);
}

/* Returns false when the time is over. */
static bool pause_before_next_look(const struct waiting *w)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    if (clock_up_ms() >= w->deadline_ms)
        return false;
    nanosleep(&pause, NULL);
    return true;
}

static int say_timed_out(const struct waiting *w)
{
    fprintf(stderr, "Error: operation wait on node %s timed out. Timeout value used: %d\n",
            w->i->node, timeout_ms_of(w->i));
    return EXIT_TIMEOUT;
}

static bool is_alive(long pid)
{
    return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* Connects to the broker, if that has not been done yet. Returns whether it answers. */
static bool is_answering(struct waiting *w)
{
    return w->i->ask.fd >= 0 || broker_open(w->i, timeout_ms_of(w->i)) == 0;
}

/* Returns the pid of the process at the other end of the socket. */
static long pid_of_socket(const struct waiting *w)
{
    struct ucred peer = {0};
    socklen_t n = sizeof peer;
    getsockopt(w->i->ask.fd, SOL_SOCKET, SO_PEERCRED, &peer, &n);
    return peer.pid;
}

/* Reads the pid file. Returns EXIT_OK with the pid, or 0 if there is no such file; or the exit code
 * after saying what is wrong with it. */
static int pid_file_read(const char *path, long *ret)
{
    char text[PID_FILE_BYTES_MAX] = "";
    FILE *file = fopen(path, "r");
    *ret = 0;
    if (!file && errno == ENOENT)
        return EXIT_OK;
    errno = 0;
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    int error = errno;
    if (file)
        fclose(file);
    if (!file || error != 0)
        return say_error(EXIT_UNAVAILABLE, "could not read pid file %s: %s", path, strerror(error));
    char *end;
    *ret = strtol(text, &end, 10);
    if (n == 0 || end == text)
        return say_error(EXIT_UNAVAILABLE, "{:garbage_in_pid_file, \"%s\"}", path);
    return EXIT_OK;
}

static int await_pid_file(struct waiting *w, const char *path, long *ret)
{
    say_step(w, "Waiting for pid file '%s' to appear", path);
    do {
        int code = pid_file_read(path, ret);
        if (code != EXIT_OK)
            return code;
        if (is_answering(w) && *ret == 0)
            *ret = pid_of_socket(w);
        if (w->i->ask.fd >= 0 && is_alive(*ret)) {
            say_step(w, "pid is %ld", *ret);
            return EXIT_OK;
        }
    } while (pause_before_next_look(w));
    return say_timed_out(w);
}

static int await_answer(struct waiting *w, long pid)
{
    say_step(w, "Waiting for erlang distribution on node '%s' while OS process '%ld' is running",
             w->i->node, pid);
    do {
        if (!is_alive(pid))
            return say_error(EXIT_UNAVAILABLE, "process_not_running");
        if (is_answering(w))
            return EXIT_OK;
    } while (pause_before_next_look(w));
    return say_timed_out(w);
}

static int await_start(struct waiting *w)
{
    json_t *answer;
    say_step(w, "Waiting for applications 'rabbit_and_plugins' to start on node '%s'", w->i->node);
    int code = converse(w->i, w->c, request_create(w->i, w->c), NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    json_decref(answer);
    say_step(w, "Applications 'rabbit_and_plugins' are running on node '%s'", w->i->node);
    if (w->i->format == FORMAT_JSON && w->steps > 0)
        printf("]\n");
    return EXIT_OK;
}

int run_wait(struct invocation *i, const struct command *c)
{
    struct waiting w = {.i = i, .c = c, .deadline_ms = clock_up_ms() + (uint64_t)timeout_ms_of(i)};
    long pid = is_given(i, OPTION_PID) ? strtol(i->values[OPTION_PID], NULL, 10) : 0;
    int code = i->argument_count > 0 ? await_pid_file(&w, i->arguments[0], &pid) : EXIT_OK;
    if (code == EXIT_OK)
        code = await_answer(&w, pid);
    return code == EXIT_OK ? await_start(&w) : code;
}
