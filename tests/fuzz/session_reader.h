/* Reads what the broker sends to one peer, as a strict client would, and asserts that it is right:
 * whole frames no larger than agreed, methods a server may send, with their content in order. */
#ifndef LEVERET_TESTS_SESSION_READER_H
#define LEVERET_TESTS_SESSION_READER_H

#include "base/buffer.h"
#include "wire/wire.h"

struct session_reader {
    uint32_t frame_bytes_max;
    bool is_closed;  /* close-ok has come, or a protocol header: nothing may follow */
    bool has_opened; /* open-ok has come */
    uint64_t deliveries;
    /* Of the content that has begun. We write a message's frames in one go, so that no other frame
     * stands between them. */
    uint16_t channel;
    bool awaits_header;
    uint64_t body_left;
    /* Names that only the broker knows: of the queue declared last, where the last delivery wants
     * its answer. NUL-terminated. */
    char queue[SHORTSTR_BYTES_MAX + 1];
    char reply_to[SHORTSTR_BYTES_MAX + 1];
};

/* Takes every whole frame off the front of the buffer. */
void session_read(struct session_reader *reader, struct lv_buffer *bytes);

#endif
