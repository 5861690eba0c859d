/* rabbitmq-plugins. Leveret has no plugins: those of RabbitMQ whose functions are part of it count
 * as enabled and cannot be disabled, and the others are not found. So nothing is ever changed, and
 * most commands need no broker, as where an image is made. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rabbitmq_plugins.h"
#include "leveretctl/talk.h"

static bool is_found(const char *name)
{
    return plugin_is_part(plugin_kind(name));
}

/* Returns those of the arguments that are found, or those that are not, as the caller's list. */
static json_t *arguments_found(const struct invocation *i, bool found)
{
    json_t *list = json_array();
    for (size_t n = 0; n < i->argument_count; n++)
        if (is_found(i->arguments[n]) == found)
            json_array_append_new(list, json_string(i->arguments[n]));
    return list;
}

static json_t *enabled_plugins(void)
{
    json_t *list = json_array();
    for (const struct rabbitmq_plugin *p = rabbitmq_plugins; p->name; p++)
        if (plugin_is_part(p->kind))
            json_array_append_new(list, json_string(p->name));
    return list;
}

/* Appends the names of a list, with `before` before each and `between` between them. */
static void print_names(struct lv_buffer *out, const json_t *names, const char *before,
                        const char *between)
{
    const json_t *name;
    size_t n;
    json_array_foreach(names, n, name)
        lv_buffer_printf(out, "%s%s%s", n > 0 ? between : "", before, json_string_value(name));
}

/* --- enable, disable, set --------------------------------------------------------------------- */

static int mode_check(const struct invocation *i, const struct command *c)
{
    if (is_given(i, OPTION_ONLINE) && is_given(i, OPTION_OFFLINE))
        return usage_error(i, c, EXIT_DATA, "Bad argument: Cannot set both online and offline");
    return EXIT_OK;
}

static int plugins_check(const struct invocation *i, const struct command *c)
{
    if (is_given(i, OPTION_ALL) && i->argument_count > 0)
        return usage_error(i, c, EXIT_DATA,
                           "Bad argument: Cannot set both --all and a list of plugins");
    if (!is_given(i, OPTION_ALL) && i->argument_count == 0)
        return usage_error(i, c, EXIT_USAGE, "not enough arguments.");
    return mode_check(i, c);
}

/* `verb` is "Enabling" or "Disabling". */
static void say_what(const struct invocation *i, const char *verb)
{
    struct lv_buffer text = {0};
    if (is_given(i, OPTION_ALL))
        lv_buffer_printf(&text, "%s ALL plugins on node $node", verb);
    else
        lv_buffer_printf(&text, "%s plugins on node $node:", verb);
    for (size_t n = 0; n < i->argument_count; n++)
        lv_buffer_printf(&text, "\n%s", i->arguments[n]);
    say_banner(i, text_of(&text));
    lv_buffer_free(&text);
}

/* `done` is the member of the answer that names what has changed. */
static int say_unchanged(const struct invocation *i, const char *done)
{
    json_t *plugins = enabled_plugins();
    if (i->format == FORMAT_JSON) {
        printf("[\n");
        say_json(json_incref(plugins));
        printf(",");
        const char *mode = is_given(i, OPTION_OFFLINE) ? "offline" : "online";
        say_json(json_pack("{s:[], s:s, s:O, s:[], s:[]}", done, "mode", mode, "set", plugins,
                           "started", "stopped"));
        printf("]\n");
    } else {
        struct lv_buffer text = {0};
        print_names(&text, plugins, "\n  ", "");
        printf("The following plugins have been configured:%s\n"
               "Applying plugin configuration to %s...\n"
               "Plugin configuration unchanged.\n",
               text_of(&text), i->node);
        lv_buffer_free(&text);
    }
    json_decref(plugins);
    return EXIT_OK;
}

/* Says which plugins are not found, unless all are: "BEFORE NAMES AFTER". */
static int refuse_missing(const struct invocation *i, int exit_code, const char *before,
                          const char *mark, const char *after)
{
    json_t *missing = arguments_found(i, false);
    struct lv_buffer names = {0};
    int code = EXIT_OK;
    print_names(&names, missing, mark, ", ");
    if (names.n > 0)
        code = say_error(exit_code, "%s%s%s", before, text_of(&names), after);
    lv_buffer_free(&names);
    json_decref(missing);
    return code;
}

static int run_enable(struct invocation *i, const struct command *c)
{
    (void)c;
    say_what(i, "Enabling");
    int code = refuse_missing(i, EXIT_SOFTWARE, "{:plugins_not_found, [", ":", "]}");
    return code == EXIT_OK ? say_unchanged(i, "enabled") : code;
}

/* Disables these plugins, whose list is taken: that is refused, unless there are none. */
static int disable(const struct invocation *i, json_t *plugins)
{
    struct lv_buffer names = {0};
    print_names(&names, plugins, "", ", ");
    int code =
        names.n > 0
            ? say_error(EXIT_SOFTWARE,
                        "What these plugins do is part of Leveret and cannot be disabled: %s",
                        text_of(&names))
            : say_unchanged(i, "disabled");
    lv_buffer_free(&names);
    json_decref(plugins);
    return code;
}

static int run_disable(struct invocation *i, const struct command *c)
{
    (void)c;
    say_what(i, "Disabling");
    return disable(i, is_given(i, OPTION_ALL) ? enabled_plugins() : arguments_found(i, true));
}

/* Those that are not named stay, as the answer says; to name none asks for none. */
static int run_set(struct invocation *i, const struct command *c)
{
    (void)c;
    say_what(i, "Enabling");
    if (i->argument_count == 0)
        return disable(i, enabled_plugins());
    int code = refuse_missing(i, EXIT_DATA, "The following plugins were not found: ", "", "");
    return code == EXIT_OK ? say_unchanged(i, "enabled") : code;
}

/* --- is_enabled ------------------------------------------------------------------------------- */

static void say_question(const struct invocation *i, const char *names)
{
    struct lv_buffer text = {0};
    const char *s = i->argument_count > 1 ? "s" : "";
    const char *verb = i->argument_count > 1 ? "are" : "is";
    if (is_given(i, OPTION_OFFLINE))
        lv_buffer_printf(&text, "Inferring if plugin%s %s %s from local environment...", s, names,
                         verb);
    else
        lv_buffer_printf(&text, "Asking node $node if plugin%s %s %s enabled...", s, names, verb);
    say_banner(i, text_of(&text));
    lv_buffer_free(&text);
}

/* Returns the sentence about these plugins. */
static json_t *answer_text(const struct invocation *i, const json_t *names, bool enabled)
{
    struct lv_buffer text = {0};
    bool are_many = json_array_size(names) > 1;
    lv_buffer_printf(&text, "Plugin%s ", are_many ? "s" : "");
    print_names(&text, names, "", ", ");
    lv_buffer_printf(&text, " %s %s", are_many ? "are" : "is", enabled ? "enabled" : "not enabled");
    if (!is_given(i, OPTION_OFFLINE))
        lv_buffer_printf(&text, " on node %s", i->node);
    if (!enabled) {
        json_t *all = enabled_plugins();
        lv_buffer_printf(&text, ". Enabled plugins and dependencies: ");
        print_names(&text, all, "", ", ");
        json_decref(all);
    }
    json_t *ret = json_string(text_of(&text));
    lv_buffer_free(&text);
    return ret;
}

static int say_answer(const struct invocation *i, const json_t *names, bool enabled)
{
    json_t *text = answer_text(i, names, enabled);
    int code = enabled ? EXIT_OK : EXIT_UNAVAILABLE;
    if (i->format == FORMAT_JSON)
        say_json(json_pack("{s:O, s:s}", "message", text, "result", enabled ? "ok" : "error"));
    else if (enabled)
        say_done(i, json_string_value(text));
    else
        code = say_error(code, "%s", json_string_value(text));
    json_decref(text);
    return code;
}

static int run_is_enabled(struct invocation *i, const struct command *c)
{
    (void)c;
    json_t *missing = arguments_found(i, false), *found = arguments_found(i, true);
    struct lv_buffer names = {0};
    for (size_t n = 0; n < i->argument_count; n++)
        lv_buffer_printf(&names, "%s%s", n > 0 ? ", " : "", i->arguments[n]);
    int code = is_given(i, OPTION_OFFLINE) ? EXIT_OK : connect_to_broker(i);
    if (code == EXIT_OK) {
        bool enabled = json_array_size(missing) == 0;
        say_question(i, text_of(&names));
        code = say_answer(i, enabled ? found : missing, enabled);
    }
    lv_buffer_free(&names);
    json_decref(missing);
    json_decref(found);
    return code;
}

/* --- list ------------------------------------------------------------------------------------- */

struct plugin_list {
    const struct invocation *i;
    json_t *plugins;     /* names */
    const char *version; /* of the broker; NULL: it does not run */
};

/* Reads the broker's version into *ret, or NULL if it does not run. */
static int ask_version(struct invocation *i, const struct command *c, json_t **ret)
{
    json_t *status;
    *ret = NULL;
    if (broker_open(i, timeout_ms_of(i)) != 0)
        return EXIT_OK;
    int code = converse(i, c, json_pack("{s:s}", "command", "status"), NULL, NULL, &status);
    if (code == EXIT_OK) {
        *ret = json_incref(json_object_get(status, "version"));
        json_decref(status);
    }
    return code;
}

/* Removes the names that the pattern does not match. Returns false if it is not a pattern. */
static bool plugins_match(json_t *plugins, const char *pattern)
{
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    for (size_t n = json_array_size(plugins); n-- > 0;)
        if (regexec(&regex, json_string_value(json_array_get(plugins, n)), 0, NULL, 0) != 0)
            json_array_remove(plugins, n);
    regfree(&regex);
    return true;
}

static void list_for_programs(const struct plugin_list *l)
{
    bool is_minimal = is_given(l->i, OPTION_MINIMAL), is_running = l->version != NULL;
    json_t *rows = json_array();
    const json_t *name;
    size_t n;
    json_array_foreach(l->plugins, n, name)
    {
        json_t *row = json_pack("{s:s}", "name", json_string_value(name));
        if (!is_minimal)
            json_object_update_new(row, json_pack("{s:s, s:b, s:s?, s:s?}", "enabled", "enabled",
                                                  "running", is_running, "running_version",
                                                  l->version, "version", l->version));
        json_array_append_new(rows, row);
    }
    say_json(json_pack("{s:s, s:o, s:s}", "format", is_minimal ? "minimal" : "normal", "plugins",
                       rows, "status", is_running ? "running" : "node_down"));
}

static int longest(const json_t *names)
{
    size_t ret = 0, n;
    const json_t *name;
    json_array_foreach(names, n, name) if (json_string_length(name) > ret) ret =
        json_string_length(name);
    return (int)ret;
}

static void list_for_people(const struct plugin_list *l)
{
    const char *version = l->version ? l->version : "";
    const char *mark = l->version ? "E*" : "E ";
    int width = longest(l->plugins);
    const json_t *name;
    size_t n;
    if (!is_given(l->i, OPTION_MINIMAL) && !is_quiet(l->i))
        printf(l->version ? " Configured: E = explicitly enabled; e = implicitly enabled\n"
                            " | Status: * = running on %s\n |/\n"
                          : " Configured: E = explicitly enabled; e = implicitly enabled\n"
                            " | Status: [failed to contact %s - status not shown]\n |/\n",
               l->i->node);
    json_array_foreach(l->plugins, n, name)
    {
        const char *text = json_string_value(name);
        if (is_given(l->i, OPTION_MINIMAL))
            printf("%s\n", text);
        else if (is_given(l->i, OPTION_VERBOSE))
            printf("[%s] %s\n     Version:     \t%s\n     Description: \tpart of Leveret\n", mark,
                   text, version);
        else
            printf("[%s] %-*s%s%s\n", mark, l->version ? width : 0, text, l->version ? " " : "",
                   version);
    }
}

static int run_list(struct invocation *i, const struct command *c)
{
    const char *pattern = i->argument_count > 0 ? i->arguments[0] : ".*";
    struct plugin_list l = {.i = i, .plugins = enabled_plugins()};
    struct lv_buffer banner = {0};
    json_t *version;
    int code = ask_version(i, c, &version);
    l.version = json_string_value(version);
    lv_buffer_printf(&banner, "Listing plugins with pattern \"%s\" ...", pattern);
    if (code == EXIT_OK && !plugins_match(l.plugins, pattern))
        code = say_error(EXIT_DATA, "%s is not a regular expression", pattern);
    else if (code == EXIT_OK) {
        say_banner(i, text_of(&banner));
        (i->format == FORMAT_JSON ? list_for_programs : list_for_people)(&l);
    }
    json_decref(version);
    json_decref(l.plugins);
    lv_buffer_free(&banner);
    return code;
}

#define MODE_OPTIONS (BIT(OPTION_ONLINE) | BIT(OPTION_OFFLINE))
#define MODE_USAGE " [--offline] [--online]"

/* -e is the letter of --if-empty elsewhere. All plugins that are listed are enabled, so it changes
 * nothing. */
#define LIST_OPTIONS                                                                               \
    (BIT(OPTION_VERBOSE) | BIT(OPTION_MINIMAL) | BIT(OPTION_ENABLED) |                             \
     BIT(OPTION_IMPLICITLY_ENABLED) | BIT(OPTION_IF_EMPTY))

/* clang-format off */
const struct command plugin_commands[] = {
    {.name = "list", .run = run_list,
     .usage = "[pattern] [--verbose] [--minimal] [--enabled] [--implicitly-enabled]",
     .help = "Lists RabbitMQ's plugins whose functions are part of Leveret.",
     .arguments = {.max = 1, .options = LIST_OPTIONS}},
    {.name = "enable", .run = run_enable,
     .usage = "<plugin1> [ <plugin2>] | --all" MODE_USAGE,
     .help = "Succeeds if what the plugins do is part of Leveret.",
     .arguments = {.max = MANY, .names = "plugins...", .options = MODE_OPTIONS | BIT(OPTION_ALL),
                   .check = plugins_check}},
    {.name = "disable", .run = run_disable,
     .usage = "<plugin1> [ <plugin2>] | --all" MODE_USAGE,
     .help = "Refuses to disable what is part of Leveret.",
     .arguments = {.max = MANY, .names = "plugins...", .options = MODE_OPTIONS | BIT(OPTION_ALL),
                   .check = plugins_check}},
    {.name = "set", .run = run_set,
     .usage = "<plugin1> [ <plugin2>]" MODE_USAGE,
     .help = "Succeeds if what the plugins do is part of Leveret; the others stay enabled.",
     .arguments = {.max = MANY, .names = "plugins...", .options = MODE_OPTIONS,
                   .check = mode_check}},
    {.name = "is_enabled", .run = run_is_enabled,
     .usage = "<plugin1> [ <plugin2>]" MODE_USAGE,
     .help = "Fails if what one of the plugins does is no part of Leveret.",
     .arguments = {.min = 1, .max = MANY, .names = "plugins...", .options = MODE_OPTIONS,
                   .check = mode_check}},
    {.name = NULL},
};
/* clang-format on */
