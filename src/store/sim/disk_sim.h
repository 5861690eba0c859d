/* A disk in memory that behaves as badly as a real one may, driven by a seed: the same calls with
 * the same seed have the same results. For tests; this folder is a library of its own.
 *
 *   (1) A power cut decides for each 512-byte sector that was written and not synced: it keeps the
 *       new bytes, or the old ones, or is torn at any byte.
 *   (2) It also decides for each change of a name (create, rename, remove, make a folder) that was
 *       not followed by a sync of the folder: it is kept or lost.
 *   (3) A sync that fails may have written any of the sectors. The others are silently forgotten:
 *       they still read as they were written, but no later sync writes them.
 *
 * Calls are counted from 1; closing a file and asking for the room are not calls. One thread. */
#ifndef LEVERET_STORE_SIM_DISK_SIM_H
#define LEVERET_STORE_SIM_DISK_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "store/disk.h"

struct disk_sim;

/* Makes an empty disk. The caller owns it. */
struct disk_sim *disk_sim_create(uint64_t seed);
/* Frees the disk and clears the pointer. Every file must be closed. NULL is fine. */
void disk_sim_free(struct disk_sim **sim);
/* Returns the disk's port. Borrowed. */
struct disk *disk_sim_port(struct disk_sim *sim);

/* Returns how many calls there have been; those refused after a power cut or a kill are not
 * counted. */
uint64_t disk_sim_calls(const struct disk_sim *sim);
/* Returns how often a file was to be synced. Unlike disk_sim_calls() this includes calls that were
 * refused after a power cut or a kill. */
uint64_t disk_sim_syncs(const struct disk_sim *sim);
/* Returns how many bytes have been read. */
uint64_t disk_sim_bytes_read(const struct disk_sim *sim);

/* Makes the call with this number, which must be a future one, fail with this error; a write or a
 * sync may nevertheless do any part of its work. Replaces an earlier request; 0: no call fails. */
void disk_sim_fail_at(struct disk_sim *sim, uint64_t call, int error);
/* Limits the bytes of all files together; beyond that, calls fail with ERR_NO_SPACE. UINT64_MAX
 * (the default): no limit. */
void disk_sim_set_room(struct disk_sim *sim, uint64_t bytes);
/* Returns the bytes of all files together. */
uint64_t disk_sim_used(const struct disk_sim *sim);

/* Cut the power in the middle of the call with this number, which must be a future one (0: never),
 * or now. From then on every call fails with ERR_IO, until the restart. */
void disk_sim_cut_power_at(struct disk_sim *sim, uint64_t call);
void disk_sim_cut_power(struct disk_sim *sim);
bool disk_sim_is_cut(const struct disk_sim *sim);
/* Kills the process: every call fails with ERR_IO until the restart, and the disk keeps what was
 * written. */
void disk_sim_kill(struct disk_sim *sim);
/* Starts the disk again. Every file must be closed. After a power cut this decides what is kept, as
 * (1) and (2) above say. Without a power cut everything reads as it was written, and what was not
 * synced is still not synced. Requested failures and power cuts are cancelled. */
void disk_sim_restart(struct disk_sim *sim);

/* Flips one bit of a file, on the disk and as it reads. Returns false if there is no such byte. */
bool disk_sim_flip_bit(struct disk_sim *sim, const char *path, uint64_t offset, unsigned bit);

/* Returns a number below n from the disk's own seed; tests may use it too. */
uint64_t disk_sim_random(struct disk_sim *sim, uint64_t n);

#endif
