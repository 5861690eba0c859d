/* Listings: which columns are asked for, and the rows that come. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "leveretctl/talk.h"

/* --- columns ---------------------------------------------------------------------------------- */

struct column_names {
    char *text; /* owned; the names point into it */
    const char *names[FORMAT_COLUMNS_MAX];
    size_t count;
    bool are_too_many;
};

/* Adds the words of the text to the names. The text is changed, and the names point into it. */
static void columns_add(struct column_names *names, char *text, const char *separators)
{
    char *rest = NULL;
    for (char *word = strtok_r(text, separators, &rest); word;
         word = strtok_r(NULL, separators, &rest)) {
        if (names->count == FORMAT_COLUMNS_MAX)
            names->are_too_many = true;
        else
            names->names[names->count++] = word;
    }
}

static bool is_column(const struct command *c, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = c->listing.all_columns; *p; p += strspn(p, ", ")) {
        size_t length = strcspn(p, ",");
        if (length == n && memcmp(p, name, n) == 0)
            return true;
        p += length;
    }
    return false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int columns_check(const struct invocation *i, const struct command *c,
                         const struct column_names *names)
{
    struct lv_buffer unknown = {0};
    const char *sorted[FORMAT_COLUMNS_MAX];
    int code = EXIT_OK;
    memcpy(sorted, names->names, sizeof sorted);
    qsort(sorted, names->count, sizeof sorted[0], by_name);
    for (size_t n = 0; n < names->count; n++)
        if (!is_column(c, sorted[n]))
            lv_buffer_printf(&unknown, "%s%s", unknown.n ? "," : "", sorted[n]);
    if (unknown.n > 0)
        code = usage_error(i, c, EXIT_USAGE, "Info key(s) %.*s are not supported", (int)unknown.n,
                           (const char *)unknown.p);
    else if (names->are_too_many)
        code = usage_error(i, c, EXIT_USAGE, "more than %d columns", FORMAT_COLUMNS_MAX);
    lv_buffer_free(&unknown);
    return code;
}

/* Reads the columns named as arguments, or else the default ones. */
static int columns_of(const struct invocation *i, const struct command *c,
                      struct column_names *names)
{
    struct lv_buffer text = {0};
    const size_t first = (size_t)c->arguments.min;
    bool are_named = c->listing.all_columns && i->argument_count > first;
    if (are_named)
        for (size_t a = first; a < i->argument_count; a++)
            lv_buffer_printf(&text, "%s,", i->arguments[a]);
    else
        lv_buffer_printf(&text, "%s", c->listing.columns);
    names->text = slice_strdup(lv_buffer_slice(&text));
    lv_buffer_free(&text);
    columns_add(names, names->text, are_named ? "," : " ");
    return are_named ? columns_check(i, c, names) : EXIT_OK;
}

/* --- rows ------------------------------------------------------------------------------------- */

static void print_row(void *listing, const json_t *row)
{
    listing_row(listing, row);
}

/* Ignores the row: a broker that answers has no offline queues, and no unresponsive ones. */
static void drop_row(void *listing, const json_t *row)
{
    (void)listing;
    (void)row;
}

/* Asks the broker and prints the rows. Takes the request. */
static int listing_ask(struct invocation *i, const struct command *c,
                       const struct column_names *names, json_t *request)
{
    struct listing l = {
        .format = i->format,
        .out = stdout,
        .column_count = names->count,
        .has_headers = !is_given(i, OPTION_NO_TABLE_HEADERS) && !is_given(i, OPTION_SILENT) &&
                       !(c->listing.has_no_headers && i->format == FORMAT_TABLE),
        .is_streamed = !c->listing.is_whole,
    };
    json_t *columns = json_array();
    for (size_t n = 0; n < names->count; n++) {
        l.columns[n] = names->names[n];
        json_array_append_new(columns, json_string(names->names[n]));
    }
    json_object_set_new(request, "columns", columns);

    json_t *last = NULL;
    listing_begin(&l);
    row_fn *row = is_given(i, OPTION_OFFLINE) || c->listing.drops_rows ? drop_row : print_row;
    int code = broker_ask(i, c, command_banner(i, c), request, row, &l, &last);
    if (code == EXIT_OK)
        listing_end(&l);
    json_decref(last);
    json_decref(l.kept);
    return code;
}

void rows_print(const struct invocation *i, const char *const *columns, size_t count,
                const json_t *rows)
{
    struct listing l = {
        .format = i->format,
        .out = stdout,
        .column_count = count,
        .has_headers = !is_given(i, OPTION_NO_TABLE_HEADERS) && !is_given(i, OPTION_SILENT),
    };
    const json_t *row;
    size_t n;
    memcpy(l.columns, columns, count * sizeof *columns);
    listing_begin(&l);
    json_array_foreach(rows, n, row) listing_row(&l, row);
    listing_end(&l);
}

int run_listing(struct invocation *i, const struct command *c)
{
    struct column_names names = {0};
    json_t *request;
    int code = columns_of(i, c, &names);
    if (code == EXIT_OK)
        code = request_make(i, c, &request);
    if (code == EXIT_OK)
        code = listing_ask(i, c, &names, request);
    free(names.text);
    return code;
}
