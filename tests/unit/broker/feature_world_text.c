/* A feature world's steps as text, which an abort prints, and its chance. */
#include "feature_world_private.h"

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

enum { STEP_BYTES = 240 };

bool feature_world_is_verbose;

static struct feature_world *running; /* for the report of an abort */

static void tell(struct feature_world *w, const char *format, va_list args)
{
    char line[STEP_BYTES];
    int n = snprintf(line, sizeof line, "%6" PRIu64 " ", w->step);
    vsnprintf(line + n, sizeof line - (size_t)n, format, args);
    size_t length = strlen(line);
    if (w->text_bytes + length + 2 > FW_TEXT_BYTES) {
        memmove(w->text, w->text + FW_TEXT_BYTES / 2, w->text_bytes - FW_TEXT_BYTES / 2);
        w->text_bytes -= FW_TEXT_BYTES / 2;
    }
    memcpy(w->text + w->text_bytes, line, length);
    w->text_bytes += length;
    w->text[w->text_bytes++] = '\n';
    if (feature_world_is_verbose)
        fprintf(stderr, "%s\n", line);
}

void fw_step(struct feature_world *w, const char *format, ...)
{
    va_list args;
    w->step++;
    va_start(args, format);
    tell(w, format, args);
    va_end(args);
}

void fw_note(struct feature_world *w, const char *format, ...)
{
    va_list args;
    if (!feature_world_is_verbose)
        return;
    va_start(args, format);
    tell(w, format, args);
    va_end(args);
}

void fw_fail(struct feature_world *w, const char *format, ...)
{
    char line[STEP_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fw_step(w, "FAILED: %s", line);
    abort();
}

uint64_t fw_below(struct feature_world *w, uint64_t n)
{
    uint64_t x = w->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    w->random = x;
    return ((x * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % n;
}

bool fw_one_in(struct feature_world *w, uint64_t n)
{
    return fw_below(w, n) == 0;
}

bool fw_percent(struct feature_world *w, unsigned percent)
{
    return fw_below(w, 100) < percent;
}

static void report(void)
{
    struct feature_world *w = running;
    running = NULL;
    if (!w)
        return;
    if (!feature_world_is_verbose) {
        ssize_t n = write(STDERR_FILENO, w->text, w->text_bytes);
        (void)n;
    }
    fprintf(stderr,
            "\nthe world of seed %" PRIu64 " has failed in life %u; its steps are above, "
            "again with: --seed %" PRIu64 "\n",
            w->seed, w->life, w->seed);
}

static void on_abort(int number)
{
    report();
    signal(number, SIG_DFL);
    raise(number);
}

void fw_report_aborts_of(struct feature_world *w)
{
    running = w;
    signal(SIGABRT, on_abort);
#ifndef HAS_ASAN /* which tells more of it */
    signal(SIGSEGV, on_abort);
#endif
}
