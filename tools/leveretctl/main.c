/* leveretctl: asks the broker over its control socket and prints as rabbitmqctl does.
 *
 *   arguments_parse() -> the command's row in the table -> arguments_check() -> its run() */
#include <stdio.h>
#include <string.h>

#include "leveretctl/talk.h"

/* Returns the edit distance: how many letters must be changed, added or removed. */
static size_t distance(const char *a, const char *b)
{
    enum { NAME_MAX_BYTES = 64 };
    size_t n = strlen(b);
    if (strlen(a) > NAME_MAX_BYTES || n > NAME_MAX_BYTES)
        return NAME_MAX_BYTES;
    size_t row[NAME_MAX_BYTES + 1];
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t change = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            size_t gap = (row[j] < diagonal ? row[j] : diagonal) + 1;
            row[j + 1] = change < gap ? change : gap;
        }
    }
    return row[n];
}

static int unknown_command(const struct invocation *i)
{
    enum { DISTANCE_MAX = 3 };
    const struct command *nearest = NULL;
    size_t least = DISTANCE_MAX + 1;
    for (const struct command_group *g = command_groups; g->title; g++)
        for (const struct command *c = g->commands; c->name; c++) {
            size_t d = distance(i->command, c->name);
            if (d < least) {
                least = d;
                nearest = c;
            }
        }
    fprintf(stderr, "\nCommand '%s' not found. \n", i->command);
    if (nearest)
        fprintf(stderr, "Did you mean '%s'? \n\n", nearest->name);
    else
        help_all(i, stderr);
    return EXIT_USAGE;
}

static int run(struct invocation *i)
{
    if (!i->command) {
        help_all(i, stderr);
        return is_given(i, OPTION_HELP) ? EXIT_OK : EXIT_USAGE;
    }
    const struct command *c = command_find(i->command);
    if (!c)
        return unknown_command(i);
    if (is_given(i, OPTION_HELP)) {
        help_command(i, c, stdout);
        return EXIT_OK;
    }
    int code = arguments_check(i, c);
    return code == EXIT_OK ? c->run(i, c) : code;
}

int main(int argc, char **argv)
{
    static struct invocation invocation;
    arguments_parse(&invocation, argc, argv);
    int code = run(&invocation);
    ask_close(&invocation.ask);
    lv_buffer_free(&invocation.invalid);
    lv_buffer_free(&invocation.places);
    lv_buffer_free(&invocation.nodes);
    if (fflush(stdout) != 0 && code == EXIT_OK)
        code = EXIT_SOFTWARE;
    return code;
}
