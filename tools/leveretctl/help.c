/* Help is made of the tables of commands. */
#include <stdio.h>
#include <string.h>

#include "leveretctl/talk.h"

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

void usage_line(const struct invocation *i, const struct command *c, FILE *out)
{
    fprintf(out, "%s [--node <node>] [--longnames] [--quiet] %s%s%s\n", i->program, c->name,
            c->usage[0] ? " " : "", c->usage);
}

static void help_columns(const struct command *c, FILE *out)
{
    if (!c->listing.all_columns)
        return;
    fputs("\n" BOLD "Columns" PLAIN "\n\n", out);
    fprintf(out, "  Shown by default: %s\n", c->listing.columns);
    fprintf(out, "  All: %s\n", c->listing.all_columns);
}

void help_command(const struct invocation *i, const struct command *c, FILE *out)
{
    fputs("\n" BOLD "Usage" PLAIN "\n\n", out);
    usage_line(i, c, out);
    fprintf(out, "\n%s\n", c->help);
    help_columns(c, out);
    fputs("\n" BOLD "Options of every command" PLAIN "\n\n"
          "  -p, --vhost VHOST      the vhost (default /)\n"
          "      --formatter NAME   table, json, csv, pretty_table or erlang (default table)\n"
          "  -q, --quiet            print no heading\n"
          "  -s, --silent           print no heading and no column names\n"
          "  -t, --timeout SECONDS  give up after this time\n"
          "      --data-dir DIR     the broker's data directory (default $LEVERET_DATA_DIR, else\n"
          "                         leveretd's own default)\n"
          "  -n, --node NAME        the broker's name in messages; has no other effect\n"
          "  -l, --longnames        accepted for compatibility; has no effect, nor do\n"
          "                         --script-name NAME and --print-stacktrace\n"
          "  -?, --help             show this text\n",
          out);
}

static int widest_name(void)
{
    size_t widest = 0;
    for (const struct command_group *g = command_groups; g->title; g++)
        for (const struct command *c = g->commands; c->name; c++)
            if (strlen(c->name) > widest)
                widest = strlen(c->name);
    return (int)widest;
}

/* Lists the group's commands that the tool's help lists first, or else the others. */
static void help_group(const struct command_group *g, const struct tool *tool, bool are_first,
                       FILE *out)
{
    bool has_title = are_first;
    for (const struct command *c = g->commands; c->name; c++) {
        if ((tool && tool_lists(tool, c->name)) != are_first)
            continue;
        if (!has_title)
            fprintf(out, "\n" BOLD "%s" PLAIN ":\n\n", g->title);
        has_title = true;
        fprintf(out, "   %-*s  %s\n", widest_name(), c->name, c->help);
    }
}

void help_all(const struct invocation *i, FILE *out)
{
    const struct tool *tool = tool_find(i->program);
    fprintf(out,
            "\n" BOLD "Usage" PLAIN "\n\n"
            "%s [--node <node>] [--timeout <timeout>] [--longnames] [--quiet] <command> [<command "
            "options>]\n\nAvailable commands:\n",
            i->program);
    if (tool && tool->commands[0])
        fprintf(out, "\n" BOLD "Commands of %s" PLAIN ":\n\n", tool->name);
    for (const struct command_group *g = command_groups; tool && g->title; g++)
        help_group(g, tool, true, out);
    for (const struct command_group *g = command_groups; g->title; g++)
        help_group(g, tool, false, out);
    fprintf(out, "\nUse '%s help <command>' to learn more about a specific command\n", i->program);
}

/* --- commands --------------------------------------------------------------------------------- */

static int run_help(struct invocation *i, const struct command *c)
{
    (void)c;
    if (i->argument_count == 0) {
        help_all(i, stdout);
        return EXIT_OK;
    }
    const struct command *about = command_find(i->arguments[0]);
    if (!about)
        return say_error(EXIT_USAGE, "\nCommand '%s' not found.", i->arguments[0]);
    help_command(i, about, stdout);
    return EXIT_OK;
}

static int run_version(struct invocation *i, const struct command *c)
{
    (void)c;
    if (i->format == FORMAT_JSON)
        say_value(i, json_pack("{s:s}", "version", LEVERET_VERSION));
    else if (i->format == FORMAT_CSV)
        printf("\"version\"\n\"%s\"\n", LEVERET_VERSION);
    else
        message_print(i->format, stdout, LEVERET_VERSION);
    return EXIT_OK;
}

/* clang-format off */
const struct command help_commands[] = {
    {.name = "autocomplete", .run = run_autocomplete,
     .usage = "[--] [<word> ...] <prefix>",
     .help = "Prints the commands, options or names that begin with the last word: for shells.",
     .arguments = {.max = MANY}},
    {.name = "help", .run = run_help,
     .usage = "[<command>]",
     .help = "Explains a command, or lists them all.",
     .arguments = {.max = 1}},
    {.name = "version", .run = run_version,
     .usage = "",
     .help = "Prints leveretctl's version."},
    {.name = NULL},
};
/* clang-format on */
