/* What the process's memory is used for, under RabbitMQ's names. Leveret knows less of it than an
 * Erlang node does: what it does not know is in `other_proc`. */
#ifndef LEVERET_MANAGE_NODE_MEMORY_H
#define LEVERET_MANAGE_NODE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "manage/manage.h"

/* P(RabbitMQ's name, what it is), in bytes. */
#define NODE_MEMORY_PARTS(P)                                                                       \
    P(connection_writers, "output that clients have not read yet")                                 \
    P(queue_procs, "classic queues and their messages in memory")                                  \
    P(quorum_queue_procs, "quorum queues and their messages in memory")                            \
    P(code, "the program, its libraries and other mapped files")                                   \
    P(allocated_unused, "freed, but between bytes in use")                                         \
    P(other_proc, "everything else: connections, definitions, caches, stacks")

struct node_memory {
#define NODE_MEMORY_MEMBER(name, help) uint64_t name;
    NODE_MEMORY_PARTS(NODE_MEMORY_MEMBER)
#undef NODE_MEMORY_MEMBER
    uint64_t resident; /* their sum; a message in several queues is counted in each, so the sum of
                          what is known may be larger: then other_proc is 0 */
};

struct node_memory_part {
    const char *name;
    size_t offset; /* in struct node_memory */
};
extern const struct node_memory_part node_memory_parts[];
extern const size_t node_memory_part_count;

static inline uint64_t node_memory_of(const struct node_memory *memory,
                                      const struct node_memory_part *part)
{
    return *(const uint64_t *)(const void *)((const char *)memory + part->offset);
}

/* Asks all queues and connections what they use. Waits for loops; for thread and RCU see ask.h. */
bool node_memory_gather(struct manage *m, struct node_memory *ret, struct manage_error *error);

#endif
