/* docs/metrics.md lists every metric. With LEVERET_WRITE_DOCS=1 the list is written anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/family.h"

#define MARK "<!-- from src/metrics/families.h; tests/unit/metrics/test_docs.c -->\n"

static FILE *open_docs(const char *mode)
{
    char path[4096];
    const char *root = getenv("LEVERET_SOURCE");
    snprintf(path, sizeof path, "%s/docs/metrics.md", root ? root : ".");
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    return file;
}

static void read_docs(struct lv_buffer *ret)
{
    FILE *file = open_docs("r");
    size_t n;
    do {
        n = fread(lv_buffer_reserve(ret, 4096), 1, 4096, file);
        ret->n += n;
    } while (n > 0);
    fclose(file);
    lv_buffer_add_u8(ret, 0);
}

static void the_documentation_lists_every_metric(void **state)
{
    (void)state;
    struct lv_buffer docs = {0}, list = {0};
    read_docs(&docs);
    families_describe(&list);
    lv_buffer_add_u8(&list, 0);
    char *mark = strstr((char *)docs.p, MARK);
    assert_non_null(mark);
    char *listed = mark + strlen(MARK);
    if (getenv("LEVERET_WRITE_DOCS")) {
        *listed = '\0';
        FILE *file = open_docs("w");
        fprintf(file, "%s%s", (const char *)docs.p, (const char *)list.p);
        fclose(file);
    } else if (strcmp(listed, (const char *)list.p) != 0) {
        fail_msg("docs/metrics.md is not what families.h says: run this test with "
                 "LEVERET_WRITE_DOCS=1");
    }
    lv_buffer_free(&docs);
    lv_buffer_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documentation_lists_every_metric),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
