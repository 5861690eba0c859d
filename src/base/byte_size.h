/* Sizes in bytes, as people write them. */
#ifndef LEVERET_BASE_BYTE_SIZE_H
#define LEVERET_BASE_BYTE_SIZE_H

#include <stdint.h>

/* Parses a size such as "50MB", "2GiB" or "1048576", in upper or lower case: k, m, g, t, p, kib,
 * mib ... are powers of 1024, kb, mb ... of 1000, as in RabbitMQ. Returns ERR_INVALID if it is not
 * one, or above INT64_MAX, with *ret unchanged. */
int lv_byte_size_parse(const char *text, int64_t *ret);

#endif
