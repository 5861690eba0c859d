/* A dedup_cache, compared with a simple model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "message/dedup_cache.h"

enum { VALUES = 64, STEPS = 4000, SIZE_MOST = 40 };

static uint64_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % below);
}

/* Values that collide in the hash table, so that removing one must not hide another. */
static struct value_hash value_of(uint32_t i)
{
    return (struct value_hash){.low = i % 5, .high = i};
}

struct model {
    uint32_t values[SIZE_MOST]; /* oldest first */
    uint64_t numbers[SIZE_MOST];
    uint32_t count;
};

static uint32_t model_find(const struct model *m, uint32_t value)
{
    uint32_t i = 0;
    while (i < m->count && m->values[i] != value)
        i++;
    return i;
}

static void model_remove(struct model *m, uint32_t i)
{
    m->count--;
    memmove(&m->values[i], &m->values[i + 1], (m->count - i) * sizeof m->values[0]);
    memmove(&m->numbers[i], &m->numbers[i + 1], (m->count - i) * sizeof m->numbers[0]);
}

static void step(struct dedup_cache *cache, struct model *m)
{
    uint32_t value = draw(VALUES), i = model_find(m, value);
    struct dedup_entry *entry = dedup_cache_find(cache, value_of(value));
    assert_int_equal(entry != NULL, i < m->count);
    if (entry) {
        assert_int_equal(entry->number, m->numbers[i]);
        if (draw(3) == 0) {
            dedup_cache_remove(cache, entry);
            model_remove(m, i);
        }
        return;
    }
    if (dedup_cache_is_full(cache)) {
        assert_int_equal(dedup_cache_oldest(cache)->number, m->numbers[0]);
        dedup_cache_remove(cache, dedup_cache_oldest(cache));
        model_remove(m, 0);
    }
    m->values[m->count] = value;
    m->numbers[m->count++] = dedup_cache_add(cache, value_of(value))->number;
}

static void it_remembers_the_same_values_as_a_simple_model(void **state)
{
    (void)state;
    for (uint64_t number = 1; number <= 60; number++) {
        seed = number;
        struct model model = {0};
        struct dedup_cache cache = {.size_max = 1 + draw(SIZE_MOST)};
        for (int i = 0; i < STEPS; i++) {
            step(&cache, &model);
            assert_int_equal(cache.count, model.count);
        }
        for (uint32_t value = 0; value < VALUES; value++)
            assert_int_equal(dedup_cache_find(&cache, value_of(value)) != NULL,
                             model_find(&model, value) < model.count);
        dedup_cache_free(&cache);
    }
}

static void a_large_size_takes_no_memory_until_it_is_used(void **state)
{
    (void)state;
    struct dedup_cache cache = {.size_max = 1u << 30};
    assert_null(dedup_cache_find(&cache, value_of(1)));
    assert_null(dedup_cache_oldest(&cache));
    for (uint32_t i = 0; i < 1000; i++)
        dedup_cache_add(&cache, (struct value_hash){.low = i * 0x9e3779b97f4a7c15u, .high = i});
    assert_true(cache.capacity <= 2048);
    assert_int_equal(cache.count, 1000);
    dedup_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_remembers_the_same_values_as_a_simple_model),
        cmocka_unit_test(a_large_size_takes_no_memory_until_it_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
