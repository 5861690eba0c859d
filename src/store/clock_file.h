/* The file DIR/clock: what the broker's own clock, loop_steady_ms(), and the system's clocks showed
 * at one moment, so that the broker's clock can go on after a restart. Deadlines on disk are times
 * of the broker's own clock. docs/formats/clock.md describes the file. */
#ifndef LEVERET_STORE_CLOCK_FILE_H
#define LEVERET_STORE_CLOCK_FILE_H

#include <stdint.h>

enum { CLOCK_BOOT_BYTES_MAX = 64 };

/* What the clocks showed at one moment. */
struct clock_reading {
    uint64_t steady_ms;              /* the broker's clock */
    uint64_t wall_ms;                /* the system's clock, since 1970 */
    uint64_t up_ms;                  /* since the machine started */
    char boot[CLOCK_BOOT_BYTES_MAX]; /* the kernel's id of the machine's start; empty: unknown */
};

/* Reads the file. Returns ERR_NOT_FOUND if there is none, ERR_FORMAT if its text is not valid. Any
 * thread; blocks. */
int clock_file_read(const char *dir, struct clock_reading *ret);

/* Replaces the file: a crash leaves the old one or the new one. Any thread, one at a time;
 * blocks. */
int clock_file_write(const char *dir, const struct clock_reading *reading);

/* Copies the kernel's id of this start of the machine; empty if the system has none. Any thread;
 * blocks. */
void clock_file_boot(char ret[CLOCK_BOOT_BYTES_MAX]);

#endif
