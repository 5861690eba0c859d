/* Options may come before or after the command. "--name value" and "--name=value" are the same;
 * words after "--" are not options. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leveretctl/talk.h"

const struct option_row option_rows[OPTION_COUNT] = {
#define OPTION_ROW(id, name, letter, kind, member) {name, letter, kind, member},
    OPTIONS(OPTION_ROW)
#undef OPTION_ROW
};

/* Returns the option named by the n bytes of the word, or OPTION_COUNT if there is none. */
static enum option option_find(const char *word, size_t n)
{
    for (size_t o = 0; o < OPTION_COUNT; o++) {
        const char *names[] = {option_rows[o].name, option_rows[o].letter};
        for (size_t k = 0; k < 2; k++)
            if (names[k] && strlen(names[k]) == n && memcmp(names[k], word, n) == 0)
                return (enum option)o;
    }
    return OPTION_COUNT;
}

/* Keeps the value of an option: for a LIST every value, for the others the last one. */
static void option_keep(struct invocation *i, enum option option, const char *value)
{
    i->values[option] = value;
    if (option == OPTION_HEADER && i->header_count < ARGUMENTS_MAX)
        i->headers[i->header_count++] = value;
    if (option == OPTION_CC && i->cc_count < ARGUMENTS_MAX)
        i->cc[i->cc_count++] = value;
}

static void option_refuse(struct invocation *i, const char *word, size_t n, const char *value)
{
    lv_buffer_printf(&i->invalid, "%.*s : %s\n", (int)n, word, value ? value : "");
}

/* Takes the option at argv[at]. Returns the index of the last word it used. */
static int take_option(struct invocation *i, int at)
{
    const char *word = i->argv[at];
    size_t n = strcspn(word, "=");
    const char *value = word[n] == '=' ? word + n + 1 : NULL;
    enum option option = option_find(word, n);
    if (option == OPTION_COUNT || (option_rows[option].kind == FLAG && value)) {
        option_refuse(i, word, n, value);
    } else if (option_rows[option].kind == FLAG) {
        i->values[option] = "";
    } else if (value) {
        option_keep(i, option, value);
    } else if (at + 1 < i->argc) {
        option_keep(i, option, i->argv[++at]);
    } else {
        option_refuse(i, word, n, NULL);
    }
    return at;
}

static void take_word(struct invocation *i, const char *word)
{
    if (!i->command)
        i->command = word;
    else if (i->argument_count < ARGUMENTS_MAX)
        i->arguments[i->argument_count++] = word;
}

static void take_timeout(struct invocation *i)
{
    const char *text = i->values[OPTION_TIMEOUT];
    i->timeout_s = -1;
    if (!text)
        return;
    char *end;
    long seconds = strtol(text, &end, 10);
    if (text[0] == '\0' || *end != '\0' || seconds < 0 || seconds > INT_MAX / 1000)
        option_refuse(i, "--timeout", strlen("--timeout"), text);
    else
        i->timeout_s = (int)seconds;
}

static void take_formatter(struct invocation *i)
{
    const char *text = i->values[OPTION_FORMATTER];
    i->format = FORMAT_TABLE;
    if (text && !format_parse(text, &i->format))
        option_refuse(i, "--formatter", strlen("--formatter"), text);
}

static void check_integers(struct invocation *i)
{
    for (size_t o = 0; o < OPTION_COUNT; o++) {
        const char *text = i->values[o];
        if (option_rows[o].kind != INTEGER || !text)
            continue;
        char *end;
        strtol(text, &end, 10);
        if (*text == '\0' || *end != '\0')
            option_refuse(i, option_rows[o].name, strlen(option_rows[o].name), text);
    }
}

/* "-5" is a number; no option has a digit for a letter. */
static bool is_negative(const char *word)
{
    return word[0] == '-' && word[1] >= '0' && word[1] <= '9';
}

void arguments_parse(struct invocation *i, int argc, char **argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    i->program = argc > 0 ? (slash ? slash + 1 : argv[0]) : "leveretctl";
    i->argc = argc;
    i->argv = argv;
    i->ask.fd = -1;
    bool are_options_over = false;
    for (int at = 1; at < argc; at++) {
        if (are_options_over || argv[at][0] != '-' || argv[at][1] == '\0' || is_negative(argv[at]))
            take_word(i, argv[at]);
        else if (strcmp(argv[at], "--") == 0)
            are_options_over = true;
        else
            at = take_option(i, at);
    }
    i->vhost = is_given(i, OPTION_VHOST) ? i->values[OPTION_VHOST] : "/";
    take_timeout(i);
    take_formatter(i);
    check_integers(i);
    node_name_choose(i);
}

/* --- refusing --------------------------------------------------------------------------------- */

void usage_print(const struct invocation *i, const struct command *c, FILE *out)
{
    fputs("Arguments given:\n\t", out);
    for (int at = 1; at < i->argc; at++)
        fprintf(out, "%s%s", at > 1 ? " " : "", i->argv[at]);
    fputs("\n\n\033[1mUsage\033[0m\n\n", out);
    usage_line(i, c, out);
}

int usage_error(const struct invocation *i, const struct command *c, int exit_code,
                const char *format, ...)
{
    struct lv_buffer reason = {0};
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(&reason, format, args);
    va_end(args);
    fprintf(stderr, "Error (argument validation): %.*s\n", SLICE_ARG(lv_buffer_slice(&reason)));
    lv_buffer_free(&reason);
    usage_print(i, c, stderr);
    return exit_code;
}

bool read_number(const char *text, json_int_t *ret)
{
    char *end;
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static int options_check(struct invocation *i, const struct command *c)
{
    for (size_t o = OPTION_ANYWHERE + 1; o < OPTION_COUNT; o++) {
        bool is_taken = (c->arguments.options & BIT(o)) != 0;
        if (o == OPTION_NO_TABLE_HEADERS && !format_is_for_people(i->format))
            is_taken = false;
        if (i->values[o] && !is_taken)
            option_refuse(i, option_rows[o].name, strlen(option_rows[o].name), i->values[o]);
    }
    if (i->invalid.n > 0)
        return usage_error(i, c, EXIT_USAGE, "Invalid options for this command:\n%.*s",
                           (int)i->invalid.n - 1, (const char *)i->invalid.p);
    return EXIT_OK;
}

static int words_check(const struct invocation *i, const struct command *c)
{
    int count = (int)i->argument_count;
    if (count < c->arguments.min)
        return usage_error(i, c, EXIT_USAGE, "not enough arguments.");
    if (c->arguments.max != MANY && count > c->arguments.max)
        return usage_error(i, c, EXIT_USAGE, "too many arguments.");
    return EXIT_OK;
}

static int counts_check(const struct invocation *i, const struct command *c)
{
    json_int_t number;
    for (size_t o = 0; o < OPTION_COUNT; o++) {
        const char *text = i->values[o];
        if (option_rows[o].kind == COUNT && text && !read_number(text, &number))
            return usage_error(i, c, EXIT_USAGE, "%s: expected a non-negative integer, got '%s'",
                               option_rows[o].name, text);
    }
    return EXIT_OK;
}

static int meaning_check(const struct invocation *i, const struct command *c)
{
    if (c->arguments.not_empty && i->arguments[0][0] == '\0')
        return usage_error(i, c, EXIT_DATA, "Bad argument: %s cannot be an empty string",
                           c->arguments.not_empty);
    return c->arguments.check ? c->arguments.check(i, c) : EXIT_OK;
}

int arguments_check(struct invocation *i, const struct command *c)
{
    if (c->is_pretty && !is_given(i, OPTION_FORMATTER))
        i->format = FORMAT_PRETTY_TABLE;
    if (i->timeout_s < 0 && c->request.timeout_s > 0)
        i->timeout_s = c->request.timeout_s;
    int code = options_check(i, c);
    if (code == EXIT_OK)
        code = words_check(i, c);
    if (code == EXIT_OK)
        code = counts_check(i, c);
    return code == EXIT_OK ? meaning_check(i, c) : code;
}
