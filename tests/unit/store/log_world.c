#include "store/log_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

/* --- answers ---------------------------------------------------------------------------------- */

static void answer_safe(void *arg, unsigned stage, uint64_t ticket, int error)
{
    struct world *w = arg;
    lv_buffer_printf(&w->answers, "%u:%" PRIu64 "%s ", stage, ticket, error < 0 ? "!" : "");
    assert_true(ticket > w->safe[stage]);
    if (error == 0)
        w->safe[stage] = ticket;
    w->error = error;
}

static void answer_space(void *arg, bool has_room)
{
    struct world *w = arg;
    lv_buffer_printf(&w->answers, "%s ", has_room ? "room" : "no-room");
}

/* --- reading ---------------------------------------------------------------------------------- */

static void read_enqueue(void *arg, uint64_t file, uint64_t queue, const struct log_carried *c)
{
    struct world *w = arg;
    (void)file;
    w->enqueues++;
    lv_buffer_printf(&w->read, "%" PRIu64 ".%" PRIu64 "%s %.*s\n", queue, c->sequence,
                     c->flags & LOG_DELIVERED ? "*" : "",
                     (int)(c->message.body.n < 20 ? c->message.body.n : 20),
                     (const char *)c->message.body.p);
}

static void read_settle(void *arg, uint64_t queue, uint64_t from, uint64_t count)
{
    struct world *w = arg;
    lv_buffer_printf(&w->read, "settle %" PRIu64 ".%" PRIu64 "+%" PRIu64 "\n", queue, from, count);
}

static void read_queue_gone(void *arg, uint64_t queue)
{
    struct world *w = arg;
    lv_buffer_printf(&w->read, "gone %" PRIu64 "\n", queue);
}

static const struct log_visitor visitor = {
    .enqueue = read_enqueue,
    .settle = read_settle,
    .queue_gone = read_queue_gone,
};

int log_open_and_read(const struct log_options *options, const struct log_visitor *to, void *arg,
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

/* --- opening and closing ---------------------------------------------------------------------- */

int world_try_open(struct world *w)
{
    w->read.n = 0;
    w->answers.n = 0;
    w->error = 0;
    w->enqueues = 0;
    memset(w->safe, 0, sizeof w->safe);
    memset(&w->recovery, 0, sizeof w->recovery);
    return log_open_and_read(&w->options, &visitor, w, &w->recovery, &w->log);
}

void world_reopen(struct world *w)
{
    log_close(&w->log);
    disk_sim_restart(w->sim);
    assert_int_equal(world_try_open(w), 0);
}

void world_cut_power(struct world *w)
{
    disk_sim_cut_power(w->sim);
    world_reopen(w);
}

struct world *world_create(void)
{
    struct world *w = lv_calloc(1, sizeof *w);
    log_set_level(LOG_NONE);
    w->sim = disk_sim_create(1);
    w->options = (struct log_options){
        .disk = disk_sim_port(w->sim),
        .file_bytes = FILE_BYTES,
        .salt = 1,
        .stages = STAGES,
        .on_safe = answer_safe,
        .on_space = answer_space,
        .arg = w,
        .is_stepped = true,
    };
    assert_int_equal(world_try_open(w), 0);
    return w;
}

void world_free(struct world *w)
{
    log_close(&w->log);
    disk_sim_free(&w->sim);
    lv_buffer_free(&w->read);
    lv_buffer_free(&w->answers);
    free(w);
}

/* --- staging and writing ---------------------------------------------------------------------- */

void world_enqueue(struct world *w, unsigned stage, uint64_t sequence, const char *body)
{
    struct log_message message = {.body = slice_str(body), .is_persistent = true};
    log_enqueue(log_stage(w->log, stage), &message, body, stage + 1, sequence, 0, 0);
}

void world_enqueue_body(struct world *w, unsigned stage, uint64_t queue, uint64_t sequence,
                        struct slice body)
{
    struct log_message message = {.body = body, .is_persistent = true};
    log_enqueue(log_stage(w->log, stage), &message, &message, queue, sequence, 0, 0);
    log_settle(log_stage(w->log, stage), 999, sequence, 1);
}

void world_write(struct world *w, uint64_t from, uint64_t count)
{
    char body[1000];
    memset(body, 'x', sizeof body);
    for (uint64_t i = from; i < from + count; i++) {
        snprintf(body, sizeof body, "number %" PRIu64, i);
        world_enqueue_body(w, 0, 1, i, slice_of(body, sizeof body));
        world_submit_and_step(w, 0);
    }
}

void world_step(struct world *w)
{
    for (unsigned i = 0; log_step(w->log) || log_step(w->log); i++)
        assert_true(i < 10000);
}

void world_submit_and_step(struct world *w, unsigned stage)
{
    log_submit(log_stage(w->log, stage));
    world_step(w);
}

void world_set_floors(struct world *w, uint64_t file)
{
    for (unsigned i = 0; i < STAGES; i++)
        log_set_floor(log_stage(w->log, i), file);
    world_step(w);
}

/* --- the disk, and texts ---------------------------------------------------------------------- */

static void count_file(void *arg, const char *name, uint64_t bytes)
{
    unsigned *count = arg;
    (void)name, (void)bytes;
    ++*count;
}

unsigned world_files(struct world *w)
{
    struct disk *disk = disk_sim_port(w->sim);
    unsigned count = 0;
    assert_int_equal(disk->list(disk, "log", count_file, &count), 0);
    return count;
}

void world_fill_disk(struct world *w)
{
    disk_sim_set_room(w->sim, disk_sim_used(w->sim));
}

void check_text(struct lv_buffer *text, const char *expected)
{
    lv_buffer_add_u8(text, 0);
    assert_string_equal((const char *)text->p, expected);
    text->n = 0;
}
