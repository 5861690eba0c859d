/* RabbitMQ's feature flags for what Leveret does, always: all are enabled. Tools and clients ask
 * for them. */
#ifndef LEVERET_MANAGE_FEATURE_FLAGS_H
#define LEVERET_MANAGE_FEATURE_FLAGS_H

#include <stdbool.h>

#include "manage/listing.h"

struct feature_flag {
    const char *name; /* "quorum_queue" */
    const char *description;
};

extern const struct column feature_flag_columns[];

/* Lists the flags, by name. Any thread. */
void manage_list_feature_flags(struct listing *ret);
/* Returns whether there is such a flag. Any thread. */
bool feature_flag_exists(struct slice name);

#endif
