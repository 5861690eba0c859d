/* The simulated disk: the calls of its port, power cuts, and the restart. Its files are in
 * disk_sim_inodes.c, their names in disk_sim_names.c. */
#include "store/sim/disk_sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "store/sim/disk_sim_private.h"

enum { DISK_MAGIC = 0x73696d64, FILE_MAGIC = 0x73696d66 };

struct disk_file {
    unsigned magic;
    bool is_writable;
    struct inode *inode;
};

static struct disk_sim *sim_of(struct disk *disk)
{
    struct disk_sim *sim = lv_container_of(disk, struct disk_sim, port);
    lv_assert(sim->magic == DISK_MAGIC);
    return sim;
}

uint64_t disk_sim_random(struct disk_sim *sim, uint64_t n)
{
    uint64_t x = sim->random;
    lv_assert(n > 0);
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    sim->random = x;
    return ((x * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % n;
}

/* --- calls ------------------------------------------------------------------------------------ */

/* Counts the call, unless the disk is off. Returns 0 if the call is to succeed, otherwise the error
 * it is to fail with; a write or a sync that fails may nevertheless do a part of its work. */
static int call_begin(struct disk_sim *sim)
{
    if (sim->is_cut || sim->is_killed)
        return ERR_IO;
    sim->calls++;
    if (sim->calls == sim->cut_call) {
        sim->is_cut = true;
        return ERR_IO;
    }
    return sim->calls == sim->fail_call ? sim->fail_error : 0;
}

/* --- the port --------------------------------------------------------------------------------- */

static struct inode *inode_of(const struct disk_file *file)
{
    lv_assert(file->magic == FILE_MAGIC);
    return file->inode;
}

static struct inode *inode_to_write(const struct disk_file *file)
{
    lv_assert(file->is_writable);
    return inode_of(file);
}

static int sim_open(struct disk *disk, const char *path, enum disk_open how, struct disk_file **ret)
{
    struct disk_sim *sim = sim_of(disk);
    int err = call_begin(sim);
    struct name *name = names_find(&sim->now, path);
    if (err < 0)
        return err;
    if (!name && (how != DISK_OPEN_CREATE || !names_have_folder_of(&sim->now, path)))
        return ERR_NOT_FOUND;
    if (!name) {
        names_change(sim, NAME_PUT, path, "", inode_create(sim));
        name = names_find(&sim->now, path);
    }
    lv_assert(name->inode != NULL); /* a folder is not opened */
    if (how == DISK_OPEN_CREATE)
        inode_set_size(name->inode, 0);
    struct disk_file *file = lv_malloc(sizeof *file);
    *file = (struct disk_file){FILE_MAGIC, how != DISK_OPEN_READ, name->inode};
    sim->open_files++;
    *ret = file;
    return 0;
}

static void sim_close(struct disk *disk, struct disk_file **file)
{
    if (!*file)
        return;
    lv_assert((*file)->magic == FILE_MAGIC);
    lv_assert(sim_of(disk)->open_files > 0);
    (*file)->magic = 0;
    free(*file);
    *file = NULL;
    sim_of(disk)->open_files--;
}

uint64_t disk_sim_used(const struct disk_sim *sim)
{
    uint64_t used = 0;
    for (size_t i = 0; i < sim->now.count; i++)
        if (sim->now.at[i].inode)
            used += sim->now.at[i].inode->size;
    return used;
}

static bool has_room(const struct disk_sim *sim, const struct inode *inode, uint64_t end)
{
    uint64_t more = end > inode->size ? end - inode->size : 0;
    return sim->room == UINT64_MAX || more == 0 || disk_sim_used(sim) + more <= sim->room;
}

/* Writes the first `limit` bytes of the parts. */
static void inode_write_parts(struct inode *inode, uint64_t offset, const struct iovec *parts,
                              size_t count, uint64_t limit)
{
    for (size_t i = 0; i < count && limit > 0; i++) {
        uint64_t n = parts[i].iov_len < limit ? parts[i].iov_len : limit;
        inode_write(inode, offset, parts[i].iov_base, n);
        offset += n;
        limit -= n;
    }
}

static int sim_write(struct disk *disk, struct disk_file *file, uint64_t offset,
                     const struct iovec *parts, size_t count)
{
    struct disk_sim *sim = sim_of(disk);
    struct inode *inode = inode_to_write(file);
    bool was_off = sim->is_cut || sim->is_killed;
    int err = call_begin(sim);
    if (was_off)
        return err;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += parts[i].iov_len;
    if (err == 0 && !has_room(sim, inode, offset + bytes))
        err = ERR_NO_SPACE;
    if (err < 0)
        bytes = has_room(sim, inode, offset + bytes) ? disk_sim_random(sim, bytes + 1) : 0;
    inode_write_parts(inode, offset, parts, count, bytes);
    return err;
}

static int sim_read(struct disk *disk, struct disk_file *file, uint64_t offset, void *to,
                    size_t bytes, size_t *ret_read)
{
    const struct inode *inode = inode_of(file);
    uint64_t left = offset < inode->size ? inode->size - offset : 0;
    int err = call_begin(sim_of(disk));
    if (err < 0)
        return err;
    if (left < bytes)
        bytes = (size_t)left;
    if (bytes > 0)
        memcpy(to, inode->now + offset, bytes);
    *ret_read = bytes;
    sim_of(disk)->bytes_read += bytes;
    return 0;
}

static int sim_sync(struct disk *disk, struct disk_file *file)
{
    struct disk_sim *sim = sim_of(disk);
    bool was_off = sim->is_cut || sim->is_killed;
    int err = call_begin(sim);
    sim->syncs++;
    if (err == 0)
        inode_sync(inode_of(file));
    else if (!was_off)
        inode_sync_partly(sim, inode_of(file));
    return err;
}

static int sim_size(struct disk *disk, struct disk_file *file, uint64_t *ret_bytes)
{
    int err = call_begin(sim_of(disk));
    if (err == 0)
        *ret_bytes = inode_of(file)->size;
    return err;
}

static int sim_truncate(struct disk *disk, struct disk_file *file, uint64_t bytes)
{
    struct disk_sim *sim = sim_of(disk);
    struct inode *inode = inode_to_write(file);
    int err = call_begin(sim);
    if (err == 0 && !has_room(sim, inode, bytes))
        err = ERR_NO_SPACE;
    if (err == 0)
        inode_set_size(inode, bytes);
    return err;
}

static int sim_fill(struct disk *disk, struct disk_file *file, uint64_t bytes)
{
    struct disk_sim *sim = sim_of(disk);
    struct inode *inode = inode_to_write(file);
    int err = call_begin(sim);
    if (!sim->is_cut && !sim->is_killed)
        inode_set_size(inode, 0);
    if (err == 0 && !has_room(sim, inode, bytes))
        err = ERR_NO_SPACE;
    if (err < 0)
        return err;
    inode_set_size(inode, bytes);
    inode_touch(inode, 0, bytes);
    return 0;
}

static int sim_rename(struct disk *disk, const char *from, const char *to)
{
    struct disk_sim *sim = sim_of(disk);
    struct name *name = names_find(&sim->now, from);
    int err = call_begin(sim);
    if (err < 0)
        return err;
    if (!name || !names_have_folder_of(&sim->now, to))
        return ERR_NOT_FOUND;
    names_change(sim, NAME_RENAME, from, to, name->inode);
    return 0;
}

static int sim_remove(struct disk *disk, const char *path)
{
    struct disk_sim *sim = sim_of(disk);
    struct name *name = names_find(&sim->now, path);
    int err = call_begin(sim);
    if (err < 0)
        return err;
    if (!name || !name->inode)
        return ERR_NOT_FOUND;
    names_change(sim, NAME_REMOVE, path, "", name->inode);
    return 0;
}

static int sim_make_directory(struct disk *disk, const char *path)
{
    struct disk_sim *sim = sim_of(disk);
    int err = call_begin(sim);
    if (err < 0)
        return err;
    if (!names_have_folder_of(&sim->now, path))
        return ERR_NOT_FOUND;
    if (!names_find(&sim->now, path))
        names_change(sim, NAME_PUT, path, "", NULL);
    return 0;
}

static int sim_sync_directory(struct disk *disk, const char *path)
{
    struct disk_sim *sim = sim_of(disk);
    int err = call_begin(sim);
    if (err == 0)
        names_sync_folder(sim, path);
    return err;
}

static int sim_list(struct disk *disk, const char *path,
                    void (*visit)(void *arg, const char *name, uint64_t bytes), void *arg)
{
    struct disk_sim *sim = sim_of(disk);
    int err = call_begin(sim);
    size_t skip = strcmp(path, ".") == 0 ? 0 : strlen(path) + 1;
    if (err < 0)
        return err;
    if (skip > 0 && !names_find(&sim->now, path))
        return ERR_NOT_FOUND;
    for (size_t i = 0; i < sim->now.count; i++) {
        const struct name *name = &sim->now.at[i];
        if (name->inode && path_is_in_folder(name->path, path))
            visit(arg, name->path + skip, name->inode->size);
    }
    return 0;
}

static uint64_t sim_room(struct disk *disk)
{
    const struct disk_sim *sim = sim_of(disk);
    uint64_t used = disk_sim_used(sim);
    if (sim->room == UINT64_MAX)
        return UINT64_MAX;
    return sim->room > used ? sim->room - used : 0;
}

static const struct disk sim_port = {
    .open = sim_open,
    .close = sim_close,
    .write = sim_write,
    .read = sim_read,
    .sync = sim_sync,
    .size = sim_size,
    .truncate = sim_truncate,
    .fill = sim_fill,
    .rename = sim_rename,
    .remove = sim_remove,
    .make_directory = sim_make_directory,
    .sync_directory = sim_sync_directory,
    .room = sim_room,
    .list = sim_list,
};

/* --- power ------------------------------------------------------------------------------------ */

/* Frees the files that no name refers to any longer. */
static void inodes_drop_nameless(struct disk_sim *sim)
{
    struct inode **link = &sim->inodes;
    for (struct inode *inode = sim->inodes; inode; inode = inode->next)
        inode->is_named = false;
    for (size_t i = 0; i < sim->safe.count; i++)
        if (sim->safe.at[i].inode)
            sim->safe.at[i].inode->is_named = true;
    for (struct inode *inode; (inode = *link);) {
        if (inode->is_named) {
            link = &inode->next;
            continue;
        }
        *link = inode->next;
        inode_free(inode);
    }
}

void disk_sim_restart(struct disk_sim *sim)
{
    static const unsigned biases[] = {0, 1, 4, 7, 8}; /* eighths to keep of what is unsynced */
    unsigned bias = biases[disk_sim_random(sim, sizeof biases / sizeof biases[0])];
    lv_assert(sim->open_files == 0);
    sim->fail_call = 0;
    sim->cut_call = 0;
    sim->is_killed = false;
    if (!sim->is_cut)
        return;
    sim->is_cut = false;
    names_lose_power(sim, bias);
    inodes_drop_nameless(sim);
    for (struct inode *inode = sim->inodes; inode; inode = inode->next)
        if (inode->capacity > 0)
            inode_lose_power(sim, inode, bias);
}

void disk_sim_cut_power(struct disk_sim *sim)
{
    sim->is_cut = true;
}

void disk_sim_kill(struct disk_sim *sim)
{
    sim->is_killed = true;
}

void disk_sim_cut_power_at(struct disk_sim *sim, uint64_t number)
{
    lv_assert(number == 0 || number > sim->calls);
    sim->cut_call = number;
}

bool disk_sim_is_cut(const struct disk_sim *sim)
{
    return sim->is_cut;
}

/* --- the object ------------------------------------------------------------------------------- */

uint64_t disk_sim_calls(const struct disk_sim *sim)
{
    return sim->calls;
}

uint64_t disk_sim_syncs(const struct disk_sim *sim)
{
    return sim->syncs;
}

uint64_t disk_sim_bytes_read(const struct disk_sim *sim)
{
    return sim->bytes_read;
}

void disk_sim_fail_at(struct disk_sim *sim, uint64_t number, int error)
{
    lv_assert(number == 0 || number > sim->calls);
    lv_assert(error < 0 || number == 0);
    sim->fail_call = number;
    sim->fail_error = error;
}

void disk_sim_set_room(struct disk_sim *sim, uint64_t bytes)
{
    sim->room = bytes;
}

bool disk_sim_flip_bit(struct disk_sim *sim, const char *path, uint64_t offset, unsigned bit)
{
    struct name *name = names_find(&sim->now, path);
    lv_assert(bit < 8);
    if (!name || !name->inode || offset >= name->inode->size)
        return false;
    name->inode->now[offset] ^= (uint8_t)(1u << bit);
    name->inode->safe[offset] ^= (uint8_t)(1u << bit);
    return true;
}

struct disk *disk_sim_port(struct disk_sim *sim)
{
    return &sim->port;
}

struct disk_sim *disk_sim_create(uint64_t seed)
{
    struct disk_sim *sim = lv_calloc(1, sizeof *sim);
    sim->port = sim_port;
    sim->magic = DISK_MAGIC;
    sim->random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    sim->random = sim->random ? sim->random : 1;
    sim->room = UINT64_MAX;
    return sim;
}

void disk_sim_free(struct disk_sim **sim)
{
    struct disk_sim *s = *sim;
    if (!s)
        return;
    lv_assert(s->open_files == 0);
    while (s->inodes) {
        struct inode *inode = s->inodes;
        s->inodes = inode->next;
        inode_free(inode);
    }
    free(s->now.at);
    free(s->safe.at);
    free(s->changes);
    s->magic = 0;
    free(s);
    *sim = NULL;
}
