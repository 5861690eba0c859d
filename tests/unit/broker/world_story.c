/* The text of a world's story, its chance, and what an abort prints (world_story.h). The text is
 * kept here, not in the story: there is one at a time. */
#include "world_story.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

enum { TEXT_BYTES = 512 * 1024, STEP_BYTES = 240 };

bool story_is_told;

static char text[TEXT_BYTES];
static size_t text_bytes;
static struct story *running; /* for the report of an abort */

/* --- an abort tells the steps ----------------------------------------------------------------- */

static void report(void)
{
    struct story *s = running;
    running = NULL;
    if (!s)
        return;
    if (!story_is_told) {
        ssize_t n = write(STDERR_FILENO, text, text_bytes);
        (void)n;
    }
    fprintf(stderr,
            "\nthe world of seed %" PRIu64 " has failed in life %u; its steps are above, "
            "again with: --seed %" PRIu64 "\n",
            s->seed, s->life, s->seed);
}

static void on_abort(int number)
{
    report();
    signal(number, SIG_DFL);
    raise(number);
}

/* --- its course ------------------------------------------------------------------------------- */

void story_begin(struct story *s, uint64_t seed)
{
    *s = (struct story){.seed = seed, .random = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15)};
    s->random = s->random ? s->random : 1;
    text_bytes = 0;
    running = s;
    signal(SIGABRT, on_abort);
#ifndef HAS_ASAN /* which tells more of it */
    signal(SIGSEGV, on_abort);
#endif
}

void story_end(struct story *s)
{
    if (running == s)
        running = NULL;
}

static void tell(const struct story *s, const char *format, va_list args)
{
    char line[STEP_BYTES];
    int n = snprintf(line, sizeof line, "%6" PRIu64 " ", s->step);
    vsnprintf(line + n, sizeof line - (size_t)n, format, args);
    size_t length = strlen(line);
    if (text_bytes + length + 2 > TEXT_BYTES) {
        memmove(text, text + TEXT_BYTES / 2, text_bytes - TEXT_BYTES / 2);
        text_bytes -= TEXT_BYTES / 2;
    }
    memcpy(text + text_bytes, line, length);
    text_bytes += length;
    text[text_bytes++] = '\n';
    if (story_is_told)
        fprintf(stderr, "%s\n", line);
}

void story_step(struct story *s, const char *format, ...)
{
    va_list args;
    s->step++;
    va_start(args, format);
    tell(s, format, args);
    va_end(args);
}

void story_note(struct story *s, const char *format, ...)
{
    va_list args;
    if (!story_is_told)
        return;
    va_start(args, format);
    tell(s, format, args);
    va_end(args);
}

void story_fail(struct story *s, const char *format, ...)
{
    char line[STEP_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    story_step(s, "FAILED: %s", line);
    abort();
}

/* --- its chance ------------------------------------------------------------------------------- */

uint64_t story_below(struct story *s, uint64_t n)
{
    uint64_t x = s->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    s->random = x;
    return ((x * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % n;
}

bool story_one_in(struct story *s, uint64_t n)
{
    return story_below(s, n) == 0;
}

bool story_percent(struct story *s, unsigned percent)
{
    return story_below(s, 100) < percent;
}

unsigned story_weighted(struct story *s, const unsigned *weights, unsigned count)
{
    unsigned all = 0, what = 0;
    for (unsigned i = 0; i < count; i++)
        all += weights[i];
    unsigned choice = (unsigned)story_below(s, all);
    while (choice >= weights[what])
        choice -= weights[what++];
    return what;
}
