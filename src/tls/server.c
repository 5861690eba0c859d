/* What the listeners of a kind share: the context of connections to come. */
#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "tls/layer.h"
#include "tls/tls_private.h"

struct tls_server {
    pthread_mutex_t lock;
    struct tls_context *context; /* a reference; NULL: none */
    uint32_t handshake_timeout_ms;
};

struct tls_server *tls_server_create(void)
{
    struct tls_server *server = lv_calloc(1, sizeof *server);
    pthread_mutex_init(&server->lock, NULL);
    return server;
}

void tls_server_free(struct tls_server **server)
{
    if (!*server)
        return;
    tls_context_unref(&(*server)->context);
    pthread_mutex_destroy(&(*server)->lock);
    free(*server);
    *server = NULL;
}

void tls_server_use(struct tls_server *server, struct tls_context *context,
                    uint32_t handshake_timeout_ms)
{
    if (context)
        tls_context_ref(context);
    pthread_mutex_lock(&server->lock);
    struct tls_context *old = server->context;
    server->context = context;
    server->handshake_timeout_ms = handshake_timeout_ms;
    pthread_mutex_unlock(&server->lock);
    tls_context_unref(&old);
}

static struct tls_context *server_take(struct tls_server *server, uint32_t *ret_timeout_ms)
{
    pthread_mutex_lock(&server->lock);
    struct tls_context *context = server->context;
    if (context)
        tls_context_ref(context);
    *ret_timeout_ms = server->handshake_timeout_ms;
    pthread_mutex_unlock(&server->lock);
    return context;
}

struct tls_context *tls_server_context(struct tls_server *server)
{
    uint32_t unused;
    return server_take(server, &unused);
}

int tls_server_layer(void *arg, struct net_stream **stream)
{
    uint32_t timeout_ms;
    struct tls_context *context = server_take(arg, &timeout_ms);
    if (!context)
        return lv_error_explain(ERR_REFUSED, "there is no certificate for this listener");
    *stream = tls_stream_create(*stream, context, timeout_ms);
    return 0;
}
