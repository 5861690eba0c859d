/* The certificates of the listeners for TLS.
 *
 * A timer on loop 0 compares what identifies the files' content with what it was when they were
 * read. Tools replace a certificate and its key one after the other, so files are read only when
 * two looks in a row have found the same change. */
#include "leveretd/tls_keeper.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "leveretd/config_tls.h"

enum { LOOK_MS = 1000, DAY_MS = 24 * 3600 * 1000, DAY_S = 24 * 3600, SOON_DAYS = 30 };

/* The certificates of one group of settings. */
struct kept {
    struct tls_server *server;
    struct lv_buffer stamp;   /* of the files when they were last read */
    struct lv_buffer changed; /* another one, that the last look found; empty: none */
};

struct tls_keeper {
    struct loops *loops;
    struct kept kept[CONFIG_TLS_COUNT];
    const struct config *_Atomic config; /* borrowed; NULL: none was given yet */
    struct loop_timer timer;
    uint64_t warn_at_ms; /* of loop_now_ms() */
};

static void assert_home(const struct tls_keeper *k)
{
    const struct loop *here = loop_current();
    lv_assert(!here || here == loops_at(k->loops, 0));
}

/* A config_say that leaves out warnings. */
static void say_errors(void *arg, enum log_level level, const char *text)
{
    if (level >= LOG_ERROR)
        config_say_log(arg, level, text);
}

static int keeper_read(struct tls_keeper *k, enum config_tls of, config_say say)
{
    struct tls_context *context;
    int err = config_tls_context(k->config, of, say, NULL, &context);
    if (err < 0)
        return err;
    tls_server_use(k->kept[of].server, context, (uint32_t)k->config->ssl_handshake_timeout_ms);
    tls_context_unref(&context);
    return 0;
}

static void stamp_take(struct tls_keeper *k, enum config_tls of, struct lv_buffer *stamp)
{
    stamp->n = 0;
    config_tls_stamp(k->config, of, stamp);
}

/* --- files that change ------------------------------------------------------------------------ */

static void keeper_read_again(struct tls_keeper *k, enum config_tls of)
{
    if (keeper_read(k, of, config_say_log) < 0) {
        log_error("TLS: the changed files are not used because of the errors above; new "
                  "connections get the certificates that were read before");
        return;
    }
    size_t count;
    struct tls_context *context = tls_server_context(k->kept[of].server);
    const struct tls_file *files = tls_context_files(context, &count);
    log_info("TLS: files have changed and were read again: new connections get the certificate of "
             "%s in %s, open ones keep theirs",
             files[0].subject, files[0].path);
    tls_context_unref(&context);
}

static void keeper_look(struct tls_keeper *k, enum config_tls of)
{
    struct kept *kept = &k->kept[of];
    struct lv_buffer now = {0};
    stamp_take(k, of, &now);
    bool is_same = slice_equal(lv_buffer_slice(&now), lv_buffer_slice(&kept->stamp));
    bool is_settled = slice_equal(lv_buffer_slice(&now), lv_buffer_slice(&kept->changed));
    lv_buffer_free(&kept->changed);
    if (is_same) {
        lv_buffer_free(&now);
    } else if (!is_settled) {
        kept->changed = now;
    } else {
        lv_buffer_free(&kept->stamp);
        kept->stamp = now; /* also after an error, which is logged once */
        keeper_read_again(k, of);
    }
}

/* Returns whether the group has a context of its own. */
static bool is_kept(const struct tls_keeper *k, enum config_tls of)
{
    return config_wants_tls(k->config, of);
}

/* --- expiry ----------------------------------------------------------------------------------- */

static void keeper_warn(struct tls_keeper *k, enum config_tls of)
{
    struct tls_context *context = tls_server_context(k->kept[of].server);
    size_t count = 0;
    const struct tls_file *files = context ? tls_context_files(context, &count) : NULL;
    const char *prefix = config_tls_prefix(k->config, of);
    int64_t now_s = (int64_t)time(NULL);
    for (size_t i = 0; i < count; i++) {
        int64_t left_s = files[i].ends_at_s - now_s;
        if (left_s < 0)
            log_warning("TLS: the certificate of %s in %s (%s.%s) has expired: renew it",
                        files[i].subject, files[i].path, prefix, files[i].key);
        else if (left_s < (int64_t)SOON_DAYS * DAY_S)
            log_warning("TLS: the certificate of %s in %s (%s.%s) expires in %" PRId64
                        " days: renew it",
                        files[i].subject, files[i].path, prefix, files[i].key, left_s / DAY_S);
    }
    tls_context_unref(&context);
}

static void timer_fired(struct loop *loop, struct loop_timer *timer)
{
    struct tls_keeper *k = lv_container_of(timer, struct tls_keeper, timer);
    bool warns = loop_now_ms(loop) >= k->warn_at_ms;
    if (warns)
        k->warn_at_ms = loop_now_ms(loop) + DAY_MS;
    for (enum config_tls of = 0; of < CONFIG_TLS_COUNT; of++) {
        if (is_kept(k, of))
            keeper_look(k, of);
        if (warns)
            keeper_warn(k, of);
    }
    loop_timer_start(loop, timer, LOOK_MS);
}

/* --- the door --------------------------------------------------------------------------------- */

struct tls_keeper *tls_keeper_create(struct loops *loops)
{
    struct tls_keeper *k = lv_calloc(1, sizeof *k);
    k->loops = loops;
    for (enum config_tls of = 0; of < CONFIG_TLS_COUNT; of++)
        k->kept[of].server = tls_server_create();
    loop_timer_init(&k->timer, timer_fired);
    return k;
}

void tls_keeper_free(struct tls_keeper **keeper)
{
    struct tls_keeper *k = *keeper;
    *keeper = NULL;
    if (!k)
        return;
    for (enum config_tls of = 0; of < CONFIG_TLS_COUNT; of++) {
        tls_server_free(&k->kept[of].server);
        lv_buffer_free(&k->kept[of].stamp);
        lv_buffer_free(&k->kept[of].changed);
    }
    free(k);
}

void tls_keeper_configure(struct tls_keeper *k, const struct config *config)
{
    assert_home(k);
    k->config = config;
    for (enum config_tls of = 0; of < CONFIG_TLS_COUNT; of++) {
        if (!is_kept(k, of))
            continue;
        stamp_take(k, of, &k->kept[of].stamp);
        keeper_read(k, of, say_errors);
    }
}

void tls_keeper_start(struct tls_keeper *k)
{
    struct loop *loop = loops_at(k->loops, 0);
    bool has_any = false;
    lv_assert(k->config && !loop_current());
    for (enum config_tls of = 0; of < CONFIG_TLS_COUNT; of++)
        has_any |= is_kept(k, of);
    if (!has_any)
        return;                                 /* a listener is opened at the start or never */
    k->warn_at_ms = loop_now_ms(loop) + DAY_MS; /* config_check() has warned at the start */
    loop_timer_start(loop, &k->timer, LOOK_MS);
}

struct tls_server *tls_keeper_server(struct tls_keeper *k, enum config_tls of)
{
    return k->kept[of].server;
}

void tls_keeper_each_certificate(struct tls_keeper *k, node_certificate_visit *visit, void *arg)
{
    for (enum config_tls of = 0; of < CONFIG_TLS_COUNT; of++) {
        struct tls_context *context = tls_server_context(k->kept[of].server);
        size_t count = 0;
        const struct tls_file *files = context ? tls_context_files(context, &count) : NULL;
        for (size_t i = 0; i < count; i++)
            visit(arg,
                  &(struct node_certificate){files[i].path, config_tls_prefix(k->config, of),
                                             files[i].key, files[i].subject, files[i].ends_at_s});
        tls_context_unref(&context);
    }
}
