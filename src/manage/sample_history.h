/* The history of an object's figures: counters that rise, and gauges that rise and fall.
 *
 * A history keeps only what has moved, as differences of a few bytes each, so an object that is
 * idle costs nothing more. It keeps them at several steps of time: the finest for the last minutes,
 * coarser ones for hours and days (struct retention). Everything older is forgotten.
 *
 * Before its first change every figure was 0. Times are milliseconds of a clock that is never set.
 * A history belongs to its caller, who lets one thread at a time use it. */
#ifndef LEVERET_MANAGE_SAMPLE_HISTORY_H
#define LEVERET_MANAGE_SAMPLE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RETENTION_LEVELS_MAX = 4, HISTORY_FIGURES_MAX = 32 };

/* How long histories reach back, and in which steps: each level reaches farther, in longer steps,
 * than the one before it. */
struct retention {
    unsigned count; /* 0: nothing is kept but the last change */
    struct retention_level {
        uint32_t reach_s, step_s;
    } levels[RETENTION_LEVELS_MAX];
};

struct history;

/* Makes a history of this many figures (1 to HISTORY_FIGURES_MAX), all of them 0. The retention is
 * borrowed. The caller frees it with history_free(). */
struct history *history_create(const struct retention *retention, unsigned figures);
/* Frees the history and clears the pointer. NULL is fine. */
void history_free(struct history **history);

/* Notes the figures at this time, which is not before that of the last call, and forgets what is
 * too old. */
void history_note(struct history *h, uint64_t now_ms, const uint64_t *figures);

/* Returns the figures of the last history_note(). Borrowed. */
const uint64_t *history_figures(const struct history *h);

/* Sets ret[i] to how much figure i has changed at the last history_note(), and returns true; false
 * if nothing has changed then. */
bool history_last_change(const struct history *h, int64_t *ret);

/* Copies to ret[i * figures .. ] the figures at first_ms + i * step_ms, for each i below `count`.
 * They are taken from the finest level that reaches back as far. */
void history_samples(const struct history *h, uint64_t now_ms, uint64_t first_ms, uint64_t step_ms,
                     size_t count, uint64_t *ret);

/* Returns when the figures that history_samples() copies for first_ms were noted; 0: none were by
 * then. */
uint64_t history_noted_ms(const struct history *h, uint64_t now_ms, uint64_t first_ms);

/* Returns how many bytes of memory the history takes. */
size_t history_bytes(const struct history *h);

#endif
