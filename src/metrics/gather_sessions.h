/* What other sources need of channels. */
#ifndef LEVERET_METRICS_GATHER_SESSIONS_H
#define LEVERET_METRICS_GATHER_SESSIONS_H

#include "manage/manage.h"

/* Counts the open channels on which something has been published. Thread and result as for
 * struct source, gather(). */
int sessions_count_publishers(struct manage *m, uint64_t *ret);

#endif
