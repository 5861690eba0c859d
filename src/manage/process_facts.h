/* What the kernel tells about this process. Any thread; reads files of /proc. What cannot be read
 * is 0. */
#ifndef LEVERET_MANAGE_PROCESS_FACTS_H
#define LEVERET_MANAGE_PROCESS_FACTS_H

#include <stdint.h>

#include "base/slice.h"

struct process_facts {
    uint64_t files_used, files_max; /* open descriptors, sockets among them */
    uint64_t sockets_used;
    uint64_t threads, threads_max;
    uint64_t context_switches;
    uint64_t disk_read_bytes, disk_written_bytes; /* since the start, by the process's own calls */
    uint64_t private_bytes; /* resident: memory that was allocated, and stacks */
    uint64_t mapped_bytes;  /* resident: the program, its libraries and other files */
};

/* Takes about a microsecond for each open descriptor. */
void process_facts_read(struct process_facts *ret);

/* Returns the number after "NAME:" at the beginning of a line of /proc/self/status ("RssAnon"), or
 * 0 if there is none. Pure. */
uint64_t status_number(struct slice text, const char *name);

#endif
