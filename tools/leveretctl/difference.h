/* What an import of definitions would change. */
#ifndef LEVERETCTL_DIFFERENCE_H
#define LEVERETCTL_DIFFERENCE_H

#include "leveretctl/talk.h"

/* Prints the `kinds` of a dry run for people. */
void difference_print(const json_t *kinds);
/* Prints the difference: the `kinds` of a dry run (docs/definitions.md). In JSON as it is, else for
 * people. */
void difference_say(const struct invocation *i, json_t *kinds);

#endif
