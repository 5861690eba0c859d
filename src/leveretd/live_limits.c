/* Limits set while the broker runs. Each can be set in two ways: relative and absolute. */
#include "leveretd/live_limits.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

/* How each limit is set. */
static const struct way {
    const char *key;
    int limit;         /* LIVE_LIMIT_... */
    const char *other; /* the key that then must not count */
    const char *off;   /* its value for that */
} ways[] = {
    {"vm_memory_high_watermark.relative", LIVE_LIMIT_MEMORY, "vm_memory_high_watermark.absolute",
     "none"},
    {"vm_memory_high_watermark.absolute", LIVE_LIMIT_MEMORY, NULL, NULL},
    /* a limit of 0 times the memory: a relative one of 0 would leave the config's absolute one */
    {"disk_free_limit.relative", LIVE_LIMIT_DISK, "disk_free_limit.absolute", "0"},
    {"disk_free_limit.absolute", LIVE_LIMIT_DISK, "disk_free_limit.relative", "0"},
};

static const char *const origins[LIVE_LIMITS] = {
    [LIVE_LIMIT_MEMORY] = "leveretctl set_vm_memory_high_watermark",
    [LIVE_LIMIT_DISK] = "leveretctl set_disk_free_limit",
};

static const struct way *way_of(const char *key)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(ways[i].key, key) == 0)
            return &ways[i];
    lv_unreachable();
}

int live_limit_put(struct config *config, const char *key, const char *value)
{
    const struct way *way = way_of(key);
    const char *origin = origins[way->limit];
    if (strcmp(value, "none") == 0 || value[0] == '\0')
        return ERR_INVALID; /* of a file, but no limit */
    int err = config_set(config, key, value, origin, config_say_nothing, NULL);
    if (err == 0 && way->other)
        err = config_set(config, way->other, way->off, origin, config_say_nothing, NULL);
    lv_assert(err == 0 || err == ERR_INVALID);
    return err;
}

void live_limits_keep(struct live_limits *l, const char *key, const char *value)
{
    const struct way *way = way_of(key);
    struct live_limit *one = &l->items[way->limit];
    free(one->value);
    *one = (struct live_limit){.key = way->key, .value = lv_strdup(value)};
}

static bool is_changed(int limit, const struct config *a, const struct config *b)
{
    if (limit == LIVE_LIMIT_MEMORY)
        return a->memory_bytes != b->memory_bytes || a->memory_relative != b->memory_relative;
    return a->disk_free_bytes != b->disk_free_bytes ||
           a->disk_free_relative != b->disk_free_relative;
}

static void forget(struct live_limit *one)
{
    free(one->value);
    *one = (struct live_limit){0};
}

void live_limits_reload(struct live_limits *l, const struct config *before,
                        const struct config *fresh, struct config *config)
{
    for (int limit = 0; limit < LIVE_LIMITS; limit++) {
        struct live_limit *one = &l->items[limit];
        if (!one->key)
            continue;
        if (is_changed(limit, before, fresh)) {
            log_info("config: %s = %s, set with %s, ends: the configuration has another limit now",
                     one->key, one->value, origins[limit]);
            forget(one);
            continue;
        }
        int err = live_limit_put(config, one->key, one->value);
        lv_assert(err == 0); /* as when it was set */
    }
}

bool live_limits_are_set(const struct live_limits *l)
{
    return l->items[LIVE_LIMIT_MEMORY].key || l->items[LIVE_LIMIT_DISK].key;
}

void live_limits_clear(struct live_limits *l)
{
    for (int limit = 0; limit < LIVE_LIMITS; limit++)
        forget(&l->items[limit]);
}
