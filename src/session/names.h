/* Generated names: amq.gen-... for queues, amq.ctag-... for consumers. */
#ifndef LEVERET_SESSION_NAMES_H
#define LEVERET_SESSION_NAMES_H

#include <stddef.h>

#include "base/slice.h"

enum { RANDOM_NAME_BYTES = 22, GENERATED_NAME_MAX = 64 };

/* Writes the prefix and 22 characters of base64url (128 random bits) into `name`, and returns what
 * it has written. Call on any thread. Not for secrets that must outlive the process. */
struct slice name_generate(const char *prefix, char name[GENERATED_NAME_MAX]);

#endif
