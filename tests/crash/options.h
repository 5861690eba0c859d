/* The arguments of kill_test. */
#ifndef LEVERET_CRASH_OPTIONS_H
#define LEVERET_CRASH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
    const char *broker;
    const char *dir; /* NULL: a new one in /tmp */
    unsigned kills;
    unsigned loops;
    uint64_t seed;
    unsigned scale;       /* percent of the usual load */
    unsigned load_ms_max; /* the longest time before a kill */
    bool is_quiet;
    bool is_kept; /* the data directory as the last kill left it is copied to dir/killed */
};

/* Reads the arguments; prints the usage and exits if they are wrong. */
struct options options_read(int argc, char **argv);

#endif
