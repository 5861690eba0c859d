/* The lines of all config files, in their order, before they take effect: an earlier line may refer
 * to a later one, and the passphrase of encrypted values may stand in any of them. Private to
 * config*.c. */
#ifndef LEVERET_LEVERETD_CONFIG_LINES_H
#define LEVERET_LEVERETD_CONFIG_LINES_H

#include "leveretd/config_environment.h"
#include "leveretd/config_private.h"

struct config_line {
    char *key;
    char *value;
    const char *source; /* the file's name; borrowed */
    int line;
    enum { LINE_PLAIN, LINE_RESOLVING, LINE_RESOLVED } state; /* of the $(...) in the value */
    bool is_bad;                                              /* has been reported */
};

struct config_lines {
    struct config_line *items;
    size_t count;
    size_t capacity;
};

void config_lines_free(struct config_lines *lines);

/* Adds the lines of a text, which is the file of that name. Returns ERR_INVALID after reporting
 * every line that is no setting. The name must live as long as the lines. Pure. */
int config_lines_parse(struct config_lines *lines, struct slice text, const char *name,
                       config_say say, void *arg);

/* Adds the settings of a text in the format of RabbitMQ's advanced.config, which is a list of
 * sections, as the lines that say the same. Reports sections that have no effect. Returns
 * ERR_INVALID after reporting what cannot be understood. The name must live as long as the lines.
 * Pure. */
int config_advanced_parse(struct config_lines *lines, struct slice text, const char *name,
                          config_say say, void *arg);

/* Adds a line. */
void config_lines_add(struct config_lines *lines, struct slice key, struct slice value,
                      const struct location *location);

/* Replaces each $(KEY), $(VARIABLE) and $(<FILE) in the values. Returns ERR_INVALID after reporting
 * each that has no value, and then marks the line as bad. `environment` may be NULL.
 * Reads the files: blocks. */
int config_lines_resolve(struct config_lines *lines, const struct config_environment *environment,
                         config_say say, void *arg);

/* Sets the keys, and reports those that set nothing. Returns ERR_INVALID after reporting every bad
 * value. */
int config_lines_apply(const struct config_lines *lines, struct config *config, config_say say,
                       void *arg);

#endif
