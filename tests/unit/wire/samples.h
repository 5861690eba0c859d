/* Shared by the tests of wire/: repeatable random values, and bytes in memory of exactly their
 * size, so that AddressSanitizer finds a read beyond their end. */
#ifndef LEVERET_TESTS_WIRE_SAMPLES_H
#define LEVERET_TESTS_WIRE_SAMPLES_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "wire/table.h"

/* Return the next number of a fixed sequence, and one below n. */
uint64_t sample_u64(void);
size_t sample_below(size_t n);

/* n random ASCII letters, UTF-8 or any bytes. The caller frees .p as with exactly(). */
struct slice sample_text(size_t n);
struct slice sample_bytes(size_t n);

/* A random valid table, nested no deeper than depth. */
struct slice sample_table(size_t depth);

/* A random value of this type. What it borrows is freed by sample_release(). */
struct field sample_value(uint8_t type, size_t depth);
void sample_release(struct field *f);

/* Every letter of a field type, and how many there are. */
extern const char field_letters[];

/* Returns a copy in memory of exactly that size; the caller frees it with exactly_free(). */
struct slice exactly(const void *p, size_t n);
void exactly_free(struct slice s);

/* Asserts that the buffer holds this text, and empties it. */
void assert_text(struct lv_buffer *b, const char *expected);

#endif
