/* The names of segment files, the listing of their folder, and the table of the files in use. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/segments_private.h"

/* --- names ------------------------------------------------------------------------------------ */

void segment_file_path(char *path, uint64_t queue, uint64_t number)
{
    int n = snprintf(path, SEGMENT_PATH_BYTES, SEGMENTS_FOLDER "/%" PRIx64 "-%" PRIx64 ".seg",
                     queue, number);
    lv_assert(n < SEGMENT_PATH_BYTES);
}

/* Reads the queue and the number from a file's name. Returns false unless segment_file_path() would
 * make this name from them. */
static bool file_name_parse(const char *name, uint64_t *ret_queue, uint64_t *ret_number)
{
    uint64_t queue;
    uint64_t number;
    if (sscanf(name, "%16" SCNx64 "-%16" SCNx64 ".seg", &queue, &number) != 2)
        return false;
    char path[SEGMENT_PATH_BYTES];
    segment_file_path(path, queue, number);
    if (strcmp(path + sizeof SEGMENTS_FOLDER, name) != 0)
        return false;
    *ret_queue = queue;
    *ret_number = number;
    return true;
}

/* --- the table -------------------------------------------------------------------------------- */

static struct segment_file **file_bucket(struct segments *s, uint64_t queue, uint64_t number)
{
    uint64_t hash = (queue * 0x9e3779b97f4a7c15u + number) * 0x9e3779b97f4a7c15u;
    return &s->buckets[(hash >> 32) & (SEGMENT_FILE_BUCKETS - 1)];
}

struct segment_file *segment_file_get(struct segments *s, uint64_t queue, uint64_t number)
{
    struct segment_file **bucket = file_bucket(s, queue, number);
    lv_assert(s->is_locked);
    for (struct segment_file *f = *bucket; f; f = f->next)
        if (f->queue == queue && f->number == number)
            return f;
    struct segment_file *f = lv_calloc(1, sizeof *f);
    f->queue = queue;
    f->number = number;
    f->next = *bucket;
    *bucket = f;
    lv_list_init(&f->ready);
    lv_list_init(&f->open);
    return f;
}

static bool file_is_needed(const struct segment_file *f)
{
    return f->handle || f->is_busy || f->write_error || f->error || f->first;
}

void segment_file_free_unless_needed(struct segments *s, struct segment_file *f)
{
    struct segment_file **at = file_bucket(s, f->queue, f->number);
    lv_assert(s->is_locked);
    lv_assert(segments_is_worker(s));
    if (file_is_needed(f))
        return;
    lv_assert(lv_list_is_empty(&f->ready));
    lv_assert(lv_list_is_empty(&f->open));
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    free(f);
}

/* --- what is in the folder -------------------------------------------------------------------- */

struct listing {
    void (*visit)(void *arg, uint64_t queue, uint64_t number, uint64_t bytes);
    void *arg;
};

static void listing_visit_name(void *arg, const char *name, uint64_t bytes)
{
    struct listing *listing = arg;
    uint64_t queue;
    uint64_t number;
    if (file_name_parse(name, &queue, &number))
        listing->visit(listing->arg, queue, number, bytes);
}

int segments_list(struct segments *s,
                  void (*visit)(void *arg, uint64_t queue, uint64_t number, uint64_t bytes),
                  void *arg)
{
    struct listing listing = {visit, arg};
    lv_assert(visit != NULL);
    return s->disk->list(s->disk, SEGMENTS_FOLDER, listing_visit_name, &listing);
}

struct file_id {
    uint64_t queue;
    uint64_t number;
};

static void file_id_add(void *arg, uint64_t queue, uint64_t number, uint64_t bytes)
{
    const struct file_id id = {queue, number};
    (void)bytes;
    lv_buffer_add(arg, &id, sizeof id);
}

static int file_check_version(struct segments *s, const struct file_id *id)
{
    char path[SEGMENT_PATH_BYTES];
    segment_file_path(path, id->queue, id->number);
    struct disk_file *file = NULL;
    if (s->disk->open(s->disk, path, DISK_OPEN_READ, &file) < 0)
        return 0;
    size_t got = 0;
    uint8_t beginning[8];
    if (s->disk->read(s->disk, file, 0, beginning, sizeof beginning, &got) < 0)
        got = 0;
    s->disk->close(s->disk, &file);
    unsigned version = segment_newer_version(slice_of(beginning, got));
    if (version == 0)
        return 0;
    return lv_error_explain(ERR_FORMAT,
                            "%s is of the newer version %u, this Leveret reads up to version %d: "
                            "start the newer Leveret that wrote it",
                            path, version, SEGMENT_VERSION);
}

int segment_files_check_versions(struct segments *s)
{
    struct lv_buffer ids = {0};
    int err = segments_list(s, file_id_add, &ids);
    lv_assert(ids.n % sizeof(struct file_id) == 0);
    for (size_t at = 0; err == 0 && at < ids.n; at += sizeof(struct file_id))
        err = file_check_version(s, (const struct file_id *)(const void *)(ids.p + at));
    lv_buffer_free(&ids);
    return err;
}
