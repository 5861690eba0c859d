/* What Leveret knows of the things that RabbitMQ and its plugins have. The lists are short copies
 * of those of the broker, whose code is too large for this module; tests/unit/migrate/test_known.c
 * compares them. */
#ifndef MIGRATE_KNOWN_H
#define MIGRATE_KNOWN_H

#include <stdbool.h>

/* Each list ends with NULL. */
extern const char *const known_exchange_types[];
extern const char *const known_hashes[];
extern const char *const known_components[]; /* of parameters */
extern const char *const known_policy_keys[];
extern const char *const known_queue_arguments[];

/* Returns whether the name is in the list. */
bool is_known(const char *name, const char *const *list);

#endif
