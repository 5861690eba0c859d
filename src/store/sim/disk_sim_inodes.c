/* The files of the simulated disk. Each has its bytes twice: `now`, as they read, and `safe`, as
 * they are on the platter. A write changes `now` and marks its sectors as dirty; a sync copies the
 * dirty sectors to `safe`; a power cut copies some of them, and then copies `safe` to `now`. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "store/sim/disk_sim_private.h"

struct inode *inode_create(struct disk_sim *sim)
{
    struct inode *inode = lv_calloc(1, sizeof *inode);
    inode->next = sim->inodes;
    sim->inodes = inode;
    return inode;
}

void inode_free(struct inode *inode)
{
    free(inode->now);
    free(inode->safe);
    free(inode->dirty);
    free(inode);
}

/* Grows the block from `old` to `bytes` bytes, the new ones zero, and returns it. */
static void *bytes_grow(void *p, uint64_t old, uint64_t bytes)
{
    uint8_t *q = lv_realloc(p, (size_t)bytes);
    memset(q + old, 0, (size_t)(bytes - old));
    return q;
}

static void inode_reserve(struct inode *inode, uint64_t bytes)
{
    uint64_t old = inode->capacity;
    uint64_t capacity = (bytes + SIM_SECTOR - 1) / SIM_SECTOR * SIM_SECTOR;
    if (capacity <= old)
        return;
    if (capacity < 2 * old)
        capacity = 2 * old;
    inode->now = bytes_grow(inode->now, old, capacity);
    inode->safe = bytes_grow(inode->safe, old, capacity);
    inode->dirty = bytes_grow(inode->dirty, old / SIM_SECTOR, capacity / SIM_SECTOR);
    inode->capacity = capacity;
}

void inode_touch(struct inode *inode, uint64_t from, uint64_t to)
{
    lv_assert(to <= inode->capacity);
    if (from < to)
        memset(inode->dirty + from / SIM_SECTOR, 1,
               (size_t)((to - 1) / SIM_SECTOR - from / SIM_SECTOR + 1));
}

void inode_write(struct inode *inode, uint64_t offset, const void *p, uint64_t n)
{
    if (n == 0)
        return;
    inode_reserve(inode, offset + n);
    memcpy(inode->now + offset, p, (size_t)n);
    inode_touch(inode, offset, offset + n);
    if (offset + n > inode->size)
        inode->size = offset + n;
}

void inode_set_size(struct inode *inode, uint64_t bytes)
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
    lv_assert(sector < inode->capacity / SIM_SECTOR);
    memcpy(inode->safe + sector * SIM_SECTOR, inode->now + sector * SIM_SECTOR, SIM_SECTOR);
    inode->dirty[sector] = 0;
}

void inode_sync(struct inode *inode)
{
    for (uint64_t i = 0; i < inode->capacity / SIM_SECTOR; i++)
        if (inode->dirty[i])
            inode_sync_sector(inode, i);
    inode->safe_size = inode->size;
}

void inode_sync_partly(struct disk_sim *sim, struct inode *inode)
{
    for (uint64_t i = 0; i < inode->capacity / SIM_SECTOR; i++) {
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

void inode_lose_power(struct disk_sim *sim, struct inode *inode, unsigned bias)
{
    uint64_t size = inode->safe_size;
    lv_assert(bias <= 8);
    lv_assert(inode->size <= inode->capacity && size <= inode->capacity);
    for (uint64_t i = 0; i < inode->capacity / SIM_SECTOR; i++) {
        uint64_t choice = disk_sim_random(sim, 8);
        if (!inode->dirty[i])
            continue;
        if (choice == 0)
            memcpy(inode->safe + i * SIM_SECTOR, inode->now + i * SIM_SECTOR,
                   (size_t)disk_sim_random(sim, SIM_SECTOR));
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
    memset(inode->dirty, 0, (size_t)(inode->capacity / SIM_SECTOR));
    inode->size = inode->safe_size = size;
}
