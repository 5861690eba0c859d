/* The TLS stream on one end of a socket pair, OpenSSL's client on the other. The client's bytes
 * pass through memory, so that a test decides in which pieces the server gets them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/net.h"
#include "pki.h"
#include "tls/tls_private.h"

struct world {
    struct tls_server *server;
    struct net_stream *stream; /* the server's end */
    int fd;                    /* the client's end */
    SSL_CTX *client_context;
    SSL *client;
    BIO *in, *out; /* of the client: bytes from the server, and to it */
    size_t piece;  /* how many of the client's bytes the server gets at once */
};

static void fail_on_report(void *arg, enum log_level level, const char *key, const char *text)
{
    (void)arg;
    (void)level;
    fail_msg("%s: %s", key, text);
}

static struct tls_settings settings_plain(void)
{
    return (struct tls_settings){
        .certfile = lv_strdup(pki_path(&pki, "server.pem")),
        .keyfile = lv_strdup(pki_path(&pki, "server.key")),
        .cacertfile = lv_strdup(pki_path(&pki, "ca.pem")),
        .password = "",
        .crlfile = "",
        .dhfile = "",
        .depth = 1,
        .versions = TLS_1_2 | TLS_1_3,
        .reuses_sessions = true,
    };
}

static void settings_free(struct tls_settings *settings)
{
    free((char *)settings->certfile);
    free((char *)settings->keyfile);
    free((char *)settings->cacertfile);
}

static struct tls_server *server_of(const struct tls_settings *settings)
{
    struct tls_context *context;
    struct tls_server *server = tls_server_create();
    assert_int_equal(tls_context_create(settings, fail_on_report, NULL, &context), 0);
    tls_server_use(server, context, 5000);
    tls_context_unref(&context);
    return server;
}

/* Connects a client to the server. */
static void world_connect(struct world *w)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    w->fd = fds[1];
    w->stream = net_stream_plain(fds[0]);
    assert_int_equal(tls_server_layer(w->server, &w->stream), 0);
    w->client = SSL_new(w->client_context);
    w->in = BIO_new(BIO_s_mem());
    w->out = BIO_new(BIO_s_mem());
    SSL_set_bio(w->client, w->in, w->out);
    SSL_set_connect_state(w->client);
}

static void world_begin(struct world *w, const struct tls_settings *settings)
{
    *w = (struct world){.piece = SIZE_MAX};
    w->server = server_of(settings);
    w->client_context = SSL_CTX_new(TLS_client_method());
    world_connect(w);
}

static void world_disconnect(struct world *w)
{
    w->stream->calls->close(w->stream);
    SSL_set_shutdown(w->client, SSL_SENT_SHUTDOWN); /* or it forgets its ticket */
    SSL_free(w->client);
    close(w->fd);
}

static void world_end(struct world *w)
{
    world_disconnect(w);
    SSL_CTX_free(w->client_context);
    tls_server_free(&w->server);
}

/* Sends the next piece of what the client has for the server. Returns false if it has nothing. */
static bool client_send(struct world *w)
{
    char bytes[70000];
    size_t room = w->piece < sizeof bytes ? w->piece : sizeof bytes;
    int n = BIO_read(w->out, bytes, (int)room);
    if (n <= 0)
        return false;
    assert_int_equal(send(w->fd, bytes, (size_t)n, MSG_NOSIGNAL), n);
    return true;
}

/* Gives the client what the server has sent. Returns how many bytes. */
static size_t client_receive(struct world *w)
{
    char bytes[70000];
    ssize_t n = recv(w->fd, bytes, sizeof bytes, 0);
    if (n <= 0)
        return 0;
    assert_int_equal(BIO_write(w->in, bytes, (int)n), n);
    return (size_t)n;
}

/* Shakes hands. Returns what the server's open() returned last: 0 or an error. */
static int handshake(struct world *w)
{
    int result = NET_WAIT;
    for (unsigned turn = 0; turn < 200000; turn++) {
        SSL_do_handshake(w->client);
        bool has_sent = client_send(w);
        if (result == NET_WAIT)
            result = w->stream->calls->open(w->stream);
        bool has_got = client_receive(w) > 0;
        if (result < 0 || (!has_sent && !has_got && result == 0 && SSL_is_init_finished(w->client)))
            return result;
    }
    fail_msg("the handshake does not end");
    return 0;
}

static void fill(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 31 + i / 251);
}

/* The client sends n bytes, and the server reads them, at most `room` at once. */
static void check_to_server(struct world *w, size_t n, size_t room)
{
    uint8_t *sent = lv_malloc(n), *got = lv_malloc(n + room);
    size_t at = 0;
    fill(sent, n);
    assert_int_equal(SSL_write(w->client, sent, (int)n), (int)n);
    while (at < n) {
        size_t bytes = 0;
        bool has_sent = client_send(w);
        int result;
        do {
            result = w->stream->calls->read(w->stream, got + at, room, &bytes);
            if (result == 0)
                at += bytes;
            assert_true(result == 0 || result == NET_WAIT);
        } while (result == 0 && w->stream->has_pending);
        assert_true(has_sent || result == 0 || at == n);
        assert_true(at <= n);
    }
    assert_memory_equal(sent, got, n);
    assert_false(w->stream->has_pending);
    free(sent);
    free(got);
}

/* The server writes n bytes in parts of `part`, as net/ does: what is not taken is presented
 * again. */
static void check_to_client(struct world *w, size_t n, size_t part)
{
    enum { PARTS_MAX = 64 };
    uint8_t *sent = lv_malloc(n), *got = lv_malloc(n);
    size_t taken = 0, at = 0;
    fill(sent, n);
    while (at < n) {
        struct iovec parts[PARTS_MAX];
        int count = 0;
        for (size_t from = taken; from < n && count < PARTS_MAX; from += part, count++)
            parts[count] = (struct iovec){sent + from, part < n - from ? part : n - from};
        size_t bytes = 0;
        if (count > 0) {
            int result = w->stream->calls->writev(w->stream, parts, count, &bytes);
            assert_true(result == 0 || result == NET_WAIT);
            taken += bytes;
        }
        client_receive(w);
        int got_now;
        while (at < n && (got_now = SSL_read(w->client, got + at, (int)(n - at))) > 0)
            at += (size_t)got_now;
    }
    assert_int_equal(taken, n);
    assert_memory_equal(sent, got, n);
    free(sent);
    free(got);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void bytes_pass_both_ways_in_every_version(void **state)
{
    static const unsigned versions[] = {TLS_1_2, TLS_1_3};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct tls_settings settings = settings_plain();
        struct world w;
        settings.versions = versions[i];
        world_begin(&w, &settings);
        assert_int_equal(handshake(&w), 0);
        check_to_server(&w, 1, NET_READ_BYTES);
        check_to_server(&w, 300000, NET_READ_BYTES);
        check_to_client(&w, 1, 1);
        check_to_client(&w, 1000000, 100000);
        check_to_client(&w, 50000, 700);
        assert_string_equal(SSL_get_version(w.client), i == 0 ? "TLSv1.2" : "TLSv1.3");
        world_end(&w);
        settings_free(&settings);
    }
}

static void a_client_may_send_everything_byte_by_byte(void **state)
{
    struct tls_settings settings = settings_plain();
    struct world w;
    (void)state;
    world_begin(&w, &settings);
    w.piece = 1;
    assert_int_equal(handshake(&w), 0);
    check_to_server(&w, 3000, NET_READ_BYTES);
    world_end(&w);
    settings_free(&settings);
}

static void a_reader_with_little_room_gets_everything_in_order(void **state)
{
    struct tls_settings settings = settings_plain();
    struct world w;
    (void)state;
    world_begin(&w, &settings);
    assert_int_equal(handshake(&w), 0);
    check_to_server(&w, 200000, 1000);
    w.piece = 3333;
    check_to_server(&w, 200000, 17);
    world_end(&w);
    settings_free(&settings);
}

static void a_slow_client_gets_everything_in_order(void **state)
{
    struct tls_settings settings = settings_plain();
    struct world w;
    int small = 4096;
    (void)state;
    world_begin(&w, &settings);
    setsockopt(w.stream->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    assert_int_equal(handshake(&w), 0);
    check_to_client(&w, 500000, 3000);
    check_to_client(&w, 500000, 40000);
    world_end(&w);
    settings_free(&settings);
}

static void a_client_that_wants_small_records_gets_them(void **state)
{
    struct tls_settings settings = settings_plain();
    struct world w;
    (void)state;
    world_begin(&w, &settings);
    SSL_set_tlsext_max_fragment_length(w.client, TLSEXT_max_fragment_length_512);
    assert_int_equal(handshake(&w), 0);
    check_to_client(&w, 300000, 50000);
    world_end(&w);
    settings_free(&settings);
}

static void the_end_of_the_clients_stream_is_the_end_of_input(void **state)
{
    struct tls_settings settings = settings_plain();
    uint8_t byte;
    (void)state;
    for (unsigned is_polite = 0; is_polite < 2; is_polite++) {
        struct world w;
        size_t n = 7;
        world_begin(&w, &settings);
        assert_int_equal(handshake(&w), 0);
        if (is_polite) {
            SSL_shutdown(w.client);
            client_send(&w);
        } else {
            shutdown(w.fd, SHUT_WR);
        }
        assert_int_equal(w.stream->calls->read(w.stream, &byte, 1, &n), 0);
        assert_int_equal(n, 0);
        world_end(&w);
    }
    settings_free(&settings);
}

static void the_client_is_told_that_nothing_more_follows(void **state)
{
    struct tls_settings settings = settings_plain();
    struct world w;
    char byte;
    (void)state;
    world_begin(&w, &settings);
    assert_int_equal(handshake(&w), 0);
    check_to_client(&w, 10, 10);
    assert_int_equal(w.stream->calls->shutdown(w.stream), 0);
    client_receive(&w);
    assert_int_equal(SSL_read(w.client, &byte, 1), 0);
    assert_int_equal(SSL_get_error(w.client, 0), SSL_ERROR_ZERO_RETURN);
    world_end(&w);
    settings_free(&settings);
}

static void bytes_that_are_damaged_on_the_way_end_the_connection(void **state)
{
    struct tls_settings settings = settings_plain();
    struct world w;
    char bytes[200];
    uint8_t got[1000];
    size_t n;
    (void)state;
    world_begin(&w, &settings);
    assert_int_equal(handshake(&w), 0);
    SSL_write(w.client, "hello", 5);
    int sent = BIO_read(w.out, bytes, sizeof bytes);
    bytes[sent - 1] ^= 1;
    assert_int_equal(send(w.fd, bytes, (size_t)sent, 0), sent);
    assert_int_equal(w.stream->calls->read(w.stream, got, sizeof got, &n), ERR_FORMAT);
    world_end(&w);
    settings_free(&settings);
}

/* Sends what is no TLS, and checks what the handshake's error says. */
static void check_foreign(const char *bytes, size_t n, int error, const char *reason)
{
    struct tls_settings settings = settings_plain();
    struct world w;
    world_begin(&w, &settings);
    if (n > 0)
        assert_int_equal(send(w.fd, bytes, n, 0), (ssize_t)n);
    shutdown(w.fd, SHUT_WR);
    int result = NET_WAIT;
    for (unsigned i = 0; i < 3 && result == NET_WAIT; i++)
        result = w.stream->calls->open(w.stream);
    assert_int_equal(result, error);
    assert_non_null(strstr(lv_error_reason(result), reason));
    world_end(&w);
    settings_free(&settings);
}

static void what_is_no_tls_is_refused_by_name(void **state)
{
    (void)state;
    check_foreign("AMQP\0\0\x09\x01", 8, ERR_REFUSED, "the client speaks AMQP without TLS");
    check_foreign("GET / HTTP/1.1\r\n", 16, ERR_REFUSED, "HTTP without TLS");
    check_foreign("\x16\x03\x01", 3, ERR_REFUSED, "in the middle of it");
    check_foreign("\x16\x03\x01\x00\x05hello", 10, ERR_REFUSED, "TLS handshake failed");
    check_foreign("\x16\x03\x01\x00\x04\x01\x02\x00\x00", 9, ERR_REFUSED,
                  "the client's first message is too large");
    check_foreign("", 0, ERR_CLOSED, "before a TLS handshake");
}

static void a_client_without_a_common_version_is_refused(void **state)
{
    struct tls_settings settings = settings_plain();
    struct world w;
    (void)state;
    settings.versions = TLS_1_3;
    world_begin(&w, &settings);
    SSL_set_max_proto_version(w.client, TLS1_2_VERSION);
    assert_int_equal(handshake(&w), ERR_REFUSED);
    assert_non_null(strstr(lv_error_reason(ERR_REFUSED), "no common protocol version"));
    world_end(&w);
    settings_free(&settings);
}

static void a_client_cannot_choose_a_group_that_costs_much(void **state)
{
    struct tls_settings settings = settings_plain();
    struct world w;
    (void)state;
    settings.versions = TLS_1_3;
    world_begin(&w, &settings);
    assert_int_equal(SSL_set1_groups_list(w.client, "ffdhe8192"), 1);
    assert_int_equal(handshake(&w), ERR_REFUSED);
    world_end(&w);
    settings_free(&settings);
}

static void give_client_certificate(struct world *w, X509 *certificate, EVP_PKEY *key)
{
    assert_int_equal(SSL_use_certificate(w->client, certificate), 1);
    assert_int_equal(SSL_use_PrivateKey(w->client, key), 1);
}

static void a_client_must_have_a_certificate_of_our_ca_if_that_is_asked_for(void **state)
{
    struct tls_settings settings = settings_plain();
    EVP_PKEY *other_key = pki_key();
    X509 *other = pki_certificate("other", other_key, NULL, NULL, -100, 10000);
    (void)state;
    settings.verifies_peer = settings.requires_certificate = true;
    for (unsigned i = 0; i < 3; i++) {
        struct world w;
        struct net_peer peer;
        static const char *const reasons[] = {"the client sent no certificate", "CN=other", ""};
        world_begin(&w, &settings);
        if (i == 1)
            give_client_certificate(&w, other, other_key);
        if (i == 2)
            give_client_certificate(&w, pki.client, pki.client_key);
        assert_int_equal(handshake(&w), i < 2 ? ERR_REFUSED : 0);
        if (i < 2)
            assert_non_null(strstr(lv_error_reason(ERR_REFUSED), reasons[i]));
        w.stream->calls->peer(w.stream, &peer);
        assert_true((peer.tls && peer.tls->certificate) == (i == 2));
        world_end(&w);
    }
    X509_free(other);
    EVP_PKEY_free(other_key);
    settings_free(&settings);
}

static void a_peer_knows_what_its_encryption_is_called(void **state)
{
    static const struct {
        const char *cipher; /* of TLS 1.2; NULL: TLS 1.3 */
        struct net_tls tls;
    } cases[] = {
        {NULL, {"tlsv1.3", "any", "aes_256_gcm", "aead", NULL}},
        {"ECDHE-ECDSA-AES128-GCM-SHA256", {"tlsv1.2", "ecdhe_ecdsa", "aes_128_gcm", "aead", NULL}},
        {"ECDHE-ECDSA-AES256-SHA384", {"tlsv1.2", "ecdhe_ecdsa", "aes_256_cbc", "sha384", NULL}},
        {"ECDHE-ECDSA-CHACHA20-POLY1305",
         {"tlsv1.2", "ecdhe_ecdsa", "chacha20_poly1305", "aead", NULL}},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tls_settings settings = settings_plain();
        struct world w;
        struct net_peer peer;
        if (cases[i].cipher) {
            settings.versions = TLS_1_2;
            settings.ciphers = &cases[i].cipher;
            settings.cipher_count = 1;
        }
        world_begin(&w, &settings);
        w.stream->calls->peer(w.stream, &peer);
        assert_null(peer.tls);
        assert_int_equal(handshake(&w), 0);
        w.stream->calls->peer(w.stream, &peer);
        assert_string_equal(peer.tls->protocol, cases[i].tls.protocol);
        assert_string_equal(peer.tls->key_exchange, cases[i].tls.key_exchange);
        assert_string_equal(peer.tls->cipher, cases[i].tls.cipher);
        assert_string_equal(peer.tls->hash, cases[i].tls.hash);
        assert_null(peer.tls->certificate);
        world_end(&w);
        settings_free(&settings);
    }
}

static void the_servers_order_of_ciphers_decides_if_that_is_set(void **state)
{
    static const struct {
        unsigned version;
        bool honors;
        const char *ciphers; /* of the client */
        const char *chosen;
    } cases[] = {
        {TLS_1_3, true, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256", "aes_128_gcm"},
        {TLS_1_3, false, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256", "aes_256_gcm"},
        {TLS_1_3, true, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", "chacha20_poly1305"},
        {TLS_1_3, true, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256", "aes_256_gcm"},
        {TLS_1_2, true, "ECDHE+AES256:ECDHE+AESGCM", "aes_128_gcm"},
        {TLS_1_2, false, "ECDHE+AES256:ECDHE+AESGCM", "aes_256_gcm"},
        {TLS_1_2, true, "ECDHE+CHACHA20:ECDHE+AESGCM", "chacha20_poly1305"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tls_settings settings = settings_plain();
        struct world w;
        struct net_peer peer;
        settings.versions = cases[i].version;
        settings.honors_cipher_order = cases[i].honors;
        world_begin(&w, &settings);
        if (cases[i].version == TLS_1_3)
            SSL_set_ciphersuites(w.client, cases[i].ciphers);
        else
            SSL_set_cipher_list(w.client, cases[i].ciphers);
        SSL_set_max_proto_version(w.client,
                                  cases[i].version == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
        assert_int_equal(handshake(&w), 0);
        w.stream->calls->peer(w.stream, &peer);
        assert_string_equal(peer.tls->cipher, cases[i].chosen);
        world_end(&w);
        settings_free(&settings);
    }
}

/* Shakes hands and returns the ticket that the client gets. */
static SSL_SESSION *first_session(struct world *w)
{
    assert_int_equal(handshake(w), 0);
    check_to_client(w, 10, 10);
    return SSL_get1_session(w->client);
}

/* Connects again with the ticket. Returns whether the server took it. */
static bool session_is_resumed(struct world *w, SSL_SESSION *session)
{
    world_disconnect(w);
    world_connect(w);
    SSL_set_session(w->client, session);
    assert_int_equal(handshake(w), 0);
    check_to_client(w, 10, 10);
    return SSL_session_reused(w->client) == 1;
}

static void a_client_comes_back_with_a_ticket_until_the_context_is_replaced(void **state)
{
    static const unsigned versions[] = {TLS_1_2, TLS_1_3};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct tls_settings settings = settings_plain();
        struct world w;
        struct tls_context *context;
        settings.versions = versions[i];
        world_begin(&w, &settings);
        SSL_CTX_set_session_cache_mode(w.client_context, SSL_SESS_CACHE_CLIENT);
        SSL_SESSION *session = first_session(&w);
        for (unsigned times = 0; times < 3; times++) {
            assert_true(session_is_resumed(&w, session));
            SSL_SESSION_free(session);
            session = SSL_get1_session(w.client); /* of TLS 1.3: a ticket is used once */
        }
        assert_int_equal(tls_context_create(&settings, fail_on_report, NULL, &context), 0);
        tls_server_use(w.server, context, 5000);
        tls_context_unref(&context);
        check_to_client(&w, 1000, 1000); /* the old connection goes on */
        assert_false(session_is_resumed(&w, session));
        SSL_SESSION_free(session);
        world_end(&w);
        settings_free(&settings);
    }
}

/* The server is told to check no dates, so that the full handshake accepts the certificate. */
static void a_ticket_ends_with_the_clients_certificate(void **state)
{
    static const unsigned versions[] = {TLS_1_2, TLS_1_3};
    X509 *expired = pki_certificate("client", pki.client_key, pki.ca, pki.ca_key, -100, -50);
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct tls_settings settings = settings_plain();
        struct world w;
        bool is_expired = i >= 2;
        settings.versions = versions[i % 2];
        settings.verifies_peer = settings.requires_certificate = true;
        world_begin(&w, &settings);
        struct tls_context *context = tls_server_context(w.server);
        X509_STORE_set_flags(SSL_CTX_get_cert_store(context->ssl), X509_V_FLAG_NO_CHECK_TIME);
        tls_context_unref(&context);
        give_client_certificate(&w, is_expired ? expired : pki.client, pki.client_key);
        SSL_SESSION *session = first_session(&w);
        world_disconnect(&w);
        world_connect(&w);
        SSL_set_session(w.client, session);
        give_client_certificate(&w, is_expired ? expired : pki.client, pki.client_key);
        assert_int_equal(handshake(&w), 0);
        check_to_client(&w, 10, 10);
        assert_int_equal(SSL_session_reused(w.client), !is_expired);
        SSL_SESSION_free(session);
        world_end(&w);
        settings_free(&settings);
    }
    X509_free(expired);
}

static void no_tickets_are_given_out_if_that_is_set(void **state)
{
    struct tls_settings settings = settings_plain();
    struct world w;
    (void)state;
    settings.reuses_sessions = false;
    world_begin(&w, &settings);
    SSL_SESSION *session = first_session(&w);
    assert_false(SSL_SESSION_has_ticket(session));
    assert_false(session_is_resumed(&w, session));
    SSL_SESSION_free(session);
    world_end(&w);
    settings_free(&settings);
}

static void a_host_that_the_client_asks_for_has_its_own_certificate(void **state)
{
    static const struct {
        const char *asked;
        const char *common_name;
    } cases[] = {{"a.example", "CN = host"},      {"A.Example", "CN = host"},
                 {"x.wild.example", "CN = host"}, {"x.y.wild.example", "CN = server"},
                 {"b.example", "CN = server"},    {NULL, "CN = server"}};
    struct tls_settings settings = settings_plain();
    EVP_PKEY *key = pki_key();
    X509 *certificate = pki_certificate("host", key, pki.ca, pki.ca_key, -100, 9000000);
    (void)state;
    pki_write_certificates(&pki, "host.pem", certificate, NULL, NULL);
    pki_write_key(&pki, "host.key", key, NULL);
    char *certfile = lv_strdup(pki_path(&pki, "host.pem"));
    char *keyfile = lv_strdup(pki_path(&pki, "host.key"));
    const struct tls_host hosts[] = {{"a.example", certfile, keyfile, ""},
                                     {"*.wild.example", certfile, keyfile, ""}};
    settings.hosts = hosts;
    settings.host_count = 2;
    settings.verifies_peer = settings.requires_certificate = true;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        char name[200];
        world_begin(&w, &settings);
        give_client_certificate(&w, pki.client, pki.client_key);
        if (cases[i].asked)
            SSL_set_tlsext_host_name(w.client, cases[i].asked);
        assert_int_equal(handshake(&w), 0);
        X509 *shown = SSL_get1_peer_certificate(w.client);
        BIO *out = BIO_new(BIO_s_mem());
        X509_NAME_print_ex(out, X509_get_subject_name(shown), 0, XN_FLAG_ONELINE);
        int n = BIO_read(out, name, sizeof name - 1);
        name[n] = '\0';
        assert_non_null(strstr(name, cases[i].common_name));
        BIO_free(out);
        X509_free(shown);
        world_end(&w);
    }
    free(certfile);
    free(keyfile);
    X509_free(certificate);
    EVP_PKEY_free(key);
    settings_free(&settings);
}

static void a_client_cannot_renegotiate(void **state)
{
    struct tls_settings settings = settings_plain();
    struct world w;
    uint8_t got[100];
    size_t n;
    (void)state;
    settings.versions = TLS_1_2;
    world_begin(&w, &settings);
    assert_int_equal(handshake(&w), 0);
    assert_int_equal(SSL_renegotiate(w.client), 1);
    SSL_do_handshake(w.client);
    client_send(&w);
    assert_int_equal(w.stream->calls->read(w.stream, got, sizeof got, &n), NET_WAIT);
    client_receive(&w);
    assert_int_equal(SSL_do_handshake(w.client), -1); /* told no_renegotiation */
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    ERR_clear_error();
    world_end(&w);
    settings_free(&settings);
}

static void without_a_context_every_connection_is_refused(void **state)
{
    struct tls_server *server = tls_server_create();
    struct net_stream *stream = net_stream_plain(open("/dev/null", O_RDWR));
    (void)state;
    assert_int_equal(tls_server_layer(server, &stream), ERR_REFUSED);
    stream->calls->close(stream);
    tls_server_free(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_pass_both_ways_in_every_version),
        cmocka_unit_test(a_client_may_send_everything_byte_by_byte),
        cmocka_unit_test(a_reader_with_little_room_gets_everything_in_order),
        cmocka_unit_test(a_slow_client_gets_everything_in_order),
        cmocka_unit_test(a_client_that_wants_small_records_gets_them),
        cmocka_unit_test(the_end_of_the_clients_stream_is_the_end_of_input),
        cmocka_unit_test(the_client_is_told_that_nothing_more_follows),
        cmocka_unit_test(bytes_that_are_damaged_on_the_way_end_the_connection),
        cmocka_unit_test(what_is_no_tls_is_refused_by_name),
        cmocka_unit_test(a_client_without_a_common_version_is_refused),
        cmocka_unit_test(a_client_cannot_choose_a_group_that_costs_much),
        cmocka_unit_test(a_client_must_have_a_certificate_of_our_ca_if_that_is_asked_for),
        cmocka_unit_test(a_peer_knows_what_its_encryption_is_called),
        cmocka_unit_test(the_servers_order_of_ciphers_decides_if_that_is_set),
        cmocka_unit_test(a_client_comes_back_with_a_ticket_until_the_context_is_replaced),
        cmocka_unit_test(a_ticket_ends_with_the_clients_certificate),
        cmocka_unit_test(no_tickets_are_given_out_if_that_is_set),
        cmocka_unit_test(a_host_that_the_client_asks_for_has_its_own_certificate),
        cmocka_unit_test(a_client_cannot_renegotiate),
        cmocka_unit_test(without_a_context_every_connection_is_refused),
    };
    return cmocka_run_group_tests(tests, pki_set_up, pki_tear_down);
}
