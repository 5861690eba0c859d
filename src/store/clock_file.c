/* The file DIR/clock: a few lines of text, replaced as a whole. They are written to DIR/clock.new,
 * which is synced and renamed, so that a crash leaves the old file or the new one. The folder is
 * not synced, since either file will do. docs/formats/clock.md describes the lines. */
#include "store/clock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/error.h"

#define FORMAT                                                                                     \
    "leveret clock 1\nsteady_ms %" PRIu64 "\nwall_ms %" PRIu64 "\nup_ms %" PRIu64 "\nboot %s\n"
#define FORMAT_READ                                                                                \
    "leveret clock 1\nsteady_ms %" SCNu64 "\nwall_ms %" SCNu64 "\nup_ms %" SCNu64 "\nboot %63s%n"

enum { TEXT_BYTES_MAX = 256 };

static const char unknown_boot[] = "unknown";

/* Reads a small file and ends the text with a NUL. Returns the number of bytes, or a negative
 * ERR_... */
static int read_text(const char *path, char text[TEXT_BYTES_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lv_error_from_errno(errno);
    ssize_t n = read(fd, text, TEXT_BYTES_MAX - 1);
    int err = n < 0 ? lv_error_from_errno(errno) : (int)n;
    close(fd);
    if (n >= 0)
        text[n] = '\0';
    return err;
}

int clock_file_read(const char *dir, struct clock_reading *ret)
{
    struct lv_buffer path = {0};
    lv_buffer_printf(&path, "%s/clock", dir);
    char text[TEXT_BYTES_MAX];
    int n = read_text((const char *)path.p, text);
    lv_buffer_free(&path);
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

static int write_synced(const char *path, const char *text, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return lv_error_from_errno(errno);
    ssize_t written = write(fd, text, n);
    int err = 0;
    if (written < 0 || fsync(fd) != 0)
        err = lv_error_from_errno(errno);
    else if ((size_t)written < n)
        err = ERR_NO_SPACE;
    close(fd);
    return err;
}

int clock_file_write(const char *dir, const struct clock_reading *r)
{
    struct lv_buffer path = {0}, fresh = {0};
    lv_assert(memchr(r->boot, '\0', sizeof r->boot) != NULL);
    char text[TEXT_BYTES_MAX];
    int n = snprintf(text, sizeof text, FORMAT, r->steady_ms, r->wall_ms, r->up_ms,
                     r->boot[0] ? r->boot : unknown_boot);
    lv_assert(n > 0 && n < TEXT_BYTES_MAX);
    lv_buffer_printf(&path, "%s/clock", dir);
    lv_buffer_printf(&fresh, "%s/clock.new", dir);
    int err = write_synced((const char *)fresh.p, text, (size_t)n);
    if (err == 0 && rename((const char *)fresh.p, (const char *)path.p) != 0)
        err = lv_error_from_errno(errno);
    lv_buffer_free(&path);
    lv_buffer_free(&fresh);
    return err;
}

void clock_file_boot(char ret[CLOCK_BOOT_BYTES_MAX])
{
    ret[0] = '\0';
    char text[TEXT_BYTES_MAX];
    if (read_text("/proc/sys/kernel/random/boot_id", text) > 0)
        sscanf(text, "%63s", ret);
}
