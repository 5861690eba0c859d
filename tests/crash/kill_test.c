/* kill -9, again and again, under load: is everything that was confirmed still there?
 *
 *     kill_test --broker build/leveretd [--kills N] [--loops N] [--seed N] [--dir DIR] ...
 *
 * A round: clients publish (with confirms and transactions, to one queue and by fan-out, 1 byte to
 * 10 MB), consume (single and batched acks, transactions, requeueing, rejecting), get, purge and
 * delete (worker.h). Meanwhile the broker is killed; one round in 16 stops it with SIGTERM instead.
 * It is started again on the same data directory, and some of these starts are killed too. Then, in
 * most rounds, every queue is read from one end to the other and compared with the ledger
 * (verify.h; ledger.h has the rules). At the end of a round the messages are requeued, or all are
 * settled in a transaction.
 *
 * The exit code is 0 if nothing is wrong. Otherwise the data directory is kept. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker.h"
#include "verify.h"
#include "worker.h"

enum { LIVE_BYTES_MAX = 120 * 1024 * 1024 };

/* --- a round ---------------------------------------------------------------------------------- */

/* Returns how long the load lasts: any time up to load_ms_max, often a short one. */
static uint64_t load_us(struct run *run)
{
    uint64_t most = run->options.load_ms_max * 1000ull;
    switch (random_below(&run->random, 4)) {
    case 0: return random_next(&run->random) % (most / 10 + 1);
    case 1: return random_next(&run->random) % (most / 3 + 1);
    default: return random_next(&run->random) % (most + 1);
    }
}

/* Loads the broker, and ends it. */
static void round_load(struct run *run)
{
    struct worker workers[WORKERS];
    uint64_t us = load_us(run);
    bool is_polite = random_below(&run->random, 16) == 0;
    atomic_store(&run->is_over, false);
    workers_start(run, workers);
    pause_us(us);
    atomic_store(&run->is_over, true);
    if (is_polite)
        broker_stop(run);
    else
        broker_kill(run);
    run->stops += is_polite;
    run->kills += !is_polite;
    workers_join(workers);
    ledger_killed(run->ledger);
}

static void tool_run(const char *tool, const char *flags, const char *first, const char *second)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp(tool, tool, flags, first, second, (char *)NULL);
        _exit(127);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

/* Keeps the data directory as the kill left it: what is found after the start can be traced in
 * it. */
static void round_keep_killed(const struct run *run)
{
    char killed[512];
    snprintf(killed, sizeof killed, "%s/killed", run->options.dir);
    tool_run("rm", "-rf", killed, NULL);
    tool_run("cp", "-r", run->data, killed);
}

/* Starts the broker again; some starts are killed first. */
static bool round_restart(struct run *run, struct client *c)
{
    broker_start(run);
    while (random_below(&run->random, 6) == 0) {
        pause_us(random_next(&run->random) % 60000);
        broker_kill(run);
        run->starts_killed++;
        run->kills++;
        broker_start(run);
    }
    return broker_wait(run, c);
}

static bool round_run(struct run *run, unsigned round)
{
    struct client c;
    round_load(run);
    if (run->options.is_kept)
        round_keep_killed(run);
    if (!round_restart(run, &c))
        return false;
    bool is_last = run->kills >= run->options.kills;
    bool is_full = ledger_live_bytes(run->ledger) > LIVE_BYTES_MAX;
    bool is_drained = is_last || is_full || round % 10 == 9;
    bool is_verified = is_drained || random_below(&run->random, 4) != 0;
    bool is_good = !is_verified || verify_all(run, &c, is_drained);
    client_close(&c);
    if (!run->options.is_quiet) {
        struct ledger_counts n = ledger_counts(run->ledger);
        printf("round %u: %u kills, %llu confirmed, %llu delivered, %llu verified%s\n", round,
               run->kills, (unsigned long long)n.confirmed, (unsigned long long)n.delivered,
               (unsigned long long)n.verified, is_drained ? ", drained" : "");
        fflush(stdout);
    }
    return is_good && !run_is_bad(run);
}

/* --- the run ---------------------------------------------------------------------------------- */

/* A client must not find its connection closed because the machine stood still for a while. */
static void config_write(const struct run *run)
{
    FILE *file = fopen(run->config, "w");
    if (!file || fputs("handshake_timeout = 180000\n", file) < 0 || fclose(file) != 0)
        die(run->config);
}

static void run_prepare(struct run *run, char *made)
{
    if (!run->options.dir)
        run->options.dir = mkdtemp(made);
    else if (mkdir(run->options.dir, 0755) < 0 && errno != EEXIST)
        die(run->options.dir);
    if (!run->options.dir)
        die("a directory");
    snprintf(run->data, sizeof run->data, "%s/data", run->options.dir);
    snprintf(run->errors, sizeof run->errors, "%s/stderr", run->options.dir);
    snprintf(run->config, sizeof run->config, "%s/leveret.conf", run->options.dir);
    config_write(run);
    uint64_t random = (uint64_t)getpid() ^ (uint64_t)time(NULL) << 20; /* of this process alone */
    run->port = broker_free_port(&random);
    run->management_port = broker_free_port(&random);
    run->random = run->options.seed;
    run->ledger = ledger_create(run->options.seed);
}

int main(int argc, char **argv)
{
    struct run run = {.options = options_read(argc, argv)};
    struct client c;
    char made[] = "/tmp/lvkill-XXXXXX";
    double began = now_s();
    run_prepare(&run, made);
    broker_start(&run);
    bool is_good = broker_wait(&run, &c) && declare_all(&run, &c);
    client_close(&c);
    for (unsigned round = 0; is_good && run.kills < run.options.kills; round++)
        is_good = round_run(&run, round);
    broker_stop(&run);
    broker_check_errors(&run);
    run_report(&run, now_s() - began);
    is_good = is_good && !run_is_bad(&run);
    if (is_good)
        tool_run("rm", "-rf", run.options.dir, NULL);
    else
        printf("kept: %s\n", run.options.dir);
    ledger_free(&run.ledger);
    return is_good ? 0 : 1;
}
