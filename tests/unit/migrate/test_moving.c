/* What is carried over, and by which way: addresses, definitions, queues, routes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "migrate/addresses.h"
#include "migrate/carried.h"
#include "migrate/refusal.h"
#include "migrate/routes.h"

/* Returns JSON written with ' for ". The caller owns it. */
static json_t *json_of(const char *text)
{
    char copy[4096];
    assert_true(strlen(text) < sizeof copy);
    strcpy(copy, text);
    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_t *json = json_loads(copy, 0, NULL);
    if (!json)
        fail_msg("no JSON: %s", text);
    return json;
}

static void check_text(struct lv_buffer *text, const char *expected)
{
    lv_buffer_add_u8(text, '\0');
    assert_string_equal((const char *)text->p, expected);
    lv_buffer_free(text);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void check_refusal(const char *body, const char *expected)
{
    struct lv_buffer text = {0};
    refusal_put(slice_str(body), &text);
    check_text(&text, expected);
}

static void a_refusal_is_one_line_of_plain_text(void **state)
{
    (void)state;
    check_refusal(
        "{\"error\":\"bad_request\",\"reason\":\"no\\n\\n [{&lt;&lt;\\\"a\\\"&gt;&gt;}] &amp;lt; x\\n\"}",
        "no [{<<\"a\">>}] &lt; x");
    check_refusal("{\"reason\":[\"amqp_error\",\"command_invalid\",[110,111,32,252],\"none\"]}",
                  "no ?");
    check_refusal("{\"reason\":[\"amqp_error\"]}", "{\"reason\":[\"amqp_error\"]}");
    check_refusal("<html>\n", "<html>");
    check_refusal("", "");
}

/* --- addresses -------------------------------------------------------------------------------- */

static void check_address(const char *url, const char *management, const char *vhost,
                          const char *user, const char *api)
{
    struct lv_buffer text = {0}, reason = {0};
    assert_int_equal(address_vhost(url, &text, &reason), 0);
    check_text(&text, vhost);
    address_user(url, &text);
    check_text(&text, user);
    address_api(url, management, &text);
    check_text(&text, api);
}

static void an_address_has_a_vhost_a_user_and_an_api(void **state)
{
    (void)state;
    check_address("amqp://old", NULL, "", "guest", "http://guest:guest@old:15672");
    check_address("amqp://a:b@old:5673/shop", NULL, "shop", "a", "http://a:b@old:15672");
    check_address("amqps://a%40:b@[::1]:1/%2f?x", NULL, "/", "a@", "https://a%40:b@[::1]:15671");
    check_address("amqp://a:b@c@old", NULL, "", "a", "http://a:b@c@old:15672");
    check_address("amqp://a:b@old", "https://web/rabbit", "", "a", "https://a:b@web/rabbit");
    check_address("amqp://a:b@old", "http://x:y@web:1", "", "a", "http://x:y@web:1");
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",        "old",       "http://old",
                                        "amqp://", "amqp:///x", "amqp://a:b@"};
    for (size_t n = 0; n < sizeof wrong / sizeof *wrong; n++) {
        struct lv_buffer text = {0}, reason = {0};
        assert_int_equal(address_vhost(wrong[n], &text, &reason), ERR_INVALID);
        assert_int_not_equal(reason.n, 0);
        lv_buffer_free(&text);
        lv_buffer_free(&reason);
    }
}

/* --- definitions ------------------------------------------------------------------------------ */

#define SOURCE                                                                                     \
    "{'definitions': {'users': [{'name': 'ann'}, {'name': 'bob'}],"                                \
    "  'permissions': [{'user': 'bob', 'vhost': 'v'}], 'vhosts': [{'name': '/'}, {'name': 'v'}],"  \
    "  'global_parameters': [{'name': 'internal_cluster_id', 'value': 'x'}, {'name': 'g'}],"       \
    "  'queues': [{'name': 'd', 'vhost': '/'}], 'exchanges': [], 'bindings': []},"                 \
    " 'queues': [{'name': 'd', 'vhost': '/', 'durable': true},"                                    \
    "  {'name': 't', 'vhost': 'v', 'durable': false, 'auto_delete': true, 'arguments': {'a': 1},"  \
    "   'node': 'n'}, {'name': 'e', 'vhost': 'v', 'durable': false, 'exclusive': true}],"          \
    " 'exchanges': [{'name': '', 'vhost': 'v', 'durable': false}, {'name': 'x', 'vhost': 'v',"     \
    "   'type': 'topic', 'durable': false}],"                                                      \
    " 'bindings': [{'source': '', 'vhost': 'v', 'destination': 't', 'destination_type': 'queue'}," \
    "  {'source': 'x', 'vhost': 'v', 'destination': 't', 'destination_type': 'queue',"             \
    "   'routing_key': 'k'}, {'source': 'x', 'vhost': 'v', 'destination': 'e',"                    \
    "   'destination_type': 'queue', 'routing_key': 'k'}]}"

static size_t count_in(const json_t *definitions, const char *kind)
{
    return json_array_size(json_object_get(definitions, kind));
}

static void what_is_not_durable_is_added_to_definitions(void **state)
{
    (void)state;
    json_t *source = json_of(SOURCE), *definitions = carried_definitions(source, NULL);
    json_t *transient = json_of("{'name': 't', 'vhost': 'v', 'durable': false, 'auto_delete': true,"
                                " 'arguments': {'a': 1}}");
    assert_int_equal(count_in(definitions, "queues"), 2);
    assert_true(json_equal(json_array_get(json_object_get(definitions, "queues"), 1), transient));
    assert_int_equal(count_in(definitions, "exchanges"), 1);
    assert_int_equal(count_in(definitions, "bindings"), 1); /* none of an exclusive queue */
    assert_int_equal(count_in(definitions, "global_parameters"), 1);
    json_decref(transient);
    json_decref(definitions);
    json_decref(source);
}

static void check_vhosts(const json_t *definitions, const char *expected)
{
    json_t *vhosts = json_of(expected);
    assert_true(json_equal(json_object_get(definitions, "vhosts"), vhosts));
    json_decref(vhosts);
}

static void vhosts_keep_their_descriptions_and_tags(void **state)
{
    (void)state;
    json_t *source = json_of(
        "{'definitions': {'vhosts': [{'name': 'v'}, {'name': 'w'}]}, 'vhosts': [{'name': 'v',"
        " 'description': 'd', 'tags': ['t'], 'cluster_state': {}}, {'name': 'w', 'tags': ''}]}");
    json_t *definitions = carried_definitions(source, NULL);
    check_vhosts(definitions, "[{'name': 'v', 'description': 'd', 'tags': ['t']}, {'name': 'w'}]");
    json_decref(definitions);
    json_decref(source);
}

static void vhosts_get_their_descriptions_and_tags_back(void **state)
{
    (void)state;
    json_t *passwordless = json_array(), *source = json_object();
    json_t *local = json_of("{'vhosts': [{'name': 'v', 'metadata': {'description': 'd',"
                            " 'tags': ['t']}}, {'name': 'w'}]}");
    json_t *definitions = carried_back(local, source, NULL, passwordless);
    check_vhosts(definitions, "[{'name': 'v', 'metadata': {'description': 'd', 'tags': ['t']},"
                              " 'description': 'd', 'tags': ['t']}, {'name': 'w'}]");
    json_decref(definitions);
    json_decref(local);
    json_decref(source);
    json_decref(passwordless);
}

static void one_vhost_comes_with_its_users(void **state)
{
    (void)state;
    json_t *source = json_of(SOURCE), *definitions = carried_definitions(source, "v");
    assert_int_equal(count_in(definitions, "queues"), 1);
    assert_int_equal(count_in(definitions, "vhosts"), 1);
    assert_int_equal(count_in(definitions, "users"), 1);
    assert_null(json_object_get(definitions, "global_parameters"));
    json_decref(definitions);
    json_decref(source);
}

static void definitions_of_any_shape_do_no_harm(void **state)
{
    (void)state;
    static const char *const shapes[] = {
        "{}", "{'definitions': []}", "{'definitions': {'queues': 1, 'users': [1, null]}}",
        "{'definitions': {}, 'queues': [1, {'name': 2}], 'bindings': [[]], 'exchanges': {'a': 1}}"};
    for (size_t n = 0; n < sizeof shapes / sizeof *shapes; n++) {
        json_t *source = json_of(shapes[n]);
        json_decref(carried_definitions(source, NULL));
        json_decref(carried_definitions(source, "v"));
        json_decref(carried_queues(json_object_get(source, "queues"), NULL, NULL));
        json_decref(routes_of_vhosts(source));
        json_decref(source);
    }
}

static void hashes_that_rabbitmq_does_not_know_are_left_out(void **state)
{
    (void)state;
    json_t *local = json_of("{'users': [{'name': 'ann', 'hashing_algorithm': 'scrypt'},"
                            " {'name': 'new', 'password_hash': 'h', 'hashing_algorithm': 'scrypt'},"
                            " {'name': 'old', 'password_hash': 'h',"
                            "  'hashing_algorithm': 'rabbit_password_hashing_sha256'}]}");
    json_t *source = json_of(SOURCE), *passwordless = json_array();
    json_t *definitions = carried_back(local, source, NULL, passwordless);
    json_t *expected = json_of("[{'name': 'new', 'password_hash': ''}, {'name': 'old',"
                               " 'password_hash': 'h',"
                               " 'hashing_algorithm': 'rabbit_password_hashing_sha256'}]");
    assert_true(json_equal(json_object_get(definitions, "users"), expected));
    assert_int_equal(json_array_size(passwordless), 1);
    json_decref(expected);
    json_decref(definitions);
    json_decref(passwordless);
    json_decref(source);
    json_decref(local);
}

/* --- queues ----------------------------------------------------------------------------------- */

static void queues_come_in_order_with_what_moving_them_needs(void **state)
{
    (void)state;
    json_t *listed = json_of(
        "[{'name': 'b', 'vhost': '/', 'type': 'quorum', 'messages_ready': 3, 'message_bytes': 9},"
        " {'name': 'a', 'vhost': '/', 'messages_ready': 10, 'message_bytes': 10000000,"
        "  'arguments': {'x-single-active-consumer': true}},"
        " {'name': 'bs', 'vhost': '/', 'type': 'stream'}, {'name': 'bx', 'exclusive': true},"
        " {'name': 'a', 'vhost': 'v', 'messages_unacknowledged': 2}]");
    json_t *queues = carried_queues(listed, NULL, NULL);
    static const char expected[] =
        "[{'vhost':'','name':'bx','ready':0,'unacked':0,'bytes':0,'window':1000,'quorum':false,"
        "'single_active':false,'skipped':'it is exclusive, and ends with its connection'},"
        "{'vhost':'/','name':'a','ready':10,'unacked':0,'bytes':10000000,'window':33,"
        "'quorum':false,'single_active':true},"
        "{'vhost':'/','name':'b','ready':3,'unacked':0,'bytes':9,'window':1000,'quorum':true,"
        "'single_active':false},"
        "{'vhost':'/','name':'bs','ready':0,'unacked':0,'bytes':0,'window':1000,'quorum':false,"
        "'single_active':false,'skipped':'it is a stream'},"
        "{'vhost':'v','name':'a','ready':0,'unacked':2,'bytes':0,'window':1000,'quorum':false,"
        "'single_active':false}]";
    json_t *as_expected = json_of(expected);
    assert_true(json_equal(queues, as_expected));
    json_decref(as_expected);
    json_decref(queues);
    queues = carried_queues(listed, "/", "b*");
    assert_int_equal(json_array_size(queues), 2);
    json_decref(queues);
    json_decref(listed);
}

/* --- routes ----------------------------------------------------------------------------------- */

static void a_topic_pattern_matches_whole_words(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *key;
        bool matches;
    } cases[] = {
        {"a.*.c", "a.b.c", true},
        {"a.*.c", "a.c", false},
        {"#", "", true},
        {"#", "a.b", true},
        {"a.#", "a", true},
        {"#.b", "a.a.b", true},
        {"*", "", false},
        {"", "", true},
        {"a.#.b.#.c", "a.b.x.c", true},
        {"a.#.b", "a.b.c", false},
        {"*.*", "a.", true},
        {"#.#.#.b.#", "a.b.a", true},
        {"#.a.#.a.#.b", "a.a.a.a.a.a.a.a.a.a.a.a.a", false},
    };
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++)
        if (topic_matches(slice_str(cases[n].pattern), slice_str(cases[n].key)) != cases[n].matches)
            fail_msg("%s %s", cases[n].pattern, cases[n].key);
}

static void a_route_is_taken_only_where_it_leads_to_one_queue(void **state)
{
    (void)state;
    json_t *source = json_of(
        "{'exchanges': [{'name': 'd', 'vhost': '/', 'type': 'direct'},"
        "  {'name': 'a', 'vhost': '/', 'type': 'direct', 'arguments': {'alternate-exchange': 'f'}},"
        "  {'name': 'p', 'vhost': '/', 'type': 'direct', 'policy': 'some'},"
        "  {'name': 's', 'vhost': '/', 'type': 'fanout'},"
        "  {'name': 'f', 'vhost': '/', 'type': 'fanout'}, {'name': 'h', 'vhost': '/', 'type':"
        "  'headers'}, {'name': 'n', 'vhost': '/', 'type': 'direct'}],"
        " 'bindings': [{'source': 'd', 'vhost': '/', 'destination': 'q', 'destination_type':"
        "   'queue', 'routing_key': 'one'},"
        "  {'source': 'd', 'vhost': '/', 'destination': 'q', 'destination_type': 'queue',"
        "   'routing_key': 'two'}, {'source': 'd', 'vhost': '/', 'destination': 'other',"
        "   'destination_type': 'queue', 'routing_key': 'two'},"
        "  {'source': 'f', 'vhost': '/', 'destination': 'q', 'destination_type': 'queue'},"
        "  {'source': 'a', 'vhost': '/', 'destination': 'q', 'destination_type': 'queue',"
        "   'routing_key': 'one'},"
        "  {'source': 'p', 'vhost': '/', 'destination': 'q', 'destination_type': 'queue',"
        "   'routing_key': 'one'},"
        "  {'source': 's', 'vhost': '/', 'destination': 'a', 'destination_type': 'exchange'},"
        "  {'source': 's', 'vhost': '/', 'destination': 'q', 'destination_type': 'queue'},"
        "  {'source': 'h', 'vhost': '/', 'destination': 'q', 'destination_type': 'queue'},"
        "  {'source': 'n', 'vhost': '/', 'destination': 'f', 'destination_type': 'exchange'},"
        "  {'source': 'n', 'vhost': '/', 'destination': 'n', 'destination_type': 'exchange',"
        "   'routing_key': 'round'}]}");
    json_t *all = routes_of_vhosts(source);
    const json_t *routes = json_object_get(all, "/");
    static const struct {
        const char *exchange, *key, *queue;
        bool leads;
    } cases[] = {
        {"", "q", "q", true},       {"", "other", "q", false}, {"d", "one", "q", true},
        {"d", "two", "q", false},   {"d", "none", "q", false}, {"f", "any", "q", true},
        {"h", "", "q", false},      {"n", "", "q", true},      {"gone", "", "q", false},
        {"n", "round", "q", false}, {"a", "one", "q", true},   {"a", "two", "q", false},
        {"p", "one", "q", true},    {"p", "two", "q", false},  {"s", "one", "q", true},
        {"s", "two", "q", false}, /* what the alternate exchange gets, goes elsewhere */
    };
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++)
        if (routes_lead_only_to(routes, slice_str(cases[n].exchange), slice_str(cases[n].key),
                                cases[n].queue) != cases[n].leads)
            fail_msg("%s %s", cases[n].exchange, cases[n].key);
    json_decref(all);
    json_decref(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_is_one_line_of_plain_text),
        cmocka_unit_test(an_address_has_a_vhost_a_user_and_an_api),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(what_is_not_durable_is_added_to_definitions),
        cmocka_unit_test(vhosts_keep_their_descriptions_and_tags),
        cmocka_unit_test(vhosts_get_their_descriptions_and_tags_back),
        cmocka_unit_test(one_vhost_comes_with_its_users),
        cmocka_unit_test(definitions_of_any_shape_do_no_harm),
        cmocka_unit_test(hashes_that_rabbitmq_does_not_know_are_left_out),
        cmocka_unit_test(queues_come_in_order_with_what_moving_them_needs),
        cmocka_unit_test(a_topic_pattern_matches_whole_words),
        cmocka_unit_test(a_route_is_taken_only_where_it_leads_to_one_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
