/* How much memory the machine has, and how much of it the process uses, from the files of the
 * kernel. The parsers are pure. */
#ifndef LEVERET_LEVERETD_MACHINE_MEMORY_H
#define LEVERET_LEVERETD_MACHINE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Returns the bytes of memory for the process: the machine's, or the limit of its control group or
 * of a group around it if that is less. Any thread; reads files. */
uint64_t machine_memory_bytes(void);

/* Returns the resident bytes of this process in *ret. False if /proc/self/statm cannot be read. Any
 * thread; reads a file. */
bool machine_memory_resident(uint64_t *ret);

/* Parses the resident bytes from the text of /proc/self/statm. Returns false if it is malformed. */
bool statm_parse(struct slice text, uint64_t page_bytes, uint64_t *ret);

/* Parses the bytes from the limit file of a control group. Returns false if there is no limit
 * ("max" in version 2, a huge number in version 1) or the text is not a number. */
bool cgroup_parse_limit(struct slice text, uint64_t *ret);

/* Finds the path of this process's control group for memory in the text of /proc/self/cgroup: the
 * one of the memory controller of version 1 if there is one (*ret_is_v1), else the one of
 * version 2. Returns false if there is neither. *ret borrows from the text. */
bool cgroup_parse_path(struct slice text, struct slice *ret, bool *ret_is_v1);

#endif
