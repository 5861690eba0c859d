/* The module that reads and moves what a RabbitMQ has. */
#ifndef LEVERETCTL_MIGRATION_H
#define LEVERETCTL_MIGRATION_H

#include "migrate/migrate.h"

/* Loads the module. Returns EXIT_OK, or EXIT_UNAVAILABLE after saying why it cannot be loaded. */
int migration_load(const struct migrate_module **ret);

#endif
