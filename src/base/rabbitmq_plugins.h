/* The plugins that RabbitMQ ships, or that many users add, and what each is to Leveret. Leveret has
 * no plugins: what they do is part of it, or missing. Any thread. */
#ifndef LEVERET_BASE_RABBITMQ_PLUGINS_H
#define LEVERET_BASE_RABBITMQ_PLUGINS_H

#include <stdbool.h>

enum plugin_kind {
    PLUGIN_UNKNOWN,
    PLUGIN_BUILT_IN, /* Leveret does the same, or needs nothing of that kind */
    PLUGIN_AUTH,     /* Leveret does the same once it is configured */
    PLUGIN_MISSING,  /* known, and Leveret does not do it */
};

/* By name, in ascending order; the end is a row whose name is NULL. */
extern const struct rabbitmq_plugin {
    const char *name;
    enum plugin_kind kind;
} rabbitmq_plugins[];

/* Finds out what a plugin of RabbitMQ, or a library of one, is to Leveret. */
enum plugin_kind plugin_kind(const char *name);

/* Returns whether what the plugin does is part of Leveret: tools are told that it is enabled. */
bool plugin_is_part(enum plugin_kind kind);

#endif
