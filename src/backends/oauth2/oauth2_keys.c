/* A token says with which algorithm it is signed, and anybody can write a token. So the key
 * decides: its type and curve must be those of the algorithm, before the algorithm is run. A
 * public key is never used as the secret of HS256. */
#include "backends/oauth2/oauth2_keys.h"

#include <cjose/cjose.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "backends/oauth2/oauth2_pem.h"
#include "backends/oauth2/oauth2_texts.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/vec.h"

struct key {
    char *id; /* NULL: none */
    cjose_jwk_t *jwk;
    enum oauth2_key_type type;
    enum oauth2_curve curve;
    /* The only algorithm that it is for; NULL: every one of its type. */
    const struct oauth2_algorithm *algorithm;
};

struct oauth2_keys {
    _Atomic size_t references;
    struct key *items;
    size_t count, capacity;
};

struct oauth2_keys *oauth2_keys_create(void)
{
    struct oauth2_keys *keys = lv_calloc(1, sizeof *keys);
    atomic_init(&keys->references, 1);
    return keys;
}

struct oauth2_keys *oauth2_keys_ref(struct oauth2_keys *keys)
{
    atomic_fetch_add_explicit(&keys->references, 1, memory_order_relaxed);
    return keys;
}

static void keys_free(struct oauth2_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        free(keys->items[i].id);
        cjose_jwk_release(keys->items[i].jwk);
    }
    free(keys->items);
    free(keys);
}

void oauth2_keys_unref(struct oauth2_keys **keys)
{
    if (*keys && atomic_fetch_sub_explicit(&(*keys)->references, 1, memory_order_acq_rel) == 1)
        keys_free(*keys);
    *keys = NULL;
}

size_t oauth2_keys_count(const struct oauth2_keys *keys)
{
    return keys->count;
}

/* --- Adding keys ------------------------------------------------------------------------------ */

static int refuse(struct lv_buffer *reason, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(struct lv_buffer *reason, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(reason, format, args);
    va_end(args);
    return ERR_INVALID;
}

static enum oauth2_curve curve_of(const cjose_jwk_t *jwk)
{
    cjose_err err;
    switch (cjose_jwk_EC_get_curve(jwk, &err)) {
    case CJOSE_JWK_EC_P_256: return OAUTH2_CURVE_P_256;
    case CJOSE_JWK_EC_P_384: return OAUTH2_CURVE_P_384;
    case CJOSE_JWK_EC_P_521: return OAUTH2_CURVE_P_521;
    case CJOSE_JWK_EC_INVALID: break;
    }
    return OAUTH2_CURVE_0;
}

/* Fills in the type and the curve, and refuses a key that is too short or too long to be used. */
static int key_measure(struct key *key, struct lv_buffer *reason)
{
    cjose_err err;
    size_t bits = cjose_jwk_get_keysize(key->jwk, &err);
    switch (cjose_jwk_get_kty(key->jwk, &err)) {
    case CJOSE_JWK_KTY_RSA:
        key->type = OAUTH2_RSA;
        if (bits < OAUTH2_RSA_BITS_MIN || bits > OAUTH2_RSA_BITS_MAX)
            return refuse(reason, "its RSA key has %zu bits; from %d to %d are accepted", bits,
                          OAUTH2_RSA_BITS_MIN, OAUTH2_RSA_BITS_MAX);
        return 0;
    case CJOSE_JWK_KTY_EC:
        key->type = OAUTH2_EC;
        key->curve = curve_of(key->jwk);
        return key->curve ? 0 : refuse(reason, "its curve is not known");
    case CJOSE_JWK_KTY_OCT:
        key->type = OAUTH2_OCT;
        if (bits < OAUTH2_OCT_BITS_MIN)
            return refuse(reason, "its secret has %zu bits; %d are needed", bits,
                          OAUTH2_OCT_BITS_MIN);
        return 0;
    }
    return refuse(reason, "its type is not known");
}

/* Adds the key and takes jwk, also if it is refused. */
static int key_add(struct oauth2_keys *keys, const char *id, cjose_jwk_t *jwk,
                   const char *algorithm, struct lv_buffer *reason)
{
    struct key key = {.jwk = jwk, .algorithm = algorithm ? oauth2_algorithm_find(algorithm) : NULL};
    int err = key_measure(&key, reason);
    if (!err && key.algorithm && key.algorithm->type != key.type)
        err = refuse(reason, "it is of another type than its algorithm %s needs", algorithm);
    if (err) {
        cjose_jwk_release(jwk);
        return err;
    }
    key.id = id ? lv_strdup(id) : NULL;
    lv_vec_room(keys->items, keys->count, keys->capacity);
    keys->items[keys->count++] = key;
    return 0;
}

/* Returns what the JWK says about its key, or NULL. */
static const char *member_text(const json_t *jwk, const char *name)
{
    return json_string_value(json_object_get(jwk, name));
}

static int jwk_add(struct oauth2_keys *keys, const char *id, const json_t *json,
                   struct lv_buffer *reason)
{
    cjose_err err;
    const char *type = member_text(json, "kty");
    if (!type)
        return refuse(reason, "it is not a JWK");
    char *text = json_dumps(json, JSON_COMPACT);
    cjose_jwk_t *jwk = text ? cjose_jwk_import(text, strlen(text), &err) : NULL;
    free(text);
    if (!jwk)
        return refuse(reason, "a key of type '%.32s' that is malformed, or is not known", type);
    return key_add(keys, id, jwk, member_text(json, "alg"), reason);
}

int oauth2_keys_add_text(struct oauth2_keys *keys, const char *id, struct slice text,
                         struct lv_buffer *reason)
{
    json_t *json = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    if (json) {
        int err = jwk_add(keys, id, json, reason);
        json_decref(json);
        return err;
    }
    cjose_jwk_t *jwk = oauth2_pem_read(text);
    if (!jwk)
        return refuse(reason, "neither PEM of an RSA or EC key or certificate, nor a JWK");
    return key_add(keys, id, jwk, NULL, reason);
}

/* Adds a key of a fetched set, if it is for signatures and public. */
static void fetched_add(struct oauth2_keys *keys, const json_t *json, struct lv_buffer *reason)
{
    const char *use = member_text(json, "use");
    const char *type = member_text(json, "kty");
    struct lv_buffer fault = {0};
    if (use && strcmp(use, "sig") != 0)
        return;
    if (type && (strcmp(type, "RSA") == 0 || strcmp(type, "EC") == 0))
        (void)jwk_add(keys, member_text(json, "kid"), json, &fault);
    else
        refuse(&fault, "a key of type '%.32s' is not accepted", type ? type : "");
    if (fault.n > 0 && reason->n == 0)
        lv_buffer_add_slice(reason, lv_buffer_slice(&fault));
    lv_buffer_free(&fault);
}

/* Adds the keys of a set's list. Returns ERR_TOO_LARGE or ERR_FORMAT if there are too many, or none
 * can be used. */
static int list_add(struct oauth2_keys *keys, const json_t *list, struct lv_buffer *reason)
{
    size_t listed = json_array_size(list);
    if (listed > OAUTH2_KEYS_MAX) {
        refuse(reason, "it has more than %d keys", OAUTH2_KEYS_MAX);
        return ERR_TOO_LARGE;
    }
    struct lv_buffer fault = {0};
    for (size_t i = 0; i < listed; i++)
        fetched_add(keys, json_array_get(list, i), &fault);
    if (!json_is_array(list))
        refuse(reason, "it is not a JWK set");
    else if (keys->count == 0 && fault.n == 0)
        refuse(reason, "it has no key for signatures");
    else if (keys->count == 0)
        refuse(reason, "it has no key that can be used: %.*s", SLICE_ARG(lv_buffer_slice(&fault)));
    lv_buffer_free(&fault);
    return keys->count == 0 ? ERR_FORMAT : 0;
}

int oauth2_keys_parse(struct slice text, struct oauth2_keys **ret, struct lv_buffer *reason)
{
    if (text.n > OAUTH2_KEYS_BYTES_MAX) {
        refuse(reason, "the set of keys is longer than %d bytes", OAUTH2_KEYS_BYTES_MAX);
        return ERR_TOO_LARGE;
    }
    json_t *json = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    struct oauth2_keys *keys = oauth2_keys_create();
    int err = list_add(keys, json_object_get(json, "keys"), reason);
    json_decref(json);
    if (err)
        oauth2_keys_unref(&keys);
    else
        *ret = keys;
    return err;
}

/* --- Verifying -------------------------------------------------------------------------------- */

/* Without an id every key may be meant. */
static bool ids_match(const char *id, const struct key *key)
{
    return !id || (key->id && strcmp(id, key->id) == 0);
}

bool oauth2_keys_have(const struct oauth2_keys *keys, const char *id)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (ids_match(id, &keys->items[i]))
            return true;
    }
    return false;
}

static bool key_fits(const struct key *key, const struct oauth2_algorithm *algorithm)
{
    return key->type == algorithm->type && key->curve == algorithm->curve &&
           (!key->algorithm || key->algorithm == algorithm);
}

static bool key_verifies(const struct key *key, const struct oauth2_token *token)
{
    cjose_err err;
    cjose_jws_t *jws = cjose_jws_import((const char *)token->text.p, token->text.n, &err);
    bool verifies = jws && cjose_jws_verify(jws, key->jwk, &err);
    cjose_jws_release(jws);
    ERR_clear_error();
    return verifies;
}

bool oauth2_keys_verify(const struct oauth2_keys *keys, const char *id,
                        const struct oauth2_token *token)
{
    int tried = 0;
    for (size_t i = 0; i < keys->count && tried < OAUTH2_KEYS_TRIED_MAX; i++) {
        const struct key *key = &keys->items[i];
        if (!ids_match(id, key) || !key_fits(key, token->algorithm))
            continue;
        tried++;
        if (key_verifies(key, token))
            return true;
    }
    return false;
}
