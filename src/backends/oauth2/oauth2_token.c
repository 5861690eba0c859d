/* The parser is strict where readers of one token could differ: exactly three parts, no other
 * characters than those of base64url, no member of an object twice, no critical header. */
#include "backends/oauth2/oauth2_token.h"

#include <cjose/base64.h>
#include <stdlib.h>

#include "base/error.h"

const struct oauth2_algorithm *oauth2_algorithm_find(const char *name)
{
    static const struct oauth2_algorithm algorithms[] = {
#define ALGORITHM(name, type, curve) {#name, OAUTH2_##type, OAUTH2_CURVE_##curve},
        OAUTH2_ALGORITHMS(ALGORITHM)
#undef ALGORITHM
    };
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        if (strcmp(name, algorithms[i].name) == 0)
            return &algorithms[i];
    }
    return NULL;
}

static int refuse(struct lv_buffer *reason, const char *what)
{
    lv_buffer_printf(reason, "%s", what);
    return ERR_FORMAT;
}

enum { PART_HEADER, PART_PAYLOAD, PART_SIGNATURE, PARTS };

static bool char_is_base64url(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '_';
}

/* Splits the text at its dots. Returns false if it is not of three parts of base64url. */
static bool parts_split(struct slice text, struct slice parts[PARTS])
{
    int part = 0;
    size_t from = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '.') {
            if (part == PART_SIGNATURE)
                return false;
            parts[part++] = slice_of(text.p + from, i - from);
            from = i + 1;
        } else if (!char_is_base64url(text.p[i])) {
            return false;
        }
    }
    parts[part] = slice_of(text.p + from, text.n - from);
    return part == PART_SIGNATURE && parts[PART_HEADER].n > 0;
}

/* Returns the JSON object that a part encodes, or NULL. */
static json_t *part_decode(struct slice part)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    cjose_err err;
    if (!cjose_base64url_decode((const char *)part.p, part.n, &bytes, &n, &err))
        return NULL;
    json_t *json = json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, NULL);
    free(bytes);
    if (!json_is_object(json)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

/* Fills in what the header says. */
static int header_read(struct oauth2_token *token, struct lv_buffer *reason)
{
    const json_t *algorithm = json_object_get(token->header, "alg");
    const json_t *key_id = json_object_get(token->header, "kid");
    if (!json_is_string(algorithm))
        return refuse(reason, "its header names no algorithm");
    token->algorithm = oauth2_algorithm_find(json_string_value(algorithm));
    if (!token->algorithm) {
        lv_buffer_printf(reason, "it is signed with the algorithm '%.32s', which is not accepted",
                         json_string_value(algorithm));
        return ERR_FORMAT;
    }
    if (key_id && !json_is_string(key_id))
        return refuse(reason, "the key id in its header is not a text");
    token->key_id = json_string_value(key_id);
    if (json_object_get(token->header, "crit"))
        return refuse(reason, "its header requires an extension that is not known");
    return 0;
}

int oauth2_token_parse(struct slice text, struct oauth2_token *ret, struct lv_buffer *reason)
{
    if (text.n > OAUTH2_TOKEN_BYTES_MAX) {
        lv_buffer_printf(reason, "it is longer than %d bytes", OAUTH2_TOKEN_BYTES_MAX);
        return ERR_TOO_LARGE;
    }
    struct slice parts[PARTS];
    if (!parts_split(text, parts))
        return refuse(reason, "it is not a signed JWT");
    struct oauth2_token token = {.text = text};
    token.header = part_decode(parts[PART_HEADER]);
    token.payload = part_decode(parts[PART_PAYLOAD]);
    int err = token.header && token.payload
                  ? header_read(&token, reason)
                  : refuse(reason, "its header or its payload is not a JSON object");
    if (err)
        oauth2_token_free(&token);
    else
        *ret = token;
    return err;
}

void oauth2_token_free(struct oauth2_token *token)
{
    json_decref(token->header);
    json_decref(token->payload);
    *token = (struct oauth2_token){0};
}
