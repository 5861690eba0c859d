/* The outputs of the log, as the configuration has them. */
#ifndef LEVERET_LEVERETD_LOG_CONFIG_H
#define LEVERET_LEVERETD_LOG_CONFIG_H

#include "base/log_format.h"
#include "base/log_output.h"
#include "leveretd/config.h"

/* The slots of the outputs. The files of categories have those from the last one on. */
enum log_slot {
    LOG_SLOT_CONSOLE = LOG_OUTPUT_CONSOLE,
    LOG_SLOT_FILE = LOG_OUTPUT_FILE,
    LOG_SLOT_SYSLOG,
    LOG_SLOT_JOURNALD,
    LOG_SLOT_EXCHANGE,
    LOG_SLOT_CATEGORIES,
};

/* Opens the outputs of this configuration, but for the exchange, in place of those in use. If a
 * file cannot be opened, logs why, leaves that output as it was, goes on with the others, and
 * returns ERR_INVALID. Blocks. Home thread. */
int log_config_apply(const struct config *config);

/* Writes the levels of an output whose own level is this (CONFIG_NONE: none). */
void log_config_levels(const struct config *config, int own_level, struct log_output_levels *ret);
/* Returns the format of an output: "console" ... The caller owns it. */
struct log_format *log_config_format(const struct config *config, const char *output);

/* Checks the settings that have names in their keys, the notations, and that files outside the data
 * directory can be opened (config_checks.c). */
int log_config_check(const struct config *config, config_say say, void *arg);

#endif
