/* Moves the messages of many queues, and connects again when a connection is lost. */
#ifndef MIGRATE_MOVES_H
#define MIGRATE_MOVES_H

#include "migrate/migrate.h"

/* As struct migrate_module's `move` (migrate.h). */
int moves_run(const struct migrate_job *job, json_t *queues, struct lv_buffer *reason);

#endif
