/* The server: its loop, libmicrohttpd, its listeners, their start and their end.
 *
 *   The end: requests are cut -> the loop stops, which ends every client, so that nothing more is
 *   given to libmicrohttpd -> workers end, so that no request is suspended -> libmicrohttpd
 *   stops */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/background.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/http_private.h"
#include "tls/tls.h"

enum { BACKLOG = 1024 };

/* --- libmicrohttpd ---------------------------------------------------------------------------- */

/* Paths stay as they were sent: %2F in the name of a vhost does not end a part of the path. */
static size_t leave_escapes(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg;
    (void)mhd;
    return strlen(text);
}

/* Gives libmicrohttpd's thread, which calls this, its priority. */
static void daemon_thread_begins(void)
{
    static _Thread_local bool has_begun;
    if (!has_begun)
        thread_enter_background();
    has_begun = true;
}

/* An MHD_NotifyConnectionCallback. */
static void connection_changed(void *arg, struct MHD_Connection *mhd, void **context,
                               enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = arg;
    daemon_thread_begins();
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        http_conn_unref(*context);
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    pthread_mutex_lock(&s->lock);
    *context = s->by_fd[info->connect_fd];
    pthread_mutex_unlock(&s->lock);
}

static void log_daemon(void *arg, const char *format, va_list args)
{
    struct lv_buffer text = {0};
    (void)arg;
    lv_buffer_vprintf(&text, format, args);
    while (text.n > 0 && text.p[text.n - 1] == '\n')
        text.n--;
    log_debug("http: %.*s", SLICE_ARG(lv_buffer_slice(&text)));
    lv_buffer_free(&text);
}

static int daemon_start(struct http_server *s)
{
    const struct MHD_OptionItem options[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_daemon, NULL},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)leave_escapes, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_changed, s},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_completed, s},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, 1 << 20, NULL}, /* the listeners limit them */
        {MHD_OPTION_END, 0, NULL},
    };
    s->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC |
            MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
        0, NULL, NULL, request_arrived, s, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    return s->daemon ? 0 : ERR_NO_MEMORY;
}

/* --- the beginning ---------------------------------------------------------------------------- */

int http_server_create(const struct http_options *options, struct http_server **ret)
{
    struct http_server *s = lv_calloc(1, sizeof *s);
    s->options = *options;
    s->options.access_log_dir = NULL; /* borrowed for this call */
    s->memory = budget_create(options->memory_bytes_max);
    pthread_mutex_init(&s->lock, NULL);
    lv_list_init(&s->requests);
    lv_list_init(&s->waiting);
    workers_init(&s->workers, options->workers_max);
    s->loops = loops_create(1);
    loops_leave_uncounted(s->loops); /* no message passes it */
    net_init(s->loops);
    int err =
        options->access_log_dir ? access_log_create(options->access_log_dir, &s->access_log) : 0;
    if (err == 0)
        err = daemon_start(s);
    if (err < 0) {
        http_server_stop(&s);
        return err;
    }
    *ret = s;
    return 0;
}

int http_server_listen(struct http_server *s, const char *address, uint16_t port,
                       struct tls_server *tls, http_handler *handler, void *arg,
                       struct http_listener **ret)
{
    lv_assert(!s->has_thread);
    struct http_listener *l = lv_calloc(1, sizeof *l);
    int err = net_listen(s->loops, address, port, relay_accepted, l, &l->net);
    if (err < 0) {
        free(l);
        return err;
    }
    const struct net_tcp_options tcp = {.backlog = BACKLOG,
                                        .is_nodelay = true,
                                        .send_buffer_bytes = -1,
                                        .receive_buffer_bytes = -1};
    const struct net_accept_limits limits = {.connections = s->options.connections_max,
                                             .newcomers_per_address =
                                                 s->options.newcomers_per_address_max,
                                             .proxy_header_ms = s->options.request_ms,
                                             .connections_key = s->options.connections_key,
                                             .closes_half_open = true};
    net_listener_set_options(l->net, &tcp);
    net_listener_set_limits(l->net, &limits);
    if (tls)
        net_listener_set_layer(l->net, tls_server_layer, tls);
    l->server = s;
    l->handler = handler;
    l->arg = arg;
    l->is_tls = tls != NULL;
    l->port = net_listener_port(l->net);
    l->next = s->listeners;
    s->listeners = *ret = l;
    return 0;
}

void http_listener_set_short(struct http_listener *l, http_is_short *is_short)
{
    l->is_short = is_short;
}

void http_listener_set_compresses(struct http_listener *l, bool compresses)
{
    l->compresses = compresses;
}

uint16_t http_listener_port(const struct http_listener *l)
{
    return l->port;
}

uint64_t http_listener_connections(const struct http_listener *l)
{
    return atomic_load_explicit(&l->connections, memory_order_relaxed);
}

static void *server_thread(void *arg)
{
    struct http_server *s = arg;
    pthread_setname_np(pthread_self(), "http");
    thread_enter_background();
    loops_run(s->loops);
    return NULL;
}

int http_server_start(struct http_server *s)
{
    sigset_t all, before;
    loops_start(s->loops);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    s->has_thread = pthread_create(&s->thread, NULL, server_thread, s) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return s->has_thread ? 0 : ERR_NO_MEMORY;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void cut_requests(struct http_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    for (struct lv_list *it = s->requests.next; it != &s->requests; it = it->next)
        request_cut(lv_list_item(it, struct http_request, link));
    pthread_mutex_unlock(&s->lock);
}

static void stop_threads(struct http_server *s)
{
    cut_requests(s);
    if (s->has_thread) {
        loops_stop(s->loops);
        pthread_join(s->thread, NULL);
    }
    workers_stop(&s->workers);
    if (s->daemon)
        MHD_stop_daemon(s->daemon);
}

void http_server_stop(struct http_server **server)
{
    struct http_server *s = *server;
    *server = NULL;
    if (!s)
        return;
    stop_threads(s);
    loops_free(&s->loops);
    while (s->listeners) {
        struct http_listener *l = s->listeners;
        s->listeners = l->next;
        lv_assert(l->connections == 0);
        free(l);
    }
    lv_assert(lv_list_is_empty(&s->requests));
    workers_destroy(&s->workers);
    access_log_free(&s->access_log);
    pthread_mutex_destroy(&s->lock);
    budget_unref(&s->memory);
    free(s->by_fd);
    free(s);
}
