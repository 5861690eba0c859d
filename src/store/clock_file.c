/* The file DIR/clock: a few lines of text, replaced as a whole. docs/formats/clock.md describes
 * them. */
#include "store/clock_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "store/small_file.h"

#define FORMAT                                                                                     \
    "leveret clock 1\nsteady_ms %" PRIu64 "\nwall_ms %" PRIu64 "\nup_ms %" PRIu64 "\nboot %s\n"
#define FORMAT_READ                                                                                \
    "leveret clock 1\nsteady_ms %" SCNu64 "\nwall_ms %" SCNu64 "\nup_ms %" SCNu64 "\nboot %63s%n"

enum { TEXT_BYTES_MAX = 256 };

static const char unknown_boot[] = "unknown";

/* Reads a small file and ends the text with a NUL. Returns the number of bytes, or a negative
 * ERR_... */
static int read_text(const char *dir, const char *name, char text[TEXT_BYTES_MAX])
{
    int n = small_file_read(dir, name, (uint8_t *)text, TEXT_BYTES_MAX - 1);
    text[n < 0 ? 0 : n] = '\0';
    return n;
}

int clock_file_read(const char *dir, struct clock_reading *ret)
{
    char text[TEXT_BYTES_MAX];
    int n = read_text(dir, "clock", text);
    if (n < 0)
        return n;
    int end = 0;
    struct clock_reading r = {0};
    if (sscanf(text, FORMAT_READ, &r.steady_ms, &r.wall_ms, &r.up_ms, r.boot, &end) != 4 ||
        end + 1 != n || text[end] != '\n')
        return ERR_FORMAT;
    if (strcmp(r.boot, unknown_boot) == 0)
        r.boot[0] = '\0';
    *ret = r;
    return 0;
}

int clock_file_write(const char *dir, const struct clock_reading *r)
{
    lv_assert(memchr(r->boot, '\0', sizeof r->boot) != NULL);
    char text[TEXT_BYTES_MAX];
    int n = snprintf(text, sizeof text, FORMAT, r->steady_ms, r->wall_ms, r->up_ms,
                     r->boot[0] ? r->boot : unknown_boot);
    lv_assert(n > 0 && n < TEXT_BYTES_MAX);
    return small_file_replace(dir, "clock", slice_of(text, (size_t)n));
}

void clock_file_boot(char ret[CLOCK_BOOT_BYTES_MAX])
{
    ret[0] = '\0';
    char text[TEXT_BYTES_MAX];
    if (read_text("/proc/sys/kernel/random", "boot_id", text) > 0)
        sscanf(text, "%63s", ret);
}
