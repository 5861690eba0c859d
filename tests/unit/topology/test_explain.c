/* explain_route: what it says against what route_find() does, on random topologies; and its
 * reasons. */
#include "topology/explain.h"
#include "topology/route_private.h"
#include "topology_world.h"

/* --- rows ------------------------------------------------------------------------------------- */

enum { ROWS_MAX = 200 };

struct seen_row {
    enum explain_result result;
    enum destination_kind kind;
    char path[128], destination[32], key[64], why[256];
    uint8_t arguments[128];
    size_t argument_bytes;
};

struct rows {
    struct seen_row rows[ROWS_MAX];
    size_t count;
    size_t reached;
};

static void copy_text(char *to, size_t room, struct slice from)
{
    assert_true(from.n < room);
    if (from.n)
        memcpy(to, from.p, from.n);
    to[from.n] = '\0';
}

static void see(void *arg, const struct explain_row *row)
{
    struct rows *seen = arg;
    assert_true(seen->count < ROWS_MAX);
    struct seen_row *r = &seen->rows[seen->count++];
    r->result = row->result;
    r->kind = row->destination_kind;
    copy_text(r->path, sizeof r->path, row->path);
    copy_text(r->destination, sizeof r->destination, row->destination);
    copy_text(r->key, sizeof r->key, row->routing_key);
    copy_text(r->why, sizeof r->why, row->why);
    assert_true(row->arguments.n <= sizeof r->arguments);
    if (row->arguments.n)
        memcpy(r->arguments, row->arguments.p, row->arguments.n);
    r->argument_bytes = row->arguments.n;
}

static void explain(struct world *w, const char *exchange, const struct slice *keys, size_t count,
                    const struct slice *headers, struct rows *ret)
{
    const struct routing_input message = {
        .routing_key = keys[0],
        .headers = headers ? *headers : SLICE_EMPTY,
        .has_headers = headers != NULL,
    };
    ret->count = 0;
    struct exchange *x = exchange_find(w->vhost, slice_str(exchange));
    assert_non_null(x);
    ret->reached = explain_route(x, keys, count, &message, see, ret);
}

/* "reaches x: q1 (a.*): the pattern matches", a line for each row. */
static const char *explain_text(struct world *w, const char *exchange, const char *key,
                                const struct slice *headers)
{
    static char text[4096];
    static struct rows seen;
    struct slice keys[] = {slice_str(key)};
    size_t n = 0;
    explain(w, exchange, keys, 1, headers, &seen);
    for (size_t i = 0; i < seen.count; i++) {
        const struct seen_row *r = &seen.rows[i];
        n += (size_t)snprintf(text + n, sizeof text - n, "%s %s: %s (%s): %s\n",
                              explain_result_name(r->result), r->path, r->destination, r->key,
                              r->why);
    }
    return text;
}

/* --- the property ----------------------------------------------------------------------------- */

enum { EXCHANGES = 6, QUEUES = 6 };

static const char *const kinds[] = {"direct", "fanout", "topic", "headers"};
static const char *const words[] = {"a", "b", "", "*", "#"};
static const char *const header_names[] = {"h", "i", "x-j"};
static const char *const modes[] = {NULL, "all", "any", "all-with-x", "any-with-x"};

static uint64_t seed;

static int draw(int below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int)((seed >> 33) % (uint64_t)below);
}

static const char *name_of(char *name, char prefix, int i)
{
    snprintf(name, 8, "%c%d", prefix, i);
    return name;
}

static void random_key(char *key, bool is_pattern)
{
    int n = draw(5);
    key[0] = '\0';
    for (int i = 0; i < n; i++)
        strcat(strcat(key, i ? "." : ""), words[draw(is_pattern ? 5 : 3)]);
}

static struct slice random_arguments(struct lv_buffer *b)
{
    int mode = draw(5);
    if (modes[mode])
        table_add_str(b, "x-match", modes[mode]);
    for (int i = 0; i < 3; i++) {
        int what = draw(5);
        if (what == 0)
            table_add(b, header_names[i], 'V', NULL, 0);
        else if (what < 3)
            table_add_int(b, header_names[i], 'I', what);
    }
    return lv_buffer_slice(b);
}

static void make_topology(struct world *w)
{
    char x[8], to[8], key[32];
    for (int i = 0; i < QUEUES; i++)
        world_queue(w, name_of(to, 'q', i), false);
    for (int i = 0; i < EXCHANGES; i++) {
        struct lv_buffer table = {0};
        if (draw(3) == 0) /* perhaps one that is not there */
            table_add_str(&table, "alternate-exchange", name_of(to, 'x', draw(EXCHANGES + 2)));
        assert_non_null(world_exchange_with(w, name_of(x, 'x', i), kinds[draw(4)],
                                            draw(8) == 0 ? "i" : "", lv_buffer_slice(&table)));
        lv_buffer_free(&table);
    }
    for (int i = 0; i < 30; i++) {
        struct lv_buffer table = {0};
        bool is_to_queue = draw(3) > 0;
        name_of(x, 'x', draw(EXCHANGES));
        name_of(to, is_to_queue ? 'q' : 'x', draw(is_to_queue ? QUEUES : EXCHANGES));
        random_key(key, true);
        assert_true(
            world_bind_with(w, x, is_to_queue ? "->" : "=>", to, key, random_arguments(&table)));
        lv_buffer_free(&table);
    }
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the queues that rows say are reached, each once, as route_text() has them. */
static const char *reached_text(const struct rows *seen)
{
    static char text[1024];
    const char *names[ROWS_MAX];
    size_t count = 0, n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < seen->count; i++) {
        if (seen->rows[i].result == EXPLAIN_REACHES)
            names[count++] = seen->rows[i].destination;
    }
    qsort(names, count, sizeof names[0], compare_texts);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? " " : "", names[i]);
    }
    return text;
}

/* Each binding by itself, at an exchange of the same type: it leads to its queue if the row says
 * so. */
static void check_alone(struct world *w, const struct seen_row *row, const struct slice *keys,
                        size_t count, struct slice headers)
{
    const char *last = strrchr(row->path, ' ');
    struct exchange *x = exchange_find(w->vhost, slice_str(last ? last + 1 : row->path));
    assert_non_null(x);
    world_exchange(w, "alone", x->type->name);
    world_queue(w, "target", false);
    assert_true(world_bind_with(w, "alone", "->", "target", row->key,
                                slice_of(row->arguments, row->argument_bytes)));
    struct route route;
    route_find_many(loops_at(w->loops, 0), exchange_find(w->vhost, slice_str("alone")), keys, count,
                    &(struct routing_input){.headers = headers, .has_headers = true}, &route);
    bool is_taken = row->result == EXPLAIN_REACHES || row->result == EXPLAIN_PASSES;
    assert_int_equal(route.count, is_taken);
    assert_true(row->why[0] != '\0');
    world_queue_delete(w, queue_entry_find(w->vhost, slice_str("target")));
    assert_int_equal(exchange_delete(w->vhost, slice_str("alone"), false, NOBODY, &w->error),
                     CHANGE_DONE);
    lv_rcu_quiescent();
}

static bool is_of_binding(const struct seen_row *row)
{
    return row->result == EXPLAIN_REACHES || row->result == EXPLAIN_PASSES ||
           (row->result == EXPLAIN_STOPPED && strstr(row->why, "alternate") == NULL);
}

static size_t count_bindings(struct world *w, const struct rows *seen)
{
    size_t count = 0;
    char name[8];
    for (int i = 0; i < EXCHANGES; i++) {
        bool is_visited = false;
        name_of(name, 'x', i);
        for (size_t r = 0; r < seen->count; r++) {
            const char *last = strrchr(seen->rows[r].path, ' ');
            is_visited |= strcmp(last ? last + 1 : seen->rows[r].path, name) == 0;
        }
        if (is_visited)
            count += exchange_find(w->vhost, slice_str(name))->bindings_from_count;
    }
    return count;
}

static void check_sample(struct world *w, int exchange)
{
    static struct rows seen;
    char name[8], texts[2][32];
    struct lv_buffer table = {0};
    struct slice keys[2];
    size_t count = (size_t)(1 + draw(2)), of_bindings = 0;
    for (int i = 0; i < 2; i++) {
        random_key(texts[i], false);
        keys[i] = slice_str(texts[i]);
    }
    for (int i = 0; i < 3; i++) {
        if (draw(2))
            table_add_int(&table, header_names[i], 'l', 1 + draw(2));
    }
    struct slice headers = lv_buffer_slice(&table);
    explain(w, name_of(name, 'x', exchange), keys, count, &headers, &seen);
    struct route route;
    route_find_many(loops_at(w->loops, 1), exchange_find(w->vhost, slice_str(name)), keys, count,
                    &(struct routing_input){.headers = headers, .has_headers = true}, &route);
    assert_string_equal(reached_text(&seen), route_text(route));
    assert_int_equal(seen.reached, route.count);
    bool is_returned = seen.count > 0 && seen.rows[seen.count - 1].result == EXPLAIN_RETURNED;
    assert_int_equal(is_returned, route.count == 0);
    for (size_t i = 0; i < seen.count; i++) {
        if (!is_of_binding(&seen.rows[i]))
            continue;
        of_bindings++;
        check_alone(w, &seen.rows[i], keys, count, headers);
    }
    assert_int_equal(of_bindings, count_bindings(w, &seen));
    lv_buffer_free(&table);
}

static void the_explanation_agrees_with_routing(void **state)
{
    (void)state;
    struct world w;
    const char *only = getenv("LEVERET_TEST_SEED");
    uint64_t first = only ? strtoull(only, NULL, 10) : 1;
    world_start(&w);
    for (uint64_t number = first; number < first + (only ? 1 : 500); number++) {
        seed = number;
        make_topology(&w);
        for (int i = 0; i < EXCHANGES; i++)
            check_sample(&w, i);
        world_delete_queues(&w);
        world_vhost_delete(&w, slice_str("/"), NOBODY);
        world_vhost_create(&w, slice_str("/"), NOBODY, &w.vhost);
        lv_rcu_quiescent();
    }
    world_stop(&w);
}

/* --- reasons ---------------------------------------------------------------------------------- */

static void it_names_the_word_of_a_pattern_that_does_not_match(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_queue(&w, "q", false);
    world_exchange(&w, "t", "topic");
    const char *const patterns[] = {
        "order.*.eu", "order.created", "order.created.*.paid", "#.us", "order.#", "*", "",
    };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        world_bind(&w, "t", "->", "q", patterns[i]);
    assert_string_equal(
        explain_text(&w, "t", "order.created.eu", NULL),
        "reaches t: q (order.#): the pattern matches\n"
        "reaches t: q (order.*.eu): the pattern matches\n"
        "stopped t: q (): the pattern ends before the key's word 1, 'order'\n"
        "stopped t: q (#.us): the key's word 1 is 'order' where the pattern's word 2 is 'us'\n"
        "stopped t: q (*): the pattern ends before the key's word 2, 'created'\n"
        "stopped t: q (order.created): the pattern ends before the key's word 3, 'eu'\n"
        "stopped t: q (order.created.*.paid): the key ends before the pattern's word 4, 'paid'\n");
    world_stop(&w);
}

static void of_several_keys_it_names_the_one_that_matches(void **state)
{
    (void)state;
    static struct rows seen;
    struct world w;
    struct slice keys[] = {slice_str("a"), slice_str("b"), slice_str("c")};
    world_start(&w);
    world_queue(&w, "q", false);
    world_exchange(&w, "t", "topic");
    world_bind(&w, "t", "->", "q", "b");
    world_bind(&w, "t", "->", "q", "z");
    explain(&w, "t", keys, 3, NULL, &seen);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.rows[0].why, "the keys are equal (with the key 'b')");
    assert_string_equal(seen.rows[1].why,
                        "the key's word 1 is 'a' where the pattern's word 1 is 'z'");
    world_stop(&w);
}

static void it_names_the_headers_that_do_not_match(void **state)
{
    (void)state;
    struct world w;
    struct lv_buffer all = {0}, any = {0}, headers = {0};
    world_start(&w);
    world_queue(&w, "all", false);
    world_queue(&w, "any", false);
    world_exchange(&w, "h", "headers");
    table_add_str(&all, "country", "eu");
    table_add_int(&all, "weight", 'I', 5);
    table_add_str(&any, "x-match", "any");
    table_add_str(&any, "country", "us");
    table_add_str(&any, "gift", "yes");
    assert_true(world_bind_with(&w, "h", "->", "all", "", lv_buffer_slice(&all)));
    assert_true(world_bind_with(&w, "h", "->", "any", "", lv_buffer_slice(&any)));
    table_add_str(&headers, "country", "eu");
    table_add_int(&headers, "weight", 'l', 6);
    struct slice table = lv_buffer_slice(&headers);
    assert_string_equal(
        explain_text(&w, "h", "", &table),
        "stopped h: all (): the header 'weight' is 6 and not 5\n"
        "stopped h: any (): the header 'country' is 'eu' and not 'us'; there is no "
        "header 'gift'\n"
        "returned h:  (): no queue takes it: returned with 312 NO_ROUTE when it is mandatory, else "
        "dropped\n");
    lv_buffer_free(&all);
    lv_buffer_free(&any);
    lv_buffer_free(&headers);
    world_stop(&w);
}

static void it_shows_the_chain_through_exchanges_and_alternates(void **state)
{
    (void)state;
    struct world w;
    struct lv_buffer table = {0};
    world_start(&w);
    world_queue(&w, "q", false);
    world_exchange(&w, "spare", "fanout");
    world_exchange(&w, "all", "fanout");
    table_add_str(&table, "alternate-exchange", "spare");
    assert_non_null(world_exchange_with(&w, "orders", "direct", "", lv_buffer_slice(&table)));
    world_bind(&w, "orders", "->", "q", "known");
    world_bind(&w, "orders", "=>", "all", "wide");
    world_bind(&w, "spare", "->", "q", "");
    assert_string_equal(explain_text(&w, "orders", "other", NULL),
                        "stopped orders: all (wide): the keys differ\n"
                        "stopped orders: q (known): the keys differ\n"
                        "alternate orders: spare (): no binding took the message\n"
                        "reaches orders -> spare: q (): the exchange takes every binding\n");
    assert_string_equal(explain_text(&w, "orders", "wide", NULL),
                        "passes orders: all (wide): the keys are equal\n"
                        "stopped orders: q (known): the keys differ\n"
                        "returned orders:  (): no queue takes it: returned with 312 NO_ROUTE when "
                        "it is mandatory, else dropped\n");
    assert_string_equal(explain_text(&w, "", "q", NULL),
                        "reaches (default): q (q): the queue has this name\n");
    assert_string_equal(
        explain_text(&w, "amq.rabbitmq.trace", "x", NULL),
        "refused amq.rabbitmq.trace:  (): the exchange is internal: no client may publish to it\n"
        "returned amq.rabbitmq.trace:  (): no queue takes it: returned with 312 NO_ROUTE when it is "
        "mandatory, else dropped\n");
    lv_buffer_free(&table);
    world_stop(&w);
}

static void the_default_exchange_does_not_reach_an_exchanges_own_queue(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_queue(&w, "amq.delayed-x", false)->is_companion = true;
    assert_string_equal(world_route(&w, "", "amq.delayed-x"), "");
    assert_string_equal(
        explain_text(&w, "", "amq.delayed-x", NULL),
        "stopped (default): amq.delayed-x (amq.delayed-x): there is no queue of this name\n"
        "returned (default):  (): no queue takes it: returned with 312 NO_ROUTE when it is "
        "mandatory, else dropped\n");
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_explanation_agrees_with_routing),
        cmocka_unit_test(it_names_the_word_of_a_pattern_that_does_not_match),
        cmocka_unit_test(of_several_keys_it_names_the_one_that_matches),
        cmocka_unit_test(it_names_the_headers_that_do_not_match),
        cmocka_unit_test(it_shows_the_chain_through_exchanges_and_alternates),
        cmocka_unit_test(the_default_exchange_does_not_reach_an_exchanges_own_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
