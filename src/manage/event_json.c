/* JSON in events: parsed, and encoded as tables. */
#include "manage/event_json.h"

#include <jansson.h>

#include "wire/table_json.h"

struct slice table_of_json_value(struct lv_buffer *out, const char *name, struct slice text)
{
    json_t *value = json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY, NULL);
    json_t *object = json_object();
    if (value)
        json_object_set_new(object, name, value);
    table_from_json(out, object);
    json_decref(object);
    return lv_buffer_slice(out);
}

struct slice table_of_json_members(struct lv_buffer *out, struct slice text)
{
    json_t *object = json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY, NULL);
    if (object)
        table_from_json(out, object);
    json_decref(object);
    return lv_buffer_slice(out);
}
