/* Texts in claims: a list of them, or one text of several words. Pure. */
#ifndef LEVERET_BACKENDS_OAUTH2_TEXTS_H
#define LEVERET_BACKENDS_OAUTH2_TEXTS_H

#include <jansson.h>

#include "base/slice.h"

typedef void (*oauth2_text_visit)(void *arg, struct slice text);

/* Calls `visit` for each part of the text between separators; empty parts are left out. */
void oauth2_parts_each(struct slice text, char separator, oauth2_text_visit visit, void *arg);

/* Calls `visit` for each text of a JSON array, or for each word of a JSON string. Other values, and
 * NULL, have no texts. */
void oauth2_texts_each(const json_t *json, oauth2_text_visit visit, void *arg);

/* Returns the text of a JSON string, borrowed from it; empty if it is none. */
struct slice oauth2_text_of(const json_t *json);

#endif
