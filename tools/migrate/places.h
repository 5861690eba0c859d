/* Where a rule has found something: how often, and the first few by name. */
#ifndef MIGRATE_PLACES_H
#define MIGRATE_PLACES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { PLACES_NAMED_MAX = 10, PLACE_BYTES_MAX = 400 };

struct places {
    size_t count;
    json_t
        *names; /* a list of texts, at most PLACES_NAMED_MAX; NULL: none yet. The caller owns it */
};

/* Adds a place. A text that is too long is cut. */
void places_add(struct places *places, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Adds "KIND 'NAME' in vhost 'VHOST'" of an object with these two members. */
void places_add_object(struct places *places, const char *kind, const json_t *object);

/* --- foreign JSON ----------------------------------------------------------------------------- */

/* Return the member of this name: "" and 0 if there is none, or of another type. */
const char *text_of_member(const json_t *object, const char *name);
json_int_t number_of_member(const json_t *object, const char *name);
/* Returns whether the member is a text of this value. */
bool member_is(const json_t *object, const char *name, const char *value);

#endif
