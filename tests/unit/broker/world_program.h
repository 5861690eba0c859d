/* The command line of a test program that runs simulated worlds:
 *
 *   test_sim_NAME                      its tests
 *   test_sim_NAME --seed N             the world of this seed, telling all its steps
 *   test_sim_NAME --soak [N [FIRST]]   N worlds (0: until stopped), from FIRST on; reports
 *                                      progress */
#ifndef LEVERET_TESTS_WORLD_PROGRAM_H
#define LEVERET_TESTS_WORLD_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

struct world_program {
    /* Runs the world of this seed to its end, and counts what is done in it. */
    void (*run)(uint64_t seed);
    /* Prints, on one line, what has been counted since the program began, so many seconds ago. */
    void (*say)(double seconds);
};

/* Runs what the command line asks for. False: it asks for nothing, so it is the tests' turn. */
bool world_program_run(const struct world_program *p, int argc, char **argv);

#endif
