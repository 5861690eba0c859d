#include "leveretd/said.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

void said_add(void *arg, enum log_level level, const char *text)
{
    static const char *const names[] = {"debug", "info", "warning", "error", "critical", "none"};
    lv_buffer_printf(arg, "%s: %s\n", names[level], text);
}

void said_check(struct lv_buffer *said, const char *expected)
{
    char *text = slice_strdup(lv_buffer_slice(said));
    assert_string_equal(text, expected);
    free(text);
    lv_buffer_free(said);
}

char *said_file(const char *text)
{
    char *name = lv_strdup("/tmp/leveret-conf-XXXXXX");
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return name;
}

static const char *const *environment;

void environment_set(const char *const *pairs)
{
    environment = pairs;
}

const char *environment_get(const char *name)
{
    for (const char *const *p = environment; p && *p; p += 2)
        if (strcmp(p[0], name) == 0)
            return p[1];
    return NULL;
}
