/* Reading the arguments. */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void usage_exit(void)
{
    fputs("kill_test --broker LEVERETD [--dir DIR] [--kills N] [--loops N] [--seed N]\n"
          "          [--scale PERCENT] [--load-ms N] [--quiet] [--keep]\n",
          stderr);
    exit(64);
}

struct options options_read(int argc, char **argv)
{
    static const struct option known[] = {
        {"broker", required_argument, NULL, 'b'},  {"dir", required_argument, NULL, 'd'},
        {"kills", required_argument, NULL, 'k'},   {"loops", required_argument, NULL, 'l'},
        {"seed", required_argument, NULL, 's'},    {"scale", required_argument, NULL, 'c'},
        {"load-ms", required_argument, NULL, 'm'}, {"quiet", no_argument, NULL, 'q'},
        {"keep", no_argument, NULL, 'p'},          {0},
    };
    struct options o = {.kills = 200,
                        .loops = 3,
                        .scale = 100,
                        .load_ms_max = 600,
                        .seed = (uint64_t)time(NULL) * 1000 + (uint64_t)getpid() % 1000};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 'b': o.broker = optarg; break;
        case 'd': o.dir = optarg; break;
        case 'k': o.kills = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'l': o.loops = (unsigned)strtoul(optarg, NULL, 10); break;
        case 's': o.seed = strtoull(optarg, NULL, 10); break;
        case 'c': o.scale = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'm': o.load_ms_max = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'q': o.is_quiet = true; break;
        case 'p': o.is_kept = true; break;
        default: usage_exit();
        }
    }
    if (!o.broker || optind != argc)
        usage_exit();
    return o;
}
