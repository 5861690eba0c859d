/* Limits of memory and disk that an operator has set while the broker runs (`leveretctl
 * set_vm_memory_high_watermark`, `set_disk_free_limit`). They precede the config's, and last until
 * the next start, or until a reload finds another limit in the config. */
#ifndef LEVERET_LEVERETD_LIVE_LIMITS_H
#define LEVERET_LEVERETD_LIVE_LIMITS_H

#include "leveretd/config.h"

enum { LIVE_LIMIT_MEMORY, LIVE_LIMIT_DISK, LIVE_LIMITS };

/* All zero: none is set. */
struct live_limits {
    struct live_limit {
        const char *key; /* the setting's, a static string; NULL: not set */
        char *value;     /* owned */
    } items[LIVE_LIMITS];
};

/* Sets a limit in the config: `key` is vm_memory_high_watermark.relative or .absolute, or
 * disk_free_limit.relative or .absolute; the other one of the two is set so that it does not count.
 * Their origin becomes the name of the command. Returns ERR_INVALID for a bad value; the config is
 * then to be thrown away. */
int live_limit_put(struct config *config, const char *key, const char *value);

/* Remembers a limit that live_limit_put() has accepted, for later reloads. */
void live_limits_keep(struct live_limits *l, const char *key, const char *value);

/* After the sources have been read again: forgets, and logs, each limit for which they now have
 * another value than before, and puts the others into `config`, a copy of `fresh`. */
void live_limits_reload(struct live_limits *l, const struct config *before,
                        const struct config *fresh, struct config *config);

/* Returns true if any limit is set. */
bool live_limits_are_set(const struct live_limits *l);

void live_limits_clear(struct live_limits *l);

#endif
