/* Which segment files are open. The worker alone opens and closes them.
 *
 *   (1) At most open_max files are open (64, or fewer: segments_limit_open()). More, up to
 *       dirty_max (256, or fewer), are open only while all of them were written since their last
 *       sync.
 *   (2) A file that was written since its last sync is synced before it is closed to make room for
 *       others: the system may forget a failed write-back once nobody has the file open.
 *   (3) A file has a handle exactly if it is in the list of open files.
 *
 * If the system has no descriptors left, files are closed one by one until an open succeeds. */
#include "base/error.h"
#include "store/segments_private.h"

int segment_final_error(int err)
{
    lv_assert(err < 0);
    return lv_error_explain(ERR_IO, "%s", lv_error_reason(err));
}

/* --- closing ---------------------------------------------------------------------------------- */

void segment_handle_close(struct segments *s, struct segment_file *f)
{
    if (!f->handle)
        return;
    lv_assert(s->open_count > 0);
    s->disk->close(s->disk, &f->handle);
    lv_list_remove(&f->open);
    s->open_count--;
    f->is_dirty = false;
}

/* Returns the file to close if too many are open: the least recently used that need not be synced,
 * or if all need it, the least recently used of all. Returns NULL if none is open. */
static struct segment_file *file_to_close(const struct segments *s)
{
    struct lv_list *it;
    struct lv_list *after;
    lv_list_each (it, after, &s->open) {
        struct segment_file *f = lv_list_item(it, struct segment_file, open);
        if (!f->is_dirty)
            return f;
    }
    return lv_list_is_empty(&s->open) ? NULL
                                      : lv_list_item(s->open.next, struct segment_file, open);
}

/* Returns true if opening `more` files would break (1). */
static bool has_too_many_open(const struct segments *s, size_t more)
{
    lv_assert(s->open_max <= s->dirty_max);
    if (s->open_count + more <= s->open_max)
        return false;
    return s->open_count + more > s->dirty_max || !file_to_close(s)->is_dirty;
}

bool segment_handles_close_one(struct segments *s)
{
    struct segment_file *f = file_to_close(s);
    lv_assert(segments_is_worker(s));
    if (!f)
        return false;
    if (f->is_dirty && !f->error)
        f->error = segment_handle_sync(s, f);
    segment_handle_close(s, f);
    segments_lock(s);
    segment_file_free_unless_needed(s, f);
    segments_unlock(s);
    return true;
}

void segment_handles_trim(struct segments *s)
{
    while (has_too_many_open(s, 0))
        segment_handles_close_one(s);
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Opens a path, closing other files while the system has no descriptor left. */
static int path_open(struct segments *s, const char *path, enum disk_open how,
                     struct disk_file **ret)
{
    int err;
    while ((err = s->disk->open(s->disk, path, how, ret)) == ERR_NO_DESCRIPTORS)
        if (!segment_handles_close_one(s))
            break;
    return err;
}

static int path_open_writable(struct segments *s, const char *path, bool may_create,
                              struct disk_file **ret)
{
    int err = path_open(s, path, DISK_OPEN_WRITE, ret);
    if (err != ERR_NOT_FOUND || !may_create)
        return err;
    err = path_open(s, path, DISK_OPEN_CREATE, ret);
    if (err == 0)
        s->has_new_names = true;
    return err;
}

int segment_handle_open(struct segments *s, struct segment_file *f, bool is_writable,
                        bool may_create)
{
    lv_assert(segments_is_worker(s));
    lv_assert(f->is_busy); /* so that closing others does not free it */
    if (f->handle && (f->is_writable || !is_writable)) {
        lv_list_remove(&f->open);
        lv_list_push(&s->open, &f->open);
        return 0;
    }
    lv_assert(!f->is_dirty); /* it is closed, or open for reading only */
    segment_handle_close(s, f);
    while (has_too_many_open(s, 1))
        segment_handles_close_one(s);
    char path[SEGMENT_PATH_BYTES];
    segment_file_path(path, f->queue, f->number);
    int err = is_writable ? path_open_writable(s, path, may_create, &f->handle)
                          : path_open(s, path, DISK_OPEN_READ, &f->handle);
    if (err < 0) {
        f->handle = NULL;
        return err;
    }
    f->is_writable = is_writable;
    lv_list_push(&s->open, &f->open);
    s->open_count++;
    return 0;
}

int segment_handle_sync(struct segments *s, struct segment_file *f)
{
    lv_assert(f->handle != NULL);
    lv_assert(f->is_writable);
    int err = s->disk->sync(s->disk, f->handle);

    return err < 0 ? segment_final_error(err) : 0;
}
