/* The patterns of the LDAP backend: text with variables, "cn=${username},ou=people,dc=example".
 * A pattern is filled in one pass, so a name that contains "${vhost}" is not filled again. Pure;
 * any thread. */
#ifndef LEVERET_BACKENDS_LDAP_TEMPLATE_H
#define LEVERET_BACKENDS_LDAP_TEMPLATE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

/* The last three are what RabbitMQ calls variable_map, of a topic's check. */
#define LDAP_VARIABLES(V)                                                                          \
    V(LDAP_USERNAME, "username")                                                                   \
    V(LDAP_USER_DN, "user_dn")                                                                     \
    V(LDAP_VHOST, "vhost")                                                                         \
    V(LDAP_RESOURCE, "resource")                                                                   \
    V(LDAP_NAME, "name")                                                                           \
    V(LDAP_PERMISSION, "permission")                                                               \
    V(LDAP_ROUTING_KEY, "routing_key")                                                             \
    V(LDAP_AD_USER, "ad_user")                                                                     \
    V(LDAP_AD_DOMAIN, "ad_domain")                                                                 \
    V(LDAP_MAP_USERNAME, "variable_map.username")                                                  \
    V(LDAP_MAP_VHOST, "variable_map.vhost")                                                        \
    V(LDAP_MAP_CLIENT_ID, "variable_map.client_id")

enum ldap_variable {
#define LDAP_VARIABLE_ENUM(number, name) number,
    LDAP_VARIABLES(LDAP_VARIABLE_ENUM)
#undef LDAP_VARIABLE_ENUM
        LDAP_VARIABLES_COUNT
};

/* The values of one check, borrowed from the caller. A variable that has no value (p is NULL) is
 * left in the text as it is, like RabbitMQ does. */
struct ldap_variables {
    struct slice values[LDAP_VARIABLES_COUNT];
};

/* Sets a variable, to the empty text too. */
void ldap_variables_set(struct ldap_variables *variables, enum ldap_variable variable,
                        struct slice value);
/* Sets ${username}, and ${ad_domain} and ${ad_user} if the name is DOMAIN\user. */
void ldap_variables_set_user(struct ldap_variables *variables, struct slice username);

/* Finds the variable of that name. Returns false if there is none. */
bool ldap_variable_find(struct slice name, enum ldap_variable *ret);
/* Returns the variable's name, a static string. */
const char *ldap_variable_name(enum ldap_variable variable);

struct ldap_template_part;

struct ldap_template {
    struct ldap_template_part *parts;
    size_t count;
    size_t capacity;
    struct slice text; /* what the parts lie in */
};

/* What the filled text is for, which decides how the values are escaped. */
enum ldap_fill {
    LDAP_FILL_PLAIN, /* compared as it is, or escaped by the caller */
    /* A distinguished name. A value is escaped as RFC 4514 asks, so it stays one value. Except for
     * ${user_dn}, which is a name by itself, and the backslash of DOMAIN\user. */
    LDAP_FILL_DN,
    LDAP_FILL_PATTERN, /* a regular expression, in which a value matches itself only */
};

/* Parses a pattern. The caller frees *ret. Returns ERR_INVALID, and the name in *ret_unknown
 * (borrowed from the text), if there is no variable of that name. */
int ldap_template_parse(struct slice text, struct ldap_template *ret, struct slice *ret_unknown);
void ldap_template_free(struct ldap_template *pattern);

/* Appends the text with the variables' values. */
void ldap_template_fill(const struct ldap_template *pattern, const struct ldap_variables *variables,
                        enum ldap_fill how, struct lv_buffer *out);

#endif
