#include "backends/oauth2/oauth2_texts.h"

void oauth2_parts_each(struct slice text, char separator, oauth2_text_visit visit, void *arg)
{
    size_t from = 0;
    for (size_t i = 0; i <= text.n; i++) {
        if (i < text.n && text.p[i] != (uint8_t)separator)
            continue;
        if (i > from)
            visit(arg, slice_of(text.p + from, i - from));
        from = i + 1;
    }
}

struct slice oauth2_text_of(const json_t *json)
{
    return slice_of(json_string_value(json), json_string_length(json));
}

void oauth2_texts_each(const json_t *json, oauth2_text_visit visit, void *arg)
{
    oauth2_parts_each(oauth2_text_of(json), ' ', visit, arg);
    for (size_t i = 0; i < json_array_size(json); i++) {
        if (json_is_string(json_array_get(json, i)))
            visit(arg, oauth2_text_of(json_array_get(json, i)));
    }
}
