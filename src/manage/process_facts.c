#include "manage/process_facts.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/digits.h"

/* --- descriptors ------------------------------------------------------------------------------ */

static bool is_socket(DIR *dir, const char *name)
{
    char target[16] = "";
    ssize_t n = readlinkat(dirfd(dir), name, target, sizeof target - 1);
    return n > 0 && strncmp(target, "socket:", strlen("socket:")) == 0;
}

static void count_files(struct process_facts *ret)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        ret->files_used += entry->d_name[0] != '.';
        ret->sockets_used += is_socket(dir, entry->d_name);
    }
    closedir(dir);
    ret->files_used--; /* without the descriptor of this listing */
}

/* --- /proc/self/status ------------------------------------------------------------------------ */

uint64_t status_number(struct slice text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = (const char *)text.p, *end = line + text.n; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t n = (size_t)((stop ? stop : end) - line);
        if (n > length && line[length] == ':' && memcmp(line, name, length) == 0) {
            uint64_t number = 0;
            size_t i = length + 1;
            while (i < n && (line[i] == ' ' || line[i] == '\t'))
                i++;
            for (; i < n && line[i] >= '0' && line[i] <= '9'; i++)
                number = number * 10 + (uint64_t)(line[i] - '0');
            return number;
        }
        line += n + 1;
    }
    return 0;
}

/* Reads the beginning of a file into the space. Returns what was read; nothing if it cannot be. */
static struct slice file_read(const char *path, char *space, size_t bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, space, bytes);
    if (fd >= 0)
        close(fd);
    return slice_of(space, n > 0 ? (size_t)n : 0);
}

static void read_status(struct process_facts *ret)
{
    char bytes[4096];
    struct slice text = file_read("/proc/self/status", bytes, sizeof bytes);
    ret->threads = status_number(text, "Threads");
    ret->private_bytes = status_number(text, "RssAnon") * 1024;
    ret->mapped_bytes = (status_number(text, "RssFile") + status_number(text, "RssShmem")) * 1024;
}

static void read_io(struct process_facts *ret)
{
    char bytes[512];
    struct slice text = file_read("/proc/self/io", bytes, sizeof bytes);
    ret->disk_read_bytes = status_number(text, "read_bytes");
    ret->disk_written_bytes = status_number(text, "write_bytes");
}

/* --- all of it -------------------------------------------------------------------------------- */

static uint64_t limit_of(__rlimit_resource_t resource)
{
    struct rlimit limit;
    return getrlimit(resource, &limit) == 0 ? (uint64_t)limit.rlim_cur : 0;
}

/* The machine's limit counts if the user has none. */
static uint64_t threads_limit(void)
{
    char bytes[32];
    uint64_t machines = 0, users = limit_of(RLIMIT_NPROC);
    struct slice text = file_read("/proc/sys/kernel/threads-max", bytes, sizeof bytes);
    lv_digits_take(&text, &machines);
    return machines > 0 && machines < users ? machines : users;
}

void process_facts_read(struct process_facts *ret)
{
    *ret = (struct process_facts){
        .files_max = limit_of(RLIMIT_NOFILE),
        .threads_max = threads_limit(),
    };
    count_files(ret);
    read_status(ret);
    read_io(ret);
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        ret->context_switches = (uint64_t)usage.ru_nvcsw + (uint64_t)usage.ru_nivcsw;
}
