/* Policies: which one rules, what two say together, and what a queue's settings are then. */
#include "base/error.h"
#include "base/log.h"
#include "broker/parameters.h"
#include "broker/policy_private.h"
#include "broker/vhost_life.h"
#include "queue/queue_settings.h"
#include "topology/topology_world.h"
#include "wire/erlang_json.h"

/* Policies are the broker's: the world has one, and its topology is the broker's. */
static void start(struct world *w)
{
    memset(w, 0, sizeof *w);
    lv_rcu_register_thread();
    w->loops = loops_create(2);
    w->broker = broker_create(w->loops, NULL);
    w->topology = &w->broker->topology;
    vhost_create(w->broker, &(struct definition_vhost){.name = slice_str("/")}, false, NOBODY,
                 &w->vhost);
}

static void stop(struct world *w)
{
    world_delete_queues(w);
    broker_free(&w->broker);
    loops_free(&w->loops);
    lv_rcu_barrier();
    lv_rcu_unregister_thread();
}

static bool was_new; /* the policy that was set last */

static int set_kind(struct world *w, bool is_operator, const char *name, const char *pattern,
                    const char *apply_to, int64_t priority, const char *definition)
{
    const struct definition_policy row = {
        .name = slice_str(name),
        .is_operator = is_operator,
        .pattern = slice_str(pattern),
        .apply_to = slice_str(apply_to),
        .priority = priority,
        .definition = slice_str(definition),
    };
    struct lv_buffer reason = {0};
    int err = policy_set(w->vhost, &row, &reason, NOBODY, &was_new);
    assert_int_equal(reason.n > 0, err == ERR_INVALID);
    lv_buffer_free(&reason);
    return err;
}

static void set(struct world *w, const char *name, const char *pattern, const char *apply_to,
                int64_t priority, const char *definition)
{
    assert_int_equal(set_kind(w, false, name, pattern, apply_to, priority, definition), 0);
}

static void who_sets_a_policy_learns_whether_it_is_new(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    set(&w, "p", ".*", "all", 0, "{\"max-length\":1}");
    assert_true(was_new);
    set(&w, "p", ".*", "all", 0, "{\"max-length\":2}");
    assert_false(was_new);
    assert_int_equal(set_kind(&w, true, "p", ".*", "queues", 0, "{\"max-length\":2}"), 0);
    assert_true(was_new);
    stop(&w);
}

/* The name of the policy that rules an exchange; "-": none. */
static const char *policy_of(struct world *w, const char *exchange, enum policy_kind kind)
{
    static char text[64];
    const struct effective_policy *e =
        atomic_load(&exchange_find(w->vhost, slice_str(exchange))->policy);
    if (!e || !e->has[kind])
        return "-";
    snprintf(text, sizeof text, "%.*s", SLICE_ARG(e->names[kind]));
    return text;
}

static void the_highest_priority_applies_and_then_the_first_by_name(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    assert_string_equal(policy_of(&w, "amq.topic", POLICY_ORDINARY), "-");
    set(&w, "b", "^amq\\.", "all", 0, "{\"alternate-exchange\":\"x\"}");
    set(&w, "a", "topic$", "exchanges", 0, "{\"alternate-exchange\":\"x\"}");
    set(&w, "q", ".*", "queues", 99, "{\"max-length\":1}");
    assert_string_equal(policy_of(&w, "amq.topic", POLICY_ORDINARY), "a");
    assert_string_equal(policy_of(&w, "amq.fanout", POLICY_ORDINARY), "b");
    set(&w, "b", "^amq\\.", "all", 1, "{\"alternate-exchange\":\"x\"}");
    assert_string_equal(policy_of(&w, "amq.topic", POLICY_ORDINARY), "b");
    set(&w, "c", "", "all", -1, "{\"alternate-exchange\":\"x\"}"); /* found everywhere */
    assert_string_equal(policy_of(&w, "", POLICY_ORDINARY), "c");
    assert_int_equal(policy_clear(w.vhost, slice_str("b"), POLICY_ORDINARY, NOBODY), 0);
    assert_string_equal(policy_of(&w, "amq.topic", POLICY_ORDINARY), "a");
    assert_string_equal(policy_of(&w, "amq.fanout", POLICY_ORDINARY), "c");
    assert_int_equal(policy_clear(w.vhost, slice_str("b"), POLICY_ORDINARY, NOBODY), ERR_NOT_FOUND);
    assert_int_equal(policy_clear(w.vhost, slice_str("a"), POLICY_OPERATOR, NOBODY), ERR_NOT_FOUND);
    stop(&w);
}

static void a_policy_applies_to_an_exchange_that_is_declared_later(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    set(&w, "p", "^x", "exchanges", 0, "{\"alternate-exchange\":\"amq.fanout\"}");
    assert_int_equal(set_kind(&w, true, "o", "^x1", "all", 0, "{\"max-length\":1}"), 0);
    struct queue_entry *q = world_queue(&w, "q", false);
    world_bind(&w, "amq.fanout", "->", "q", "");
    world_exchange(&w, "x1", "direct");
    world_exchange(&w, "y", "direct");
    assert_string_equal(policy_of(&w, "x1", POLICY_ORDINARY), "p");
    assert_string_equal(policy_of(&w, "x1", POLICY_OPERATOR), "o");
    assert_string_equal(policy_of(&w, "y", POLICY_ORDINARY), "-");
    assert_string_equal(route_text(world_route_with(&w, "x1", slice_str("k"), NULL)), "q");
    assert_string_equal(route_text(world_route_with(&w, "y", slice_str("k"), NULL)), "");
    world_queue_delete(&w, q); /* it has no messages, so no policy may find it */
    assert_int_equal(policy_clear(w.vhost, slice_str("p"), POLICY_ORDINARY, NOBODY), 0);
    assert_string_equal(policy_of(&w, "x1", POLICY_ORDINARY), "-");
    stop(&w);
}

/* --- merging ---------------------------------------------------------------------------------- */

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static void assert_merged(const char *ordinary, const char *operator_s, const char *expected)
{
    json_t *a = parse(ordinary), *b = parse(operator_s);
    json_t *merged = policy_merge(a, b);
    char *text = json_dumps(merged, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, expected);
    free(text);
    json_decref(merged);
    json_decref(b);
    json_decref(a);
}

static void of_two_policies_the_smaller_number_counts_and_the_ordinary_policys_word(void **state)
{
    (void)state;
    assert_merged("{\"a\":1}", "{}", "{\"a\":1}");
    assert_merged("{\"message-ttl\":10,\"expires\":3}", "{\"max-length\":3,\"message-ttl\":5}",
                  "{\"expires\":3,\"max-length\":3,\"message-ttl\":5}");
    assert_merged("{\"max-length\":0}", "{\"max-length\":7}", "{\"max-length\":0}");
    assert_merged("{\"overflow\":\"drop-head\"}", "{\"overflow\":\"reject-publish\"}",
                  "{\"overflow\":\"drop-head\"}");
    assert_merged("{}", "{\"overflow\":\"reject-publish\"}", "{\"overflow\":\"reject-publish\"}");
    assert_merged("{\"queue-version\":2}", "{\"queue-version\":1}", "{\"queue-version\":2}");
    assert_merged("{\"max-length\":\"x\"}", "{\"max-length\":7}", "{\"max-length\":\"x\"}");
}

static struct queue_arguments nothing_said(void)
{
    return (struct queue_arguments){
        .message_ttl_ms = ARGUMENT_UNSET,
        .expires_ms = ARGUMENT_UNSET,
        .max_length = ARGUMENT_UNSET,
        .max_length_bytes = ARGUMENT_UNSET,
        .max_priority = ARGUMENT_UNSET,
        .delivery_limit = ARGUMENT_UNSET,
    };
}

/* The definition is the caller's. */
static struct queue_arguments merged_with(const struct queue_arguments *arguments,
                                          json_t *definition)
{
    struct queue_arguments settings;
    struct effective_policy policy = {.definition = definition};
    queue_settings_merge(arguments, &policy, &settings);
    return settings;
}

static void settings_without_a_policy_are_the_arguments(void **state)
{
    (void)state;
    struct queue_arguments arguments = nothing_said(), settings;
    arguments.max_length = 7;
    arguments.single_active_consumer = true;
    queue_settings_merge(&arguments, NULL, &settings);
    assert_memory_equal(&settings, &arguments, sizeof settings);
}

static void a_policy_sets_what_no_argument_sets(void **state)
{
    (void)state;
    struct queue_arguments arguments = nothing_said();
    json_t *d = parse("{\"message-ttl\":1,\"expires\":2,\"max-length\":3,\"max-length-bytes\":4,"
                      "\"delivery-limit\":5,\"overflow\":\"reject-publish\","
                      "\"dead-letter-exchange\":\"dlx\",\"dead-letter-routing-key\":\"dlk\","
                      "\"dead-letter-strategy\":\"at-least-once\"}");
    struct queue_arguments s = merged_with(&arguments, d);
    assert_int_equal(s.message_ttl_ms, 1);
    assert_int_equal(s.expires_ms, 2);
    assert_int_equal(s.max_length, 3);
    assert_int_equal(s.max_length_bytes, 4);
    assert_int_equal(s.delivery_limit, 5);
    assert_int_equal(s.overflow, OVERFLOW_REJECT_PUBLISH);
    assert_true(s.has_overflow && s.has_dead_letter_exchange && s.has_dead_letter_routing_key);
    assert_true(slice_is(s.dead_letter_exchange, "dlx"));
    assert_true(slice_is(s.dead_letter_routing_key, "dlk"));
    assert_true(s.dead_letters_at_least_once);
    assert_int_equal(s.max_priority, ARGUMENT_UNSET);
    json_decref(d);
}

static void beside_an_argument_the_smaller_number_counts_and_the_arguments_name(void **state)
{
    (void)state;
    struct queue_arguments arguments = nothing_said();
    arguments.message_ttl_ms = 0;
    arguments.max_length = 10;
    arguments.has_overflow = true;
    arguments.overflow = OVERFLOW_DROP_HEAD;
    arguments.has_dead_letter_exchange = true;
    arguments.dead_letter_exchange = slice_str("mine");
    arguments.has_dead_letter_strategy = true; /* at-most-once */
    json_t *d = parse("{\"message-ttl\":5,\"max-length\":3,\"overflow\":\"reject-publish\","
                      "\"dead-letter-exchange\":\"other\","
                      "\"dead-letter-strategy\":\"at-least-once\"}");
    struct queue_arguments s = merged_with(&arguments, d);
    assert_int_equal(s.message_ttl_ms, 0);
    assert_int_equal(s.max_length, 3);
    assert_int_equal(s.overflow, OVERFLOW_DROP_HEAD);
    assert_true(slice_is(s.dead_letter_exchange, "mine"));
    assert_false(s.dead_letters_at_least_once);
    json_decref(d);
}

static void values_that_cannot_be_used_are_ignored(void **state)
{
    (void)state;
    struct queue_arguments arguments = nothing_said();
    json_t *d = parse("{\"message-ttl\":\"x\",\"max-length\":-1,\"overflow\":\"zz\","
                      "\"dead-letter-exchange\":7,\"max-length-bytes\":1.5,"
                      "\"expires\":9000000000000000000}");
    struct queue_arguments s = merged_with(&arguments, d);
    assert_int_equal(s.message_ttl_ms, ARGUMENT_UNSET);
    assert_int_equal(s.max_length, ARGUMENT_UNSET);
    assert_int_equal(s.max_length_bytes, ARGUMENT_UNSET);
    assert_false(s.has_overflow || s.has_dead_letter_exchange);
    assert_int_equal(s.overflow, OVERFLOW_DROP_HEAD);
    assert_int_equal(s.expires_ms, 315360000000); /* ten years: no sum of times overflows */
    json_decref(d);
}

/* --- definitions ------------------------------------------------------------------------------ */

static void a_policy_does_not_apply_to_types_that_do_not_support_it(void **state)
{
    (void)state;
    static const struct {
        const char *definition;
        unsigned types;
    } cases[] = {
        {"{\"alternate-exchange\":\"x\"}", 0},
        {"{\"max-length-bytes\":1}", 0},
        {"{\"max-length\":1}", APPLIES_TO_STREAM},
        {"{\"delivery-limit\":1}", APPLIES_TO_CLASSIC | APPLIES_TO_STREAM},
        {"{\"max-length\":1,\"queue-mode\":\"lazy\"}", APPLIES_TO_QUORUM | APPLIES_TO_STREAM},
        {"{\"max-age\":\"1h\"}", APPLIES_TO_CLASSIC | APPLIES_TO_QUORUM},
        {"{\"ha-mode\":\"all\"}", APPLIES_TO_QUORUM | APPLIES_TO_STREAM},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *d = parse(cases[i].definition);
        assert_int_equal(policy_not_for(d), cases[i].types);
        json_decref(d);
    }
}

static void terms_are_shown_as_erlang_shows_them(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"b\":[1,\"x\",null,true],\"a\":{\"c\":1.5}}",
         "#{<<\"a\">> => #{<<\"c\">> => 1.5},<<\"b\">> => [1,<<\"x\">>,null,true]}"},
        {"{\"n\":100.0}", "#{<<\"n\">> => 100.0}"},
        {"{\"n\":1e30}", "#{<<\"n\">> => 1.0e30}"},
        {"{\"n\":1000.0}", "#{<<\"n\">> => 1.0e3}"},
        {"{\"n\":-2.5e-7}", "#{<<\"n\">> => -2.5e-7}"},
        {"{\"n\":0.1}", "#{<<\"n\">> => 0.1}"},
        {"{\"n\":-7}", "#{<<\"n\">> => -7}"},
        {"{\"q\\\"\":\"a\\\\b\"}", "#{<<\"q\\\"\">> => <<\"a\\\\b\">>}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lv_buffer text = {0};
        json_t *d = parse(cases[i][0]);
        json_put_erlang(&text, d);
        assert_int_equal(text.n, strlen(cases[i][1]));
        assert_memory_equal(text.p, cases[i][1], text.n);
        lv_buffer_free(&text);
        json_decref(d);
    }
}

static void what_cannot_be_a_policy_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    assert_int_equal(set_kind(&w, false, "p", "", "all", 0, "{"), ERR_FORMAT);
    assert_int_equal(set_kind(&w, false, "p", "", "all", 0, ""), ERR_FORMAT);
    assert_int_equal(set_kind(&w, false, "p", "", "all", 0, "[]"), ERR_INVALID);
    assert_int_equal(set_kind(&w, false, "p", "", "all", 0, "{}"), ERR_INVALID);
    assert_int_equal(set_kind(&w, false, "p", "(", "all", 0, "{\"max-length\":1}"), ERR_INVALID);
    assert_int_equal(set_kind(&w, false, "p", "", "none", 0, "{\"max-length\":1}"), ERR_INVALID);
    assert_int_equal(set_kind(&w, true, "p", "", "all", 0, "{\"max-age\":\"1h\"}"), ERR_INVALID);
    assert_string_equal(policy_of(&w, "amq.topic", POLICY_ORDINARY), "-");
    assert_int_equal(w.vhost->rules->policies[POLICY_ORDINARY].count, 0);
    assert_int_equal(w.vhost->rules->policies[POLICY_OPERATOR].count, 0);
    stop(&w);
}

/* Every text that a byte of a good one is wrong in. */
static void no_definition_out_of_a_file_does_harm(void **state)
{
    (void)state;
    static const char good[] =
        "{\"max-length\":10,\"overflow\":\"drop-head\",\"ha-mode\":\"nodes\","
        "\"ha-params\":[\"a\"],\"alternate-exchange\":\"x\"}";
    static const char bytes[] = "\"{}[]0-\\x,:\xff";
    struct world w;
    start(&w);
    log_set_level(LOG_ERROR); /* each that is skipped is said */
    for (size_t at = 0; at < sizeof good - 1; at++) {
        for (size_t b = 0; b < sizeof bytes; b++) { /* the 0 byte, too */
            char text[sizeof good];
            memcpy(text, good, sizeof good);
            text[at] = bytes[b];
            const struct definition_policy row = {
                .name = slice_str("p"),
                .pattern = slice_of(text, at % 4),
                .apply_to = slice_str("all"),
                .definition = slice_of(text, sizeof good - 1),
            };
            struct lv_buffer reason = {0};
            policy_restore(w.vhost, &row);
            policy_set(w.vhost, &row, &reason, NOBODY, NULL);
            while (policy_clear(w.vhost, row.name, POLICY_ORDINARY, NOBODY) == 0) {
            }
            lv_buffer_free(&reason);
            lv_rcu_quiescent();
        }
    }
    assert_int_equal(w.vhost->rules->policies[POLICY_ORDINARY].count, 0);
    stop(&w);
}

/* --- limits and parameters -------------------------------------------------------------------- */

static int set_parameter(struct world *w, const char *component, const char *value)
{
    const struct definition_parameter row = {
        .component = slice_str(component), .name = slice_str("limits"), .value = slice_str(value)};
    struct lv_buffer reason = {0};
    int err = parameter_set(w->vhost, &row, &reason, NOBODY);
    lv_buffer_free(&reason);
    return err;
}

static bool may_have_one_more_queue(struct world *w)
{
    topology_lock(w->topology);
    bool may = vhost_check_queue_limit(w->vhost, slice_str("q"), &w->error);
    topology_unlock(w->topology);
    return may;
}

static void a_vhost_takes_as_many_connections_as_its_limit_allows(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    int64_t limit = 0;
    assert_int_equal(set_parameter(&w, "vhost-limits", "{\"max-connections\":2}"), 0);
    assert_true(vhost_take_connection(w.vhost, &limit));
    assert_true(vhost_take_connection(w.vhost, &limit));
    assert_false(vhost_take_connection(w.vhost, &limit));
    assert_int_equal(limit, 2);
    vhost_give_connection(w.vhost);
    assert_true(vhost_take_connection(w.vhost, &limit));
    assert_int_equal(set_parameter(&w, "vhost-limits", "{\"max-queues\":0}"), 0);
    assert_true(vhost_take_connection(w.vhost, &limit));
    assert_false(may_have_one_more_queue(&w));
    assert_error(&w, 406, "cannot declare queue 'q': queue limit in vhost '/' (0) is reached");
    assert_int_equal(
        parameter_clear(w.vhost, slice_str("vhost-limits"), slice_str("limits"), NOBODY), 0);
    assert_true(may_have_one_more_queue(&w));
    assert_int_equal(set_parameter(&w, "vhost-limits", "{\"max-queues\":\"x\"}"), ERR_INVALID);
    assert_int_equal(set_parameter(&w, "vhost-limits", "{"), ERR_FORMAT);
    assert_int_equal(set_parameter(&w, "nosuch", "1"), ERR_INVALID);
    assert_int_equal(set_parameter(&w, "policy", "1"), ERR_REFUSED);
    for (int i = 0; i < 3; i++)
        vhost_give_connection(w.vhost);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_sets_a_policy_learns_whether_it_is_new),
        cmocka_unit_test(the_highest_priority_applies_and_then_the_first_by_name),
        cmocka_unit_test(a_policy_applies_to_an_exchange_that_is_declared_later),
        cmocka_unit_test(of_two_policies_the_smaller_number_counts_and_the_ordinary_policys_word),
        cmocka_unit_test(settings_without_a_policy_are_the_arguments),
        cmocka_unit_test(a_policy_sets_what_no_argument_sets),
        cmocka_unit_test(beside_an_argument_the_smaller_number_counts_and_the_arguments_name),
        cmocka_unit_test(values_that_cannot_be_used_are_ignored),
        cmocka_unit_test(a_policy_does_not_apply_to_types_that_do_not_support_it),
        cmocka_unit_test(terms_are_shown_as_erlang_shows_them),
        cmocka_unit_test(what_cannot_be_a_policy_is_refused_and_changes_nothing),
        cmocka_unit_test(no_definition_out_of_a_file_does_harm),
        cmocka_unit_test(a_vhost_takes_as_many_connections_as_its_limit_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
