#include "auth/attempts.h"

#include <pthread.h>
#include <string.h>

#include "auth/auth_private.h"
#include "base/memory.h"

enum { PROTOCOLS_MAX = 16, USER_BYTES_MAX = 255 };

struct auth_attempts {
    pthread_mutex_t lock; /* of all below */
    struct auth_attempts_row protocols[PROTOCOLS_MAX];
    struct auth_attempts_row forgotten[PROTOCOLS_MAX]; /* of these, before they were set to 0 */
    size_t protocol_count;
    struct rows sources; /* of struct auth_attempts_row, in their order; own their slices */
    bool tracks_sources;
};

struct auth_attempts *auth_attempts_create(void)
{
    struct auth_attempts *a = lv_calloc(1, sizeof *a);
    pthread_mutex_init(&a->lock, NULL);
    /* There is a row before the first login, so that a monitor sees the first one as an
     * increase. */
    a->protocols[a->protocol_count++].protocol = "amqp091";
    a->protocols[a->protocol_count++].protocol = "http";
    return a;
}

static void sources_forget(struct auth_attempts *a)
{
    for (size_t i = 0; i < a->sources.count; i++) {
        struct auth_attempts_row *row = a->sources.items[i];
        string_free(&row->address);
        string_free(&row->user);
        free(row);
    }
    free(a->sources.items);
    a->sources = (struct rows){0};
}

void auth_attempts_free(struct auth_attempts **attempts)
{
    struct auth_attempts *a = *attempts;
    *attempts = NULL;
    if (!a)
        return;
    sources_forget(a);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

/* Adds the attempt to a row. */
static void row_add(struct auth_attempts_row *row, const struct auth_attempts_row *attempt)
{
    row->accepted += attempt->accepted;
    row->refused += attempt->refused;
}

static void count_protocol(struct auth_attempts *a, const struct auth_attempts_row *attempt)
{
    size_t i = 0;
    while (i < a->protocol_count && strcmp(a->protocols[i].protocol, attempt->protocol) != 0)
        i++;
    if (i == a->protocol_count) {
        lv_assert(a->protocol_count < PROTOCOLS_MAX);
        a->protocols[a->protocol_count++].protocol = attempt->protocol;
    }
    row_add(&a->protocols[i], attempt);
}

static int compare_source(const void *row, const void *key)
{
    const struct auth_attempts_row *a = row, *b = key;
    int order = slice_compare(a->address, b->address);
    if (order == 0)
        order = slice_compare(a->user, b->user);
    return order ? order : strcmp(a->protocol, b->protocol);
}

static void count_source(struct auth_attempts *a, const struct auth_attempts_row *attempt)
{
    struct auth_attempts_row key = *attempt;
    if (key.user.n > USER_BYTES_MAX)
        key.user.n = USER_BYTES_MAX;
    struct auth_attempts_row *row = auth_rows_find(&a->sources, &key, compare_source);
    if (!row && a->sources.count < AUTH_ATTEMPT_SOURCES_MAX) {
        row = lv_calloc(1, sizeof *row);
        row->protocol = key.protocol;
        row->address = slice_copy(key.address);
        row->user = slice_copy(key.user);
        auth_rows_insert(&a->sources, auth_rows_position(&a->sources, &key, compare_source), row);
    }
    if (row)
        row_add(row, attempt);
}

void auth_count_attempt(struct auth *auth, const struct auth_attempts_row *attempt)
{
    struct auth_attempts *a = auth->attempts;
    lv_assert(attempt->accepted + attempt->refused == 1);
    pthread_mutex_lock(&a->lock);
    count_protocol(a, attempt);
    if (a->tracks_sources)
        count_source(a, attempt);
    pthread_mutex_unlock(&a->lock);
}

void auth_track_sources(struct auth *auth, bool is_on)
{
    struct auth_attempts *a = auth->attempts;
    pthread_mutex_lock(&a->lock);
    a->tracks_sources = is_on;
    if (!is_on)
        sources_forget(a);
    pthread_mutex_unlock(&a->lock);
}

void auth_each_attempts(struct auth *auth, bool by_source, auth_attempts_visit *visit, void *arg)
{
    struct auth_attempts *a = auth->attempts;
    pthread_mutex_lock(&a->lock);
    for (size_t i = 0; !by_source && i < a->protocol_count; i++)
        visit(arg, &a->protocols[i]);
    for (size_t i = 0; by_source && i < a->sources.count; i++)
        visit(arg, a->sources.items[i]);
    pthread_mutex_unlock(&a->lock);
}

void auth_each_protocol_ever(struct auth *auth, auth_attempts_visit *visit, void *arg)
{
    struct auth_attempts *a = auth->attempts;
    pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < a->protocol_count; i++) {
        struct auth_attempts_row row = a->protocols[i];
        row_add(&row, &a->forgotten[i]);
        visit(arg, &row);
    }
    pthread_mutex_unlock(&a->lock);
}

void auth_forget_attempts(struct auth *auth)
{
    struct auth_attempts *a = auth->attempts;
    pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < a->protocol_count; i++) {
        row_add(&a->forgotten[i], &a->protocols[i]);
        a->protocols[i].accepted = a->protocols[i].refused = 0;
    }
    sources_forget(a);
    pthread_mutex_unlock(&a->lock);
}
