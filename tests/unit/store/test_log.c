#include "store/scratch.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/log.h"
#include "store/log_records.h"
#include "store/sim/disk_sim.h"

enum { STAGES = 3, FILE_BYTES = 8192 };

/* --- a log on a simulated disk ---------------------------------------------------------------- */

struct fixture {
    struct disk_sim *sim;
    struct log *log;
    struct log_options options;
    struct log_recovery recovery;
    struct lv_buffer read; /* what recovery found, a line each */
    struct lv_buffer answers;
    uint64_t safe[STAGES];
    int error;
    unsigned enqueues;
};

static void answer(void *arg, unsigned stage, uint64_t ticket, int error)
{
    struct fixture *f = arg;

    lv_buffer_printf(&f->answers, "%u:%" PRIu64 "%s ", stage, ticket, error < 0 ? "!" : "");
    assert_true(ticket > f->safe[stage]);
    if (error == 0)
        f->safe[stage] = ticket;
    f->error = error;
}

static void answer_space(void *arg, bool has_room)
{
    lv_buffer_printf(&((struct fixture *)arg)->answers, "%s ", has_room ? "room" : "no-room");
}

static void read_enqueue(void *arg, uint64_t file, uint64_t queue, const struct log_carried *c)
{
    struct fixture *f = arg;

    (void)file;
    f->enqueues++;
    lv_buffer_printf(&f->read, "%" PRIu64 ".%" PRIu64 "%s %.*s\n", queue, c->sequence,
                     c->flags & LOG_DELIVERED ? "*" : "",
                     (int)(c->message.body.n < 20 ? c->message.body.n : 20),
                     (const char *)c->message.body.p);
}

static void read_settle(void *arg, uint64_t queue, uint64_t from, uint64_t count)
{
    lv_buffer_printf(&((struct fixture *)arg)->read, "settle %" PRIu64 ".%" PRIu64 "+%" PRIu64 "\n",
                     queue, from, count);
}

static void read_queue_gone(void *arg, uint64_t queue)
{
    lv_buffer_printf(&((struct fixture *)arg)->read, "gone %" PRIu64 "\n", queue);
}

static const struct log_visitor visitor = {
    .enqueue = read_enqueue,
    .settle = read_settle,
    .queue_gone = read_queue_gone,
};

/* Opens a log and reads all that was there. */
static int open_and_read(const struct log_options *options, const struct log_visitor *to, void *arg,
                         struct log_recovery *ret_recovery, struct log **ret)
{
    bool is_over = false;
    int err = log_open(options, ret);

    while (err == 0 && !is_over)
        err = log_read(*ret, to, arg, &is_over);
    if (err == 0)
        *ret_recovery = log_recovered(*ret);
    return err;
}

static int try_open(struct fixture *f)
{
    f->read.n = 0;
    f->answers.n = 0;
    f->error = 0;
    f->enqueues = 0;
    memset(f->safe, 0, sizeof f->safe);
    memset(&f->recovery, 0, sizeof f->recovery);
    return open_and_read(&f->options, &visitor, f, &f->recovery, &f->log);
}

static void open_again(struct fixture *f)
{
    log_close(&f->log);
    disk_sim_restart(f->sim);
    assert_int_equal(try_open(f), 0);
}

static void cut_power_and_open(struct fixture *f)
{
    disk_sim_cut_power(f->sim);
    open_again(f);
}

static struct fixture *fixture_create(void)
{
    struct fixture *f = lv_calloc(1, sizeof *f);

    log_set_level(LOG_NONE);
    f->sim = disk_sim_create(1);
    f->options = (struct log_options){
        .disk = disk_sim_port(f->sim),
        .file_bytes = FILE_BYTES,
        .stages = STAGES,
        .on_safe = answer,
        .on_space = answer_space,
        .arg = f,
        .is_stepped = true,
    };
    assert_int_equal(try_open(f), 0);
    return f;
}

static void fixture_free(struct fixture *f)
{
    log_close(&f->log);
    disk_sim_free(&f->sim);
    lv_buffer_free(&f->read);
    lv_buffer_free(&f->answers);
    free(f);
}

static void check_text(struct lv_buffer *b, const char *expected)
{
    lv_buffer_add_u8(b, 0);
    assert_string_equal((const char *)b->p, expected);
    b->n = 0;
}

static void enqueue_body(struct fixture *f, unsigned stage, uint64_t queue, uint64_t sequence,
                         struct slice body)
{
    struct log_message message = {.body = body, .is_persistent = true};

    log_enqueue(log_stage(f->log, stage), &message, &message, queue, sequence, 0, 0);
    log_settle(log_stage(f->log, stage), 999, sequence, 1); /* the next is another message */
}

static void enqueue(struct fixture *f, unsigned stage, uint64_t sequence, const char *body)
{
    struct log_message message = {.body = slice_str(body), .is_persistent = true};

    log_enqueue(log_stage(f->log, stage), &message, body, stage + 1, sequence, 0, 0);
}

static void step(struct fixture *f)
{
    for (unsigned i = 0; log_step(f->log) || log_step(f->log); i++)
        assert_true(i < 10000);
}

static void submit_and_step(struct fixture *f, unsigned stage)
{
    log_submit(log_stage(f->log, stage));
    step(f);
}

static void count_file(void *arg, const char *name, uint64_t bytes)
{
    (void)name, (void)bytes;
    ++*(unsigned *)arg;
}

static unsigned files(struct fixture *f)
{
    struct disk *disk = disk_sim_port(f->sim);
    unsigned count = 0;

    assert_int_equal(disk->list(disk, "log", count_file, &count), 0);
    return count;
}

/* --- staging and answers ---------------------------------------------------------------------- */

static void a_ticket_is_safe_after_the_sync_and_not_before(void **state)
{
    struct fixture *f = fixture_create();
    struct log_stage *stage = log_stage(f->log, 0);

    (void)state;
    assert_int_equal(log_submit(stage), 0); /* nothing staged yet */
    assert_int_equal(log_ticket(stage), 0);
    enqueue(f, 0, 1, "one");
    assert_int_equal(log_ticket(stage), 1);
    assert_int_equal(log_submit(stage), 1);
    assert_int_equal(log_submit(stage), 1);
    assert_int_equal(log_ticket(stage), 1);
    assert_true(log_unsafe_bytes(f->log) > 0);
    check_text(&f->answers, "");
    step(f);
    assert_int_equal(log_unsafe_bytes(f->log), 0);
    check_text(&f->answers, "0:1 ");
    cut_power_and_open(f);
    check_text(&f->read, "1.1 one\n");
    fixture_free(f);
}

static void what_is_staged_and_not_submitted_is_not_stored(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    enqueue(f, 0, 1, "one");
    submit_and_step(f, 0);
    enqueue(f, 0, 2, "two");
    step(f);
    open_again(f);
    check_text(&f->read, "1.1 one\n");
    fixture_free(f);
}

static void many_turns_of_all_stages_share_one_sync(void **state)
{
    struct fixture *f = fixture_create();
    uint64_t syncs;

    (void)state;
    step(f); /* the next file is prepared, the first is left for it with the next write */
    enqueue(f, 0, 1, "first");
    submit_and_step(f, 0);
    f->answers.n = 0;
    syncs = disk_sim_syncs(f->sim);
    for (uint64_t i = 1; i <= 10; i++)
        for (unsigned s = 0; s < STAGES; s++) {
            enqueue(f, s, i + 1, "x");
            log_submit(log_stage(f->log, s));
        }
    assert_true(log_step(f->log));
    assert_int_equal(disk_sim_syncs(f->sim), syncs + 1);
    check_text(&f->answers, "0:11 1:10 2:10 ");
    fixture_free(f);
}

static void a_message_for_many_queues_is_stored_once(void **state)
{
    struct fixture *f = fixture_create();
    uint8_t *body = lv_calloc(1, 100000);
    struct log_message message = {.body = slice_of(body, 100000)};
    uint64_t before = disk_sim_used(f->sim);

    (void)state;
    for (uint64_t q = 1; q <= 5000; q++)
        log_enqueue(log_stage(f->log, 0), &message, &message, q, 7, q % 2 ? 0 : LOG_DELIVERED, 0);
    submit_and_step(f, 0);
    assert_true(disk_sim_used(f->sim) - before < 100000 + 5000 * 16 + 4 * FILE_BYTES);
    cut_power_and_open(f);
    assert_int_equal(f->enqueues, 5000);
    assert_int_equal(f->recovery.records, 1);
    fixture_free(f);
    free(body);
}

static void messages_are_told_apart_even_at_the_same_address(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    enqueue_body(f, 0, 1, 1, slice_str("a"));
    enqueue_body(f, 0, 1, 2, slice_str("b"));
    submit_and_step(f, 0);
    cut_power_and_open(f);
    check_text(&f->read, "1.1 a\n1.2 b\nsettle 999.1+2\n");
    fixture_free(f);
}

static void settles_one_by_one_become_one_range_for_each_queue(void **state)
{
    struct fixture *f = fixture_create();
    struct log_stage *stage = log_stage(f->log, 0);

    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        for (uint64_t q = 1; q <= 3; q++)
            log_settle(stage, q, q == 3 ? 5000 - i : 100 * q + i, 1);
    enqueue(f, 0, 1, "between"); /* may come first: a settle may wait */
    log_settle(stage, 1, 1100, 5);
    log_queue_gone(stage, 9);
    log_settle(stage, 1, 1105, 1);
    submit_and_step(f, 0);
    cut_power_and_open(f);
    check_text(&f->read, "1.1 between\nsettle 1.100+1005\nsettle 2.200+1000\nsettle 3.4001+1000\n"
                         "gone 9\nsettle 1.1105+1\n");
    assert_int_equal(f->recovery.records, 4);
    fixture_free(f);
}

static void settles_without_order_are_all_kept(void **state)
{
    struct fixture *f = fixture_create();
    unsigned lines = 0;

    (void)state;
    for (uint64_t i = 0; i < 5000; i++)
        log_settle(log_stage(f->log, 0), i % 700, i * 2, 1);
    submit_and_step(f, 0);
    cut_power_and_open(f);
    for (size_t i = 0; i < f->read.n; i++)
        lines += f->read.p[i] == '\n';
    assert_int_equal(lines, 5000);
    fixture_free(f);
}

static void closing_stores_what_was_submitted(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    for (uint64_t i = 1; i <= 3; i++) {
        enqueue(f, 0, i, "x");
        log_submit(log_stage(f->log, 0));
    }
    open_again(f);
    check_text(&f->read, "1.1 x\n1.2 x\n1.3 x\n");
    assert_int_equal(f->recovery.torn_bytes, 0);
    fixture_free(f);
}

/* --- files ------------------------------------------------------------------------------------ */

static void write_some(struct fixture *f, uint64_t from, uint64_t count)
{
    char body[1000];

    memset(body, 'x', sizeof body);
    for (uint64_t i = from; i < from + count; i++) {
        snprintf(body, sizeof body, "number %" PRIu64, i);
        enqueue_body(f, 0, 1, i, slice_of(body, sizeof body));
        submit_and_step(f, 0);
    }
}

static void set_floors(struct fixture *f, uint64_t file)
{
    for (unsigned i = 0; i < STAGES; i++)
        log_set_floor(log_stage(f->log, i), file);
    step(f);
}

static void files_that_nobody_needs_are_used_again(void **state)
{
    struct fixture *f = fixture_create();
    unsigned most = 0;

    (void)state;
    for (uint64_t i = 0; i < 200; i++) {
        write_some(f, i, 1);
        set_floors(f, log_current_file(f->log));
        most = files(f) > most ? files(f) : most;
    }
    assert_true(log_current_file(f->log) > 25);
    assert_true(most <= 6);
    assert_true(disk_sim_used(f->sim) <= 6 * FILE_BYTES);
    cut_power_and_open(f);
    assert_int_equal(f->recovery.broken_places, 0);
    assert_int_equal(f->recovery.files, 1);
    assert_true(f->enqueues > 0);
    assert_true(f->enqueues < 10);
    fixture_free(f);
}

static void files_stay_as_long_as_one_stage_needs_them(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    write_some(f, 0, 50);
    log_set_floor(log_stage(f->log, 0), log_current_file(f->log));
    log_set_floor(log_stage(f->log, 2), UINT64_MAX);
    step(f);
    cut_power_and_open(f);
    assert_int_equal(f->enqueues, 50);
    set_floors(f, log_current_file(f->log));
    cut_power_and_open(f);
    assert_int_equal(f->enqueues, 0);
    fixture_free(f);
}

static void a_stage_that_stages_a_message_depends_on_it(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    set_floors(f, UINT64_MAX);
    write_some(f, 0, 50); /* over several files, the floors never lowered by hand */
    cut_power_and_open(f);
    assert_int_equal(f->enqueues, 50);
    fixture_free(f);
}

static void a_record_larger_than_a_file_has_one_of_its_own(void **state)
{
    struct fixture *f = fixture_create();
    uint8_t *body = lv_calloc(1, 10 * FILE_BYTES);

    (void)state;
    enqueue(f, 0, 1, "before");
    log_submit(log_stage(f->log, 0));
    enqueue_body(f, 0, 1, 2, slice_of(body, 10 * FILE_BYTES));
    enqueue(f, 0, 3, "behind");
    submit_and_step(f, 0);
    write_some(f, 4, 3);
    assert_int_equal(f->safe[0], 5);
    cut_power_and_open(f);
    assert_int_equal(f->enqueues, 6);
    set_floors(f, UINT64_MAX);
    step(f);
    assert_true(disk_sim_used(f->sim) <= 6 * FILE_BYTES); /* too large to be of use again */
    fixture_free(f);
    free(body);
}

static void starting_again_and_again_takes_no_more_files(void **state)
{
    struct fixture *f = fixture_create();
    unsigned count;

    (void)state;
    enqueue(f, 0, 1, "one");
    submit_and_step(f, 0);
    open_again(f);
    step(f);
    count = files(f);
    for (unsigned i = 0; i < 20; i++) {
        if (i % 2)
            disk_sim_cut_power(f->sim);
        open_again(f);
        check_text(&f->read, "1.1 one\n");
        step(f);
        assert_true(files(f) <= count + 1);
    }
    fixture_free(f);
}

/* --- the other modes -------------------------------------------------------------------------- */

static void without_syncs_a_ticket_is_answered_after_the_write(void **state)
{
    struct fixture *f = fixture_create();
    uint64_t syncs;

    (void)state;
    f->options.durability = LOG_NEVER;
    open_again(f);
    step(f);
    enqueue(f, 0, 1, "one");
    submit_and_step(f, 0); /* the files are ready: no sync comes of that any more */
    syncs = disk_sim_syncs(f->sim);
    enqueue(f, 0, 2, "two");
    submit_and_step(f, 0);
    check_text(&f->answers, "0:1 0:2 ");
    assert_int_equal(disk_sim_syncs(f->sim), syncs);
    disk_sim_kill(f->sim); /* the process dies, the machine lives */
    open_again(f);
    check_text(&f->read, "1.1 one\n1.2 two\n");
    cut_power_and_open(f); /* recovery has made it last */
    check_text(&f->read, "1.1 one\n1.2 two\n");
    fixture_free(f);
}

static void with_an_interval_the_sync_comes_later(void **state)
{
    struct fixture *f = fixture_create();
    uint64_t syncs;

    (void)state;
    f->options.durability = LOG_INTERVAL;
    open_again(f);
    step(f);
    enqueue(f, 0, 1, "one");
    submit_and_step(f, 0);
    enqueue(f, 0, 2, "two");
    log_submit(log_stage(f->log, 0));
    syncs = disk_sim_syncs(f->sim);
    f->answers.n = 0;
    assert_true(log_step(f->log));
    check_text(&f->answers, "0:2 ");
    assert_int_equal(disk_sim_syncs(f->sim), syncs);
    assert_true(log_step(f->log)); /* a stepped log's interval is over when it has nothing to do */
    assert_int_equal(disk_sim_syncs(f->sim), syncs + 1);
    cut_power_and_open(f);
    check_text(&f->read, "1.1 one\n1.2 two\n");
    fixture_free(f);
}

/* --- trouble ---------------------------------------------------------------------------------- */

static void a_full_disk_holds_the_log_up_and_loses_nothing(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    write_some(f, 0, 1);
    disk_sim_set_room(f->sim, disk_sim_used(f->sim));
    for (uint64_t i = 1; i < 40; i++) {
        char body[300] = "later";

        enqueue_body(f, 1, 2, i, slice_of(body, sizeof body));
        log_submit(log_stage(f->log, 1));
        step(f);
    }
    assert_true(f->safe[1] < 39);
    assert_int_equal(log_failure(f->log), 0);
    assert_true(log_unsafe_bytes(f->log) > 0);
    assert_non_null(memmem(f->answers.p, f->answers.n, "no-room ", 8));
    f->answers.n = 0;
    disk_sim_set_room(f->sim, UINT64_MAX);
    step(f);
    assert_int_equal(f->safe[1], 39);
    assert_int_equal(log_unsafe_bytes(f->log), 0);
    assert_non_null(memmem(f->answers.p, f->answers.n, "room ", 5));
    cut_power_and_open(f);
    assert_int_equal(f->enqueues, 40);
    fixture_free(f);
}

static void closing_on_a_full_disk_fails_what_is_left(void **state)
{
    struct fixture *f = fixture_create();
    uint8_t body[3 * FILE_BYTES] = {0};

    (void)state;
    step(f);
    disk_sim_set_room(f->sim, disk_sim_used(f->sim));
    enqueue_body(f, 0, 1, 1, slice_of(body, sizeof body));
    submit_and_step(f, 0);
    check_text(&f->answers, "no-room ");
    log_close(&f->log);
    check_text(&f->answers, "0:1! ");
    assert_int_equal(f->error, ERR_NO_SPACE);
    fixture_free(f);
}

/* A run in which the call with this number fails: a full disk passes unless it shows in a sync, and
 * anything else is final for what was not safe. */
static void run_with_failure(uint64_t n, int error)
{
    struct fixture *f = fixture_create();
    uint64_t safe;
    int failure;

    disk_sim_fail_at(f->sim, disk_sim_calls(f->sim) + n, error);
    write_some(f, 0, 30);
    safe = f->safe[0];
    failure = log_failure(f->log);
    if (failure == 0) {
        assert_int_equal(safe, 30);
    } else {
        assert_int_equal(failure, error);
        assert_true(safe < 30);
        enqueue(f, 1, 1, "later");
        submit_and_step(f, 1);
        assert_int_equal(f->safe[1], 0);
        assert_int_equal(f->error, failure);
        assert_int_equal(log_unsafe_bytes(f->log), 0);
    }
    cut_power_and_open(f);
    assert_in_range(f->enqueues, safe, 30);
    assert_int_equal(f->recovery.broken_places, 0);
    fixture_free(f);
}

static void whichever_call_fails_nothing_safe_is_lost(void **state)
{
    static const int errors[] = {ERR_IO, ERR_NO_SPACE, ERR_NO_DESCRIPTORS};

    (void)state;
    for (size_t e = 0; e < sizeof errors / sizeof errors[0]; e++)
        for (uint64_t n = 1; n < 150; n++)
            run_with_failure(n, errors[e]);
}

/* --- damage ----------------------------------------------------------------------------------- */

static struct fixture *written_log(void)
{
    struct fixture *f = fixture_create();

    write_some(f, 0, 40);
    return f;
}

/* A log of 40 messages, closed in good order, with one bit turned: whatever place it is, the other
 * messages are read, in order, and the damage is reported or did not matter. */
static void damage_loses_what_is_damaged_alone(void **state)
{
    struct fixture *whole = written_log();
    struct lv_buffer all = {0};
    unsigned reported = 0;
    unsigned lost = 0;

    (void)state;
    open_again(whole);
    lv_buffer_add(&all, whole->read.p, whole->read.n);
    lv_buffer_add_u8(&all, 0);
    fixture_free(whole);
    for (unsigned i = 0; i < 600; i++) {
        struct fixture *f = written_log();
        char path[64];
        const char *at = (const char *)all.p;

        log_close(&f->log);
        snprintf(path, sizeof path, "log/%020u.log", 1 + i % 6);
        disk_sim_flip_bit(f->sim, path, 64 + i * 13, i % 8);
        assert_int_equal(try_open(f), 0);
        assert_true(f->enqueues >= 39);
        reported += f->recovery.broken_places > 0;
        lost += 40 - f->enqueues;
        assert_true(f->enqueues == 40 || f->recovery.broken_places == 1);
        for (size_t p = 0; p < f->read.n;) {
            size_t n =
                (size_t)((uint8_t *)memchr(f->read.p + p, '\n', f->read.n - p) - (f->read.p + p)) +
                1;
            char *line = slice_strdup(slice_of(f->read.p + p, n));

            at = strstr(at, line);
            assert_non_null(at);
            at += n;
            p += n;
            free(line);
        }
        fixture_free(f);
    }
    assert_true(lost > 300);
    assert_true(reported >= lost);
    lv_buffer_free(&all);
}

static void a_missing_file_is_reported_and_the_others_are_read(void **state)
{
    struct fixture *f = written_log();
    struct disk *disk = disk_sim_port(f->sim);

    (void)state;
    assert_true(log_current_file(f->log) > 4);
    log_close(&f->log);
    assert_int_equal(disk->remove(disk, "log/00000000000000000003.log"), 0);
    assert_int_equal(try_open(f), 0);
    assert_int_equal(f->recovery.broken_places, 1);
    assert_in_range(f->enqueues, 25, 38);
    fixture_free(f);
}

static void a_damaged_header_costs_no_record(void **state)
{
    struct fixture *f = written_log();

    (void)state;
    log_close(&f->log);
    assert_true(disk_sim_flip_bit(f->sim, "log/00000000000000000003.log", 20, 1));
    assert_int_equal(try_open(f), 0);
    assert_int_equal(f->recovery.broken_places, 1);
    assert_int_equal(f->enqueues, 40);
    fixture_free(f);
}

static void write_header(struct fixture *f, const char *path, uint32_t version)
{
    struct disk *disk = disk_sim_port(f->sim);
    struct disk_file *file = NULL;
    uint8_t bytes[LOG_FILE_HEADER_BYTES];
    struct iovec part = {bytes, sizeof bytes};

    log_put_file_header(bytes, &(struct log_file_header){version, 3, 4});
    if (version == 0)
        memset(bytes, 0, sizeof bytes);
    assert_int_equal(disk->open(disk, path, DISK_OPEN_WRITE, &file), 0);
    assert_int_equal(disk->write(disk, file, 0, &part, 1), 0);
    assert_int_equal(disk->sync(disk, file), 0);
    disk->close(disk, &file);
}

/* The disk holds what it holds and not a byte more. */
static void fill_disk(struct fixture *f)
{
    disk_sim_set_room(f->sim, disk_sim_used(f->sim));
}

static void a_log_begins_on_a_full_disk_and_goes_on_in_its_reserve(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    write_some(f, 0, 3);
    while (log_step(f->log))
        ;
    log_close(&f->log);
    fill_disk(f);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(try_open(f), 0);
        log_settle(log_stage(f->log, 0), 1, i, 1);
        uint64_t ticket = log_submit(log_stage(f->log, 0));
        while (log_step(f->log))
            ;
        assert_int_equal(f->safe[0], ticket);
        log_close(&f->log);
        f->safe[0] = 0;
    }
    fixture_free(f);
}

static void a_newer_version_is_refused(void **state)
{
    struct fixture *f = written_log();

    (void)state;
    log_close(&f->log);
    write_header(f, "log/00000000000000000003.log", LOG_FORMAT_VERSION + 1);
    assert_int_equal(try_open(f), ERR_FORMAT);
    assert_non_null(strstr(lv_error_reason(ERR_FORMAT), "log/00000000000000000003.log"));
    assert_null(f->log);
    assert_int_equal(f->enqueues, 0);
    fixture_free(f);
}

static void
a_format_of_headers_that_only_a_newer_leveret_knows_is_refused_by_file_and_offset(void **state)
{
    const struct log_message later = {.format = HEADER_FORMATS, .is_persistent = true};
    struct fixture *f = written_log();

    (void)state;
    log_enqueue(log_stage(f->log, 0), &later, &later, 1, 1000, 0, 0);
    log_submit(log_stage(f->log, 0));
    while (log_step(f->log))
        ;
    log_close(&f->log);
    assert_int_equal(try_open(f), ERR_FORMAT);
    assert_non_null(strstr(lv_error_reason(ERR_FORMAT), ".log, offset "));
    assert_non_null(strstr(lv_error_reason(ERR_FORMAT), "of the format 3"));
    fixture_free(f);
}

static void a_log_without_any_header_is_not_taken_for_an_empty_one(void **state)
{
    struct fixture *f = fixture_create();
    char path[64];

    (void)state;
    write_some(f, 0, 3);
    log_close(&f->log);
    for (unsigned i = 1; i <= 3; i++) {
        snprintf(path, sizeof path, "log/%020u.log", i);
        if (disk_sim_flip_bit(f->sim, path, 0, 1))
            write_header(f, path, 0);
    }
    assert_int_equal(try_open(f), ERR_FORMAT);
    fixture_free(f);
}

/* Bodies full of bytes that look like headers of records, each with another length: looking for the
 * next record behind damage must end all the same. */
static void a_body_that_looks_like_records_is_searched_in_bounded_time(void **state)
{
    enum { BODY = 400000 };
    struct fixture *f = fixture_create();
    uint8_t *body = lv_malloc(BODY);

    (void)state;
    for (size_t i = 0; i < BODY; i += 16) {
        memset(body + i, 0xaa, 8);
        log_put32(body + i + 8, (uint32_t)(BODY - i));
        log_put32(body + i + 12, LOG_ENQUEUE);
    }
    enqueue(f, 0, 1, "before");
    submit_and_step(f, 0);
    enqueue_body(f, 0, 1, 2, slice_of(body, BODY));
    submit_and_step(f, 0);
    enqueue(f, 0, 3, "behind");
    submit_and_step(f, 0);
    log_close(&f->log);
    for (unsigned file = 1; file <= 3; file++) {
        char path[64];

        snprintf(path, sizeof path, "log/%020u.log", file);
        disk_sim_flip_bit(f->sim, path, 128 + 9, 7); /* the length of the record itself */
        disk_sim_flip_bit(f->sim, path, 128 + 9 + 300000, 7);
    }
    assert_int_equal(try_open(f), 0);
    assert_true(f->recovery.broken_places >= 1);
    fixture_free(f);
    free(body);
}

/* --- with threads, on a real disk ------------------------------------------------------------- */

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

/* Publishes, settles what is old, waits now and then, and lets go of files. */
static void *produce(void *arg)
{
    struct producer *p = arg;
    struct log_stage *stage = log_stage(p->t->log, p->index);
    uint8_t body[700];
    uint64_t sequence = 0;
    uint64_t ticket = 0;

    memset(body, (int)p->index, sizeof body);
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

static void remove_folder(char **dir)
{
    char path[256];
    struct disk *disk = disk_posix_create(*dir);

    for (unsigned i = 1; i < 2000; i++) {
        snprintf(path, sizeof path, "log/%020u.log", i);
        disk->remove(disk, path);
    }
    disk->remove(disk, "log/reserve");
    disk_posix_free(&disk);
    snprintf(path, sizeof path, "%s/log", *dir);
    assert_int_equal(rmdir(path), 0);
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
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    struct log_recovery recovery;

    log_set_level(LOG_NONE);
    assert_int_equal(open_and_read(&options, &threaded_visitor, t, &recovery, &t->log), 0);
    assert_int_equal(log_start(t->log), 0);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){t, i};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    for (unsigned i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(log_unsafe_bytes(t->log), 0);
    log_close(&t->log);
    assert_int_equal(open_and_read(&options, &threaded_visitor, t, &recovery, &t->log), 0);
    assert_int_equal(recovery.broken_places, 0);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        assert_int_equal(t->read[i], TURNS * PER_TURN);
        assert_int_equal(t->settled[i], TURNS * PER_TURN - 10);
        log_set_floor(log_stage(t->log, i), UINT64_MAX);
    }
    assert_int_equal(log_start(t->log), 0);
    log_close(&t->log);
    disk_posix_free(&disk);
    remove_folder(&dir);
}

static void loops_on_threads_of_their_own_share_a_log(void **state)
{
    static const enum log_durability all[] = {LOG_SYNC, LOG_INTERVAL, LOG_NEVER};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct threaded t = {
            .lock = PTHREAD_MUTEX_INITIALIZER,
            .cond = PTHREAD_COND_INITIALIZER,
        };

        run_threaded(&t, all[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_safe_after_the_sync_and_not_before),
        cmocka_unit_test(what_is_staged_and_not_submitted_is_not_stored),
        cmocka_unit_test(many_turns_of_all_stages_share_one_sync),
        cmocka_unit_test(a_message_for_many_queues_is_stored_once),
        cmocka_unit_test(messages_are_told_apart_even_at_the_same_address),
        cmocka_unit_test(settles_one_by_one_become_one_range_for_each_queue),
        cmocka_unit_test(settles_without_order_are_all_kept),
        cmocka_unit_test(closing_stores_what_was_submitted),
        cmocka_unit_test(files_that_nobody_needs_are_used_again),
        cmocka_unit_test(files_stay_as_long_as_one_stage_needs_them),
        cmocka_unit_test(a_stage_that_stages_a_message_depends_on_it),
        cmocka_unit_test(a_record_larger_than_a_file_has_one_of_its_own),
        cmocka_unit_test(starting_again_and_again_takes_no_more_files),
        cmocka_unit_test(without_syncs_a_ticket_is_answered_after_the_write),
        cmocka_unit_test(with_an_interval_the_sync_comes_later),
        cmocka_unit_test(a_full_disk_holds_the_log_up_and_loses_nothing),
        cmocka_unit_test(closing_on_a_full_disk_fails_what_is_left),
        cmocka_unit_test(whichever_call_fails_nothing_safe_is_lost),
        cmocka_unit_test(damage_loses_what_is_damaged_alone),
        cmocka_unit_test(a_missing_file_is_reported_and_the_others_are_read),
        cmocka_unit_test(a_damaged_header_costs_no_record),
        cmocka_unit_test(a_log_begins_on_a_full_disk_and_goes_on_in_its_reserve),
        cmocka_unit_test(a_newer_version_is_refused),
        cmocka_unit_test(
            a_format_of_headers_that_only_a_newer_leveret_knows_is_refused_by_file_and_offset),
        cmocka_unit_test(a_log_without_any_header_is_not_taken_for_an_empty_one),
        cmocka_unit_test(a_body_that_looks_like_records_is_searched_in_bounded_time),
        cmocka_unit_test(loops_on_threads_of_their_own_share_a_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
