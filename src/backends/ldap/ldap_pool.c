#define LOG_CATEGORY LOG_ABOUT_LDAP

#include "backends/ldap/ldap_pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backends/ldap/ldap_tls.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

enum {
    DETOUR_MS = 30000,          /* how long a server that has failed comes last */
    CONTEXT_AGE_MS_MAX = 60000, /* after that the files of certificates are read again */
};

struct idle {
    struct ldap_connection *connection;
    enum ldap_role role;
    size_t server;
    uint64_t since_ms;
};

struct ldap_pool {
    char **hosts;
    size_t host_count;
    struct ldap_endpoint endpoint; /* without host and context */
    struct backend_tls tls;
    bool takes_wildcards;
    int64_t idle_timeout_ms;
    size_t size;

    pthread_mutex_t mutex; /* of all below */
    SSL_CTX *context;      /* NULL: no TLS */
    uint64_t context_at_ms;
    struct idle *idle; /* the longest idle first */
    size_t idle_count;
    size_t first_server;     /* the one to begin with, */
    uint64_t first_until_ms; /* until then; afterwards with 0 */
};

/* --- The pool --------------------------------------------------------------------------------- */

static char *copy(const char *text)
{
    return text ? lv_strdup(text) : NULL;
}

static void copy_settings(struct ldap_pool *pool, const struct ldap_pool_settings *s)
{
    pool->hosts = lv_calloc(s->host_count, sizeof *pool->hosts);
    pool->host_count = s->host_count;
    for (size_t i = 0; i < pool->host_count; i++)
        pool->hosts[i] = lv_strdup(s->hosts[i]);
    pool->endpoint = (struct ldap_endpoint){
        .port = s->port, .encryption = s->encryption, .server_name = copy(s->server_name)};
    pool->tls = s->tls;
    pool->tls.ca_file = copy(s->tls.ca_file);
    pool->tls.certificate_file = copy(s->tls.certificate_file);
    pool->tls.key_file = copy(s->tls.key_file);
    pool->tls.key_password = copy(s->tls.key_password);
    pool->takes_wildcards = s->takes_wildcards;
    pool->idle_timeout_ms = s->idle_timeout_ms;
    pool->size = s->size;
}

int ldap_pool_new(const struct ldap_pool_settings *settings, struct ldap_pool **ret,
                  struct lv_buffer *reason)
{
    SSL_CTX *context = NULL;
    lv_assert(settings->host_count > 0);
    int err = settings->encryption == LDAP_PLAIN
                  ? 0
                  : ldap_tls_context(&settings->tls, settings->takes_wildcards, &context, reason);
    if (err < 0)
        return err;
    struct ldap_pool *pool = lv_calloc(1, sizeof *pool);
    copy_settings(pool, settings);
    pthread_mutex_init(&pool->mutex, NULL);
    pool->context = context;
    pool->context_at_ms = clock_up_ms();
    pool->idle = lv_calloc(pool->size + 1, sizeof *pool->idle);
    *ret = pool;
    return 0;
}

void ldap_pool_free(struct ldap_pool **pool)
{
    struct ldap_pool *p = *pool;
    *pool = NULL;
    if (!p)
        return;
    for (size_t i = 0; i < p->idle_count; i++)
        ldap_connection_close(&p->idle[i].connection);
    for (size_t i = 0; i < p->host_count; i++)
        free(p->hosts[i]);
    free(p->hosts);
    free(p->idle);
    free((char *)p->endpoint.server_name);
    free((char *)p->tls.ca_file);
    free((char *)p->tls.certificate_file);
    free((char *)p->tls.key_file);
    if (p->tls.key_password)
        explicit_bzero((char *)p->tls.key_password, strlen(p->tls.key_password));
    free((char *)p->tls.key_password);
    SSL_CTX_free(p->context);
    pthread_mutex_destroy(&p->mutex);
    free(p);
}

/* --- Idle connections ------------------------------------------------------------------------- */

/* Removes an idle connection from the list, which is locked. */
static struct idle remove_idle(struct ldap_pool *pool, size_t at)
{
    struct idle found = pool->idle[at];
    pool->idle_count--;
    for (size_t i = at; i < pool->idle_count; i++)
        pool->idle[i] = pool->idle[i + 1];
    return found;
}

static bool is_too_old(const struct ldap_pool *pool, const struct idle *idle, uint64_t now_ms)
{
    return pool->idle_timeout_ms >= 0 && now_ms - idle->since_ms >= (uint64_t)pool->idle_timeout_ms;
}

/* Closes the connections that have been idle for too long, all of them if `all`. */
static void close_old(struct ldap_pool *pool, bool all)
{
    uint64_t now = clock_up_ms();
    for (;;) {
        struct idle old = {0};
        pthread_mutex_lock(&pool->mutex);
        if (pool->idle_count > 0 && (all || is_too_old(pool, &pool->idle[0], now)))
            old = remove_idle(pool, 0);
        pthread_mutex_unlock(&pool->mutex);
        if (!old.connection)
            return;
        ldap_connection_close(&old.connection);
    }
}

/* Takes the connection of this role that has been used last. */
static bool take_idle(struct ldap_pool *pool, enum ldap_role role, struct ldap_lease *ret)
{
    struct idle found = {0};
    pthread_mutex_lock(&pool->mutex);
    for (size_t i = pool->idle_count; i > 0 && !found.connection; i--)
        if (pool->idle[i - 1].role == role)
            found = remove_idle(pool, i - 1);
    pthread_mutex_unlock(&pool->mutex);
    *ret = (struct ldap_lease){found.connection, role, found.server, false};
    return found.connection;
}

void ldap_pool_put(struct ldap_pool *pool, struct ldap_lease *lease)
{
    struct idle surplus = {0};
    const struct idle item = {lease->connection, lease->role, lease->server, clock_up_ms()};
    pthread_mutex_lock(&pool->mutex);
    pool->idle[pool->idle_count++] = item;
    if (pool->idle_count > pool->size)
        surplus = remove_idle(pool, 0);
    pthread_mutex_unlock(&pool->mutex);
    ldap_connection_close(&surplus.connection);
    lease->connection = NULL;
    close_old(pool, false);
}

static void avoid_server(struct ldap_pool *pool, size_t server)
{
    pthread_mutex_lock(&pool->mutex);
    pool->first_server = (server + 1) % pool->host_count;
    pool->first_until_ms = clock_up_ms() + DETOUR_MS;
    pthread_mutex_unlock(&pool->mutex);
}

void ldap_pool_drop(struct ldap_pool *pool, struct ldap_lease *lease)
{
    if (lease->is_proven)
        avoid_server(pool, lease->server);
    ldap_connection_close(&lease->connection);
    close_old(pool, true);
}

/* --- Taking ----------------------------------------------------------------------------------- */

static enum ldap_bind_answer bind_as(struct ldap_connection *c, const struct ldap_login *login,
                                     struct lv_buffer *reason)
{
    if (login->role == LDAP_AS_NOBODY)
        return LDAP_BIND_DONE;
    return ldap_connection_bind(c, login->dn, login->password, reason);
}

/* Tries idle connections until one is good. Returns false if there is none, or the server of one
 * does not answer. */
static bool take_used(struct ldap_pool *pool, const struct ldap_login *login, uint64_t deadline_ms,
                      struct ldap_lease *ret, enum ldap_bind_answer *ret_answer,
                      struct lv_buffer *reason)
{
    struct ldap_lease lease;
    while (take_idle(pool, login->role, &lease)) {
        if (!ldap_connection_is_good(lease.connection)) {
            ldap_connection_close(&lease.connection);
            continue;
        }
        size_t before = reason->n;
        ldap_connection_set_deadline(lease.connection, deadline_ms);
        enum ldap_bind_answer answer = LDAP_BIND_DONE;
        if (login->role == LDAP_AS_USER) {
            answer = bind_as(lease.connection, login, reason);
            lease.is_proven = true;
        }
        if (answer == LDAP_BIND_FAILED) {
            reason->n = before; /* a new connection may do better */
            lease.is_proven = false;
            ldap_pool_drop(pool, &lease);
            return false;
        }
        if (answer == LDAP_BIND_REFUSED)
            ldap_pool_put(pool, &lease);
        *ret = lease;
        *ret_answer = answer;
        return true;
    }
    return false;
}

/* Returns a reference to the TLS context for a new connection, or NULL if there is none. It is made
 * anew from time to time, so that certificates can be replaced; one that cannot be made anew stays
 * in use. */
static SSL_CTX *context_ref(struct ldap_pool *pool)
{
    struct lv_buffer reason = {0};
    SSL_CTX *newer;
    pthread_mutex_lock(&pool->mutex);
    if (pool->context && clock_up_ms() - pool->context_at_ms > CONTEXT_AGE_MS_MAX) {
        pool->context_at_ms = clock_up_ms();
        if (ldap_tls_context(&pool->tls, pool->takes_wildcards, &newer, &reason) == 0) {
            SSL_CTX_free(pool->context);
            pool->context = newer;
        } else {
            log_warning("LDAP: %.*s; what was read before is used",
                        SLICE_ARG(lv_buffer_slice(&reason)));
        }
    }
    SSL_CTX *context = pool->context;
    if (context)
        SSL_CTX_up_ref(context);
    pthread_mutex_unlock(&pool->mutex);
    lv_buffer_free(&reason);
    return context;
}

static int open_connection(struct ldap_pool *pool, size_t server, uint64_t deadline_ms,
                           struct ldap_connection **ret, struct lv_buffer *reason)
{
    struct ldap_endpoint endpoint = pool->endpoint;
    endpoint.host = pool->hosts[server];
    endpoint.context = context_ref(pool);
    int err = ldap_connection_open(&endpoint, deadline_ms, ret, reason);
    SSL_CTX_free(endpoint.context);
    return err;
}

/* Opens a connection to one server, and binds it. */
static enum ldap_bind_answer take_new(struct ldap_pool *pool, const struct ldap_login *login,
                                      size_t server, uint64_t deadline_ms, struct ldap_lease *ret,
                                      struct lv_buffer *reason)
{
    struct ldap_lease lease = {.role = login->role, .server = server, .is_proven = true};
    enum ldap_bind_answer answer = LDAP_BIND_FAILED;
    if (open_connection(pool, server, deadline_ms, &lease.connection, reason) == 0)
        answer = bind_as(lease.connection, login, reason);
    if (answer == LDAP_BIND_FAILED)
        ldap_connection_close(&lease.connection);
    else if (answer == LDAP_BIND_REFUSED)
        ldap_pool_put(pool, &lease);
    else
        *ret = lease;
    return answer;
}

void ldap_pool_say_server(const struct ldap_pool *pool, const struct ldap_lease *lease,
                          struct lv_buffer *out)
{
    lv_buffer_printf(out, "%s:%u", pool->hosts[lease->server], pool->endpoint.port);
}

/* Tries the servers in turn, from `first` on. */
static enum ldap_bind_answer take_from_servers(struct ldap_pool *pool,
                                               const struct ldap_login *login, size_t first,
                                               uint64_t deadline_ms, struct ldap_lease *ret,
                                               struct lv_buffer *reason)
{
    struct lv_buffer why = {0};
    enum ldap_bind_answer answer = LDAP_BIND_FAILED;
    for (size_t i = 0; i < pool->host_count && answer == LDAP_BIND_FAILED; i++) {
        size_t server = (first + i) % pool->host_count;
        uint64_t now = clock_up_ms();
        uint64_t left = now < deadline_ms ? deadline_ms - now : 0;
        why.n = 0;
        answer = take_new(pool, login, server, now + left / (pool->host_count - i), ret, &why);
        if (answer == LDAP_BIND_FAILED) {
            lv_buffer_printf(reason, "%s%s:%u: ", i > 0 ? "; " : "", pool->hosts[server],
                             pool->endpoint.port);
            avoid_server(pool, server);
        }
        lv_buffer_add_slice(reason, lv_buffer_slice(&why));
    }
    lv_buffer_free(&why);
    return answer;
}

enum ldap_bind_answer ldap_pool_take(struct ldap_pool *pool, const struct ldap_login *login,
                                     uint64_t deadline_ms, struct ldap_lease *ret,
                                     struct lv_buffer *reason)
{
    enum ldap_bind_answer answer;
    close_old(pool, false);
    if (take_used(pool, login, deadline_ms, ret, &answer, reason))
        return answer;
    pthread_mutex_lock(&pool->mutex);
    size_t first = clock_up_ms() < pool->first_until_ms ? pool->first_server : 0;
    pthread_mutex_unlock(&pool->mutex);
    answer = take_from_servers(pool, login, first, deadline_ms, ret, reason);
    if (answer == LDAP_BIND_DONE)
        ldap_connection_set_deadline(ret->connection, deadline_ms);
    return answer;
}
