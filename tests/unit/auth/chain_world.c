#include "auth/chain_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

/* --- a backend -------------------------------------------------------------------------------- */

static void fake_block(struct fake *f)
{
    if (!f->blocks)
        return;
    sem_post(f->begun);
    sem_wait(f->blocks);
}

static enum auth_answer fake_log_in(struct auth_backend *backend, const struct auth_credentials *c,
                                    struct auth_found *ret, struct lv_buffer *reason)
{
    struct fake *f = lv_container_of(backend, struct fake, backend);
    atomic_fetch_add(&f->logins, 1);
    f->had_password = c->has_password;
    fake_block(f);
    if (f->log_in != AUTH_ALLOWED) {
        lv_buffer_printf(reason, f->log_in == AUTH_REFUSED ? "it says no" : "it is down");
        return f->log_in;
    }
    lv_buffer_printf(&ret->tags, "%s", f->tags ? f->tags : "");
    if (f->name)
        lv_buffer_printf(&ret->name, "%s", f->name);
    ret->expires_at_s = f->expires_at_s;
    ret->data = f;
    atomic_fetch_add(&f->data, 1);
    return AUTH_ALLOWED;
}

static enum auth_answer fake_may(struct auth_backend *backend, const struct auth_question *q,
                                 struct lv_buffer *reason)
{
    struct fake *f = lv_container_of(backend, struct fake, backend);
    (void)q;
    atomic_fetch_add(&f->questions, 1);
    fake_block(f);
    if (f->may == AUTH_UNANSWERED)
        lv_buffer_printf(reason, "it is down");
    return f->may;
}

static void fake_forget(struct auth_backend *backend, void *data)
{
    struct fake *f = lv_container_of(backend, struct fake, backend);
    assert_ptr_equal(data, f);
    atomic_fetch_sub(&f->data, 1);
}

static void fake_free(struct auth_backend *backend)
{
    struct fake *f = lv_container_of(backend, struct fake, backend);
    assert_int_equal(f->data, 0);
    if (f->blocks_at_end)
        fake_block(f);
    free(f);
}

static const struct auth_backend_calls fake_calls = {
    .log_in = fake_log_in, .may = fake_may, .forget = fake_forget, .free = fake_free};

struct fake *fake_create(const char *name)
{
    struct fake *f = lv_calloc(1, sizeof *f);
    f->backend = (struct auth_backend){.calls = &fake_calls, .name = name, .threads_max = 2};
    return f;
}

/* --- the world -------------------------------------------------------------------------------- */

void world_start(struct world *w)
{
    *w = (struct world){.loops = loop_sim_create(1, 1)};
    w->loop = loops_at(w->loops, 0);
    w->auth = auth_create(NULL);
    auth_set_hashing(w->auth, PASSWORD_SHA256); /* fast */
    log_set_level(LOG_NONE);
    w->chain = auth_chain_create();
    assert_int_equal(auth_add_user(w->auth, S("ann"), S("secret"), S("monitoring"), NULL, NULL), 0);
}

void world_stop(struct world *w)
{
    auth_stop_threads(w->auth);
    loops_drain(w->loops);
    auth_identity_unref(&w->identity);
    auth_chain_free(&w->chain);
    auth_free(&w->auth);
    loop_sim_free(&w->loops);
}

struct fake *link_alone(struct world *w, const char *name)
{
    struct fake *f = fake_create(name);
    auth_chain_add_link(w->chain, auth_chain_add_backend(w->chain, &f->backend), NULL, 0);
    return f;
}

bool logs_in(struct world *w, const char *user, const char *password)
{
    struct lv_buffer reason = {0};
    auth_identity_unref(&w->identity);
    bool is_in = auth_login(w->auth, S(user), S(password), true, &w->identity, &reason);
    snprintf(w->reason, sizeof w->reason, "%.*s", SLICE_ARG(lv_buffer_slice(&reason)));
    lv_buffer_free(&reason);
    return is_in;
}

enum auth_answer may_read(struct world *w, const char *queue)
{
    const struct auth_request r = {
        .resource = AUTH_QUEUE, .action = AUTH_READ, .vhost = S("/"), .name = S(queue)};
    return auth_check(w->identity, &r);
}
