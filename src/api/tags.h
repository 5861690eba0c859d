/* Tags in bodies: "a,b" or ["a", "b"]. */
#ifndef LEVERET_API_TAGS_H
#define LEVERET_API_TAGS_H

#include "api/api_private.h"

/* Appends the member `tags` of the body as words between commas; nothing if it is absent or null.
 * Returns false after refusing what is neither a string nor an array of strings. */
bool api_tags(struct api_call *c, struct lv_buffer *out);

#endif
