/* A growable run of bytes. Zero-initialised is a valid, empty buffer. */
#ifndef LEVERET_BASE_BUFFER_H
#define LEVERET_BASE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct lv_buffer {
    uint8_t *p;
    size_t n;
    size_t capacity;
};

/* Makes room for n more bytes and returns where they belong; the length is unchanged. The pointer
 * is good until the buffer next grows. */
uint8_t *lv_buffer_reserve(struct lv_buffer *b, size_t n);

/* Append bytes (which must not be the buffer's own), a slice, a byte, or what printf writes.
 * printf's NUL is written behind the text and is not counted in n. */
void lv_buffer_add(struct lv_buffer *b, const void *p, size_t n);
void lv_buffer_add_slice(struct lv_buffer *b, struct slice s);
void lv_buffer_add_u8(struct lv_buffer *b, uint8_t byte);
void lv_buffer_printf(struct lv_buffer *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void lv_buffer_vprintf(struct lv_buffer *b, const char *format, va_list args);

/* Drops the first n bytes, n being at most the length, and moves the rest to the front. */
void lv_buffer_consume(struct lv_buffer *b, size_t n);

/* Frees the memory; the buffer is then empty and usable. */
void lv_buffer_free(struct lv_buffer *b);

static inline struct slice lv_buffer_slice(const struct lv_buffer *b)
{
    return slice_of(b->p, b->n);
}

#endif
