/* Starts, stops and crashes the broker of a simulated world (world_machine.h). */
#include "world_machine.h"

#include <inttypes.h>

#include "base/error.h"
#include "base/rcu.h"
#include "broker/broker_journal.h"
#include "broker/vhost_life.h"

/* --- before and after all lives --------------------------------------------------------------- */

void machine_create(struct machine *m, uint64_t seed)
{
    m->disk = disk_sim_create(seed);
}

void machine_free(struct machine *m)
{
    disk_sim_free(&m->disk);
}

void machine_choose_limits(struct machine *m, struct story *s)
{
    m->file_bytes = STORY_PICK(s, uint64_t, 4096, 8192, 16384, 65536);
    struct pager_limits *p = &m->limits.pager;
    p->memory_high = STORY_PICK(s, size_t, 600, 4000, 20000, 200000);
    p->memory_low = p->memory_high / STORY_PICK(s, size_t, 1, 2, 4);
    p->ahead_bytes = p->memory_high * 2;
    p->ahead_chunks = STORY_PICK(s, size_t, 1, 2, 8);
    p->segment_bytes = STORY_PICK(s, size_t, 1000, 8000, 64000);
    p->block_bytes = STORY_PICK(s, size_t, 200, 2000, 20000);
    p->write_bytes = STORY_PICK(s, size_t, 1, 1000, 10000);
    p->read_bytes = STORY_PICK(s, size_t, 100, 2000, 30000);
    p->flight_bytes = STORY_PICK(s, size_t, 500, 5000, 100000);
    p->carry_bytes = STORY_PICK(s, size_t, 0, 1000, 64000);
    m->limits.delivered_ahead = STORY_PICK(s, uint64_t, 1, 8, 100, 8192);
    m->limits.files_kept = STORY_PICK(s, uint64_t, 1, 2);
}

/* --- a life ----------------------------------------------------------------------------------- */

void machine_start(struct machine *m, struct story *s)
{
    unsigned loops = 1 + (unsigned)story_below(s, MACHINE_LOOPS_MAX);
    s->life++;
    m->loops = loop_sim_create(loops, story_below(s, UINT32_MAX));
    if (story_below(s, 3) > 0)
        loop_sim_cut_slices(m->loops, 1 + (unsigned)story_below(s, 40));
    m->epoch_ms = machine_now_ms(m);
    loop_sim_advance(m->loops, m->elapsed_ms);
    m->broker = broker_create(m->loops, NULL);
    if (vhost_create(m->broker, &(struct definition_vhost){.name = slice_str("/")}, false,
                     (struct durable_done){0}, &m->vhost) != CHANGE_DONE)
        story_fail(s, "no vhost");
}

int machine_open_store(struct machine *m)
{
    const struct journal_options options = {
        .disk = disk_sim_port(m->disk),
        .file_bytes = m->file_bytes,
        .durability = m->durability,
        .is_stepped = true,
        .limits = &m->limits,
    };
    return broker_open_journal(m->broker, &options, &m->journal);
}

void machine_stop(struct machine *m, struct story *s)
{
    story_step(s, "the broker is stopped");
    machine_mend_disk(m);
    disk_sim_cut_power_at(m->disk, 0);
}

void machine_crash(struct machine *m, struct story *s)
{
    if (!machine_is_cut(m) && (m->durability != LOG_SYNC || story_one_in(s, 3))) {
        story_step(s, "the process dies");
        disk_sim_kill(m->disk);
    } else {
        story_step(s, "the power goes");
        disk_sim_cut_power(m->disk);
    }
}

void machine_close_store(struct machine *m, struct story *s)
{
    m->elapsed_ms = machine_now_ms(m) - m->epoch_ms + story_below(s, 3000);
    journal_close(&m->journal);
    loops_drain(m->loops);
}

void machine_end_life(struct machine *m)
{
    broker_free(&m->broker);
    loops_free(&m->loops);
    lv_rcu_barrier();
    disk_sim_restart(m->disk);
    disk_sim_set_room(m->disk, UINT64_MAX);
}

/* --- loops and the clock ---------------------------------------------------------------------- */

struct loop *machine_any_loop(const struct machine *m, struct story *s)
{
    return loops_at(m->loops, (unsigned)story_below(s, loops_count(m->loops)));
}

uint64_t machine_now_ms(const struct machine *m)
{
    return loop_wall_ms(loops_at(m->loops, 0));
}

/* --- the disk --------------------------------------------------------------------------------- */

bool machine_is_cut(const struct machine *m)
{
    return disk_sim_is_cut(m->disk);
}

void machine_cut_power_within(struct machine *m, struct story *s, uint64_t n)
{
    disk_sim_cut_power_at(m->disk, disk_sim_calls(m->disk) + 1 + story_below(s, n));
}

void machine_mend_disk(struct machine *m)
{
    disk_sim_fail_at(m->disk, 0, 0);
    disk_sim_set_room(m->disk, UINT64_MAX);
}

bool machine_waits_for_disk(const struct machine *m)
{
    for (unsigned i = 0; i < loops_count(m->loops); i++) {
        const struct journal_loop *p = journal_of(loops_at(m->loops, i));
        if (p && !lv_list_is_empty(&p->retries))
            return true;
    }
    return false;
}

static void count_file(void *arg, const char *name, uint64_t bytes)
{
    (void)name;
    (void)bytes;
    uint64_t *count = arg;
    ++*count;
}

static uint64_t files_in(struct machine *m, struct story *s, const char *folder)
{
    struct disk *port = disk_sim_port(m->disk);
    uint64_t count = 0;
    if (port->list(port, folder, count_file, &count) < 0)
        story_fail(s, "cannot list %s", folder);
    return count;
}

void machine_check_disk_is_empty(struct machine *m, struct story *s)
{
    uint64_t segments = files_in(m, s, "segments"), log = files_in(m, s, "log");
    story_step(s, "%" PRIu64 " segments and %" PRIu64 " files of the log are left", segments, log);
    if (segments > 0)
        story_fail(s, "%" PRIu64 " segments are left", segments);
    /* The current file, the next, those kept, the spares, and one that is about to go. */
    if (log > m->limits.files_kept + 7)
        story_fail(s, "%" PRIu64 " files of the log are left", log);
}

uint64_t machine_log_must_reach(const struct machine *m)
{
    return log_current_file(m->journal->log) + m->limits.files_kept + 3;
}
