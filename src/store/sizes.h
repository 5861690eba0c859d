/* How much of the disk the store takes. */
#ifndef LEVERET_STORE_SIZES_H
#define LEVERET_STORE_SIZES_H

#include "store/disk.h"

struct store_sizes {
    uint64_t log_files, log_bytes; /* with files that are kept to be used again */
    uint64_t segment_files, segment_bytes;
};

/* Reads the sizes of all files of the log and of the segments; a folder that cannot be read counts
 * as empty. Takes a microsecond or two for each file. Any thread; reads directories. */
void store_sizes_read(struct disk *disk, struct store_sizes *ret);

#endif
