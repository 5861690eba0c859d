#include "backends/oauth2/oauth2_provider.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "backends/oauth2/oauth2_discovery.h"
#include "backends/oauth2/oauth2_fetch_budget.h"
#include "backends/oauth2/oauth2_keys.h"
#include "backends/web/web_client.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

enum { FILE_BYTES_MAX = 1 << 16 };

struct oauth2_provider {
    const struct oauth2_provider_settings *settings; /* borrowed */
    unsigned waiting_max;
    struct oauth2_keys *files; /* keys of files; never changes */
    struct web_client *web;    /* NULL: the provider publishes no keys */
    pthread_t thread;          /* runs if there is `web` */
    pthread_mutex_t lock;      /* for what follows */
    pthread_cond_t changed;
    struct oauth2_keys *fetched; /* NULL: none have been fetched yet */
    struct oauth2_fetch_budget budget;
    uint64_t rounds;  /* fetches that have ended */
    unsigned waiting; /* calls that wait for the end of one */
    bool is_wanted;   /* a fetch is asked for */
    bool is_fetching; /* one is under way */
    bool has_failed;  /* the last one */
    bool has_begun;
    bool is_stopping;
};

/* --- Files ------------------------------------------------------------------------------------ */

/* Appends what a file holds. */
static int file_read(const char *path, struct lv_buffer *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lv_error_from_errno(errno);
    ssize_t n = 1;
    while (n > 0 && out->n <= FILE_BYTES_MAX) {
        n = read(fd, lv_buffer_reserve(out, FILE_BYTES_MAX), FILE_BYTES_MAX);
        out->n += n > 0 ? (size_t)n : 0;
    }
    int err = n < 0 ? lv_error_from_errno(errno) : out->n > FILE_BYTES_MAX ? ERR_TOO_LARGE : 0;
    close(fd);
    return err;
}

static int key_file_read(struct oauth2_keys *keys, const struct oauth2_pair *file,
                         struct lv_buffer *reason)
{
    struct lv_buffer text = {0};
    struct lv_buffer why = {0};
    int err = file_read(file->value, &text);
    if (err)
        lv_buffer_printf(&why, "%s", lv_error_text(err));
    else
        err = oauth2_keys_add_text(keys, file->name, lv_buffer_slice(&text), &why);
    if (err)
        lv_buffer_printf(reason, "auth_oauth2: signing_keys.%s: %s: %.*s", file->name, file->value,
                         SLICE_ARG(lv_buffer_slice(&why)));
    lv_buffer_free(&text);
    lv_buffer_free(&why);
    return err;
}

static int key_files_read(struct oauth2_provider *provider, struct lv_buffer *reason)
{
    const struct oauth2_pairs *files = &provider->settings->signing_keys;
    int err = 0;
    for (size_t i = 0; i < files->count && !err; i++)
        err = key_file_read(provider->files, &files->items[i], reason);
    return err;
}

/* --- Fetching --------------------------------------------------------------------------------- */

/* Asks for a document, and appends to `reason` if there is no answer with status 200. */
static int document_fetch(struct oauth2_provider *provider, const char *url, struct lv_buffer *body,
                          struct lv_buffer *reason)
{
    long status = 0;
    const struct web_request request = {.url = url};
    int err = web_client_ask(provider->web, &request, &status, body, reason);
    if (!err && status != 200) {
        lv_buffer_printf(reason, "the answer has status %ld", status);
        err = ERR_IO;
    }
    return err;
}

/* Appends the URL of the keys and a NUL: the one that is set, or the one that the issuer names. */
static int keys_url_find(struct oauth2_provider *provider, struct lv_buffer *url,
                         struct lv_buffer *reason)
{
    const struct oauth2_provider_settings *settings = provider->settings;
    if (settings->jwks_uri) {
        lv_buffer_add(url, settings->jwks_uri, strlen(settings->jwks_uri) + 1);
        return 0;
    }
    struct lv_buffer discovery = {0}, body = {0}, why = {0};
    oauth2_discovery_url(settings, &discovery);
    int err = document_fetch(provider, (const char *)discovery.p, &body, &why);
    if (!err)
        err = oauth2_discovery_parse(settings, lv_buffer_slice(&body), url, &why);
    if (err) {
        web_url_show((const char *)discovery.p, reason);
        lv_buffer_printf(reason, ": %.*s", SLICE_ARG(lv_buffer_slice(&why)));
    }
    lv_buffer_free(&discovery);
    lv_buffer_free(&body);
    lv_buffer_free(&why);
    return err;
}

/* Fetches the keys. Returns a reference, or NULL with `reason`. */
static struct oauth2_keys *keys_fetch(struct oauth2_provider *provider, struct lv_buffer *reason)
{
    struct oauth2_keys *keys = NULL;
    struct lv_buffer url = {0}, body = {0}, why = {0};
    int err = keys_url_find(provider, &url, reason);
    if (!err) {
        err = document_fetch(provider, (const char *)url.p, &body, &why);
        if (!err)
            err = oauth2_keys_parse(lv_buffer_slice(&body), &keys, &why);
        if (err) {
            web_url_show((const char *)url.p, reason);
            lv_buffer_printf(reason, ": %.*s", SLICE_ARG(lv_buffer_slice(&why)));
        }
    }
    lv_buffer_free(&url);
    lv_buffer_free(&body);
    lv_buffer_free(&why);
    return keys;
}

/* The name of the provider in log lines. */
static const char *provider_name(const struct oauth2_provider *provider)
{
    return provider->settings->name[0] ? provider->settings->name : "auth_oauth2";
}

/* Logs the first fetch, and each that ends otherwise than the one before. */
static void fetch_log(const struct oauth2_provider *provider, const struct oauth2_keys *keys,
                      struct slice reason)
{
    bool is_first = provider->rounds == 0;
    if (keys && (is_first || provider->has_failed))
        log_info("oauth2: keys of provider '%s' fetched: %zu", provider_name(provider),
                 oauth2_keys_count(keys));
    if (!keys && (is_first || !provider->has_failed))
        log_warning("oauth2: the keys of provider '%s' could not be fetched: %.*s",
                    provider_name(provider), SLICE_ARG(reason));
}

/* Fetches once. Call with the lock, which is free meanwhile. */
static void round_run(struct oauth2_provider *provider)
{
    provider->is_wanted = false;
    provider->is_fetching = true;
    pthread_mutex_unlock(&provider->lock);
    struct lv_buffer reason = {0};
    struct oauth2_keys *keys = keys_fetch(provider, &reason);
    pthread_mutex_lock(&provider->lock);
    fetch_log(provider, keys, lv_buffer_slice(&reason));
    lv_buffer_free(&reason);
    provider->is_fetching = false;
    provider->has_failed = !keys;
    provider->rounds++;
    if (keys) {
        oauth2_keys_unref(&provider->fetched);
        provider->fetched = keys;
    }
    pthread_cond_broadcast(&provider->changed);
}

/* Waits until something changes, at most this long. Call with the lock. */
static void change_wait(struct oauth2_provider *provider, uint64_t until_ms)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                   .tv_nsec = (long)(until_ms % 1000) * 1000000};
    pthread_cond_timedwait(&provider->changed, &provider->lock, &until);
}

/* The clock of `changed`. */
static uint64_t now_ms(void)
{
    return clock_read_ms(CLOCK_MONOTONIC);
}

static void *thread_run(void *arg)
{
    struct oauth2_provider *provider = arg;
    uint64_t due_ms = 0;
    pthread_mutex_lock(&provider->lock);
    while (!provider->is_stopping) {
        if (!provider->has_begun) {
            pthread_cond_wait(&provider->changed, &provider->lock);
        } else if (provider->is_wanted || now_ms() >= due_ms) {
            round_run(provider);
            due_ms = now_ms() + (provider->has_failed ? OAUTH2_RETRY_MS : OAUTH2_REFRESH_MS);
        } else {
            change_wait(provider, due_ms);
        }
    }
    pthread_mutex_unlock(&provider->lock);
    lv_memory_leave();
    return NULL;
}

/* --- The provider ----------------------------------------------------------------------------- */

static int web_create(struct oauth2_provider *provider, struct lv_buffer *reason)
{
    const struct oauth2_https *https = &provider->settings->https;
    const struct web_client_settings settings = {
        .connection_timeout_ms = OAUTH2_CONNECT_TIMEOUT_MS,
        .timeout_ms = OAUTH2_REQUEST_TIMEOUT_MS,
        .answer_bytes_max = OAUTH2_KEYS_BYTES_MAX,
        .tls = {.is_unverified = !https->verifies_peer,
                .ca_file = https->cacertfile,
                .depth = https->depth},
    };
    struct lv_buffer why = {0};
    int err = web_client_create(&settings, &provider->web, &why);
    if (err)
        lv_buffer_printf(reason, "auth_oauth2: https: %.*s", SLICE_ARG(lv_buffer_slice(&why)));
    lv_buffer_free(&why);
    return err;
}

static int publisher_open(struct oauth2_provider *provider, struct lv_buffer *reason)
{
    if (!provider->settings->jwks_uri && !provider->settings->issuer)
        return 0;
    int err = web_create(provider, reason);
    if (err)
        return err;
    err = pthread_create(&provider->thread, NULL, thread_run, provider);
    if (err) {
        web_client_free(&provider->web);
        lv_buffer_printf(reason, "auth_oauth2: no thread can be started: %s", strerror(err));
        return lv_error_from_errno(err);
    }
    return 0;
}

int oauth2_provider_create(const struct oauth2_provider_settings *settings, unsigned waiting_max,
                           struct oauth2_provider **ret, struct lv_buffer *reason)
{
    struct oauth2_provider *provider = lv_calloc(1, sizeof *provider);
    provider->settings = settings;
    provider->waiting_max = waiting_max;
    provider->files = oauth2_keys_create();
    pthread_mutex_init(&provider->lock, NULL);
    clock_cond_init(&provider->changed);
    int err = key_files_read(provider, reason);
    if (!err)
        err = publisher_open(provider, reason);
    if (err)
        oauth2_provider_free(&provider);
    else
        *ret = provider;
    return err;
}

void oauth2_provider_begin(struct oauth2_provider *provider)
{
    pthread_mutex_lock(&provider->lock);
    provider->has_begun = true;
    pthread_cond_broadcast(&provider->changed);
    pthread_mutex_unlock(&provider->lock);
}

static bool texts_are_equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool pairs_are_equal(const struct oauth2_pairs *a, const struct oauth2_pairs *b)
{
    bool are_equal = a->count == b->count;
    for (size_t i = 0; are_equal && i < a->count; i++)
        are_equal = texts_are_equal(a->items[i].name, b->items[i].name) &&
                    texts_are_equal(a->items[i].value, b->items[i].value);
    return are_equal;
}

/* Returns whether keys come from the same place, in the same trust. */
static bool sources_are_equal(const struct oauth2_provider_settings *a,
                              const struct oauth2_provider_settings *b)
{
    return texts_are_equal(a->jwks_uri, b->jwks_uri) && texts_are_equal(a->issuer, b->issuer) &&
           texts_are_equal(a->discovery_path, b->discovery_path) &&
           pairs_are_equal(&a->discovery_params, &b->discovery_params) &&
           texts_are_equal(a->https.cacertfile, b->https.cacertfile) &&
           a->https.verifies_peer == b->https.verifies_peer && a->https.depth == b->https.depth;
}

void oauth2_provider_inherit(struct oauth2_provider *provider, struct oauth2_provider *earlier)
{
    if (!sources_are_equal(provider->settings, earlier->settings))
        return;
    pthread_mutex_lock(&earlier->lock);
    struct oauth2_keys *keys = earlier->fetched ? oauth2_keys_ref(earlier->fetched) : NULL;
    pthread_mutex_unlock(&earlier->lock);
    pthread_mutex_lock(&provider->lock);
    if (!provider->fetched) {
        provider->fetched = keys;
        keys = NULL;
    }
    pthread_mutex_unlock(&provider->lock);
    oauth2_keys_unref(&keys);
}

void oauth2_provider_free(struct oauth2_provider **provider)
{
    struct oauth2_provider *p = *provider;
    if (!p)
        return;
    if (p->web) {
        pthread_mutex_lock(&p->lock);
        p->is_stopping = true;
        pthread_cond_broadcast(&p->changed);
        pthread_mutex_unlock(&p->lock);
        pthread_join(p->thread, NULL);
    }
    web_client_free(&p->web);
    oauth2_keys_unref(&p->files);
    oauth2_keys_unref(&p->fetched);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
    *provider = NULL;
}

/* --- Verifying -------------------------------------------------------------------------------- */

static bool key_is_known(const struct oauth2_provider *provider, const char *id)
{
    return (provider->fetched && oauth2_keys_have(provider->fetched, id)) ||
           oauth2_keys_have(provider->files, id);
}

static void unknown_key_print(const char *id, struct lv_buffer *reason)
{
    if (id)
        lv_buffer_printf(reason, "its key '%.100s' is not known", id);
    else
        lv_buffer_printf(reason, "it names no key, and none is known");
}

/* Says that the key is not known, and whether this is the provider's last word. */
static enum auth_answer key_refuse(const struct oauth2_provider *provider, const char *id,
                                   struct lv_buffer *reason)
{
    unknown_key_print(id, reason);
    if (!provider->has_failed)
        return AUTH_REFUSED;
    lv_buffer_printf(reason, ", and the keys of provider '%s' could not be fetched",
                     provider_name(provider));
    return AUTH_UNANSWERED;
}

/* Asks for a fetch, unless one is under way. Returns false if there have been too many. */
static bool fetch_ask(struct oauth2_provider *provider)
{
    if (provider->is_fetching || provider->is_wanted)
        return true;
    if (!oauth2_fetch_budget_take(&provider->budget, now_ms()))
        return false;
    provider->is_wanted = true;
    pthread_cond_broadcast(&provider->changed);
    return true;
}

/* A login that waits occupies a thread. Where no key is known at all, nobody else could use it. */
static bool can_wait(const struct oauth2_provider *provider)
{
    return provider->waiting < provider->waiting_max ||
           (!provider->fetched && oauth2_keys_count(provider->files) == 0);
}

/* Waits for the end of a fetch. Returns AUTH_ALLOWED if the key is known then, or why the token is
 * not accepted. Call with the lock. */
static enum auth_answer key_await(struct oauth2_provider *provider, const char *id,
                                  struct lv_buffer *reason)
{
    if (!provider->web || !fetch_ask(provider))
        return key_refuse(provider, id, reason);
    if (!can_wait(provider)) {
        unknown_key_print(id, reason);
        lv_buffer_printf(reason, ", and many logins wait for keys to be fetched");
        return AUTH_UNANSWERED;
    }
    const uint64_t until_ms = now_ms() + OAUTH2_WAIT_MS;
    const uint64_t round = provider->rounds;
    provider->waiting++;
    while (provider->rounds == round && now_ms() < until_ms)
        change_wait(provider, until_ms);
    provider->waiting--;
    if (key_is_known(provider, id))
        return AUTH_ALLOWED;
    if (provider->rounds != round)
        return key_refuse(provider, id, reason);
    unknown_key_print(id, reason);
    lv_buffer_printf(reason, ", and the provider '%s' takes long to tell its keys",
                     provider_name(provider));
    return AUTH_UNANSWERED;
}

static bool algorithm_is_allowed(const struct oauth2_provider *provider,
                                 const struct oauth2_algorithm *algorithm)
{
    const struct oauth2_pairs *allowed = &provider->settings->algorithms;
    for (size_t i = 0; i < allowed->count; i++) {
        if (strcmp(allowed->items[i].value, algorithm->name) == 0)
            return true;
    }
    return allowed->count == 0;
}

/* A published key of this id replaces the one of a file. */
static bool keys_verify(const struct oauth2_keys *files, const struct oauth2_keys *fetched,
                        const char *id, const struct oauth2_token *token)
{
    if (fetched && oauth2_keys_have(fetched, id)) {
        if (oauth2_keys_verify(fetched, id, token))
            return true;
        if (id)
            return false;
    }
    return oauth2_keys_verify(files, id, token);
}

enum auth_answer oauth2_provider_verify(struct oauth2_provider *provider,
                                        const struct oauth2_token *token, struct lv_buffer *reason)
{
    if (!algorithm_is_allowed(provider, token->algorithm)) {
        lv_buffer_printf(reason, "it is signed with %s, which auth_oauth2.algorithms does not list",
                         token->algorithm->name);
        return AUTH_REFUSED;
    }
    const char *id = token->key_id ? token->key_id : provider->settings->default_key;
    pthread_mutex_lock(&provider->lock);
    enum auth_answer answer =
        key_is_known(provider, id) ? AUTH_ALLOWED : key_await(provider, id, reason);
    struct oauth2_keys *fetched = NULL;
    if (answer == AUTH_ALLOWED && provider->fetched)
        fetched = oauth2_keys_ref(provider->fetched);
    pthread_mutex_unlock(&provider->lock);
    if (answer == AUTH_ALLOWED && !keys_verify(provider->files, fetched, id, token)) {
        lv_buffer_printf(reason, "its signature (%s) is not that of its key",
                         token->algorithm->name);
        answer = AUTH_REFUSED;
    }
    oauth2_keys_unref(&fetched);
    return answer;
}
