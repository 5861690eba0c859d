/* kill -9, again and again, under load: is everything there that was confirmed?
 *
 *     kill_test --broker build/leveretd [--kills N] [--loops N] [--seed N] [--dir DIR] ...
 *
 * Each round: clients publish (confirms and transactions, one queue and fan-out, 1 byte to 10 MB),
 * consume (single and batched acks, transactions, requeueing, rejecting), get, purge, delete; in
 * the midst of it the broker is killed, now and then once more while it starts, sometimes it is
 * stopped politely; it starts again on the same data directory; and mostly every queue is then read
 * from one end to the other and compared with the ledger (ledger.h has the rules). At the end of a
 * round the messages go back into their queues, or are all settled in a transaction.
 *
 * The exit code is 0 when nothing is wrong. The data directory is kept when something is. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "ledger.h"

enum {
    CONSUMERS = 4,
    CONSUMER_QUEUES = 3,
    CLIENTS = CONFIRMERS + 1 + CONSUMERS + 1 + 1 + 1,
    TAGS_MAX = 1 << 16, /* deliveries of one consumer in one round that are kept in mind */
    LIVE_BYTES_MAX = 120 * 1024 * 1024,
    START_S_MAX = 120,
};

struct options {
    const char *broker;
    const char *dir;
    unsigned kills;
    unsigned loops;
    uint64_t seed;
    unsigned scale; /* percent of the usual load */
    unsigned load_ms_max;
    bool is_quiet;
    bool is_kept; /* how the disk was after the last kill: dir/killed */
};

struct run {
    struct options options;
    struct ledger *ledger;
    char data[512], errors[512];
    int port, management_port;
    pid_t pid;
    atomic_bool is_over; /* the kill is about to come: connections may break */
    unsigned lives;
    unsigned kills, starts_killed, stops;
    uint64_t random;
};

struct worker {
    struct run *run;
    void (*work)(struct worker *w);
    const char *name;
    unsigned index;
    uint64_t random;
    struct client client;
    pthread_t thread;
};

static void die(const char *what)
{
    fprintf(stderr, "kill_test: %s: %s\n", what, strerror(errno));
    exit(2);
}

static uint64_t chance(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static unsigned one_of(uint64_t *state, unsigned count)
{
    return (unsigned)(chance(state) % count);
}

static void pause_us(uint64_t us)
{
    struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000 * 1000)};
    nanosleep(&t, NULL);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- the broker ------------------------------------------------------------------------------- */

/* Below the ports that the kernel gives to clients: it stays free while the broker is away. */
static int free_port(uint64_t *random)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int port, one = 1;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    do {
        port = 20000 + (int)one_of(random, 12000);
        at.sin_port = htons((uint16_t)port);
    } while (bind(fd, (struct sockaddr *)&at, sizeof at) < 0);
    close(fd);
    return port;
}

static void broker_exec(const struct run *run)
{
    char port[16], management_port[16], loops[16];
    snprintf(port, sizeof port, "%d", run->port);
    snprintf(management_port, sizeof management_port, "%d", run->management_port);
    snprintf(loops, sizeof loops, "%u", run->options.loops);
    int fd = open(run->errors, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int null = open("/dev/null", O_RDONLY);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(null, 0);
    dup2(fd, 1);
    dup2(fd, 2);
    execl(run->options.broker, run->options.broker, "--data-dir", run->data, "--bind", "127.0.0.1",
          "--port", port, "--management-port", management_port, "--loops", loops, (char *)NULL);
    _exit(127);
}

static void broker_start(struct run *run)
{
    run->lives++;
    run->pid = fork();
    if (run->pid < 0)
        die("fork");
    if (run->pid == 0)
        broker_exec(run);
}

static bool has_exited(struct run *run)
{
    int status;
    if (waitpid(run->pid, &status, WNOHANG) == 0)
        return false;
    ledger_complain(run->ledger, "the broker ended by itself, %s %d",
                    WIFSIGNALED(status) ? "by signal" : "with",
                    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    run->pid = 0;
    return true;
}

/* Until it answers. False when it does not. */
static bool broker_wait(struct run *run, struct client *c)
{
    double end = now_s() + START_S_MAX;
    while (client_open(c, run->port) < 0) {
        client_close(c);
        if (has_exited(run))
            return false;
        if (now_s() > end) {
            ledger_complain(run->ledger, "the broker does not answer after %d s", START_S_MAX);
            return false;
        }
        pause_us(1000);
    }
    return true;
}

static void broker_kill(struct run *run)
{
    if (run->pid == 0 || has_exited(run))
        return;
    kill(run->pid, SIGKILL);
    waitpid(run->pid, NULL, 0);
    run->pid = 0;
}

static void broker_stop(struct run *run)
{
    int status;
    if (run->pid == 0 || has_exited(run))
        return;
    kill(run->pid, SIGTERM);
    for (double end = now_s() + START_S_MAX; waitpid(run->pid, &status, WNOHANG) == 0;) {
        if (now_s() > end) {
            ledger_complain(run->ledger, "the broker still runs %d s after SIGTERM", START_S_MAX);
            broker_kill(run);
            return;
        }
        pause_us(2000);
    }
    run->pid = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        ledger_complain(run->ledger, "the broker left with status %d after SIGTERM", status);
}

/* What the broker said of itself that should not be: assertions, sanitizers, damage. After kill -9
 * nothing on the disk is damaged; a torn tail is no damage. */
static void check_errors(struct run *run)
{
    static const char *const alarming[] = {"Sanitizer", "runtime error:", "ssertion", " error ",
                                           "[error]",   "is lost",        "are lost"};
    char line[4096];
    FILE *file = fopen(run->errors, "r");
    while (file && fgets(line, sizeof line, file)) {
        for (size_t i = 0; i < sizeof alarming / sizeof *alarming; i++) {
            if (!strstr(line, alarming[i]))
                continue;
            line[strcspn(line, "\n")] = 0;
            ledger_complain(run->ledger, "the broker said: %s", line);
            break;
        }
    }
    if (file)
        fclose(file);
}

/* --- clients ---------------------------------------------------------------------------------- */

static bool is_over(struct worker *w)
{
    return atomic_load(&w->run->is_over);
}

static unsigned scaled(const struct worker *w, unsigned count)
{
    unsigned scale = w->run->options.scale;
    unsigned most = TAGS_MAX - 1;
    return count * scale / 100 < most ? count * scale / 100 + 1 : most;
}

static void publish(struct worker *w, unsigned publisher, struct letter *ret)
{
    ledger_publish(w->run->ledger, publisher, ret);
    client_publish(&w->client, ret->exchange, ret->key, ret->is_persistent, ret->message_id,
                   ret->body, ret->body_bytes);
}

/* A publisher with confirms: tags are numbers from `first` on. */
struct confirming {
    unsigned publisher;
    uint64_t first;    /* number of tag 1 */
    uint64_t next_tag; /* of the next publish */
    uint64_t count;    /* not confirmed yet */
    uint64_t low;      /* all tags below are confirmed */
    bool done[TAGS_MAX];
};

static int take_confirm(struct worker *w, struct confirming *k)
{
    struct client_event e;
    if (client_next(&w->client, &e) < 0)
        return -1;
    if (e.method != BASIC_ACK || e.tag == 0 || e.tag >= k->next_tag) {
        ledger_complain(w->run->ledger,
                        "publisher %u: method %u.%u, tag %llu, where a confirm should be",
                        k->publisher, e.method >> 16, e.method & 0xffff, (unsigned long long)e.tag);
        return -1;
    }
    for (uint64_t tag = e.multiple ? k->low : e.tag; tag <= e.tag; tag++) {
        if (k->done[tag]) {
            if (!e.multiple)
                ledger_complain(w->run->ledger, "publisher %u: confirmed twice", k->publisher);
            continue;
        }
        k->done[tag] = true;
        k->count--;
        ledger_confirm(w->run->ledger, k->publisher, k->first + tag - 1, k->first + tag - 1);
    }
    while (k->low < k->next_tag && k->done[k->low])
        k->low++;
    return 0;
}

static int publish_confirming(struct worker *w, struct confirming *k)
{
    struct letter m;
    publish(w, k->publisher, &m);
    if (k->next_tag == 1)
        k->first = m.number;
    k->next_tag++;
    k->count++;
    return 0;
}

static struct confirming *confirming_begin(struct worker *w, unsigned publisher)
{
    struct confirming *k = calloc(1, sizeof *k);
    if (!k)
        die("memory");
    k->publisher = publisher;
    k->next_tag = k->low = 1;
    client_confirm_select(&w->client);
    if (client_call(&w->client, CONFIRM_SELECT_OK, NULL) == 0)
        return k;
    free(k);
    return NULL;
}

static void work_confirmer(struct worker *w)
{
    struct confirming *k = confirming_begin(w, w->index);
    unsigned window = w->index == 0 ? 2000 : 1 + one_of(&w->random, 100);
    unsigned left = scaled(w, w->index == 0 ? 12000 : 1500);
    while (k && left > 0 && !is_over(w)) {
        for (; k->count < window && left > 0; left--) {
            publish_confirming(w, k);
            if (w->client.out.n > 65536 && client_flush(&w->client) < 0)
                break;
        }
        if (client_flush(&w->client) < 0 || take_confirm(w, k) < 0)
            break;
    }
    while (k && left == 0 && k->count > 0 && take_confirm(w, k) == 0)
        continue;
    free(k);
}

static void work_tx_publisher(struct worker *w)
{
    client_tx_select(&w->client);
    if (client_call(&w->client, TX_SELECT_OK, NULL) < 0)
        return;
    for (unsigned left = scaled(w, 300); left > 0 && !is_over(w); left--) {
        struct letter first = {0}, last;
        unsigned count = 1 + one_of(&w->random, 20);
        for (unsigned i = 0; i < count; i++)
            publish(w, PUBLISHER_TX, i == 0 ? &first : &last);
        client_tx_commit(&w->client);
        if (client_call(&w->client, TX_COMMIT_OK, NULL) < 0)
            return;
        ledger_confirm(w->run->ledger, PUBLISHER_TX, first.number, first.number + count - 1);
    }
}

/* --- consumers -------------------------------------------------------------------------------- */

enum ack_mode { ACK_SINGLE, ACK_BATCH, ACK_TX, ACK_MODES };

struct consuming {
    enum ack_mode mode;
    unsigned batch;
    uint64_t low; /* tags below are settled */
    struct receipt receipts[TAGS_MAX];
    bool is_settled[TAGS_MAX];
};

/* Everything up to the tag. */
static int settle_batch(struct worker *w, struct consuming *k, uint64_t tag)
{
    for (uint64_t t = k->low; t <= tag; t++) {
        if (!k->is_settled[t])
            ledger_settle(w->run->ledger, &k->receipts[t]);
    }
    client_ack(&w->client, tag, true);
    if (k->mode == ACK_TX)
        client_tx_commit(&w->client);
    return client_flush(&w->client);
}

static void settled_for_good(struct worker *w, struct consuming *k, uint64_t tag)
{
    for (uint64_t t = k->low; t <= tag; t++) {
        if (!k->is_settled[t])
            ledger_settled(w->run->ledger, &k->receipts[t]);
    }
    k->low = tag + 1;
}

/* Now and then a message goes back, or is thrown away. */
static bool refuse(struct worker *w, struct consuming *k, uint64_t tag)
{
    unsigned c = one_of(&w->random, 100);
    if (c >= 5 || k->mode == ACK_TX)
        return false;
    if (c < 3)
        ledger_requeue(w->run->ledger, &k->receipts[tag]);
    else
        ledger_settle(w->run->ledger, &k->receipts[tag]);
    client_nack(&w->client, tag, c < 3);
    k->is_settled[tag] = true;
    return true;
}

static int take_delivery(struct worker *w, struct consuming *k, const struct client_event *e)
{
    uint64_t tag = e->tag;
    if (!ledger_deliver(w->run->ledger, e->consumer, e->message_id, e->is_persistent, e->body,
                        e->body_bytes, e->redelivered, &k->receipts[tag]))
        return -1;
    if (refuse(w, k, tag))
        return client_flush(&w->client);
    if (k->mode == ACK_SINGLE) {
        k->is_settled[tag] = true;
        ledger_settle(w->run->ledger, &k->receipts[tag]);
        client_ack(&w->client, tag, false);
        return client_flush(&w->client);
    }
    if (tag + 1 - k->low < k->batch)
        return 0;
    if (settle_batch(w, k, tag) < 0)
        return -1;
    if (k->mode == ACK_BATCH)
        k->low = tag + 1;
    return 0;
}

static void consume(struct worker *w, struct consuming *k)
{
    struct client_event e;
    uint64_t committing = 0, last = 0;
    while (last + 1 < TAGS_MAX && client_next(&w->client, &e) == 0) {
        if (e.method == TX_COMMIT_OK) {
            settled_for_good(w, k, committing);
            committing = last + 1 - k->low >= k->batch ? last : 0;
            if (committing > 0 && settle_batch(w, k, committing) < 0)
                return;
            continue;
        }
        if (e.method == BASIC_CONSUME_OK)
            continue;
        if (e.method != BASIC_DELIVER) {
            ledger_complain(w->run->ledger, "consumer: method %u.%u", e.method >> 16,
                            e.method & 0xffff);
            return;
        }
        last = e.tag;
        bool is_committing = committing > 0;
        if (k->mode != ACK_TX || !is_committing) {
            uint64_t due = e.tag + 1 - k->low >= k->batch ? e.tag : 0;
            if (take_delivery(w, k, &e) < 0)
                return;
            committing = k->mode == ACK_TX ? due : 0;
        } else if (!ledger_deliver(w->run->ledger, e.consumer, e.message_id, e.is_persistent,
                                   e.body, e.body_bytes, e.redelivered, &k->receipts[e.tag])) {
            return;
        }
    }
}

static void work_consumer(struct worker *w)
{
    struct consuming *k = calloc(1, sizeof *k);
    if (!k)
        die("memory");
    unsigned prefetch = (const unsigned[]){1, 10, 100, 2000}[one_of(&w->random, 4)];
    k->mode = (enum ack_mode)one_of(&w->random, ACK_MODES);
    k->batch = 1 + one_of(&w->random, prefetch); /* of all its consumers together: never stuck */
    k->low = 1;
    client_qos(&w->client, (uint16_t)prefetch);
    bool is_good = client_call(&w->client, BASIC_QOS_OK, NULL) == 0;
    if (k->mode == ACK_TX && is_good) {
        client_tx_select(&w->client);
        is_good = client_call(&w->client, TX_SELECT_OK, NULL) == 0;
    }
    unsigned from = one_of(&w->random, SHARED_QUEUES);
    for (unsigned i = 0; i < CONSUMER_QUEUES; i++) {
        unsigned queue = (from + i * 5) % SHARED_QUEUES;
        client_consume(&w->client, ledger_queue_name(queue), queue);
    }
    /* consume-ok's are among the deliveries. */
    if (is_good && client_flush(&w->client) == 0)
        consume(w, k);
    free(k);
}

static int get_one(struct worker *w)
{
    struct client_event e;
    struct receipt r;
    unsigned queue = one_of(&w->random, SHARED_QUEUES);
    bool no_ack = one_of(&w->random, 3) == 0;
    client_get(&w->client, ledger_queue_name(queue), no_ack);
    if (no_ack)
        ledger_gamble(w->run->ledger, queue, true);
    if (client_flush(&w->client) < 0 || client_next(&w->client, &e) < 0)
        return -1;
    if (no_ack)
        ledger_gamble(w->run->ledger, queue, false);
    if (e.method == BASIC_GET_EMPTY)
        return 0;
    if (e.method != BASIC_GET_OK ||
        !ledger_deliver(w->run->ledger, queue, e.message_id, e.is_persistent, e.body, e.body_bytes,
                        e.redelivered, &r))
        return -1;
    bool is_requeued = !no_ack && one_of(&w->random, 4) == 0;
    if (is_requeued)
        ledger_requeue(w->run->ledger, &r);
    else
        ledger_settle(w->run->ledger, &r);
    if (is_requeued)
        client_nack(&w->client, e.tag, true);
    else if (!no_ack)
        client_ack(&w->client, e.tag, false);
    return client_flush(&w->client);
}

static void work_getter(struct worker *w)
{
    for (unsigned left = scaled(w, 2000); left > 0 && !is_over(w); left--) {
        if (get_one(w) < 0)
            return;
    }
}

/* --- those who clear their queue -------------------------------------------------------------- */

/* Publishes a few and waits until all are confirmed. */
static int publish_batch(struct worker *w, struct confirming *k)
{
    for (unsigned count = one_of(&w->random, 60); count > 0 && k->next_tag < TAGS_MAX; count--)
        publish_confirming(w, k);
    if (client_flush(&w->client) < 0)
        return -1;
    while (k->count > 0) {
        if (take_confirm(w, k) < 0)
            return -1;
    }
    return 0;
}

static int clear_queue(struct worker *w, unsigned queue, bool by_deleting)
{
    struct client_event e;
    const char *name = ledger_queue_name(queue);
    ledger_clear(w->run->ledger, queue);
    if (by_deleting)
        client_delete(&w->client, name);
    else
        client_purge(&w->client, name);
    if (client_call(&w->client, by_deleting ? QUEUE_DELETE_OK : QUEUE_PURGE_OK, &e) < 0)
        return -1;
    ledger_cleared(w->run->ledger, queue, e.count, by_deleting);
    if (!by_deleting)
        return 0;
    client_declare(&w->client, name, false);
    return client_call(&w->client, QUEUE_DECLARE_OK, NULL);
}

static void work_clearer(struct worker *w)
{
    bool by_deleting = w->index == PUBLISHER_DELETER;
    unsigned queue = by_deleting ? QUEUE_DELETED : QUEUE_PURGED;
    /* The kill may have come between a deletion and the next declaration. */
    client_declare(&w->client, ledger_queue_name(queue), false);
    if (client_call(&w->client, QUEUE_DECLARE_OK, NULL) < 0)
        return;
    struct confirming *k = confirming_begin(w, w->index);
    for (unsigned left = scaled(w, 60); k && left > 0 && !is_over(w); left--) {
        if (publish_batch(w, k) < 0)
            break;
        if (one_of(&w->random, 4) == 0 && clear_queue(w, queue, by_deleting) < 0)
            break;
    }
    free(k);
}

/* --- a round ---------------------------------------------------------------------------------- */

static void *worker_run(void *arg)
{
    struct worker *w = arg;
    if (client_open(&w->client, w->run->port) == 0)
        w->work(w);
    if (w->client.why[0] && !is_over(w))
        ledger_complain(w->run->ledger, "%s %u: %s", w->name, w->index, w->client.why);
    return NULL;
}

static void workers_make(struct run *run, struct worker *workers)
{
    static void (*const works[CLIENTS])(struct worker *) = {
        work_confirmer, work_confirmer, work_confirmer, work_tx_publisher,
        work_clearer,   work_clearer,   work_consumer,  work_consumer,
        work_consumer,  work_consumer,  work_getter};
    static const char *const names[CLIENTS] = {"publisher", "publisher", "publisher", "publisher",
                                               "purger",    "deleter",   "consumer",  "consumer",
                                               "consumer",  "consumer",  "getter"};
    for (unsigned i = 0; i < CLIENTS; i++)
        workers[i] = (struct worker){
            .run = run,
            .work = works[i],
            .name = names[i],
            .index = i,
            .random = chance(&run->random),
            .client = {.fd = -1},
        };
}

static uint64_t load_us(struct run *run)
{
    uint64_t most = run->options.load_ms_max * 1000ull;
    switch (one_of(&run->random, 4)) {
    case 0: return chance(&run->random) % (most / 10 + 1);
    case 1: return chance(&run->random) % (most / 3 + 1);
    default: return chance(&run->random) % (most + 1);
    }
}

/* Load, and the end of the broker. */
static void load_round(struct run *run)
{
    struct worker workers[CLIENTS];
    uint64_t us = load_us(run);
    bool is_polite = one_of(&run->random, 16) == 0;
    atomic_store(&run->is_over, false);
    workers_make(run, workers);
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]) != 0)
            die("a thread");
    }
    pause_us(us);
    atomic_store(&run->is_over, true);
    if (is_polite)
        broker_stop(run);
    else
        broker_kill(run);
    run->stops += is_polite;
    run->kills += !is_polite;
    for (unsigned i = 0; i < CLIENTS; i++) {
        pthread_join(workers[i].thread, NULL);
        client_close(&workers[i].client);
    }
    ledger_killed(run->ledger);
}

/* --- reading everything ----------------------------------------------------------------------- */

static int verify_delivery(struct run *run, unsigned queue, const struct client_event *e)
{
    return ledger_verify(run->ledger, queue, e->message_id, e->is_persistent, e->body,
                         e->body_bytes, e->redelivered)
               ? 0
               : -1;
}

/* Reads `count` messages, and those that come although the broker did not count them. */
static int read_queue(struct run *run, struct client *c, unsigned queue, uint32_t count,
                      uint64_t *ret_tag)
{
    struct client_event e;
    uint64_t seen = 0;
    client_consume(c, ledger_queue_name(queue), queue);
    if (client_call(c, BASIC_CONSUME_OK, NULL) < 0)
        return -1;
    for (bool is_asked = false;;) {
        if (seen >= count && !is_asked) {
            client_declare(c, ledger_queue_name(queue), true);
            if (client_flush(c) < 0)
                return -1;
            is_asked = true;
        }
        if (client_next(c, &e) < 0)
            return -1;
        if (e.method == QUEUE_DECLARE_OK && e.count == 0)
            break;
        is_asked = is_asked && e.method != QUEUE_DECLARE_OK;
        if (e.method != BASIC_DELIVER)
            continue;
        if (verify_delivery(run, queue, &e) < 0)
            return -1;
        *ret_tag = e.tag;
        seen++;
    }
    if (seen != count)
        ledger_complain(run->ledger, "queue %s: %llu messages where the broker counted %u",
                        ledger_queue_name(queue), (unsigned long long)seen, count);
    return 0;
}

static int verify_queue(struct run *run, struct client *c, unsigned queue, bool is_drained)
{
    struct client_event e;
    uint64_t tag = 0;
    ledger_verify_begin(run->ledger, queue);
    client_declare(c, ledger_queue_name(queue), false);
    if (client_call(c, QUEUE_DECLARE_OK, &e) < 0)
        return -1;
    client_tx_select(c);
    if (client_call(c, TX_SELECT_OK, NULL) < 0 || read_queue(run, c, queue, e.count, &tag) < 0)
        return -1;
    ledger_verify_end(run->ledger, queue);
    if (is_drained && tag > 0) {
        client_ack(c, tag, true);
        client_tx_commit(c);
        if (client_call(c, TX_COMMIT_OK, NULL) < 0)
            return -1;
    }
    if (is_drained)
        ledger_drained(run->ledger, queue);
    client_close_channel(c);
    if (client_call(c, CHANNEL_CLOSE_OK, NULL) < 0)
        return -1;
    client_open_channel(c);
    return client_call(c, CHANNEL_OPEN_OK, NULL);
}

static bool verify_all(struct run *run, struct client *c, bool is_drained)
{
    for (unsigned queue = 0; queue < QUEUES; queue++) {
        if (verify_queue(run, c, queue, is_drained) == 0)
            continue;
        ledger_complain(run->ledger, "queue %s: cannot be read: %s", ledger_queue_name(queue),
                        c->why);
        return false;
    }
    return true;
}

static bool declare_all(struct run *run, struct client *c)
{
    for (unsigned queue = 0; queue < QUEUES; queue++) {
        client_declare(c, ledger_queue_name(queue), false);
        if (client_call(c, QUEUE_DECLARE_OK, NULL) < 0)
            goto fail;
    }
    for (unsigned i = 0; i < EXCHANGES; i++) {
        unsigned queues[TARGETS_MAX];
        client_declare_fanout(c, ledger_exchange_name(i));
        if (client_call(c, EXCHANGE_DECLARE_OK, NULL) < 0)
            goto fail;
        for (unsigned t = ledger_bound(i, queues); t-- > 0;) {
            client_bind(c, ledger_queue_name(queues[t]), ledger_exchange_name(i));
            if (client_call(c, QUEUE_BIND_OK, NULL) < 0)
                goto fail;
        }
    }
    return true;
fail:
    ledger_complain(run->ledger, "declaring: %s", c->why);
    return false;
}

/* --- the run ---------------------------------------------------------------------------------- */

static bool is_bad(struct run *run)
{
    struct ledger_counts n = ledger_counts(run->ledger);
    return n.lost + n.returned + n.twice + n.reordered + n.damaged + n.unmarked + n.other > 0;
}

static void run_tool(const char *tool, const char *flags, const char *first, const char *second)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp(tool, tool, flags, first, second, (char *)NULL);
        _exit(127);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

/* For who looks for the reason of what is found after the start. */
static void keep_killed(const struct run *run)
{
    char killed[512];
    snprintf(killed, sizeof killed, "%s/killed", run->options.dir);
    run_tool("rm", "-rf", killed, NULL);
    run_tool("cp", "-r", run->data, killed);
}

/* Starts the broker, now and then with a kill in between. */
static bool start_again(struct run *run, struct client *c)
{
    broker_start(run);
    while (one_of(&run->random, 6) == 0) {
        pause_us(chance(&run->random) % 60000);
        broker_kill(run);
        run->starts_killed++;
        run->kills++;
        broker_start(run);
    }
    return broker_wait(run, c);
}

static bool round_run(struct run *run, unsigned round)
{
    struct client c;
    load_round(run);
    if (run->options.is_kept)
        keep_killed(run);
    if (!start_again(run, &c))
        return false;
    bool is_last = run->kills >= run->options.kills;
    bool is_full = ledger_live_bytes(run->ledger) > LIVE_BYTES_MAX;
    bool is_drained = is_last || is_full || round % 10 == 9;
    bool is_verified = is_drained || one_of(&run->random, 4) != 0;
    bool is_good = !is_verified || verify_all(run, &c, is_drained);
    client_close(&c);
    if (!run->options.is_quiet) {
        struct ledger_counts n = ledger_counts(run->ledger);
        printf("round %u: %u kills, %llu confirmed, %llu delivered, %llu verified%s\n", round,
               run->kills, (unsigned long long)n.confirmed, (unsigned long long)n.delivered,
               (unsigned long long)n.verified, is_drained ? ", drained" : "");
        fflush(stdout);
    }
    return is_good && !is_bad(run);
}

static void report(struct run *run, double seconds)
{
    struct ledger_counts n = ledger_counts(run->ledger);
    printf(
        "%u kills (%u of them while starting), %u stops, %.0f s, seed %llu\n"
        "%llu messages published, %llu confirmed, %llu delivered, %llu settled\n"
        "%llu found whole after a restart; %llu came back, their ack not stored yet; %llu were never "
        "confirmed and are gone; %llu were asked for without acknowledgement and are gone\n"
        "%llu lost, %llu settled and there again, %llu twice, %llu reordered, %llu damaged, "
        "%llu not marked redelivered, %llu other faults\n",
        run->kills, run->starts_killed, run->stops, seconds, (unsigned long long)run->options.seed,
        (unsigned long long)n.published, (unsigned long long)n.confirmed,
        (unsigned long long)n.delivered, (unsigned long long)n.settled,
        (unsigned long long)n.verified, (unsigned long long)n.came_back,
        (unsigned long long)n.unconfirmed_lost, (unsigned long long)n.gambled_away,
        (unsigned long long)n.lost, (unsigned long long)n.returned, (unsigned long long)n.twice,
        (unsigned long long)n.reordered, (unsigned long long)n.damaged,
        (unsigned long long)n.unmarked, (unsigned long long)n.other);
}

static void usage(void)
{
    fputs("kill_test --broker LEVERETD [--dir DIR] [--kills N] [--loops N] [--seed N]\n"
          "          [--scale PERCENT] [--load-ms N] [--quiet] [--keep]\n",
          stderr);
    exit(64);
}

static struct options options_read(int argc, char **argv)
{
    static const struct option known[] = {
        {"broker", required_argument, NULL, 'b'},  {"dir", required_argument, NULL, 'd'},
        {"kills", required_argument, NULL, 'k'},   {"loops", required_argument, NULL, 'l'},
        {"seed", required_argument, NULL, 's'},    {"scale", required_argument, NULL, 'c'},
        {"load-ms", required_argument, NULL, 'm'}, {"quiet", no_argument, NULL, 'q'},
        {"keep", no_argument, NULL, 'p'},          {0},
    };
    struct options o = {.kills = 200,
                        .loops = 3,
                        .scale = 100,
                        .load_ms_max = 600,
                        .seed = (uint64_t)time(NULL) * 1000 + (uint64_t)getpid() % 1000};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 'b': o.broker = optarg; break;
        case 'd': o.dir = optarg; break;
        case 'k': o.kills = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'l': o.loops = (unsigned)strtoul(optarg, NULL, 10); break;
        case 's': o.seed = strtoull(optarg, NULL, 10); break;
        case 'c': o.scale = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'm': o.load_ms_max = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'q': o.is_quiet = true; break;
        case 'p': o.is_kept = true; break;
        default: usage();
        }
    }
    if (!o.broker || optind != argc)
        usage();
    return o;
}

static void prepare(struct run *run, char *made)
{
    if (!run->options.dir)
        run->options.dir = mkdtemp(made);
    else if (mkdir(run->options.dir, 0755) < 0 && errno != EEXIST)
        die(run->options.dir);
    if (!run->options.dir)
        die("a directory");
    snprintf(run->data, sizeof run->data, "%s/data", run->options.dir);
    snprintf(run->errors, sizeof run->errors, "%s/stderr", run->options.dir);
    uint64_t random = (uint64_t)getpid() ^ (uint64_t)time(NULL) << 20; /* others run beside us */
    run->port = free_port(&random);
    run->management_port = free_port(&random);
    run->random = run->options.seed;
    run->ledger = ledger_create(run->options.seed);
}

int main(int argc, char **argv)
{
    struct run run = {.options = options_read(argc, argv)};
    struct client c;
    char made[] = "/tmp/lvkill-XXXXXX";
    double began = now_s();
    prepare(&run, made);
    broker_start(&run);
    bool is_good = broker_wait(&run, &c) && declare_all(&run, &c);
    client_close(&c);
    for (unsigned round = 0; is_good && run.kills < run.options.kills; round++)
        is_good = round_run(&run, round);
    broker_stop(&run);
    check_errors(&run);
    report(&run, now_s() - began);
    is_good = is_good && !is_bad(&run);
    if (is_good)
        run_tool("rm", "-rf", run.options.dir, NULL);
    else
        printf("kept: %s\n", run.options.dir);
    ledger_free(&run.ledger);
    return is_good ? 0 : 1;
}
