#include "backends/ldap/ldap_template.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/vec.h"

struct ldap_template_part {
    struct slice text; /* of a variable: with ${ and } */
    bool is_variable;
    enum ldap_variable variable;
};

static const char *const names[] = {
#define LDAP_VARIABLE_NAME(number, name) name,
    LDAP_VARIABLES(LDAP_VARIABLE_NAME)
#undef LDAP_VARIABLE_NAME
};

/* --- Variables -------------------------------------------------------------------------------- */

void ldap_variables_set(struct ldap_variables *variables, enum ldap_variable variable,
                        struct slice value)
{
    variables->values[variable] = value.p ? value : slice_str("");
}

void ldap_variables_set_user(struct ldap_variables *variables, struct slice username)
{
    ldap_variables_set(variables, LDAP_USERNAME, username);
    const uint8_t *separator = username.n > 0 ? memchr(username.p, '\\', username.n) : NULL;
    size_t before = separator ? (size_t)(separator - username.p) : 0;
    if (before == 0 || before + 1 == username.n)
        return;
    ldap_variables_set(variables, LDAP_AD_DOMAIN, slice_of(username.p, before));
    ldap_variables_set(variables, LDAP_AD_USER, slice_of(separator + 1, username.n - before - 1));
}

bool ldap_variable_find(struct slice name, enum ldap_variable *ret)
{
    for (unsigned i = 0; i < LDAP_VARIABLES_COUNT; i++) {
        if (slice_is(name, names[i])) {
            *ret = (enum ldap_variable)i;
            return true;
        }
    }
    return false;
}

const char *ldap_variable_name(enum ldap_variable variable)
{
    return names[variable];
}

/* --- Parsing ---------------------------------------------------------------------------------- */

static void add_part(struct ldap_template *t, struct ldap_template_part part)
{
    if (part.text.n == 0)
        return;
    lv_vec_room(t->parts, t->count, t->capacity);
    t->parts[t->count++] = part;
}

/* Returns the variable that begins at this position, "${name}", or an empty slice. */
static struct slice variable_at(struct slice text, size_t at)
{
    if (text.p[at] != '$' || at + 2 >= text.n || text.p[at + 1] != '{')
        return SLICE_EMPTY;
    const uint8_t *end = memchr(text.p + at, '}', text.n - at);
    return end ? slice_of(text.p + at, (size_t)(end - text.p) + 1 - at) : SLICE_EMPTY;
}

int ldap_template_parse(struct slice text, struct ldap_template *ret, struct slice *ret_unknown)
{
    struct ldap_template t = {.text = slice_copy(text)};
    size_t literal = 0; /* where the literal text before `at` begins */
    size_t at = 0;
    while (at < text.n) {
        struct slice variable = variable_at(t.text, at);
        if (variable.n == 0) {
            at++;
            continue;
        }
        struct ldap_template_part part = {variable, true, LDAP_USERNAME};
        if (!ldap_variable_find(slice_of(variable.p + 2, variable.n - 3), &part.variable)) {
            *ret_unknown = slice_of(text.p + at + 2, variable.n - 3);
            ldap_template_free(&t);
            return ERR_INVALID;
        }
        add_part(&t,
                 (struct ldap_template_part){.text = slice_of(t.text.p + literal, at - literal)});
        add_part(&t, part);
        at += variable.n;
        literal = at;
    }
    add_part(&t, (struct ldap_template_part){.text = slice_of(t.text.p + literal, at - literal)});
    *ret = t;
    return 0;
}

void ldap_template_free(struct ldap_template *pattern)
{
    free(pattern->parts);
    free((void *)pattern->text.p);
    *pattern = (struct ldap_template){0};
}

/* --- Escaping --------------------------------------------------------------------------------- */

/* Appends a value of a distinguished name (RFC 4514, section 2.4). */
static void put_dn_value(struct slice value, struct lv_buffer *out)
{
    for (size_t i = 0; i < value.n; i++) {
        uint8_t c = value.p[i];
        bool is_edge = (i == 0 && (c == ' ' || c == '#')) || (i == value.n - 1 && c == ' ');
        if (c == 0) {
            lv_buffer_add(out, "\\00", 3);
            continue;
        }
        if (is_edge || strchr(",+\"\\<>;", c))
            lv_buffer_add_u8(out, '\\');
        lv_buffer_add_u8(out, c);
    }
}

/* Returns whether DOMAIN\user may be put into a distinguished name with its backslash. Behind a
 * second backslash, or one that escapes the user's first character, the name could end its value
 * and begin another one. */
static bool is_safe_domain_user(const struct ldap_variables *v)
{
    struct slice user = v->values[LDAP_AD_USER];
    return user.n > 0 && !memchr(user.p, '\\', user.n) && user.p[0] != 0 &&
           !strchr(",+\"<>; #", user.p[0]);
}

static void put_dn_variable(enum ldap_variable variable, const struct ldap_variables *v,
                            struct lv_buffer *out)
{
    if (variable == LDAP_USER_DN) {
        lv_buffer_add_slice(out, v->values[variable]);
    } else if (variable == LDAP_USERNAME && is_safe_domain_user(v)) {
        put_dn_value(v->values[LDAP_AD_DOMAIN], out);
        lv_buffer_add_u8(out, '\\');
        put_dn_value(v->values[LDAP_AD_USER], out);
    } else {
        put_dn_value(v->values[variable], out);
    }
}

static void put_pattern_value(struct slice value, struct lv_buffer *out)
{
    for (size_t i = 0; i < value.n; i++) {
        uint8_t c = value.p[i];
        if (c == 0) {
            lv_buffer_add(out, "\\x00", 4);
            continue;
        }
        if (c < 0x80 && !isalnum(c))
            lv_buffer_add_u8(out, '\\');
        lv_buffer_add_u8(out, c);
    }
}

/* Returns whether the variable is filled in; otherwise its name stays in the text. */
static bool has_value(enum ldap_variable variable, const struct ldap_variables *v,
                      enum ldap_fill how)
{
    bool is_domain_user = variable == LDAP_AD_USER || variable == LDAP_AD_DOMAIN;
    if (how == LDAP_FILL_DN && is_domain_user && !is_safe_domain_user(v))
        return false;
    return v->values[variable].p;
}

void ldap_template_fill(const struct ldap_template *pattern, const struct ldap_variables *variables,
                        enum ldap_fill how, struct lv_buffer *out)
{
    for (size_t i = 0; i < pattern->count; i++) {
        const struct ldap_template_part *part = &pattern->parts[i];
        if (!part->is_variable || !has_value(part->variable, variables, how))
            lv_buffer_add_slice(out, part->text);
        else if (how == LDAP_FILL_DN)
            put_dn_variable(part->variable, variables, out);
        else if (how == LDAP_FILL_PATTERN)
            put_pattern_value(variables->values[part->variable], out);
        else
            lv_buffer_add_slice(out, variables->values[part->variable]);
    }
}
