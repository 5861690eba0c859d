/* The backend as a whole, with a server that publishes its keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backends/key_server.h"
#include "backends/oauth2.h"
#include "backends/oauth2/oauth2_fetch_budget.h"
#include "backends/oauth2_tools.h"

#define S(text) slice_str(text)

static const char CLAIMS[] =
    "{'aud': 'rabbitmq', 'sub': 'ann', 'exp': 4000000000,"
    " 'scope': 'rabbitmq.read:v/q rabbitmq.write:v/x/k.* rabbitmq.tag:monitoring'}";

struct world {
    struct key_server *server;
    struct auth_backend *backend;
    cjose_jwk_t *a, *b;
};

static int world_make(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    world->server = key_server_start();
    world->a = ec_key(CJOSE_JWK_EC_P_256);
    world->b = ec_key(CJOSE_JWK_EC_P_256);
    *state = world;
    return 0;
}

static int world_free(void **state)
{
    struct world *world = *state;
    if (world->backend)
        world->backend->calls->free(world->backend);
    key_server_stop(&world->server);
    cjose_jwk_release(world->a);
    cjose_jwk_release(world->b);
    free(world);
    return 0;
}

/* Opens the backend with these settings, which are given away. */
static void world_open(struct world *world, struct oauth2_settings *settings)
{
    struct lv_buffer reason = {0};
    const struct auth_oauth2_settings taken = {settings};
    assert_int_equal(auth_oauth2_open(&taken, &world->backend, &reason), 0);
    world->backend->calls->begin(world->backend);
    oauth2_settings_unref(&settings);
    check_text(&reason, "");
}

/* Returns settings that have keys fetched from the world's server. */
static struct oauth2_settings *settings_of_world(const struct world *world)
{
    char uri[128];
    snprintf(uri, sizeof uri, "jwks_uri = %s", key_server_url(world->server));
    return finished_settings_of("resource_server_id = rabbitmq", uri, NULL);
}

/* Lets the server publish a key. */
static void publish(struct world *world, const cjose_jwk_t *key, const char *members)
{
    struct lv_buffer text = {0};
    key_set_print(&text, key, members);
    key_server_answer(world->server, 200, lv_buffer_slice(&text));
    lv_buffer_free(&text);
}

static enum auth_answer log_in_with(struct world *world, const char *token, struct auth_found *ret,
                                    struct lv_buffer *reason)
{
    const struct auth_credentials credentials = {
        .user = S("anybody"), .has_password = true, .password = S(token)};
    return world->backend->calls->log_in(world->backend, &credentials, ret, reason);
}

static void found_forget(struct world *world, struct auth_found *found)
{
    world->backend->calls->forget(world->backend, found->data);
    lv_buffer_free(&found->name);
    lv_buffer_free(&found->tags);
}

/* Logs in with a token that the key has signed. */
static enum auth_answer log_in(struct world *world, const cjose_jwk_t *key, const char *header)
{
    char *token = token_sign(key, "ES256", header, CLAIMS);
    struct auth_found found = {0};
    struct lv_buffer reason = {0};
    enum auth_answer answer = log_in_with(world, token, &found, &reason);
    assert_int_equal(reason.n == 0, answer == AUTH_ALLOWED);
    if (answer == AUTH_ALLOWED)
        found_forget(world, &found);
    lv_buffer_free(&reason);
    free(token);
    return answer;
}

/* --- What a login finds ----------------------------------------------------------------------- */

static void a_token_says_who_the_user_is(void **state)
{
    struct world *world = *state;
    publish(world, world->a, "'kid': 'a'");
    world_open(world, settings_of_world(world));
    char *token = token_sign(world->a, "ES256", "{'kid': 'a'}", CLAIMS);
    struct auth_found found = {0};
    struct lv_buffer reason = {0};
    assert_int_equal(log_in_with(world, token, &found, &reason), AUTH_ALLOWED);
    assert_true(slice_is(lv_buffer_slice(&found.name), "ann"));
    assert_true(slice_is(lv_buffer_slice(&found.tags), "monitoring"));
    assert_int_equal(found.expires_at_s, 4000000000);
    found_forget(world, &found);
    free(token);
}

static enum auth_answer ask(struct world *world, void *data, enum auth_resource resource,
                            enum auth_action action, const char *vhost, const char *name,
                            const char *routing_key)
{
    struct lv_buffer reason = {0};
    const struct auth_question question = {.resource = resource,
                                           .action = action,
                                           .vhost = S(vhost),
                                           .name = S(name),
                                           .routing_key = S(routing_key),
                                           .data = data};
    enum auth_answer answer = world->backend->calls->may(world->backend, &question, &reason);
    lv_buffer_free(&reason);
    return answer;
}

static void its_scopes_say_what_the_user_may_do(void **state)
{
    struct world *world = *state;
    publish(world, world->a, "'kid': 'a'");
    world_open(world, settings_of_world(world));
    char *token = token_sign(world->a, "ES256", "{'kid': 'a'}", CLAIMS);
    struct auth_found found = {0};
    struct lv_buffer reason = {0};
    assert_int_equal(log_in_with(world, token, &found, &reason), AUTH_ALLOWED);
    void *data = found.data;
    assert_int_equal(ask(world, data, AUTH_VHOST, AUTH_READ, "v", "", ""), AUTH_ALLOWED);
    assert_int_equal(ask(world, data, AUTH_VHOST, AUTH_READ, "w", "", ""), AUTH_REFUSED);
    assert_int_equal(ask(world, data, AUTH_QUEUE, AUTH_READ, "v", "q", ""), AUTH_ALLOWED);
    assert_int_equal(ask(world, data, AUTH_QUEUE, AUTH_WRITE, "v", "q", ""), AUTH_REFUSED);
    assert_int_equal(ask(world, data, AUTH_EXCHANGE, AUTH_WRITE, "v", "x", ""), AUTH_ALLOWED);
    assert_int_equal(ask(world, data, AUTH_TOPIC, AUTH_WRITE, "v", "x", "k.1"), AUTH_ALLOWED);
    assert_int_equal(ask(world, data, AUTH_TOPIC, AUTH_WRITE, "v", "x", "l.1"), AUTH_REFUSED);
    assert_int_equal(ask(world, NULL, AUTH_VHOST, AUTH_READ, "v", "", ""), AUTH_REFUSED);
    found_forget(world, &found);
    free(token);
}

static void a_user_without_a_token_is_refused(void **state)
{
    struct world *world = *state;
    struct auth_found found = {0};
    struct lv_buffer reason = {0};
    world_open(world, settings_of_world(world));
    const struct auth_credentials named = {.user = S("ann"), .has_password = false};
    assert_int_equal(world->backend->calls->log_in(world->backend, &named, &found, &reason),
                     AUTH_REFUSED);
    check_text(&reason, "the backend oauth2 knows users only by their tokens");
    assert_int_equal(log_in_with(world, "secret", &found, &reason), AUTH_REFUSED);
    check_text(&reason, "the token is refused: it is not a signed JWT");
}

/* --- Keys ------------------------------------------------------------------------------------- */

static void keys_rotate_without_a_restart(void **state)
{
    struct world *world = *state;
    publish(world, world->a, "'kid': 'a'");
    world_open(world, settings_of_world(world));
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_ALLOWED);
    publish(world, world->b, "'kid': 'b'");
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_ALLOWED);
    assert_int_equal(log_in(world, world->b, "{'kid': 'b'}"), AUTH_ALLOWED);
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_REFUSED);
    assert_int_equal(log_in(world, world->a, "{'kid': 'b'}"), AUTH_REFUSED);
    assert_int_equal(log_in(world, world->b, "{}"), AUTH_ALLOWED);
}

static void many_unknown_keys_cause_few_requests(void **state)
{
    struct world *world = *state;
    publish(world, world->a, "'kid': 'a'");
    world_open(world, settings_of_world(world));
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_ALLOWED);
    for (int i = 0; i < 100; i++) {
        char header[32];
        snprintf(header, sizeof header, "{'kid': 'x%d'}", i);
        assert_int_equal(log_in(world, world->b, header), AUTH_REFUSED);
    }
    /* The first fetch, a few at once, and more if this has taken some seconds. */
    assert_in_range(key_server_requests(world->server), 2, 20);
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_ALLOWED);
}

static void an_answer_that_is_no_set_changes_nothing(void **state)
{
    struct world *world = *state;
    publish(world, world->a, "'kid': 'a'");
    world_open(world, settings_of_world(world));
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_ALLOWED);
    key_server_answer(world->server, 200, S("<html>Welcome!</html>"));
    assert_int_equal(log_in(world, world->b, "{'kid': 'b'}"), AUTH_UNANSWERED);
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_ALLOWED);
    key_server_answer(world->server, 500, S("{\"keys\": []}"));
    assert_int_equal(log_in(world, world->b, "{'kid': 'b'}"), AUTH_UNANSWERED);
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_ALLOWED);
}

/* Opens the backend anew, as a reload does. */
static void world_reopen(struct world *world, struct oauth2_settings *settings)
{
    struct auth_backend *earlier = world->backend;
    world_open(world, settings);
    world->backend->calls->inherit(world->backend, earlier);
    earlier->calls->free(earlier);
}

static void known_keys_are_used_after_a_reload_while_the_server_is_down(void **state)
{
    struct world *world = *state;
    char uri[128];
    publish(world, world->a, "'kid': 'a'");
    world_open(world, settings_of_world(world));
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_ALLOWED);
    key_server_answer(world->server, 500, SLICE_EMPTY);
    world_reopen(world, settings_of_world(world));
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_ALLOWED);
    snprintf(uri, sizeof uri, "jwks_uri = %s?other", key_server_url(world->server));
    world_reopen(world, finished_settings_of("resource_server_id = rabbitmq", uri, NULL));
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_UNANSWERED);
}

static void an_answer_is_read_up_to_a_limit(void **state)
{
    struct world *world = *state;
    struct lv_buffer text = {0};
    lv_buffer_printf(&text, "{\"keys\": [\"");
    for (int i = 0; i < 2000000; i++)
        lv_buffer_add_u8(&text, 'a');
    key_server_answer(world->server, 200, lv_buffer_slice(&text));
    lv_buffer_free(&text);
    world_open(world, settings_of_world(world));
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_UNANSWERED);
}

static void nobody_gets_in_while_no_keys_can_be_fetched(void **state)
{
    struct world *world = *state;
    key_server_answer(world->server, 0, SLICE_EMPTY);
    world_open(world, settings_of_world(world));
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_UNANSWERED);
    assert_int_equal(log_in(world, world->a, "{}"), AUTH_UNANSWERED);
}

static void *log_in_with_b(void *arg)
{
    log_in(arg, ((struct world *)arg)->b, "{'kid': 'b'}");
    return NULL;
}

static void a_slow_server_holds_up_only_logins_with_unknown_keys(void **state)
{
    struct world *world = *state;
    pthread_t threads[4];
    publish(world, world->a, "'kid': 'a'");
    world_open(world, settings_of_world(world));
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_ALLOWED);
    unsigned before = key_server_requests(world->server);
    key_server_pause(world->server);
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_in_with_b, world), 0);
    key_server_await(world->server, before + 1);
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_ALLOWED);
    publish(world, world->b, "'kid': 'b'");
    key_server_resume(world->server);
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(log_in(world, world->b, "{'kid': 'b'}"), AUTH_ALLOWED);
}

/* --- Files ------------------------------------------------------------------------------------ */

/* Writes a file of a key, whose path it returns. */
static const char *file_write(const char *text)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/test_oauth2.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

static void keys_of_files_need_no_server(void **state)
{
    struct world *world = *state;
    cjose_err err;
    char *json = cjose_jwk_to_json(world->a, false, &err);
    char line[128];
    const char *path = file_write(json);
    snprintf(line, sizeof line, "signing_keys.a = %s", path);
    world_open(world, finished_settings_of("resource_server_id = rabbitmq", line, "default_key = a",
                                           "algorithms.1 = ES256", NULL));
    unlink(path);
    free(json);
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_ALLOWED);
    assert_int_equal(log_in(world, world->a, "{}"), AUTH_ALLOWED);
    assert_int_equal(log_in(world, world->a, "{'kid': 'b'}"), AUTH_REFUSED);
    assert_int_equal(log_in(world, world->b, "{'kid': 'a'}"), AUTH_REFUSED);
}

static void only_listed_algorithms_are_taken(void **state)
{
    struct world *world = *state;
    char uri[128];
    snprintf(uri, sizeof uri, "jwks_uri = %s", key_server_url(world->server));
    publish(world, world->a, "'kid': 'a'");
    world_open(world, finished_settings_of("resource_server_id = rabbitmq", uri,
                                           "algorithms.1 = RS256", NULL));
    assert_int_equal(log_in(world, world->a, "{'kid': 'a'}"), AUTH_REFUSED);
}

static void check_file_refused(const char *path, const char *why)
{
    char line[128];
    struct auth_backend *backend = NULL;
    struct lv_buffer reason = {0}, expected = {0};
    snprintf(line, sizeof line, "signing_keys.a = %s", path);
    struct auth_oauth2_settings settings = {
        finished_settings_of("resource_server_id = rabbitmq", line, NULL)};
    assert_true(auth_oauth2_open(&settings, &backend, &reason) < 0);
    lv_buffer_printf(&expected, "auth_oauth2: signing_keys.a: %s: %s", path, why);
    lv_buffer_add_u8(&expected, '\0');
    check_text(&reason, (const char *)expected.p);
    lv_buffer_free(&expected);
    oauth2_settings_unref(&settings.shared);
}

static void a_file_that_cannot_be_used_is_named(void **state)
{
    (void)state;
    check_file_refused("/nowhere/a.pem", "not found");
    const char *path = file_write("text");
    check_file_refused(path, "neither PEM of an RSA or EC key or certificate, nor a JWK");
    unlink(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_token_says_who_the_user_is),
        TEST(its_scopes_say_what_the_user_may_do),
        TEST(a_user_without_a_token_is_refused),
        TEST(keys_rotate_without_a_restart),
        TEST(many_unknown_keys_cause_few_requests),
        TEST(an_answer_that_is_no_set_changes_nothing),
        TEST(known_keys_are_used_after_a_reload_while_the_server_is_down),
        TEST(an_answer_is_read_up_to_a_limit),
        TEST(nobody_gets_in_while_no_keys_can_be_fetched),
        TEST(a_slow_server_holds_up_only_logins_with_unknown_keys),
        TEST(keys_of_files_need_no_server),
        TEST(only_listed_algorithms_are_taken),
        TEST(a_file_that_cannot_be_used_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
