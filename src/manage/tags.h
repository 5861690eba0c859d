/* Tags of users and vhosts as operators write them. */
#ifndef LEVERET_MANAGE_TAGS_H
#define LEVERET_MANAGE_TAGS_H

#include "base/buffer.h"
#include "base/slice.h"

/* Appends the words between the commas without spaces around them: "a,b" for " a , b,". Returns
 * what has been appended to the buffer so far, borrowed from it. */
struct slice tags_tidy(struct slice tags, struct lv_buffer *out);

#endif
