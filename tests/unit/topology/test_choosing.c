/* The exchange types that choose one of their bindings: x-consistent-hash, x-modulus-hash,
 * x-random. */
#include <pthread.h>

#include "queue/consumer.h"
#include "topology_world.h"
#include "wire/properties.h"

static uint64_t seed;

static int draw(int below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int)((seed >> 33) % (uint64_t)below);
}

/* The queue that a message of this key goes to: exactly one. */
static struct queue_entry *chosen(struct world *w, const char *exchange, const char *key)
{
    struct route route = world_route_with(w, exchange, slice_str(key), NULL);
    assert_int_equal(route.count, 1);
    return route.queues[0];
}

static const char *text_of(const char *format, int i)
{
    static char text[4][32];
    static unsigned turn;
    char *t = text[turn++ % 4];
    snprintf(t, sizeof text[0], format, i);
    return t;
}

/* --- x-consistent-hash: whole topologies, at random ------------------------------------------- */

enum { QUEUES = 12, KEYS = 4000 };

/* Queues q0 ... with a weight each; 0: not bound. */
struct weights {
    int of[QUEUES];
};

static struct weights random_weights(void)
{
    struct weights weights = {0};
    for (int i = 0; i < QUEUES; i++)
        weights.of[i] = draw(3) ? 1 + draw(draw(2) ? 5 : 100) : 0;
    weights.of[draw(QUEUES)] = 7;
    return weights;
}

static void bind_all(struct world *w, const struct weights *weights)
{
    int first = draw(QUEUES);
    int step = (int[]){1, 5, 7, 11}[draw(4)]; /* prime to QUEUES: any order */
    world_exchange(w, "x", "x-consistent-hash");
    for (int i = 0; i < QUEUES; i++)
        world_queue(w, text_of("q%d", i), false);
    for (int n = 0; n < QUEUES; n++) {
        int i = (first + n * step) % QUEUES;
        if (weights->of[i])
            world_bind(w, "x", "->", text_of("q%d", i), text_of("%d", weights->of[i]));
    }
}

/* Where each key goes: the number of its queue. */
static void map_keys(struct world *w, int *map)
{
    char name[8];
    for (int k = 0; k < KEYS; k++) {
        const struct queue_entry *q = chosen(w, "x", text_of("key.%d", k));
        struct slice s = queue_entry_name(q);
        memcpy(name, s.p, s.n);
        name[s.n] = '\0';
        map[k] = atoi(name + 1);
    }
}

static void assert_shares(const struct weights *weights, const int *map)
{
    int counts[QUEUES] = {0}, sum = 0;
    for (int k = 0; k < KEYS; k++)
        counts[map[k]]++;
    for (int i = 0; i < QUEUES; i++)
        sum += weights->of[i];
    for (int i = 0; i < QUEUES; i++) {
        double wanted = (double)KEYS * weights->of[i] / sum;
        double off = counts[i] - wanted;
        assert_true(weights->of[i] || counts[i] == 0);
        /* Five standard deviations of a binomial distribution. */
        assert_true(off * off <= 25 * wanted + 25);
    }
}

static void each_queue_gets_the_share_of_its_weight_in_any_order_of_binding(void **state)
{
    (void)state;
    static int one[KEYS], other[KEYS];
    for (uint64_t number = 1; number <= 6; number++) {
        struct world w;
        seed = number;
        struct weights weights = random_weights();
        world_start(&w);
        bind_all(&w, &weights);
        map_keys(&w, one);
        assert_shares(&weights, one);
        world_stop(&w);
        world_start(&w); /* as after a restart */
        bind_all(&w, &weights);
        map_keys(&w, other);
        assert_memory_equal(one, other, sizeof one);
        world_stop(&w);
    }
}

/* Changes one queue's weight, to 0 or from 0 too, and compares. */
static void change_one(struct world *w, struct weights *weights, int *before, int *after)
{
    int changed = draw(QUEUES), was = weights->of[changed], now = draw(3) ? 1 + draw(20) : 0;
    int others = 0;
    for (int i = 0; i < QUEUES; i++)
        others += i == changed ? 0 : weights->of[i];
    if (others == 0 || was == now)
        return;
    const char *name = text_of("q%d", changed);
    if (now)
        world_bind(w, "x", "->", name, text_of("%d", now));
    if (was)
        world_unbind(w, "x", "->", name, text_of("%d", was));
    weights->of[changed] = now;
    map_keys(w, after);
    for (int k = 0; k < KEYS; k++) {
        if (before[k] == after[k])
            continue;
        assert_int_equal(now > was ? after[k] : before[k], changed);
    }
    assert_shares(weights, after);
    memcpy(before, after, KEYS * sizeof *after);
}

static void a_change_moves_only_the_share_of_the_changed_queue(void **state)
{
    (void)state;
    static int before[KEYS], after[KEYS];
    for (uint64_t number = 1; number <= 5; number++) {
        struct world w;
        seed = number;
        struct weights weights = random_weights();
        world_start(&w);
        bind_all(&w, &weights);
        map_keys(&w, before);
        for (int i = 0; i < 8; i++)
            change_one(&w, &weights, before, after);
        world_stop(&w);
    }
}

static void weights_may_be_of_any_size(void **state)
{
    (void)state;
    struct world w;
    char digits[256];
    world_start(&w);
    world_exchange(&w, "x", "x-consistent-hash");
    world_queue(&w, "big", false);
    world_queue(&w, "small", false);
    memset(digits, '9', 255);
    digits[255] = '\0';
    world_bind(&w, "x", "->", "small", "1");
    world_bind(&w, "x", "->", "big", digits);
    for (int k = 0; k < 1000; k++)
        assert_true(slice_is(queue_entry_name(chosen(&w, "x", text_of("%d", k))), "big"));
    world_stop(&w);
}

static void the_highest_of_several_weights_of_a_queue_counts(void **state)
{
    (void)state;
    struct world w;
    int a = 0;
    world_start(&w);
    world_exchange(&w, "x", "x-consistent-hash");
    world_queue(&w, "a", false);
    world_queue(&w, "b", false);
    world_bind(&w, "x", "->", "a", "1");
    world_bind(&w, "x", "->", "a", "3");
    world_bind(&w, "x", "->", "b", "1");
    for (int k = 0; k < 4000; k++)
        a += slice_is(queue_entry_name(chosen(&w, "x", text_of("%d", k))), "a");
    assert_in_range(a, 2850, 3150);
    world_stop(&w);
}

/* --- x-consistent-hash: what is hashed -------------------------------------------------------- */

static struct queue_entry *chosen_by_header(struct world *w, const char *exchange, const char *key,
                                            const struct lv_buffer *headers)
{
    struct slice table = lv_buffer_slice(headers);
    struct route route = world_route_with(w, exchange, slice_str(key), &table);
    assert_int_equal(route.count, 1);
    return route.queues[0];
}

static void with_queues(struct world *w, const char *argument, const char *value)
{
    struct lv_buffer table = {0};
    world_start(w);
    table_add_str(&table, argument, value);
    assert_non_null(world_exchange_with(w, "x", "x-consistent-hash", "", lv_buffer_slice(&table)));
    lv_buffer_free(&table);
    for (int i = 0; i < 8; i++) {
        world_queue(w, text_of("q%d", i), false);
        world_bind(w, "x", "->", text_of("q%d", i), "1");
    }
}

static int count_distinct(struct queue_entry **queues, int n)
{
    int distinct = 0;
    for (int i = 0; i < n; i++) {
        int j = 0;
        while (queues[j] != queues[i])
            j++;
        distinct += i == j;
    }
    return distinct;
}

static void by_header(const char *argument)
{
    struct world w;
    struct queue_entry *found[100];
    with_queues(&w, argument, "h");
    for (int i = 0; i < 100; i++) {
        struct lv_buffer headers = {0};
        table_add_str(&headers, "h", text_of("%d", i));
        found[i] = chosen_by_header(&w, "x", "key", &headers);
        assert_ptr_equal(chosen_by_header(&w, "x", text_of("%d", i * 7), &headers), found[i]);
        lv_buffer_free(&headers);
    }
    assert_int_equal(count_distinct(found, 100), 8);
    for (int i = 0; i < 100; i++) {
        struct lv_buffer headers = {0};
        table_add_int(&headers, "h", 'l', i);
        found[i] = chosen_by_header(&w, "x", "key", &headers);
        lv_buffer_free(&headers);
    }
    assert_int_equal(count_distinct(found, 100), 8);
    world_stop(&w);
}

static void with_hash_header_only_the_header_counts(void **state)
{
    (void)state;
    by_header("hash-header");
    by_header("x-hash-on");
}

static struct queue_entry *chosen_by_properties(struct world *w, const char *key,
                                                const struct properties *properties)
{
    uint8_t space[64];
    lv_assert(properties_size(properties) <= sizeof space);
    uint8_t *end = properties_put(space, properties);
    const struct delivery whole = {.header = slice_of(space, (size_t)(end - space))};
    const struct routing_input input = {.routing_key = slice_str(key), .message = &whole};
    struct route route;
    route_find(loops_at(w->loops, 0), exchange_find(w->vhost, slice_str("x")), &input, &route);
    assert_int_equal(route.count, 1);
    assert_false(route.is_cacheable);
    return route.queues[0];
}

static struct properties properties_with(const char *property, int i)
{
    if (strcmp(property, "message_id") == 0)
        return (struct properties){.flags = PROPERTY_MESSAGE_ID,
                                   .message_id = slice_str(text_of("%d", i))};
    if (strcmp(property, "correlation_id") == 0)
        return (struct properties){.flags = PROPERTY_CORRELATION_ID,
                                   .correlation_id = slice_str(text_of("%d", i))};
    return (struct properties){.flags = PROPERTY_TIMESTAMP, .timestamp = (uint64_t)i};
}

static void with_hash_property_only_the_property_counts(void **state)
{
    (void)state;
    static const char *const properties[] = {"message_id", "correlation_id", "timestamp"};
    for (size_t p = 0; p < 3; p++) {
        struct world w;
        struct queue_entry *found[100];
        with_queues(&w, "hash-property", properties[p]);
        for (int i = 0; i < 100; i++) {
            struct properties with = properties_with(properties[p], i);
            found[i] = chosen_by_properties(&w, "key", &with);
            assert_ptr_equal(chosen_by_properties(&w, text_of("%d", i), &with), found[i]);
        }
        assert_int_equal(count_distinct(found, 100), 8);
        world_stop(&w);
    }
}

static void messages_without_the_header_or_property_have_one_destination(void **state)
{
    (void)state;
    struct world w;
    struct lv_buffer other = {0};
    with_queues(&w, "hash-header", "h");
    table_add_str(&other, "other", "1");
    struct queue_entry *place = chosen(&w, "x", "a");
    for (int i = 0; i < 20; i++) {
        assert_ptr_equal(chosen(&w, "x", text_of("%d", i)), place);
        assert_ptr_equal(chosen_by_header(&w, "x", text_of("%d", i), &other), place);
    }
    lv_buffer_free(&other);
    world_stop(&w);
    with_queues(&w, "hash-property", "message_id");
    place = chosen(&w, "x", "a");
    for (int i = 0; i < 20; i++)
        assert_ptr_equal(chosen_by_properties(&w, text_of("%d", i), &(struct properties){0}),
                         place);
    world_stop(&w);
}

static void keys_in_cc_do_not_choose_more_destinations(void **state)
{
    (void)state;
    struct world w;
    static const char *const types[] = {"x-consistent-hash", "x-modulus-hash", "x-random"};
    world_start(&w);
    for (int i = 0; i < 8; i++)
        world_queue(&w, text_of("q%d", i), false);
    for (size_t t = 0; t < 3; t++) {
        world_exchange(&w, types[t], types[t]);
        for (int i = 0; i < 8; i++)
            world_bind(&w, types[t], "->", text_of("q%d", i), "1");
        struct slice keys[3] = {slice_str("a"), slice_str("b"), slice_str("c")};
        struct route route;
        route_find_many(loops_at(w.loops, 0), exchange_find(w.vhost, slice_str(types[t])), keys, 3,
                        &(struct routing_input){0}, &route);
        assert_int_equal(route.count, 1);
        if (t < 2)
            assert_ptr_equal(route.queues[0], chosen(&w, types[t], "a"));
    }
    world_stop(&w);
}

/* --- texts ------------------------------------------------------------------------------------ */

static void refuse_binding(struct world *w, const char *key, const char *text)
{
    assert_false(world_bind_with(w, "x", "->", "q", key, SLICE_EMPTY));
    assert_error(w, 406, text);
}

static void weights_are_checked(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_exchange(&w, "x", "x-consistent-hash");
    world_queue(&w, "q", false);
    refuse_binding(&w, "0", "The binding key must be greater than 0");
    refuse_binding(&w, "-1", "The binding key must be greater than 0");
    refuse_binding(&w, "-0", "The binding key must be greater than 0");
    refuse_binding(&w, "", "The binding key must be an integer: <<>>");
    refuse_binding(&w, "-", "The binding key must be an integer: <<\"-\">>");
    refuse_binding(&w, "abc", "The binding key must be an integer: <<\"abc\">>");
    refuse_binding(&w, "1.5", "The binding key must be an integer: <<\"1.5\">>");
    refuse_binding(&w, " 1", "The binding key must be an integer: <<\" 1\">>");
    refuse_binding(&w, "\x01", "The binding key must be an integer: <<1>>");
    assert_int_equal(exchange_find(w.vhost, slice_str("x"))->bindings_from_count, 0);
    world_bind(&w, "x", "->", "q", "+5");
    world_bind(&w, "x", "->", "q", "007");
    world_stop(&w);
}

static void refuse_arguments(const char *type, const struct lv_buffer *table, const char *text)
{
    struct world w;
    world_start(&w);
    assert_null(world_exchange_with(&w, "x", type, "", lv_buffer_slice(table)));
    assert_error(&w, 406, text);
    assert_false(world_has_exchange(&w, "x"));
    world_stop(&w);
}

static void arguments_are_checked(void **state)
{
    (void)state;
    struct lv_buffer table = {0};
    table_add_str(&table, "hash-header", "h");
    table_add_str(&table, "hash-property", "message_id");
    refuse_arguments("x-consistent-hash", &table,
                     "hash-header and hash-property are mutually exclusive");
    lv_buffer_free(&table);
    table_add_str(&table, "hash-property", "type");
    refuse_arguments("x-consistent-hash", &table, "Unsupported property: type");
    lv_buffer_free(&table);
    table_add_int(&table, "hash-header", 'I', 5);
    refuse_arguments("x-consistent-hash", &table,
                     "invalid arg 'hash-header' for exchange 'x' in vhost '/': "
                     "{unacceptable_type,signedint}");
    lv_buffer_free(&table);
    table_add_int(&table, "x-recent-history-length", 'I', 0);
    refuse_arguments("x-recent-history", &table,
                     "Invalid argument 0, 'x-recent-history-length' must be a positive integer");
    lv_buffer_free(&table);
    table_add_str(&table, "x-recent-history-length", "5");
    refuse_arguments(
        "x-recent-history", &table,
        "Invalid argument <<\"5\">>, 'x-recent-history-length' must be a positive integer");
    lv_buffer_free(&table);
}

/* --- x-modulus-hash --------------------------------------------------------------------------- */

/* Three bindings: two to a, one to b; made in one of six orders. */
static void bind_three(struct world *w, const int *order)
{
    static const char *const bindings[3][2] = {{"a", "x"}, {"a", "y"}, {"b", ""}};
    world_start(w);
    world_exchange(w, "m", "x-modulus-hash");
    world_queue(w, "a", false);
    world_queue(w, "b", false);
    for (int i = 0; i < 3; i++)
        world_bind(w, "m", "->", bindings[order[i]][0], bindings[order[i]][1]);
}

static void modulus_depends_on_the_bindings_and_not_on_their_order(void **state)
{
    (void)state;
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    char first[601] = "", found[601] = "";
    for (int o = 0; o < 6; o++) {
        struct world w;
        int of_a = 0;
        bind_three(&w, orders[o]);
        for (int k = 0; k < 600; k++) {
            found[k] = (char)queue_entry_name(chosen(&w, "m", text_of("key.%d", k))).p[0];
            of_a += found[k] == 'a';
        }
        assert_in_range(of_a, 340, 460);
        if (o == 0)
            memcpy(first, found, sizeof found);
        assert_string_equal(first, found);
        world_stop(&w);
    }
}

/* --- x-random --------------------------------------------------------------------------------- */

static void random_is_uniform_and_ignores_the_routing_key(void **state)
{
    (void)state;
    static const char *const types[] = {"x-random", "x-local-random"};
    for (size_t t = 0; t < 2; t++) {
        struct world w;
        int counts[4] = {0};
        world_start(&w);
        world_exchange(&w, "r", types[t]);
        world_exchange(&w, "f", "fanout"); /* what leads to chance is chance */
        world_bind(&w, "f", "=>", "r", "");
        for (int i = 0; i < 4; i++) {
            world_queue(&w, text_of("q%d", i), false);
            world_bind(&w, "r", "->", text_of("q%d", i), text_of("%d", i));
        }
        for (int k = 0; k < 4000; k++)
            counts[queue_entry_name(chosen(&w, k % 2 ? "r" : "f", "key")).p[1] - '0']++;
        for (int i = 0; i < 4; i++)
            assert_in_range(counts[i], 850, 1150);
        world_stop(&w);
    }
}

static void without_bindings_the_alternate_exchange_gets_the_message(void **state)
{
    (void)state;
    static const char *const types[] = {"x-consistent-hash", "x-modulus-hash", "x-random",
                                        "x-recent-history"};
    for (size_t t = 0; t < 4; t++) {
        struct world w;
        struct lv_buffer table = {0};
        world_start(&w);
        table_add_str(&table, "alternate-exchange", "f");
        assert_non_null(world_exchange_with(&w, "x", types[t], "", lv_buffer_slice(&table)));
        world_exchange(&w, "f", "fanout");
        world_queue(&w, "lost", false);
        world_queue(&w, "q", false);
        world_bind(&w, "f", "->", "lost", "");
        assert_string_equal(world_route(&w, "x", "k"), "lost");
        world_bind(&w, "x", "->", "q", "1");
        assert_string_equal(world_route(&w, "x", "k"), "q");
        world_unbind(&w, "x", "->", "q", "1");
        assert_string_equal(world_route(&w, "x", "k"), "lost");
        lv_buffer_free(&table);
        world_stop(&w);
    }
}

/* --- readers and the writer ------------------------------------------------------------------- */

struct router {
    pthread_t thread;
    struct world *w;
    _Atomic bool is_over;
    _Atomic uint64_t routed;
};

static void *route_all_the_time(void *arg)
{
    struct router *r = arg;
    static const char *const names[] = {"x-consistent-hash", "x-modulus-hash", "x-random"};
    lv_rcu_register_thread();
    while (!atomic_load(&r->is_over)) {
        for (size_t t = 0; t < 3; t++) {
            struct route route;
            route_find(loops_at(r->w->loops, 1), exchange_find(r->w->vhost, slice_str(names[t])),
                       &(struct routing_input){.routing_key = slice_str("k")}, &route);
            lv_assert(route.count == 1 && route.queues[0]->magic == QUEUE_ENTRY_MAGIC);
        }
        atomic_fetch_add(&r->routed, 1);
        lv_rcu_quiescent();
    }
    lv_rcu_unregister_thread();
    return NULL;
}

static void one_destination_is_chosen_while_bindings_change(void **state)
{
    (void)state;
    static const char *const types[] = {"x-consistent-hash", "x-modulus-hash", "x-random"};
    struct world w;
    struct router router = {.w = &w};
    world_start(&w);
    world_queue(&w, "stay", false);
    for (int i = 0; i < 10; i++)
        world_queue(&w, text_of("q%d", i), false);
    for (size_t t = 0; t < 3; t++) {
        world_exchange(&w, types[t], types[t]);
        world_bind(&w, types[t], "->", "stay", "1");
    }
    assert_int_equal(pthread_create(&router.thread, NULL, route_all_the_time, &router), 0);
    for (int i = 0; i < 3000 || atomic_load(&router.routed) < 100; i++) {
        const char *name = text_of("q%d", draw(10)), *weight = text_of("%d", 1 + draw(3));
        if (draw(2))
            world_bind(&w, types[i % 3], "->", name, weight);
        else
            world_unbind(&w, types[i % 3], "->", name, weight);
        lv_rcu_quiescent();
    }
    atomic_store(&router.is_over, true);
    lv_rcu_offline();
    pthread_join(router.thread, NULL);
    lv_rcu_online();
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_queue_gets_the_share_of_its_weight_in_any_order_of_binding),
        cmocka_unit_test(a_change_moves_only_the_share_of_the_changed_queue),
        cmocka_unit_test(weights_may_be_of_any_size),
        cmocka_unit_test(the_highest_of_several_weights_of_a_queue_counts),
        cmocka_unit_test(with_hash_header_only_the_header_counts),
        cmocka_unit_test(with_hash_property_only_the_property_counts),
        cmocka_unit_test(messages_without_the_header_or_property_have_one_destination),
        cmocka_unit_test(keys_in_cc_do_not_choose_more_destinations),
        cmocka_unit_test(weights_are_checked),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(modulus_depends_on_the_bindings_and_not_on_their_order),
        cmocka_unit_test(random_is_uniform_and_ignores_the_routing_key),
        cmocka_unit_test(without_bindings_the_alternate_exchange_gets_the_message),
        cmocka_unit_test(one_destination_is_chosen_while_bindings_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
