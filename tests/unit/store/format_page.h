/* The examples in docs/formats are tested: their bytes are read from the page. */
#ifndef LEVERET_TESTS_STORE_FORMAT_PAGE_H
#define LEVERET_TESTS_STORE_FORMAT_PAGE_H

#include "base/buffer.h"

/* Returns the bytes of the lines "0000  4c 76 ..." of a page ("docs/formats/log.md"), whose offsets
 * must be right. Fails the test if there is no such page. The caller frees the buffer. */
struct lv_buffer format_page_bytes(const char *page);

#endif
