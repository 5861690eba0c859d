#include "backends/ldap/ldap_connection.h"

#include <ctype.h>
#include <errno.h>
#include <ldap.h>
#include <openldap.h>
#include <stdlib.h>
#include <string.h>

#include "backends/ldap/ldap_stream.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

enum {
    MESSAGE_BYTES_MAX = 1 << 20, /* of one answer */
    ENTRIES_MAX = 10000,         /* of one search, */
    ENTRIES_BYTES_MAX = 8 << 20, /* and their size together */
    VALUES_MAX = 10000,          /* of one attribute */
    DIAGNOSTIC_BYTES_MAX = 200,  /* of a server's own words */
};

struct ldap_connection {
    LDAP *ld;
    struct ldap_stream *stream;
    uint64_t deadline_ms;
};

/* --- libldap's way to the stream -------------------------------------------------------------- */

static int io_setup(Sockbuf_IO_Desc *io, void *arg)
{
    io->sbiod_pvt = arg;
    return 0;
}

static int io_remove(Sockbuf_IO_Desc *io)
{
    (void)io;
    return 0;
}

static int io_control(Sockbuf_IO_Desc *io, int option, void *arg)
{
    (void)arg;
    return option == LBER_SB_OPT_DATA_READY && ldap_stream_has_bytes(io->sbiod_pvt);
}

static ber_slen_t io_read(Sockbuf_IO_Desc *io, void *p, ber_len_t n)
{
    return ldap_stream_read(io->sbiod_pvt, p, n);
}

static ber_slen_t io_write(Sockbuf_IO_Desc *io, void *p, ber_len_t n)
{
    return ldap_stream_write(io->sbiod_pvt, p, n);
}

/* The stream is closed by ldap_connection_close(). */
static int io_close(Sockbuf_IO_Desc *io)
{
    (void)io;
    return 0;
}

static Sockbuf_IO stream_io = {io_setup, io_remove, io_control, io_read, io_write, io_close};

/* Puts libldap onto the stream. The options that a machine's ldap.conf or the environment can set
 * are set here. */
static int attach(struct ldap_connection *c)
{
    static const int version = LDAP_VERSION3, no_limit = LDAP_NO_LIMIT, deref = LDAP_DEREF_ALWAYS;
    ber_len_t bytes_max = MESSAGE_BYTES_MAX;
    Sockbuf *sockbuf = NULL;
    if (ldap_init_fd(ldap_stream_descriptor(c->stream), LDAP_PROTO_EXT, NULL, &c->ld) !=
        LDAP_SUCCESS)
        return ERR_NO_MEMORY;
    ldap_set_option(c->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
    ldap_set_option(c->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
    ldap_set_option(c->ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
    ldap_set_option(c->ld, LDAP_OPT_DEREF, &deref);
    ldap_set_option(c->ld, LDAP_OPT_SIZELIMIT, &no_limit);
    ldap_set_option(c->ld, LDAP_OPT_TIMELIMIT, &no_limit);
    ldap_get_option(c->ld, LDAP_OPT_SOCKBUF, &sockbuf);
    lv_assert(sockbuf);
    ber_sockbuf_ctrl(sockbuf, LBER_SB_OPT_SET_MAX_INCOMING, &bytes_max);
    ber_sockbuf_add_io(sockbuf, &stream_io, LBER_SBIOD_LEVEL_PROVIDER, c->stream);
    return 0;
}

/* --- Answers ---------------------------------------------------------------------------------- */

static struct timeval time_left(const struct ldap_connection *c)
{
    uint64_t now = clock_up_ms();
    uint64_t left = now < c->deadline_ms ? c->deadline_ms - now : 0;
    return (struct timeval){(time_t)(left / 1000), (suseconds_t)(left % 1000 * 1000)};
}

/* Says why libldap could not send or receive. */
static void say_why_not(struct ldap_connection *c, struct lv_buffer *reason)
{
    int code = LDAP_OTHER;
    if (clock_up_ms() >= c->deadline_ms) {
        lv_buffer_printf(reason, "no answer within the time limit");
        return;
    }
    ldap_get_option(c->ld, LDAP_OPT_RESULT_CODE, &code);
    lv_buffer_printf(reason, "%s", ldap_err2string(code));
}

/* Waits for the next message that belongs to the request. Returns its type, with the message in
 * *ret, which the caller frees; or -1 with the reason appended. */
static int wait_for_message(struct ldap_connection *c, int id, LDAPMessage **ret,
                            struct lv_buffer *reason)
{
    struct timeval left = time_left(c);
    int type = ldap_result(c->ld, id, LDAP_MSG_ONE, &left, ret);
    if (type > 0)
        return type;
    if (type == 0)
        lv_buffer_printf(reason, "no answer within the time limit");
    else
        say_why_not(c, reason);
    ldap_abandon_ext(c->ld, id, NULL, NULL);
    return -1;
}

/* Reads the result that ends a request, and frees the message. Appends what the server says to
 * `words` if it is not a success. */
static int read_result(struct ldap_connection *c, LDAPMessage *message, struct lv_buffer *words)
{
    char *diagnostic = NULL;
    int code = LDAP_OTHER;
    int err = ldap_parse_result(c->ld, message, &code, NULL, &diagnostic, NULL, NULL, 1);
    if (err != LDAP_SUCCESS)
        code = err;
    if (code != LDAP_SUCCESS) {
        lv_buffer_printf(words, "%s", ldap_err2string(code));
        if (diagnostic && diagnostic[0])
            lv_buffer_printf(words, " (%.*s)", DIAGNOSTIC_BYTES_MAX, diagnostic);
    }
    ldap_memfree(diagnostic);
    return code;
}

/* --- Opening ---------------------------------------------------------------------------------- */

static int start_tls(struct ldap_connection *c, const struct ldap_endpoint *e,
                     struct lv_buffer *reason)
{
    const char *name = e->server_name ? e->server_name : e->host;
    return ldap_stream_start_tls(c->stream, e->context, e->host,
                                 strcmp(name, "none") == 0 ? NULL : name, reason);
}

/* Asks the server whether TLS may begin. What the server has sent before TLS is not read later:
 * libldap reads exactly one message from the stream, and what follows goes to OpenSSL. */
static int ask_for_tls(struct ldap_connection *c, struct lv_buffer *reason)
{
    LDAPMessage *message;
    int id;
    if (ldap_extended_operation(c->ld, LDAP_EXOP_START_TLS, NULL, NULL, NULL, &id) !=
        LDAP_SUCCESS) {
        say_why_not(c, reason);
        return ERR_IO;
    }
    int type = wait_for_message(c, id, &message, reason);
    if (type < 0)
        return ERR_IO;
    size_t before = reason->n;
    lv_buffer_printf(reason, "the server refuses StartTLS: ");
    if (type != LDAP_RES_EXTENDED) {
        ldap_msgfree(message);
        lv_buffer_printf(reason, "its answer is not one");
        return ERR_FORMAT;
    }
    if (read_result(c, message, reason) != LDAP_SUCCESS)
        return ERR_REFUSED;
    reason->n = before;
    return 0;
}

int ldap_connection_open(const struct ldap_endpoint *endpoint, uint64_t deadline_ms,
                         struct ldap_connection **ret, struct lv_buffer *reason)
{
    struct ldap_connection *c = lv_calloc(1, sizeof *c);
    c->deadline_ms = deadline_ms;
    int err = ldap_stream_connect(endpoint->host, endpoint->port, deadline_ms, &c->stream, reason);
    if (err == 0 && endpoint->encryption == LDAP_TLS)
        err = start_tls(c, endpoint, reason);
    if (err == 0)
        err = attach(c);
    if (err == 0 && endpoint->encryption == LDAP_STARTTLS) {
        err = ask_for_tls(c, reason);
        if (err == 0)
            err = start_tls(c, endpoint, reason);
    }
    if (err < 0)
        ldap_connection_close(&c);
    else
        *ret = c;
    return err;
}

void ldap_connection_close(struct ldap_connection **connection)
{
    struct ldap_connection *c = *connection;
    *connection = NULL;
    if (!c)
        return;
    if (c->stream)
        ldap_stream_set_deadline(c->stream, 0); /* the goodbye is sent at once, or not */
    if (c->ld)
        ldap_unbind_ext(c->ld, NULL, NULL);
    ldap_stream_free(&c->stream);
    free(c);
}

void ldap_connection_set_deadline(struct ldap_connection *connection, uint64_t deadline_ms)
{
    connection->deadline_ms = deadline_ms;
    ldap_stream_set_deadline(connection->stream, deadline_ms);
}

bool ldap_connection_is_good(const struct ldap_connection *connection)
{
    return ldap_stream_is_quiet(connection->stream);
}

/* --- Binding ---------------------------------------------------------------------------------- */

static enum ldap_bind_answer bind_answer(int code)
{
    switch (code) {
    case LDAP_SUCCESS: return LDAP_BIND_DONE;
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_NO_SUCH_OBJECT:
    case LDAP_INVALID_DN_SYNTAX:
    case LDAP_INAPPROPRIATE_AUTH:
    case LDAP_UNWILLING_TO_PERFORM:
    case LDAP_INSUFFICIENT_ACCESS:
    case LDAP_CONSTRAINT_VIOLATION: return LDAP_BIND_REFUSED;
    default: return LDAP_BIND_FAILED;
    }
}

enum ldap_bind_answer ldap_connection_bind(struct ldap_connection *connection, struct slice dn,
                                           struct slice password, struct lv_buffer *reason)
{
    lv_assert(dn.n > 0);
    lv_assert(password.n > 0);
    struct berval credentials = {password.n, (char *)password.p};
    char *name = slice_strdup(dn);
    LDAPMessage *message;
    int id;
    int err = ldap_sasl_bind(connection->ld, name, LDAP_SASL_SIMPLE, &credentials, NULL, NULL, &id);
    free(name);
    if (err != LDAP_SUCCESS) {
        say_why_not(connection, reason);
        return LDAP_BIND_FAILED;
    }
    int type = wait_for_message(connection, id, &message, reason);
    if (type < 0)
        return LDAP_BIND_FAILED;
    if (type != LDAP_RES_BIND) {
        ldap_msgfree(message);
        lv_buffer_printf(reason, "the answer to a bind is not one");
        return LDAP_BIND_FAILED;
    }
    return bind_answer(read_result(connection, message, reason));
}

/* --- Searching -------------------------------------------------------------------------------- */

/* Writes a filter (RFC 4515) in which the value is only a value: "(member=cn\3dann)", "(uid=*)". */
static void put_filter(const struct directory_search *s, struct lv_buffer *out)
{
    lv_buffer_printf(out, "(%s=", s->attribute);
    for (size_t i = 0; s->has_value && i < s->value.n; i++) {
        if (s->value.p[i] < 0x80 && isalnum(s->value.p[i]))
            lv_buffer_add_u8(out, s->value.p[i]);
        else
            lv_buffer_printf(out, "\\%02x", s->value.p[i]);
    }
    if (!s->has_value)
        lv_buffer_add_u8(out, '*');
    lv_buffer_add(out, ")", 2);
}

static int send_search(struct ldap_connection *c, const struct directory_search *s, int *ret_id)
{
    static const int scopes[] = {LDAP_SCOPE_BASE, LDAP_SCOPE_ONELEVEL, LDAP_SCOPE_SUBTREE};
    char *wanted[] = {s->wanted ? (char *)s->wanted : (char *)LDAP_NO_ATTRS, NULL};
    struct lv_buffer filter = {0};
    char *base = slice_strdup(s->base);
    put_filter(s, &filter);
    int err = ldap_search_ext(c->ld, base, scopes[s->scope], (const char *)filter.p, wanted, 0,
                              NULL, NULL, NULL, LDAP_NO_LIMIT, ret_id);
    free(base);
    lv_buffer_free(&filter);
    return err;
}

/* Tells the caller of the search about an entry. Returns the entry's size in bytes. */
static size_t tell_entry(struct ldap_connection *c, LDAPMessage *message,
                         const struct directory_search *s)
{
    char *dn = ldap_get_dn(c->ld, message);
    if (!dn)
        return 0;
    struct berval **values = s->wanted ? ldap_get_values_len(c->ld, message, s->wanted) : NULL;
    size_t count = values ? (size_t)ldap_count_values_len(values) : 0, bytes = strlen(dn);
    if (count > VALUES_MAX)
        count = VALUES_MAX;
    struct slice *slices = lv_calloc(count + 1, sizeof *slices);
    for (size_t i = 0; i < count; i++) {
        slices[i] = slice_of(values[i]->bv_val, values[i]->bv_len);
        bytes += values[i]->bv_len;
    }
    s->on_entry(s->arg, slice_str(dn), slices, count);
    free(slices);
    ldap_value_free_len(values);
    ldap_memfree(dn);
    return bytes;
}

static enum directory_answer search_answer(int code, const struct directory_search *s,
                                           struct lv_buffer *words, struct lv_buffer *reason)
{
    switch (code) {
    case LDAP_SUCCESS: return DIRECTORY_ANSWERED;
    case LDAP_NO_SUCH_OBJECT:
        lv_buffer_printf(reason, "there is no entry \"%.*s\"", SLICE_ARG(s->base));
        return DIRECTORY_NO_OBJECT;
    default:
        lv_buffer_printf(reason, "a search in \"%.*s\" is refused: %.*s", SLICE_ARG(s->base),
                         SLICE_ARG(lv_buffer_slice(words)));
        return code == LDAP_BUSY || code == LDAP_UNAVAILABLE || LDAP_API_ERROR(code)
                   ? DIRECTORY_FAILED
                   : DIRECTORY_REFUSED;
    }
}

/* Receives entries up to the result, which is left in *ret_code. Returns false, with the reason
 * appended, if they do not come or are too many. */
static bool receive_entries(struct ldap_connection *c, int id, const struct directory_search *s,
                            int *ret_code, struct lv_buffer *words, struct lv_buffer *reason)
{
    size_t entries = 0, bytes = 0;
    for (;;) {
        LDAPMessage *message;
        int type = wait_for_message(c, id, &message, reason);
        if (type < 0)
            return false;
        if (type == LDAP_RES_SEARCH_RESULT) {
            *ret_code = read_result(c, message, words);
            return true;
        }
        entries++; /* a reference to another server counts, but is not followed */
        if (type == LDAP_RES_SEARCH_ENTRY)
            bytes += tell_entry(c, message, s);
        ldap_msgfree(message);
        if (entries > ENTRIES_MAX || bytes > ENTRIES_BYTES_MAX) {
            ldap_abandon_ext(c->ld, id, NULL, NULL);
            lv_buffer_printf(reason, "a search in \"%.*s\" finds too many entries",
                             SLICE_ARG(s->base));
            return false;
        }
    }
}

enum directory_answer ldap_connection_search(struct ldap_connection *connection,
                                             const struct directory_search *search,
                                             struct lv_buffer *reason)
{
    int id, code;
    if (send_search(connection, search, &id) != LDAP_SUCCESS) {
        say_why_not(connection, reason);
        return DIRECTORY_FAILED;
    }
    struct lv_buffer words = {0};
    enum directory_answer answer = DIRECTORY_FAILED;
    if (receive_entries(connection, id, search, &code, &words, reason))
        answer = search_answer(code, search, &words, reason);
    lv_buffer_free(&words);
    return answer;
}
