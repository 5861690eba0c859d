/* `autocomplete`: what may come next on a command line, a word a line, for the shells' completion
 * (tools/completion/). Commands, options, columns and plugins are those of the tables; names of
 * vhosts, queues, users, exchanges and policies are asked for, and if the broker cannot be reached
 * there are none. */
#include <stdio.h>
#include <string.h>

#include "base/rabbitmq_plugins.h"
#include "leveretctl/talk.h"

enum { ASK_TIMEOUT_MS = 2000, WORDS_MAX = ARGUMENTS_MAX + 1 };

static void offer(const char *word, const char *prefix)
{
    if (strncmp(word, prefix, strlen(prefix)) == 0)
        printf("%s\n", word);
}

static int offer_commands(const char *prefix)
{
    for (const struct command_group *g = command_groups; g->title; g++)
        for (const struct command *c = g->commands; c->name; c++)
            if (g->commands != absent_commands)
                offer(c->name, prefix);
    return EXIT_OK;
}

/* Offers the options of a command; of every command, if it is NULL. */
static int offer_options(const struct command *c, const char *prefix)
{
    for (size_t o = 0; o < OPTION_COUNT; o++)
        if (o <= OPTION_ANYWHERE || (c && (c->arguments.options & BIT(o))))
            offer(option_rows[o].name, prefix);
    return EXIT_OK;
}

/* A name with control characters cannot be typed, and must not be sent to a terminal. */
static bool can_be_typed(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name < 0x20 || *name == 0x7f)
            return false;
    return true;
}

/* What a member of requests is a name of: the first row that matches. */
static const struct kind {
    const char *member, *command, *column;
    size_t cell;          /* of a row of the answer: the name */
    const char *verbs[3]; /* only for these commands; none: for every command */
} kinds[] = {
    {"queue", "list_queues", "name", 0, {NULL}},
    {"exchange", "list_exchanges", "name", 0, {NULL}},
    {"user", "list_users", "user", 0, {NULL}},
    {"vhost", "list_vhosts", "name", 0, {NULL}},
    {"name", "list_policies", "name", 1, {"set_policy", "clear_policy"}},
    {"name", "list_operator_policies", "name", 1, {"set_operator_policy", "clear_operator_policy"}},
};

static bool is_kind(const struct kind *kind, const struct command *c, struct slice member)
{
    bool is_verb = kind->verbs[0] == NULL;
    for (const char *const *verb = kind->verbs; *verb && c; verb++)
        is_verb = is_verb || strcmp(*verb, c->name) == 0;
    return is_verb && slice_is(member, kind->member);
}

/* Offers the names that exist; whatever fails, nothing is said. */
static int offer_names(struct invocation *typed, const struct command *c, struct slice member,
                       const char *prefix)
{
    struct ask *ask = &typed->ask;
    size_t k = 0;
    while (k < sizeof kinds / sizeof kinds[0] && !is_kind(&kinds[k], c, member))
        k++;
    if (k == sizeof kinds / sizeof kinds[0] || broker_open(typed, ASK_TIMEOUT_MS) < 0)
        return EXIT_OK;
    json_t *request = json_pack("{s:s, s:s, s:[s]}", "command", kinds[k].command, "vhost",
                                typed->vhost, "columns", kinds[k].column);
    json_t *line;
    int err = ask_send(ask, request);
    json_decref(request);
    while (err == 0 && ask_line(ask, &line) == 0) {
        const char *name = json_string_value(json_array_get(line, kinds[k].cell));
        bool is_row = json_is_array(line);
        if (name && name[0] && can_be_typed(name))
            offer(name, prefix);
        json_decref(line);
        if (!is_row)
            break;
    }
    ask_close(ask);
    return EXIT_OK;
}

static int offer_columns(const struct command *c, const char *prefix)
{
    for (const char *p = c->listing.all_columns; *p; p += strspn(p, ", ")) {
        size_t length = strcspn(p, ",");
        if (strncmp(p, prefix, strlen(prefix)) == 0)
            printf("%.*s\n", (int)length, p);
        p += length;
    }
    return EXIT_OK;
}

static int offer_plugins(const char *prefix)
{
    for (const struct rabbitmq_plugin *plugin = rabbitmq_plugins; plugin->name; plugin++)
        if (plugin_is_part(plugin->kind))
            offer(plugin->name, prefix);
    return EXIT_OK;
}

/* Returns the name of the command's argument at this place, or SLICE_EMPTY. A name that ends in
 * "..." is that of all from there on. */
static struct slice argument_name(const struct command *c, size_t place)
{
    const char *names = c->arguments.names ? c->arguments.names : "";
    for (; place > 0 && names[strcspn(names, " .")] != '.' && *names; place--) {
        names += strcspn(names, " ");
        names += *names == ' ';
    }
    return slice_of(names, strcspn(names, " ."));
}

static bool is_vhost_option(const char *word)
{
    return strcmp(word, "-p") == 0 || strcmp(word, "--vhost") == 0;
}

int run_autocomplete(struct invocation *i, const struct command *c)
{
    static struct invocation typed;
    static char *words[WORDS_MAX];
    size_t count = i->argument_count;
    const char *prefix = count > 0 ? i->arguments[count - 1] : "";
    (void)c;
    words[0] = (char *)(uintptr_t)i->program;
    for (size_t n = 0; n + 1 < count; n++)
        words[n + 1] = (char *)(uintptr_t)i->arguments[n];
    arguments_parse(&typed, count > 0 ? (int)count : 1, words);
    lv_buffer_free(&typed.invalid);
    if (is_given(i, OPTION_DATA_DIR) && !is_given(&typed, OPTION_DATA_DIR))
        typed.values[OPTION_DATA_DIR] = i->values[OPTION_DATA_DIR];
    const struct command *about = typed.command ? command_find(typed.command) : NULL;
    if (count > 1 && is_vhost_option(i->arguments[count - 2]))
        return offer_names(&typed, about, slice_str("vhost"), prefix);
    if (prefix[0] == '-')
        return offer_options(about, prefix);
    if (!typed.command || strcmp(typed.command, "help") == 0)
        return offer_commands(prefix);
    if (!about)
        return EXIT_OK;
    if (about->listing.all_columns && typed.argument_count >= (size_t)about->arguments.min)
        return offer_columns(about, prefix);
    struct slice member = argument_name(about, typed.argument_count);
    return slice_is(member, "plugins") ? offer_plugins(prefix)
                                       : offer_names(&typed, about, member, prefix);
}
