/* A disk in memory that behaves as badly as a real one may, driven by a seed: the same calls after
 * the same seed find the same disk. For tests; this folder is a library of its own.
 *
 *   (1) What was written and not synced is at the mercy of the next power cut: of each 512-byte
 *       sector by itself the new bytes are kept, or the old, or the sector is torn at any byte.
 *   (2) What happened to names (create, rename, remove, make a folder) and was not followed by a
 *       sync of the folder is kept or lost, each by itself.
 *   (3) A sync that fails may have written any of the sectors, and the others are forgotten without
 *       a word: they still read as they were written, and no later sync writes them.
 *
 * Calls are counted from 1; closing is not a call. One thread. */
#ifndef LEVERET_STORE_SIM_DISK_SIM_H
#define LEVERET_STORE_SIM_DISK_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "store/disk.h"

struct disk_sim;

/* An empty disk. The caller owns it. */
struct disk_sim *disk_sim_create(uint64_t seed);
/* Every file must be closed. Clears the pointer. NULL is fine. */
void disk_sim_free(struct disk_sim **sim);
/* The port to it. Borrowed. */
struct disk *disk_sim_port(struct disk_sim *sim);

/* How many calls there have been. */
uint64_t disk_sim_calls(const struct disk_sim *sim);
/* How many of them were syncs of a file. */
uint64_t disk_sim_syncs(const struct disk_sim *sim);
/* How many bytes have been read. */
uint64_t disk_sim_bytes_read(const struct disk_sim *sim);

/* The call with this number fails with this error; of a write or a sync any part may be done. One
 * such call can be waiting; 0: none. */
void disk_sim_fail_at(struct disk_sim *sim, uint64_t call, int error);
/* Files may hold so many bytes together; more is ERR_NO_SPACE. UINT64_MAX: no limit, as at
 * first. */
void disk_sim_set_room(struct disk_sim *sim, uint64_t bytes);
/* The bytes that files hold now. */
uint64_t disk_sim_used(const struct disk_sim *sim);

/* The power goes at the call with this number, in the middle of it; 0: never. Or now. From then on
 * every call fails with ERR_IO, until the restart. */
void disk_sim_cut_power_at(struct disk_sim *sim, uint64_t call);
void disk_sim_cut_power(struct disk_sim *sim);
bool disk_sim_is_cut(const struct disk_sim *sim);
/* The process dies: every call fails with ERR_IO until the restart, and the disk is as it was. */
void disk_sim_kill(struct disk_sim *sim);
/* Every file must be closed. After a power cut (1) and (2) are decided, at once and for good.
 * Without one everything reads as it was written, and still is not synced. No failure is waiting
 * any more. */
void disk_sim_restart(struct disk_sim *sim);

/* Turns one bit of a file, on the disk and as it reads. False: there is no such byte. */
bool disk_sim_flip_bit(struct disk_sim *sim, const char *path, uint64_t offset, unsigned bit);

/* A number below n from the disk's own seed, for whoever wants to share it. */
uint64_t disk_sim_random(struct disk_sim *sim, uint64_t n);

#endif
