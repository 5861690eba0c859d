/* Repeated lines. The first line of a site (a format and a kind) begins a second. Within it the
 * first LOG_LINES_A_SECOND lines are written and the others are only counted. When the second is
 * over, an output's thread logs the count. If the threads are late, lines are counted until one
 * comes, so none is missing from the count.
 *
 * The sites are kept in a table of fixed size. The lines of a site that does not fit are all
 * written. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/log_private.h"

enum { SITES_MAX = 256, PROBES_MAX = 8, SECOND_MS = 1000 };

struct site {
    const char *format; /* NULL: free */
    uint64_t kind;
    uint64_t begun_ms;
    uint64_t count; /* of its lines since begun_ms */
    enum log_category category;
    enum log_level level;
    char sample[LOG_SAMPLE_BYTES_MAX]; /* the first line that was one too many */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct site sites[SITES_MAX];

static bool site_is_over(const struct site *s, uint64_t now_ms)
{
    return now_ms - s->begun_ms >= SECOND_MS;
}

static bool site_has_repeats(const struct site *s)
{
    return s->format && s->count > LOG_LINES_A_SECOND;
}

static size_t site_hash(const char *format, uint64_t kind)
{
    uint64_t h = ((uint64_t)(uintptr_t)format ^ kind * 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;
    return h >> 56;
}

/* Returns the site's row, or a vacant one that becomes the site's; NULL if there is neither. */
static struct site *site_find(const char *format, uint64_t kind, uint64_t now_ms)
{
    struct site *vacant = NULL;
    size_t at = site_hash(format, kind);
    for (size_t i = 0; i < PROBES_MAX; i++) {
        struct site *s = &sites[(at + i) % SITES_MAX];
        if (s->format == format && s->kind == kind)
            return s;
        bool is_vacant = !s->format || (site_is_over(s, now_ms) && !site_has_repeats(s));
        if (!vacant && is_vacant)
            vacant = s;
    }
    if (vacant)
        *vacant = (struct site){.format = format, .kind = kind, .begun_ms = now_ms};
    return vacant;
}

static bool site_admit(struct site *s, enum log_category category, enum log_level level,
                       const char *text, uint64_t now_ms)
{
    if (site_is_over(s, now_ms) && !site_has_repeats(s)) {
        s->begun_ms = now_ms;
        s->count = 0;
    }
    s->count++;
    if (s->count <= LOG_LINES_A_SECOND)
        return true;
    if (s->count == LOG_LINES_A_SECOND + 1) {
        s->category = category;
        s->level = level;
        strncpy(s->sample, text, sizeof s->sample - 1);
    }
    return false;
}

bool log_repeats_admit(enum log_category category, enum log_level level, const char *site,
                       uint64_t kind, const char *text)
{
    if (strcmp(site, "%s") == 0 || !log_threads_are_running())
        return true;
    uint64_t now_ms = log_now_ms();
    pthread_mutex_lock(&lock);
    struct site *s = site_find(site, kind, now_ms);
    bool is_admitted = !s || site_admit(s, category, level, text, now_ms);
    pthread_mutex_unlock(&lock);
    return is_admitted;
}

static void site_take(struct site *s, uint64_t now_ms, struct log_repeated *ret)
{
    lv_assert(site_has_repeats(s));
    ret->category = s->category;
    ret->level = s->level;
    ret->count = s->count - LOG_LINES_A_SECOND;
    ret->ms = now_ms - s->begun_ms;
    memcpy(ret->sample, s->sample, sizeof ret->sample);
    s->format = NULL;
}

/* Takes the count of suppressed lines of one call site whose second is over, or with `at_once` of
 * any call site. Returns false if there is no such count. */
static bool take_repeated(bool at_once, struct log_repeated *ret)
{
    uint64_t now_ms = log_now_ms();
    bool has_one = false;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < SITES_MAX && !has_one; i++) {
        struct site *s = &sites[i];
        has_one = site_has_repeats(s) && (at_once || site_is_over(s, now_ms));
        if (has_one)
            site_take(s, now_ms, ret);
    }
    pthread_mutex_unlock(&lock);
    return has_one;
}

static void tell_repeated(const struct log_repeated *r)
{
    char text[LOG_SAMPLE_BYTES_MAX + 128], number[32], span[32] = "second";
    if (r->ms >= 2000)
        snprintf(span, sizeof span, "%" PRIu64 " s", r->ms / 1000);
    snprintf(text, sizeof text, "... %s more like this in the last %s: %s",
             log_with_commas(r->count, number), span, r->sample);
    log_text(r->category, r->level, slice_str(text));
}

void log_repeats_tell(bool at_once)
{
    struct log_repeated repeated;
    while (take_repeated(at_once, &repeated))
        tell_repeated(&repeated);
}

uint64_t log_repeats_due_ms(void)
{
    uint64_t now_ms = log_now_ms(), due_ms = UINT64_MAX;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < SITES_MAX; i++) {
        const struct site *s = &sites[i];
        bool is_open = s->format && (!site_is_over(s, now_ms) || site_has_repeats(s));
        if (is_open && s->begun_ms + SECOND_MS < due_ms)
            due_ms = s->begun_ms + SECOND_MS;
    }
    pthread_mutex_unlock(&lock);
    return due_ms;
}
