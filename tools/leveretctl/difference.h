/* What an import of definitions would change. */
#ifndef LEVERETCTL_DIFFERENCE_H
#define LEVERETCTL_DIFFERENCE_H

#include "leveretctl/talk.h"

/* Prints the difference: the `kinds` of a dry run (docs/definitions.md). In JSON as it is, else for
 * people. */
void difference_say(const struct invocation *i, json_t *kinds);

#endif
