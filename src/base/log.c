/* A line's text is composed on the stack of its caller. log_repeats.c decides whether it is one too
 * many of its kind; log_output.c passes it to the outputs, each of which formats it. */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log_private.h"

static const char *const level_names[] = {
#define LOG_NAME(name, text) text,
    LOG_LEVELS(LOG_NAME)
#undef LOG_NAME
};
enum { LEVEL_COUNT = sizeof level_names / sizeof level_names[0] };

static const char *const category_names[] = {
#define LOG_NAME(name, text) text,
    LOG_CATEGORIES(LOG_NAME)
#undef LOG_NAME
};

/* RabbitMQ's levels that no line here has. */
static const struct {
    const char *name;
    enum log_level level;
} level_aliases[] = {
    {"notice", LOG_WARNING},
    {"alert", LOG_NONE},
    {"emergency", LOG_NONE},
};

bool log_level_parse(const char *text, enum log_level *ret_level)
{
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof level_aliases / sizeof *level_aliases; i++) {
        if (strcmp(text, level_aliases[i].name) == 0) {
            *ret_level = level_aliases[i].level;
            return true;
        }
    }
    return false;
}

const char *log_level_name(enum log_level level)
{
    lv_assert(level <= LOG_NONE);
    return level_names[level];
}

bool log_category_parse(const char *text, enum log_category *ret)
{
    for (size_t i = 0; i < LOG_CATEGORY_COUNT; i++) {
        if (strcmp(text, category_names[i]) == 0) {
            *ret = (enum log_category)i;
            return true;
        }
    }
    return false;
}

const char *log_category_name(enum log_category category)
{
    lv_assert(category < LOG_CATEGORY_COUNT);
    return category_names[category];
}

uint64_t log_now_ms(void)
{
    return clock_read_ms(CLOCK_MONOTONIC);
}

const char *log_with_commas(uint64_t n, char room[32])
{
    char digits[24];
    size_t count = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n);
    char *to = room;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return room;
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void record_log(enum log_category category, enum log_level level, struct slice text,
                       struct slice notes)
{
    const struct log_record record = {
        .us = now_us(), .level = level, .category = category, .text = text, .notes = notes};
    if (!log_outputs_put(&record))
        log_output_direct(&record);
}

void log_text(enum log_category category, enum log_level level, struct slice text)
{
    record_log(category, level, text, SLICE_EMPTY);
}

/* Cuts a text that has LOG_TEXT_BYTES_MAX bytes or more, between two characters, so that it ends
 * in "...". Returns its new length. */
static size_t text_cut(char *text)
{
    size_t n = LOG_TEXT_BYTES_MAX - 3;
    for (size_t i = 0; i < 3 && ((unsigned char)text[n] & 0xc0) == 0x80; i++)
        n--;
    memcpy(text + n, "...", 4);
    return n + 3;
}

void log_write(enum log_category category, enum log_level level, uint64_t kind, const char *format,
               ...)
{
    int errno_before = errno;
    char text[LOG_TEXT_BYTES_MAX + 1];
    va_list args;
    lv_assert(level < LOG_NONE);
    va_start(args, format);
    size_t n = (size_t)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n > LOG_TEXT_BYTES_MAX)
        n = text_cut(text);
    if (log_repeats_admit(category, level, format, kind, text))
        record_log(category, level, slice_of(text, n), log_notes_now());
    log_notes_clear();
    errno = errno_before;
}

_Noreturn void log_panic(const char *format, ...)
{
    char text[1024] = "leveret: ";
    size_t n = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + n, sizeof text - n - 1, format, args);
    va_end(args);
    n = strlen(text);
    text[n++] = '\n';
    log_outputs_wait_until_empty(LOG_STOP_MS / 2);
    log_outputs_last_words(text, n);
    abort();
}
