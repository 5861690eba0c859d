/* Between message_traces.c, which traces there are, and message_lives.c, which reads them. */
#ifndef LEVERET_MANAGE_MESSAGE_TRACES_PRIVATE_H
#define LEVERET_MANAGE_MESSAGE_TRACES_PRIVATE_H

#include "base/list.h"
#include "manage/message_traces.h"
#include "topology/lives.h"

struct kept_trace {
    struct lv_list link;
    uint64_t id;
    struct life_trace *trace;
    struct slice vhost, user; /* owned */
    uint64_t started_ms;
};

/* A trace that is being read. */
struct open_trace {
    struct life_trace *trace; /* referenced */
    uint64_t started_ms;
    bool shows_payloads; /* the actor may see them */
};

/* Opens a trace for reading, if the actor may; message_trace_close() ends that. Waits for a slot to
 * compute in (compute_slots.h): the records of a trace are up to TRACE_BYTES_MAX. */
bool message_trace_open(struct manage *m, const struct actor *actor, uint64_t id,
                        struct open_trace *ret, struct manage_error *error);
void message_trace_close(struct open_trace *open);

#endif
