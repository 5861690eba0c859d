/* Chains: built at the start and at each reload, never changed after auth_set_chain().
 *
 * A chain that was replaced stays while a login or an identity uses it. The next auth_set_chain()
 * has it freed, or it is freed with the auth. Freeing waits for the threads of its backends, which
 * may be asking somebody who does not answer: so it happens neither on one of them nor on a loop,
 * but on a thread of its own. */
#include "auth/chain_private.h"

#include <stdlib.h>

/* --- building --------------------------------------------------------------------------------- */

struct auth_chain *auth_chain_create(void)
{
    struct auth_chain *chain = lv_calloc(1, sizeof *chain);
    lv_list_init(&chain->link);
    chain->backend_count = 1; /* CHAIN_INTERNAL */
    return chain;
}

void auth_chain_free(struct auth_chain **pointer)
{
    struct auth_chain *chain = *pointer;
    if (!chain)
        return;
    *pointer = NULL;
    lv_assert(atomic_load(&chain->users) == 0);
    lv_list_remove(&chain->link);
    for (size_t i = 0; i < chain->backend_count; i++) {
        struct chain_backend *b = &chain->backends[i];
        ask_pool_free(&b->pool);
        if (!chain_backend_is_internal(b))
            b->backend->calls->free(b->backend);
    }
    free(chain);
}

unsigned auth_chain_add_backend(struct auth_chain *chain, struct auth_backend *backend)
{
    lv_assert(chain->backend_count < CHAIN_BACKENDS_MAX && backend);
    chain->backends[chain->backend_count].backend = backend;
    return (unsigned)chain->backend_count++;
}

void auth_chain_add_link(struct auth_chain *chain, unsigned authenticates,
                         const unsigned *authorizes, size_t count)
{
    lv_assert(chain->link_count < CHAIN_LINKS_MAX && count <= CHAIN_BACKENDS_MAX);
    lv_assert(authenticates < chain->backend_count);
    struct chain_link *link = &chain->links[chain->link_count++];
    link->authenticates = authenticates;
    link->count = count;
    for (size_t i = 0; i < count; i++) {
        lv_assert(authorizes[i] < chain->backend_count);
        link->authorizes[i] = authorizes[i];
    }
}

/* --- threads ---------------------------------------------------------------------------------- */

static void chain_make_pools(struct auth_chain *chain, bool has_threads)
{
    for (size_t i = 0; i < chain->backend_count; i++) {
        struct chain_backend *b = &chain->backends[i];
        if (chain_backend_is_internal(b))
            continue;
        unsigned threads = b->backend->threads_max;
        if (threads > ASK_THREADS_MAX)
            threads = ASK_THREADS_MAX;
        ask_pool_free(&b->pool);
        b->pool = ask_pool_create(b->backend->name, has_threads ? threads : 0, false);
    }
}

static void chain_stop_pools(struct auth_chain *chain)
{
    for (size_t i = 0; i < chain->backend_count; i++) {
        if (chain->backends[i].pool)
            ask_pool_stop(chain->backends[i].pool);
    }
}

void chains_start_threads(struct auth *auth)
{
    struct lv_list *it, *after;
    ask_pool_free(&auth->freeing);
    auth->freeing = ask_pool_create("chains", 1, false);
    lv_list_each (it, after, &auth->chains)
        chain_make_pools(lv_list_item(it, struct auth_chain, link), true);
}

void chains_stop_threads(struct auth *auth)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &auth->chains)
        chain_stop_pools(lv_list_item(it, struct auth_chain, link));
    ask_pool_stop(auth->freeing);
}

static void chain_clear(const struct auth_chain *chain)
{
    for (size_t i = 0; i < chain->backend_count; i++) {
        struct auth_backend *backend = chain->backends[i].backend;
        if (backend && backend->calls->clear)
            backend->calls->clear(backend);
    }
}

void chains_clear(struct auth *auth)
{
    struct lv_list *it, *after;
    pthread_mutex_lock(&auth->chain_lock);
    lv_list_each (it, after, &auth->chains)
        chain_clear(lv_list_item(it, struct auth_chain, link));
    pthread_mutex_unlock(&auth->chain_lock);
}

/* --- the chain in force ----------------------------------------------------------------------- */

static void chain_begin(const struct auth_chain *chain)
{
    for (size_t i = 0; i < chain->backend_count; i++) {
        if (!chain_backend_is_internal(&chain->backends[i]))
            auth_backend_begin(chain->backends[i].backend);
    }
}

/* Gives the backends of a chain what those of the chain in force have learned. */
static void chain_inherit(struct auth_chain *chain, const struct auth_chain *earlier)
{
    for (size_t i = 0; i < chain->backend_count; i++) {
        struct auth_backend *to = chain->backends[i].backend;
        for (size_t k = 0; to && to->calls->inherit && k < earlier->backend_count; k++) {
            struct auth_backend *from = earlier->backends[k].backend;
            if (from && from->calls == to->calls)
                to->calls->inherit(to, from);
        }
    }
}

/* Puts a chain in force, and takes those out of the list that nobody uses. */
static void chain_replace(struct auth *auth, struct auth_chain *fresh, struct lv_list *ret_unused)
{
    struct lv_list *it, *after;
    pthread_mutex_lock(&auth->chain_lock);
    lv_list_push(&auth->chains, &fresh->link);
    auth->chain = fresh;
    lv_list_each (it, after, &auth->chains) {
        struct auth_chain *chain = lv_list_item(it, struct auth_chain, link);
        if (chain == fresh || atomic_load(&chain->users) > 0)
            continue;
        lv_list_remove(&chain->link);
        lv_list_push(ret_unused, &chain->link);
    }
    pthread_mutex_unlock(&auth->chain_lock);
}

static void end_run(struct ask *ask)
{
    struct auth_chain *chain = lv_container_of(ask, struct auth_chain, end);
    auth_chain_free(&chain);
}

/* Frees chains that nobody uses. */
static void chains_end(struct auth *auth, struct lv_list *chains)
{
    while (!lv_list_is_empty(chains)) {
        struct auth_chain *chain = lv_list_item(chains->next, struct auth_chain, link);
        lv_list_remove(&chain->link);
        chain->end.run = end_run;
        if (!ask_submit(auth->freeing, &chain->end, SLICE_EMPTY))
            auth_chain_free(&chain);
    }
}

void auth_set_chain(struct auth *auth, struct auth_chain **pointer)
{
    struct auth_chain *chain = *pointer;
    struct lv_list unused;
    *pointer = NULL;
    lv_list_init(&unused);
    if (!chain)
        chain = auth_chain_create();
    if (chain->link_count == 0)
        auth_chain_add_link(chain, CHAIN_INTERNAL, NULL, 0);
    chain_make_pools(chain, !auth->is_single_threaded);
    if (auth->chain)
        chain_inherit(chain, auth->chain); /* which only the caller's thread replaces */
    chain_begin(chain);
    chain_replace(auth, chain, &unused);
    chains_end(auth, &unused);
}

struct auth_chain *chain_use(struct auth *auth)
{
    pthread_mutex_lock(&auth->chain_lock);
    struct auth_chain *chain = auth->chain;
    atomic_fetch_add(&chain->users, 1);
    pthread_mutex_unlock(&auth->chain_lock);
    return chain;
}

void chain_leave(struct auth_chain *chain)
{
    size_t before = atomic_fetch_sub(&chain->users, 1);
    lv_assert(before > 0);
}

bool auth_asks_elsewhere(struct auth *auth)
{
    struct auth_chain *chain = chain_use(auth);
    bool asks = chain->backend_count > CHAIN_INTERNAL + 1;
    chain_leave(chain);
    return asks;
}

void grant_forget(struct auth_grant *grant)
{
    if (!chain_backend_is_internal(grant->from) && grant->data)
        grant->from->backend->calls->forget(grant->from->backend, grant->data);
    grant->data = NULL;
}

void chains_init(struct auth *auth)
{
    struct auth_chain *chain = NULL;
    pthread_mutex_init(&auth->chain_lock, NULL);
    lv_list_init(&auth->chains);
    auth->freeing = ask_pool_create("chains", 0, false);
    auth_set_chain(auth, &chain);
}

void chains_free(struct auth *auth)
{
    chains_end(auth, &auth->chains);
    ask_pool_free(&auth->freeing);
    pthread_mutex_destroy(&auth->chain_lock);
}
