/* Base64 (RFC 4648, with padding), for payloads and credentials. */
#ifndef LEVERET_API_BASE64_H
#define LEVERET_API_BASE64_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/json_write.h"

/* Appends what the text stands for. Returns false, with nothing appended, if it is malformed. */
bool base64_decode(struct slice text, struct lv_buffer *out);
/* Writes bytes as a string of base64. */
void base64_write(struct json_writer *w, struct slice bytes);

#endif
