/* Publishes that are followed to their confirm, in any order in which clients can be told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "amqp/followed_confirms.h"

struct seen {
    uint64_t numbers[FOLLOWED_MAX];
    size_t count;
};

static void see(void *arg, uint64_t number, uint32_t life)
{
    struct seen *seen = arg;
    assert_int_equal(life, number * 10);
    seen->numbers[seen->count++] = number;
}

static void add(struct followed_confirms **f, uint64_t first, uint64_t last)
{
    for (uint64_t number = first; number <= last; number++)
        followed_add(f, number, (uint32_t)number * 10);
}

/* Returns how many are told, from `expected` on. */
static size_t take(struct followed_confirms **f, uint64_t number, bool multiple, uint64_t expected)
{
    struct seen seen = {0};
    followed_take(f, number, multiple, see, &seen);
    for (size_t i = 0; i < seen.count; i++)
        assert_int_equal(seen.numbers[i], expected + i);
    return seen.count;
}

static void multiple_tells_all_up_to_the_number(void **state)
{
    (void)state;
    struct followed_confirms *f = NULL;
    add(&f, 3, 5);
    add(&f, 8, 9);
    assert_int_equal(take(&f, 2, true, 0), 0);
    assert_int_equal(take(&f, 6, true, 3), 3);
    assert_int_equal(take(&f, 100, true, 8), 2);
    assert_null(f);
}

static void a_single_one_is_told_whatever_is_open_before_it(void **state)
{
    (void)state;
    struct followed_confirms *f = NULL;
    add(&f, 1, 5);
    assert_int_equal(take(&f, 4, false, 4), 1);
    assert_int_equal(take(&f, 4, false, 0), 0);
    assert_int_equal(take(&f, 6, false, 0), 0);
    assert_int_equal(take(&f, 1, false, 1), 1);
    assert_int_equal(take(&f, 3, true, 2), 2);
    assert_int_equal(take(&f, 5, false, 5), 1);
    assert_null(f);
}

enum { NUMBERS = 20 * FOLLOWED_MAX };

/* Whether each number is followed. */
struct model {
    bool is_followed[NUMBERS + 1];
    size_t count;
};

static void model_told(void *arg, uint64_t number, uint32_t life)
{
    struct model *m = arg;
    assert_int_equal(life, number * 10);
    assert_true(m->is_followed[number]);
    m->is_followed[number] = false;
    m->count--;
}

/* Tells a number, or all up to it, of those that were published, and checks that none is left. */
static void model_take(struct model *m, struct followed_confirms **f, uint64_t number,
                       bool multiple)
{
    if (*f)
        followed_take(f, number, multiple, model_told, m);
    for (uint64_t n = multiple ? 1 : number; n <= number; n++)
        assert_false(m->is_followed[n]);
    assert_int_equal(!*f, m->count == 0);
}

static void as_many_as_there_is_room_for_are_followed_again_and_again(void **state)
{
    (void)state;
    static struct model m;
    struct followed_confirms *f = NULL;
    uint64_t next = 1;
    srand(1);
    while (next + FOLLOWED_MAX < NUMBERS) {
        for (uint64_t more = (uint64_t)rand() % FOLLOWED_MAX; more > 0; more--, next++) {
            m.is_followed[next] = m.count < FOLLOWED_MAX;
            m.count += m.is_followed[next];
            followed_add(&f, next, (uint32_t)next * 10);
        }
        for (unsigned i = 0; i < 100; i++)
            model_take(&m, &f, (uint64_t)rand() % next, false);
        model_take(&m, &f, (uint64_t)rand() % next, true);
    }
    model_take(&m, &f, next - 1, true);
    assert_null(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiple_tells_all_up_to_the_number),
        cmocka_unit_test(a_single_one_is_told_whatever_is_open_before_it),
        cmocka_unit_test(as_many_as_there_is_room_for_are_followed_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
