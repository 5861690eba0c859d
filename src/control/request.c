/* A request's arguments. */
#include "control/control_private.h"

struct slice request_string(const struct request *r, const char *name)
{
    const json_t *value = json_object_get(r->arguments, name);
    return slice_of(json_string_value(value), json_string_length(value));
}

bool request_has(const struct request *r, const char *name)
{
    return json_object_get(r->arguments, name) != NULL;
}

bool request_flag(const struct request *r, const char *name)
{
    return json_is_true(json_object_get(r->arguments, name));
}

bool request_count(struct request *r, const char *name, uint64_t absent, uint64_t *ret)
{
    const json_t *value = json_object_get(r->arguments, name);
    *ret = absent;
    if (!value)
        return true;
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        request_refuse(r, "bad_request", "%s: expected a non-negative integer", name);
        return false;
    }
    *ret = (uint64_t)json_integer_value(value);
    return true;
}
