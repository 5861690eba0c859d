/* The settings of statistics (manage/statistics.h), as the configuration has them. */
#ifndef LEVERET_LEVERETD_STATISTICS_CONFIG_H
#define LEVERET_LEVERETD_STATISTICS_CONFIG_H

#include "leveretd/config.h"
#include "manage/statistics.h"

/* Fills in the settings. The config has passed its checks. */
void statistics_config_read(const struct config *config, struct statistics_settings *ret);

/* A check for config_check(): reports bad entries of management.sample_retention_policies. */
int statistics_config_check(const struct config *config, config_say say, void *arg);

/* Starts the statistics of d->manage. Returns EXIT_OK, or the exit code after logging the reason.
 * Call after sessions_start(). */
struct leveretd;
int statistics_open(struct leveretd *d);

#endif
