/* The workers of a round: which there are, and their threads. */
#include "worker.h"

bool worker_is_over(const struct worker *w)
{
    return atomic_load(&w->run->is_over);
}

unsigned worker_scaled(const struct worker *w, unsigned count)
{
    unsigned scale = w->run->options.scale;
    unsigned most = TAGS_MAX - 1;
    return count * scale / 100 < most ? count * scale / 100 + 1 : most;
}

static void *worker_run(void *arg)
{
    struct worker *w = arg;
    if (client_open(&w->client, w->run->port) == 0)
        w->work(w);
    if (w->client.why[0] && !worker_is_over(w))
        ledger_complain(w->run->ledger, "%s %u: %s", w->name, w->index, w->client.why);
    return NULL;
}

static void workers_make(struct run *run, struct worker workers[WORKERS])
{
    static void (*const works[WORKERS])(struct worker *) = {
        work_confirmer, work_confirmer, work_confirmer, work_tx_publisher,
        work_clearer,   work_clearer,   work_consumer,  work_consumer,
        work_consumer,  work_consumer,  work_getter};
    static const char *const names[WORKERS] = {"publisher", "publisher", "publisher", "publisher",
                                               "purger",    "deleter",   "consumer",  "consumer",
                                               "consumer",  "consumer",  "getter"};
    for (unsigned i = 0; i < WORKERS; i++)
        workers[i] = (struct worker){
            .run = run,
            .work = works[i],
            .name = names[i],
            .index = i,
            .random = random_next(&run->random),
            .client = {.fd = -1},
        };
}

void workers_start(struct run *run, struct worker workers[WORKERS])
{
    workers_make(run, workers);
    for (unsigned i = 0; i < WORKERS; i++) {
        if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]) != 0)
            die("a thread");
    }
}

void workers_join(struct worker workers[WORKERS])
{
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        client_close(&workers[i].client);
    }
}
