#include "store/paper_disk.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"

enum { SHEETS_MAX = 512, NAME_BYTES = 64 };

struct sheet {
    char name[NAME_BYTES]; /* "": none */
    struct lv_buffer bytes;
    struct lv_buffer synced;
};

struct disk_file {
    struct sheet *sheet;
    bool is_writable;
};

struct paper {
    struct disk disk;
    pthread_mutex_t lock;
    struct sheet sheets[SHEETS_MAX];
    struct lv_buffer trace;
    struct lv_buffer shown;
    const void *last_written;
    unsigned open_count;
    unsigned open_max;
    uint64_t room;
    const char *fail_kind;
    unsigned fail_from;
    unsigned fail_times;
    int fail_error;
    unsigned calls;
};

static struct paper *paper_of(struct disk *disk)
{
    return lv_container_of(disk, struct paper, disk);
}

static struct sheet *sheet_find(struct paper *p, const char *name)
{
    for (size_t i = 0; i < SHEETS_MAX; i++)
        if (strcmp(p->sheets[i].name, name) == 0)
            return &p->sheets[i];
    return NULL;
}

/* Adds the call to the trace. Returns the error it is to fail with, or 0. Leaves the lock held. */
static int call_begin(struct paper *p, const char *kind, const char *name)
{
    pthread_mutex_lock(&p->lock);
    lv_buffer_printf(&p->trace, "%s %s\n", kind, name);
    if (p->fail_kind && strcmp(p->fail_kind, kind) != 0)
        return 0;
    p->calls++;
    return p->calls >= p->fail_from && p->calls - p->fail_from < p->fail_times ? p->fail_error : 0;
}

/* Adds an error to the call's line, and releases the lock. */
static int call_end(struct paper *p, int err)
{
    if (err < 0) {
        p->trace.n--;
        lv_buffer_printf(&p->trace, ": %s\n", lv_error_name(err));
    }
    pthread_mutex_unlock(&p->lock);
    return err;
}

static void trace_range(struct paper *p, uint64_t offset, size_t bytes)
{
    p->trace.n--;
    lv_buffer_printf(&p->trace, " %" PRIu64 "+%zu\n", offset, bytes);
}

static int sheet_open(struct paper *p, const char *path, enum disk_open how, struct disk_file **ret)
{
    struct sheet *sheet = sheet_find(p, path);
    if (p->open_count >= p->open_max)
        return ERR_NO_DESCRIPTORS;
    if (!sheet && how != DISK_OPEN_CREATE)
        return ERR_NOT_FOUND;
    if (!sheet) {
        sheet = sheet_find(p, "");
        lv_assert(sheet != NULL);
        snprintf(sheet->name, NAME_BYTES, "%s", path);
    }
    if (how == DISK_OPEN_CREATE)
        sheet->bytes.n = 0;
    *ret = lv_malloc(sizeof **ret);
    **ret = (struct disk_file){sheet, how != DISK_OPEN_READ};
    p->open_count++;
    return 0;
}

static int paper_open(struct disk *disk, const char *path, enum disk_open how,
                      struct disk_file **ret)
{
    static const char *kinds[] = {"open", "open-to-write", "create"};
    struct paper *p = paper_of(disk);
    int err = call_begin(p, kinds[how], path);
    return call_end(p, err < 0 ? err : sheet_open(p, path, how, ret));
}

static void paper_close(struct disk *disk, struct disk_file **file)
{
    struct paper *p = paper_of(disk);
    if (!*file)
        return;
    pthread_mutex_lock(&p->lock);
    lv_buffer_printf(&p->trace, "close %s\n", (*file)->sheet->name);
    p->open_count--;
    pthread_mutex_unlock(&p->lock);
    free(*file);
    *file = NULL;
}

static void sheet_write(struct lv_buffer *to, uint64_t offset, const struct iovec *part)
{
    uint64_t end_offset = offset + part->iov_len;
    if (to->n < end_offset) {
        uint8_t *more = lv_buffer_reserve(to, end_offset - to->n);
        memset(more, 0, end_offset - to->n);
        to->n = end_offset;
    }
    memcpy(to->p + offset, part->iov_base, part->iov_len);
}

static int paper_write(struct disk *disk, struct disk_file *file, uint64_t offset,
                       const struct iovec *parts, size_t count)
{
    struct paper *p = paper_of(disk);
    int err = call_begin(p, "write", file->sheet->name);
    uint64_t at = offset;
    lv_assert(file->is_writable);
    p->last_written = parts[0].iov_base;
    for (size_t i = 0; i < count; i++) {
        if (err == 0)
            sheet_write(&file->sheet->bytes, at, &parts[i]);
        at += parts[i].iov_len;
    }
    trace_range(p, offset, at - offset);
    return call_end(p, err);
}

static int paper_read(struct disk *disk, struct disk_file *file, uint64_t offset, void *to,
                      size_t bytes, size_t *ret_read)
{
    struct paper *p = paper_of(disk);
    int err = call_begin(p, "read", file->sheet->name);
    trace_range(p, offset, bytes);
    if (err < 0)
        return call_end(p, err);
    const struct lv_buffer *from = &file->sheet->bytes;
    size_t n = offset >= from->n ? 0 : from->n - offset;
    *ret_read = n < bytes ? n : bytes;
    if (*ret_read > 0)
        memcpy(to, from->p + offset, *ret_read);
    return call_end(p, 0);
}

static int paper_sync(struct disk *disk, struct disk_file *file)
{
    struct paper *p = paper_of(disk);
    int err = call_begin(p, "sync", file->sheet->name);
    lv_assert(file->is_writable);
    if (err == 0) {
        file->sheet->synced.n = 0;
        lv_buffer_add_slice(&file->sheet->synced, lv_buffer_slice(&file->sheet->bytes));
    }
    return call_end(p, err);
}

static int paper_remove(struct disk *disk, const char *path)
{
    struct paper *p = paper_of(disk);
    int err = call_begin(p, "remove", path);
    struct sheet *sheet = sheet_find(p, path);
    if (err < 0 || !sheet)
        return call_end(p, err < 0 ? err : ERR_NOT_FOUND);
    lv_buffer_free(&sheet->bytes);
    lv_buffer_free(&sheet->synced);
    sheet->name[0] = '\0';
    return call_end(p, 0);
}

static int paper_make_directory(struct disk *disk, const char *path)
{
    struct paper *p = paper_of(disk);
    return call_end(p, call_begin(p, "make-folder", path));
}

static int paper_sync_directory(struct disk *disk, const char *path)
{
    struct paper *p = paper_of(disk);
    int err = call_begin(p, "sync-folder", path);
    return call_end(p, err == 0 && p->open_count >= p->open_max ? ERR_NO_DESCRIPTORS : err);
}

static int paper_list(struct disk *disk, const char *path,
                      void (*visit)(void *arg, const char *name, uint64_t bytes), void *arg)
{
    struct paper *p = paper_of(disk);
    int err = call_begin(p, "list", path);
    size_t n = strlen(path);
    for (size_t i = 0; err == 0 && i < SHEETS_MAX; i++) {
        const char *name = p->sheets[i].name;
        if (strncmp(name, path, n) == 0 && name[n] == '/')
            visit(arg, name + n + 1, p->sheets[i].bytes.n);
    }
    return call_end(p, err);
}

static uint64_t paper_room(struct disk *disk)
{
    struct paper *p = paper_of(disk);
    pthread_mutex_lock(&p->lock);
    uint64_t room = p->room;
    pthread_mutex_unlock(&p->lock);
    return room;
}

struct paper *paper_create(void)
{
    struct paper *p = lv_calloc(1, sizeof *p);
    p->disk = (struct disk){
        .open = paper_open,
        .close = paper_close,
        .write = paper_write,
        .read = paper_read,
        .sync = paper_sync,
        .remove = paper_remove,
        .make_directory = paper_make_directory,
        .sync_directory = paper_sync_directory,
        .room = paper_room,
        .list = paper_list,
    };
    p->open_max = UINT_MAX;
    p->room = UINT64_MAX;
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void paper_free(struct paper **paper)
{
    struct paper *p = *paper;
    lv_assert(p->open_count == 0);
    for (size_t i = 0; i < SHEETS_MAX; i++) {
        lv_buffer_free(&p->sheets[i].bytes);
        lv_buffer_free(&p->sheets[i].synced);
    }
    lv_buffer_free(&p->trace);
    lv_buffer_free(&p->shown);
    pthread_mutex_destroy(&p->lock);
    free(p);
    *paper = NULL;
}

struct disk *paper_disk(struct paper *paper)
{
    return &paper->disk;
}

const char *paper_trace(struct paper *p)
{
    struct lv_buffer before = p->shown;
    lv_buffer_add_u8(&p->trace, 0);
    p->shown = p->trace;
    p->trace = before;
    p->trace.n = 0;
    return (const char *)p->shown.p;
}

struct slice paper_bytes(struct paper *paper, const char *path)
{
    struct sheet *sheet = sheet_find(paper, path);
    return sheet ? lv_buffer_slice(&sheet->bytes) : SLICE_EMPTY;
}

struct slice paper_synced(struct paper *paper, const char *path)
{
    struct sheet *sheet = sheet_find(paper, path);
    return sheet ? lv_buffer_slice(&sheet->synced) : SLICE_EMPTY;
}

const void *paper_last_written(const struct paper *paper)
{
    return paper->last_written;
}

void paper_fail(struct paper *paper, const char *kind, unsigned number, unsigned times, int error)
{
    paper->fail_kind = kind;
    paper->fail_from = number;
    paper->fail_times = times;
    paper->fail_error = error;
    paper->calls = 0;
}

unsigned paper_calls(const struct paper *paper)
{
    return paper->calls;
}

void paper_set_room(struct paper *paper, uint64_t bytes)
{
    paper->room = bytes;
}

void paper_set_open_max(struct paper *paper, unsigned files)
{
    paper->open_max = files;
}

unsigned paper_open_count(const struct paper *paper)
{
    return paper->open_count;
}
