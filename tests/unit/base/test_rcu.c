#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/rcu.h"

enum { KEYS = 2000, READERS = 3, WRITES = 60000 };

/* A node that can be checked: what a reader finds must have its key and be complete. */
struct entry {
    struct lv_table_node node;
    struct lv_rcu_head rcu;
    char key[16];
    unsigned twice;
    unsigned number;
};

static struct lv_table *table;
static atomic_bool is_over;
static atomic_uint readers_that_found;
static atomic_uint freed;

static struct entry *entry_create(unsigned number)
{
    struct entry *e = lv_calloc(1, sizeof *e);
    int n = snprintf(e->key, sizeof e->key, "key-%u", number);
    e->node.key = slice_of(e->key, (size_t)n);
    e->number = number;
    e->twice = number * 2;
    return e;
}

static void entry_free(struct lv_rcu_head *head)
{
    struct entry *e = lv_container_of(head, struct entry, rcu);
    e->twice = 1; /* odd: never right */
    atomic_fetch_add(&freed, 1);
    free(e);
}

static struct entry *find(unsigned number)
{
    char key[16];
    int n = snprintf(key, sizeof key, "key-%u", number);
    struct lv_table_node *node = lv_table_find(table, slice_of(key, (size_t)n));
    return node ? lv_container_of(node, struct entry, node) : NULL;
}

static void *reader(void *arg)
{
    unsigned seed = *(unsigned *)arg;
    size_t found = 0;
    lv_rcu_register_thread();
    for (unsigned i = 0; !atomic_load(&is_over); i++) {
        seed = seed * 1664525u + 1013904223u;
        struct entry *e = find((seed >> 8) % KEYS);
        if (e) {
            if (e->twice != e->number * 2 || e->number != (seed >> 8) % KEYS)
                abort();
            if (found++ == 0)
                atomic_fetch_add(&readers_that_found, 1);
        }
        if (i % 64 == 0)
            lv_rcu_quiescent();
        if (i % 4096 == 0) {
            lv_rcu_offline();
            lv_rcu_offline();
            lv_rcu_online();
            lv_rcu_online();
        }
    }
    lv_rcu_offline();
    lv_rcu_unregister_thread();
    return (void *)found;
}

static void entry_remove(struct entry *e)
{
    lv_table_remove(table, &e->node);
    lv_rcu_defer(&e->rcu, entry_free);
}

static void readers_find_whole_nodes_while_a_writer_changes_the_table(void **state)
{
    (void)state;
    pthread_t threads[READERS];
    unsigned seeds[READERS] = {1, 2, 3};
    unsigned seed = 99;
    unsigned removed = 0;
    size_t present = 0;
    lv_rcu_register_thread();
    table = lv_table_create();
    for (unsigned i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, &seeds[i]), 0);
    for (unsigned i = 0; i < WRITES || atomic_load(&readers_that_found) < READERS; i++) {
        seed = seed * 1664525u + 1013904223u;
        struct entry *e = find((seed >> 8) % KEYS);
        if (e) {
            entry_remove(e);
            removed++;
            present--;
        } else {
            e = entry_create((seed >> 8) % KEYS);
            lv_table_insert(table, &e->node);
            present++;
        }
        assert_int_equal(lv_table_count(table), present);
        lv_rcu_quiescent();
    }
    size_t walked = 0;
    struct lv_table_iter it;
    for (struct lv_table_node *n = lv_table_first(table, &it); n; n = lv_table_next(table, &it)) {
        struct entry *e = lv_container_of(n, struct entry, node);
        assert_int_equal(e->twice, e->number * 2);
        entry_remove(e);
        removed++;
        walked++;
    }
    assert_int_equal(walked, present);
    assert_int_equal(lv_table_count(table), 0);
    atomic_store(&is_over, true);
    lv_rcu_offline();
    for (unsigned i = 0; i < READERS; i++) {
        void *found;
        assert_int_equal(pthread_join(threads[i], &found), 0);
        assert_non_null(found);
    }
    lv_rcu_online();
    lv_table_free(&table);
    assert_null(table);
    lv_rcu_barrier();
    assert_int_equal(atomic_load(&freed), removed);
    lv_rcu_unregister_thread();
}

static void a_table_holds_many_and_few(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    lv_rcu_register_thread();
    struct lv_table *t = lv_table_create();
    struct entry **all = lv_calloc(MANY, sizeof(*all));
    for (unsigned i = 0; i < MANY; i++) {
        all[i] = entry_create(i);
        lv_table_insert(t, &all[i]->node);
        lv_rcu_quiescent();
    }
    lv_rcu_barrier(); /* grown by now */
    assert_int_equal(lv_table_count(t), MANY);
    for (unsigned i = 0; i < MANY; i++) {
        assert_ptr_equal(lv_table_find(t, all[i]->node.key), &all[i]->node);
        assert_ptr_equal(lv_table_find_hashed(t, all[i]->node.key, lv_hash(all[i]->node.key)),
                         &all[i]->node);
    }
    for (unsigned i = 10; i < MANY; i++)
        lv_table_remove(t, &all[i]->node);
    lv_rcu_barrier(); /* shrunk */
    assert_null(lv_table_find(t, all[10]->node.key));
    for (unsigned i = 0; i < 10; i++) {
        assert_ptr_equal(lv_table_find(t, all[i]->node.key), &all[i]->node);
        lv_table_remove(t, &all[i]->node);
    }
    lv_table_free(&t);
    lv_table_free(&t);
    lv_rcu_barrier();
    for (unsigned i = 0; i < MANY; i++)
        free(all[i]);
    free(all);
    lv_rcu_unregister_thread();
}

/* --- references ------------------------------------------------------------------------------- */

struct counted {
    struct lv_rcu_refs refs;
    unsigned times_freed;
};

static void counted_free(struct lv_rcu_refs *refs)
{
    lv_container_of(refs, struct counted, refs)->times_freed++;
}

/* The barrier comes behind what is deferred while it is waited for. */
static void wait_for_grace(void)
{
    lv_rcu_barrier();
    lv_rcu_barrier();
}

static void an_object_found_after_its_last_reference_is_freed_once(void **state)
{
    (void)state;
    lv_rcu_register_thread();
    for (unsigned found = 0; found < 4; found++) {
        struct counted c = {.times_freed = 0}, others[4] = {0};
        lv_rcu_refs_init(&c.refs, counted_free);
        lv_rcu_online();
        lv_rcu_unref(&c.refs);
        for (unsigned i = 0; i < found; i++) {
            lv_rcu_refs_init(&others[i].refs, counted_free);
            lv_rcu_unref(
                &others[i].refs); /* is deferred behind c, which must not be deferred again */
            lv_rcu_ref(&c.refs);
            lv_rcu_unref(&c.refs);
        }
        assert_int_equal(c.times_freed, 0); /* this thread could still find it */
        wait_for_grace();
        assert_int_equal(c.times_freed, 1);
        for (unsigned i = 0; i < found; i++)
            assert_int_equal(others[i].times_freed, 1);
    }
    lv_rcu_unregister_thread();
}

static void an_object_found_and_kept_is_freed_after_its_last_reference(void **state)
{
    (void)state;
    struct counted c = {.times_freed = 0};
    lv_rcu_register_thread();
    lv_rcu_refs_init(&c.refs, counted_free);
    lv_rcu_online();
    lv_rcu_unref(&c.refs);
    lv_rcu_ref(&c.refs);
    lv_rcu_ref(&c.refs);
    wait_for_grace();
    assert_int_equal(c.times_freed, 0);
    lv_rcu_unref(&c.refs);
    wait_for_grace();
    assert_int_equal(c.times_freed, 0);
    lv_rcu_unref(&c.refs);
    wait_for_grace();
    assert_int_equal(c.times_freed, 1);
    lv_rcu_unregister_thread();
}

static void registrations_of_a_thread_nest(void **state)
{
    (void)state;
    lv_rcu_register_thread();
    lv_rcu_register_thread();
    lv_rcu_unregister_thread();
    lv_rcu_quiescent();
    lv_rcu_offline();
    lv_rcu_online();
    assert_true(urcu_qsbr_read_ongoing());
    lv_rcu_unregister_thread();
    assert_false(urcu_qsbr_read_ongoing());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registrations_of_a_thread_nest),
        cmocka_unit_test(an_object_found_after_its_last_reference_is_freed_once),
        cmocka_unit_test(an_object_found_and_kept_is_freed_after_its_last_reference),
        cmocka_unit_test(a_table_holds_many_and_few),
        cmocka_unit_test(readers_find_whole_nodes_while_a_writer_changes_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
