/* A socket goes to its loop by mail. Mail that is delivered once the stop has begun closes it: the
 * stop has asked every session to close by then, and would wait for a new one. The same holds for
 * mail that is left when the loops have ended, or the start has failed. */
#include "leveretd/operators.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "leveretd/leveretd.h"

bool operators_reserve(void *arg)
{
    struct leveretd *d = arg;
    return sessions_take_operator(&d->sessions);
}

static struct net_peer operator_of(int fd)
{
    struct net_peer peer = {
        .local = {.text = "control socket", .is_loopback = true},
        .peer = {.text = "unix socket", .is_loopback = true},
        .is_operator = true,
    };
    struct ucred who;
    socklen_t n = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 && who.pid > 0)
        peer.process = (uint32_t)who.pid;
    return peer;
}

static void socket_arrives(struct loop *at, struct mail *mail)
{
    struct leveretd *d = mail->a;
    int fd = (int)mail->c;
    const struct net_peer peer = operator_of(fd);
    if (atomic_load(&d->is_stopping))
        close(fd);
    else if (net_take(at, fd, &peer, listeners_operators_frontend()->accepted, &d->sessions))
        return;
    sessions_give_operator(&d->sessions);
}

void operators_take(void *arg, int fd)
{
    struct leveretd *d = arg;
    const struct mail mail = {.deliver = socket_arrives, .a = d, .c = (uint64_t)fd};
    if (fd >= 0)
        loop_mail_from_outside(loops_at(d->loops, d->next_operator++ % loops_count(d->loops)),
                               &mail);
    else
        sessions_give_operator(&d->sessions);
}
