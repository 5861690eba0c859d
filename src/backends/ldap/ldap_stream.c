/* The socket does not block; waiting is poll(2) up to the deadline. Names are resolved on a thread
 * of their own, because getaddrinfo() knows no deadline (and the helper threads of getaddrinfo_a()
 * have stacks that are too small for a sanitizer). SIGPIPE is ignored by the process (loop/). */
#include "backends/ldap/ldap_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

struct ldap_stream {
    int fd;
    SSL *ssl; /* NULL: no TLS */
    uint64_t deadline_ms;
};

/* --- Waiting ---------------------------------------------------------------------------------- */

static int left_ms(uint64_t deadline_ms)
{
    uint64_t now = clock_up_ms();
    if (now >= deadline_ms)
        return 0;
    uint64_t left = deadline_ms - now;
    return left > INT_MAX ? INT_MAX : (int)left;
}

/* Waits until the socket can be read or written. Returns false, with errno ETIMEDOUT, at the
 * deadline. */
static bool wait_for(int fd, short events, uint64_t deadline_ms)
{
    for (;;) {
        struct pollfd p = {fd, events, 0};
        int n = poll(&p, 1, left_ms(deadline_ms));
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        if (n == 0 && left_ms(deadline_ms) == 0) {
            errno = ETIMEDOUT;
            return false;
        }
    }
}

/* --- Resolving -------------------------------------------------------------------------------- */

/* A name that is being resolved: by a thread, which may take longer than the caller waits. Whoever
 * of the two is done last frees it. */
struct lookup {
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t has_ended;
    char *host;
    char port[8];
    int error; /* of getaddrinfo() */
    struct addrinfo *addresses;
    bool is_over;
    bool is_abandoned; /* the caller does not wait any longer */
};

static void lookup_free(struct lookup *l)
{
    if (l->addresses)
        freeaddrinfo(l->addresses);
    pthread_cond_destroy(&l->has_ended);
    pthread_mutex_destroy(&l->mutex);
    free(l->host);
    free(l);
}

static struct lookup *lookup_new(const char *host, uint16_t port)
{
    struct lookup *l = lv_calloc(1, sizeof *l);
    pthread_mutex_init(&l->mutex, NULL);
    clock_cond_init(&l->has_ended);
    l->host = lv_strdup(host);
    snprintf(l->port, sizeof l->port, "%u", port);
    return l;
}

static int lookup_ask(struct lookup *l, int flags, struct addrinfo **ret)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    return getaddrinfo(l->host, l->port, &hints, ret);
}

static void *lookup_run(void *arg)
{
    struct lookup *l = arg;
    struct addrinfo *addresses = NULL;
    int error = lookup_ask(l, 0, &addresses);
    pthread_mutex_lock(&l->mutex);
    l->error = error;
    l->addresses = addresses;
    l->is_over = true;
    bool is_abandoned = l->is_abandoned;
    pthread_cond_signal(&l->has_ended);
    pthread_mutex_unlock(&l->mutex);
    if (is_abandoned)
        lookup_free(l);
    return NULL;
}

/* Waits until the thread has ended. Returns false, having left the lookup to it, at the deadline.
 */
static bool lookup_wait(struct lookup *l, uint64_t deadline_ms)
{
    pthread_mutex_lock(&l->mutex);
    while (!l->is_over && left_ms(deadline_ms) > 0) {
        uint64_t until = clock_read_ms(CLOCK_MONOTONIC) + (uint64_t)left_ms(deadline_ms);
        const struct timespec t = {(time_t)(until / 1000), (long)(until % 1000) * 1000000};
        pthread_cond_timedwait(&l->has_ended, &l->mutex, &t);
    }
    bool is_over = l->is_over;
    l->is_abandoned = !is_over;
    pthread_mutex_unlock(&l->mutex);
    return is_over;
}

static int start_lookup(struct lookup *l)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&thread, &attributes, lookup_run, l);
    pthread_attr_destroy(&attributes);
    return error;
}

/* Resolves a host into addresses, which are the lookup's. An address needs no thread. */
static int resolve(const char *host, uint16_t port, uint64_t deadline_ms, struct lookup **ret,
                   struct lv_buffer *reason)
{
    struct lookup *l = lookup_new(host, port);
    l->error = lookup_ask(l, AI_NUMERICHOST, &l->addresses);
    if (l->error != 0) {
        int error = start_lookup(l);
        if (error != 0) {
            lv_buffer_printf(reason, "cannot create a thread: %s", strerror(error));
            lookup_free(l);
            return ERR_NO_MEMORY;
        }
        if (!lookup_wait(l, deadline_ms)) {
            lv_buffer_printf(reason, "no address within the time limit");
            return ERR_TIMED_OUT;
        }
    }
    if (l->error != 0) {
        lv_buffer_printf(reason, "%s", gai_strerror(l->error));
        lookup_free(l);
        return ERR_NOT_FOUND;
    }
    *ret = l;
    return 0;
}

/* --- Connecting ------------------------------------------------------------------------------- */

/* Returns 0, or the errno of what failed. */
static int connect_address(int fd, const struct addrinfo *address, uint64_t deadline_ms)
{
    int error = 0;
    socklen_t n = sizeof error;
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return 0;
    if (errno != EINPROGRESS || !wait_for(fd, POLLOUT, deadline_ms))
        return errno;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n);
    return error;
}

static int open_socket(const struct addrinfo *address, uint64_t deadline_ms, int *ret_fd)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = fd < 0 ? errno : connect_address(fd, address, deadline_ms);
    if (error != 0) {
        if (fd >= 0)
            close(fd);
        return error;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    *ret_fd = fd;
    return 0;
}

int ldap_stream_connect(const char *host, uint16_t port, uint64_t deadline_ms,
                        struct ldap_stream **ret, struct lv_buffer *reason)
{
    struct lookup *lookup;
    int fd = -1, error = 0;
    int err = resolve(host, port, deadline_ms, &lookup, reason);
    if (err < 0)
        return err;
    for (struct addrinfo *a = lookup->addresses; a && fd < 0; a = a->ai_next)
        error = open_socket(a, deadline_ms, &fd);
    lookup_free(lookup);
    if (fd < 0) {
        lv_buffer_printf(reason, "%s", strerror(error));
        return error == ETIMEDOUT ? ERR_TIMED_OUT : ERR_IO;
    }
    struct ldap_stream *stream = lv_calloc(1, sizeof *stream);
    *stream = (struct ldap_stream){.fd = fd, .deadline_ms = deadline_ms};
    *ret = stream;
    return 0;
}

void ldap_stream_free(struct ldap_stream **stream)
{
    if (!*stream)
        return;
    SSL_free((*stream)->ssl);
    close((*stream)->fd);
    free(*stream);
    *stream = NULL;
}

/* --- TLS -------------------------------------------------------------------------------------- */

/* Decides whether a call of OpenSSL is to be repeated, after waiting for what it wants. Otherwise
 * sets errno. */
static bool wait_for_ssl(struct ldap_stream *s, int result)
{
    switch (SSL_get_error(s->ssl, result)) {
    case SSL_ERROR_WANT_READ: return wait_for(s->fd, POLLIN, s->deadline_ms);
    case SSL_ERROR_WANT_WRITE: return wait_for(s->fd, POLLOUT, s->deadline_ms);
    case SSL_ERROR_SYSCALL: errno = errno ? errno : ECONNRESET; return false;
    default: errno = EPROTO; return false;
    }
}

static void say_why_not_tls(struct ldap_stream *s, struct lv_buffer *reason)
{
    long verification = SSL_get_verify_result(s->ssl);
    unsigned long error = ERR_peek_last_error();
    lv_buffer_printf(reason, "TLS: ");
    if (verification != X509_V_OK)
        lv_buffer_printf(reason, "the server's certificate is refused: %s",
                         X509_verify_cert_error_string(verification));
    else if (error != 0 && errno == EPROTO)
        lv_buffer_printf(reason, "%s", ERR_reason_error_string(error));
    else
        lv_buffer_printf(reason, "%s", strerror(errno));
}

int ldap_stream_start_tls(struct ldap_stream *stream, SSL_CTX *context, const char *host,
                          const char *name, struct lv_buffer *reason)
{
    unsigned char address[16];
    bool is_address =
        inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    stream->ssl = SSL_new(context);
    if (!stream->ssl || SSL_set_fd(stream->ssl, stream->fd) != 1)
        return ERR_NO_MEMORY;
    int is_expected = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(stream->ssl), host)
                                 : SSL_set1_host(stream->ssl, host);
    if (is_expected != 1) /* else any name would do */
        return ERR_NO_MEMORY;
    if (name && !is_address)
        SSL_set_tlsext_host_name(stream->ssl, name);

    int result;
    do {
        ERR_clear_error();
        errno = 0;
        result = SSL_connect(stream->ssl);
    } while (result != 1 && wait_for_ssl(stream, result));
    if (result == 1)
        return 0;
    say_why_not_tls(stream, reason);
    return SSL_get_verify_result(stream->ssl) == X509_V_OK ? ERR_IO : ERR_REFUSED;
}

/* --- Bytes ------------------------------------------------------------------------------------ */

void ldap_stream_set_deadline(struct ldap_stream *stream, uint64_t deadline_ms)
{
    stream->deadline_ms = deadline_ms;
}

int ldap_stream_descriptor(const struct ldap_stream *stream)
{
    return stream->fd;
}

static ssize_t read_tls(struct ldap_stream *s, void *p, size_t n)
{
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int got = SSL_read(s->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
        if (got > 0)
            return got;
        if (SSL_get_error(s->ssl, got) == SSL_ERROR_ZERO_RETURN)
            return 0;
        if (!wait_for_ssl(s, got))
            return -1;
    }
}

static ssize_t write_tls(struct ldap_stream *s, const void *p, size_t n)
{
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int sent = SSL_write(s->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
        if (sent > 0)
            return sent;
        if (!wait_for_ssl(s, sent))
            return -1;
    }
}

ssize_t ldap_stream_read(struct ldap_stream *stream, void *p, size_t n)
{
    if (stream->ssl)
        return read_tls(stream, p, n);
    for (;;) {
        ssize_t got = recv(stream->fd, p, n, 0);
        if (got >= 0 || (errno != EAGAIN && errno != EINTR))
            return got;
        if (!wait_for(stream->fd, POLLIN, stream->deadline_ms))
            return -1;
    }
}

ssize_t ldap_stream_write(struct ldap_stream *stream, const void *p, size_t n)
{
    if (stream->ssl)
        return write_tls(stream, p, n);
    for (;;) {
        ssize_t sent = send(stream->fd, p, n, MSG_NOSIGNAL);
        if (sent >= 0 || (errno != EAGAIN && errno != EINTR))
            return sent;
        if (!wait_for(stream->fd, POLLOUT, stream->deadline_ms))
            return -1;
    }
}

bool ldap_stream_has_bytes(const struct ldap_stream *stream)
{
    return stream->ssl && SSL_pending(stream->ssl) > 0;
}

bool ldap_stream_is_quiet(const struct ldap_stream *stream)
{
    struct pollfd p = {stream->fd, POLLIN, 0};
    return poll(&p, 1, 0) == 0;
}
