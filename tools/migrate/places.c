#include "migrate/places.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Cuts the text at n bytes, before the character that byte n is in. */
static void cut(char *text, size_t n)
{
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    text[n] = '\0';
}

void places_add(struct places *places, const char *format, ...)
{
    char text[PLACE_BYTES_MAX + 1];
    va_list args;
    places->count++;
    if (json_array_size(places->names) >= PLACES_NAMED_MAX)
        return;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0)
        return;
    if ((size_t)n >= sizeof text)
        cut(text, PLACE_BYTES_MAX - 1);
    if (!places->names)
        places->names = json_array();
    json_array_append_new(places->names, json_string(text));
}

void places_add_object(struct places *places, const char *kind, const json_t *object)
{
    places_add(places, "%s '%s' in vhost '%s'", kind, text_of_member(object, "name"),
               text_of_member(object, "vhost"));
}

const char *text_of_member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

json_int_t number_of_member(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

bool member_is(const json_t *object, const char *name, const char *value)
{
    return strcmp(text_of_member(object, name), value) == 0;
}
