/* The names of columns in the table of commands, which come from manage/columns.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "leveretctl/command.h"

/* Whether `names`, "a, b", has this name of n characters. */
static bool has_name(const char *names, const char *name, size_t n)
{
    for (const char *p = names; *p; p += strspn(p, ", ")) {
        size_t length = strcspn(p, ", ");
        if (length == n && memcmp(p, name, n) == 0)
            return true;
        p += length;
    }
    return false;
}

static void check_defaults(const struct command *c)
{
    for (const char *p = c->listing.columns; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        if (!has_name(c->listing.all_columns, p, n))
            fail_msg("%s: there is no column %.*s", c->name, (int)n, p);
        p += n;
    }
}

static void columns_shown_by_default_are_some_of_all(void **state)
{
    (void)state;
    for (const struct command_group *g = command_groups; g->title; g++)
        for (const struct command *c = g->commands; c->name; c++)
            if (c->listing.all_columns)
                check_defaults(c);
}

static void check_order(const struct command *c)
{
    char before[64] = "";
    for (const char *p = c->listing.all_columns; *p; p += strspn(p, ", ")) {
        char name[64];
        size_t n = strcspn(p, ", ");
        snprintf(name, sizeof name, "%.*s", (int)n, p);
        if (strcmp(before, name) >= 0)
            fail_msg("%s: %s comes before %s", c->name, before, name);
        memcpy(before, name, sizeof before);
        p += n;
    }
}

static void help_lists_columns_by_name(void **state)
{
    (void)state;
    size_t lists = 0;
    for (const struct command_group *g = command_groups; g->title; g++)
        for (const struct command *c = g->commands; c->name; c++)
            if (c->listing.all_columns) {
                check_order(c);
                lists++;
            }
    assert_true(lists >= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_shown_by_default_are_some_of_all),
        cmocka_unit_test(help_lists_columns_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
