/* The broker's process. */
#include "broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const int start_s_max = 120;

int broker_free_port(uint64_t *random)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int port, one = 1;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    do {
        port = 20000 + (int)random_below(random, 12000);
        at.sin_port = htons((uint16_t)port);
    } while (bind(fd, (struct sockaddr *)&at, sizeof at) < 0);
    close(fd);
    return port;
}

static void broker_exec(const struct run *run)
{
    char port[16], management_port[16], loops[16];
    snprintf(port, sizeof port, "%d", run->port);
    snprintf(management_port, sizeof management_port, "%d", run->management_port);
    snprintf(loops, sizeof loops, "%u", run->options.loops);
    int fd = open(run->errors, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int null = open("/dev/null", O_RDONLY);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(null, 0);
    dup2(fd, 1);
    dup2(fd, 2);
    execl(run->options.broker, run->options.broker, "--data-dir", run->data, "--bind", "127.0.0.1",
          "--port", port, "--management-port", management_port, "--metrics-port", "0", "--loops",
          loops, "--config", run->config, (char *)NULL);
    _exit(127);
}

void broker_start(struct run *run)
{
    run->pid = fork();
    if (run->pid < 0)
        die("fork");
    if (run->pid == 0)
        broker_exec(run);
}

/* Complains if the broker has ended by itself. */
static bool broker_has_exited(struct run *run)
{
    int status;
    if (waitpid(run->pid, &status, WNOHANG) == 0)
        return false;
    ledger_complain(run->ledger, "the broker ended by itself, %s %d",
                    WIFSIGNALED(status) ? "by signal" : "with",
                    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    run->pid = 0;
    return true;
}

bool broker_wait(struct run *run, struct client *c)
{
    double end = now_s() + start_s_max;
    while (client_open(c, run->port) < 0) {
        client_close(c);
        if (broker_has_exited(run))
            return false;
        if (now_s() > end) {
            ledger_complain(run->ledger, "the broker does not answer after %d s", start_s_max);
            return false;
        }
        pause_us(1000);
    }
    return true;
}

void broker_kill(struct run *run)
{
    if (run->pid == 0 || broker_has_exited(run))
        return;
    kill(run->pid, SIGKILL);
    waitpid(run->pid, NULL, 0);
    run->pid = 0;
}

void broker_stop(struct run *run)
{
    int status;
    if (run->pid == 0 || broker_has_exited(run))
        return;
    kill(run->pid, SIGTERM);
    for (double end = now_s() + start_s_max; waitpid(run->pid, &status, WNOHANG) == 0;) {
        if (now_s() > end) {
            ledger_complain(run->ledger, "the broker still runs %d s after SIGTERM", start_s_max);
            broker_kill(run);
            return;
        }
        pause_us(2000);
    }
    run->pid = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        ledger_complain(run->ledger, "the broker left with status %d after SIGTERM", status);
}

void broker_check_errors(struct run *run)
{
    static const char *const alarming[] = {"Sanitizer", "runtime error:", "ssertion", " error ",
                                           "[error]",   "is lost",        "are lost"};
    char line[4096];
    FILE *file = fopen(run->errors, "r");
    while (file && fgets(line, sizeof line, file)) {
        for (size_t i = 0; i < sizeof alarming / sizeof *alarming; i++) {
            if (!strstr(line, alarming[i]))
                continue;
            line[strcspn(line, "\n")] = 0;
            ledger_complain(run->ledger, "the broker said: %s", line);
            break;
        }
    }
    if (file)
        fclose(file);
}
