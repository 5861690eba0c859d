/* How much memory the machine has, and how much of it the process uses. */
#include "leveretd/machine_memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/digits.h"

/* --- parsing ---------------------------------------------------------------------------------- */

bool statm_parse(struct slice text, uint64_t page_bytes, uint64_t *ret)
{
    uint64_t size, resident;
    if (!lv_digits_take(&text, &size) || text.n == 0 || text.p[0] != ' ')
        return false;
    text = slice_of(text.p + 1, text.n - 1);
    if (!lv_digits_take(&text, &resident) || text.n == 0 || text.p[0] != ' ')
        return false;
    return !__builtin_mul_overflow(resident, page_bytes, ret);
}

bool cgroup_parse_limit(struct slice text, uint64_t *ret)
{
    /* Version 1 writes "no limit" as the largest multiple of a page, which depends on the kernel.
     */
    const uint64_t none_from = UINT64_C(1) << 60;
    uint64_t n;
    if (!lv_digits_take(&text, &n) || n >= none_from)
        return false;
    *ret = n;
    return true;
}

/* Returns true if `name` is one of the controllers in a list such as "cpu,memory". */
static bool list_has_controller(struct slice list, const char *name)
{
    size_t n = strlen(name);
    for (size_t at = 0; at < list.n;) {
        size_t end = at;
        while (end < list.n && list.p[end] != ',')
            end++;
        if (end - at == n && memcmp(list.p + at, name, n) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

/* Takes what is before the separator, or all if there is none, off *rest; drops the separator. */
static struct slice take_until(struct slice *rest, char separator)
{
    const uint8_t *end = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    struct slice taken = slice_of(rest->p, n);
    size_t skip = end ? n + 1 : n;
    *rest = slice_of(rest->p + skip, rest->n - skip);
    return taken;
}

bool cgroup_parse_path(struct slice text, struct slice *ret, bool *ret_is_v1)
{
    bool has_v2 = false;
    while (text.n) {
        struct slice line = take_until(&text, '\n');
        struct slice number = take_until(&line, ':');
        struct slice controllers = take_until(&line, ':');
        if (list_has_controller(controllers, "memory")) {
            *ret = line;
            *ret_is_v1 = true;
            return true;
        }
        if (slice_is(number, "0") && controllers.n == 0) {
            *ret = line;
            *ret_is_v1 = false;
            has_v2 = true;
        }
    }
    return has_v2;
}

/* --- reading files ---------------------------------------------------------------------------- */

enum { FILE_BYTES_MAX = 4096, PATH_BYTES_MAX = 4096 };

/* Returns at most the first n bytes of a file, in `room`; empty if it cannot be read. */
static struct slice read_small(const char *path, char *room, size_t n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return SLICE_EMPTY;
    ssize_t got = read(fd, room, n);
    close(fd);
    return got > 0 ? slice_of(room, (size_t)got) : SLICE_EMPTY;
}

static void lower_to_group_limit(const char *path, uint64_t *total)
{
    char text[64];
    uint64_t limit;
    if (cgroup_parse_limit(read_small(path, text, sizeof text), &limit) && limit < *total)
        *total = limit;
}

static void lower_to_group_file(const char *root, struct slice group, const char *file,
                                uint64_t *total)
{
    char path[PATH_BYTES_MAX];
    int length = snprintf(path, sizeof path, "%s%.*s/%s", root, SLICE_ARG(group), file);
    if (length > 0 && (size_t)length < sizeof path)
        lower_to_group_limit(path, total);
}

/* Lowers *total to the limits of the group and of every group around it. In a container the path is
 * the host's, so none of these groups' files exists but that of the root, which the loop reads
 * last. */
static void lower_to_groups(struct slice group, bool is_v1, uint64_t *total)
{
    const char *root = is_v1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
    /* Above memory.high the kernel does not kill, but slows the process down until it hangs. */
    const char *const files[] = {is_v1 ? "memory.limit_in_bytes" : "memory.max", "memory.high"};
    size_t count = is_v1 ? 1 : 2;
    for (size_t n = group.n;;) {
        while (n > 0 && group.p[n - 1] == '/')
            n--;
        for (size_t i = 0; i < count; i++)
            lower_to_group_file(root, slice_of(group.p, n), files[i], total);
        if (n == 0)
            return;
        while (n > 0 && group.p[n - 1] != '/')
            n--;
    }
}

uint64_t machine_memory_bytes(void)
{
    uint64_t total = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    char text[FILE_BYTES_MAX];
    struct slice group;
    bool is_v1;
    if (cgroup_parse_path(read_small("/proc/self/cgroup", text, sizeof text), &group, &is_v1))
        lower_to_groups(group, is_v1, &total);
    return total;
}

bool machine_memory_resident(uint64_t *ret)
{
    char text[128];
    return statm_parse(read_small("/proc/self/statm", text, sizeof text),
                       (uint64_t)sysconf(_SC_PAGESIZE), ret);
}
