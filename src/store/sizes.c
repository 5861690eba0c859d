#include "store/sizes.h"

#include "store/log_private.h"
#include "store/segments_private.h"

struct sum {
    uint64_t files, bytes;
};

static void add_file(void *arg, const char *name, uint64_t bytes)
{
    struct sum *sum = arg;
    (void)name;
    sum->files++;
    sum->bytes += bytes;
}

void store_sizes_read(struct disk *disk, struct store_sizes *ret)
{
    struct sum log = {0}, segments = {0};
    (void)disk->list(disk, LOG_FOLDER, add_file, &log);
    (void)disk->list(disk, SEGMENTS_FOLDER, add_file, &segments);
    *ret = (struct store_sizes){log.files, log.bytes, segments.files, segments.bytes};
}
