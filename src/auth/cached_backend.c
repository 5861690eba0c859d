/* The happy path:
 *   - a login asks the inner backend, which accepts it;
 *   - what the backend said becomes a `struct kept_login`, which the identity and the table share;
 *   - the next login with the same credentials finds it, and asks nobody;
 *   - questions about what the user may do are kept with the number of the kept login.
 *
 *   (1) A kept login belongs to exactly one list of credentials, so a password that is not the one
 *       that was accepted never finds it.
 *   (2) What a kept login may do is never found by another one, even of the same user: the inner
 *       backend may have given it other rights (a token).
 *   (3) The epoch is a part of each key, so an answer of an earlier epoch is never found; the key
 *       is made before the inner backend is asked, so what it was asked before the epoch began
 *       counts as earlier.
 *   (4) The inner backend's data are forgotten with the last reference to their kept login. */
#include "auth/cached_backend.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "auth/answer_table.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/memory.h"

/* How many sets of ANSWER_WAYS answers the tables have. */
enum { LOGIN_SETS = 512, LOGIN_REFUSAL_SETS = 128, RIGHT_SETS = 1024, RIGHT_REFUSAL_SETS = 256 };

struct cached_backend {
    struct auth_backend backend;
    struct auth_backend *inner; /* owned */
    uint64_t ttl_ms;
    bool keeps_refusals;
    struct answer_secret secret;
    _Atomic uint64_t epoch;             /* changed by clear() */
    _Atomic uint64_t logins;            /* how many have been numbered */
    struct answer_table *logins_in;     /* of struct kept_login */
    struct answer_table *logins_out;    /* refused */
    struct answer_table *questions_yes; /* what users may do */
    struct answer_table *questions_no;
};

/* What the inner backend has said of credentials that it accepted. */
struct kept_login {
    _Atomic unsigned references;
    struct auth_backend *inner; /* borrowed */
    uint64_t number;
    struct auth_found found; /* owned */
};

static struct cached_backend *cached_of(struct auth_backend *backend)
{
    return lv_container_of(backend, struct cached_backend, backend);
}

/* --- kept logins ------------------------------------------------------------------------------ */

static void *kept_ref(void *item)
{
    struct kept_login *kept = item;
    atomic_fetch_add(&kept->references, 1);
    return kept;
}

static void kept_unref(void *item)
{
    struct kept_login *kept = item;
    unsigned before = atomic_fetch_sub(&kept->references, 1);
    lv_assert(before > 0);
    if (before > 1)
        return;
    if (kept->found.data)
        kept->inner->calls->forget(kept->inner, kept->found.data);
    lv_buffer_free(&kept->found.name);
    lv_buffer_free(&kept->found.tags);
    free(kept);
}

static const struct answer_item kept_logins = {kept_ref, kept_unref};

/* Takes `found`. The caller owns the reference that is returned. */
static struct kept_login *kept_create(struct cached_backend *cached, struct auth_found *found)
{
    struct kept_login *kept = lv_calloc(1, sizeof *kept);
    atomic_init(&kept->references, 1);
    kept->inner = cached->inner;
    kept->number = atomic_fetch_add(&cached->logins, 1);
    kept->found = *found;
    *found = (struct auth_found){.data = NULL};
    return kept;
}

/* Fills in what is returned of a login. Takes the reference. */
static void kept_give(struct kept_login *kept, struct auth_found *ret)
{
    lv_buffer_add_slice(&ret->name, lv_buffer_slice(&kept->found.name));
    lv_buffer_add_slice(&ret->tags, lv_buffer_slice(&kept->found.tags));
    ret->expires_at_s = kept->found.expires_at_s;
    ret->data = kept;
}

/* A token may end before its answer is old. */
static bool kept_is_over(const struct kept_login *kept)
{
    uint64_t expires_at_s = kept->found.expires_at_s;
    return expires_at_s > 0 && clock_wall_ms() / 1000 >= expires_at_s;
}

/* --- logging in ------------------------------------------------------------------------------- */

static struct answer_key login_key(const struct cached_backend *cached,
                                   const struct auth_credentials *c)
{
    const uint64_t epoch = atomic_load(&cached->epoch);
    const struct slice parts[] = {
        slice_of(&epoch, sizeof epoch),
        slice_str(c->has_password ? "with" : "without"),
        c->user,
        c->has_password ? c->password : SLICE_EMPTY,
        c->vhost,
        c->client_id,
    };
    return answer_key_of(&cached->secret, parts, sizeof parts / sizeof *parts);
}

static enum auth_answer login_find(struct cached_backend *cached, const struct answer_key *key,
                                   struct auth_found *ret, struct lv_buffer *reason)
{
    void *item;
    if (answer_table_find(cached->logins_in, key, clock_up_ms(), &item)) {
        struct kept_login *kept = item;
        if (!kept_is_over(kept)) {
            kept_give(kept, ret);
            return AUTH_ALLOWED;
        }
        kept_unref(kept);
    }
    if (!answer_table_find(cached->logins_out, key, clock_up_ms(), NULL))
        return AUTH_UNANSWERED;
    lv_buffer_printf(reason, "refused a short while ago (auth_cache.cache_refusals)");
    return AUTH_REFUSED;
}

static enum auth_answer login_ask(struct cached_backend *cached, const struct answer_key *key,
                                  const struct auth_credentials *c, struct auth_found *ret,
                                  struct lv_buffer *reason)
{
    struct auth_found found = {.data = NULL};
    enum auth_answer answer = cached->inner->calls->log_in(cached->inner, c, &found, reason);
    uint64_t until_ms = clock_up_ms() + cached->ttl_ms;
    if (answer == AUTH_ALLOWED) {
        struct kept_login *kept = kept_create(cached, &found);
        answer_table_put(cached->logins_in, key, kept, until_ms);
        kept_give(kept, ret);
    } else if (answer == AUTH_REFUSED && cached->keeps_refusals) {
        answer_table_put(cached->logins_out, key, NULL, until_ms);
    }
    lv_buffer_free(&found.name);
    lv_buffer_free(&found.tags);
    return answer;
}

static enum auth_answer cached_log_in_known(struct auth_backend *backend,
                                            const struct auth_credentials *c,
                                            struct auth_found *ret, struct lv_buffer *reason)
{
    struct cached_backend *cached = cached_of(backend);
    struct answer_key key = login_key(cached, c);
    enum auth_answer answer = login_find(cached, &key, ret, reason);
    answer_key_wipe(&key);
    return answer;
}

static enum auth_answer cached_log_in(struct auth_backend *backend,
                                      const struct auth_credentials *c, struct auth_found *ret,
                                      struct lv_buffer *reason)
{
    struct cached_backend *cached = cached_of(backend);
    struct answer_key key = login_key(cached, c);
    enum auth_answer answer = login_find(cached, &key, ret, reason);
    if (answer == AUTH_UNANSWERED)
        answer = login_ask(cached, &key, c, ret, reason);
    answer_key_wipe(&key);
    return answer;
}

/* --- what users may do ------------------------------------------------------------------------ */

static struct answer_key question_key(const struct cached_backend *cached,
                                      const struct auth_question *q)
{
    const struct kept_login *kept = q->data;
    const uint64_t epoch = atomic_load(&cached->epoch);
    const struct slice parts[] = {
        slice_of(&epoch, sizeof epoch),
        slice_of(&kept->number, sizeof kept->number),
        slice_str(auth_resource_name(q->resource)),
        q->resource == AUTH_VHOST ? SLICE_EMPTY : slice_str(auth_action_name(q->action)),
        q->vhost,
        q->name,
        q->routing_key,
        q->user,
        q->tags,
        q->client_id,
        q->peer_address,
    };
    return answer_key_of(&cached->secret, parts, sizeof parts / sizeof *parts);
}

static enum auth_answer question_find(struct cached_backend *cached, const struct answer_key *key)
{
    if (answer_table_find(cached->questions_yes, key, clock_up_ms(), NULL))
        return AUTH_ALLOWED;
    return answer_table_find(cached->questions_no, key, clock_up_ms(), NULL) ? AUTH_REFUSED
                                                                             : AUTH_UNANSWERED;
}

static enum auth_answer question_ask(struct cached_backend *cached, const struct answer_key *key,
                                     const struct auth_question *q, struct lv_buffer *reason)
{
    const struct kept_login *kept = q->data;
    struct auth_question question = *q;
    question.data = kept->found.data;
    enum auth_answer answer = cached->inner->calls->may(cached->inner, &question, reason);
    uint64_t until_ms = clock_up_ms() + cached->ttl_ms;
    if (answer == AUTH_ALLOWED)
        answer_table_put(cached->questions_yes, key, NULL, until_ms);
    else if (answer == AUTH_REFUSED && cached->keeps_refusals)
        answer_table_put(cached->questions_no, key, NULL, until_ms);
    return answer;
}

static enum auth_answer cached_may_known(struct auth_backend *backend,
                                         const struct auth_question *q)
{
    struct cached_backend *cached = cached_of(backend);
    const struct answer_key key = question_key(cached, q);
    return question_find(cached, &key);
}

static enum auth_answer cached_may(struct auth_backend *backend, const struct auth_question *q,
                                   struct lv_buffer *reason)
{
    struct cached_backend *cached = cached_of(backend);
    const struct answer_key key = question_key(cached, q);
    enum auth_answer answer = question_find(cached, &key);
    return answer == AUTH_UNANSWERED ? question_ask(cached, &key, q, reason) : answer;
}

/* --- its life --------------------------------------------------------------------------------- */

/* The cache begins empty; what the inner backend has learned is no answer. */
static void cached_inherit(struct auth_backend *backend, struct auth_backend *earlier)
{
    struct auth_backend *to = cached_of(backend)->inner, *from = cached_of(earlier)->inner;
    if (to->calls == from->calls && to->calls->inherit)
        to->calls->inherit(to, from);
}

static void cached_forget(struct auth_backend *backend, void *data)
{
    (void)backend;
    kept_unref(data);
}

static void cached_free(struct auth_backend *backend)
{
    struct cached_backend *cached = cached_of(backend);
    answer_table_free(&cached->logins_in);
    answer_table_free(&cached->logins_out);
    answer_table_free(&cached->questions_yes);
    answer_table_free(&cached->questions_no);
    answer_secret_wipe(&cached->secret);
    cached->inner->calls->free(cached->inner);
    free(cached);
}

static void cached_begin(struct auth_backend *backend)
{
    auth_backend_begin(cached_of(backend)->inner);
}

static void cached_clear(struct auth_backend *backend)
{
    atomic_fetch_add(&cached_of(backend)->epoch, 1);
}

static const struct auth_backend_calls calls = {
    .log_in = cached_log_in,
    .may = cached_may,
    .log_in_known = cached_log_in_known,
    .may_known = cached_may_known,
    .inherit = cached_inherit,
    .forget = cached_forget,
    .free = cached_free,
    .begin = cached_begin,
    .clear = cached_clear,
};

struct auth_backend *cached_backend_create(struct auth_backend *inner, uint64_t ttl_ms,
                                           bool keeps_refusals)
{
    struct cached_backend *cached = lv_calloc(1, sizeof *cached);
    cached->backend = (struct auth_backend){&calls, inner->name, inner->threads_max};
    cached->inner = inner;
    cached->ttl_ms = ttl_ms;
    cached->keeps_refusals = keeps_refusals;
    answer_secret_make(&cached->secret);
    cached->logins_in = answer_table_create(LOGIN_SETS, &kept_logins);
    cached->logins_out = answer_table_create(LOGIN_REFUSAL_SETS, NULL);
    cached->questions_yes = answer_table_create(RIGHT_SETS, NULL);
    cached->questions_no = answer_table_create(RIGHT_REFUSAL_SETS, NULL);
    return &cached->backend;
}
