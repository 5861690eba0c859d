/* Two lines of text, each with a version. */
#include "store/version_file.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "store/small_file.h"

#define VERSION_FILE "version"

/* The first release that reads what this one writes. A change of SCHEMA_VERSION, of a version of
 * the log or of the segments, or of what older releases would misread, sets it to the release with
 * that change. */
#define READABLE_FROM "0.1.0"

#define CONTENT "leveret " LEVERET_VERSION "\nreadable from " READABLE_FROM "\n"

enum { CONTENT_MAX = 128 };

struct version {
    uint32_t numbers[3];
};

/* Versions are compared by their numbers; what follows them (-rc1) has no part in that. */
static bool version_parse(const char *text, struct version *ret)
{
    return sscanf(text, "%9" SCNu32 ".%9" SCNu32 ".%9" SCNu32, &ret->numbers[0], &ret->numbers[1],
                  &ret->numbers[2]) == 3;
}

static bool version_is_less(const struct version *a, const struct version *b)
{
    for (int i = 0; i < 3; i++)
        if (a->numbers[i] != b->numbers[i])
            return a->numbers[i] < b->numbers[i];
    return false;
}

int version_file_check(const char *dir)
{
    char text[CONTENT_MAX + 1], writer[32], needed[32];
    struct version own, least;
    int n = small_file_read(dir, VERSION_FILE, (uint8_t *)text, CONTENT_MAX);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    if (sscanf(text, "leveret %31s readable from %31s", writer, needed) != 2 ||
        !version_parse(needed, &least) || !version_parse(LEVERET_VERSION, &own) ||
        !version_is_less(&own, &least))
        return 0;
    return lv_error_explain(ERR_FORMAT,
                            "it was last opened by Leveret %s, and this is " LEVERET_VERSION
                            ": Leveret %s or a later one reads it",
                            writer, needed);
}

int version_file_write(const char *dir)
{
    char text[CONTENT_MAX + 1];
    int n = small_file_read(dir, VERSION_FILE, (uint8_t *)text, CONTENT_MAX);
    if (n == sizeof CONTENT - 1 && memcmp(text, CONTENT, (size_t)n) == 0)
        return 0;
    return small_file_replace(dir, VERSION_FILE,
                              slice_of((const uint8_t *)CONTENT, sizeof CONTENT - 1));
}
