/* A request takes a handle of libcurl's from the client's idle ones, or a new one. A handle keeps
 * its connection open when it is put back. The one put back last is taken first, so a few busy
 * connections are used, and the others time out. */
#include "backends/web/web_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/web/web_memory.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"

enum {
    HEADER_BYTES_MAX = 32768,
    IDLE_MAX = 64,
    REDIRECTS_MAX = 5,
    /* A file with authorities is read again after this time. */
    CA_CACHE_S = 60,
};

struct web_client {
    int connection_timeout_ms;
    int timeout_ms;
    size_t answer_bytes_max;
    bool follows_redirects;
    bool is_unverified;
    int depth;
    long tls_versions; /* in libcurl's form */
    char *ciphers_1_2; /* each NULL if it is not set */
    char *ciphers_1_3;
    char *ca_file;
    char *certificate_file;
    char *key_file;
    char *key_password;
    pthread_mutex_t lock; /* for what follows */
    CURL *idle[IDLE_MAX];
    unsigned idle_count;
};

/* --- Creating a client ------------------------------------------------------------------------ */

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static char *copy(const char *text)
{
    return is_set(text) ? lv_strdup(text) : NULL;
}

static int check_readable(const char *path, struct lv_buffer *reason)
{
    if (path == NULL)
        return 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        lv_buffer_printf(reason, "%s: %m", path);
        return lv_error_from_errno(errno);
    }
    fclose(file);
    return 0;
}

static int check_files(const struct web_client *client, struct lv_buffer *reason)
{
    int error = check_readable(client->ca_file, reason);
    if (!error)
        error = check_readable(client->certificate_file, reason);
    if (!error)
        error = check_readable(client->key_file, reason);
    return error;
}

/* Returns the oldest and the newest version, as libcurl wants them. */
static long versions_of(const struct backend_tls_protocol *protocol)
{
    lv_assert(!(protocol->lacks_1_2 && protocol->lacks_1_3));
    return (protocol->lacks_1_2 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2) |
           (protocol->lacks_1_3 ? (long)CURL_SSLVERSION_MAX_TLSv1_2 : 0L);
}

int web_client_create(const struct web_client_settings *settings, struct web_client **ret,
                      struct lv_buffer *reason)
{
    lv_assert(settings->connection_timeout_ms > 0 && settings->timeout_ms > 0);
    int error = web_memory_init();
    if (error) {
        lv_buffer_printf(reason, "libcurl cannot be initialized");
        return error;
    }
    struct web_client *client = lv_calloc(1, sizeof *client);
    client->connection_timeout_ms = settings->connection_timeout_ms;
    client->timeout_ms = settings->timeout_ms;
    client->answer_bytes_max = settings->answer_bytes_max;
    client->follows_redirects = settings->follows_redirects;
    client->is_unverified = settings->tls.is_unverified;
    client->depth = settings->tls.depth;
    client->tls_versions = versions_of(&settings->protocol);
    client->ciphers_1_2 = copy(settings->protocol.ciphers_1_2);
    client->ciphers_1_3 = copy(settings->protocol.ciphers_1_3);
    client->ca_file = copy(settings->tls.ca_file);
    client->certificate_file = copy(settings->tls.certificate_file);
    client->key_file = copy(settings->tls.key_file);
    client->key_password = copy(settings->tls.key_password);
    pthread_mutex_init(&client->lock, NULL);
    error = check_files(client, reason);
    if (error)
        web_client_free(&client);
    else
        *ret = client;
    return error;
}

void web_client_free(struct web_client **client_at)
{
    struct web_client *client = *client_at;
    if (client == NULL)
        return;
    for (unsigned i = 0; i < client->idle_count; i++)
        curl_easy_cleanup(client->idle[i]);
    pthread_mutex_destroy(&client->lock);
    if (client->key_password != NULL)
        explicit_bzero(client->key_password, strlen(client->key_password));
    free(client->key_password);
    free(client->ciphers_1_2);
    free(client->ciphers_1_3);
    free(client->ca_file);
    free(client->certificate_file);
    free(client->key_file);
    free(client);
    *client_at = NULL;
}

/* --- Handles ---------------------------------------------------------------------------------- */

/* Whether a server has asked for a certificate, and there is none, since the request of this thread
 * began. A server that insists ends the connection, often before libcurl could read why. */
static _Thread_local bool lacks_certificate;

static int note_certificate_asked_for(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    (void)ssl;
    (void)certificate;
    (void)key;
    lacks_certificate = true;
    return 0; /* none is shown */
}

/* Sets what libcurl has no option for: the longest chain of the server. */
static CURLcode set_up_context(CURL *handle, void *ssl_ctx, void *arg)
{
    (void)handle;
    const struct web_client *client = arg;
    if (client->depth >= 0)
        SSL_CTX_set_verify_depth(ssl_ctx, client->depth);
    if (client->certificate_file == NULL)
        SSL_CTX_set_client_cert_cb(ssl_ctx, note_certificate_asked_for);
    return CURLE_OK;
}

static void set_tls(CURL *handle, struct web_client *client)
{
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, client->tls_versions);
    if (client->ciphers_1_2 != NULL)
        curl_easy_setopt(handle, CURLOPT_SSL_CIPHER_LIST, client->ciphers_1_2);
    if (client->ciphers_1_3 != NULL)
        curl_easy_setopt(handle, CURLOPT_TLS13_CIPHERS, client->ciphers_1_3);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, client->is_unverified ? 0L : 1L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, client->is_unverified ? 0L : 2L);
    curl_easy_setopt(handle, CURLOPT_CA_CACHE_TIMEOUT, (long)CA_CACHE_S);
    if (client->ca_file != NULL) {
        curl_easy_setopt(handle, CURLOPT_CAINFO, client->ca_file);
        curl_easy_setopt(handle, CURLOPT_CAPATH, NULL);
    }
    if (client->certificate_file != NULL)
        curl_easy_setopt(handle, CURLOPT_SSLCERT, client->certificate_file);
    if (client->key_file != NULL)
        curl_easy_setopt(handle, CURLOPT_SSLKEY, client->key_file);
    if (client->key_password != NULL)
        curl_easy_setopt(handle, CURLOPT_KEYPASSWD, client->key_password);
    curl_easy_setopt(handle, CURLOPT_SSL_CTX_FUNCTION, set_up_context);
    curl_easy_setopt(handle, CURLOPT_SSL_CTX_DATA, client);
}

static CURL *new_handle(struct web_client *client)
{
    CURL *handle = curl_easy_init();
    if (handle == NULL)
        return NULL;
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "leveret/" LEVERET_VERSION);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)client->connection_timeout_ms);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)client->timeout_ms);
    set_tls(handle, client);
    return handle;
}

static CURL *take_handle(struct web_client *client)
{
    CURL *handle = NULL;
    pthread_mutex_lock(&client->lock);
    if (client->idle_count > 0)
        handle = client->idle[--client->idle_count];
    pthread_mutex_unlock(&client->lock);
    return handle != NULL ? handle : new_handle(client);
}

static void put_back(struct web_client *client, CURL *handle)
{
    pthread_mutex_lock(&client->lock);
    const bool is_kept = client->idle_count < IDLE_MAX;
    if (is_kept)
        client->idle[client->idle_count++] = handle;
    pthread_mutex_unlock(&client->lock);
    if (!is_kept)
        curl_easy_cleanup(handle);
}

/* --- A request -------------------------------------------------------------------------------- */

/* An answer that is being received. */
struct receipt {
    struct lv_buffer *body;
    size_t bytes_max;
    size_t header_bytes;
    const char *too_large; /* which part is; NULL: none */
    size_t too_large_bytes;
};

/* Notes that a part of the answer is longer than this, and makes libcurl give up. */
static size_t give_up(struct receipt *receipt, const char *part, size_t bytes_max)
{
    receipt->too_large = part;
    receipt->too_large_bytes = bytes_max;
    return 0;
}

static size_t receive_body(char *p, size_t size, size_t n, void *arg)
{
    struct receipt *receipt = arg;
    n *= size;
    if (n > receipt->bytes_max - receipt->body->n)
        return give_up(receipt, "the answer", receipt->bytes_max);
    lv_buffer_add(receipt->body, p, n);
    return n;
}

static size_t receive_header(char *p, size_t size, size_t n, void *arg)
{
    (void)p;
    struct receipt *receipt = arg;
    n *= size;
    receipt->header_bytes += n;
    if (receipt->header_bytes > HEADER_BYTES_MAX)
        return give_up(receipt, "the header of the answer", HEADER_BYTES_MAX);
    return n;
}

/* libcurl remembers the first cause alone, and the first thing it notices of a connection that the
 * server has reset is that it has no address any more. */
static bool is_cause(const char *cause)
{
    return cause[0] != '\0' && strncmp(cause, "getpeername()", strlen("getpeername()")) != 0;
}

static int error_of(CURLcode code, const struct receipt *receipt, const char *cause,
                    struct lv_buffer *reason)
{
    if (receipt->too_large != NULL) {
        lv_buffer_printf(reason, "%s is longer than %zu bytes", receipt->too_large,
                         receipt->too_large_bytes);
        return ERR_TOO_LARGE;
    }
    lv_buffer_printf(reason, "%s%s", is_cause(cause) ? cause : curl_easy_strerror(code),
                     lacks_certificate ? " (the server asks for a certificate, and none is set)"
                                       : "");
    if (code == CURLE_OPERATION_TIMEDOUT)
        return ERR_TIMED_OUT;
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return ERR_REFUSED;
    return code == CURLE_OUT_OF_MEMORY ? ERR_NO_MEMORY : ERR_IO;
}

static void follow_redirects(CURL *handle, const char *url)
{
    const bool is_secure = strncasecmp(url, "https://", 8) == 0;
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(handle, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, is_secure ? "https" : "http,https");
}

/* Sends the request of this handle, and makes the handle forget it. */
static int perform(CURL *handle, struct receipt *receipt, long *ret_status,
                   struct lv_buffer *reason)
{
    char cause[CURL_ERROR_SIZE] = "";
    lacks_certificate = false;
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, cause);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, receipt);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, receive_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, receipt);
    CURLcode code = curl_easy_perform(handle);
    if (code == CURLE_OK)
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, ret_status);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(handle, CURLOPT_URL, NULL);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, NULL);
    return code == CURLE_OK ? 0 : error_of(code, receipt, cause, reason);
}

static struct curl_slist *header_of(const char *content_type)
{
    char header[128];
    int n = snprintf(header, sizeof header, "Content-Type: %s", content_type);
    lv_assert(n > 0 && (size_t)n < sizeof header);
    return curl_slist_append(NULL, header);
}

int web_client_ask(struct web_client *client, const struct web_request *request, long *ret_status,
                   struct lv_buffer *ret_body, struct lv_buffer *reason)
{
    ret_body->n = 0;
    CURL *handle = take_handle(client);
    if (handle == NULL || curl_easy_setopt(handle, CURLOPT_URL, request->url) != CURLE_OK) {
        if (handle != NULL)
            put_back(client, handle);
        lv_buffer_printf(reason, "%s", lv_error_text(ERR_NO_MEMORY));
        return ERR_NO_MEMORY;
    }
    if (client->follows_redirects)
        follow_redirects(handle, request->url);
    struct curl_slist *headers = NULL;
    if (request->content_type != NULL) {
        headers = header_of(request->content_type);
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(handle, CURLOPT_POST, 1L);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request->body.p);
    } else {
        curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
    }
    struct receipt receipt = {.body = ret_body, .bytes_max = client->answer_bytes_max};
    int error = perform(handle, &receipt, ret_status, reason);
    curl_slist_free_all(headers);
    put_back(client, handle);
    return error;
}
