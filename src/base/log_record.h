/* A log line before it is formatted: what an output gets. */
#ifndef LEVERET_BASE_LOG_RECORD_H
#define LEVERET_BASE_LOG_RECORD_H

#include "base/log.h"

enum { LOG_NOTES_BYTES_MAX = 1024 };

struct log_record {
    int64_t us; /* when it was logged, since 1970 */
    enum log_level level;
    enum log_category category;
    struct slice text;  /* any bytes: a peer may have chosen them */
    struct slice notes; /* see log_record_note() */
};

/* Finds the value of a note, which may be any bytes. Returns false if the line has no such note. */
bool log_record_note(const struct log_record *record, enum log_note note, struct slice *ret);
/* Returns a note's name in JSON: "connection" ... */
const char *log_note_name(enum log_note note);

/* --- as bytes, for rings ---------------------------------------------------------------------- */

/* A record in a ring: this, then its notes, then its text. */
struct log_stored {
    int64_t us;
    uint32_t text_bytes;
    uint16_t notes_bytes;
    uint8_t level;
    uint8_t category;
};

enum {
    LOG_STORED_BYTES_MAX = sizeof(struct log_stored) + LOG_NOTES_BYTES_MAX + LOG_TEXT_BYTES_MAX
};

static inline size_t log_stored_bytes(const struct log_stored *s)
{
    return sizeof *s + s->notes_bytes + s->text_bytes;
}

/* Writes the record as bytes, at most LOG_STORED_BYTES_MAX; returns how many. */
size_t log_record_store(const struct log_record *record, char *to);
/* Reads a record from its bytes, which it borrows. */
void log_record_load(const char *bytes, struct log_record *ret);

#endif
