/* What the data directory remembers of the broker's own clock (loop_steady_ms()), by which the
 * deadlines on disk are: DIR/clock, docs/formats/clock.md. */
#ifndef LEVERET_STORE_CLOCK_FILE_H
#define LEVERET_STORE_CLOCK_FILE_H

#include <stdint.h>

enum { CLOCK_BOOT_BYTES_MAX = 64 };

/* What clocks showed at one moment. */
struct clock_reading {
    uint64_t steady_ms;              /* the broker's */
    uint64_t wall_ms;                /* the system's, since 1970 */
    uint64_t up_ms;                  /* since the machine started */
    char boot[CLOCK_BOOT_BYTES_MAX]; /* which start that was; empty: not known */
};

/* ERR_NOT_FOUND: there is none; ERR_FORMAT: it is not as it should be. Any thread; blocks. */
int clock_file_read(const char *dir, struct clock_reading *ret);

/* Replaces it: after a crash the old or the new one is there. Any thread, one at a time; blocks. */
int clock_file_write(const char *dir, const struct clock_reading *reading);

/* The name of this start of the machine; empty when the system has none. Any thread; blocks. */
void clock_file_boot(char ret[CLOCK_BOOT_BYTES_MAX]);

#endif
