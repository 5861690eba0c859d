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

static void columns_shown_by_default_are_some_of_all(void **state)
{
    (void)state;
    for (const struct command *c = commands; c->name; c++) {
        if (!c->all_columns || !c->columns)
            continue;
        for (const char *p = c->columns; *p; p += strspn(p, " ")) {
            size_t n = strcspn(p, " ");
            if (!has_name(c->all_columns, p, n))
                fail_msg("%s: there is no column %.*s", c->name, (int)n, p);
            p += n;
        }
    }
}

static void help_lists_columns_by_name(void **state)
{
    (void)state;
    size_t lists = 0;
    for (const struct command *c = commands; c->name; c++) {
        char before[64] = "";
        for (const char *p = c->all_columns ? c->all_columns : ""; *p; p += strspn(p, ", ")) {
            char name[64];
            size_t n = strcspn(p, ", ");
            snprintf(name, sizeof name, "%.*s", (int)n, p);
            if (strcmp(before, name) >= 0)
                fail_msg("%s: %s comes before %s", c->name, before, name);
            memcpy(before, name, sizeof before);
            p += n;
        }
        lists += c->all_columns != NULL;
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
