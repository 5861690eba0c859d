/* The command line of leveretd, and the config it leads to. */
#ifndef LEVERET_LEVERETD_OPTIONS_H
#define LEVERET_LEVERETD_OPTIONS_H

#include <stdio.h>

#include "leveretd/config.h"

#define OPTIONS_DEFAULT_CONFIG_FILE "/etc/leveret/leveret.conf"

enum { OPTIONS_EXIT_USAGE = 64, OPTIONS_EXIT_CONFIG = 78 }; /* as sysexits.h has them */

/* The flags that were given; NULL and -1: not given. Borrows from argv. */
struct options {
    const char *config_file;
    const char *data_dir;
    const char *bind;
    const char *loops;
    const char *log_level;
    int port;
    int management_port;
    bool recovers_definitions;
    bool begins_new_log;
};

/* Reads the flags. Returns true, or false if the process must exit with *ret_exit: 0 after --help
 * and --version, which print to `out`; OPTIONS_EXIT_USAGE after a bad flag, which is reported on
 * `err`. Uses getopt: one thread at a time. */
bool options_parse(int argc, char **argv, struct options *ret, int *ret_exit, FILE *out, FILE *err);

/* Creates a config from the defaults, the file, the environment and the flags, in this order, and
 * chooses a data directory if none is named. The file is the one of --config, else the one of
 * RABBITMQ_CONFIG_FILE (with or without its ".conf"), else OPTIONS_DEFAULT_CONFIG_FILE if it
 * exists. Returns ERR_INVALID, or why a named file cannot be read, after reporting every error. The
 * caller owns *ret. Called at the start and at SIGHUP. Blocks. */
int options_load_config(const struct options *options, config_getenv get, config_say say, void *arg,
                        struct config **ret);

#endif
