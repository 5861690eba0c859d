/* The log with its own threads, on a real disk. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"
#include "store/log_world.h"

enum { PRODUCERS = 3, TURNS = 300, PER_TURN = 7 };

struct threaded {
    struct log *log;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    uint64_t safe[PRODUCERS];
    int error;
    uint64_t read[PRODUCERS];
    uint64_t settled[PRODUCERS];
};

static void threaded_safe(void *arg, unsigned stage, uint64_t ticket, int error)
{
    struct threaded *t = arg;
    pthread_mutex_lock(&t->lock);
    t->safe[stage] = ticket;
    t->error = error < 0 ? error : t->error;
    pthread_cond_broadcast(&t->cond);
    pthread_mutex_unlock(&t->lock);
}

static void threaded_await(struct threaded *t, unsigned stage, uint64_t ticket)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&t->lock);
    while (t->safe[stage] < ticket && t->error == 0)
        assert_int_equal(pthread_cond_timedwait(&t->cond, &t->lock, &until), 0);
    assert_int_equal(t->error, 0);
    pthread_mutex_unlock(&t->lock);
}

struct producer {
    struct threaded *t;
    unsigned index;
};

/* Publishes, settles each message ten messages later, and waits now and then for a ticket. */
static void *produce(void *arg)
{
    struct producer *p = arg;
    struct log_stage *stage = log_stage(p->t->log, p->index);
    uint8_t body[700];
    memset(body, (int)p->index, sizeof body);
    uint64_t sequence = 0;
    uint64_t ticket = 0;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct log_message message = {.is_persistent = true};
        for (unsigned i = 0; i < PER_TURN; i++) {
            message.body = slice_of(body, 50 + (sequence * 37) % 600);
            log_enqueue(stage, &message, body + i, p->index, sequence, 0, 0);
            if (sequence >= 10)
                log_settle(stage, p->index, sequence - 10, 1);
            sequence++;
        }
        ticket = log_submit(stage);
        if (turn % 16 == p->index)
            threaded_await(p->t, p->index, ticket);
    }
    threaded_await(p->t, p->index, ticket);
    return NULL;
}

static void threaded_enqueue(void *arg, uint64_t file, uint64_t queue, const struct log_carried *c)
{
    struct threaded *t = arg;
    (void)file;
    assert_int_equal(c->sequence, t->read[queue]++);
    assert_int_equal(c->message.body.n, 50 + (c->sequence * 37) % 600);
    assert_int_equal(c->message.body.p[49], queue);
}

static void threaded_settle(void *arg, uint64_t queue, uint64_t from, uint64_t count)
{
    struct threaded *t = arg;
    assert_int_equal(from, t->settled[queue]);
    t->settled[queue] += count;
    assert_true(t->settled[queue] <= t->read[queue]);
}

static const struct log_visitor threaded_visitor = {
    .enqueue = threaded_enqueue,
    .settle = threaded_settle,
};

static void remove_log(char **dir)
{
    char *folder = lv_malloc(strlen(*dir) + sizeof "/log");
    sprintf(folder, "%s/log", *dir);
    scratch_remove(&folder);
    scratch_remove(dir);
}

static void run_threaded(struct threaded *t, enum log_durability durability)
{
    char *dir = scratch_create();
    struct disk *disk = disk_posix_create(dir);
    struct log_options options = {
        .disk = disk,
        .file_bytes = 64 * 1024,
        .stages = PRODUCERS,
        .durability = durability,
        .interval_ms = 3,
        .on_safe = threaded_safe,
        .arg = t,
    };
    log_set_level(LOG_NONE);
    struct log_recovery recovery;
    assert_int_equal(log_open_and_read(&options, &threaded_visitor, t, &recovery, &t->log), 0);
    assert_int_equal(log_start(t->log), 0);
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    for (unsigned i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){t, i};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    for (unsigned i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(log_unsafe_bytes(t->log), 0);
    log_close(&t->log);
    assert_int_equal(log_open_and_read(&options, &threaded_visitor, t, &recovery, &t->log), 0);
    assert_int_equal(recovery.damaged_ranges, 0);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        assert_int_equal(t->read[i], TURNS * PER_TURN);
        assert_int_equal(t->settled[i], TURNS * PER_TURN - 10);
        log_set_floor(log_stage(t->log, i), UINT64_MAX);
    }
    assert_int_equal(log_start(t->log), 0);
    log_close(&t->log);
    disk_posix_free(&disk);
    remove_log(&dir);
}

static void loops_on_threads_of_their_own_share_a_log(void **state)
{
    (void)state;
    static const enum log_durability all[] = {LOG_SYNC, LOG_INTERVAL, LOG_NEVER};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct threaded t = {
            .lock = PTHREAD_MUTEX_INITIALIZER,
            .cond = PTHREAD_COND_INITIALIZER,
        };
        run_threaded(&t, all[i]);
    }
}

/* --- a disk that stands still ----------------------------------------------------------------- */

static pthread_mutex_t still = PTHREAD_MUTEX_INITIALIZER; /* held: syncs of files do not return */
static int (*disk_sync)(struct disk *disk, struct disk_file *file);

static int sync_unless_still(struct disk *disk, struct disk_file *file)
{
    pthread_mutex_lock(&still);
    pthread_mutex_unlock(&still);
    return disk_sync(disk, file);
}

static void wait_until_busy(const struct log *log)
{
    for (int i = 0; i < 30000 && log_busy_ms(log) < 2; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_true(log_busy_ms(log) >= 2);
}

static void a_sync_that_does_not_return_is_noticed(void **state)
{
    (void)state;
    struct threaded t = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
    char *dir = scratch_create();
    struct disk *disk = disk_posix_create(dir);
    struct log_options options = {
        .disk = disk,
        .file_bytes = 64 * 1024,
        .stages = PRODUCERS,
        .durability = LOG_SYNC,
        .on_safe = threaded_safe,
        .arg = &t,
    };
    struct log_recovery recovery;
    disk_sync = disk->sync;
    disk->sync = sync_unless_still;
    log_set_level(LOG_NONE);
    assert_int_equal(log_open_and_read(&options, &threaded_visitor, &t, &recovery, &t.log), 0);
    assert_int_equal(log_start(t.log), 0);
    struct log_message message = {.is_persistent = true, .body = slice_str("a")};
    pthread_mutex_lock(&still);
    log_enqueue(log_stage(t.log, 0), &message, &message, 0, 0, 0, 0);
    uint64_t ticket = log_submit(log_stage(t.log, 0));
    wait_until_busy(t.log);
    pthread_mutex_unlock(&still);
    threaded_await(&t, 0, ticket);
    assert_int_equal(log_busy_ms(t.log), 0);
    for (unsigned i = 0; i < PRODUCERS; i++)
        log_set_floor(log_stage(t.log, i), UINT64_MAX);
    log_close(&t.log);
    disk_posix_free(&disk);
    remove_log(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_on_threads_of_their_own_share_a_log),
        cmocka_unit_test(a_sync_that_does_not_return_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
