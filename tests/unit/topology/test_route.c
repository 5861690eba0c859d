/* Routes: against a naive matcher on random topologies; the cache; routing while others change the
 * topology. */
#include <pthread.h>

#include "topology/route_private.h"
#include "topology_world.h"

/* --- the oracle: a topology as lists, matched the slow way ------------------------------------ */

enum { EXCHANGES = 9, QUEUES = 8, BINDINGS_MAX = 60, HEADERS = 4 };

enum kind { DIRECT, FANOUT, TOPIC, HEADER };
static const char *const kinds[] = {"direct", "fanout", "topic", "headers"};
static const char *const words[] = {"a", "b", "*", "#", ""};
static const char *const header_names[HEADERS] = {"h", "i", "x-j", "k"};
static const char *const modes[] = {NULL, "all", "any", "all-with-x", "any-with-x"};

struct model_binding {
    int source;
    bool to_queue;
    int destination;
    char key[32];
    int mode;
    int headers[HEADERS]; /* -1: not asked for; 0: void; else the value */
};

struct model {
    bool exchange_there[EXCHANGES];
    enum kind kind[EXCHANGES];
    bool auto_delete[EXCHANGES];
    int alternate[EXCHANGES]; /* -1: none */
    bool queue_there[QUEUES];
    struct model_binding bindings[BINDINGS_MAX];
    int binding_count;
};

struct sample {
    char keys[2][32];
    int key_count;
    bool has_headers;
    int headers[HEADERS]; /* 0: absent */
};

static uint64_t seed;

static int draw(int below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int)((seed >> 33) % (uint64_t)below);
}

/* Recursive and exponential, on purpose. */
static bool words_match(const char *pattern, const char *key)
{
    if (!pattern)
        return !key;
    const char *pattern_dot = strchr(pattern, '.');
    const char *pattern_rest = pattern_dot ? pattern_dot + 1 : NULL;
    size_t n = pattern_dot ? (size_t)(pattern_dot - pattern) : strlen(pattern);
    const char *key_dot = key ? strchr(key, '.') : NULL;
    const char *key_rest = key_dot ? key_dot + 1 : NULL;
    if (n == 1 && *pattern == '#')
        return words_match(pattern_rest, key) || (key && words_match(pattern, key_rest));
    if (!key)
        return false;
    size_t key_n = key_dot ? (size_t)(key_dot - key) : strlen(key);
    bool same = (n == 1 && *pattern == '*') || (n == key_n && memcmp(pattern, key, n) == 0);
    return same && words_match(pattern_rest, key_rest);
}

static bool topic_matches(const char *pattern, const char *key)
{
    return words_match(*pattern ? pattern : NULL, *key ? key : NULL);
}

static bool headers_match(const struct model_binding *b, const struct sample *m)
{
    bool any = b->mode == 2 || b->mode == 4;
    int asked = 0, met = 0;
    for (int i = 0; i < HEADERS; i++) {
        if (b->headers[i] < 0 || (header_names[i][0] == 'x' && b->mode < 3))
            continue;
        int value = m->has_headers ? m->headers[i] : 0;
        asked++;
        met += value != 0 && (b->headers[i] == 0 || b->headers[i] == value);
    }
    return any ? met > 0 : met == asked;
}

static bool model_matches(const struct model *t, const struct model_binding *b,
                          const struct sample *m)
{
    for (int i = 0; i < m->key_count; i++) {
        switch (t->kind[b->source]) {
        case DIRECT:
            if (strcmp(b->key, m->keys[i]) == 0)
                return true;
            break;
        case FANOUT: return true;
        case TOPIC:
            if (topic_matches(b->key, m->keys[i]))
                return true;
            break;
        case HEADER: return headers_match(b, m);
        }
    }
    return false;
}

static void model_route(const struct model *t, int exchange, const struct sample *m,
                        bool *exchanges, bool *queues)
{
    if (!t->exchange_there[exchange] || exchanges[exchange])
        return;
    exchanges[exchange] = true;
    bool matched = false;
    for (int i = 0; i < t->binding_count; i++) {
        const struct model_binding *b = &t->bindings[i];
        if (b->source != exchange || !model_matches(t, b, m))
            continue;
        matched = true;
        if (b->to_queue)
            queues[b->destination] = true;
        else
            model_route(t, b->destination, m, exchanges, queues);
    }
    if (!matched && t->alternate[exchange] >= 0)
        model_route(t, t->alternate[exchange], m, exchanges, queues);
}

static void model_remove_exchange(struct model *t, int exchange);

static void model_remove_binding(struct model *t, int at)
{
    int source = t->bindings[at].source;
    t->bindings[at] = t->bindings[--t->binding_count];
    bool has_more = !t->exchange_there[source] || !t->auto_delete[source];
    for (int i = 0; i < t->binding_count; i++)
        has_more |= t->bindings[i].source == source;
    if (!has_more)
        model_remove_exchange(t, source);
}

static void model_remove_exchange(struct model *t, int exchange)
{
    t->exchange_there[exchange] = false;
    for (int i = t->binding_count - 1; i >= 0; i--) {
        if (t->bindings[i].source == exchange)
            t->bindings[i] = t->bindings[--t->binding_count];
    }
    for (int i = 0; i < t->binding_count;) {
        bool is_to = !t->bindings[i].to_queue && t->bindings[i].destination == exchange;
        if (is_to)
            model_remove_binding(t, i);
        i = is_to ? 0 : i + 1;
    }
}

static void model_remove_queue(struct model *t, int queue)
{
    t->queue_there[queue] = false;
    for (int i = 0; i < t->binding_count;) {
        bool is_to = t->bindings[i].to_queue && t->bindings[i].destination == queue;
        if (is_to)
            model_remove_binding(t, i);
        i = is_to ? 0 : i + 1;
    }
}

/* --- both at once ----------------------------------------------------------------------------- */

static const char *name_of(char prefix, int i)
{
    static char names[4][8];
    static int turn;
    char *name = names[turn++ % 4];
    snprintf(name, 8, "%c%d", prefix, i);
    return name;
}

static void random_key(char *key, bool is_pattern)
{
    int n = draw(5);
    key[0] = '\0';
    for (int i = 0; i < n; i++) {
        int word = draw(is_pattern ? 5 : 4);
        if (!is_pattern && word >= 2)
            word = word == 2 ? 4 : draw(2);
        strcat(strcat(key, i ? "." : ""), words[word]);
    }
}

static struct slice binding_table(struct lv_buffer *b, const struct model_binding *binding)
{
    b->n = 0;
    if (modes[binding->mode])
        table_add_str(b, "x-match", modes[binding->mode]);
    for (int i = 0; i < HEADERS; i++) {
        if (binding->headers[i] == 0)
            table_add(b, header_names[i], 'V', NULL, 0);
        else if (binding->headers[i] > 0)
            table_add_int(b, header_names[i], 'I', binding->headers[i]);
    }
    return lv_buffer_slice(b);
}

static void add_exchange(struct world *w, struct model *t, int i)
{
    struct lv_buffer table = {0};
    t->exchange_there[i] = true;
    t->kind[i] = (enum kind)draw(4);
    t->auto_delete[i] = draw(3) == 0;
    t->alternate[i] = draw(3) == 0 ? draw(EXCHANGES) : -1;
    if (t->alternate[i] >= 0)
        table_add_str(&table, "alternate-exchange", name_of('x', t->alternate[i]));
    assert_non_null(world_exchange_with(w, name_of('x', i), kinds[t->kind[i]],
                                        t->auto_delete[i] ? "a" : "", lv_buffer_slice(&table)));
    lv_buffer_free(&table);
}

static bool is_same_binding(const struct model_binding *a, const struct model_binding *b)
{
    return a->source == b->source && a->to_queue == b->to_queue &&
           a->destination == b->destination && strcmp(a->key, b->key) == 0 && a->mode == b->mode &&
           memcmp(a->headers, b->headers, sizeof a->headers) == 0;
}

static int model_find(const struct model *t, const struct model_binding *b)
{
    for (int i = 0; i < t->binding_count; i++) {
        if (is_same_binding(&t->bindings[i], b))
            return i;
    }
    return -1;
}

static struct model_binding random_binding(const struct model *t)
{
    struct model_binding b = {
        .source = draw(EXCHANGES),
        .to_queue = draw(3) > 0,
        .mode = draw(5),
    };
    b.destination = draw(b.to_queue ? QUEUES : EXCHANGES);
    random_key(b.key, t->kind[b.source] == TOPIC);
    for (int i = 0; i < HEADERS; i++)
        b.headers[i] = draw(4) - 1 - draw(2);
    for (int i = 0; i < HEADERS; i++)
        b.headers[i] = b.headers[i] < -1 ? -1 : b.headers[i];
    return b;
}

static void bind(struct world *w, struct model *t)
{
    struct model_binding b = random_binding(t);
    struct lv_buffer table = {0};
    bool ends = t->exchange_there[b.source] &&
                (b.to_queue ? t->queue_there[b.destination] : t->exchange_there[b.destination]);
    if (ends && t->binding_count == BINDINGS_MAX)
        return;
    bool bound = world_bind_with(w, name_of('x', b.source), b.to_queue ? "->" : "=>",
                                 name_of(b.to_queue ? 'q' : 'x', b.destination), b.key,
                                 binding_table(&table, &b));
    assert_int_equal(bound, ends);
    if (ends && model_find(t, &b) < 0)
        t->bindings[t->binding_count++] = b;
    lv_buffer_free(&table);
}

static void unbind(struct world *w, struct model *t)
{
    if (t->binding_count == 0)
        return;
    int at = draw(t->binding_count);
    struct model_binding b = t->bindings[at];
    struct lv_buffer table = {0};
    assert_true(world_unbind_with(w, name_of('x', b.source), b.to_queue ? "->" : "=>",
                                  name_of(b.to_queue ? 'q' : 'x', b.destination), b.key,
                                  binding_table(&table, &b)));
    model_remove_binding(t, at);
    lv_buffer_free(&table);
}

static void toggle_exchange(struct world *w, struct model *t)
{
    int i = draw(EXCHANGES);
    if (!t->exchange_there[i]) {
        add_exchange(w, t, i);
        return;
    }
    if (draw(3) > 0)
        return;
    enum change_result result =
        exchange_delete(w->vhost, slice_str(name_of('x', i)), false, NOBODY, &w->error);
    assert_int_equal(result, CHANGE_DONE);
    model_remove_exchange(t, i);
}

static void toggle_queue(struct world *w, struct model *t)
{
    int i = draw(QUEUES);
    if (!t->queue_there[i]) {
        world_queue(w, name_of('q', i), false);
        t->queue_there[i] = true;
        return;
    }
    if (draw(3) > 0)
        return;
    world_queue_delete(w, queue_entry_find(w->vhost, slice_str(name_of('q', i))));
    model_remove_queue(t, i);
}

static struct sample random_sample(void)
{
    struct sample m = {.key_count = 1 + draw(2), .has_headers = draw(4) > 0};
    random_key(m.keys[0], false);
    random_key(m.keys[1], false);
    for (int i = 0; i < HEADERS; i++)
        m.headers[i] = draw(3);
    return m;
}

static const char *model_text(const struct model *t, int exchange, const struct sample *m)
{
    static char text[128];
    bool exchanges[EXCHANGES] = {0}, queues[QUEUES] = {0};
    model_route(t, exchange, m, exchanges, queues);
    text[0] = '\0';
    for (int i = 0; i < QUEUES; i++) {
        if (queues[i])
            strcat(strcat(text, *text ? " " : ""), name_of('q', i));
    }
    return text;
}

static void check_sample(struct world *w, const struct model *t, int exchange)
{
    struct sample m = random_sample();
    struct lv_buffer table = {0};
    for (int i = 0; i < HEADERS; i++) {
        if (m.headers[i])
            table_add_int(&table, header_names[i], 'l', m.headers[i]);
    }
    struct slice headers = lv_buffer_slice(&table);
    struct slice keys[2] = {slice_str(m.keys[0]), slice_str(m.keys[1])};
    struct exchange *x = exchange_find(w->vhost, slice_str(name_of('x', exchange)));
    struct route route;
    route_find_many(loops_at(w->loops, 1), x, keys, (size_t)m.key_count,
                    &(struct routing_input){.headers = headers, .has_headers = m.has_headers},
                    &route);
    assert_string_equal(route_text(route), model_text(t, exchange, &m));
    m.key_count = 1;
    const char *wanted = model_text(t, exchange, &m);
    for (int i = 0; i < 2; i++) { /* found, and found in the cache */
        route =
            world_route_with(w, name_of('x', exchange), keys[0], m.has_headers ? &headers : NULL);
        assert_string_equal(route_text(route), wanted);
    }
    lv_buffer_free(&table);
}

static void check_everything(struct world *w, const struct model *t)
{
    assert_int_equal(lv_table_count(w->vhost->bindings), t->binding_count);
    for (int i = 0; i < EXCHANGES; i++) {
        assert_int_equal(world_has_exchange(w, name_of('x', i)), t->exchange_there[i]);
        if (t->exchange_there[i])
            check_sample(w, t, i);
    }
}

static void run_topology(struct world *w, uint64_t number)
{
    struct model t = {0};
    seed = number;
    for (int i = 0; i < EXCHANGES; i++)
        toggle_exchange(w, &t);
    for (int i = 0; i < QUEUES; i++)
        toggle_queue(w, &t);
    for (int step = 0; step < 60; step++) {
        int what = draw(12);
        if (what < 7)
            bind(w, &t);
        else if (what < 10)
            unbind(w, &t);
        else if (what < 11)
            toggle_exchange(w, &t);
        else
            toggle_queue(w, &t);
        if (step % 6 == 5)
            check_everything(w, &t);
    }
}

static void routes_are_those_of_a_simple_model(void **state)
{
    (void)state;
    struct world w;
    const char *only = getenv("LEVERET_TEST_SEED");
    uint64_t first = only ? strtoull(only, NULL, 10) : 1;
    world_start(&w);
    for (uint64_t number = first; number < first + (only ? 1 : 1500); number++) {
        run_topology(&w, number);
        world_delete_queues(&w);
        world_vhost_delete(&w, slice_str("/"), NOBODY);
        world_vhost_create(&w, slice_str("/"), NOBODY, &w.vhost);
        lv_rcu_quiescent();
    }
    world_stop(&w);
}

/* --- dedup, rings, alternates ----------------------------------------------------------------- */

static void a_queue_is_found_once_however_many_ways_lead_to_it(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_queue(&w, "q", false);
    world_exchange(&w, "f", "fanout");
    world_exchange(&w, "g", "fanout");
    world_exchange(&w, "t", "topic");
    world_bind(&w, "f", "=>", "g", "");
    world_bind(&w, "g", "=>", "f", "");
    world_bind(&w, "f", "=>", "f", "self");
    world_bind(&w, "g", "=>", "t", "");
    world_bind(&w, "f", "->", "q", "one");
    world_bind(&w, "f", "->", "q", "two");
    world_bind(&w, "g", "->", "q", "");
    world_bind(&w, "t", "->", "q", "#");
    world_bind(&w, "t", "->", "q", "a.*");
    assert_string_equal(world_route(&w, "f", "a.b"), "q");
    assert_string_equal(world_route(&w, "g", "a.b"), "q");
    world_stop(&w);
}

static void a_wide_fanout_finds_every_queue_once(void **state)
{
    (void)state;
    struct world w;
    char name[16];
    world_start(&w);
    world_exchange(&w, "f", "fanout");
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "q%d", i);
        world_queue(&w, name, false);
        world_bind(&w, "f", "->", name, "a");
        world_bind(&w, "f", "->", name, "b");
    }
    for (int round = 0; round < 2; round++) {
        struct route r = world_route_with(&w, "f", slice_str(""), NULL);
        assert_int_equal(r.count, 3000);
        struct pointer_set seen = {0};
        for (size_t i = 0; i < r.count; i++)
            assert_true(pointer_set_add(&seen, r.queues[i]));
        free(seen.slots);
    }
    world_stop(&w);
}

static void with_alternate(struct world *w, const char *name, const char *type,
                           const char *alternate)
{
    struct lv_buffer table = {0};
    table_add_str(&table, "alternate-exchange", alternate);
    assert_non_null(world_exchange_with(w, name, type, "", lv_buffer_slice(&table)));
    lv_buffer_free(&table);
}

static void the_alternate_exchange_gets_what_no_binding_matches(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_queue(&w, "q", false);
    world_queue(&w, "rest", false);
    with_alternate(&w, "one", "direct", "two");
    assert_string_equal(world_route(&w, "one", "k"), ""); /* "two" is missing */
    with_alternate(&w, "two", "direct", "three");
    with_alternate(&w, "three", "topic", "one"); /* a ring */
    assert_string_equal(world_route(&w, "one", "k"), "");
    world_bind(&w, "three", "->", "rest", "#");
    assert_string_equal(world_route(&w, "one", "k"), "rest");
    world_bind(&w, "two", "->", "q", "k");
    assert_string_equal(world_route(&w, "one", "k"), "q");
    world_bind(&w, "one", "->", "q", "k");
    world_unbind(&w, "two", "->", "q", "k");
    assert_string_equal(world_route(&w, "one", "k"), "q");
    world_unbind(&w, "one", "->", "q", "k");
    assert_string_equal(world_route(&w, "one", "k"), "rest");
    /* Matching a binding counts, even when it leads nowhere. */
    world_exchange(&w, "empty", "fanout");
    world_bind(&w, "one", "=>", "empty", "k");
    assert_string_equal(world_route(&w, "one", "k"), "");
    world_stop(&w);
}

static void the_default_exchange_finds_queues_by_name(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    assert_string_equal(world_route(&w, "", "q"), "");
    struct queue_entry *q = world_queue(&w, "q", false);
    for (int i = 0; i < 3; i++)
        assert_string_equal(world_route(&w, "", "q"), "q");
    world_queue_delete(&w, q);
    assert_string_equal(world_route(&w, "", "q"), "");
    struct slice keys[3] = {slice_str("a"), slice_str("b"), slice_str("a")};
    world_queue(&w, "a", false);
    world_queue(&w, "b", false);
    struct route r;
    route_find_many(loops_at(w.loops, 0), w.vhost->default_exchange, keys, 3,
                    &(struct routing_input){0}, &r);
    assert_string_equal(route_text(r), "a b");
    world_stop(&w);
}

/* --- the cache -------------------------------------------------------------------------------- */

static struct route_cache_counters counters(struct world *w)
{
    return route_cache_counters(loops_at(w->loops, 0));
}

static void a_route_is_found_once_for_each_generation(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_queue(&w, "q", false);
    world_exchange(&w, "x", "direct");
    world_bind(&w, "x", "->", "q", "k");
    world_route(&w, "x", "k");
    uint64_t misses = counters(&w).misses;
    for (int i = 0; i < 100; i++)
        assert_string_equal(world_route(&w, "x", "k"), "q");
    assert_int_equal(counters(&w).misses, misses);
    assert_int_equal(counters(&w).hits, 100);
    world_queue(&w, "r", false);
    world_bind(&w, "x", "->", "r", "k");
    assert_string_equal(world_route(&w, "x", "k"), "q r");
    world_unbind(&w, "x", "->", "q", "k");
    assert_string_equal(world_route(&w, "x", "k"), "r");
    assert_int_equal(counters(&w).misses, misses + 2);
    world_stop(&w);
}

static void two_exchanges_do_not_share_a_cached_route(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_queue(&w, "q", false);
    world_queue(&w, "r", false);
    world_exchange(&w, "x", "direct");
    world_exchange(&w, "y", "direct");
    world_bind(&w, "x", "->", "q", "k");
    world_bind(&w, "y", "->", "r", "k");
    for (int i = 0; i < 4; i++) {
        assert_string_equal(world_route(&w, "x", "k"), "q");
        assert_string_equal(world_route(&w, "y", "k"), "r");
    }
    world_stop(&w);
}

static void large_routes_are_cached_within_a_bound(void **state)
{
    (void)state;
    struct world w;
    char name[64];
    world_start(&w);
    world_exchange(&w, "f", "fanout");
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "q%d", i);
        world_queue(&w, name, false);
        world_bind(&w, "f", "->", name, "");
    }
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "key.%d", i % 10000);
        assert_int_equal(world_route_with(&w, "f", slice_str(name), NULL).count, 200);
        assert_true(counters(&w).bytes <= 4 * 1024 * 1024);
    }
    assert_true(counters(&w).bytes > 1024 * 1024);
    /* A new generation: the old blocks make room. */
    world_queue(&w, "another", false);
    world_bind(&w, "f", "->", "another", "");
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "key.%d", i % 100);
        assert_int_equal(world_route_with(&w, "f", slice_str(name), NULL).count, 201);
    }
    assert_true(counters(&w).hits > 15000);
    world_stop(&w);
}

/* --- routing while the topology changes
 * ------------------------------------------------------------------
 *
 * Each exchange has permanent bindings to "stay", scattered among bindings that come and go on the
 * same keys and trie nodes. No publish may miss "stay", and none may find a queue that was
 * freed. */

enum { ROUTERS = 3, CHANGES = 6000, CHURN = 60 };

static const char *const busy[] = {"busy.direct", "busy.fanout", "busy.topic", "busy.headers",
                                   "busy.ring"};
static const char *const topic_keys[] = {"a.#", "#.c", "a.*.c", "a.b.c", "*.b.*", "#.b.#"};

struct router {
    pthread_t thread;
    struct world *w;
    unsigned number;
    _Atomic bool *is_over;
    _Atomic uint64_t routed;
};

static bool route_has_stay(const struct route *route)
{
    bool found = false;
    for (size_t i = 0; i < route->count; i++) {
        lv_assert(route->queues[i]->magic == QUEUE_ENTRY_MAGIC);
        found |= slice_is(queue_entry_name(route->queues[i]), "stay");
    }
    return found;
}

static void *route_all_the_time(void *arg)
{
    struct router *r = arg;
    struct lv_buffer table = {0};
    lv_rcu_register_thread();
    table_add_int(&table, "h", 'l', 1);
    while (!atomic_load(r->is_over)) {
        for (size_t i = 0; i < sizeof busy / sizeof *busy; i++) {
            struct exchange *x = exchange_find(r->w->vhost, slice_str(busy[i]));
            lv_assert(x != NULL);
            struct routing_input input = {
                .routing_key = slice_str("a.b.c"),
                .headers = lv_buffer_slice(&table),
                .has_headers = true,
            };
            struct route route;
            route_find(loops_at(r->w->loops, r->number), x, &input, &route);
            lv_assert(route_has_stay(&route));
            r->routed++;
        }
        lv_rcu_quiescent();
    }
    lv_rcu_unregister_thread();
    lv_buffer_free(&table);
    return NULL;
}

static void churn_once(struct world *w, int i, struct queue_entry **queues)
{
    struct lv_buffer table = {0};
    char name[16];
    table_add_int(&table, "h", 'I', draw(2));
    struct slice headers = lv_buffer_slice(&table);
    snprintf(name, sizeof name, "c%d", i);
    if (!queues[i])
        queues[i] = world_queue(w, name, false);
    const char *pattern = topic_keys[draw(6)];
    bool add = draw(2);
    bool (*change)(struct world *, const char *, const char *, const char *, const char *,
                   struct slice) = add ? world_bind_with : world_unbind_with;
    change(w, "busy.direct", "->", name, "a.b.c", SLICE_EMPTY);
    change(w, "busy.fanout", "->", name, pattern, SLICE_EMPTY);
    change(w, "busy.topic", "->", name, pattern, SLICE_EMPTY);
    change(w, "busy.headers", "->", name, "", headers);
    change(w, "busy.ring", "=>", busy[draw(4)], pattern, SLICE_EMPTY);
    if (draw(8) == 0) {
        world_queue_delete(w, queues[i]);
        queues[i] = NULL;
    }
    lv_buffer_free(&table);
}

static void bind_stay(struct world *w)
{
    struct lv_buffer table = {0};
    table_add_int(&table, "h", 'I', 1);
    world_bind(w, "busy.direct", "->", "stay", "a.b.c");
    world_bind(w, "busy.fanout", "->", "stay", "");
    world_bind(w, "busy.topic", "->", "stay", "#.b.#");
    assert_true(world_bind_with(w, "busy.headers", "->", "stay", "", lv_buffer_slice(&table)));
    world_bind(w, "busy.ring", "=>", "busy.direct", "");
    world_bind(w, "busy.direct", "=>", "busy.ring", "a.b.c");
    lv_buffer_free(&table);
}

static bool all_have_routed(struct router *routers)
{
    unsigned i = 0;
    while (i < ROUTERS && atomic_load(&routers[i].routed) > 0)
        i++;
    return i == ROUTERS;
}

static void a_binding_that_stays_is_never_missed_while_others_change(void **state)
{
    (void)state;
    struct world w;
    struct queue_entry *queues[CHURN] = {0};
    struct router routers[ROUTERS];
    _Atomic bool is_over = false;
    world_start_with(&w, ROUTERS, NULL);
    seed = 7;
    static const char *const types[] = {"direct", "fanout", "topic", "headers", "fanout"};
    for (size_t i = 0; i < 5; i++)
        world_exchange(&w, busy[i], types[i]);
    world_queue(&w, "stay", false);
    for (int i = 0; i < CHURN / 2; i++)
        churn_once(&w, i, queues);
    bind_stay(&w);
    for (unsigned i = 0; i < ROUTERS; i++) {
        routers[i] = (struct router){.w = &w, .number = i, .is_over = &is_over};
        assert_int_equal(pthread_create(&routers[i].thread, NULL, route_all_the_time, &routers[i]),
                         0);
    }
    for (int i = 0; i < CHANGES || !all_have_routed(routers); i++) {
        churn_once(&w, draw(CHURN), queues);
        lv_rcu_quiescent();
    }
    atomic_store(&is_over, true);
    lv_rcu_offline();
    for (unsigned i = 0; i < ROUTERS; i++)
        pthread_join(routers[i].thread, NULL);
    lv_rcu_online();
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_are_those_of_a_simple_model),
        cmocka_unit_test(a_queue_is_found_once_however_many_ways_lead_to_it),
        cmocka_unit_test(a_wide_fanout_finds_every_queue_once),
        cmocka_unit_test(the_alternate_exchange_gets_what_no_binding_matches),
        cmocka_unit_test(the_default_exchange_finds_queues_by_name),
        cmocka_unit_test(a_route_is_found_once_for_each_generation),
        cmocka_unit_test(two_exchanges_do_not_share_a_cached_route),
        cmocka_unit_test(large_routes_are_cached_within_a_bound),
        cmocka_unit_test(a_binding_that_stays_is_never_missed_while_others_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
