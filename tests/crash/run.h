/* A run: one broker that is killed again and again, one ledger, and what all parts of the test
 * need. */
#ifndef LEVERET_CRASH_RUN_H
#define LEVERET_CRASH_RUN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "client.h"
#include "ledger.h"
#include "options.h"

struct run {
    struct options options;
    struct ledger *ledger;
    /* The broker's data directory, its standard error, and its config file. */
    char data[512], errors[512], config[512];
    int port, management_port;
    pid_t pid;           /* of the broker; 0: it does not run */
    atomic_bool is_over; /* the kill is about to come: connections may break */
    unsigned kills, starts_killed, stops;
    uint64_t random;
};

/* Prints what failed, with errno, and exits. For failures of the test itself. */
_Noreturn void die(const char *what);

/* Return the next random number of a state, and one below count. */
uint64_t random_next(uint64_t *state);
unsigned random_below(uint64_t *state, unsigned count);

void pause_us(uint64_t us);
double now_s(void);

/* Returns whether anything wrong has been counted. */
bool run_is_bad(const struct run *run);
/* Prints what was counted. */
void run_report(const struct run *run, double seconds);

#endif
