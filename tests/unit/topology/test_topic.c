/* Topic exchanges: which keys match which patterns, and what matching costs. */
#include "topology/route_private.h"
#include "topology_world.h"

static const struct {
    const char *pattern;
    const char *key;
    bool matches;
} cases[] = {
    {"a", "a", true},
    {"a", "b", false},
    {"a.b", "a.b", true},
    {"a.b", "a", false},
    {"", "", true},
    {"", "a", false},
    {"*", "a", true},
    {"*", "", false},
    {"*", "a.b", false},
    {"*.*", "a.b", true},
    {"*.*", ".", true},
    {"*.b", ".b", true},
    {"a.*", "a.", true},
    {"a.*", "a", false},
    {"a.*.c", "a.b.c", true},
    {"a.*.c", "a..c", true},
    {"a.*.c", "a.c", false},
    {"#", "", true},
    {"#", "a", true},
    {"#", "a.b.c", true},
    {"#", ".", true},
    {"a.#", "a", true},
    {"a.#", "a.b", true},
    {"a.#", "a.", true},
    {"a.#", "ab", false},
    {"a.#", "b.a", false},
    {"#.a", "a", true},
    {"#.a", "b.c.a", true},
    {"#.a", "a.b", false},
    {"#.a", "a.a", true},
    {"a.#.b", "a.b", true},
    {"a.#.b", "a.c.d.b", true},
    {"a.#.b", "a.b.c", false},
    {"a.#.b", "a.b.b", true},
    {"#.#", "", true},
    {"#.#", "a", true},
    {"#.*", "", false},
    {"#.*", "a", true},
    {"*.#", "", false},
    {"*.#", "a.b", true},
    {"#.*.#", "", false},
    {"#.*.#", "a", true},
    {"#.a.#.b.#", "x.a.y.b.z", true},
    {"#.a.#.b.#", "x.b.y.a.z", false},
    {"#.a.#.b.#", "a.b", true},
    {"*.a.#", "a.a", true},
    {"*a.b", "xa.b", false},
    {"*a.b", "*a.b", true},
    {"a#", "a#", true},
    {"a#", "ab", false},
    {"a.*", "a.*", true},
    {"a.b", "a.*", false},
    {"A.b", "a.b", false},
};

static void a_pattern_matches_word_by_word(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_exchange(&w, "t", "topic");
    world_queue(&w, "q", false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world_bind(&w, "t", "->", "q", cases[i].pattern);
        const char *wanted = cases[i].matches ? "q" : "";
        if (strcmp(world_route(&w, "t", cases[i].key), wanted) != 0)
            fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].key);
        world_unbind(&w, "t", "->", "q", cases[i].pattern);
        assert_string_equal(world_route(&w, "t", cases[i].key), "");
    }
    world_stop(&w);
}

static void all_patterns_together_match_as_they_do_alone(void **state)
{
    (void)state;
    struct world w;
    char name[16];
    size_t count = sizeof cases / sizeof *cases;
    world_start(&w);
    world_exchange(&w, "t", "topic");
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%03zu", i);
        world_queue(&w, name, false);
        world_bind(&w, "t", "->", name, cases[i].pattern);
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%03zu", i);
        bool found = strstr(world_route(&w, "t", cases[i].key), name) != NULL;
        assert_int_equal(found, cases[i].matches);
    }
    world_stop(&w);
}

static uint64_t steps(struct world *w)
{
    return route_cache_counters(loops_at(w->loops, 0)).topic_steps;
}

static uint64_t steps_of(struct world *w, const char *key)
{
    uint64_t before = steps(w);
    world_route(w, "t", key);
    return steps(w) - before;
}

/* Each of the trie's 35 nodes is visited once, and looks at one child by word at most. */
static void the_worst_pattern_and_key_are_not_exponential(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    world_exchange(&w, "t", "topic");
    world_queue(&w, "q", false);
    world_bind(&w, "t", "->", "q", "#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.b");
    world_bind(&w, "t", "->", "q", "#.*.#.*.#.*.#.*.#.*.#.b");
    const char *key = "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a";
    assert_string_equal(world_route(&w, "t", key), "");
    char longer[80];
    snprintf(longer, sizeof longer, "%s.b", key);
    uint64_t cost = steps_of(&w, longer);
    assert_string_equal(world_route(&w, "t", longer), "q");
    assert_in_range(cost, 31, 2 * 36);
    world_stop(&w);
}

static void a_publish_that_matches_few_of_100000_bindings_visits_few_nodes(void **state)
{
    (void)state;
    struct world w;
    char key[64];
    world_start(&w);
    world_exchange(&w, "t", "topic");
    struct queue_entry *many = world_queue(&w, "many", false);
    world_queue(&w, "one", false);
    for (int i = 0; i < 100000; i++) {
        static const char *const shapes[] = {"s%d.*.%d", "s%d.#.%d", "*.s%d.%d", "s%d.x.%d"};
        snprintf(key, sizeof key, shapes[i % 4], i / 4, i);
        world_bind(&w, "t", "->", "many", key);
    }
    world_bind(&w, "t", "->", "one", "stock.*.nyse");
    world_bind(&w, "t", "->", "one", "#.nyse");
    assert_int_equal(lv_table_count(w.vhost->bindings), 100002);
    assert_in_range(steps_of(&w, "stock.ibm.nyse"), 3, 20);
    assert_string_equal(world_route(&w, "t", "stock.ibm.nyse"), "one");
    assert_in_range(steps_of(&w, "s17.anything.68"), 3, 20);
    assert_string_equal(world_route(&w, "t", "s17.anything.68"), "many");

    /* A queue takes its own bindings with it, and their nodes. */
    world_queue_delete(&w, many);
    assert_int_equal(lv_table_count(w.vhost->bindings), 2);
    assert_string_equal(world_route(&w, "t", "s17.anything.68"), "");
    assert_string_equal(world_route(&w, "t", "stock.ibm.nyse"), "one");
    world_stop(&w);
}

/* All patterns of 14 words out of `a`, `*` and `#.a`, of which every one is on the way of a key of
 * so many `a`. */
static void a_long_key_costs_no_more_than_the_nodes_it_reaches(void **state)
{
    (void)state;
    struct world w;
    char key[256], pattern[64];
    size_t nodes_max = 1;
    world_start(&w);
    world_exchange(&w, "t", "topic");
    world_queue(&w, "q", false);
    for (unsigned i = 0; i < 1 << 12; i++) {
        size_t n = 0;
        for (unsigned bit = 0; bit < 12; bit++)
            n += (size_t)snprintf(pattern + n, sizeof pattern - n, "%s.",
                                  i >> bit & 1 ? "#.a" : "*");
        snprintf(pattern + n, sizeof pattern - n, "end");
        world_bind(&w, "t", "->", "q", pattern);
        nodes_max += 2 * 12 + 1;
    }
    for (size_t i = 0; i < 127; i++)
        memcpy(key + 2 * i, "a.", 3);
    key[253] = '\0';
    assert_in_range(steps_of(&w, key), 1 << 12, 2 * nodes_max);
    assert_string_equal(world_route(&w, "t", key), "");
    memcpy(key + 250, "end", 4);
    assert_string_equal(world_route(&w, "t", key), "q");
    world_stop(&w);
}

/* As the definition says it: each way to split the key among the pattern's words. */
static bool matches_by_definition(const char *pattern, const char *key)
{
    if (!pattern)
        return !key;
    const char *rest = strchr(pattern, '.');
    size_t n = rest ? (size_t)(rest - pattern) : strlen(pattern);
    rest = rest ? rest + 1 : NULL;
    const char *behind = key ? strchr(key, '.') : NULL;
    size_t k = behind ? (size_t)(behind - key) : key ? strlen(key) : 0;
    behind = behind ? behind + 1 : NULL;
    if (n == 1 && pattern[0] == '#')
        return matches_by_definition(rest, key) || (key && matches_by_definition(pattern, behind));
    if (!key)
        return false;
    bool is_fine = (n == 1 && pattern[0] == '*') || (n == k && memcmp(pattern, key, n) == 0);
    return is_fine && matches_by_definition(rest, behind);
}

static void random_words(char *text, uint64_t *dice, const char *const *words, unsigned count)
{
    size_t n = 0;
    *dice = *dice * 6364136223846793005u + 1442695040888963407u;
    for (uint64_t left = 1 + (*dice >> 33) % 9; left > 0; left--) {
        *dice = *dice * 6364136223846793005u + 1442695040888963407u;
        n += (size_t)sprintf(text + n, "%s%s", words[(*dice >> 33) % count], left > 1 ? "." : "");
    }
}

/* Many bindings share the trie, so nodes of all kinds have many and few children. */
static void random_patterns_match_as_the_definition_says(void **state)
{
    (void)state;
    static const char *const of_patterns[] = {"a", "b", "*", "#", "", "*", "#", "cc", "d", "e"};
    static const char *const of_keys[] = {"a", "b", "", "cc", "a", "d", "f"};
    enum { PATTERNS = 300, KEYS = 500 };
    static char patterns[PATTERNS][64];
    struct world w;
    char name[16], key[64];
    uint64_t dice = 1;
    world_start(&w);
    world_exchange(&w, "t", "topic");
    for (int i = 0; i < PATTERNS; i++) {
        snprintf(name, sizeof name, "%03d", i);
        random_words(patterns[i], &dice, of_patterns, 10);
        world_queue(&w, name, false);
        world_bind(&w, "t", "->", name, patterns[i]);
    }
    for (int k = 0; k < KEYS; k++) {
        random_words(key, &dice, of_keys, 7);
        const char *found = world_route(&w, "t", key);
        for (int i = 0; i < PATTERNS; i++) {
            snprintf(name, sizeof name, "%03d", i);
            bool wanted =
                matches_by_definition(patterns[i][0] ? patterns[i] : NULL, key[0] ? key : NULL);
            if ((strstr(found, name) != NULL) != wanted)
                fail_msg("'%s' and '%s'", patterns[i], key);
        }
    }
    world_stop(&w);
}

static void keys_without_wildcards_are_found_without_a_walk(void **state)
{
    (void)state;
    struct world w;
    char key[64];
    world_start(&w);
    world_exchange(&w, "t", "topic");
    world_queue(&w, "q", false);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "a.b.c.d.e.f.%d", i);
        world_bind(&w, "t", "->", "q", key);
    }
    uint64_t before = steps(&w);
    assert_string_equal(world_route(&w, "t", "a.b.c.d.e.f.999"), "q");
    assert_string_equal(world_route(&w, "t", "a.b.c.d.e.f.1000"), "");
    assert_int_equal(steps(&w), before);
    world_stop(&w);
}

static void a_key_longer_than_a_short_string_matches_only_wildcards(void **state)
{
    (void)state;
    struct world w;
    static char key[1000];
    memset(key, 'k', sizeof key);
    world_start(&w);
    world_exchange(&w, "t", "topic");
    world_queue(&w, "q", false);
    world_bind(&w, "t", "->", "q", "k.*");
    assert_int_equal(world_route_with(&w, "t", slice_of(key, sizeof key), NULL).count, 0);
    world_bind(&w, "t", "->", "q", "*");
    assert_int_equal(world_route_with(&w, "t", slice_of(key, sizeof key), NULL).count, 1);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_matches_word_by_word),
        cmocka_unit_test(all_patterns_together_match_as_they_do_alone),
        cmocka_unit_test(the_worst_pattern_and_key_are_not_exponential),
        cmocka_unit_test(a_publish_that_matches_few_of_100000_bindings_visits_few_nodes),
        cmocka_unit_test(a_long_key_costs_no_more_than_the_nodes_it_reaches),
        cmocka_unit_test(random_patterns_match_as_the_definition_says),
        cmocka_unit_test(keys_without_wildcards_are_found_without_a_walk),
        cmocka_unit_test(a_key_longer_than_a_short_string_matches_only_wildcards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
