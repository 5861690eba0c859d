/* The simulated disk. A file (an inode) has its bytes twice: as they read now, and as they are on
 * the platter. A dirty sector differs, perhaps; a sync copies it. Names are a table of their own,
 * twice as well, with a list of what was done to the first and not yet to the second. */
#include "store/sim/disk_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"

enum { SECTOR = 512, PATH_MAX_BYTES = 64, DISK_MAGIC = 0x73696d64, FILE_MAGIC = 0x73696d66 };

struct inode {
    struct inode *next;
    uint8_t *now;
    uint8_t *safe;
    uint8_t *dirty; /* one byte per sector */
    uint64_t size;
    uint64_t safe_size;
    uint64_t capacity; /* a multiple of SECTOR; bytes beyond the sizes are zero */
    bool is_named;     /* of use to restart() alone */
};

struct name {
    char path[PATH_MAX_BYTES];
    struct inode *inode; /* NULL: a folder */
};

struct names {
    struct name *at;
    size_t count;
    size_t capacity;
};

enum change_kind { CHANGE_PUT, CHANGE_REMOVE, CHANGE_RENAME };

struct change {
    enum change_kind kind;
    char path[PATH_MAX_BYTES];
    char to[PATH_MAX_BYTES];
    struct inode *inode;
};

struct disk_sim {
    struct disk port;
    unsigned magic;
    uint64_t random;
    uint64_t calls;
    uint64_t syncs;
    uint64_t bytes_read;
    uint64_t fail_call;
    int fail_error;
    uint64_t cut_call;
    bool is_cut;
    bool is_killed;
    uint64_t room;
    size_t open_files;
    struct inode *inodes;
    struct names now;
    struct names safe;
    struct change *changes;
    size_t change_count;
    size_t change_capacity;
};

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

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    sim->random = x;
    return ((x * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % n;
}

/* --- calls ------------------------------------------------------------------------------------ */

/* Counts the call. 0: it goes well; otherwise it fails with this error, after doing what it
 * likes. */
static int call(struct disk_sim *sim)
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

/* --- files ------------------------------------------------------------------------------------ */

static struct inode *inode_create(struct disk_sim *sim)
{
    struct inode *inode = lv_calloc(1, sizeof *inode);

    inode->next = sim->inodes;
    sim->inodes = inode;
    return inode;
}

static void inode_free(struct inode *inode)
{
    free(inode->now);
    free(inode->safe);
    free(inode->dirty);
    free(inode);
}

static void *grown(void *p, uint64_t old, uint64_t bytes)
{
    uint8_t *q = lv_realloc(p, (size_t)bytes);

    memset(q + old, 0, (size_t)(bytes - old));
    return q;
}

static void inode_reserve(struct inode *inode, uint64_t bytes)
{
    uint64_t old = inode->capacity;
    uint64_t capacity = (bytes + SECTOR - 1) / SECTOR * SECTOR;

    if (capacity <= old)
        return;
    if (capacity < 2 * old)
        capacity = 2 * old;
    inode->now = grown(inode->now, old, capacity);
    inode->safe = grown(inode->safe, old, capacity);
    inode->dirty = grown(inode->dirty, old / SECTOR, capacity / SECTOR);
    inode->capacity = capacity;
}

static void inode_touch(struct inode *inode, uint64_t from, uint64_t to)
{
    if (from < to)
        memset(inode->dirty + from / SECTOR, 1, (size_t)((to - 1) / SECTOR - from / SECTOR + 1));
}

static void inode_write(struct inode *inode, uint64_t offset, const void *p, uint64_t n)
{
    if (n == 0)
        return;
    inode_reserve(inode, offset + n);
    memcpy(inode->now + offset, p, (size_t)n);
    inode_touch(inode, offset, offset + n);
    if (offset + n > inode->size)
        inode->size = offset + n;
}

static void inode_set_size(struct inode *inode, uint64_t bytes)
{
    inode_reserve(inode, bytes);
    if (bytes < inode->size) {
        memset(inode->now + bytes, 0, (size_t)(inode->size - bytes));
        inode_touch(inode, bytes, inode->size);
    }
    inode->size = bytes;
}

static void inode_sync_sector(struct inode *inode, uint64_t sector)
{
    memcpy(inode->safe + sector * SECTOR, inode->now + sector * SECTOR, SECTOR);
    inode->dirty[sector] = 0;
}

static void inode_sync(struct inode *inode)
{
    for (uint64_t i = 0; i < inode->capacity / SECTOR; i++)
        if (inode->dirty[i])
            inode_sync_sector(inode, i);
    inode->safe_size = inode->size;
}

/* (3) */
static void inode_sync_badly(struct disk_sim *sim, struct inode *inode)
{
    for (uint64_t i = 0; i < inode->capacity / SECTOR; i++) {
        if (!inode->dirty[i])
            continue;
        if (disk_sim_random(sim, 2))
            inode_sync_sector(inode, i);
        else if (!sim->is_cut)
            inode->dirty[i] = 0;
    }
    if (disk_sim_random(sim, 2))
        inode->safe_size = inode->size;
}

/* (1) */
static void inode_lose_power(struct disk_sim *sim, struct inode *inode, unsigned bias)
{
    uint64_t size = inode->safe_size;

    for (uint64_t i = 0; i < inode->capacity / SECTOR; i++) {
        uint64_t choice = disk_sim_random(sim, 8);

        if (!inode->dirty[i])
            continue;
        if (choice == 0)
            memcpy(inode->safe + i * SECTOR, inode->now + i * SECTOR,
                   (size_t)disk_sim_random(sim, SECTOR));
        else if (choice <= bias)
            inode_sync_sector(inode, i);
    }
    if (inode->size != size)
        switch (disk_sim_random(sim, 3)) {
        case 0: break;
        case 1: size = inode->size; break;
        default:
            if (inode->size > size)
                size += disk_sim_random(sim, inode->size - size);
            break;
        }
    memset(inode->safe + size, 0, (size_t)(inode->capacity - size));
    memcpy(inode->now, inode->safe, (size_t)inode->capacity);
    memset(inode->dirty, 0, (size_t)(inode->capacity / SECTOR));
    inode->size = inode->safe_size = size;
}

/* --- names ------------------------------------------------------------------------------------ */

static struct name *names_find(const struct names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->at[i].path, path) == 0)
            return &names->at[i];
    return NULL;
}

static void names_remove(struct names *names, const char *path)
{
    struct name *name = names_find(names, path);

    if (name)
        *name = names->at[--names->count];
}

static void names_put(struct names *names, const char *path, struct inode *inode)
{
    struct name *name = names_find(names, path);

    if (!name) {
        if (names->count == names->capacity) {
            names->capacity = names->capacity ? names->capacity * 2 : 16;
            names->at = lv_realloc(names->at, names->capacity * sizeof *names->at);
        }
        name = &names->at[names->count++];
        snprintf(name->path, sizeof name->path, "%s", path);
    }
    name->inode = inode;
}

/* A rename of what never got its old name: the file is there under the new one all the same. */
static void names_apply(struct names *names, const struct change *change)
{
    if (change->kind != CHANGE_PUT)
        names_remove(names, change->path);
    if (change->kind == CHANGE_PUT)
        names_put(names, change->path, change->inode);
    if (change->kind == CHANGE_RENAME)
        names_put(names, change->to, change->inode);
}

static void change_names(struct disk_sim *sim, enum change_kind kind, const char *path,
                         const char *to, struct inode *inode)
{
    struct change change = {.kind = kind, .inode = inode};

    lv_assert(strlen(path) < PATH_MAX_BYTES);
    lv_assert(strlen(to) < PATH_MAX_BYTES);
    snprintf(change.path, sizeof change.path, "%s", path);
    snprintf(change.to, sizeof change.to, "%s", to);
    names_apply(&sim->now, &change);
    if (sim->change_count == sim->change_capacity) {
        sim->change_capacity = sim->change_capacity ? sim->change_capacity * 2 : 16;
        sim->changes = lv_realloc(sim->changes, sim->change_capacity * sizeof change);
    }
    sim->changes[sim->change_count++] = change;
}

/* Whether the path stands directly in this folder ("." is the top). */
static bool is_in_folder(const char *path, const char *folder)
{
    size_t n = strcmp(folder, ".") == 0 ? 0 : strlen(folder);

    if (n > 0 && (strncmp(path, folder, n) != 0 || path[n] != '/'))
        return false;
    return strchr(path + n + (n > 0), '/') == NULL;
}

static bool has_folder(const struct names *names, const char *path)
{
    char folder[PATH_MAX_BYTES];
    char *slash;
    struct name *name;

    snprintf(folder, sizeof folder, "%s", path);
    slash = strrchr(folder, '/');
    if (!slash)
        return true;
    *slash = '\0';
    name = names_find(names, folder);
    return name && !name->inode;
}

/* --- the port --------------------------------------------------------------------------------- */

static int sim_open(struct disk *disk, const char *path, enum disk_open how, struct disk_file **ret)
{
    struct disk_sim *sim = sim_of(disk);
    int err = call(sim);
    struct name *name = names_find(&sim->now, path);
    struct disk_file *file;

    if (err < 0)
        return err;
    if (!name && (how != DISK_OPEN_CREATE || !has_folder(&sim->now, path)))
        return ERR_NOT_FOUND;
    if (!name) {
        change_names(sim, CHANGE_PUT, path, "", inode_create(sim));
        name = names_find(&sim->now, path);
    }
    if (how == DISK_OPEN_CREATE)
        inode_set_size(name->inode, 0);
    file = lv_malloc(sizeof *file);
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
static void write_parts(struct inode *inode, uint64_t offset, const struct iovec *parts,
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
    uint64_t bytes = 0;
    bool was_off = sim->is_cut || sim->is_killed;
    int err = call(sim);

    lv_assert(file->magic == FILE_MAGIC);
    lv_assert(file->is_writable);
    if (was_off)
        return err;
    for (size_t i = 0; i < count; i++)
        bytes += parts[i].iov_len;
    if (err == 0 && !has_room(sim, file->inode, offset + bytes))
        err = ERR_NO_SPACE;
    if (err < 0)
        bytes = has_room(sim, file->inode, offset + bytes) ? disk_sim_random(sim, bytes + 1) : 0;
    write_parts(file->inode, offset, parts, count, bytes);
    return err;
}

static int sim_read(struct disk *disk, struct disk_file *file, uint64_t offset, void *to,
                    size_t bytes, size_t *ret_read)
{
    const struct inode *inode = file->inode;
    uint64_t left = offset < inode->size ? inode->size - offset : 0;
    int err = call(sim_of(disk));

    lv_assert(file->magic == FILE_MAGIC);
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
    int err = call(sim);

    lv_assert(file->magic == FILE_MAGIC);
    sim->syncs++;
    if (err == 0)
        inode_sync(file->inode);
    else if (!was_off)
        inode_sync_badly(sim, file->inode);
    return err;
}

static int sim_size(struct disk *disk, struct disk_file *file, uint64_t *ret_bytes)
{
    int err = call(sim_of(disk));

    if (err == 0)
        *ret_bytes = file->inode->size;
    return err;
}

static int sim_truncate(struct disk *disk, struct disk_file *file, uint64_t bytes)
{
    struct disk_sim *sim = sim_of(disk);
    int err = call(sim);

    lv_assert(file->is_writable);
    if (err == 0 && !has_room(sim, file->inode, bytes))
        err = ERR_NO_SPACE;
    if (err == 0)
        inode_set_size(file->inode, bytes);
    return err;
}

static int sim_fill(struct disk *disk, struct disk_file *file, uint64_t bytes)
{
    struct disk_sim *sim = sim_of(disk);
    int err = call(sim);

    lv_assert(file->is_writable);
    if (!sim->is_cut && !sim->is_killed)
        inode_set_size(file->inode, 0);
    if (err == 0 && !has_room(sim, file->inode, bytes))
        err = ERR_NO_SPACE;
    if (err < 0)
        return err;
    inode_set_size(file->inode, bytes);
    inode_touch(file->inode, 0, bytes);
    return 0;
}

static int sim_rename(struct disk *disk, const char *from, const char *to)
{
    struct disk_sim *sim = sim_of(disk);
    struct name *name = names_find(&sim->now, from);
    int err = call(sim);

    if (err < 0)
        return err;
    if (!name || !has_folder(&sim->now, to))
        return ERR_NOT_FOUND;
    change_names(sim, CHANGE_RENAME, from, to, name->inode);
    return 0;
}

static int sim_remove(struct disk *disk, const char *path)
{
    struct disk_sim *sim = sim_of(disk);
    struct name *name = names_find(&sim->now, path);
    int err = call(sim);

    if (err < 0)
        return err;
    if (!name || !name->inode)
        return ERR_NOT_FOUND;
    change_names(sim, CHANGE_REMOVE, path, "", name->inode);
    return 0;
}

static int sim_make_directory(struct disk *disk, const char *path)
{
    struct disk_sim *sim = sim_of(disk);
    int err = call(sim);

    if (err < 0)
        return err;
    if (!has_folder(&sim->now, path))
        return ERR_NOT_FOUND;
    if (!names_find(&sim->now, path))
        change_names(sim, CHANGE_PUT, path, "", NULL);
    return 0;
}

/* What was done in this folder is done to the safe names, in its order. */
static int sim_sync_directory(struct disk *disk, const char *path)
{
    struct disk_sim *sim = sim_of(disk);
    int err = call(sim);
    size_t left = 0;

    if (err < 0)
        return err;
    for (size_t i = 0; i < sim->change_count; i++) {
        struct change *change = &sim->changes[i];
        bool is_here = is_in_folder(change->path, path);

        if (is_here)
            names_apply(&sim->safe, change);
        else
            sim->changes[left++] = *change;
    }
    sim->change_count = left;
    return 0;
}

static int sim_list(struct disk *disk, const char *path,
                    void (*visit)(void *arg, const char *name, uint64_t bytes), void *arg)
{
    struct disk_sim *sim = sim_of(disk);
    int err = call(sim);
    size_t skip = strcmp(path, ".") == 0 ? 0 : strlen(path) + 1;

    if (err < 0)
        return err;
    if (skip > 0 && !names_find(&sim->now, path))
        return ERR_NOT_FOUND;
    for (size_t i = 0; i < sim->now.count; i++) {
        const struct name *name = &sim->now.at[i];

        if (name->inode && is_in_folder(name->path, path))
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

/* (2): what was done is kept or lost; a name in a folder that was lost is lost with it. */
static void names_lose_power(struct disk_sim *sim, unsigned bias)
{
    for (size_t i = 0; i < sim->change_count; i++)
        if (disk_sim_random(sim, 8) < bias)
            names_apply(&sim->safe, &sim->changes[i]);
    sim->change_count = 0;
    for (size_t i = 0; i < sim->safe.count;) {
        if (has_folder(&sim->safe, sim->safe.at[i].path))
            i++;
        else
            sim->safe.at[i] = sim->safe.at[--sim->safe.count];
    }
    sim->now.count = 0;
    for (size_t i = 0; i < sim->safe.count; i++)
        names_put(&sim->now, sim->safe.at[i].path, sim->safe.at[i].inode);
}

static void drop_nameless(struct disk_sim *sim)
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
    static const unsigned biases[] = {0, 1, 4, 7, 8}; /* how much of what was not synced is kept */
    unsigned bias = biases[disk_sim_random(sim, sizeof biases / sizeof biases[0])];

    lv_assert(sim->open_files == 0);
    sim->fail_call = 0;
    sim->cut_call = 0;
    sim->is_killed = false;
    if (!sim->is_cut)
        return;
    sim->is_cut = false;
    names_lose_power(sim, bias);
    drop_nameless(sim);
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
