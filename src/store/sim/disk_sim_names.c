/* The names of the simulated disk: the table `now`, as they read; the table `safe`, as they are on
 * the platter; and a list of the changes made to `now` and not yet to `safe`. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "store/sim/disk_sim_private.h"

struct name *names_find(const struct names *names, const char *path)
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

/* The file of a rename gets its new name even if the table never had it under the old one. */
static void names_apply(struct names *names, const struct name_change *change)
{
    if (change->kind != NAME_PUT)
        names_remove(names, change->path);
    if (change->kind == NAME_PUT)
        names_put(names, change->path, change->inode);
    if (change->kind == NAME_RENAME)
        names_put(names, change->to, change->inode);
}

void names_change(struct disk_sim *sim, enum name_change_kind kind, const char *path,
                  const char *to, struct inode *inode)
{
    struct name_change change = {.kind = kind, .inode = inode};
    lv_assert(strlen(path) < SIM_PATH_BYTES);
    lv_assert(strlen(to) < SIM_PATH_BYTES);
    snprintf(change.path, sizeof change.path, "%s", path);
    snprintf(change.to, sizeof change.to, "%s", to);
    names_apply(&sim->now, &change);
    if (sim->change_count == sim->change_capacity) {
        sim->change_capacity = sim->change_capacity ? sim->change_capacity * 2 : 16;
        sim->changes = lv_realloc(sim->changes, sim->change_capacity * sizeof change);
    }
    sim->changes[sim->change_count++] = change;
}

bool path_is_in_folder(const char *path, const char *folder)
{
    size_t n = strcmp(folder, ".") == 0 ? 0 : strlen(folder);
    if (n > 0 && (strncmp(path, folder, n) != 0 || path[n] != '/'))
        return false;
    return strchr(path + n + (n > 0), '/') == NULL;
}

bool names_have_folder_of(const struct names *names, const char *path)
{
    char folder[SIM_PATH_BYTES];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        return true;
    *slash = '\0';
    struct name *name = names_find(names, folder);
    return name && !name->inode;
}

void names_sync_folder(struct disk_sim *sim, const char *folder)
{
    size_t left = 0;
    for (size_t i = 0; i < sim->change_count; i++) {
        struct name_change *change = &sim->changes[i];
        if (path_is_in_folder(change->path, folder))
            names_apply(&sim->safe, change);
        else
            sim->changes[left++] = *change;
    }
    sim->change_count = left;
}

void names_lose_power(struct disk_sim *sim, unsigned bias)
{
    lv_assert(bias <= 8);
    for (size_t i = 0; i < sim->change_count; i++)
        if (disk_sim_random(sim, 8) < bias)
            names_apply(&sim->safe, &sim->changes[i]);
    sim->change_count = 0;
    for (size_t i = 0; i < sim->safe.count;) {
        if (names_have_folder_of(&sim->safe, sim->safe.at[i].path))
            i++;
        else
            sim->safe.at[i] = sim->safe.at[--sim->safe.count];
    }
    sim->now.count = 0;
    for (size_t i = 0; i < sim->safe.count; i++)
        names_put(&sim->now, sim->safe.at[i].path, sim->safe.at[i].inode);
}
