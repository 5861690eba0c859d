#include "api/admin.h"

#include <stdlib.h>

#include "topology/vhost.h"

/* --- listings --------------------------------------------------------------------------------- */

void admin_list_everywhere(struct api_call *c, api_list_fn *list, const struct column *fields)
{
    struct listing all = {0};
    struct manage_error error = {0};
    bool is_done = api_list_vhosts_allowed(c, list, &all, &error);
    all.columns = fields;
    api_answer_listing(c, is_done, &all, &error);
}

void admin_keep_named(struct api_call *c, struct listing *l, const char *column, struct slice name)
{
    const struct column *named = column_find(l->columns, slice_str(column));
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct value value = named->value(c->manage, l->rows[i]);
        if (slice_equal(value.string, name))
            l->rows[kept++] = l->rows[i];
        else
            free(l->rows[i]);
    }
    l->count = kept;
}

void admin_answer_one(struct api_call *c, bool is_done, struct listing *l,
                      const struct column *fields, struct manage_error *error)
{
    if (!is_done)
        api_refuse_as(c, error);
    else if (l->count == 0)
        api_refuse_not_found(c);
    else
        api_write_fields(c, fields, l->rows[0]);
    listing_free(l);
}

bool admin_is_there(struct api_call *c, bool is_done, struct listing *l, struct manage_error *error)
{
    bool is_there = is_done && l->count > 0;
    listing_free(l);
    if (!is_done)
        api_refuse_as(c, error);
    else if (!is_there)
        api_refuse_not_found(c);
    return is_there;
}

/* --- what the path names ---------------------------------------------------------------------- */

bool admin_has_vhost_to_change(struct api_call *c)
{
    if (vhost_find(&c->manage->broker->topology, api_part(c, "vhost")))
        return true;
    api_refuse(c, 404, "not_found", "vhost_not_found");
    return false;
}

/* --- bodies ----------------------------------------------------------------------------------- */

char *admin_json(struct api_call *c, const char *name)
{
    const json_t *value = api_member(c, name);
    return value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
}
