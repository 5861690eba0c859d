/* The settings in force. */
#include <stdio.h>
#include <string.h>

#include "leveretctl/talk.h"

static void print_settings(const struct invocation *i, const json_t *answer)
{
    json_t *settings = json_object_get(answer, "settings"), *value;
    if (i->format == FORMAT_JSON) {
        say_json(json_incref(settings));
        return;
    }
    const char *key;
    json_object_foreach(settings, key, value) printf("%s = %s\n", key, json_string_value(value));
}

static int check_level(const struct invocation *i, const struct command *c)
{
    static const char levels[] = "debug, info, warning, error, critical, none";
    const char *level = i->arguments[0];
    const char *found = strstr(levels, level);
    size_t n = strlen(level);
    bool is_level = n > 2 && found && (found[n] == ',' || found[n] == '\0') &&
                    (found == levels || found[-1] == ' ');
    (void)c;
    if (is_level)
        return EXIT_OK;
    return say_error(EXIT_UNAVAILABLE, "level %s is not supported. Try one of %s", level, levels);
}

static const struct failure level_is_unknown[] = {
    {.error = "bad_level", .exit_code = EXIT_UNAVAILABLE},
    {.error = NULL},
};

/* clang-format off */
const struct command configuration_commands[] = {
    {.name = "environment", .run = run_change,
     .usage = "[--timeout <timeout>]",
     .help = "Shows the settings in force.",
     .banner = "Application environment of node $node ...",
     .answer = {.print = print_settings}},
    {.name = "set_log_level", .run = run_change,
     .usage = "<log_level>",
     .help = "Sets the least severe level that is logged: debug, info, warning, error, critical or none.",
     .banner = "Setting log level to \"$1\" ...",
     .arguments = {.min = 1, .max = 1, .names = "level", .check = check_level},
     .failures = level_is_unknown},
    {.name = NULL},
};
/* clang-format on */
