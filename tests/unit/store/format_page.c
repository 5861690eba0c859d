#include "store/format_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The page lies beside the tests, where this file was compiled. */
static FILE *page_open(const char *page)
{
    const char *end = strstr(__FILE__, "tests/unit/");
    assert_non_null(end);
    struct lv_buffer path = {0};
    lv_buffer_printf(&path, "%.*s%s", (int)(end - __FILE__), __FILE__, page);
    FILE *file = fopen((const char *)path.p, "r");
    if (!file)
        fail_msg("cannot open %s: run this where it was built", (const char *)path.p);
    lv_buffer_free(&path);
    return file;
}

static void add_line(struct lv_buffer *out, const char *line)
{
    if (strspn(line, "0123456789abcdef") != 4 || strncmp(line + 4, "  ", 2) != 0)
        return;
    char *p;
    assert_int_equal(strtoul(line, &p, 16), out->n);
    for (p += 2; strspn(p, "0123456789abcdef") == 2; p += p[2] == ' ' ? 3 : 2)
        lv_buffer_add_u8(out, (uint8_t)strtoul(p, NULL, 16));
}

struct lv_buffer format_page_bytes(const char *page)
{
    struct lv_buffer out = {0};
    FILE *file = page_open(page);
    char line[256];
    while (fgets(line, sizeof line, file))
        add_line(&out, line);
    fclose(file);
    return out;
}
