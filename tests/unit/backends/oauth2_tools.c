#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/oauth2_tools.h"

static void line_set(struct oauth2_settings *settings, const char *line)
{
    const char *equals = strstr(line, " = ");
    struct lv_buffer fault = {0};
    assert_non_null(equals);
    struct slice key = slice_of(line, (size_t)(equals - line));
    assert_int_equal(oauth2_settings_set(settings, key, slice_str(equals + 3), &fault), OAUTH2_SET);
    assert_int_equal(fault.n, 0);
}

static struct oauth2_settings *settings_of_lines(const char *line, va_list lines)
{
    struct oauth2_settings *settings = oauth2_settings_create();
    for (; line; line = va_arg(lines, const char *))
        line_set(settings, line);
    return settings;
}

struct oauth2_settings *settings_of(const char *line, ...)
{
    va_list lines;
    va_start(lines, line);
    struct oauth2_settings *settings = settings_of_lines(line, lines);
    va_end(lines);
    return settings;
}

struct oauth2_settings *finished_settings_of(const char *line, ...)
{
    va_list lines;
    va_start(lines, line);
    struct oauth2_settings *settings = settings_of_lines(line, lines);
    va_end(lines);
    struct lv_buffer fault = {0};
    bool is_good = oauth2_settings_finish(settings, &fault);
    check_text(&fault, "");
    assert_true(is_good);
    return settings;
}

/* Returns a copy with quotation marks for apostrophes. */
static char *quoted(const char *text)
{
    char *copy = strdup(text);
    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return copy;
}

json_t *json_of(const char *text)
{
    char *copy = quoted(text);
    json_t *json = json_loads(copy, JSON_REJECT_DUPLICATES, NULL);
    free(copy);
    assert_non_null(json);
    return json;
}

void check_text(struct lv_buffer *buffer, const char *expected)
{
    lv_buffer_add_u8(buffer, '\0');
    assert_string_equal((const char *)buffer->p, expected);
    lv_buffer_free(buffer);
}

char *token_sign(const cjose_jwk_t *key, const char *algorithm, const char *header,
                 const char *payload)
{
    cjose_err err;
    json_t *full = json_of(header);
    json_object_set_new(full, "alg", json_string(algorithm));
    char *plain = quoted(payload);
    cjose_jws_t *jws = cjose_jws_sign(key, full, (const uint8_t *)plain, strlen(plain), &err);
    const char *text = NULL;
    assert_non_null(jws);
    assert_true(cjose_jws_export(jws, &text, &err));
    char *copy = strdup(text);
    cjose_jws_release(jws);
    json_decref(full);
    free(plain);
    return copy;
}

static void part_add(struct lv_buffer *out, const char *text)
{
    cjose_err err;
    char *encoded = NULL;
    size_t n;
    char *plain = quoted(text);
    assert_true(cjose_base64url_encode((const uint8_t *)plain, strlen(plain), &encoded, &n, &err));
    lv_buffer_add(out, encoded, n);
    free(encoded);
    free(plain);
}

char *token_forge(const char *header, const char *payload, const char *signature)
{
    struct lv_buffer out = {0};
    part_add(&out, header);
    lv_buffer_add_u8(&out, '.');
    part_add(&out, payload);
    lv_buffer_printf(&out, ".%s", signature);
    char *text = slice_strdup(lv_buffer_slice(&out));
    lv_buffer_free(&out);
    return text;
}

cjose_jwk_t *rsa_key(void)
{
    cjose_err err;
    cjose_jwk_t *key = cjose_jwk_create_RSA_random(2048, NULL, 0, &err);
    assert_non_null(key);
    return key;
}

cjose_jwk_t *ec_key(cjose_jwk_ec_curve curve)
{
    cjose_err err;
    cjose_jwk_t *key = cjose_jwk_create_EC_random(curve, &err);
    assert_non_null(key);
    return key;
}

cjose_jwk_t *oct_key(size_t bytes)
{
    cjose_err err;
    cjose_jwk_t *key = cjose_jwk_create_oct_random(bytes * 8, &err);
    assert_non_null(key);
    return key;
}

void key_set_print(struct lv_buffer *out, const cjose_jwk_t *key, const char *members)
{
    cjose_err err;
    bool is_secret = cjose_jwk_get_kty(key, &err) == CJOSE_JWK_KTY_OCT;
    char *text = cjose_jwk_to_json(key, is_secret, &err);
    assert_non_null(text);
    json_t *json = json_loads(text, 0, NULL);
    struct lv_buffer object = {0};
    lv_buffer_printf(&object, "{%s}", members);
    lv_buffer_add_u8(&object, '\0');
    json_t *more = json_of((const char *)object.p);
    json_object_update(json, more);
    char *merged = json_dumps(json, JSON_COMPACT);
    lv_buffer_printf(out, "{\"keys\":[%s]}", merged);
    free(merged);
    free(text);
    json_decref(json);
    json_decref(more);
    lv_buffer_free(&object);
}
