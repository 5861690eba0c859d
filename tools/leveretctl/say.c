/* Texts for the user: banners, errors, answers, and the templates they are made of. */
#include "leveretctl/say.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "leveretctl/terminal.h"

const char *text_of(struct lv_buffer *b)
{
    lv_buffer_add_u8(b, '\0');
    b->n--;
    return (const char *)b->p;
}

void size_put(struct lv_buffer *out, long long bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 1000 && unit < 4; unit++)
        size /= 1000;
    lv_buffer_printf(out, unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
}

/* --- templates -------------------------------------------------------------------------------- */

/* Appends the argument that the digit names. */
static void put_argument(const struct invocation *i, char digit, struct lv_buffer *out)
{
    lv_assert(digit >= '1' && digit <= '9');
    size_t at = (size_t)(digit - '1');
    lv_buffer_printf(out, "%s", at < i->argument_count ? i->arguments[at] : "");
}

static void put_rest(const struct invocation *i, struct lv_buffer *out)
{
    for (size_t a = 1; a < i->argument_count; a++)
        lv_buffer_printf(out, "%s%s", a > 1 ? ", " : "", i->arguments[a]);
}

static void put_priority(const struct invocation *i, struct lv_buffer *out)
{
    const char *text = i->values[OPTION_PRIORITY];
    lv_buffer_printf(out, "%ld", text ? strtol(text, NULL, 10) : 0);
}

static void put_variable(const struct invocation *i, const json_t *answer, struct slice name,
                         struct lv_buffer *out)
{
    if (slice_is(name, "vhost"))
        lv_buffer_printf(out, "%s", i->vhost);
    else if (slice_is(name, "node"))
        lv_buffer_printf(out, "%s", i->node);
    else if (slice_is(name, "program"))
        lv_buffer_printf(out, "%s", i->program);
    else if (slice_is(name, "timeout"))
        lv_buffer_printf(out, "%d", timeout_ms_of(i) / 1000);
    else if (slice_is(name, "timeout_ms"))
        lv_buffer_printf(out, "%d", timeout_ms_of(i));
    else if (slice_is(name, "priority"))
        put_priority(i, out);
    else if (slice_is(name, "rest"))
        put_rest(i, out);
    else
        lv_buffer_printf(
            out, "%" JSON_INTEGER_FORMAT,
            json_integer_value(json_object_getn(answer, (const char *)name.p, name.n)));
}

void expand(const struct invocation *i, const json_t *answer, const char *text,
            struct lv_buffer *out)
{
    while (*text) {
        size_t n = strcspn(text, "$");
        lv_buffer_add(out, text, n);
        text += n;
        if (*text == '\0')
            return;
        n = strspn(++text, "abcdefghijklmnopqrstuvwxyz_");
        if (n > 0)
            put_variable(i, answer, slice_of(text, n), out);
        else
            put_argument(i, *text, out);
        text += n > 0 ? n : 1;
    }
}

/* --- saying ----------------------------------------------------------------------------------- */

void say_banner(const struct invocation *i, const char *text)
{
    struct lv_buffer line = {0};
    if (!text || is_quiet(i) || !format_is_for_people(i->format))
        return;
    expand(i, NULL, text, &line);
    terminal_escape_for(stdout, &line, 0, TERMINAL_LINES);
    printf("%.*s\n", (int)line.n, (const char *)line.p);
    lv_buffer_free(&line);
}

int say_error(int exit_code, const char *format, ...)
{
    struct lv_buffer text = {0};
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(&text, format, args);
    va_end(args);
    fflush(stdout);
    terminal_escape_for(stderr, &text, 0, TERMINAL_LINES);
    fprintf(stderr, "Error:\n%.*s\n", SLICE_ARG(lv_buffer_slice(&text)));
    lv_buffer_free(&text);
    return exit_code;
}

void print_json(FILE *out, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(15));
    fprintf(out, "%s\n", text);
    free(text);
    json_decref(value);
}

void say_json(json_t *value)
{
    print_json(stdout, value);
}

void say_value(const struct invocation *i, json_t *value)
{
    say_json(json_pack("{s:s, s:s, s:o}", "node", i->node, "result", "ok", "value", value));
}

void say_done(const struct invocation *i, const char *message)
{
    if (i->format == FORMAT_JSON)
        say_json(message ? json_pack("{s:s}", "message", message)
                         : json_pack("{s:s, s:s}", "node", i->node, "result", "ok"));
    else if (message)
        message_print(i->format, stdout, message);
}
