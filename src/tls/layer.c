/* A TLS stream. OpenSSL asks for bytes and gives bytes through a BIO, whose two buffers a thread
 * has once for all of its connections:
 *
 *   inner stream ─ read() ─> input ─> OpenSSL ─> the caller's buffer
 *   the caller's parts ─> OpenSSL ─> output ─ writev() ─> inner stream
 *
 * So one read of the socket may bring many records, and one write may carry many. What is left when
 * a call returns is kept in memory of the stream's own, which is rare:
 *
 *   (1) `unread`: input that is not decrypted. A caller with a buffer of NET_READ_BYTES never
 *       leaves any: INPUT_BYTES of records, and the one that OpenSSL holds in part, fit there.
 *   (2) `unsent`: records that the socket has not taken. `held` bytes of the caller's are in them;
 *       they count as taken when all of `unsent` is written. Until then nothing else of the
 *       caller's is encrypted.
 *
 * An idle stream has neither, nor OpenSSL's buffers of one record each way: the last record of a
 * call frees them (SSL_MODE_RELEASE_BUFFERS). The records before it keep them, so that all pass
 * through the same memory, which is in the processor's cache. SSL_free_buffers() would be simpler,
 * but versions of OpenSSL before 3.0.14 free a header with it that they use later. */
#include "tls/layer.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "tls/hello.h"
#include "tls/tls_private.h"

enum {
    RECORD_BYTES = SSL3_RT_MAX_PLAIN_LENGTH,
    /* What the records of RECORD_BYTES add: a client may ask for records of 512 bytes. */
    RECORD_OVERHEAD_MAX = 4096,
    INPUT_BYTES = NET_READ_BYTES - RECORD_BYTES - RECORD_OVERHEAD_MAX,
    /* Of the caller's, written at once: a message of 64 KiB and its header are below it. */
    BATCH_BYTES = 6 * RECORD_BYTES,
    OUTPUT_BYTES = 6 * (RECORD_BYTES + RECORD_OVERHEAD_MAX),
    UNSENT_BYTES_MAX = 2 * OUTPUT_BYTES,
    RECORDS_PER_KEY = 1 << 23, /* a key of AES-GCM is good for 2^24.5 (RFC 8446, 5.5) */
};

struct tls_stream {
    struct net_stream stream; /* first */
    struct net_stream *inner;
    SSL *ssl;
    struct tls_context *context; /* a reference */
    uint8_t *unread;
    size_t unread_n;
    uint8_t *unsent;
    size_t unsent_n;
    size_t held;
    uint32_t records;   /* written with the present key, about */
    bool is_inner_open; /* the inner stream's open() is complete */
    bool has_begun;     /* the peer has sent a byte */
    bool has_ended;     /* the inner stream's input has ended */
    struct tls_hello hello;
    struct net_tls facts;
};

/* --- the buffers of the thread ---------------------------------------------------------------- */

struct buffers {
    uint8_t input[INPUT_BYTES];
    uint8_t plain[RECORD_BYTES]; /* small parts that become one record */
    uint8_t output[OUTPUT_BYTES];
    size_t output_n;
    const uint8_t *in; /* what is left of the input, or of a stream's unread bytes */
    size_t in_n;
};

static _Thread_local struct buffers *here;
static pthread_key_t buffers_key; /* frees them when the thread ends */
static BIO_METHOD *bio_method;

static void buffers_create(void)
{
    here = lv_malloc(sizeof *here);
    here->output_n = 0;
    pthread_setspecific(buffers_key, here);
}

/* Begins a call: makes the stream's unread bytes the input. */
static void stream_enter(struct tls_stream *s)
{
    if (!here)
        buffers_create();
    lv_assert(here->output_n == 0);
    here->in = s->unread;
    here->in_n = s->unread_n;
    ERR_clear_error();
}

/* Makes OpenSSL keep its buffer after the next record, or free it if nothing is in it. */
static void keep_buffer(struct tls_stream *s, bool is_kept)
{
    if (is_kept)
        SSL_clear_mode(s->ssl, SSL_MODE_RELEASE_BUFFERS);
    else
        SSL_set_mode(s->ssl, SSL_MODE_RELEASE_BUFFERS);
}

/* Ends a call: keeps what is left of the input. */
static void stream_leave(struct tls_stream *s)
{
    uint8_t *left = NULL;
    if (here->in_n > 0)
        left = memcpy(lv_malloc(here->in_n), here->in, here->in_n);
    free(s->unread);
    s->unread = left;
    s->unread_n = here->in_n;
    s->stream.has_pending = here->in_n > 0 || SSL_pending(s->ssl) > 0;
    lv_assert(here->output_n == 0);
}

/* --- the socket's side ------------------------------------------------------------------------ */

static int wait_for_event(struct tls_stream *s, uint8_t event)
{
    s->stream.read_waits_for = event;
    return NET_WAIT;
}

/* Reads from the inner stream. Call only when the input is empty. Returns 0, also at the end of
 * input; NET_WAIT; or ERR_... */
static int stream_fill(struct tls_stream *s)
{
    size_t n = 0;
    lv_assert(here->in_n == 0);
    if (s->has_ended)
        return 0;
    int result = s->inner->calls->read(s->inner, here->input, INPUT_BYTES, &n);
    if (result != 0)
        return result;
    s->has_ended = n == 0;
    here->in = here->input;
    here->in_n = n;
    return 0;
}

/* Keeps what of the unsent bytes and of the output the inner stream has not taken. */
static int keep_unsent(struct tls_stream *s, size_t taken)
{
    size_t n = s->unsent_n + here->output_n - taken;
    size_t of_old = taken < s->unsent_n ? s->unsent_n - taken : 0;
    size_t of_output = n - of_old;
    if (n > UNSENT_BYTES_MAX)
        return lv_error_explain(ERR_TOO_LARGE, "the peer takes none of TLS's answers");
    uint8_t *kept = n > 0 ? lv_malloc(n) : NULL;
    if (of_old > 0)
        memcpy(kept, s->unsent + s->unsent_n - of_old, of_old);
    if (of_output > 0)
        memcpy(kept + of_old, here->output + here->output_n - of_output, of_output);
    free(s->unsent);
    s->unsent = kept;
    s->unsent_n = n;
    return n > 0 ? NET_WAIT : 0;
}

/* Writes the unsent bytes and the output. Returns 0 if all is written, NET_WAIT, or ERR_... */
static int stream_flush(struct tls_stream *s)
{
    const struct iovec parts[] = {{s->unsent, s->unsent_n}, {here->output, here->output_n}};
    size_t taken = 0;
    int first = s->unsent_n > 0 ? 0 : 1, result = 0;
    if (s->unsent_n + here->output_n == 0)
        return 0;
    result = s->inner->calls->writev(s->inner, parts + first, (here->output_n > 0 ? 2 : 1) - first,
                                     &taken);
    if (result >= 0)
        result =
            taken == s->unsent_n + here->output_n && s->unsent_n == 0 ? 0 : keep_unsent(s, taken);
    here->output_n = 0;
    return result;
}

/* --- OpenSSL's side --------------------------------------------------------------------------- */

static int bio_read(BIO *bio, char *to, int room)
{
    const struct tls_stream *s = BIO_get_data(bio);
    size_t n = here->in_n < (size_t)room ? here->in_n : (size_t)room;
    BIO_clear_retry_flags(bio);
    if (n == 0) {
        if (s->has_ended)
            return 0;
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(to, here->in, n);
    here->in += n;
    here->in_n -= n;
    return (int)n;
}

static int bio_write(BIO *bio, const char *from, int length)
{
    size_t room = OUTPUT_BYTES - here->output_n;
    size_t n = (size_t)length < room ? (size_t)length : room;
    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_write(bio);
        return -1;
    }
    memcpy(here->output + here->output_n, from, n);
    here->output_n += n;
    return (int)n;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    const struct tls_stream *s = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: return 1; /* stream_flush() follows */
    case BIO_CTRL_EOF: return s->has_ended && here->in_n == 0;
    default: return 0;
    }
}

static void set_up(void)
{
    int result = pthread_key_create(&buffers_key, free);
    lv_assert(result == 0);
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "leveret");
    lv_assert(bio_method != NULL);
    BIO_meth_set_read(bio_method, bio_read);
    BIO_meth_set_write(bio_method, bio_write);
    BIO_meth_set_ctrl(bio_method, bio_control);
}

/* --- the handshake ---------------------------------------------------------------------------- */

static int handshake_failed(const char *reason)
{
    return lv_error_explain(ERR_REFUSED, "TLS handshake failed: %s", reason);
}

/* Looks at what has come, before OpenSSL does. */
static int handshake_check(struct tls_stream *s)
{
    const char *foreign = s->has_begun ? NULL : tls_foreign_protocol(here->in, here->in_n);
    s->has_begun = true;
    if (foreign)
        return lv_error_explain(ERR_REFUSED,
                                "TLS handshake failed: the client speaks %s on a port "
                                "for TLS",
                                foreign);
    bool is_tls_1_2 = SSL_version(s->ssl) == TLS1_2_VERSION;
    if (!tls_hello_watch(&s->hello, here->in, here->in_n, is_tls_1_2))
        return handshake_failed("the client's first message is too large");
    return 0;
}

/* Reads more of the handshake. Returns 0, NET_WAIT, or ERR_... */
static int handshake_fill(struct tls_stream *s)
{
    int result = stream_fill(s);
    if (result == NET_WAIT)
        return wait_for_event(s, NET_READABLE);
    if (result == 0 && here->in_n > 0)
        return handshake_check(s);
    if (!s->has_begun)
        return lv_error_explain(ERR_CLOSED, "the client closed the connection before a TLS "
                                            "handshake");
    return handshake_failed("the client closed the connection in the middle of it, as some do that "
                            "do not trust the server's certificate");
}

/* Takes a step. Returns 0 if the handshake is complete, and all of it is written. */
static int handshake_step(struct tls_stream *s, bool *ret_again)
{
    int done = SSL_do_handshake(s->ssl);
    int error = SSL_get_error(s->ssl, done);
    bool has_failed = done != 1 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
    const char *reason = has_failed ? tls_handshake_reason(s->ssl) : NULL;
    int flushed = stream_flush(s); /* an alert, after a failure */
    *ret_again = false;
    if (has_failed)
        return handshake_failed(reason);
    if (flushed < 0)
        return handshake_failed("the client closed the connection in the middle of it");
    if (flushed == NET_WAIT)
        return wait_for_event(s, NET_WRITABLE);
    if (done == 1)
        return 0;
    *ret_again = true;
    return error == SSL_ERROR_WANT_READ && here->in_n == 0 ? handshake_fill(s) : 0;
}

static int handshake(struct tls_stream *s)
{
    bool is_again = true;
    int result = 0;
    while (result == 0 && is_again)
        result = handshake_step(s, &is_again);
    if (result != 0)
        return result;
    tls_describe(s->ssl, &s->facts);
    wait_for_event(s, NET_READABLE);
    return 0;
}

static int open_inner(struct tls_stream *s)
{
    int result = s->inner->calls->open ? s->inner->calls->open(s->inner) : 0;
    if (result == NET_WAIT)
        return wait_for_event(s, s->inner->read_waits_for);
    s->is_inner_open = result == 0;
    return result;
}

static int tls_open(struct net_stream *stream)
{
    struct tls_stream *s = (struct tls_stream *)stream;
    int result = s->is_inner_open ? 0 : open_inner(s);
    if (result != 0)
        return result;
    stream_enter(s);
    result = handshake(s);
    stream_leave(s);
    return result;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int read_failed(void)
{
    return lv_error_explain(ERR_FORMAT, "TLS: %s", tls_openssl_reason());
}

/* Decrypts records until the buffer is full or the input is used up. Returns 0, with *ret_ended set
 * if the peer has ended the stream, or ERR_... */
static int decrypt(struct tls_stream *s, uint8_t *p, size_t n, size_t *total, bool *ret_ended)
{
    *ret_ended = false;
    while (*total < n) {
        size_t got = 0;
        keep_buffer(s, here->in_n > 0);
        if (SSL_read_ex(s->ssl, p + *total, n - *total, &got) == 1) {
            *total += got;
            continue;
        }
        int error = SSL_get_error(s->ssl, 0);
        *ret_ended = error == SSL_ERROR_ZERO_RETURN;
        if (error == SSL_ERROR_WANT_READ || *ret_ended)
            return 0;
        if (error != SSL_ERROR_WANT_WRITE)
            return read_failed();
        int result = stream_flush(s); /* of answers to the peer, which keep_unsent() limits */
        if (result < 0)
            return result;
    }
    return 0;
}

static int read_once(struct tls_stream *s, uint8_t *p, size_t n, size_t *ret_bytes)
{
    bool has_ended;
    *ret_bytes = 0;
    int result = decrypt(s, p, n, ret_bytes, &has_ended);
    if (result != 0 || *ret_bytes > 0 || has_ended)
        return result;
    result = stream_fill(s);
    if (result == 0)
        result = decrypt(s, p, n, ret_bytes, &has_ended);
    if (result == 0 && *ret_bytes == 0 && !has_ended)
        return NET_WAIT;
    return result;
}

static int tls_read(struct net_stream *stream, uint8_t *p, size_t n, size_t *ret_bytes)
{
    struct tls_stream *s = (struct tls_stream *)stream;
    size_t bytes;
    stream_enter(s);
    int result = read_once(s, p, n, &bytes);
    int flushed = stream_flush(s); /* answers, and an alert after a failure */
    stream_leave(s);
    if (bytes > 0) /* an error is returned by the next call */
        result = 0;
    else if (result >= 0 && flushed == ERR_TOO_LARGE)
        result = flushed;
    if (result == 0)
        *ret_bytes = bytes;
    return result;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Where in the caller's parts the next byte is. */
struct cursor {
    const struct iovec *parts;
    int count;
    size_t at; /* in the first part */
};

static void cursor_skip(struct cursor *c, size_t n)
{
    while (c->count > 0 && n >= c->parts->iov_len - c->at) {
        n -= c->parts->iov_len - c->at;
        c->parts++;
        c->count--;
        c->at = 0;
    }
    lv_assert(c->count > 0 || n == 0);
    c->at += n;
}

/* Returns the next bytes, at most RECORD_BYTES, where they are if that is one place, else
 * collected. *ret is 0 at the end. */
static const uint8_t *cursor_take(struct cursor *c, size_t *ret)
{
    size_t n = 0;
    if (c->count > 0 && (c->count == 1 || c->parts->iov_len - c->at >= RECORD_BYTES)) {
        const uint8_t *p = (const uint8_t *)c->parts->iov_base + c->at;
        n = c->parts->iov_len - c->at;
        *ret = n < RECORD_BYTES ? n : RECORD_BYTES;
        cursor_skip(c, *ret);
        return p;
    }
    while (c->count > 0 && n < RECORD_BYTES) {
        size_t bytes = c->parts->iov_len - c->at;
        bytes = bytes < RECORD_BYTES - n ? bytes : RECORD_BYTES - n;
        memcpy(here->plain + n, (const uint8_t *)c->parts->iov_base + c->at, bytes);
        n += bytes;
        cursor_skip(c, bytes);
    }
    *ret = n;
    return here->plain;
}

/* TLS 1.3 can replace its keys; a connection of TLS 1.2 counts its records in 64 bits. */
static void renew_key(struct tls_stream *s)
{
    s->records = 0;
    if (SSL_version(s->ssl) == TLS1_3_VERSION)
        SSL_key_update(s->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
}

/* Encrypts up to BATCH_BYTES into the output, which is empty. Returns 0 with how many of the
 * caller's bytes these are, or ERR_... */
static int encrypt(struct tls_stream *s, struct cursor *c, size_t *ret_bytes)
{
    *ret_bytes = 0;
    while (*ret_bytes < BATCH_BYTES) {
        size_t n, written = 0;
        const uint8_t *p = cursor_take(c, &n);
        if (n == 0)
            return 0;
        if (++s->records == RECORDS_PER_KEY)
            renew_key(s);
        keep_buffer(s, c->count > 0 && *ret_bytes + n < BATCH_BYTES);
        if (SSL_write_ex(s->ssl, p, n, &written) != 1 || written != n)
            return lv_error_explain(ERR_IO, "TLS: %s", tls_openssl_reason());
        *ret_bytes += n;
    }
    return 0;
}

static int write_batches(struct tls_stream *s, struct cursor *c, size_t *ret_bytes)
{
    int result = stream_flush(s);
    if (result != 0)
        return result;
    *ret_bytes = s->held;
    cursor_skip(c, s->held);
    s->held = 0;
    while (c->count > 0) {
        size_t bytes;
        result = encrypt(s, c, &bytes);
        if (result == 0)
            result = stream_flush(s);
        if (result == NET_WAIT)
            s->held = bytes;
        if (result != 0)
            return result == NET_WAIT && *ret_bytes > 0 ? 0 : result;
        *ret_bytes += bytes;
    }
    return 0;
}

static int tls_writev(struct net_stream *stream, const struct iovec *parts, int count,
                      size_t *ret_bytes)
{
    struct tls_stream *s = (struct tls_stream *)stream;
    struct cursor c = {parts, count, 0};
    size_t bytes = 0;
    stream_enter(s);
    cursor_skip(&c, 0); /* empty parts */
    int result = write_batches(s, &c, &bytes);
    here->output_n = 0; /* after a failure */
    stream_leave(s);
    if (result == 0)
        *ret_bytes = bytes;
    return result;
}

/* --- the end ---------------------------------------------------------------------------------- */

static int tls_shutdown(struct net_stream *stream)
{
    struct tls_stream *s = (struct tls_stream *)stream;
    stream_enter(s);
    if (!(SSL_get_shutdown(s->ssl) & SSL_SENT_SHUTDOWN))
        SSL_shutdown(s->ssl);
    int result = stream_flush(s);
    stream_leave(s);
    return result != 0 ? result : s->inner->calls->shutdown(s->inner);
}

static void tls_close(struct net_stream *stream)
{
    struct tls_stream *s = (struct tls_stream *)stream;
    SSL_free(s->ssl); /* writes nothing */
    tls_context_unref(&s->context);
    s->inner->calls->close(s->inner);
    free(s->unread);
    free(s->unsent);
    free(s);
}

static void tls_peer(const struct net_stream *stream, struct net_peer *ret)
{
    const struct tls_stream *s = (const struct tls_stream *)stream;
    s->inner->calls->peer(s->inner, ret);
    ret->tls = s->facts.protocol ? &s->facts : NULL;
}

static const struct net_stream_calls tls_calls = {
    .open = tls_open,
    .read = tls_read,
    .writev = tls_writev,
    .shutdown = tls_shutdown,
    .close = tls_close,
    .peer = tls_peer,
};

struct net_stream *tls_stream_create(struct net_stream *inner, struct tls_context *context,
                                     uint32_t handshake_timeout_ms)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up);
    struct tls_stream *s = lv_calloc(1, sizeof *s);
    s->stream = (struct net_stream){
        .calls = &tls_calls,
        .fd = inner->fd,
        .read_waits_for = NET_READABLE,
        .write_waits_for = NET_WRITABLE,
        .open_limit_ms = handshake_timeout_ms,
    };
    s->inner = inner;
    s->context = context;
    s->ssl = SSL_new(context->ssl);
    BIO *bio = BIO_new(bio_method);
    lv_assert(s->ssl && bio);
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    SSL_set_bio(s->ssl, bio, bio);
    SSL_set_accept_state(s->ssl);
    SSL_set_app_data(s->ssl, context);
    return &s->stream;
}
