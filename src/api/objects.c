/* Objects and their fields: which of them are asked for, how they are written, what they are sorted
 * by. */
#include "api/objects.h"

#include <string.h>

#include "base/assert.h"
#include "wire/table.h"
#include "wire/table_json.h"

/* --- which fields ----------------------------------------------------------------------------- */

/* Takes the next word off a list such as "name,message_stats". Returns false at the end. */
static bool list_next(struct slice *list, struct slice *ret)
{
    if (list->n == 0)
        return false;
    const uint8_t *comma = memchr(list->p, ',', list->n);
    size_t n = comma ? (size_t)(comma - list->p) : list->n;
    *ret = slice_of(list->p, n);
    n += comma != NULL;
    *list = slice_of(list->p + n, list->n - n);
    return true;
}

/* Returns whether `path` is `name` or is in the object of this name: "a.b" is in "a". */
static bool is_within(struct slice path, struct slice name)
{
    return path.n >= name.n && memcmp(path.p, name.p, name.n) == 0 &&
           (path.n == name.n || path.p[name.n] == '.');
}

bool api_asks_for(const struct api_call *c, const char *name)
{
    struct slice list = api_query(c, "columns"), word;
    if (list.n == 0)
        return true;
    while (list_next(&list, &word)) {
        if (is_within(slice_str(name), word) || is_within(word, slice_str(name)))
            return true;
    }
    return false;
}

static void choose_fields(struct api_show *show, struct api_call *c, const struct api_kind *kind,
                          bool are_all)
{
    *show = (struct api_show){.call = c, .kind = kind};
    for (const struct column *field = kind->fields; field->name; field++) {
        if (!are_all && !api_asks_for(c, field->name))
            continue;
        lv_assert(show->count < API_FIELDS_MAX);
        show->fields[show->count++] = field;
        show->has_statistics |= kind->find_statistics && field->is_statistic;
    }
}

void api_show_begin(struct api_show *show, struct api_call *c, const struct api_kind *kind)
{
    choose_fields(show, c, kind, false);
}

void api_show_whole(struct api_show *show, struct api_call *c, const struct api_kind *kind)
{
    choose_fields(show, c, kind, true);
}

/* --- the objects that are open while fields are written --------------------------------------- */

/* The beginning of the last field's name. */
struct path {
    const char *name;
    size_t n; /* of the name, up to the last dot: 0, or what is before "." */
};

static size_t directory_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot - name) : 0;
}

/* Returns how many bytes of both paths are the same objects. */
static size_t common_length(const struct path *open, const char *name, size_t n)
{
    size_t common = 0;
    for (size_t i = 0; i <= open->n && i <= n; i++) {
        bool ends_open = i == open->n || open->name[i] == '.';
        bool ends_new = i == n || name[i] == '.';
        if (ends_open && ends_new)
            common = i;
        if (i == open->n || i == n || open->name[i] != name[i])
            break;
    }
    return common;
}

static void close_objects(struct json_writer *w, const char *name, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (i == from || name[i] == '.')
            json_write_end(w, '}');
    }
}

static void open_objects(struct json_writer *w, const char *name, size_t from, size_t to)
{
    for (size_t begin = from + (from > 0); begin < to;) {
        size_t n = strcspn(name + begin, ".");
        json_write_key_n(w, name + begin, n);
        json_write_begin(w, '{');
        begin += n + 1;
    }
}

static void path_move(struct json_writer *w, struct path *open, const char *name)
{
    size_t n = directory_length(name);
    size_t common = common_length(open, name, n);
    close_objects(w, open->name, common, open->n);
    open_objects(w, name, common, n);
    *open = (struct path){name, n};
}

/* --- members of values ------------------------------------------------------------------------ */

static bool is_table(const struct value *value)
{
    return value->type == VALUE_TABLE || value->type == VALUE_ARGUMENTS;
}

static struct slice table_of(const struct value *value)
{
    return value->type == VALUE_ARGUMENTS ? value->arguments.table : value->string;
}

/* Writes the members of a table that are asked for: "arguments.x-max-length". */
static void write_members(struct api_call *c, struct slice table, const char *name)
{
    struct slice list = api_query(c, "columns"), word;
    size_t n = strlen(name) + 1;
    json_write_begin(&c->json, '{');
    while (list_next(&list, &word)) {
        struct field f;
        if (word.n <= n || !is_within(word, slice_str(name)))
            continue;
        struct slice member = slice_of(word.p + n, word.n - n);
        if (!table_find_slice(table, member, &f))
            continue;
        if (c->json.needs_comma)
            lv_buffer_add_u8(c->json.out, ',');
        json_append_string(c->json.out, member);
        lv_buffer_add_u8(c->json.out, ':');
        c->json.needs_comma = false;
        json_write_tree(&c->json, field_to_json(&f));
    }
    json_write_end(&c->json, '}');
}

/* Returns whether only members of the field are asked for. As in RabbitMQ they are selected in
 * pages alone; else the whole table is shown. */
static bool asks_for_members(const struct api_call *c, const char *name)
{
    struct slice list = api_query(c, "columns"), ignored;
    if (list.n == 0 || !http_query(c->http, "page", 0, &ignored))
        return false;
    for (struct slice word; list_next(&list, &word);) {
        if (slice_is(word, name))
            return false;
    }
    return true;
}

static struct value value_of_field(const struct field *f)
{
    if (field_is_integer(f))
        return VALUE_OF_INTEGER(f->i);
    switch (f->type) {
    case FIELD_LONGSTR:
    case FIELD_BINARY: return VALUE_OF_STRING(f->bytes);
    case FIELD_BOOL: return VALUE_OF_BOOL(f->b);
    case FIELD_DOUBLE:
    case FIELD_FLOAT: return VALUE_OF_REAL(f->f);
    default: return VALUE_OF_NOTHING();
    }
}

/* Returns a member of a value, to sort by: "rate" of a statistic, "x-max-length" of arguments. */
static struct value member_of(const struct value *value, struct slice member)
{
    struct field f;
    if (is_table(value) && table_find_slice(table_of(value), member, &f))
        return value_of_field(&f);
    if (value->type == VALUE_DETAILS && slice_is(member, "rate"))
        return VALUE_OF_REAL(value->details.answer->of[value->details.statistic].rate);
    return VALUE_OF_NOTHING();
}

bool api_sort_key_find(const struct column *fields, struct slice path, struct api_sort_key *ret)
{
    for (const struct column *field = fields; field->name; field++) {
        struct slice name = slice_str(field->name);
        if (!is_within(path, name))
            continue;
        size_t n = name.n + (path.n > name.n);
        *ret = (struct api_sort_key){field, slice_of(path.p + n, path.n - n)};
        return true;
    }
    return false;
}

struct value api_sort_key_value(const struct api_sort_key *key, const struct manage *m,
                                const void *facts)
{
    struct value value = key->field->value(m, facts);
    if (key->member.n > 0)
        value = member_of(&value, key->member);
    return value.type == VALUE_ABSENT ? VALUE_OF_NOTHING() : value;
}

/* --- statistics ------------------------------------------------------------------------------- */

/* Where the facts keep their statistics. */
static const struct statistics_answer **statistics_at(const struct api_kind *kind, void *facts)
{
    return (const struct statistics_answer **)(void *)((char *)facts + kind->statistics_at);
}

void api_statistics_begin(const struct api_call *c, const struct api_kind *kind, void *facts,
                          struct statistics_answer *answer)
{
    *answer = (struct statistics_answer){.space = NULL};
    if (!api_query_flag(c, "disable_stats") && kind->find_statistics(c, facts, answer))
        *statistics_at(kind, facts) = answer;
}

void api_statistics_end(const struct api_kind *kind, void *facts, struct statistics_answer *answer)
{
    *statistics_at(kind, facts) = NULL;
    statistics_answer_free(answer);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_field(struct api_call *c, struct path *open, const struct column *field,
                        const void *facts)
{
    struct value value = field->value(c->manage, facts);
    if (value.type == VALUE_ABSENT)
        return;
    path_move(&c->json, open, field->name);
    if (value.type == VALUE_OBJECT)
        return; /* the path has opened it */
    json_write_key(&c->json, field->name + open->n + (open->n > 0));
    if (is_table(&value) && asks_for_members(c, field->name))
        write_members(c, table_of(&value), field->name);
    else
        api_write_value(c, &value);
}

static void write_fields(const struct api_show *show, const void *facts)
{
    struct path open = {"", 0};
    for (size_t i = 0; i < show->count; i++)
        write_field(show->call, &open, show->fields[i], facts);
    path_move(&show->call->json, &open, "");
}

void api_show_fields(const struct api_show *show, void *facts)
{
    struct statistics_answer answer;
    if (show->has_statistics)
        api_statistics_begin(show->call, show->kind, facts, &answer);
    write_fields(show, facts);
    if (show->has_statistics)
        api_statistics_end(show->kind, facts, &answer);
}

void api_show(const struct api_show *show, void *facts)
{
    json_write_begin(&show->call->json, '{');
    api_show_fields(show, facts);
    json_write_end(&show->call->json, '}');
}

void api_write_fields(struct api_call *c, const struct column *fields, const void *facts)
{
    const struct api_kind kind = {.fields = fields};
    struct api_show show;
    api_show_begin(&show, c, &kind);
    json_write_begin(&c->json, '{');
    write_fields(&show, facts);
    json_write_end(&c->json, '}');
}

void api_write_rows(struct api_call *c, const char *key, const struct column *fields,
                    const struct listing *l)
{
    json_write_key(&c->json, key);
    json_write_begin(&c->json, '[');
    for (size_t i = 0; i < l->count && api_flush(c); i++)
        api_write_fields(c, fields, l->rows[i]);
    json_write_end(&c->json, ']');
}
