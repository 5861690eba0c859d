/* docs/doctor.md describes every rule. With --write as its argument this program makes its second
 * part (scripts/api-docs). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manage/doctor_rules.h"

/* What precedes is written by hand. */
#define MARK "<!-- What follows is made by scripts/api-docs. -->\n"

static const char *path(void)
{
    static char text[4096];
    const char *source = getenv("LEVERET_SOURCE");
    snprintf(text, sizeof text, "%s/docs/doctor.md", source ? source : ".");
    return text;
}

static void read_document(struct lv_buffer *ret)
{
    FILE *file = fopen(path(), "rb");
    for (int c; file && (c = fgetc(file)) != EOF;)
        lv_buffer_add_u8(ret, (uint8_t)c);
    if (file)
        fclose(file);
}

static void describe_rule(const struct doctor_rule *rule, struct lv_buffer *ret)
{
    lv_buffer_printf(ret, "\n### %s\n\n**%s.** Up to: %s.\n\n", rule->name, rule->title,
                     severity_name(rule->severity));
    lv_buffer_printf(ret, "- Sees: %s\n- Why: %s\n- What to do: %s\n", rule->sees, rule->why,
                     rule->remedy);
}

/* Returns the document as it should be; its first part is that of the file. */
static void make_document(struct lv_buffer *ret)
{
    read_document(ret);
    const uint8_t *mark = ret->n ? memmem(ret->p, ret->n, MARK, strlen(MARK)) : NULL;
    assert_non_null(mark);
    ret->n = (size_t)(mark - ret->p) + strlen(MARK);
    for (unsigned id = 0; id < DOCTOR_RULES_COUNT; id++)
        describe_rule(&doctor_rules[id], ret);
}

static void the_document_is_current(void **state)
{
    (void)state;
    struct lv_buffer file = {0}, made = {0};
    read_document(&file);
    make_document(&made);
    if (!slice_equal(lv_buffer_slice(&file), lv_buffer_slice(&made)))
        fail_msg("docs/doctor.md is not what the rules say: run scripts/api-docs");
    lv_buffer_free(&file);
    lv_buffer_free(&made);
}

static int write_document(void)
{
    struct lv_buffer made = {0};
    make_document(&made);
    FILE *file = fopen(path(), "wb");
    bool is_written = file && fwrite(made.p, 1, made.n, file) == made.n;
    lv_buffer_free(&made);
    return file && fclose(file) == 0 && is_written ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_document_is_current)};
    if (argc > 1 && strcmp(argv[1], "--write") == 0)
        return write_document();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
