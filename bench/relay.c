/* The upper bound: a rate that no broker can exceed on this machine. The relay finds the frames of
 * a publish and writes them, after a basic.deliver, to its one consumer. It does not route, store,
 * check or settle anything, so the time that a broker takes longer is the cost of what it does
 * more.
 *
 *   relay PORT          for transient messages
 *   relay PORT FILE     for durable ones too: a thread appends everything published to the file, in
 *                       batches with one fdatasync each, after which they are confirmed
 *
 * It serves one run of `load` at a time: one queue, at most one consumer. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/memory.h"
#include "client.h"

/* Batches that are not known to be on disk: one written, one being written, one being filled. */
enum { UNSYNCED_MAX = 3 };
enum { OUT_BYTES_HIGH = 4 << 20, FILE_BYTES = 1 << 30, BACKLOG = 64 };

struct link {
    struct client io;
    struct lv_list in_list;
    bool has_begun; /* the protocol header was received */
    bool waits_for_output;
    bool confirms;
    uint64_t delivered, published, confirmed;
    struct {
        uint64_t batch;     /* 0: none */
        uint64_t published; /* the last publish in that batch */
    } unsynced[UNSYNCED_MAX];
};

static int poller;
static struct lv_list links;
static struct link *consumer;

/* --- the file --------------------------------------------------------------------------------- */

static struct {
    bool is_on;
    int fd, wake;
    off_t at;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct lv_buffer batch; /* being filled */
    uint64_t number;        /* of that batch, from 1 */
    uint64_t synced;        /* the last batch that is on disk; under the lock */
} file = {.number = 1, .lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

static void write_batch(const struct lv_buffer *batch)
{
    if (file.at + (off_t)batch->n > FILE_BYTES)
        file.at = 0;
    if (pwrite(file.fd, batch->p, batch->n, file.at) < 0 || fdatasync(file.fd) != 0)
        die("cannot write the file: %s", strerror(errno));
    file.at += (off_t)batch->n;
}

static void *write_batches(void *arg)
{
    (void)arg;
    struct lv_buffer batch = {0};
    const uint64_t one = 1;
    for (;;) {
        pthread_mutex_lock(&file.lock);
        while (file.batch.n == 0)
            pthread_cond_wait(&file.filled, &file.lock);
        struct lv_buffer filled = file.batch;
        file.batch = batch;
        file.batch.n = 0;
        uint64_t number = file.number++;
        pthread_mutex_unlock(&file.lock);
        write_batch(&filled);
        batch = filled;
        pthread_mutex_lock(&file.lock);
        file.synced = number;
        pthread_mutex_unlock(&file.lock);
        if (write(file.wake, &one, sizeof one) < 0)
            die("cannot wake: %s", strerror(errno));
    }
}

static void open_file(const char *path)
{
    static uint8_t block[1 << 20];
    pthread_t thread;
    file.is_on = true;
    file.fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    memset(block, 1, sizeof block);
    for (off_t at = 0; at < FILE_BYTES; at += (off_t)sizeof block)
        if (pwrite(file.fd, block, sizeof block, at) < 0)
            die("cannot make %s: %s", path, strerror(errno));
    fsync(file.fd);
    file.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_create(&thread, NULL, write_batches, NULL);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Writes as much as the socket takes; returns whether that was all. Output of a client that has
 * gone is dropped; the end of its input will be read. */
static bool link_write_some(struct client *io)
{
    while (io->out_at < io->out.n) {
        ssize_t n = write(io->fd, io->out.p + io->out_at, io->out.n - io->out_at);
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0)
            break;
        io->out_at += (size_t)n;
    }
    io->out.n = io->out_at = 0;
    return true;
}

static void link_flush(struct link *l)
{
    bool is_all = link_write_some(&l->io);
    if (is_all != l->waits_for_output)
        return;
    struct epoll_event event = {.events = EPOLLIN | (is_all ? 0 : EPOLLOUT), .data.ptr = l};
    epoll_ctl(poller, EPOLL_CTL_MOD, l->io.fd, &event);
    l->waits_for_output = !is_all;
}

static void link_confirm(struct link *l, uint64_t tag)
{
    if (!l->confirms || tag <= l->confirmed)
        return;
    CLIENT_PUT(&l->io, 1, basic_ack, .delivery_tag = tag, .multiple = true);
    l->confirmed = tag;
}

static void link_confirm_up_to(struct link *l, uint64_t synced)
{
    for (int i = 0; i < UNSYNCED_MAX; i++) {
        if (l->unsynced[i].batch == 0 || l->unsynced[i].batch > synced)
            continue;
        link_confirm(l, l->unsynced[i].published);
        l->unsynced[i].batch = 0;
    }
}

static uint64_t synced_now(void)
{
    pthread_mutex_lock(&file.lock);
    uint64_t synced = file.synced;
    pthread_mutex_unlock(&file.lock);
    return synced;
}

static void confirm_synced(void)
{
    uint64_t count;
    struct lv_list *it, *after;
    if (read(file.wake, &count, sizeof count) < 0)
        return;
    uint64_t synced = synced_now();
    lv_list_each (it, after, &links) {
        struct link *l = lv_list_item(it, struct link, in_list);
        link_confirm_up_to(l, synced);
        link_flush(l);
    }
}

/* Notes that the newest publish is in this batch; batches up to `synced` are on disk. */
static void note_batch(struct link *l, uint64_t batch, uint64_t synced)
{
    int i = (int)(batch % UNSYNCED_MAX);
    if (l->unsynced[i].batch != batch)
        link_confirm_up_to(l, synced); /* the batch that this entry held */
    l->unsynced[i].batch = batch;
    l->unsynced[i].published = l->published;
}

/* --- a publish -------------------------------------------------------------------------------- */

static void consumer_deliver(struct slice content)
{
    static const char tag[] = "c";
    consumer->delivered++;
    CLIENT_PUT(&consumer->io, 1, basic_deliver, .consumer_tag = slice_str(tag),
               .delivery_tag = consumer->delivered, .routing_key = slice_str("bench.0"));
    lv_buffer_add_slice(&consumer->io.out, content);
}

static void take_publish(struct link *l, struct slice content)
{
    l->published++;
    if (consumer)
        consumer_deliver(content);
    if (!file.is_on)
        return;
    pthread_mutex_lock(&file.lock);
    lv_buffer_add_slice(&file.batch, content);
    note_batch(l, file.number, file.synced);
    pthread_cond_signal(&file.filled);
    pthread_mutex_unlock(&file.lock);
}

/* Finds the header and body frames from *at on. Returns false if they have not all been
 * received. */
static bool find_content(const struct link *l, size_t *at, struct slice *ret)
{
    size_t begin = *at, end = *at;
    uint8_t type;
    struct slice payload;
    if (!client_next_frame(&l->io, &end, &type, &payload))
        return false;
    uint64_t left = wire_u64(payload.p + 4);
    while (left > 0) {
        if (!client_next_frame(&l->io, &end, &type, &payload))
            return false;
        left -= payload.n;
    }
    *ret = slice_of(l->io.in + begin, end - begin);
    *at = end;
    return true;
}

/* --- other methods ---------------------------------------------------------------------------- */

#define ANSWER(method, ...)                                                                        \
    CLIENT_PUT(&l->io, number, method, __VA_ARGS__);                                               \
    break

static void link_answer(struct link *l, uint16_t number, uint32_t method)
{
    switch (method) {
    case AMQP_CONNECTION_START_OK:
        ANSWER(connection_tune, .channel_max = 2047, .frame_max = 131072);
    case AMQP_CONNECTION_OPEN: ANSWER(connection_open_ok, .reserved1 = SLICE_EMPTY);
    case AMQP_CONNECTION_CLOSE: ANSWER(connection_close_ok, .none = 0);
    case AMQP_CHANNEL_OPEN: ANSWER(channel_open_ok, .reserved1 = SLICE_EMPTY);
    case AMQP_QUEUE_DECLARE: ANSWER(queue_declare_ok, .queue = slice_str("bench.0"));
    case AMQP_QUEUE_DELETE: ANSWER(queue_delete_ok, .message_count = 0);
    case AMQP_BASIC_QOS: ANSWER(basic_qos_ok, .none = 0);
    case AMQP_CONFIRM_SELECT: l->confirms = true; ANSWER(confirm_select_ok, .none = 0);
    case AMQP_BASIC_CONSUME: consumer = l; ANSWER(basic_consume_ok, .consumer_tag = slice_str("c"));
    default: break;
    }
}

static void take_frames(struct link *l)
{
    size_t at = 0;
    if (!l->has_begun) {
        if (l->io.in_bytes < 8)
            return;
        at = 8;
        l->has_begun = true;
        CLIENT_PUT(&l->io, 0, connection_start, .version_minor = 9,
                   .mechanisms = slice_str("PLAIN"), .locales = slice_str("en_US"));
    }
    for (;;) {
        size_t next = at;
        uint16_t number = l->io.in_bytes - at >= 3 ? wire_u16(l->io.in + at + 1) : 0;
        uint8_t type;
        struct slice payload, content;
        if (!client_next_frame(&l->io, &next, &type, &payload))
            break;
        if (type == FRAME_METHOD && wire_u32(payload.p) == AMQP_BASIC_PUBLISH) {
            if (!find_content(l, &next, &content))
                break;
            take_publish(l, content);
        } else if (type == FRAME_METHOD) {
            link_answer(l, number, wire_u32(payload.p));
        }
        at = next;
    }
    client_consume(&l->io, at);
    if (!file.is_on)
        link_confirm(l, l->published);
    if (consumer)
        link_flush(consumer);
    if (l != consumer)
        link_flush(l);
}

/* --- connections ------------------------------------------------------------------------------ */

static void accept_link(int listener)
{
    const int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct link *l = lv_calloc(1, sizeof *l);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = l};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    l->io = (struct client){.fd = fd, .in = lv_malloc(CLIENT_INPUT_BYTES)};
    lv_list_push(&links, &l->in_list);
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static void drop_link(struct link *l)
{
    lv_list_remove(&l->in_list);
    if (consumer == l)
        consumer = NULL;
    close(l->io.fd);
    free(l->io.in);
    lv_buffer_free(&l->io.out);
    free(l);
}

static void take_input(struct link *l)
{
    struct client *io = &l->io;
    if (consumer && l != consumer && consumer->io.out.n - consumer->io.out_at > OUT_BYTES_HIGH)
        return; /* the consumer is too far behind: the publisher must wait */
    ssize_t n = read(io->fd, io->in + io->in_bytes, CLIENT_INPUT_BYTES - io->in_bytes);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        drop_link(l);
    } else if (n > 0) {
        io->in_bytes += (size_t)n;
        take_frames(l);
    }
}

static int listen_at(int port)
{
    const int on = 1;
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, BACKLOG) != 0)
        die("cannot listen on port %d: %s", port, strerror(errno));
    return fd;
}

int main(int argc, char **argv)
{
    static char of_listener, of_file;
    struct epoll_event events[64], event = {.events = EPOLLIN};
    if (argc < 2)
        die("usage: relay PORT [FILE]");
    signal(SIGPIPE, SIG_IGN);
    lv_list_init(&links);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (argc > 2) {
        open_file(argv[2]);
        event.data.ptr = &of_file;
        epoll_ctl(poller, EPOLL_CTL_ADD, file.wake, &event);
    }
    int listener = listen_at(atoi(argv[1]));
    event.data.ptr = &of_listener;
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(poller, events, 64, -1);
        for (int i = 0; i < n; i++) {
            void *whose = events[i].data.ptr;
            if (whose == &of_listener)
                accept_link(listener);
            else if (whose == &of_file)
                confirm_synced();
            else if (events[i].events & EPOLLOUT)
                link_flush(whose);
            else
                take_input(whose);
        }
    }
}
