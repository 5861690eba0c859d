/* Headers exchanges: what a binding's arguments match. Every row is what RabbitMQ 3.10 does. */
#include "topology/route_private.h"
#include "topology_world.h"

/* Tables are written as "name TYPE value" with commas between: "a I 1, x-match S any". */
static struct slice table_of(struct lv_buffer *b, const char *text)
{
    char *copy = lv_strdup(text);
    char *save = NULL;
    b->n = 0;
    for (char *field = strtok_r(copy, ",", &save); field; field = strtok_r(NULL, ",", &save)) {
        char name[32], value[64] = "";
        char type = 0;
        assert_true(sscanf(field, " %31s %c %63s", name, &type, value) >= 2);
        if (strchr("SxAF", type)) {
            table_add_bytes(b, name, type, value);
        } else if (type == 'V') {
            table_add(b, name, 'V', NULL, 0);
        } else if (type == 't') {
            table_add(b, name, 't', (uint8_t[]){value[0] == '1'}, 1);
        } else if (type == 'D') {
            table_add(b, name, 'D', (uint8_t[]){2, 0, 0, 0, (uint8_t)atoi(value)}, 5);
        } else if (type == 'd') {
            double d = strtod(value, NULL);
            uint64_t bits;
            memcpy(&bits, &d, 8);
            table_add_int(b, name, 'l', (int64_t)bits);
            b->p[b->n - 9] = 'd';
        } else if (type == 'f') {
            float f = strtof(value, NULL);
            uint32_t bits;
            memcpy(&bits, &f, 4);
            table_add_int(b, name, 'i', bits);
            b->p[b->n - 5] = 'f';
        } else {
            table_add_int(b, name, type, strtoll(value, NULL, 10));
        }
    }
    free(copy);
    return lv_buffer_slice(b);
}

static const struct {
    const char *arguments;
    const char *headers; /* NULL: the message has none */
    bool matches;
} cases[] = {
    {"", NULL, true},
    {"", "", true},
    {"", "a I 1", true},
    {"x-match S all", NULL, true},
    {"x-match S any", NULL, false},
    {"x-match S any", "a I 1", false},
    {"a I 1", NULL, false},
    {"a I 1", "", false},
    {"a I 1", "a I 1", true},
    {"a I 1", "b I 1, a I 1, c I 3", true},
    {"a I 1", "a I 2", false},
    {"a I 1, b I 2", "b I 2, a I 1", true},
    {"b I 2, a I 1", "a I 1, b I 2", true},
    {"a I 1, b I 2", "a I 1", false},
    {"a I 1, b I 2, x-match S any", "a I 1", true},
    {"a I 1, b I 2, x-match S any", "b I 2, a I 7", true},
    {"a I 1, b I 2, x-match S any", "b I 1, a I 2", false},
    {"a I 1", "a l 1", true},
    {"a I 1", "a b 1", true},
    {"a I -1", "a b -1", true},
    {"a I 255", "a B 255", true},
    {"a I -1", "a B 255", false},
    {"a I 1", "a d 1", true},
    {"a I 1", "a d 1.5", false},
    {"a I 1", "a T 1", true},
    {"a l -1", "a T -1", false},
    {"a d 18446744073709549568", "a T -2048", true},
    {"a d -2048", "a T -2048", false},
    {"a f 0.5", "a d 0.5", true},
    {"a S q", "a x q", true},
    {"a S q", "a S r", false},
    {"a S 1", "a I 1", false},
    {"a t 1", "a t 1", true},
    {"a t 1", "a t 0", false},
    {"a t 1", "a I 1", false},
    {"a D 3", "a D 3", true},
    {"a D 3", "a D 4", false},
    {"a V", "a I 1", true},
    {"a V", "a V", true},
    {"a V", "b I 1", false},
    {"a I 1", "a V", false},
    {"a I 1, x-b I 2", "a I 1", true},
    {"x-match S any, x-b I 2", "x-b I 2", false},
    {"x-match S any-with-x, x-b I 2", "x-b I 2", true},
    {"x-match S any-with-x, x-b I 2", "x-b I 3", false},
    {"x-match S all-with-x, x-b I 2, a I 1", "a I 1", false},
    {"x-match S all-with-x, x-b I 2, a I 1", "a I 1, x-b I 2", true},
    {"a I 1, a I 1", "a I 1", false},
    {"a I 1, a I 1", "a I 1, a I 1", true},
    {"a I 1", "a I 2, a I 1", false},
    {"a F \1kt\1", "a F \1kt\1", true},
    {"a F \1kV", "a F \1kV", true},
    {"a F \1kV", "a F \1jV", false},
    {"a F ", "a A ", true},
    {"a F ", "a F \1kV", false},
    {"a A t\1", "a A t\1", true},
    {"a A t\1", "a A t\1t\1", false},
    {"a A t\1", "a A B\1", false},
    {"a A B\1", "a A b\1", false},
    {"a A V", "a F V", false},
};

static void a_binding_matches_by_its_arguments(void **state)
{
    (void)state;
    struct world w;
    struct lv_buffer arguments = {0}, headers = {0};
    world_start(&w);
    world_queue(&w, "q", false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice a = table_of(&arguments, cases[i].arguments);
        struct slice h = table_of(&headers, cases[i].headers ? cases[i].headers : "");
        assert_true(world_bind_with(&w, "amq.headers", "->", "q", "k", a));
        struct route r =
            world_route_with(&w, "amq.headers", slice_str("other"), cases[i].headers ? &h : NULL);
        if (r.count != cases[i].matches)
            fail_msg("'%s' and '%s'", cases[i].arguments, cases[i].headers);
        assert_true(world_unbind_with(&w, "amq.headers", "->", "q", "k", a));
    }
    assert_int_equal(lv_table_count(w.vhost->bindings), 0);
    lv_buffer_free(&arguments);
    lv_buffer_free(&headers);
    world_stop(&w);
}

/* Each row's binding has a queue of its own; every row's headers meet all of them, and again when
 * half are gone. */
static void all_bindings_together_match_as_they_do_alone(void **state)
{
    (void)state;
    enum { CASES = sizeof cases / sizeof *cases };
    static bool alone[CASES][CASES];
    struct world w;
    struct lv_buffer arguments = {0}, headers = {0};
    char name[16];
    world_start(&w);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < CASES; i++) {
            struct slice a = table_of(&arguments, cases[i].arguments);
            snprintf(name, sizeof name, "%03zu", i);
            if (round == 0)
                world_queue(&w, name, false);
            for (size_t h = 0; round == 0 && h < CASES; h++) {
                struct slice table = table_of(&headers, cases[h].headers ? cases[h].headers : "");
                assert_true(world_bind_with(&w, "amq.match", "->", name, "", a));
                alone[i][h] = world_route_with(&w, "amq.match", slice_str(""), &table).count == 1;
                assert_true(world_unbind_with(&w, "amq.match", "->", name, "", a));
            }
            if (round < 2)
                assert_true(world_bind_with(&w, "amq.headers", "->", name, "", a));
            else if (i % 2)
                assert_true(world_unbind_with(&w, "amq.headers", "->", name, "", a));
        }
        for (size_t h = 0; h < CASES; h++) {
            struct slice table = table_of(&headers, cases[h].headers ? cases[h].headers : "");
            const char *found =
                route_text(world_route_with(&w, "amq.headers", slice_str(""), &table));
            for (size_t i = 0; i < CASES; i++) {
                snprintf(name, sizeof name, "%03zu", i);
                bool wanted = alone[i][h] && (round < 2 || i % 2 == 0);
                if ((strstr(found, name) != NULL) != wanted)
                    fail_msg("'%s' and '%s'", cases[i].arguments, cases[h].headers);
            }
        }
    }
    lv_buffer_free(&arguments);
    lv_buffer_free(&headers);
    world_stop(&w);
}

static uint64_t compared(struct world *w)
{
    return route_cache_counters(loops_at(w->loops, 0)).headers_compared;
}

/* `kind` is the same in all, and `customer` another one in each. */
static void of_10000_bindings_a_message_is_compared_with_few(void **state)
{
    (void)state;
    struct world w;
    struct lv_buffer arguments = {0}, headers = {0};
    char text[64];
    world_start(&w);
    world_queue(&w, "q", false);
    for (int i = 0; i < 10000; i++) {
        snprintf(text, sizeof text, "kind S order, customer I %d", i);
        if (i % 10 == 0)
            snprintf(text, sizeof text, "x-match S any, customer I %d, gift I %d", i, i);
        assert_true(world_bind_with(&w, "amq.headers", "->", "q", "", table_of(&arguments, text)));
    }
    uint64_t before = compared(&w);
    struct slice h = table_of(&headers, "kind S order, customer I 4711, gift I 20");
    assert_int_equal(world_route_with(&w, "amq.headers", slice_str(""), &h).count, 1);
    assert_in_range(compared(&w) - before, 1, 4);
    before = compared(&w);
    h = table_of(&headers, "kind S order, customer I 10000");
    assert_int_equal(world_route_with(&w, "amq.headers", slice_str(""), &h).count, 0);
    assert_in_range(compared(&w) - before, 0, 3);
    lv_buffer_free(&arguments);
    lv_buffer_free(&headers);
    world_stop(&w);
}

static const struct {
    const char *arguments;
    const char *text;
} refusals[] = {
    {"x-match S zz", "Invalid x-match field value <<\"zz\">>; expected all, any, all-with-x, or "
                     "any-with-x"},
    {"x-match b 23", "Invalid x-match field type byte (value 23); expected longstr"},
    {"x-match B 250", "Invalid x-match field type unsignedbyte (value 250); expected longstr"},
    {"x-match t 1", "Invalid x-match field type bool (value true); expected longstr"},
    {"x-match V", "Invalid x-match field type void (value undefined); expected longstr"},
    {"x-match x abc", "Invalid x-match field type binary (value <<\"abc\">>); expected longstr"},
    {"x-match d 5", "Invalid x-match field type double (value 5.0); expected longstr"},
};

static void an_invalid_x_match_is_refused(void **state)
{
    (void)state;
    struct world w;
    struct lv_buffer arguments = {0};
    world_start(&w);
    world_queue(&w, "q", false);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct slice a = table_of(&arguments, refusals[i].arguments);
        assert_false(world_bind_with(&w, "amq.match", "->", "q", "", a));
        assert_error(&w, 406, refusals[i].text);
        assert_false(w.error.closes_connection);
        assert_true(world_bind_with(&w, "amq.direct", "->", "q", "", a));
    }
    lv_buffer_free(&arguments);
    world_stop(&w);
}

static void bindings_differ_by_their_arguments_but_not_by_their_order(void **state)
{
    (void)state;
    struct world w;
    struct lv_buffer b = {0};
    world_start(&w);
    world_queue(&w, "q", false);
    assert_true(world_bind_with(&w, "amq.headers", "->", "q", "k", table_of(&b, "b I 2, a I 1")));
    assert_true(world_bind_with(&w, "amq.headers", "->", "q", "k", table_of(&b, "a I 1, b I 2")));
    assert_int_equal(lv_table_count(w.vhost->bindings), 1);
    assert_true(world_bind_with(&w, "amq.headers", "->", "q", "k", table_of(&b, "a I 1, b l 2")));
    assert_true(world_bind_with(&w, "amq.headers", "->", "q", "j", table_of(&b, "a I 1, b I 2")));
    assert_int_equal(lv_table_count(w.vhost->bindings), 3);
    assert_true(world_unbind_with(&w, "amq.headers", "->", "q", "k", table_of(&b, "a I 1, b I 2")));
    assert_int_equal(lv_table_count(w.vhost->bindings), 2);
    lv_buffer_free(&b);
    world_stop(&w);
}

static void a_route_through_headers_is_never_cached(void **state)
{
    (void)state;
    struct world w;
    struct lv_buffer b = {0}, h = {0};
    world_start(&w);
    world_queue(&w, "q", false);
    world_exchange(&w, "f", "fanout");
    world_bind(&w, "f", "=>", "amq.headers", "");
    assert_true(world_bind_with(&w, "amq.headers", "->", "q", "", table_of(&b, "a I 1")));
    for (int i = 0; i < 6; i++) {
        struct slice headers = table_of(&h, i % 2 ? "a I 2" : "a I 1");
        assert_int_equal(world_route_with(&w, "f", slice_str("k"), &headers).count, i % 2 == 0);
    }
    lv_buffer_free(&b);
    lv_buffer_free(&h);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_binding_matches_by_its_arguments),
        cmocka_unit_test(all_bindings_together_match_as_they_do_alone),
        cmocka_unit_test(of_10000_bindings_a_message_is_compared_with_few),
        cmocka_unit_test(an_invalid_x_match_is_refused),
        cmocka_unit_test(bindings_differ_by_their_arguments_but_not_by_their_order),
        cmocka_unit_test(a_route_through_headers_is_never_cached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
