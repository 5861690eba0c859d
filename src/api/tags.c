#include "api/tags.h"

static bool add_tag(const json_t *tag, struct lv_buffer *out)
{
    if (!json_is_string(tag))
        return false;
    if (out->n > 0)
        lv_buffer_add_u8(out, ',');
    lv_buffer_add_slice(out, slice_of(json_string_value(tag), json_string_length(tag)));
    return true;
}

static bool add_tags(const json_t *tags, struct lv_buffer *out)
{
    if (!tags || json_is_null(tags))
        return true;
    if (!json_is_array(tags))
        return add_tag(tags, out);
    for (size_t i = 0; i < json_array_size(tags); i++) {
        if (!add_tag(json_array_get(tags, i), out))
            return false;
    }
    return true;
}

bool api_tags(struct api_call *c, struct lv_buffer *out)
{
    if (add_tags(api_member(c, "tags"), out))
        return true;
    api_refuse(c, 400, "bad_request", "tags: expected a string or an array of strings");
    return false;
}
