/* Pages of queues: chosen without asking their homes, then gathered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "manage/manage_world.h"

#define S(text) slice_str(text)

static const struct statistics_settings basic = {.rates_mode = RATES_BASIC};

static void assert_page(struct world *w, const struct queue_page *page, size_t matching,
                        const char *const *names)
{
    struct listing l;
    size_t total, count = 0;
    size_t found;
    assert_true(manage_page_queues(&w->m, &actor_cli, page, &l, &total, &found, &w->error));
    assert_int_equal(found, matching);
    for (; names[count]; count++) {
        assert_true(count < l.count);
        const struct queue_facts *f = l.rows[count];
        assert_true(slice_equal(f->name, S(names[count])));
    }
    assert_int_equal(l.count, count);
    listing_free(&l);
}
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Every page of every size has the rows that follow those of the one before. */
static void pages_by_name_are_parts_of_one_order(void **state)
{
    (void)state;
    enum { QUEUES = 120 };
    struct world w;
    world_begin(&w, basic);
    for (unsigned i = 0; i < QUEUES; i++) {
        char name[20];
        snprintf(name, sizeof name, "q%03u", i * 77 % QUEUES);
        world_declare(&w, name);
    }
    for (size_t size = 1; size <= QUEUES; size += 13) {
        for (size_t first = 0; first < QUEUES; first += size) {
            struct queue_page page = {.first = first, .count = size};
            struct listing l;
            size_t total, matching;
            assert_true(
                manage_page_queues(&w.m, &actor_cli, &page, &l, &total, &matching, &w.error));
            assert_int_equal(total, QUEUES);
            assert_int_equal(l.count, size < QUEUES - first ? size : QUEUES - first);
            for (size_t i = 0; i < l.count; i++) {
                char name[20];
                snprintf(name, sizeof name, "q%03zu", first + i);
                assert_true(slice_equal(((const struct queue_facts *)l.rows[i])->name, S(name)));
            }
            listing_free(&l);
        }
    }
    world_end(&w);
}

static void the_longest_queues_come_first(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, basic);
    static const char *const names[] = {"none", "some", "most", "few", "nil"};
    static const unsigned counts[] = {0, 20, 300, 3, 0};
    for (unsigned i = 0; i < 5; i++) {
        world_declare(&w, names[i]);
        world_publish(&w, names[i], counts[i]);
    }
    world_tick(&w);
    struct queue_page page = {
        .order = BY_STATISTIC,
        .statistic = STATISTIC_messages,
        .is_descending = true,
        .count = 3,
    };
    assert_page(&w, &page, 5, NAMES("most", "some", "few"));
    page.first = 3;
    assert_page(&w, &page, 5, NAMES("nil", "none"));
    page.first = 5;
    assert_page(&w, &page, 5, (const char *const[]){NULL});
    page.first = 0;
    page.is_descending = false;
    assert_page(&w, &page, 5, NAMES("nil", "none", "few"));
    world_publish(&w, "few", 2);
    world_tick(&w);
    page.is_descending = page.is_rate = true;
    page.count = 1;
    assert_page(&w, &page, 5, NAMES("few"));
    world_end(&w);
}

static int64_t key_of_length(const struct queue *q)
{
    return (int64_t)queue_name(q).n;
}

static void a_key_that_needs_no_home_orders_them_too(void **state)
{
    (void)state;
    struct world w;
    static const char *const names[] = {"bbb", "a", "dd", "ccc", "e"};
    world_begin(&w, basic);
    for (unsigned i = 0; i < 5; i++)
        world_declare(&w, names[i]);
    struct queue_page page = {.order = BY_KEY, .key = key_of_length, .count = 3};
    assert_page(&w, &page, 5, NAMES("a", "e", "dd"));
    page.is_descending = true;
    assert_page(&w, &page, 5, NAMES("bbb", "ccc", "dd"));
    world_end(&w);
}

static bool begins_with_p(void *arg, struct slice name)
{
    (void)arg;
    return name.n > 0 && name.p[0] == 'p';
}

static void only_queues_that_match_are_counted_and_shown(void **state)
{
    (void)state;
    struct world w;
    struct slice vhost = S("/");
    world_begin(&w, basic);
    world_declare(&w, "apples");
    world_declare(&w, "pears");
    world_declare(&w, "plums");
    struct queue_page page = {.vhost = &vhost, .matches = begins_with_p, .count = 10};
    assert_page(&w, &page, 2, NAMES("pears", "plums"));
    page.is_descending = true;
    assert_page(&w, &page, 2, NAMES("plums", "pears"));
    world_end(&w);
}

/* The name is kept as long as one of the user's queues. */
static void queues_of_a_user_are_those_that_it_has_declared(void **state)
{
    (void)state;
    struct world w;
    struct slice ann = S("ann");
    const struct actor by_ann = {.name = ann};
    const struct queue_page page = {.user = &ann, .count = 10};
    bool is_created;
    world_begin(&w, basic);
    world_declare(&w, "apples");
    assert_page(&w, &page, 0, NAMES(NULL));
    for (unsigned i = 0; i < 2; i++) {
        const char *name = i ? "plums" : "pears";
        const struct queue_declaration d = {.name = S(name)};
        assert_true(manage_declare_queue(&w.m, &by_ann, S("/"), &d, &is_created, &w.error));
    }
    const struct queue_declaration again = {.name = S("apples")};
    assert_true(manage_declare_queue(&w.m, &by_ann, S("/"), &again, &is_created, &w.error));
    assert_page(&w, &page, 2, NAMES("pears", "plums"));
    for (unsigned i = 0; i < 2; i++) {
        uint64_t ready;
        const struct queue_deletion what = {.vhost = S("/"), .name = S(i ? "plums" : "pears")};
        assert_int_equal(lv_table_count(w.m.broker->topology.queue_users), 2);
        assert_true(manage_delete_queue(&w.m, &actor_cli, &what, &ready, &w.error));
    }
    assert_page(&w, &page, 0, NAMES(NULL));
    assert_int_equal(lv_table_count(w.m.broker->topology.queue_users), 1);
    world_end(&w);
}

static void a_page_of_a_missing_vhost_is_refused(void **state)
{
    (void)state;
    struct world w;
    struct slice vhost = S("none");
    struct listing l;
    size_t total, matching;
    world_begin(&w, basic);
    const struct queue_page page = {.vhost = &vhost, .count = 10};
    assert_false(manage_page_queues(&w.m, &actor_cli, &page, &l, &total, &matching, &w.error));
    assert_int_equal(w.error.refusal, REFUSAL_NOT_FOUND);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_by_name_are_parts_of_one_order),
        cmocka_unit_test(the_longest_queues_come_first),
        cmocka_unit_test(a_key_that_needs_no_home_orders_them_too),
        cmocka_unit_test(only_queues_that_match_are_counted_and_shown),
        cmocka_unit_test(queues_of_a_user_are_those_that_it_has_declared),
        cmocka_unit_test(a_page_of_a_missing_vhost_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
