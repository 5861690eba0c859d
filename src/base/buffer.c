/* A growable run of bytes. Its memory is doubled when it is used up. */
#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

enum { BUFFER_BYTES_MIN = 64 };

static void buffer_grow(struct lv_buffer *b, size_t n)
{
    lv_assert(b->n <= b->capacity);
    lv_assert(n <= SIZE_MAX / 4);
    lv_assert(b->n <= SIZE_MAX / 4);
    size_t capacity = b->capacity * 2;
    if (capacity < b->n + n)
        capacity = b->n + n;
    if (capacity < BUFFER_BYTES_MIN)
        capacity = BUFFER_BYTES_MIN;
    b->p = lv_realloc(b->p, capacity);
    b->capacity = capacity;
}

uint8_t *lv_buffer_reserve(struct lv_buffer *b, size_t n)
{
    if (b->capacity - b->n < n || !b->p)
        buffer_grow(b, n);
    return b->p + b->n;
}

void lv_buffer_add(struct lv_buffer *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    memcpy(lv_buffer_reserve(b, n), p, n);
    b->n += n;
}

void lv_buffer_add_slice(struct lv_buffer *b, struct slice s)
{
    lv_buffer_add(b, s.p, s.n);
}

void lv_buffer_add_u8(struct lv_buffer *b, uint8_t byte)
{
    *lv_buffer_reserve(b, 1) = byte;
    b->n += 1;
}

void lv_buffer_printf(struct lv_buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(b, format, args);
    va_end(args);
}

void lv_buffer_vprintf(struct lv_buffer *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    lv_buffer_reserve(b, 1);
    size_t room = b->capacity - b->n;
    int written = vsnprintf((char *)b->p + b->n, room, format, args);
    lv_assert(written >= 0);
    size_t n = (size_t)written;
    if (n >= room) {
        lv_buffer_reserve(b, n + 1);
        vsnprintf((char *)b->p + b->n, n + 1, format, again);
    }
    va_end(again);
    b->n += n;
}

void lv_buffer_consume(struct lv_buffer *b, size_t n)
{
    lv_assert(n <= b->n);
    b->n -= n;
    if (b->n > 0 && n > 0)
        memmove(b->p, b->p + n, b->n);
}

void lv_buffer_free(struct lv_buffer *b)
{
    free(b->p);
    *b = (struct lv_buffer){0};
}
