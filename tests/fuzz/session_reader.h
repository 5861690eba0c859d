/* Reads what the broker sends to one peer, as a strict client does, and asserts that it is correct:
 * whole frames no larger than negotiated, only methods that a server may send, their content in
 * order. */
#ifndef LEVERET_TESTS_SESSION_READER_H
#define LEVERET_TESTS_SESSION_READER_H

#include "base/buffer.h"
#include "wire/wire.h"

struct session_reader {
    uint32_t frame_bytes_max;
    bool is_closed;   /* close-ok or a protocol header was received: nothing may follow */
    bool was_refused; /* connection.close was received: two closes are answered by two close-ok */
    bool has_opened;  /* open-ok was received */
    uint64_t deliveries;
    /* Of the content that has begun. The broker writes a message's frames together, so no other
     * frame comes between them. */
    uint16_t channel;
    bool awaits_header;
    uint64_t body_left;
    /* Names made by the broker: of the queue declared last, and the reply-to of the last delivery.
     * NUL-terminated. */
    char queue[SHORTSTR_BYTES_MAX + 1];
    char reply_to[SHORTSTR_BYTES_MAX + 1];
};

/* Takes all whole frames off the front of the buffer. */
void session_read(struct session_reader *reader, struct lv_buffer *bytes);

#endif
