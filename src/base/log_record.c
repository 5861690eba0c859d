/* Notes are stored as a sequence of: the note, the length of its value in two bytes, the value. */
#include "base/log_record.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/log_private.h"

enum { NOTE_HEAD_BYTES = 3 };

static const char *const note_names[] = {
#define NOTE_NAME(name, text) text,
    LOG_NOTES(NOTE_NAME)
#undef NOTE_NAME
};

const char *log_note_name(enum log_note note)
{
    lv_assert(note < LOG_NOTE_COUNT);
    return note_names[note];
}

bool log_record_note(const struct log_record *record, enum log_note note, struct slice *ret)
{
    struct slice rest = record->notes;
    while (rest.n >= NOTE_HEAD_BYTES) {
        size_t n = (size_t)rest.p[1] | (size_t)rest.p[2] << 8;
        lv_assert(rest.n - NOTE_HEAD_BYTES >= n);
        if (rest.p[0] == note) {
            *ret = slice_of(rest.p + NOTE_HEAD_BYTES, n);
            return true;
        }
        rest = slice_of(rest.p + NOTE_HEAD_BYTES + n, rest.n - NOTE_HEAD_BYTES - n);
    }
    return false;
}

size_t log_record_store(const struct log_record *record, char *to)
{
    const struct log_stored head = {
        .us = record->us,
        .text_bytes = (uint32_t)record->text.n,
        .notes_bytes = (uint16_t)record->notes.n,
        .level = (uint8_t)record->level,
        .category = (uint8_t)record->category,
    };
    lv_assert(record->text.n <= LOG_TEXT_BYTES_MAX && record->notes.n <= LOG_NOTES_BYTES_MAX);
    memcpy(to, &head, sizeof head);
    if (record->notes.n > 0)
        memcpy(to + sizeof head, record->notes.p, record->notes.n);
    if (record->text.n > 0)
        memcpy(to + sizeof head + record->notes.n, record->text.p, record->text.n);
    return log_stored_bytes(&head);
}

void log_record_load(const char *bytes, struct log_record *ret)
{
    struct log_stored head;
    memcpy(&head, bytes, sizeof head);
    ret->us = head.us;
    ret->level = (enum log_level)head.level;
    ret->category = (enum log_category)head.category;
    ret->notes = slice_of(bytes + sizeof head, head.notes_bytes);
    ret->text = slice_of(bytes + sizeof head + head.notes_bytes, head.text_bytes);
}

/* --- the notes of a thread's next line -------------------------------------------------------- */

static _Thread_local struct {
    size_t n;
    uint8_t bytes[LOG_NOTES_BYTES_MAX];
} notes;

static void note_remove(enum log_note note)
{
    for (size_t at = 0; at < notes.n;) {
        size_t n =
            NOTE_HEAD_BYTES + ((size_t)notes.bytes[at + 1] | (size_t)notes.bytes[at + 2] << 8);
        if (notes.bytes[at] == note) {
            memmove(notes.bytes + at, notes.bytes + at + n, notes.n - at - n);
            notes.n -= n;
            return;
        }
        at += n;
    }
}

void log_note(enum log_note note, struct slice value)
{
    note_remove(note);
    if (value.n > sizeof notes.bytes - notes.n ||
        value.n + NOTE_HEAD_BYTES > sizeof notes.bytes - notes.n)
        return;
    uint8_t *to = notes.bytes + notes.n;
    to[0] = (uint8_t)note;
    to[1] = (uint8_t)value.n;
    to[2] = (uint8_t)(value.n >> 8);
    if (value.n > 0)
        memcpy(to + NOTE_HEAD_BYTES, value.p, value.n);
    notes.n += NOTE_HEAD_BYTES + value.n;
}

void log_note_number(enum log_note note, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    log_note(note, slice_str(digits));
}

void log_notes_clear(void)
{
    notes.n = 0;
}

struct slice log_notes_now(void)
{
    return slice_of(notes.bytes, notes.n);
}
