/* Random numbers, time, and the result of a run. */
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Noreturn void die(const char *what)
{
    fprintf(stderr, "kill_test: %s: %s\n", what, strerror(errno));
    exit(2);
}

uint64_t random_next(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

unsigned random_below(uint64_t *state, unsigned count)
{
    return (unsigned)(random_next(state) % count);
}

void pause_us(uint64_t us)
{
    struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000 * 1000)};
    nanosleep(&t, NULL);
}

double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- the result ------------------------------------------------------------------------------- */

bool run_is_bad(const struct run *run)
{
    struct ledger_counts n = ledger_counts(run->ledger);
    return n.lost + n.returned + n.twice + n.reordered + n.damaged + n.unmarked + n.other > 0;
}

void run_report(const struct run *run, double seconds)
{
    struct ledger_counts n = ledger_counts(run->ledger);
    printf(
        "%u kills (%u of them while starting), %u stops, %.0f s, seed %llu\n"
        "%llu messages published, %llu confirmed, %llu delivered, %llu settled\n"
        "%llu found whole after a restart; %llu came back, their ack not stored yet; %llu were never "
        "confirmed and are gone; %llu were asked for without acknowledgement and are gone\n"
        "%llu lost, %llu settled and there again, %llu twice, %llu reordered, %llu damaged, "
        "%llu not marked redelivered, %llu other faults\n",
        run->kills, run->starts_killed, run->stops, seconds, (unsigned long long)run->options.seed,
        (unsigned long long)n.published, (unsigned long long)n.confirmed,
        (unsigned long long)n.delivered, (unsigned long long)n.settled,
        (unsigned long long)n.verified, (unsigned long long)n.came_back,
        (unsigned long long)n.unconfirmed_lost, (unsigned long long)n.gambled_away,
        (unsigned long long)n.lost, (unsigned long long)n.returned, (unsigned long long)n.twice,
        (unsigned long long)n.reordered, (unsigned long long)n.damaged,
        (unsigned long long)n.unmarked, (unsigned long long)n.other);
}
