/* Each line is sent when it is put; one that fails is sent whole again, on a new connection.
 * Sending and connecting end after TIMEOUT_S. A datagram that nobody takes is not sent again. */
#include "logging/syslog.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "logging/priority.h"

enum { TIMEOUT_S = 5, WHY_BYTES = 200, TLS_READS_MAX = 100 };

struct syslog {
    struct syslog_settings settings; /* its strings are owned */
    struct log_format *format;
    char host_name[256];
    int fd; /* -1: not connected */
    SSL_CTX *tls;
    SSL *ssl;
    bool is_failing;
};

bool syslog_facility_parse(const char *text, int *ret)
{
    static const struct {
        const char *name;
        int number;
    } names[] = {
        {"kern", 0},    {"kernel", 0},    {"user", 1},    {"mail", 2},    {"daemon", 3},
        {"auth", 4},    {"syslog", 5},    {"lpr", 6},     {"news", 7},    {"uucp", 8},
        {"cron", 9},    {"authpriv", 10}, {"ftp", 11},    {"ntp", 12},    {"audit", 13},
        {"alert", 14},  {"clock", 15},    {"local0", 16}, {"local1", 17}, {"local2", 18},
        {"local3", 19}, {"local4", 20},   {"local5", 21}, {"local6", 22}, {"local7", 23},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i].name) == 0) {
            *ret = names[i].number;
            return true;
        }
    }
    return false;
}

struct syslog *syslog_create(const struct syslog_settings *settings, struct log_format *format)
{
    struct syslog *s = lv_calloc(1, sizeof *s);
    s->settings = *settings;
    s->settings.host = lv_strdup(settings->host);
    s->settings.identity = lv_strdup(settings->identity);
    s->settings.ca_file = lv_strdup(settings->ca_file);
    s->settings.cert_file = lv_strdup(settings->cert_file);
    s->settings.key_file = lv_strdup(settings->key_file);
    s->format = format;
    s->fd = -1;
    if (gethostname(s->host_name, sizeof s->host_name - 1) < 0)
        strcpy(s->host_name, "-");
    return s;
}

/* --- the line --------------------------------------------------------------------------------- */

/* Appends "Dec  1 01:07:40", which has English names whatever the locale. */
static void put_short_time(int64_t us, struct lv_buffer *out)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm;
    time_t seconds = (time_t)(us / 1000000);
    localtime_r(&seconds, &tm);
    lv_buffer_printf(out, "%s %2d %02d:%02d:%02d", months[tm.tm_mon], tm.tm_mday, tm.tm_hour,
                     tm.tm_min, tm.tm_sec);
}

void syslog_compose(const struct syslog_settings *s, const struct log_format *format,
                    const char *host_name, int pid, const struct log_record *record,
                    struct lv_buffer *out)
{
    bool is_local = s->transport == SYSLOG_LOCAL;
    lv_buffer_printf(out, "<%d>", s->facility * 8 + log_priority(record->level));
    if (s->protocol == SYSLOG_RFC5424 && !is_local) {
        lv_buffer_printf(out, "1 ");
        log_format_time(LOG_TIME_RFC3339_T, record->us, out);
        lv_buffer_printf(out, " %s %s %d - - ", host_name, s->identity, pid);
    } else {
        put_short_time(record->us, out);
        if (!is_local)
            lv_buffer_printf(out, " %s", host_name);
        lv_buffer_printf(out, " %s[%d]: ", s->identity, pid);
    }
    log_format_put(format, record, out);
}

/* Appends the line as it is sent over this transport. */
static void put_frame(const struct syslog *s, const struct log_record *record,
                      struct lv_buffer *out)
{
    bool is_stream = s->settings.transport == SYSLOG_TCP || s->settings.transport == SYSLOG_TLS;
    struct lv_buffer line = {0};
    syslog_compose(&s->settings, s->format, s->host_name, (int)getpid(), record, &line);
    if (is_stream && s->settings.protocol == SYSLOG_RFC5424)
        lv_buffer_printf(out, "%zu ", line.n);
    lv_buffer_add_slice(out, lv_buffer_slice(&line));
    if (is_stream && s->settings.protocol == SYSLOG_RFC3164)
        lv_buffer_add_u8(out, '\n');
    lv_buffer_free(&line);
}

/* --- the connection --------------------------------------------------------------------------- */

static void syslog_disconnect(struct syslog *s)
{
    if (s->ssl)
        SSL_free(s->ssl);
    s->ssl = NULL;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static int open_socket(int family, int type)
{
    const struct timeval timeout = {TIMEOUT_S, 0};
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool connect_local(struct syslog *s, char why[WHY_BYTES])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, s->settings.host, sizeof address.sun_path - 1);
    s->fd = open_socket(AF_UNIX, SOCK_DGRAM);
    if (s->fd >= 0 && connect(s->fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return true;
    snprintf(why, WHY_BYTES, "%s", strerror(errno));
    syslog_disconnect(s);
    return false;
}

static bool connect_to_address(struct syslog *s, const struct addrinfo *address,
                               char why[WHY_BYTES])
{
    s->fd = open_socket(address->ai_family, address->ai_socktype);
    if (s->fd >= 0 && connect(s->fd, address->ai_addr, address->ai_addrlen) == 0)
        return true;
    snprintf(why, WHY_BYTES, "%s", strerror(errno == EINPROGRESS ? ETIMEDOUT : errno));
    syslog_disconnect(s);
    return false;
}

static bool connect_to_host(struct syslog *s, char why[WHY_BYTES])
{
    bool is_udp = s->settings.transport == SYSLOG_UDP;
    const struct addrinfo hints = {.ai_socktype = is_udp ? SOCK_DGRAM : SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", s->settings.port);
    int error = getaddrinfo(s->settings.host, port, &hints, &found);
    if (error != 0) {
        snprintf(why, WHY_BYTES, "%s", gai_strerror(error));
        return false;
    }
    bool is_connected = false;
    for (const struct addrinfo *a = found; a && !is_connected; a = a->ai_next)
        is_connected = connect_to_address(s, a, why);
    freeaddrinfo(found);
    return is_connected;
}

/* --- TLS -------------------------------------------------------------------------------------- */

static void tls_reason(char why[WHY_BYTES])
{
    unsigned long error = ERR_get_error();
    if (error)
        ERR_error_string_n(error, why, WHY_BYTES);
    else
        snprintf(why, WHY_BYTES, "the TLS handshake failed");
    ERR_clear_error();
}

static bool tls_load(const struct syslog_settings *settings, SSL_CTX *tls)
{
    bool is_loaded = settings->ca_file[0]
                         ? SSL_CTX_load_verify_locations(tls, settings->ca_file, NULL) == 1
                         : SSL_CTX_set_default_verify_paths(tls) == 1;
    if (settings->cert_file[0])
        is_loaded = is_loaded &&
                    SSL_CTX_use_certificate_chain_file(tls, settings->cert_file) == 1 &&
                    SSL_CTX_use_PrivateKey_file(tls, settings->key_file, SSL_FILETYPE_PEM) == 1;
    return is_loaded;
}

/* Creates the context once. */
static bool tls_prepare(struct syslog *s)
{
    if (s->tls)
        return true;
    s->tls = SSL_CTX_new(TLS_client_method());
    if (s->tls && SSL_CTX_set_min_proto_version(s->tls, TLS1_2_VERSION) == 1 &&
        tls_load(&s->settings, s->tls)) {
        SSL_CTX_set_verify(s->tls, s->settings.is_verified ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                           NULL);
        return true;
    }
    SSL_CTX_free(s->tls);
    s->tls = NULL;
    return false;
}

/* Makes the server's certificate be checked for the name or address it is reached by. */
static bool tls_expect_name(const struct syslog *s)
{
    X509_VERIFY_PARAM *expected = SSL_get0_param(s->ssl);
    return X509_VERIFY_PARAM_set1_ip_asc(expected, s->settings.host) == 1 ||
           (SSL_set1_host(s->ssl, s->settings.host) == 1 &&
            SSL_set_tlsext_host_name(s->ssl, s->settings.host) == 1);
}

static bool tls_connect(struct syslog *s, char why[WHY_BYTES])
{
    if (tls_prepare(s) && (s->ssl = SSL_new(s->tls)) && tls_expect_name(s) &&
        SSL_set_fd(s->ssl, s->fd) == 1 && SSL_connect(s->ssl) == 1)
        return true;
    long verified = s->ssl ? SSL_get_verify_result(s->ssl) : X509_V_OK;
    tls_reason(why);
    if (verified != X509_V_OK)
        snprintf(why, WHY_BYTES, "its certificate is refused: %s",
                 X509_verify_cert_error_string(verified));
    syslog_disconnect(s);
    return false;
}

/* --- sending ---------------------------------------------------------------------------------- */

static bool syslog_connect(struct syslog *s, char why[WHY_BYTES])
{
    if (s->fd >= 0)
        return true;
    if (s->settings.transport == SYSLOG_LOCAL)
        return connect_local(s, why);
    return connect_to_host(s, why) && (s->settings.transport != SYSLOG_TLS || tls_connect(s, why));
}

static bool send_all(struct syslog *s, struct slice bytes)
{
    while (bytes.n > 0) {
        ssize_t n = s->ssl ? SSL_write(s->ssl, bytes.p, (int)bytes.n)
                           : send(s->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = slice_of(bytes.p + n, bytes.n - (size_t)n);
    }
    return true;
}

static bool syslog_send(struct syslog *s, struct slice bytes, char why[WHY_BYTES])
{
    if (!syslog_connect(s, why))
        return false;
    errno = 0;
    if (send_all(s, bytes))
        return true;
    snprintf(why, WHY_BYTES, "%s", errno ? strerror(errno) : "the connection was closed");
    if (s->ssl)
        ERR_clear_error();
    syslog_disconnect(s);
    return false;
}

/* Reads what TLS itself is sent (tickets, and the alert before the end): unread, it would hide that
 * the server has closed the connection, and at our close() reset it with lines under way. Returns
 * whether the server has closed it. */
static bool tls_is_closed(const struct syslog *s)
{
    char bytes[256];
    int n, rounds = 0, flags = fcntl(s->fd, F_GETFL);
    if (flags < 0 || fcntl(s->fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return true;
    do
        n = SSL_read(s->ssl, bytes, sizeof bytes);
    while (n > 0 && ++rounds < TLS_READS_MAX);
    int error = n > 0 ? SSL_ERROR_WANT_READ : SSL_get_error(s->ssl, n);
    ERR_clear_error();
    return fcntl(s->fd, F_SETFL, flags) < 0 ||
           (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE);
}

/* Returns whether a server has closed the connection: it sends nothing else. */
static bool is_closed_by_server(const struct syslog *s)
{
    char byte;
    if (s->ssl)
        return tls_is_closed(s);
    if (s->fd < 0 || s->settings.transport != SYSLOG_TCP)
        return false;
    return recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Closes a connection that works. */
static void syslog_leave(struct syslog *s)
{
    if (s->ssl && !is_closed_by_server(s))
        SSL_shutdown(s->ssl);
    syslog_disconnect(s);
}

static bool syslog_put(void *sink, const struct log_record *record)
{
    struct syslog *s = sink;
    struct lv_buffer out = {0};
    char why[WHY_BYTES] = "";
    put_frame(s, record, &out);
    if (is_closed_by_server(s))
        syslog_disconnect(s);
    bool is_sent = syslog_send(s, lv_buffer_slice(&out), why);
    lv_buffer_free(&out);
    /* what TLS keeps for this thread, which may not have ended when the process exits */
    if (s->tls)
        OPENSSL_thread_stop();
    if (!is_sent && !s->is_failing)
        log_error("cannot send the log to syslog at %s: %s", s->settings.host, why);
    if (is_sent && s->is_failing)
        log_info("syslog at %s takes the log again", s->settings.host);
    s->is_failing = !is_sent;
    return is_sent || s->settings.transport == SYSLOG_UDP;
}

static bool syslog_flush(void *sink)
{
    (void)sink;
    return true;
}

static void syslog_reopen(void *sink)
{
    syslog_leave(sink);
    OPENSSL_thread_stop();
}

static void syslog_free(void *sink)
{
    struct syslog *s = sink;
    syslog_leave(s);
    SSL_CTX_free(s->tls);
    OPENSSL_thread_stop();
    log_format_free(&s->format);
    free((void *)s->settings.host);
    free((void *)s->settings.identity);
    free((void *)s->settings.ca_file);
    free((void *)s->settings.cert_file);
    free((void *)s->settings.key_file);
    free(s);
}

const struct log_sink_ops syslog_ops = {
    .put = syslog_put,
    .flush = syslog_flush,
    .reopen = syslog_reopen,
    .free = syslog_free,
};
