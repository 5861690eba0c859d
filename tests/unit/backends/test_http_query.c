/* The expected parameters were recorded from RabbitMQ 3.10.8: it had the plugin
 * rabbitmq_auth_backend_http, pika was its client, and a web service printed each request.
 * client_id, which only MQTT has, is where the plugin's source puts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/http/http_query.h"

#define S(text) slice_str(text)

static void query_is(struct lv_buffer *query, const char *expected)
{
    lv_buffer_add_u8(query, '\0');
    assert_string_equal((const char *)query->p, expected);
    lv_buffer_free(query);
}

static void login_sends(const struct auth_credentials *credentials, const char *expected)
{
    struct lv_buffer query = {0};
    http_query_login(&query, credentials);
    query_is(&query, expected);
}

static void question_sends(struct auth_question question, const char *expected)
{
    struct lv_buffer query = {0};
    question.user = S("an n+ü&é~");
    question.vhost = S("/");
    question.tags = S("administrator,monitoring");
    question.peer_address = S("127.0.0.1");
    http_query_question(&query, &question);
    query_is(&query, expected);
}

static void a_login_sends_name_and_password(void **state)
{
    (void)state;
    login_sends(&(struct auth_credentials){.user = S("an n+ü&é~"),
                                           .password = S("p w%&=+é/\\"),
                                           .has_password = true,
                                           .peer_address = S("127.0.0.1")},
                "username=an+n%2B%C3%BC%26%C3%A9~&password=p+w%25%26%3D%2B%C3%A9%2F%5C");
}

static void a_login_without_password_sends_no_password(void **state)
{
    (void)state;
    login_sends(&(struct auth_credentials){.user = S("ann"), .password = S("x")}, "username=ann");
    login_sends(&(struct auth_credentials){.user = S("ann"), .has_password = true},
                "username=ann&password=");
}

static void a_login_sends_vhost_and_client_id_where_they_are_known(void **state)
{
    (void)state;
    login_sends(&(struct auth_credentials){.user = S("ann"),
                                           .password = S("x"),
                                           .has_password = true,
                                           .vhost = S("/"),
                                           .client_id = S("c 1")},
                "username=ann&password=x&vhost=%2F&client_id=c+1");
}

static void bytes_that_are_not_text_are_sent_as_they_are(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0, 0xff, '\n', '"'};
    login_sends(&(struct auth_credentials){.user = slice_of(bytes, sizeof bytes)},
                "username=%00%FF%0A%22");
}

static void entering_a_vhost_sends_the_peers_address(void **state)
{
    (void)state;
    question_sends((struct auth_question){.resource = AUTH_VHOST},
                   "username=an+n%2B%C3%BC%26%C3%A9~&vhost=%2F&ip=127.0.0.1"
                   "&tags=administrator+monitoring");
}

static void a_resource_is_sent_with_its_kind_and_the_permission(void **state)
{
    (void)state;
    question_sends((struct auth_question){.resource = AUTH_QUEUE,
                                          .action = AUTH_CONFIGURE,
                                          .name = S("q 1/é")},
                   "username=an+n%2B%C3%BC%26%C3%A9~&vhost=%2F&resource=queue&name=q+1%2F%C3%A9"
                   "&permission=configure&tags=administrator+monitoring");
    question_sends((struct auth_question){.resource = AUTH_EXCHANGE,
                                          .action = AUTH_WRITE,
                                          .name = S("amq.default")},
                   "username=an+n%2B%C3%BC%26%C3%A9~&vhost=%2F&resource=exchange&name=amq.default"
                   "&permission=write&tags=administrator+monitoring");
}

static void a_topic_is_sent_with_what_its_permission_may_depend_on(void **state)
{
    (void)state;
    question_sends(
        (struct auth_question){
            .resource = AUTH_TOPIC, .action = AUTH_READ, .name = S("t"), .routing_key = S("a.*.é")},
        "username=an+n%2B%C3%BC%26%C3%A9~&vhost=%2F&resource=topic&name=t"
        "&permission=read&tags=administrator+monitoring&routing_key=a.%2A.%C3%A9"
        "&variable_map.username=an+n%2B%C3%BC%26%C3%A9~&variable_map.vhost=%2F");
}

static void a_client_id_is_sent_with_every_question(void **state)
{
    (void)state;
    question_sends((struct auth_question){.resource = AUTH_VHOST, .client_id = S("c")},
                   "username=an+n%2B%C3%BC%26%C3%A9~&vhost=%2F&ip=127.0.0.1"
                   "&tags=administrator+monitoring&client_id=c");
    question_sends(
        (struct auth_question){
            .resource = AUTH_QUEUE, .action = AUTH_READ, .name = S("q"), .client_id = S("c")},
        "username=an+n%2B%C3%BC%26%C3%A9~&vhost=%2F&resource=queue&name=q"
        "&permission=read&tags=administrator+monitoring&client_id=c");
    question_sends((struct auth_question){.resource = AUTH_TOPIC,
                                          .action = AUTH_WRITE,
                                          .name = S("t"),
                                          .routing_key = S("k"),
                                          .client_id = S("c")},
                   "username=an+n%2B%C3%BC%26%C3%A9~&vhost=%2F&resource=topic&name=t"
                   "&permission=write&tags=administrator+monitoring&routing_key=k"
                   "&variable_map.client_id=c&variable_map.username=an+n%2B%C3%BC%26%C3%A9~"
                   "&variable_map.vhost=%2F");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_login_sends_name_and_password),
        cmocka_unit_test(a_login_without_password_sends_no_password),
        cmocka_unit_test(a_login_sends_vhost_and_client_id_where_they_are_known),
        cmocka_unit_test(bytes_that_are_not_text_are_sent_as_they_are),
        cmocka_unit_test(entering_a_vhost_sends_the_peers_address),
        cmocka_unit_test(a_resource_is_sent_with_its_kind_and_the_permission),
        cmocka_unit_test(a_topic_is_sent_with_what_its_permission_may_depend_on),
        cmocka_unit_test(a_client_id_is_sent_with_every_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
