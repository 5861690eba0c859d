/* The header of the PROXY protocol, versions 1 (text) and 2 (binary): what a proxy sends first on a
 * connection, to pass on the addresses of the client. Pure: a parser of bytes. */
#ifndef LEVERET_NET_PROXY_HEADER_H
#define LEVERET_NET_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "net/net.h"

enum {
    /* The longest text header, with its CR LF. As many bytes suffice to parse any header: those of
     * a binary one that follow its addresses are not looked at. */
    PROXY_HEADER_KEPT_BYTES = 107,
};

enum proxy_result {
    PROXY_MORE, /* the bytes are the beginning of a header */
    PROXY_WHOLE,
    PROXY_INVALID,
};

enum proxy_kind {
    PROXY_CLIENT,  /* the header passes on the client's addresses */
    PROXY_LOCAL,   /* the proxy itself is the client, for instance with a health check */
    PROXY_UNKNOWN, /* there is a client, but the header does not tell its address */
};

struct proxy_header {
    enum proxy_kind kind;
    struct net_peer ends; /* PROXY_CLIENT: `peer` is the client's, `local` what it connected to */
    size_t bytes;         /* of the whole header; of a binary one, more than were needed */
};

/* Parses the header at the beginning of `bytes`. Sets *ret only if it is PROXY_WHOLE, and *ret_why
 * only if it is PROXY_INVALID: to a text that is valid for ever. PROXY_MORE is not returned for
 * PROXY_HEADER_KEPT_BYTES or more. */
enum proxy_result proxy_header_parse(struct slice bytes, struct proxy_header *ret,
                                     const char **ret_why);

#endif
