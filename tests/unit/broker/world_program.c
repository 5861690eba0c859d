/* One world, or one after the other without cmocka (world_program.h). */
#include "world_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "world_story.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void say(const struct world_program *p, double seconds)
{
    p->say(seconds);
    fflush(stdout);
}

static void soak(const struct world_program *p, uint64_t worlds, uint64_t first)
{
    double start = now_s(), said = start;
    for (uint64_t seed = first; worlds == 0 || seed < first + worlds; seed++) {
        p->run(seed);
        if (now_s() - said > 10) {
            said = now_s();
            say(p, said - start);
        }
    }
    say(p, now_s() - start);
}

bool world_program_run(const struct world_program *p, int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        story_is_told = true;
        p->run(strtoull(argv[2], NULL, 10));
        return true;
    }
    if (argc >= 2 && strcmp(argv[1], "--soak") == 0) {
        soak(p, argc > 2 ? strtoull(argv[2], NULL, 10) : 0,
             argc > 3 ? strtoull(argv[3], NULL, 10) : 1);
        return true;
    }
    return false;
}
