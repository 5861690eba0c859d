/* The clients that clear the queue to which they publish, by purging or deleting it. */
#include <stdlib.h>

#include "worker.h"

/* Purges or deletes the queue, and compares the broker's count with the ledger. */
static int queue_clear(struct worker *w, unsigned queue, bool by_deleting)
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

void work_clearer(struct worker *w)
{
    bool by_deleting = w->index == PUBLISHER_DELETER;
    unsigned queue = by_deleting ? QUEUE_DELETED : QUEUE_PURGED;
    /* The kill may have come between a deletion and the next declaration. */
    client_declare(&w->client, ledger_queue_name(queue), false);
    if (client_call(&w->client, QUEUE_DECLARE_OK, NULL) < 0)
        return;
    struct confirming *k = confirming_begin(w, w->index);
    for (unsigned left = worker_scaled(w, 60); k && left > 0 && !worker_is_over(w); left--) {
        if (confirming_publish_batch(w, k, random_below(&w->random, 60)) < 0)
            break;
        if (random_below(&w->random, 4) == 0 && queue_clear(w, queue, by_deleting) < 0)
            break;
    }
    free(k);
}
