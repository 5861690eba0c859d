/* `set_vm_memory_high_watermark` and `set_disk_free_limit`: a share of the memory, or a size. What
 * is wrong with them is told in rabbitmqctl's words, which differ between the two. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/byte_size.h"
#include "leveretctl/talk.h"

static bool is_word(const struct invocation *i, const char *word)
{
    return strcmp(i->arguments[0], word) == 0;
}

/* Reads a number such as 0.5 or 1, as far as it is one: *ret_end is what follows. */
static bool read_fraction(const char *text, double *ret, const char **ret_end)
{
    size_t sign = text[0] == '-' ? 1 : 0;
    char *end;
    if (text[sign] < '0' || text[sign] > '9')
        return false;
    if (text[sign] == '0' && (text[sign + 1] | 0x20) == 'x')
        return false; /* which strtod() would take for a number */
    *ret = strtod(text, &end);
    *ret_end = end;
    return isfinite(*ret);
}

/* A word before the value makes it two arguments, else it is one. */
static int count_check(const struct invocation *i, const struct command *c, bool has_word)
{
    size_t wanted = has_word ? 2 : 1;
    if (i->argument_count < wanted)
        return usage_error(i, c, EXIT_USAGE, "not enough arguments.");
    if (i->argument_count > wanted)
        return usage_error(i, c, EXIT_USAGE, "too many arguments.");
    return EXIT_OK;
}

/* --- memory ----------------------------------------------------------------------------------- */

static int fraction_check(const struct invocation *i, const struct command *c)
{
    double fraction;
    const char *end;
    if (!read_fraction(i->arguments[0], &fraction, &end) || *end != '\0')
        return usage_error(i, c, EXIT_DATA, "Bad argument.");
    if (fraction < 0 || fraction > 1)
        return usage_error(i, c, EXIT_DATA,
                           "Bad argument: The threshold should be a fraction between 0.0 and 1.0");
    return EXIT_OK;
}

static int size_check(const struct invocation *i, const struct command *c)
{
    const char *text = i->arguments[1], *end;
    int64_t bytes;
    double number;
    if (lv_byte_size_parse(text, &bytes) == 0)
        return EXIT_OK;
    if (!read_fraction(text, &number, &end) || number < 0)
        return usage_error(i, c, EXIT_DATA, "Bad argument.");
    if (number != floor(number))
        return usage_error(i, c, EXIT_DATA, "Bad argument: The threshold should be an integer.");
    return usage_error(i, c, EXIT_DATA, "Bad argument: Invalid units.");
}

int watermark_check(const struct invocation *i, const struct command *c)
{
    bool is_absolute = is_word(i, "absolute");
    int code = count_check(i, c, is_absolute);
    if (code != EXIT_OK)
        return code;
    return is_absolute ? size_check(i, c) : fraction_check(i, c);
}

int watermark_add(const struct invocation *i, const struct command *c, json_t *request)
{
    bool is_absolute = is_word(i, "absolute");
    (void)c;
    json_object_set_new(request, is_absolute ? "absolute" : "relative",
                        json_string(i->arguments[is_absolute ? 1 : 0]));
    return EXIT_OK;
}

/* --- disk ------------------------------------------------------------------------------------- */

static bool is_disk_limit(const struct invocation *i, bool is_relative)
{
    double fraction;
    const char *end;
    int64_t bytes;
    if (!is_relative)
        return lv_byte_size_parse(i->arguments[0], &bytes) == 0;
    return read_fraction(i->arguments[1], &fraction, &end) && *end == '\0' && fraction >= 0;
}

int disk_limit_check(const struct invocation *i, const struct command *c)
{
    bool is_relative = is_word(i, "mem_relative");
    int code = count_check(i, c, is_relative);
    if (code == EXIT_OK && !is_disk_limit(i, is_relative))
        code = usage_error(i, c, EXIT_DATA, "Bad argument.");
    return code;
}

int disk_limit_add(const struct invocation *i, const struct command *c, json_t *request)
{
    bool is_relative = is_word(i, "mem_relative");
    (void)c;
    json_object_set_new(request, is_relative ? "mem_relative" : "absolute",
                        json_string(i->arguments[is_relative ? 1 : 0]));
    return EXIT_OK;
}
