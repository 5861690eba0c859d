#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/http.h"
#include "backends/ldap.h"
#include "backends/modules.h"
#include "backends/oauth2.h"
#include "base/error.h"

static const struct auth_ldap_settings ldap_settings = {
    .servers = (const char *const[]){"127.0.0.1"},
    .server_count = 1,
    .port = 1,
    .timeout_ms = 5000,
    .connection_pool_size = 1,
    .vhost_access_query = "{match, \"${vhost}\", \"^a\"}",
};

static const struct auth_http_settings http_settings = {
    .user_path = "http://127.0.0.1:1/user",
    .vhost_path = "http://127.0.0.1:1/vhost",
    .resource_path = "http://127.0.0.1:1/resource",
    .topic_path = "http://127.0.0.1:1/topic",
    .request_timeout_ms = 15000,
    .connection_timeout_ms = 15000,
};

/* Opens the backend http from a folder. */
static int open_from(const char *folder, struct auth_backend **ret, struct lv_buffer *reason)
{
    return backend_open_from(folder, "http", &http_settings, sizeof http_settings, ret, reason);
}

static void reason_is(struct lv_buffer *reason, const char *expected)
{
    lv_buffer_add_u8(reason, '\0');
    assert_string_equal((const char *)reason->p, expected);
    lv_buffer_free(reason);
}

/* A folder with one file in it. */
struct folder {
    char path[64];
    char file[128];
};

static void folder_make(struct folder *f, const char *text)
{
    strcpy(f->path, "/tmp/test_modules.XXXXXX");
    assert_non_null(mkdtemp(f->path));
    snprintf(f->file, sizeof f->file, "%s/leveret_auth_http.so", f->path);
    FILE *file = fopen(f->file, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void folder_remove(const struct folder *f)
{
    unlink(f->file);
    rmdir(f->path);
}

/* Loads a module, and asks it something that its backend cannot answer: there is no server. */
static void assert_module_works(const char *name, const void *settings, size_t settings_bytes)
{
    struct auth_backend *backend = NULL;
    struct auth_found found = {0};
    struct lv_buffer reason = {0};
    assert_int_equal(backend_open_from(getenv("LEVERET_MODULES"), name, settings, settings_bytes,
                                       &backend, &reason),
                     0);
    assert_string_equal(backend->name, name);
    const struct auth_credentials ann = {
        .user = slice_str("ann"), .password = slice_str("secret"), .has_password = true};
    assert_int_equal(backend->calls->log_in(backend, &ann, &found, &reason), AUTH_UNANSWERED);
    assert_true(reason.n > 0);
    lv_buffer_free(&reason);
    backend->calls->free(backend);
}

static void every_module_can_be_loaded_and_calls_the_program_that_loads_it(void **state)
{
    (void)state;
    assert_module_works("http", &http_settings, sizeof http_settings);
    assert_module_works("ldap", &ldap_settings, sizeof ldap_settings);
}

/* Settings of a backend that fetches its keys from a port where nobody listens. */
static struct oauth2_settings *oauth2_settings_make(void)
{
    struct oauth2_settings *settings = oauth2_settings_create();
    struct lv_buffer fault = {0};
    oauth2_settings_set(settings, slice_str("resource_server_id"), slice_str("rabbitmq"), &fault);
    oauth2_settings_set(settings, slice_str("jwks_uri"), slice_str("http://127.0.0.1:1/"), &fault);
    assert_true(oauth2_settings_finish(settings, &fault));
    return settings;
}

static void the_module_oauth2_can_be_loaded(void **state)
{
    (void)state;
    struct auth_oauth2_settings settings = {oauth2_settings_make()};
    struct auth_backend *backend = NULL;
    struct auth_found found = {0};
    struct lv_buffer reason = {0};
    assert_int_equal(backend_open_from(getenv("LEVERET_MODULES"), "oauth2", &settings,
                                       sizeof settings, &backend, &reason),
                     0);
    oauth2_settings_unref(&settings.shared);
    const struct auth_credentials ann = {.has_password = true, .password = slice_str("secret")};
    assert_int_equal(backend->calls->log_in(backend, &ann, &found, &reason), AUTH_REFUSED);
    reason_is(&reason, "the token is refused: it is not a signed JWT");
    backend->calls->free(backend);
}

static void a_module_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct auth_backend *backend = NULL;
    struct lv_buffer reason = {0};
    assert_int_equal(open_from("/nowhere", &backend, &reason), ERR_NOT_FOUND);
    assert_null(backend);
    reason_is(&reason, "the backend 'http' is not installed: there is no file "
                       "/nowhere/leveret_auth_http.so");
}

static void a_file_that_is_not_a_library_is_named(void **state)
{
    (void)state;
    struct folder f;
    folder_make(&f, "text");
    struct auth_backend *backend = NULL;
    struct lv_buffer reason = {0};
    assert_int_equal(open_from(f.path, &backend, &reason), ERR_INVALID);
    char expected[512];
    snprintf(expected, sizeof expected, "the backend 'http' cannot be loaded: %s: file too short",
             f.file);
    reason_is(&reason, expected);
    folder_remove(&f);
}

static void settings_of_another_build_are_refused(void **state)
{
    (void)state;
    struct auth_backend *backend = NULL;
    struct lv_buffer reason = {0};
    assert_int_equal(
        backend_open_from(getenv("LEVERET_MODULES"), "http", &http_settings, 8, &backend, &reason),
        ERR_INVALID);
    lv_buffer_add_u8(&reason, '\0');
    assert_non_null(strstr((const char *)reason.p, "comes from another build of version"));
    lv_buffer_free(&reason);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_module_can_be_loaded_and_calls_the_program_that_loads_it),
        cmocka_unit_test(the_module_oauth2_can_be_loaded),
        cmocka_unit_test(a_module_that_is_not_there_is_named),
        cmocka_unit_test(a_file_that_is_not_a_library_is_named),
        cmocka_unit_test(settings_of_another_build_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
