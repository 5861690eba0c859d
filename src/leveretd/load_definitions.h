/* load_definitions: definitions are imported at every start, before clients can connect. */
#ifndef LEVERET_LEVERETD_LOAD_DEFINITIONS_H
#define LEVERET_LEVERETD_LOAD_DEFINITIONS_H

#include "leveretd/leveretd.h"

/* Imports what the configuration names: a file, or the files of a directory in the order of their
 * names, and what a URL leads to, which is fetched. Returns EXIT_OK, also if it names none, or
 * EXIT_DEFINITIONS after logging every fault; nothing is changed then. Call once the log is open,
 * before the loops start. Blocks. */
int leveretd_load_definitions(struct leveretd *d);

#endif
