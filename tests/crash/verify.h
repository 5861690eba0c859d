/* The queues and exchanges of the test: declaring them, and reading every message back. */
#ifndef LEVERET_CRASH_VERIFY_H
#define LEVERET_CRASH_VERIFY_H

#include "run.h"

/* Declares all queues and exchanges and binds them. Returns false, after a complaint, on failure.
 */
bool declare_all(struct run *run, struct client *c);

/* Reads every queue from one end to the other and compares it with the ledger. Afterwards the
 * messages return to their queues, or are settled in a transaction if is_drained. Returns false,
 * after a complaint, if a queue cannot be read. */
bool verify_all(struct run *run, struct client *c, bool is_drained);

#endif
