/* Settings from the command line and the environment, from one table.
 *
 * A program lists its settings once; that list reads the arguments, looks into the environment
 * and prints --help. What the command line says wins over the environment, which wins over what
 * the program had put into the target. */
#ifndef ORDER_FLAGS_H
#define ORDER_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

/* One setting. Exactly one of `text` and `number` is set. */
struct flag {
    const char *name;        /* "--port" */
    const char *environment; /* "SHOP_PORT", or NULL when there is none */
    const char *help;        /* a line for --help, with the unit and the bounds */
    const char **text;       /* borrows the argument's bytes: they live as long as the process */
    int *number;
    int number_min;
    int number_max;
    bool is_secret; /* --help does not show what it is now */
};

/* Fills the targets of `count` flags. Answers --help on stdout, a mistake on stderr, and in both
 * cases ends the process (0, or 2): called first thing in main(), before anything is owned. */
void flags_read(const struct flag *flags, size_t count, const char *about, int argc, char **argv);

#endif
