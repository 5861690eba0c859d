/* Pages of listings. */
#include "api/pages.h"

#include <ctype.h>
#include <stdlib.h>

enum { PAGE_SIZE_DEFAULT = 100, PAGE_SIZE_MAX = 500 };

/* --- what is asked for ------------------------------------------------------------------------ */

/* Reads a number. Returns false if the parameter is there and is not one. */
static bool read_integer(const struct api_call *c, const char *name, int64_t absent, int64_t *ret)
{
    struct slice text;
    char *end;
    *ret = absent;
    if (!http_query(c->http, name, 0, &text))
        return true;
    *ret = strtoll((const char *)text.p, &end, 10);
    return text.n > 0 && (const uint8_t *)end == text.p + text.n;
}

static bool refuse_parameters(struct api_call *c)
{
    api_refuse(c, 400, "bad_request", "Pagination parameters are invalid");
    return false;
}

static bool refuse_numbers(struct api_call *c, const struct api_page *page)
{
    struct slice ignored;
    struct lv_buffer size = {0};
    if (http_query(c->http, "page_size", 0, &ignored))
        lv_buffer_printf(&size, "%lld", (long long)page->size);
    else
        lv_buffer_printf(&size, "undefined");
    api_refuse(c, 400, "invalid_pagination_parameters",
               "Invalid pagination parameters: page number %lld, page size %.*s",
               (long long)page->number, (int)size.n, (const char *)size.p);
    lv_buffer_free(&size);
    return false;
}

bool api_page_read(struct api_call *c, struct api_page *ret)
{
    struct slice ignored;
    *ret = (struct api_page){.is_asked_for = false};
    if (!c->route->is_paged || !http_query(c->http, "page", 0, &ignored))
        return true;
    ret->is_asked_for = true;
    ret->name = api_query(c, "name");
    if (!read_integer(c, "page", 1, &ret->number) ||
        !read_integer(c, "page_size", PAGE_SIZE_DEFAULT, &ret->size))
        return refuse_parameters(c);
    if (ret->number < 1 || ret->number > INT32_MAX || ret->size < 1 || ret->size > PAGE_SIZE_MAX)
        return refuse_numbers(c, ret);
    if (api_query_flag(c, "use_regex") && ret->name.n > 0 &&
        pattern_compile(ret->name, &ret->pattern, NULL) < 0)
        return refuse_parameters(c);
    return true;
}

void api_page_free(struct api_page *page)
{
    if (page->pattern)
        pattern_free(&page->pattern);
}

static bool begins_with(struct slice s, struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (tolower(s.p[i]) != tolower(text.p[i]))
            return false;
    }
    return true;
}

bool api_page_matches(void *arg, struct slice name)
{
    const struct api_page *page = arg;
    if (page->pattern)
        return pattern_matches(page->pattern, name);
    for (size_t i = 0; i + page->name.n <= name.n; i++) {
        if (begins_with(slice_of(name.p + i, name.n - i), page->name))
            return true;
    }
    return false;
}

size_t api_page_first(const struct api_page *page)
{
    return (size_t)((page->number - 1) * page->size);
}

/* --- the answer ------------------------------------------------------------------------------- */

void api_rows_write(const struct api_show *show, const struct listing *l, size_t first,
                    size_t count)
{
    json_write_begin(&show->call->json, '[');
    for (size_t i = first; i < l->count && i - first < count && api_flush(show->call); i++)
        api_show(show, l->rows[i]);
    json_write_end(&show->call->json, ']');
}

static void write_number(struct json_writer *w, const char *key, size_t n)
{
    json_write_key(w, key);
    json_write_u64(w, n);
}

void api_page_write(const struct api_show *show, const struct api_page *page,
                    const struct api_counts *counts, const struct listing *l, size_t first)
{
    struct json_writer *w = &show->call->json;
    size_t size = (size_t)page->size, number = (size_t)page->number;
    size_t pages = (counts->matching + size - 1) / size;
    /* As in RabbitMQ, what follows a last page that is full is an empty page. */
    if (api_page_first(page) > counts->matching) {
        api_refuse(show->call, 400, "page_out_of_range",
                   "Page out of range, page: %zu page size: %zu, len: %zu", number, size,
                   counts->matching);
        return;
    }
    size_t count = l->count - first < size ? l->count - first : size;
    json_write_begin(w, '{');
    write_number(w, "filtered_count", counts->matching);
    write_number(w, "item_count", count);
    json_write_key(w, "items");
    api_rows_write(show, l, first, count);
    write_number(w, "page", number);
    write_number(w, "page_count", pages);
    write_number(w, "page_size", size);
    write_number(w, "total_count", counts->total);
    json_write_end(w, '}');
}
