/* Addresses: conversion between text and the kernel's form. */
#include <arpa/inet.h>
#include <string.h>

#include "base/digits.h"
#include "net/net_private.h"

bool address_parse(const char *text, uint16_t port, union socket_address *ret, socklen_t *ret_n)
{
    memset(ret, 0, sizeof *ret);
    if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons(port);
        *ret_n = sizeof ret->v4;
        return true;
    }
    if (inet_pton(AF_INET6, text, &ret->v6.sin6_addr) == 1) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons(port);
        *ret_n = sizeof ret->v6;
        return true;
    }
    return false;
}

static void format_v4(struct net_address *ret, const uint8_t *bytes, uint16_t port)
{
    inet_ntop(AF_INET, bytes, ret->text, sizeof ret->text);
    ret->port = ntohs(port);
    ret->is_loopback = bytes[0] == 127;
}

static void format_v6(struct net_address *ret, const struct sockaddr_in6 *v6)
{
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        format_v4(ret, v6->sin6_addr.s6_addr + 12, v6->sin6_port);
        return;
    }
    inet_ntop(AF_INET6, &v6->sin6_addr, ret->text, sizeof ret->text);
    ret->port = ntohs(v6->sin6_port);
    ret->is_loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* Returns the 16 bytes of an IPv6 address, or of an IPv4 address as ::ffff:a.b.c.d. */
static struct in6_addr address_bytes(const union socket_address *address)
{
    struct in6_addr ret = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    if (address->any.sa_family == AF_INET6)
        return address->v6.sin6_addr;
    memcpy(ret.s6_addr + 12, &address->v4.sin_addr, 4);
    return ret;
}

bool net_network_parse(const char *text, struct net_network *ret)
{
    char address[64];
    union socket_address parsed;
    socklen_t n;
    size_t length = strcspn(text, "/");
    if (length >= sizeof address)
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    if (!address_parse(address, 0, &parsed, &n))
        return false;
    unsigned bits_max = parsed.any.sa_family == AF_INET ? 32 : 128;
    uint64_t bits = bits_max;
    struct slice rest = slice_str(text + length);
    if (rest.n > 0) {
        rest = slice_of(rest.p + 1, rest.n - 1);
        if (!lv_digits_take(&rest, &bits) || rest.n > 0 || bits > bits_max)
            return false;
    }
    struct in6_addr bytes = address_bytes(&parsed);
    memcpy(ret->bytes, bytes.s6_addr, sizeof ret->bytes);
    ret->bits = (unsigned)bits + 128 - bits_max;
    return true;
}

bool network_has(const struct net_network *network, const union socket_address *address)
{
    struct in6_addr bytes = address_bytes(address);
    size_t whole = network->bits / 8;
    unsigned rest = network->bits % 8;
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return memcmp(network->bytes, bytes.s6_addr, whole) == 0 &&
           (rest == 0 || ((network->bytes[whole] ^ bytes.s6_addr[whole]) & mask) == 0);
}

struct net_address address_format(const union socket_address *address)
{
    struct net_address ret = {.text = "unknown"};
    if (address->any.sa_family == AF_INET)
        format_v4(&ret, (const uint8_t *)&address->v4.sin_addr, address->v4.sin_port);
    if (address->any.sa_family == AF_INET6)
        format_v6(&ret, &address->v6);
    return ret;
}

struct net_peer address_both_ends(int fd)
{
    struct net_peer ret = {.local = {.text = "unknown"}, .peer = {.text = "unknown"}};
    union socket_address address;
    socklen_t n = sizeof address;
    if (getsockname(fd, &address.any, &n) == 0)
        ret.local = address_format(&address);
    n = sizeof address;
    if (getpeername(fd, &address.any, &n) == 0)
        ret.peer = address_format(&address);
    return ret;
}
