#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "backends/canned_service.h"
#include "backends/web/web_client.h"
#include "base/error.h"

enum { PATIENCE_MS = 60000, IMPATIENCE_MS = 50, ANSWER_BYTES_MAX = 100 };

/* A service, a client, and what the last request gave. */
struct world {
    struct canned_service *service;
    struct web_client *client;
    struct lv_buffer url;
    long status;
    struct lv_buffer body;
    struct lv_buffer reason;
};

static void world_start(struct world *w, const char *answer, int timeout_ms)
{
    *w = (struct world){0};
    const struct web_client_settings settings = {.connection_timeout_ms = timeout_ms,
                                                 .timeout_ms = timeout_ms,
                                                 .answer_bytes_max = ANSWER_BYTES_MAX,
                                                 .tls.depth = -1};
    w->service = canned_start(answer);
    assert_int_equal(web_client_create(&settings, &w->client, &w->reason), 0);
}

static void world_stop(struct world *w)
{
    web_client_free(&w->client);
    canned_stop(&w->service);
    lv_buffer_free(&w->url);
    lv_buffer_free(&w->body);
    lv_buffer_free(&w->reason);
}

static int get(struct world *w, const char *path)
{
    w->url.n = 0;
    w->reason.n = 0;
    canned_url(w->service, path, &w->url);
    return web_client_ask(w->client, &(struct web_request){.url = (const char *)w->url.p},
                          &w->status, &w->body, &w->reason);
}

static int post(struct world *w, const char *path, const char *body)
{
    w->url.n = 0;
    w->reason.n = 0;
    canned_url(w->service, path, &w->url);
    return web_client_ask(w->client,
                          &(struct web_request){.url = (const char *)w->url.p,
                                                .body = slice_str(body),
                                                .content_type = "text/plain"},
                          &w->status, &w->body, &w->reason);
}

static void body_is(struct world *w, const char *expected)
{
    assert_int_equal(w->body.n, strlen(expected));
    assert_memory_equal(w->body.p, expected, w->body.n);
}

static void reason_contains(struct world *w, const char *expected)
{
    lv_buffer_add_u8(&w->reason, '\0');
    if (strstr((const char *)w->reason.p, expected) == NULL)
        assert_string_equal((const char *)w->reason.p, expected);
}

#define OK(bytes, body) "HTTP/1.1 200 OK\r\nContent-Length: " bytes "\r\n\r\n" body

static void an_answer_has_a_status_and_a_body(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone", PATIENCE_MS);
    assert_int_equal(get(&w, "/a?b=c"), 0);
    assert_int_equal(w.status, 404);
    body_is(&w, "gone");
    assert_non_null(strstr(canned_requests(w.service), "GET /a?b=c HTTP/1.1\r\n"));
    world_stop(&w);
}

static void a_post_has_a_body_of_its_type(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, OK("0", ""), PATIENCE_MS);
    assert_int_equal(post(&w, "/a", "hello"), 0);
    body_is(&w, "");
    const char *request = canned_requests(w.service);
    assert_non_null(strstr(request, "POST /a HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "\r\nContent-Type: text/plain\r\n"));
    assert_non_null(strstr(request, "\r\n\r\nhello"));
    world_stop(&w);
}

static void a_connection_is_used_again_by_get_and_post(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, OK("2", "ok"), PATIENCE_MS);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(i % 2 ? post(&w, "/p", "x") : get(&w, "/g"), 0);
        body_is(&w, "ok");
    }
    assert_int_equal(canned_connections(w.service), 1);
    const char *last = canned_requests(w.service);
    for (const char *next; (next = strstr(last + 1, "/g HTTP/1.1")) != NULL;)
        last = next;
    assert_null(strstr(last, "Content-Type"));
    world_stop(&w);
}

static void a_redirect_is_an_answer_and_is_not_followed(void **state)
{
    (void)state;
    struct world w;
    world_start(&w,
                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
                PATIENCE_MS);
    assert_int_equal(get(&w, "/"), 0);
    assert_int_equal(w.status, 302);
    world_stop(&w);
}

static void an_answer_that_is_too_long_is_refused(void **state)
{
    (void)state;
    struct world w;
    world_start(&w,
                OK("1000000000", "0123456789012345678901234567890123456789012345678901234567"
                                 "89012345678901234567890123456789012345678901234567890"),
                PATIENCE_MS);
    assert_int_equal(get(&w, "/"), ERR_TOO_LARGE);
    reason_contains(&w, "the answer is longer than 100 bytes");
    world_stop(&w);
}

static void an_endless_header_is_refused(void **state)
{
    (void)state;
    struct world w;
    struct lv_buffer answer = {0};
    lv_buffer_printf(&answer, "HTTP/1.1 200 OK\r\n");
    while (answer.n < 100000)
        lv_buffer_printf(&answer, "X-Header: of no use\r\n");
    world_start(&w, (const char *)answer.p, PATIENCE_MS);
    assert_int_equal(get(&w, "/"), ERR_TOO_LARGE);
    reason_contains(&w, "the header of the answer is longer than 32768 bytes");
    world_stop(&w);
    lv_buffer_free(&answer);
}

static void an_answer_that_never_comes_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, NULL, IMPATIENCE_MS);
    assert_int_equal(get(&w, "/?password=secret"), ERR_TIMED_OUT);
    assert_true(w.reason.n > 0);
    lv_buffer_add_u8(&w.reason, '\0');
    assert_null(strstr((const char *)w.reason.p, "secret"));
    world_stop(&w);
}

static void an_answer_that_stops_in_the_middle_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, OK("20", "allow"), IMPATIENCE_MS);
    assert_int_equal(get(&w, "/"), ERR_TIMED_OUT);
    world_stop(&w);
}

static void bytes_that_are_not_http_are_refused(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, "SSH-2.0-OpenSSH_9.2\r\n", PATIENCE_MS);
    assert_int_equal(get(&w, "/"), ERR_IO);
    assert_true(w.reason.n > 0);
    world_stop(&w);
}

static void nobody_at_the_address_is_an_error_that_says_so(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, OK("0", ""), PATIENCE_MS);
    assert_int_equal(web_client_ask(w.client, &(struct web_request){.url = "http://127.0.0.1:1/"},
                                    &w.status, &w.body, &w.reason),
                     ERR_IO);
    reason_contains(&w, "Failed to connect to 127.0.0.1 port 1");
    world_stop(&w);
}

static void no_proxy_of_the_environment_is_asked(void **state)
{
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    struct world w;
    world_start(&w, OK("2", "ok"), PATIENCE_MS);
    assert_int_equal(get(&w, "/"), 0);
    body_is(&w, "ok");
    world_stop(&w);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
}

static void only_whole_web_urls_are_good(void **state)
{
    (void)state;
    assert_int_equal(web_url_check("http://localhost:8000/auth/user"), 0);
    assert_int_equal(web_url_check("https://[::1]/"), 0);
    assert_int_equal(web_url_check("ftp://localhost/"), ERR_INVALID);
    assert_int_equal(web_url_check("file:///etc/passwd"), ERR_INVALID);
    assert_int_equal(web_url_check("localhost/auth"), ERR_INVALID);
    assert_int_equal(web_url_check("http://local host/"), ERR_INVALID);
    assert_int_equal(web_url_check("http://:80/"), ERR_INVALID);
    assert_int_equal(web_url_check(""), ERR_INVALID);
}

static void shows(const char *url, const char *expected)
{
    struct lv_buffer out = {0};
    web_url_show(url, &out);
    lv_buffer_add_u8(&out, '\0');
    assert_string_equal((const char *)out.p, expected);
    lv_buffer_free(&out);
}

static void what_may_be_secret_in_a_url_is_not_shown(void **state)
{
    (void)state;
    shows("http://localhost:8000/auth/user", "http://localhost:8000/auth/user");
    shows("https://me:pass@host/a?token=1#b", "https://host/a");
    shows("https://me:p@ss@host?token=a@b", "https://host");
    shows("https://host/a@b", "https://host/a@b");
    shows("me:pass@host", "host");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_a_status_and_a_body),
        cmocka_unit_test(a_post_has_a_body_of_its_type),
        cmocka_unit_test(a_connection_is_used_again_by_get_and_post),
        cmocka_unit_test(a_redirect_is_an_answer_and_is_not_followed),
        cmocka_unit_test(an_answer_that_is_too_long_is_refused),
        cmocka_unit_test(an_endless_header_is_refused),
        cmocka_unit_test(an_answer_that_never_comes_is_not_waited_for_for_ever),
        cmocka_unit_test(an_answer_that_stops_in_the_middle_is_not_waited_for_for_ever),
        cmocka_unit_test(bytes_that_are_not_http_are_refused),
        cmocka_unit_test(nobody_at_the_address_is_an_error_that_says_so),
        cmocka_unit_test(no_proxy_of_the_environment_is_asked),
        cmocka_unit_test(only_whole_web_urls_are_good),
        cmocka_unit_test(what_may_be_secret_in_a_url_is_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
