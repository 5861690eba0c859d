/* What is in a message of a simulated world: its body follows from its number, so that every byte
 * that comes back can be compared without having been kept. */
#ifndef LEVERET_TESTS_WORLD_BODY_H
#define LEVERET_TESTS_WORLD_BODY_H

#include <stddef.h>
#include <stdint.h>

/* Writes the body of the message with this number, which has so many bytes, into `out`. */
void world_body_write(uint32_t number, uint8_t *out, size_t bytes);

#endif
