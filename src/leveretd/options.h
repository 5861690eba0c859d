/* The command line of leveretd, and the config it leads to. */
#ifndef LEVERET_LEVERETD_OPTIONS_H
#define LEVERET_LEVERETD_OPTIONS_H

#include <stdio.h>

#include "leveretd/config.h"

enum { OPTIONS_EXIT_USAGE = 64, OPTIONS_EXIT_CONFIG = 78 }; /* as sysexits.h has them */

/* The flags that were given; NULL and -1: not given. Borrows from argv. */
struct options {
    const char *config_file;
    const char *data_dir;
    const char *bind;
    const char *loops;
    const char *log_level;
    const char *management_port;
    const char *metrics_port;
    int port;
    bool checks_config;
    bool recovers_definitions;
    bool begins_new_log;
};

/* Reads the flags. Returns true, or false if the process must exit with *ret_exit: 0 after --help
 * and --version, which print to `out`; OPTIONS_EXIT_USAGE after a bad flag, which is reported on
 * `err`. Uses getopt: one thread at a time. */
bool options_parse(int argc, char **argv, struct options *ret, int *ret_exit, FILE *out, FILE *err);

/* Creates a config from the defaults, the files, the environment and the flags, in this order
 * (config_read_sources()), chooses a data directory if none is named, and checks all of it. Returns
 * ERR_INVALID, or why a file cannot be read, after reporting every error. The caller owns *ret.
 * Called at the start and at SIGHUP. Blocks. */
int options_load_config(const struct options *options, config_getenv get, config_say say, void *arg,
                        struct config **ret);

/* Runs `leveretd --check-config`: loads the config, prints every fault, warning and remark on `err`
 * ("error: FILE:LINE: ..."), and whether it is valid. Returns the exit code: 0, or
 * OPTIONS_EXIT_CONFIG. Writes no file. Blocks. */
int options_check_config(const struct options *options, config_getenv get, FILE *out, FILE *err);

#endif
