/* The settings of the backend `oauth2`, and how the keys auth_oauth2.* of the config file set them.
 *
 * A *resource server* is what a token is for: its id is in the token's audience. It says which
 * scopes count and who the user is. A *provider* is who issues tokens: it says with which keys they
 * are signed, and where these keys can be fetched. There is always a root resource server and a
 * root provider, set by keys without a name (auth_oauth2.issuer); others have one
 * (auth_oauth2.oauth_providers.NAME.issuer). What a named resource server does not set, it takes
 * from the root.
 *
 * Pure. */
#ifndef LEVERET_BACKENDS_OAUTH2_SETTINGS_H
#define LEVERET_BACKENDS_OAUTH2_SETTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/slice.h"

/* The algorithms of signatures: name, type of the key, and its curve, if it has one. */
#define OAUTH2_ALGORITHMS(A)                                                                       \
    A(RS256, RSA, 0)                                                                               \
    A(RS384, RSA, 0)                                                                               \
    A(RS512, RSA, 0)                                                                               \
    A(PS256, RSA, 0)                                                                               \
    A(PS384, RSA, 0)                                                                               \
    A(PS512, RSA, 0)                                                                               \
    A(ES256, EC, P_256)                                                                            \
    A(ES384, EC, P_384)                                                                            \
    A(ES512, EC, P_521)                                                                            \
    A(HS256, OCT, 0)                                                                               \
    A(HS384, OCT, 0)                                                                               \
    A(HS512, OCT, 0)

enum oauth2_pattern_syntax { OAUTH2_WILDCARD, OAUTH2_REGEX };

/* A number that is not set. */
enum { OAUTH2_UNSET = -1 };

/* At most this many named providers, and this many named resource servers. */
enum { OAUTH2_NAMED_MAX = 16 };

/* Named texts, in the order of the config file. */
struct oauth2_pairs {
    struct oauth2_pair {
        char *name;
        char *value;
    } * items;
    size_t count, capacity;
};

struct oauth2_resource_server {
    char *name; /* "" : the root */
    char *id;   /* in the audience of the tokens meant for this broker; of the root, NULL: none */
    char *type; /* of the authorization details that count; NULL: none */
    char *scope_prefix;
    char *additional_scopes_key; /* claims that have scopes too, separated by spaces; NULL: none */
    char *provider_name;         /* NULL: the default provider */
    struct oauth2_pairs aliases; /* scope -> scopes, separated by spaces */
    struct oauth2_pairs username_claims; /* index -> claim */
    int verifies_aud;                    /* bool */
    int requires_exp;                    /* bool */
    int syntax;                          /* enum oauth2_pattern_syntax */
    size_t provider; /* index of the provider, set by oauth2_settings_finish() */
};

struct oauth2_https {
    char *cacertfile;  /* NULL: those of the system */
    int verifies_peer; /* bool */
    int depth;         /* certificates between the server's and the authority's */
};

struct oauth2_provider_settings {
    char *name; /* "": the root */
    char *issuer;
    char *jwks_uri;
    char *discovery_path; /* behind the issuer; NULL: as OpenID says */
    char *default_key;    /* id of the key of tokens that name none; NULL: none */
    struct oauth2_pairs discovery_params;
    struct oauth2_pairs algorithms;   /* index -> name; empty: all */
    struct oauth2_pairs signing_keys; /* id -> file */
    struct oauth2_https https;
    int verifies_iss; /* bool: the claim iss must be the issuer, if both are there */
};

struct oauth2_settings {
    _Atomic size_t references;
    /* The first is the root. */
    struct oauth2_resource_server servers[1 + OAUTH2_NAMED_MAX];
    size_t server_count;
    struct oauth2_provider_settings providers[1 + OAUTH2_NAMED_MAX];
    size_t provider_count;
    char *default_provider; /* NULL: the root */
};

/* Returns a reference to new settings without any value. */
struct oauth2_settings *oauth2_settings_create(void);
/* Takes another reference. Any thread. */
struct oauth2_settings *oauth2_settings_ref(struct oauth2_settings *settings);
/* Gives the reference back and clears the pointer. NULL is fine. Any thread. */
void oauth2_settings_unref(struct oauth2_settings **settings);

enum oauth2_set_result {
    OAUTH2_SET,
    OAUTH2_SET_USELESS, /* the key is RabbitMQ's, but has no effect here; `fault` says why */
    OAUTH2_SET_UNKNOWN, /* there is no such key */
    OAUTH2_SET_INVALID, /* `fault` says which values can be used: "true or false" */
};

/* Sets the key, which is without "auth_oauth2.". A later value replaces an earlier one. */
enum oauth2_set_result oauth2_settings_set(struct oauth2_settings *settings, struct slice key,
                                           struct slice value, struct lv_buffer *fault);

/* Completes the settings with defaults and with those of the root, and checks that they fit
 * together. Call once, after the last oauth2_settings_set(); then the settings never change, and
 * any thread may read them. Returns false after appending what is
 * wrong to `fault`: "auth_oauth2.default_oauth_provider: there is no provider 'x'". */
bool oauth2_settings_finish(struct oauth2_settings *settings, struct lv_buffer *fault);

/* Returns true if the text is a URL whose answers can be trusted: by https, or by http from this
 * host. */
bool oauth2_url_is_safe(const char *url);

#endif
