/* The broker's process: its start, its end, and what it printed. */
#ifndef LEVERET_CRASH_BROKER_H
#define LEVERET_CRASH_BROKER_H

#include "run.h"

/* Returns a port that is free, and stays so while the broker does not run: it is below those that
 * the kernel gives to clients. */
int broker_free_port(uint64_t *random);

/* Starts the broker on run->data. */
void broker_start(struct run *run);
/* Waits until the broker answers, and opens a connection. Returns false if it does not answer. */
bool broker_wait(struct run *run, struct client *c);
/* Ends the broker with SIGKILL. */
void broker_kill(struct run *run);
/* Ends the broker with SIGTERM, which it must obey. */
void broker_stop(struct run *run);

/* Complains about lines that the broker should not have printed: assertions, sanitizers, damage.
 * kill -9 does not damage files; a torn tail is not damage. */
void broker_check_errors(struct run *run);

#endif
