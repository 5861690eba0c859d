/* The worker as a thread, with jobs from many threads. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/paper_disk.h"
#include "store/scratch.h"
#include "store/segments.h"

enum { CLIENTS = 3, FILES_EACH = 30, BLOCKS_EACH = 6, BLOCK_BYTES = 3000 };

struct client {
    struct segments *s;
    uint64_t queue;
    _Atomic unsigned done;
    _Atomic unsigned wrong;
};

struct expected {
    struct client *client;
    uint8_t byte;
    bool is_read;
};

static void client_done(void *arg, int error, struct lv_buffer *read)
{
    struct expected *e = arg;
    bool is_right = error == 0 && e->is_read == (read != NULL) &&
                    (!read || (read->n == BLOCK_BYTES && read->p[0] == e->byte &&
                               read->p[BLOCK_BYTES - 1] == e->byte));
    if (!is_right)
        atomic_fetch_add(&e->client->wrong, 1);
    atomic_fetch_add(&e->client->done, 1);
    free(e);
}

static struct expected *expect(struct client *client, uint8_t byte, bool is_read)
{
    struct expected *e = lv_malloc(sizeof *e);
    *e = (struct expected){client, byte, is_read};
    return e;
}

static void client_block(struct client *client, uint64_t number, unsigned block)
{
    uint8_t byte = (uint8_t)(client->queue * 100 + number + block);
    struct lv_buffer b = {0};
    memset(lv_buffer_reserve(&b, BLOCK_BYTES), byte, BLOCK_BYTES);
    b.n = BLOCK_BYTES;
    segments_write(client->s, client->queue, number, block * (uint64_t)BLOCK_BYTES, &b, client_done,
                   expect(client, byte, false));
    if (block % 3 == 2)
        segments_sync(client->s, client->queue, number, client_done, expect(client, 0, false));
    segments_read(client->s, client->queue, number, block * (uint64_t)BLOCK_BYTES, BLOCK_BYTES,
                  client_done, expect(client, byte, true));
}

static void *client_run(void *arg)
{
    struct client *client = arg;
    for (unsigned block = 0; block < BLOCKS_EACH; block++)
        for (uint64_t number = 0; number < FILES_EACH; number++)
            client_block(client, number, block);
    for (uint64_t number = 0; number < FILES_EACH; number++)
        segments_remove(client->s, client->queue, number, client_done, expect(client, 0, false));
    return NULL;
}

static void check_clients(struct disk *disk)
{
    struct segments *s;
    assert_int_equal(segments_open(disk, false, &s), 0);
    struct client clients[CLIENTS];
    pthread_t threads[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.s = s, .queue = i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, client_run, &clients[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    segments_close(&s);
    for (unsigned i = 0; i < CLIENTS; i++) {
        assert_int_equal(clients[i].wrong, 0);
        assert_int_equal(clients[i].done, FILES_EACH * (BLOCKS_EACH * 2 + BLOCKS_EACH / 3 + 1));
    }
}

static void many_threads_submit_jobs_and_each_gets_its_own_answers(void **state)
{
    (void)state;
    struct paper *paper = paper_create();
    check_clients(paper_disk(paper));
    paper_free(&paper);
}

static void many_threads_do_so_on_a_real_disk(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct disk *disk = disk_posix_create(dir);
    check_clients(disk);
    char folder[4200];
    snprintf(folder, sizeof folder, "%s/segments", dir);
    assert_int_equal(rmdir(folder), 0); /* nothing is left in it */
    disk_posix_free(&disk);
    scratch_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_submit_jobs_and_each_gets_its_own_answers),
        cmocka_unit_test(many_threads_do_so_on_a_real_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
