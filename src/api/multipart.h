/* Forms as browsers send them: multipart/form-data (RFC 7578). Pure. */
#ifndef LEVERET_API_MULTIPART_H
#define LEVERET_API_MULTIPART_H

#include <stdbool.h>

#include "base/slice.h"

/* Returns whether a content type is multipart/form-data. */
bool multipart_is(struct slice content_type);

/* Finds the content of the first part of this name; *ret borrows from the body. Returns false if
 * there is none, or if the body is not such a form. */
bool multipart_find(struct slice content_type, struct slice body, const char *name,
                    struct slice *ret);

#endif
