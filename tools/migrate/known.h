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

enum plugin_kind {
    PLUGIN_UNKNOWN,
    PLUGIN_BUILT_IN, /* Leveret does the same, or needs nothing of that kind */
    PLUGIN_AUTH,     /* Leveret does the same once it is configured */
    PLUGIN_MISSING,  /* known, and Leveret does not do it */
};

/* Finds out what a plugin of RabbitMQ is to Leveret. */
enum plugin_kind plugin_kind(const char *name);

#endif
