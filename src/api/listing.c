/* Objects by their fields, and listings of them: filtered, sorted, paged. */
#include <stdlib.h>
#include <string.h>

#include "api/api_private.h"
#include "base/pattern.h"
#include "manage/compute_slots.h"

/* --- fields ----------------------------------------------------------------------------------- */

/* Whether this name is in a list such as "name,message_stats": itself, or an object it is in. */
static bool list_has(struct slice list, const char *name)
{
    size_t n = strlen(name), begin = 0;
    for (size_t i = 0; i <= list.n; i++) {
        if (i < list.n && list.p[i] != ',')
            continue;
        size_t one = i - begin;
        if (one <= n && memcmp(list.p + begin, name, one) == 0 &&
            (name[one] == '\0' || name[one] == '.'))
            return true;
        begin = i + 1;
    }
    return false;
}

/* The objects that are open while fields are written: the beginning of the last field's name. */
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
    api_write_value(c, &value);
}

void api_write_fields(struct api_call *c, const struct column *fields, const void *facts)
{
    struct slice chosen = api_query(c, "columns");
    struct path open = {"", 0};
    json_write_begin(&c->json, '{');
    for (const struct column *field = fields; field->name; field++) {
        if (chosen.n == 0 || list_has(chosen, field->name))
            write_field(c, &open, field, facts);
    }
    path_move(&c->json, &open, "");
    json_write_end(&c->json, '}');
}

/* --- filter and order ------------------------------------------------------------------------- */

/* Keeps the rows whose name matches the parameter `name`. Returns false after refusing. */
static bool filter_names(struct api_call *c, struct listing *l)
{
    struct slice name = api_query(c, "name");
    const struct column *column = column_find(l->columns, slice_str("name"));
    if (name.n == 0 || !column)
        return true;
    if (!api_query_flag(c, "use_regex")) {
        listing_keep_matching(l, c->manage, column, name);
        return true;
    }
    struct pattern *pattern = NULL;
    if (pattern_compile(name, &pattern, NULL) < 0) {
        api_refuse(c, 400, "bad_request", "name: not a regular expression");
        return false;
    }
    listing_keep_pattern(l, c->manage, column, pattern);
    pattern_free(&pattern);
    return true;
}

static void sort_rows(struct api_call *c, struct listing *l)
{
    const struct column *column = column_find(l->columns, api_query(c, "sort"));
    if (column)
        listing_sort(l, c->manage, column, api_query_flag(c, "sort_reverse"));
    else if (api_query_flag(c, "sort_reverse"))
        listing_reverse(l);
}

/* --- pages ------------------------------------------------------------------------------------ */

enum { PAGE_SIZE_DEFAULT = 100, PAGE_SIZE_MAX = 500 };

struct page {
    uint64_t page, size;
};

static bool read_number(struct api_call *c, const char *name, uint64_t absent, uint64_t max,
                        uint64_t *ret)
{
    struct slice text;
    *ret = absent;
    if (!http_query(c->http, name, 0, &text))
        return true;
    char *end;
    *ret = strtoull((const char *)text.p, &end, 10);
    if (text.n > 0 && *end == '\0' && *ret >= 1 && *ret <= max && text.p[0] != '-')
        return true;
    api_refuse(c, 400, "bad_request", "%s: expected a number from 1 to %llu, got '%.*s'", name,
               (unsigned long long)max, SLICE_ARG(text));
    return false;
}

static void write_number(struct json_writer *w, const char *key, uint64_t n)
{
    json_write_key(w, key);
    json_write_u64(w, n);
}

static void write_rows(struct api_call *c, const struct listing *l, size_t first, size_t count)
{
    json_write_begin(&c->json, '[');
    for (size_t i = first; i < l->count && i - first < count && api_flush(c); i++)
        api_write_fields(c, l->columns, l->rows[i]);
    json_write_end(&c->json, ']');
}

static void write_page(struct api_call *c, const struct listing *l, const struct page *p,
                       size_t total)
{
    struct json_writer *w = &c->json;
    uint64_t pages = l->count == 0 ? 1 : (l->count + p->size - 1) / p->size;
    size_t first = (size_t)((p->page - 1) * p->size);
    if (p->page > pages) {
        api_refuse(c, 400, "page_out_of_range", "page out of range, page: %llu",
                   (unsigned long long)p->page);
        return;
    }
    json_write_begin(w, '{');
    write_number(w, "filtered_count", l->count);
    write_number(w, "item_count", l->count - first < p->size ? l->count - first : p->size);
    json_write_key(w, "items");
    write_rows(c, l, first, (size_t)p->size);
    write_number(w, "page", p->page);
    write_number(w, "page_count", pages);
    write_number(w, "page_size", p->size);
    write_number(w, "total_count", total);
    json_write_end(w, '}');
}

static void answer_rows(struct api_call *c, struct listing *l)
{
    struct page p;
    struct slice ignored;
    size_t total = l->count;
    bool is_paged = http_query(c->http, "page", 0, &ignored);
    if (!read_number(c, "page", 1, UINT32_MAX, &p.page) ||
        !read_number(c, "page_size", PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, &p.size) ||
        !filter_names(c, l))
        return;
    sort_rows(c, l);
    if (is_paged)
        write_page(c, l, &p, total);
    else
        write_rows(c, l, 0, l->count);
}

void api_answer_listing(struct api_call *c, bool is_done, struct listing *l,
                        struct manage_error *error)
{
    compute_slot_take();
    if (is_done)
        answer_rows(c, l);
    else
        api_refuse_as(c, error);
    listing_free(l);
}
