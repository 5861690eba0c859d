/* What the files of the simulated disk share. */
#ifndef LEVERET_STORE_SIM_DISK_SIM_PRIVATE_H
#define LEVERET_STORE_SIM_DISK_SIM_PRIVATE_H

#include "store/sim/disk_sim.h"

enum { SIM_SECTOR = 512, SIM_PATH_BYTES = 64 };

/* A file, with or without a name. Bytes beyond the sizes are zero. */
struct inode {
    struct inode *next;
    uint8_t *now;   /* the bytes as they read */
    uint8_t *safe;  /* the bytes as they are on the platter */
    uint8_t *dirty; /* one byte per sector: 1 if the two may differ */
    uint64_t size;
    uint64_t safe_size;
    uint64_t capacity; /* of `now` and of `safe`, a multiple of SIM_SECTOR */
    bool is_named;     /* used only by disk_sim_restart() */
};

struct name {
    char path[SIM_PATH_BYTES];
    struct inode *inode; /* NULL: a folder */
};

struct names {
    struct name *at;
    size_t count;
    size_t capacity;
};

enum name_change_kind { NAME_PUT, NAME_REMOVE, NAME_RENAME };

struct name_change {
    enum name_change_kind kind;
    char path[SIM_PATH_BYTES];
    char to[SIM_PATH_BYTES]; /* of NAME_RENAME, else empty */
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
    struct names now;            /* as they read */
    struct names safe;           /* as they are on the platter */
    struct name_change *changes; /* made to `now` and not yet to `safe` */
    size_t change_count;
    size_t change_capacity;
};

/* --- files: disk_sim_inodes.c ----------------------------------------------------------------- */

/* Makes an empty file. The disk owns it. */
struct inode *inode_create(struct disk_sim *sim);
void inode_free(struct inode *inode);
void inode_write(struct inode *inode, uint64_t offset, const void *p, uint64_t n);
/* Cuts the file, or extends it with zeros. */
void inode_set_size(struct inode *inode, uint64_t bytes);
/* Marks the sectors of these bytes as dirty. */
void inode_touch(struct inode *inode, uint64_t from, uint64_t to);
void inode_sync(struct inode *inode);
/* A sync that fails: each dirty sector is written with a probability of a half. No later sync
 * writes the others. If a power cut makes the sync fail, they stay dirty until
 * inode_lose_power(). */
void inode_sync_partly(struct disk_sim *sim, struct inode *inode);
/* The power is cut: of eight dirty sectors about `bias` are written whole and one is torn, the
 * others are lost. What is then on the platter is all that is left. */
void inode_lose_power(struct disk_sim *sim, struct inode *inode, unsigned bias);

/* --- names: disk_sim_names.c ------------------------------------------------------------------ */

/* Returns the entry of this path, or NULL if there is none. It is valid until names change. */
struct name *names_find(const struct names *names, const char *path);
/* Returns true if the folder that the path is in exists. */
bool names_have_folder_of(const struct names *names, const char *path);
/* Returns true if the path is directly in this folder ("." is the top). */
bool path_is_in_folder(const char *path, const char *folder);
/* Changes a name in `now`, and notes the change until its folder is synced. */
void names_change(struct disk_sim *sim, enum name_change_kind kind, const char *path,
                  const char *to, struct inode *inode);
/* Makes the noted changes in this folder in `safe` too, in their order. */
void names_sync_folder(struct disk_sim *sim, const char *folder);
/* The power is cut: each change of a name that was not synced survives with a probability of `bias`
 * in eight. A name in a folder that was lost is lost too. */
void names_lose_power(struct disk_sim *sim, unsigned bias);

#endif
