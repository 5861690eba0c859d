/* The story of a simulated world: the seed that all of it follows from, the chance that decides
 * what happens next, and the steps that were taken, as text. A world whose program aborts, or that
 * fails, prints that text and the seed, so that the same steps can be taken again.
 *
 * There is one story at a time, on one thread. */
#ifndef LEVERET_TESTS_WORLD_STORY_H
#define LEVERET_TESTS_WORLD_STORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The caller's memory; nothing in it has to be freed. */
struct story {
    uint64_t seed;
    uint64_t random; /* the state of its chance: never 0 */
    uint64_t step;   /* the number of the last step that was taken */
    uint32_t life;   /* of the broker: the number of this one, from 1 on */
};

/* Every step is printed as it is taken. */
extern bool story_is_told;

/* --- its course ------------------------------------------------------------------------------- */

/* Begins the story of this seed: no step has been taken, and there was no life. From here on an
 * abort (without AddressSanitizer a segmentation fault, too) prints the steps; the story must stay
 * where it is until its end. */
void story_begin(struct story *s, uint64_t seed);
/* Ends it: an abort says nothing of it any more. */
void story_end(struct story *s);

/* Tells a step, and counts it. Of a long line, and of a long story, only a part is kept: of the
 * line its beginning, of the story its end. */
void story_step(struct story *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Tells what is no step, and only where steps are printed as they are taken. */
void story_note(struct story *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Tells what is wrong, and aborts. */
void story_fail(struct story *s, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* --- its chance ------------------------------------------------------------------------------- */

/* A number from 0 to n - 1; n is not 0. */
uint64_t story_below(struct story *s, uint64_t n);
/* True once in n times. */
bool story_one_in(struct story *s, uint64_t n);
/* True so many times in a hundred. */
bool story_percent(struct story *s, unsigned percent);
/* An index below `count`, each as often as its weight says. One weight at least is not 0. */
unsigned story_weighted(struct story *s, const unsigned *weights, unsigned count);
/* One of the values, all of which are of this type. */
#define STORY_PICK(s, type, ...)                                                                   \
    (((const type[]){                                                                              \
        __VA_ARGS__})[story_below((s), sizeof((const type[]){__VA_ARGS__}) / sizeof(type))])

#endif
