/* Histories of figures, under a simulated clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "manage/sample_history.h"

enum { BEGIN_MS = 100 * 1000 * 1000, TICK_MS = 5000 };

static const struct retention basic = {.count = 2, .levels = {{600, 5}, {3600, 60}}};

struct clocked {
    struct history *history;
    uint64_t now_ms;
};

static struct clocked begin(unsigned figures)
{
    return (struct clocked){history_create(&basic, figures), BEGIN_MS};
}

/* Notes the figures this many times, a tick apart. */
static void note(struct clocked *c, unsigned ticks, const uint64_t *figures)
{
    for (unsigned i = 0; i < ticks; i++) {
        c->now_ms += TICK_MS;
        history_note(c->history, c->now_ms, figures);
    }
}

static void assert_sample(const struct clocked *c, uint64_t ago_ms, uint64_t expected)
{
    uint64_t figures[HISTORY_FIGURES_MAX];
    history_samples(c->history, c->now_ms, c->now_ms - ago_ms, TICK_MS, 1, figures);
    assert_int_equal(figures[0], expected);
}

static void a_figure_is_0_before_its_first_change(void **state)
{
    (void)state;
    struct clocked c = begin(1);
    uint64_t samples[13];
    note(&c, 1, (uint64_t[]){3});
    note(&c, 1, (uint64_t[]){3});
    history_samples(c.history, c.now_ms, c.now_ms - 60000, TICK_MS, 13, samples);
    for (unsigned i = 0; i < 11; i++)
        assert_int_equal(samples[i], 0);
    assert_int_equal(samples[11], 3);
    assert_int_equal(samples[12], 3);
    history_free(&c.history);
}

static void the_last_change_is_that_of_the_last_note_alone(void **state)
{
    (void)state;
    struct clocked c = begin(2);
    int64_t by[2];
    assert_false(history_last_change(c.history, by));
    note(&c, 1, (uint64_t[]){10, 7});
    assert_true(history_last_change(c.history, by));
    assert_int_equal(by[0], 10);
    assert_int_equal(by[1], 7);
    note(&c, 1, (uint64_t[]){10, 4});
    assert_true(history_last_change(c.history, by));
    assert_int_equal(by[0], 0);
    assert_int_equal(by[1], -3);
    note(&c, 1, (uint64_t[]){10, 4});
    assert_false(history_last_change(c.history, by));
    history_free(&c.history);
}

static void large_figures_and_falls_to_0_are_kept(void **state)
{
    (void)state;
    struct clocked c = begin(1);
    note(&c, 1, (uint64_t[]){UINT64_MAX});
    note(&c, 1, (uint64_t[]){0});
    note(&c, 1, (uint64_t[]){UINT64_C(1) << 63});
    assert_sample(&c, 2 * TICK_MS, UINT64_MAX);
    assert_sample(&c, TICK_MS, 0);
    assert_sample(&c, 0, UINT64_C(1) << 63);
    history_free(&c.history);
}

static void an_old_sample_comes_from_the_coarse_level(void **state)
{
    (void)state;
    struct clocked c = begin(1);
    for (uint64_t i = 1; i <= 700; i++) /* 3,500 s */
        note(&c, 1, (uint64_t[]){i * 100});
    uint64_t samples[61], steps = 3600 / 60;
    history_samples(c.history, c.now_ms, c.now_ms - 3600 * 1000, 60 * 1000, 61, samples);
    for (uint64_t i = 2; i <= steps; i++) {
        uint64_t expected = (i * 12 - 20) * 100;
        assert_true(samples[i] <= expected);
        assert_true(samples[i] + 1200 >= expected); /* at most a step old */
    }
    history_free(&c.history);
}

static void the_last_change_of_a_coarse_step_is_noted_in_the_next_one(void **state)
{
    (void)state;
    struct clocked c = begin(1);
    note(&c, 1, (uint64_t[]){5});
    note(&c, 1, (uint64_t[]){0});
    note(&c, 400, (uint64_t[]){0}); /* 2,000 s: beyond the fine level */
    assert_sample(&c, 1800 * 1000, 0);
    history_free(&c.history);
}

static void what_is_idle_gives_its_memory_back(void **state)
{
    (void)state;
    struct clocked c = begin(1);
    size_t empty = history_bytes(c.history);
    note(&c, 20, (uint64_t[]){1});
    assert_true(history_bytes(c.history) > empty);
    note(&c, 4000 * 1000 / TICK_MS, (uint64_t[]){1});
    assert_int_equal(history_bytes(c.history), empty);
    assert_sample(&c, 600 * 1000, 1);
    note(&c, 1, (uint64_t[]){2}); /* and it begins again from what it was */
    assert_sample(&c, TICK_MS, 1);
    assert_sample(&c, 3000 * 1000, 1);
    assert_sample(&c, 0, 2);
    history_free(&c.history);
}

/* Thirteen figures, as a queue has, that all move in every round. */
static void memory_is_bounded_by_the_retention(void **state)
{
    (void)state;
    struct clocked c = begin(13);
    uint64_t figures[13] = {0};
    size_t bytes = 0;
    for (unsigned i = 0; i < 3000; i++) {
        for (unsigned f = 0; f < 13; f++)
            figures[f] += 1000 * (f + 1) + i % 7;
        note(&c, 1, figures);
        if (i == 1500)
            bytes = history_bytes(c.history);
    }
    const size_t samples = 600 / 5 + 3600 / 60;
    assert_true(history_bytes(c.history) <= bytes + bytes / 4);
    assert_true(history_bytes(c.history) <= samples * 100);
    history_free(&c.history);
}

/* The finest level against an array of everything that was noted. */
static void samples_are_what_was_noted(void **state)
{
    (void)state;
    enum { NOTES = 120 };
    struct clocked c = begin(3);
    uint64_t noted[NOTES][3], figures[3] = {0}, seed = 1, samples[NOTES * 3];
    for (unsigned i = 0; i < NOTES; i++) {
        for (unsigned f = 0; f < 3; f++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            if (seed >> 62)
                figures[f] += (seed >> 40) - (UINT64_C(1) << 22);
        }
        note(&c, 1, figures);
        memcpy(noted[i], figures, sizeof figures);
    }
    history_samples(c.history, c.now_ms, c.now_ms - (NOTES - 1) * TICK_MS, TICK_MS, NOTES, samples);
    assert_memory_equal(samples, noted, sizeof noted);
    history_free(&c.history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_figure_is_0_before_its_first_change),
        cmocka_unit_test(the_last_change_is_that_of_the_last_note_alone),
        cmocka_unit_test(large_figures_and_falls_to_0_are_kept),
        cmocka_unit_test(an_old_sample_comes_from_the_coarse_level),
        cmocka_unit_test(the_last_change_of_a_coarse_step_is_noted_in_the_next_one),
        cmocka_unit_test(what_is_idle_gives_its_memory_back),
        cmocka_unit_test(memory_is_bounded_by_the_retention),
        cmocka_unit_test(samples_are_what_was_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
