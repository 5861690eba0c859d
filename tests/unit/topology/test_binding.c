/* Adding and removing bindings; listings; stored definitions; binding sets. */
#include <ftw.h>

#include "store/definitions.h"
#include "topology/binding_set.h"
#include "topology_world.h"

static bool bind(struct world *w, const char *source, const char *arrow, const char *destination)
{
    w->error = (struct broker_error){0};
    return world_bind_with(w, source, arrow, destination, "k", SLICE_EMPTY);
}

static bool unbind(struct world *w, const char *source, const char *arrow, const char *destination)
{
    w->error = (struct broker_error){0};
    return world_unbind_with(w, source, arrow, destination, "k", SLICE_EMPTY);
}

static void both_ends_must_be_there_to_bind(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_queue(&w, "q", false);
    assert_false(bind(&w, "none", "->", "q"));
    assert_error(&w, 404, "no exchange 'none' in vhost '/'");
    assert_false(bind(&w, "amq.direct", "->", "none"));
    assert_error(&w, 404, "no queue 'none' in vhost '/'");
    assert_false(bind(&w, "no-source", "->", "none"));
    assert_error(&w, 404, "no exchange 'no-source' in vhost '/'");
    assert_false(bind(&w, "no-source", "=>", "none"));
    assert_error(&w, 404, "no exchange 'no-source' in vhost '/'");
    assert_false(bind(&w, "amq.direct", "=>", "none"));
    assert_error(&w, 404, "no exchange 'none' in vhost '/'");
    world_stop(&w);
}

static void the_default_exchange_cannot_be_bound(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_queue(&w, "q", false);
    assert_false(bind(&w, "", "->", "q"));
    assert_error(&w, 403, "operation not permitted on the default exchange");
    assert_false(bind(&w, "amq.direct", "=>", ""));
    assert_error(&w, 403, "operation not permitted on the default exchange");
    assert_false(unbind(&w, "", "->", "none"));
    assert_error(&w, 403, "operation not permitted on the default exchange");
    assert_false(unbind(&w, "amq.direct", "=>", ""));
    assert_error(&w, 403, "operation not permitted on the default exchange");
    world_stop(&w);
}

static void removing_a_missing_binding_changes_nothing(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_queue(&w, "q", false);
    assert_true(unbind(&w, "none", "->", "q"));
    assert_true(unbind(&w, "amq.direct", "->", "none"));
    assert_true(unbind(&w, "amq.direct", "->", "q"));
    world_stop(&w);
}

static void binding_twice_makes_one_binding(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_queue(&w, "q", false);
    assert_true(bind(&w, "amq.direct", "->", "q"));
    assert_true(bind(&w, "amq.direct", "->", "q"));
    assert_int_equal(lv_table_count(w.vhost->bindings), 1);
    assert_true(unbind(&w, "amq.direct", "->", "q"));
    assert_string_equal(world_route(&w, "amq.direct", "k"), "");
    world_stop(&w);
}

static void another_connections_exclusive_queue_is_locked(void **state)
{
    (void)state;
    static const char text[] =
        "cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally "
        "declared on another connection or the exclusive property value does not match that of "
        "the original declaration.";
    struct world w;
    world_start(&w);
    struct queue_entry *q = world_queue(&w, "q", false);
    assert_true(bind(&w, "amq.fanout", "->", "q"));
    q->exclusive_owner = 2; /* the tests are connection 1 */
    assert_false(bind(&w, "amq.direct", "->", "q"));
    assert_error(&w, 405, text);
    assert_false(bind(&w, "amq.fanout", "->", "q"));
    assert_error(&w, 405, text);
    assert_false(unbind(&w, "amq.fanout", "->", "q"));
    assert_error(&w, 405, text);
    assert_true(
        unbind(&w, "amq.direct", "->", "q")); /* there is no such binding: nothing to refuse */
    q->exclusive_owner = 1;
    assert_true(unbind(&w, "amq.fanout", "->", "q"));
    world_stop(&w);
}

static void a_routing_key_has_at_most_255_bytes(void **state)
{
    (void)state;
    struct world w;
    char key[257];
    memset(key, 'k', 256);
    key[256] = '\0';
    world_start(&w);
    world_queue(&w, "q", false);
    assert_false(world_bind_with(&w, "amq.direct", "->", "q", key, SLICE_EMPTY));
    assert_error(&w, 406, "routing key of 256 bytes is longer than 255");
    assert_true(world_bind_with(&w, "amq.direct", "->", "q", key + 1, SLICE_EMPTY));
    assert_string_equal(world_route(&w, "amq.direct", key + 1), "q");
    world_stop(&w);
}

/* --- listings --------------------------------------------------------------------------------- */

static void list_one(void *arg, struct slice source, const struct destination *destination,
                     struct slice routing_key, struct slice arguments)
{
    struct lv_buffer *lines = arg;
    lv_buffer_printf(lines, "[%.*s %s %.*s %.*s %zu]", SLICE_ARG(source),
                     destination->kind == DESTINATION_QUEUE ? "->" : "=>",
                     SLICE_ARG(destination->name), SLICE_ARG(routing_key), arguments.n);
}

static void listings_include_the_implied_bindings(void **state)
{
    (void)state;
    struct world w;
    struct lv_buffer lines = {0}, table = {0};
    world_start(&w);
    world_queue(&w, "q", false);
    table_add_int(&table, "a", 'I', 1);
    assert_true(world_bind_with(&w, "amq.topic", "->", "q", "a.*", lv_buffer_slice(&table)));
    world_bind(&w, "amq.direct", "=>", "amq.topic", "k");
    binding_each(w.vhost, list_one, &lines);
    lv_buffer_add_u8(&lines, 0);
    assert_non_null(strstr((char *)lines.p, "[ -> q q 0]"));
    assert_non_null(strstr((char *)lines.p, "[amq.topic -> q a.* 7]"));
    assert_non_null(strstr((char *)lines.p, "[amq.direct => amq.topic k 0]"));
    assert_int_equal(lines.n, strlen("[ -> q q 0][amq.topic -> q a.* 7]"
                                     "[amq.direct => amq.topic k 0]") +
                                  1);
    lv_buffer_free(&lines);
    lv_buffer_free(&table);
    world_stop(&w);
}

/* --- stored definitions ----------------------------------------------------------------------- */

struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t called;
    int calls;
};

static void waiter_done(void *arg, int error)
{
    struct waiter *waiter = arg;
    lv_assert(error == 0);
    pthread_mutex_lock(&waiter->mutex);
    waiter->calls++;
    pthread_cond_signal(&waiter->called);
    pthread_mutex_unlock(&waiter->mutex);
}

static void wait_for(struct waiter *waiter, int calls)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 30;
    pthread_mutex_lock(&waiter->mutex);
    while (waiter->calls < calls)
        assert_int_equal(pthread_cond_timedwait(&waiter->called, &waiter->mutex, &deadline), 0);
    assert_int_equal(waiter->calls, calls);
    pthread_mutex_unlock(&waiter->mutex);
}

static int store_vhost(void *arg, const struct definition_vhost *row)
{
    lv_buffer_printf(arg, "[vhost %.*s]", SLICE_ARG(row->name));
    return 0;
}

static int store_exchange(void *arg, const struct definition_exchange *row)
{
    lv_buffer_printf(arg, "[%.*s %.*s%s%s %zu]", SLICE_ARG(row->type), SLICE_ARG(row->name),
                     row->is_auto_delete ? " auto-delete" : "", row->is_internal ? " internal" : "",
                     row->arguments.n);
    return 0;
}

static int store_binding(void *arg, const struct definition_binding *row)
{
    lv_buffer_printf(arg, "[%.*s %s %.*s %.*s %zu]", SLICE_ARG(row->source),
                     row->is_to_queue ? "->" : "=>", SLICE_ARG(row->destination),
                     SLICE_ARG(row->routing_key), row->arguments.n);
    return 0;
}

static void assert_stored(struct definitions *definitions, const char *wanted)
{
    static const struct definitions_visitor visitor = {
        .vhost = store_vhost, .exchange = store_exchange, .binding = store_binding};
    struct lv_buffer rows = {0};
    assert_int_equal(definitions_load(definitions, &visitor, &rows), 0);
    lv_buffer_add_u8(&rows, 0);
    assert_string_equal((char *)rows.p, wanted);
    lv_buffer_free(&rows);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* A broker that stores, with a vhost "v" to whose definitions everything below belongs. */
struct stored_world {
    struct world w;
    char directory[sizeof "/tmp/leveret-test-XXXXXX"];
    struct definitions *definitions;
    struct waiter waiter;
    struct durable_done done;
    int calls; /* of done(), that we have waited for */
};

/* A change that is to be stored has been: done() was called once for it. */
static void assert_pending(struct stored_world *s, enum change_result result)
{
    assert_int_equal(result, CHANGE_PENDING);
    wait_for(&s->waiter, ++s->calls);
}

static void stored_world_start(struct stored_world *s)
{
    struct vhost *vhost = NULL;
    *s = (struct stored_world){.directory = "/tmp/leveret-test-XXXXXX"};
    pthread_mutex_init(&s->waiter.mutex, NULL);
    pthread_cond_init(&s->waiter.called, NULL);
    s->done = (struct durable_done){waiter_done, &s->waiter};
    assert_non_null(mkdtemp(s->directory));
    assert_int_equal(definitions_open(s->directory, &s->definitions), 0);
    world_start_with(&s->w, 1, s->definitions);
    assert_pending(s, world_vhost_create(&s->w, slice_str("v"), s->done, &vhost));
    s->w.vhost = vhost;
}

static void stored_world_stop(struct stored_world *s)
{
    world_delete_queues(&s->w);
    world_vhost_delete(&s->w, slice_str("v"), s->done);
    wait_for(&s->waiter, ++s->calls);
    assert_stored(s->definitions, "");
    s->w.vhost = vhost_find(s->w.topology, slice_str("/"));
    world_stop(&s->w);
    definitions_close(&s->definitions);
    nftw(s->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static enum change_result declare(struct stored_world *s, const char *name, const char *type,
                                  const char *flags)
{
    bool created = false;
    struct exchange_declaration d = {.name = slice_str(name),
                                     .type = slice_str(type),
                                     .durable = strchr(flags, 'd') != NULL,
                                     .auto_delete = strchr(flags, 'a') != NULL,
                                     .internal = strchr(flags, 'i') != NULL};
    return exchange_declare(s->w.vhost, &d, s->done, &s->w.error, &created);
}

static enum change_result add(struct stored_world *s, const char *source, const char *arrow,
                              const char *destination)
{
    struct binding_request r = world_request(source, arrow, destination, "k", SLICE_EMPTY);
    return binding_add(s->w.vhost, &r, s->done, &s->w.error);
}

static enum change_result unbind_stored(struct stored_world *s, const char *source,
                                        const char *arrow, const char *destination)
{
    struct binding_request r = world_request(source, arrow, destination, "k", SLICE_EMPTY);
    return binding_remove(s->w.vhost, &r, s->done, &s->w.error);
}

static enum change_result delete_exchange(struct stored_world *s, const char *name)
{
    return exchange_delete(s->w.vhost, slice_str(name), false, s->done, &s->w.error);
}

static void durable_exchanges_are_stored_with_their_flags_and_others_are_not(void **state)
{
    (void)state;
    struct stored_world s;
    stored_world_start(&s);
    assert_pending(&s, declare(&s, "x", "topic", "di"));
    assert_pending(&s, declare(&s, "a", "fanout", "da"));
    assert_int_equal(declare(&s, "t", "fanout", ""), CHANGE_DONE);
    assert_stored(s.definitions, "[vhost v][fanout a auto-delete 0][topic x internal 0]");
    stored_world_stop(&s);
}

static void an_existing_exchange_is_not_stored_again(void **state)
{
    (void)state;
    struct stored_world s;
    stored_world_start(&s);
    assert_pending(&s, declare(&s, "x", "topic", "d"));
    assert_int_equal(declare(&s, "x", "topic", "d"), CHANGE_DONE);
    assert_stored(s.definitions, "[vhost v][topic x 0]");
    stored_world_stop(&s);
}

static void a_binding_is_stored_when_both_of_its_ends_are_durable(void **state)
{
    (void)state;
    struct stored_world s;
    stored_world_start(&s);
    world_queue(&s.w, "durable", true);
    world_queue(&s.w, "transient", false);
    assert_pending(&s, declare(&s, "x", "topic", "d"));
    assert_pending(&s, declare(&s, "y", "topic", "d"));
    assert_int_equal(declare(&s, "t", "fanout", ""), CHANGE_DONE);
    assert_pending(&s, add(&s, "x", "->", "durable"));
    assert_pending(&s, add(&s, "y", "=>", "x"));
    assert_int_equal(add(&s, "x", "->", "transient"), CHANGE_DONE);
    assert_int_equal(add(&s, "t", "->", "durable"), CHANGE_DONE);
    assert_stored(s.definitions, "[vhost v][topic x 0][topic y 0]"
                                 "[x -> durable k 0][y => x k 0]");
    stored_world_stop(&s);
}

static void an_existing_binding_is_not_stored_again(void **state)
{
    (void)state;
    struct stored_world s;
    stored_world_start(&s);
    world_queue(&s.w, "q", true);
    assert_pending(&s, declare(&s, "x", "topic", "d"));
    assert_pending(&s, add(&s, "x", "->", "q"));
    assert_int_equal(add(&s, "x", "->", "q"), CHANGE_DONE);
    assert_stored(s.definitions, "[vhost v][topic x 0][x -> q k 0]");
    stored_world_stop(&s);
}

static void a_deletion_that_deletes_more_is_stored_with_one_answer(void **state)
{
    (void)state;
    struct stored_world s;
    stored_world_start(&s);
    world_queue(&s.w, "q", true);
    assert_pending(&s, declare(&s, "x", "topic", "d"));
    assert_pending(&s, declare(&s, "a", "fanout", "da"));
    assert_pending(&s, add(&s, "x", "->", "q"));
    assert_pending(&s, add(&s, "a", "=>", "x"));
    assert_pending(&s, delete_exchange(&s, "x")); /* a has no binding left and is deleted, too */
    assert_stored(s.definitions, "[vhost v]");
    stored_world_stop(&s);
}

static void deleting_a_transient_exchange_is_done_at_once(void **state)
{
    (void)state;
    struct stored_world s;
    stored_world_start(&s);
    assert_int_equal(declare(&s, "t", "fanout", ""), CHANGE_DONE);
    assert_int_equal(delete_exchange(&s, "t"), CHANGE_DONE);
    assert_int_equal(delete_exchange(&s, "t"), CHANGE_DONE);
    assert_stored(s.definitions, "[vhost v]");
    stored_world_stop(&s);
}

static void predeclared_exchanges_are_not_stored_but_bindings_from_them_are(void **state)
{
    (void)state;
    struct stored_world s;
    stored_world_start(&s);
    world_queue(&s.w, "q", true);
    assert_pending(&s, add(&s, "amq.direct", "->", "q"));
    assert_stored(s.definitions, "[vhost v][amq.direct -> q k 0]");
    assert_pending(&s, unbind_stored(&s, "amq.direct", "->", "q"));
    assert_stored(s.definitions, "[vhost v]");
    assert_int_equal(unbind_stored(&s, "amq.direct", "->", "q"), CHANGE_DONE);
    stored_world_stop(&s);
}

static void recovery_puts_back_what_was_stored(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_queue(&w, "q", true);
    struct exchange_declaration d = {
        .name = slice_str("x"), .type = slice_str("topic"), .durable = true};
    exchange_restore(w.vhost, &d);
    d.name = slice_str("odd");
    d.type = slice_str("x-unknown");
    exchange_restore(w.vhost, &d);
    assert_false(world_has_exchange(&w, "odd"));
    struct binding_request r = world_request("x", "->", "q", "a.#", SLICE_EMPTY);
    assert_true(binding_restore(w.vhost, &r));
    assert_true(binding_restore(w.vhost, &r));
    r = world_request("x", "->", "none", "a.#", SLICE_EMPTY);
    assert_false(binding_restore(w.vhost, &r));
    r = world_request("none", "->", "q", "a.#", SLICE_EMPTY);
    assert_false(binding_restore(w.vhost, &r));
    assert_int_equal(lv_table_count(w.vhost->bindings), 1);
    assert_string_equal(world_route(&w, "x", "a.b"), "q");
    world_stop(&w);
}

/* --- binding_sets ----------------------------------------------------------------------------- */

enum { FAN = 400 };

static size_t count_positions(struct binding_set *set, const struct binding *bindings,
                              const bool *in)
{
    bool found[FAN] = {0};
    struct binding_set_view view = binding_set_view(set);
    for (uint32_t i = 0; i < view.count; i++) {
        struct binding *b = binding_set_view_at(&view, i);
        if (!b)
            continue;
        assert_int_equal(b->index, i);
        assert_false(found[b - bindings]);
        found[b - bindings] = true;
    }
    assert_memory_equal(found, in, sizeof found);
    return view.count;
}

static void a_binding_set_has_the_bindings_added_and_few_empty_slots(void **state)
{
    (void)state;
    static struct binding bindings[FAN];
    bool in[FAN] = {0};
    static struct binding_set set;
    uint64_t seed = 3;
    size_t live = 0;
    lv_rcu_register_thread();
    assert_true(binding_set_is_empty(&set));
    for (int step = 0; step < 20000; step++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t i = (seed >> 33) % FAN;
        bool growing = step % 4000 < 2000;
        if (in[i] && !growing)
            binding_set_remove(&set, &bindings[i]);
        else if (!in[i] && growing)
            binding_set_add(&set, &bindings[i]);
        else
            continue;
        in[i] = growing;
        live += growing ? 1 : (size_t)-1;
        size_t positions = count_positions(&set, bindings, in);
        assert_true(positions <= 4 * live + 8);
        assert_int_equal(binding_set_is_empty(&set), live == 0);
    }
    for (size_t i = 0; i < FAN; i++) {
        if (in[i])
            binding_set_remove(&set, &bindings[i]);
    }
    assert_true(binding_set_is_empty(&set));
    lv_rcu_barrier();
    lv_rcu_unregister_thread();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_must_be_there_to_bind),
        cmocka_unit_test(the_default_exchange_cannot_be_bound),
        cmocka_unit_test(removing_a_missing_binding_changes_nothing),
        cmocka_unit_test(binding_twice_makes_one_binding),
        cmocka_unit_test(another_connections_exclusive_queue_is_locked),
        cmocka_unit_test(a_routing_key_has_at_most_255_bytes),
        cmocka_unit_test(listings_include_the_implied_bindings),
        cmocka_unit_test(durable_exchanges_are_stored_with_their_flags_and_others_are_not),
        cmocka_unit_test(an_existing_exchange_is_not_stored_again),
        cmocka_unit_test(a_binding_is_stored_when_both_of_its_ends_are_durable),
        cmocka_unit_test(an_existing_binding_is_not_stored_again),
        cmocka_unit_test(a_deletion_that_deletes_more_is_stored_with_one_answer),
        cmocka_unit_test(deleting_a_transient_exchange_is_done_at_once),
        cmocka_unit_test(predeclared_exchanges_are_not_stored_but_bindings_from_them_are),
        cmocka_unit_test(recovery_puts_back_what_was_stored),
        cmocka_unit_test(a_binding_set_has_the_bindings_added_and_few_empty_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
