/* The PROXY protocol's header, as in its specification (haproxy, doc/proxy-protocol.txt).
 *
 * Version 1 is a line: "PROXY TCP4 192.0.2.1 198.51.100.7 56324 5672" CR LF, with the client's
 * address first. Version 2 begins with a signature:
 *
 *     0     12  signature
 *    12      1  version (2) in the upper half; command: 0 LOCAL, 1 PROXY
 *    13      1  address family: 0 none, 1 IPv4, 2 IPv6, 3 UNIX; in the lower half 1: a stream
 *    14      2  how many bytes follow, big-endian: addresses, then values (TLV) that are skipped
 *    16         client's address, address it connected to, client's port, port it connected to */
#include "net/proxy_header.h"

#include <string.h>

#include "base/digits.h"
#include "net/net_private.h"

static enum proxy_result invalid(const char **ret_why, const char *why)
{
    *ret_why = why;
    return PROXY_INVALID;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Returns whether the bytes begin with the text, as far as there are any. */
static bool may_begin_with(struct slice bytes, struct slice text)
{
    size_t n = smaller(bytes.n, text.n);
    return n == 0 || memcmp(bytes.p, text.p, n) == 0;
}

/* --- version 1 -------------------------------------------------------------------------------- */

/* Takes the next word off *line, and the one space behind it. */
static struct slice word_take(struct slice *line)
{
    const uint8_t *space = line->n ? memchr(line->p, ' ', line->n) : NULL;
    size_t n = space ? (size_t)(space - line->p) : line->n;
    struct slice word = slice_of(line->p, n);
    size_t used = space ? n + 1 : n;
    *line = slice_of(line->p + used, line->n - used);
    return word;
}

static bool port_parse(struct slice word, uint16_t *ret)
{
    uint64_t port;
    bool is_padded = word.n > 1 && word.p[0] == '0';
    if (is_padded || !lv_digits_take(&word, &port) || word.n != 0 || port > UINT16_MAX)
        return false;
    *ret = (uint16_t)port;
    return true;
}

static bool end_parse(struct slice address, struct slice port, int family, struct net_address *ret)
{
    char text[64];
    uint16_t number;
    union socket_address parsed;
    socklen_t n;
    if (address.n == 0 || address.n >= sizeof text || memchr(address.p, '\0', address.n) ||
        !port_parse(port, &number))
        return false;
    memcpy(text, address.p, address.n);
    text[address.n] = '\0';
    if (!address_parse(text, number, &parsed, &n) || parsed.any.sa_family != family)
        return false;
    *ret = address_format(&parsed);
    return true;
}

/* Parses what is between "PROXY " and the line's end. */
static enum proxy_result line_parse(struct slice line, struct proxy_header *ret,
                                    const char **ret_why)
{
    struct slice protocol = word_take(&line);
    if (slice_is(protocol, "UNKNOWN")) {
        ret->kind = PROXY_UNKNOWN;
        return PROXY_WHOLE;
    }
    if (!slice_is(protocol, "TCP4") && !slice_is(protocol, "TCP6"))
        return invalid(ret_why, "its protocol is not TCP4, TCP6 or UNKNOWN");
    bool ends_with_space = line.n > 0 && line.p[line.n - 1] == ' ';
    int family = protocol.p[3] == '4' ? AF_INET : AF_INET6;
    struct slice from = word_take(&line), to = word_take(&line);
    struct slice from_port = word_take(&line), to_port = word_take(&line);
    if (line.n != 0 || ends_with_space || !end_parse(from, from_port, family, &ret->ends.peer) ||
        !end_parse(to, to_port, family, &ret->ends.local))
        return invalid(ret_why, "it has malformed addresses or ports");
    ret->kind = PROXY_CLIENT;
    return PROXY_WHOLE;
}

static enum proxy_result text_parse(struct slice bytes, struct proxy_header *ret,
                                    const char **ret_why)
{
    static const char begin[] = "PROXY ";
    size_t n = smaller(bytes.n, PROXY_HEADER_KEPT_BYTES);
    const uint8_t *end = memchr(bytes.p, '\n', n);
    if (!end)
        return n < PROXY_HEADER_KEPT_BYTES ? PROXY_MORE
                                           : invalid(ret_why, "its line is longer than 107 bytes");
    size_t length = (size_t)(end - bytes.p);
    if (length < sizeof begin || bytes.p[length - 1] != '\r')
        return invalid(ret_why, "its line does not end with CR LF");
    struct proxy_header header = {.bytes = length + 1};
    struct slice line = slice_of(bytes.p + sizeof begin - 1, length - 1 - (sizeof begin - 1));
    enum proxy_result result = line_parse(line, &header, ret_why);
    if (result == PROXY_WHOLE)
        *ret = header;
    return result;
}

/* --- version 2 -------------------------------------------------------------------------------- */

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";

enum { FIXED_BYTES = 16, IPV4_BYTES = 12, IPV6_BYTES = 36, UNIX_BYTES = 216 };

static void ipv4_take(const uint8_t *p, struct net_peer *ret)
{
    union socket_address from = {.v4.sin_family = AF_INET}, to = from;
    memcpy(&from.v4.sin_addr, p, 4);
    memcpy(&to.v4.sin_addr, p + 4, 4);
    memcpy(&from.v4.sin_port, p + 8, 2);
    memcpy(&to.v4.sin_port, p + 10, 2);
    *ret = (struct net_peer){.peer = address_format(&from), .local = address_format(&to)};
}

static void ipv6_take(const uint8_t *p, struct net_peer *ret)
{
    union socket_address from = {.v6.sin6_family = AF_INET6}, to = from;
    memcpy(&from.v6.sin6_addr, p, 16);
    memcpy(&to.v6.sin6_addr, p + 16, 16);
    memcpy(&from.v6.sin6_port, p + 32, 2);
    memcpy(&to.v6.sin6_port, p + 34, 2);
    *ret = (struct net_peer){.peer = address_format(&from), .local = address_format(&to)};
}

/* The families that a header may have, with how many bytes of addresses. */
static const struct {
    uint8_t family;
    size_t bytes;
    void (*take)(const uint8_t *p, struct net_peer *ret); /* NULL: no address that can be shown */
} families[] = {
    {0x00, 0, NULL},
    {0x11, IPV4_BYTES, ipv4_take},
    {0x21, IPV6_BYTES, ipv6_take},
    {0x31, UNIX_BYTES, NULL},
};

static enum proxy_result addresses_parse(struct slice bytes, size_t family, size_t length,
                                         struct proxy_header *ret, const char **ret_why)
{
    if (length < families[family].bytes)
        return invalid(ret_why, "it is too short for its addresses");
    if (!families[family].take) {
        *ret = (struct proxy_header){.kind = PROXY_UNKNOWN, .bytes = FIXED_BYTES + length};
        return PROXY_WHOLE;
    }
    if (bytes.n < FIXED_BYTES + families[family].bytes)
        return PROXY_MORE;
    *ret = (struct proxy_header){.kind = PROXY_CLIENT, .bytes = FIXED_BYTES + length};
    families[family].take(bytes.p + FIXED_BYTES, &ret->ends);
    return PROXY_WHOLE;
}

static enum proxy_result binary_parse(struct slice bytes, struct proxy_header *ret,
                                      const char **ret_why)
{
    if (bytes.n > 12 && bytes.p[12] != 0x20 && bytes.p[12] != 0x21)
        return invalid(ret_why, "its version or command is unknown");
    if (bytes.n < FIXED_BYTES)
        return PROXY_MORE;
    size_t length = (size_t)bytes.p[14] << 8 | bytes.p[15];
    if (bytes.p[12] == 0x20) {
        *ret = (struct proxy_header){.kind = PROXY_LOCAL, .bytes = FIXED_BYTES + length};
        return PROXY_WHOLE;
    }
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        if (families[i].family == bytes.p[13])
            return addresses_parse(bytes, i, length, ret, ret_why);
    }
    return invalid(ret_why, "its address family is not that of a stream");
}

enum proxy_result proxy_header_parse(struct slice bytes, struct proxy_header *ret,
                                     const char **ret_why)
{
    struct slice text = slice_str("PROXY ");
    struct slice binary = slice_of(signature, sizeof signature);
    if (bytes.n == 0)
        return PROXY_MORE;
    if (may_begin_with(bytes, text))
        return bytes.n < text.n ? PROXY_MORE : text_parse(bytes, ret, ret_why);
    if (may_begin_with(bytes, binary))
        return bytes.n < binary.n ? PROXY_MORE : binary_parse(bytes, ret, ret_why);
    return invalid(ret_why, "the bytes do not begin as one");
}
