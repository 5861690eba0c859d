/* A connection to a broker by AMQP, over TCP, TLS or a socket that is connected already, with at
 * most one channel.
 *
 * One thread uses a link. Every function waits; the other side's death ends the waiting, which TCP
 * keepalive notices within two minutes if the peer's machine is gone. After any error but that of
 * an address, close the link: its channel may be half closed. */
#ifndef MIGRATE_LINK_H
#define MIGRATE_LINK_H

#include <stdbool.h>

#include "base/buffer.h"
#include "migrate/rabbitmq_c.h"

enum { LINK_CHANNEL = 1, LINK_CONNECT_S = 10 };

struct link {
    const char *name;             /* in sentences: "RabbitMQ" */
    const char *ca_file;          /* whom amqps:// trusts: trust.h */
    amqp_connection_state_t amqp; /* NULL: not open */
};

/* Connects by a URL (amqp[s]://USER:PASSWORD@HOST[:PORT]), in this vhost; what the URL says of a
 * vhost is ignored. Returns 0, and link_close() ends it; else ERR_INVALID (the URL, or the file of
 * authorities), ERR_REFUSED (the login, or the vhost), or ERR_CLOSED (nobody answers, or not with a
 * certificate that is trusted), with a sentence appended to `reason`, and the link is closed. */
int link_open(struct link *link, const char *url, const char *vhost, struct lv_buffer *reason);
/* Like link_open(), over a socket that is connected and where AMQP begins. Takes the socket. */
int link_adopt(struct link *link, int fd, const char *vhost, struct lv_buffer *reason);
/* Closes the connection; what was delivered and is not acknowledged returns to its queue. Does
 * nothing if there is none. */
void link_close(struct link *link);

/* Opens the channel LINK_CHANNEL. `target` (NULL: none) names the queue to which all is published,
 * which only Leveret's control socket offers (docs/formats/control.md). Returns as link_check(). */
int link_channel_open(struct link *link, const char *target, struct lv_buffer *reason);
int link_channel_close(struct link *link, struct lv_buffer *reason);

/* Turn a reply, or a status, of rabbitmq-c into 0; or ERR_REFUSED (the broker has closed the
 * channel, or refuses the connection) or ERR_CLOSED (the connection is lost), with a sentence
 * appended to `reason`. */
int link_check(const struct link *link, amqp_rpc_reply_t reply, struct lv_buffer *reason);
int link_check_status(const struct link *link, int status, struct lv_buffer *reason);
/* The same for what the broker has sent unasked: 0 if it closes nothing. */
int link_check_method(const struct link *link, const amqp_method_t *method,
                      struct lv_buffer *reason);

#endif
