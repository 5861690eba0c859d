/* Answers: the rows of listings, in the columns that the request names; the end of a listing or a
 * change. */
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "control/control_private.h"
#include "manage/compute_slots.h"

/* --- columns ---------------------------------------------------------------------------------- */

static const struct column *column_find_json(const struct column *all, const json_t *name)
{
    const char *s = json_string_value(name);
    return s ? column_find(all, slice_of(s, json_string_length(name))) : NULL;
}

/* Refuses, naming all unknown columns. */
static void columns_refuse(struct request *r, const struct column *all, const json_t *names)
{
    struct lv_buffer text = {0};
    json_t *name;
    size_t i;
    json_array_foreach(names, i, name)
    {
        const char *s = json_string_value(name);
        if (!column_find_json(all, name))
            lv_buffer_printf(&text, "%s%s", text.n ? "," : "", s ? s : "?");
    }
    request_refuse(r, "unknown_columns", "%.*s", SLICE_ARG(lv_buffer_slice(&text)));
    lv_buffer_free(&text);
}

bool columns_choose(struct request *r, const struct column *all, struct columns *ret)
{
    const json_t *names = json_object_get(r->arguments, "columns");
    size_t count = json_array_size(names);
    if (count == 0 || count > COLUMNS_MAX) {
        request_refuse(r, "bad_request", "columns: expected 1 to %d names", COLUMNS_MAX);
        return false;
    }
    ret->count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct column *column = column_find_json(all, json_array_get(names, i));
        if (!column) {
            columns_refuse(r, all, names);
            return false;
        }
        ret->chosen[ret->count++] = column;
    }
    compute_slot_take();
    return true;
}

void columns_named(const struct column *all, const char *names, struct columns *ret)
{
    ret->count = 0;
    while (*names) {
        size_t n = strcspn(names, " ");
        const struct column *column = column_find(all, slice_of(names, n));
        lv_assert(column && ret->count < COLUMNS_MAX);
        ret->chosen[ret->count++] = column;
        names += n + (names[n] == ' ');
    }
}

bool columns_have(const struct columns *columns, const char *name)
{
    for (size_t i = 0; i < columns->count; i++)
        if (strcmp(columns->chosen[i]->name, name) == 0)
            return true;
    return false;
}

void columns_row(struct request *r, const struct columns *columns, const void *facts)
{
    json_t *line = json_array();
    lv_assert(columns->count > 0 && columns->count <= COLUMNS_MAX);
    for (size_t i = 0; i < columns->count; i++) {
        const struct value value = columns->chosen[i]->value(r->manage, facts);
        json_array_append_new(line, json_of_value(r->manage, &value));
    }
    request_row(r, line);
}

/* --- how it ended ----------------------------------------------------------------------------- */

/* The protocol's names for refusals. */
static const struct {
    enum refusal refusal;
    enum subject subject;
    const char *name;
} error_names[] = {
    {REFUSAL_NOT_FOUND, SUBJECT_VHOST, "no_such_vhost"},
    {REFUSAL_NOT_FOUND, SUBJECT_QUEUE, "no_such_queue"},
    {REFUSAL_NOT_FOUND, SUBJECT_EXCHANGE, "no_such_exchange"},
    {REFUSAL_NOT_FOUND, SUBJECT_USER, "no_such_user"},
    {REFUSAL_NOT_FOUND, SUBJECT_PARAMETER, "no_such_parameter"},
    {REFUSAL_NOT_FOUND, SUBJECT_NONE, "no_such_job"},
    {REFUSAL_EXISTS, SUBJECT_USER, "user_exists"},
    {REFUSAL_ACCESS, SUBJECT_USER, "login_refused"},
    {REFUSAL_IN_USE, SUBJECT_QUEUE, "queue_in_use"},
    {REFUSAL_NOT_EMPTY, SUBJECT_QUEUE, "queue_not_empty"},
    {REFUSAL_BUSY, SUBJECT_QUEUE, "retry_under_way"},
    {REFUSAL_MALFORMED, SUBJECT_PARAMETER, "invalid_json"},
    {REFUSAL_MALFORMED, SUBJECT_LIMITS, "invalid_json"},
    {REFUSAL_PRECONDITION, SUBJECT_PARAMETER, "validation_failed"},
    {REFUSAL_PRECONDITION, SUBJECT_LIMITS, "invalid_limits"},
    {REFUSAL_PRECONDITION, SUBJECT_PATTERN, "invalid_pattern"},
    {REFUSAL_PRECONDITION, SUBJECT_QUEUE_TYPE, "invalid_queue_type"},
    {REFUSAL_PRECONDITION, SUBJECT_VHOST, "vhost_is_protected"},
    {REFUSAL_PRECONDITION, SUBJECT_EXCHANGE, "not_delayed"},
    {REFUSAL_RESERVED, SUBJECT_POLICY, "use_set_policy"},
    {REFUSAL_MALFORMED, SUBJECT_DEFINITIONS, "invalid_json"},
    {REFUSAL_PRECONDITION, SUBJECT_DEFINITIONS, "invalid_definitions"},
};

static const char *error_name(const struct manage_error *error)
{
    lv_assert(error->refusal != REFUSAL_NONE);
    if (error->error < 0)
        return lv_error_name(error->error);
    for (size_t i = 0; i < sizeof error_names / sizeof error_names[0]; i++)
        if (error_names[i].refusal == error->refusal && error_names[i].subject == error->subject)
            return error_names[i].name;
    return "refused";
}

static void request_refuse_as(struct request *r, struct manage_error *error)
{
    request_refuse(r, error_name(error), "%.*s", SLICE_ARG(lv_buffer_slice(&error->text)));
    manage_error_free(error);
}

void request_end(struct request *r, bool is_done, struct manage_error *error)
{
    request_end_with(r, is_done, NULL, error);
}

void request_end_with(struct request *r, bool is_done, json_t *more, struct manage_error *error)
{
    if (is_done) {
        request_done(r, more);
        return;
    }
    json_decref(more);
    request_refuse_as(r, error);
}

void request_listing(struct request *r, bool is_done, const struct columns *columns,
                     struct listing *listing, struct manage_error *error)
{
    for (size_t i = 0; is_done && i < listing->count && !request_is_cut(r); i++)
        columns_row(r, columns, listing->rows[i]);
    listing_free(listing);
    request_end(r, is_done, error);
}
