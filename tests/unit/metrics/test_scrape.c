/* Scrapes of a broker with queues, on real loops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>

#include "base/error.h"
#include "base/rcu.h"
#include "broker/vhost_life.h"
#include "manage/queues.h"
#include "metrics/metrics.h"
#include "metrics/sources.h"

#define S(text) slice_str(text)

enum { LOOPS = 2 };

struct world {
    struct manage m;
    struct session_server sessions;
    struct node_source node;
    struct manage_error error;
    pthread_t thread;
    struct lv_buffer text; /* of the last scrape */
};

static void *run_loops(void *arg)
{
    loops_run(arg);
    return NULL;
}

static void describe(void *arg, struct node_facts *facts)
{
    (void)arg;
    facts->leveret_version = "0.1.0";
    facts->memory_used_bytes = 1000;
    facts->uptime_ms = 1500;
}

static void no_listeners(void *arg, node_listener_visit *visit, void *visit_arg)
{
    (void)arg, (void)visit, (void)visit_arg;
}

static void one_certificate(void *arg, node_certificate_visit *visit, void *visit_arg)
{
    (void)arg;
    visit(visit_arg,
          &(struct node_certificate){"/cert.pem", "ssl_options", "certfile", "CN=a", 2000000000});
}

static void create_vhost(struct world *w, const char *name)
{
    struct vhost *vhost;
    enum change_result result =
        vhost_create(w->m.broker, &(struct definition_vhost){.name = S(name)}, false,
                     (struct durable_done){NULL, NULL}, &vhost);
    assert_int_equal(result, CHANGE_DONE);
}

static void begin(struct world *w)
{
    lv_rcu_register_thread();
    struct loops *loops = loops_create(LOOPS);
    *w = (struct world){
        .node = {.describe = describe, .listeners = no_listeners, .certificates = one_certificate},
        .m = {.loops = loops,
              .asker = asker_create(loops),
              .broker = broker_create(loops, NULL),
              .auth = auth_create(NULL),
              .sessions = &w->sessions,
              .node = &w->node,
              .node_name = "leveret@here"},
    };
    w->sessions.broker = w->m.broker;
    w->sessions.settings.version = "3.13.7";
    w->sessions.settings.cluster_name = "hares";
    create_vhost(w, "/");
    create_vhost(w, "other");
    sessions_start(loops, &w->sessions);
    loops_start(loops);
    assert_int_equal(pthread_create(&w->thread, NULL, run_loops, loops), 0);
}

static void stop_loops(struct world *w)
{
    loops_stop(w->m.loops);
    lv_rcu_offline();
    assert_int_equal(pthread_join(w->thread, NULL), 0);
    lv_rcu_online();
    asker_close(w->m.asker);
}

static void end(struct world *w)
{
    sessions_stop(w->m.loops);
    asker_free(&w->m.asker);
    manage_error_free(&w->error);
    broker_free(&w->m.broker);
    loops_free(&w->m.loops);
    auth_free(&w->m.auth);
    lv_buffer_free(&w->text);
    lv_rcu_barrier();
    lv_rcu_unregister_thread();
}

static void declare(struct world *w, const char *vhost, const char *name)
{
    bool is_created;
    const struct queue_declaration d = {.name = S(name)};
    assert_true(manage_declare_queue(&w->m, &actor_cli, S(vhost), &d, &is_created, &w->error));
}

static bool take(void *arg, struct slice bytes)
{
    lv_buffer_add_slice(arg, bytes);
    return true;
}

static int scrape_for(struct world *w, const struct metrics_request *request)
{
    w->text.n = 0;
    int err = metrics_write(&w->m, request, take, &w->text);
    lv_buffer_add_u8(&w->text, 0);
    w->text.n--;
    return err;
}

static void scrape(struct world *w, enum family_endpoint endpoint)
{
    assert_int_equal(scrape_for(w, &(struct metrics_request){.endpoint = endpoint}), 0);
}

/* Returns whether there is such a line. */
static bool has(const struct world *w, const char *line)
{
    char wanted[512];
    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    return strstr((const char *)w->text.p, wanted) != NULL;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void metrics_are_sums_without_names_of_objects(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    declare(&w, "/", "a");
    declare(&w, "other", "b");
    scrape(&w, SHOWN_AGGREGATED);
    assert_true(has(&w, "# TYPE rabbitmq_queue_messages_ready gauge"));
    assert_true(has(&w, "rabbitmq_queue_messages_ready 0"));
    assert_true(has(&w, "rabbitmq_queues 2"));
    assert_true(has(&w, "rabbitmq_channel_consumers 0"));
    assert_true(has(&w, "rabbitmq_connection_channels 0"));
    assert_true(has(&w, "rabbitmq_erlang_uptime_seconds 1.5"));
    assert_true(has(&w, "rabbitmq_message_size_bytes_bucket{protocol=\"amqp091\",le=\"100\"} 0"));
    assert_null(strstr((const char *)w.text.p, "queue=\""));
    stop_loops(&w);
    end(&w);
}

static void per_object_each_queue_has_a_sample(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    declare(&w, "/", "a\"b");
    declare(&w, "other", "b");
    scrape(&w, SHOWN_PER_OBJECT);
    assert_true(has(&w, "rabbitmq_queue_messages_ready{vhost=\"/\",queue=\"a\\\"b\"} 0"));
    assert_true(has(&w, "rabbitmq_queue_messages{vhost=\"other\",queue=\"b\"} 0"));
    assert_true(has(&w, "rabbitmq_queue_head_message_timestamp{vhost=\"other\",queue=\"b\"} NaN"));
    assert_true(has(&w, "rabbitmq_queue_info{vhost=\"/\",queue=\"a\\\"b\",queue_type=\"rabbit_"
                        "classic_queue\",membership=\"leader\"} 1"));
    stop_loops(&w);
    end(&w);
}

static void detailed_has_the_families_and_vhosts_that_are_asked_for(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    declare(&w, "/", "a");
    declare(&w, "other", "b");
    const struct slice asked[] = {S("queue_coarse_metrics"), S("nonsense"), S("exchange_names")};
    const struct slice vhost = S("other");
    assert_int_equal(scrape_for(&w, &(struct metrics_request){SHOWN_DETAILED, asked, 3, &vhost, 1}),
                     0);
    assert_true(has(&w, "rabbitmq_detailed_queue_messages{vhost=\"other\",queue=\"b\"} 0"));
    assert_false(has(&w, "rabbitmq_detailed_queue_messages{vhost=\"/\",queue=\"a\"} 0"));
    assert_true(has(&w, "rabbitmq_cluster_exchange_name{vhost=\"other\",exchange=\"amq.topic\","
                        "type=\"topic\"} 1"));
    assert_null(strstr((const char *)w.text.p, "queue_consumers"));
    assert_true(has(&w, "# TYPE rabbitmq_identity_info untyped"));
    stop_loops(&w);
    end(&w);
}

static void a_metric_of_two_families_is_shown_once(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    const struct slice asked[] = {S("queue_consumer_count"), S("queue_metrics")};
    assert_int_equal(scrape_for(&w, &(struct metrics_request){SHOWN_DETAILED, asked, 2}), 0);
    const char *first = strstr((const char *)w.text.p, "# TYPE rabbitmq_detailed_queue_consumers ");
    assert_non_null(first);
    assert_null(strstr(first + 1, "# TYPE rabbitmq_detailed_queue_consumers "));
    stop_loops(&w);
    end(&w);
}

static void no_name_is_used_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < family_count; i++)
        for (size_t k = 0; k < families[i].count; k++)
            for (size_t j = 0; j < i; j++)
                for (size_t n = 0; n < families[j].count; n++) {
                    bool is_same =
                        slice_is(S(families[i].metrics[k].name), families[j].metrics[n].name) &&
                        families[i].prefix == families[j].prefix &&
                        (families[i].endpoints & families[j].endpoints);
                    /* then they have the same source, so only one of them is shown */
                    assert_true(!is_same || families[i].source == families[j].source);
                }
}

static void rows_with_the_same_labels_are_added_up(void **state)
{
    (void)state;
    struct samples s = {.width = 2};
    const char *const labels[] = {"b", "a", "b", "b", "c"};
    for (size_t i = 0; i < 5; i++) {
        size_t row = samples_add(&s, S(labels[i]));
        samples_values(&s, row)[0] = (double)i;
        samples_values(&s, row)[1] = 1;
    }
    samples_merge(&s);
    static const bool is_gone[] = {false, false, true, true, false};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(s.rows[i].is_gone, is_gone[i]);
    assert_true(samples_values(&s, 0)[0] == 5 && samples_values(&s, 0)[1] == 3);
    assert_true(samples_values(&s, 1)[0] == 1 && samples_values(&s, 4)[0] == 4);
    samples_free(&s);
}

static void a_scrape_ends_when_the_broker_has_stopped(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    stop_loops(&w);
    assert_int_equal(scrape_for(&w, &(struct metrics_request){.endpoint = SHOWN_PER_OBJECT}),
                     ERR_CLOSED);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_are_sums_without_names_of_objects),
        cmocka_unit_test(per_object_each_queue_has_a_sample),
        cmocka_unit_test(detailed_has_the_families_and_vhosts_that_are_asked_for),
        cmocka_unit_test(a_metric_of_two_families_is_shown_once),
        cmocka_unit_test(no_name_is_used_twice),
        cmocka_unit_test(rows_with_the_same_labels_are_added_up),
        cmocka_unit_test(a_scrape_ends_when_the_broker_has_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
