/* The patterns are kept as text in which the claims have been replaced; {vhost} is replaced when a
 * question names the vhost. Text that replaces a variable is quoted in the pattern's syntax, so
 * that it can neither match anything else nor end its pattern. */
#include "backends/oauth2/oauth2_scope.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/pattern.h"
#include "base/vec.h"

enum part { PART_VHOST, PART_NAME, PART_ROUTING_KEY, PARTS };

struct scope {
    enum auth_action action;
    bool has_routing_key;
    char *text; /* the parts, one behind the other; owned */
    struct slice parts[PARTS];
};

struct oauth2_scopes {
    enum oauth2_pattern_syntax syntax;
    struct scope *items;
    size_t count, capacity;
    size_t bytes; /* of all texts and tags */
    struct lv_buffer tags;
};

/* --- Variables -------------------------------------------------------------------------------- */

static bool char_is_plain(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/* Appends the text so that a pattern of the syntax matches it literally, and without a slash. */
static void text_quote(struct lv_buffer *out, enum oauth2_pattern_syntax syntax, struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (char_is_plain(c) || c >= 0x80)
            lv_buffer_add_u8(out, c);
        else
            lv_buffer_printf(out, syntax == OAUTH2_REGEX ? "\\x%02x" : "%%%02x", c);
    }
}

/* Returns the text of the variable: that of the claim, or else the variable's name. */
static struct slice variable_value(const char *name, const json_t *claims)
{
    const json_t *claim = json_object_get(claims, name);
    if (json_is_string(claim))
        return slice_of(json_string_value(claim), json_string_length(claim));
    return slice_str(name);
}

/* Reads a variable "{NAME}" at the beginning of the text. Returns the bytes read, or 0 if the text
 * does not begin with a complete one. */
static size_t variable_take(struct slice text, struct slice *ret_name)
{
    for (size_t i = 1; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c == '}' && i > 1) {
            *ret_name = slice_of(text.p + 1, i - 1);
            return i + 1;
        }
        if (c == '{' || c == '}' || c == '.' || c == '*')
            return 0;
    }
    return 0;
}

/* Appends the scope with the claims in place of their variables; {vhost} stays. Returns false if a
 * variable is malformed, or the text becomes too long. */
static bool claims_insert(struct lv_buffer *out, enum oauth2_pattern_syntax syntax,
                          struct slice scope, const json_t *claims)
{
    for (size_t i = 0; i < scope.n;) {
        if (out->n > OAUTH2_SCOPE_BYTES_MAX)
            return false;
        if (scope.p[i] != '{') {
            lv_buffer_add_u8(out, scope.p[i++]);
            continue;
        }
        struct slice name;
        size_t n = variable_take(slice_of(scope.p + i, scope.n - i), &name);
        if (n == 0)
            return false;
        if (slice_is(name, "vhost")) {
            lv_buffer_add_slice(out, slice_str("{vhost}"));
        } else {
            char *key = slice_strdup(name);
            text_quote(out, syntax, variable_value(key, claims));
            free(key);
        }
        i += n;
    }
    return out->n <= OAUTH2_SCOPE_BYTES_MAX;
}

/* Appends the pattern with the vhost in place of {vhost}. */
static void vhost_insert(struct lv_buffer *out, enum oauth2_pattern_syntax syntax,
                         struct slice pattern, struct slice vhost)
{
    for (size_t i = 0; i < pattern.n;) {
        if (slice_begins(slice_of(pattern.p + i, pattern.n - i), "{vhost}")) {
            text_quote(out, syntax, vhost);
            i += strlen("{vhost}");
        } else {
            lv_buffer_add_u8(out, pattern.p[i++]);
        }
    }
}

/* --- Matching --------------------------------------------------------------------------------- */

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns the byte that stands at this place of a pattern, which is not its end, and moves the
 * place behind it; -1 if it is malformed. */
static int wildcard_byte(struct slice pattern, size_t *at)
{
    uint8_t c = pattern.p[*at];
    if (c != '%') {
        ++*at;
        return c == '+' ? ' ' : c;
    }
    if (pattern.n - *at < 3)
        return -1;
    int high = hex_value(pattern.p[*at + 1]);
    int low = hex_value(pattern.p[*at + 2]);
    *at += 3;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool wildcard_is_well_formed(struct slice pattern)
{
    for (size_t at = 0; at < pattern.n;) {
        if (wildcard_byte(pattern, &at) < 0)
            return false;
    }
    return true;
}

bool oauth2_wildcard_matches(struct slice pattern, struct slice subject)
{
    if (!wildcard_is_well_formed(pattern))
        return false;
    size_t p = 0, s = 0;
    size_t behind_star = SIZE_MAX; /* place in the pattern behind the last asterisk met */
    size_t star_end = 0;           /* end of what that asterisk takes of the subject */
    while (s < subject.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            behind_star = ++p;
            star_end = s;
            continue;
        }
        size_t next = p;
        if (p < pattern.n && wildcard_byte(pattern, &next) == subject.p[s]) {
            p = next;
            s++;
        } else if (behind_star != SIZE_MAX) {
            p = behind_star;
            s = ++star_end;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

/* RabbitMQ takes no pattern that changes the options of the match, calls out, or holds a verb. */
static bool regex_is_plain(struct slice pattern)
{
    static const char *const refused[] = {"(?i", "(?I", "(?m", "(?M", "(?s", "(?S", "(?x", "(?X",
                                          "(?J", "(?U", "(?n", "(?-", "(?C", "(?#", "(*"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (memmem(pattern.p, pattern.n, refused[i], strlen(refused[i])))
            return false;
    }
    return true;
}

static bool regex_matches(struct slice pattern, struct slice subject)
{
    if (pattern.n > OAUTH2_REGEX_BYTES_MAX || !regex_is_plain(pattern))
        return false;
    struct lv_buffer whole = {0};
    lv_buffer_printf(&whole, "\\A(?:");
    lv_buffer_add_slice(&whole, pattern);
    lv_buffer_printf(&whole, ")\\z");
    struct pattern *compiled = NULL;
    bool matches = false;
    if (pattern_compile(lv_buffer_slice(&whole), &compiled, NULL) == 0)
        matches = pattern_matches(compiled, subject);
    pattern_free(&compiled);
    lv_buffer_free(&whole);
    return matches;
}

static bool pattern_allows(enum oauth2_pattern_syntax syntax, struct slice pattern,
                           struct slice vhost, struct slice subject)
{
    struct lv_buffer expanded = {0};
    if (pattern.n > 0 && memmem(pattern.p, pattern.n, "{vhost}", strlen("{vhost}"))) {
        vhost_insert(&expanded, syntax, pattern, vhost);
        pattern = lv_buffer_slice(&expanded);
    }
    bool matches = syntax == OAUTH2_REGEX ? regex_matches(pattern, subject)
                                          : oauth2_wildcard_matches(pattern, subject);
    lv_buffer_free(&expanded);
    return matches;
}

/* --- Scopes ----------------------------------------------------------------------------------- */

struct oauth2_scopes *oauth2_scopes_create(enum oauth2_pattern_syntax syntax)
{
    struct oauth2_scopes *scopes = lv_calloc(1, sizeof *scopes);
    scopes->syntax = syntax;
    return scopes;
}

void oauth2_scopes_free(struct oauth2_scopes **scopes)
{
    if (!*scopes)
        return;
    for (size_t i = 0; i < (*scopes)->count; i++)
        free((*scopes)->items[i].text);
    free((*scopes)->items);
    lv_buffer_free(&(*scopes)->tags);
    free(*scopes);
    *scopes = NULL;
}

static bool tags_have(struct slice tags, struct slice tag)
{
    while (tags.n > 0) {
        const uint8_t *comma = memchr(tags.p, ',', tags.n);
        size_t n = comma ? (size_t)(comma - tags.p) : tags.n;
        if (slice_equal(slice_of(tags.p, n), tag))
            return true;
        n += comma ? 1 : 0;
        tags = slice_of(tags.p + n, tags.n - n);
    }
    return false;
}

/* A tag with a comma would become two. */
static void tag_add(struct oauth2_scopes *scopes, struct slice tag)
{
    if (tag.n == 0 || memchr(tag.p, ',', tag.n) || tags_have(lv_buffer_slice(&scopes->tags), tag))
        return;
    if (scopes->tags.n > 0)
        lv_buffer_add_u8(&scopes->tags, ',');
    lv_buffer_add_slice(&scopes->tags, tag);
}

/* Takes "ACTION:" from the beginning of the scope. */
static bool action_take(struct slice *scope, enum auth_action *ret)
{
    static const struct {
        const char *prefix;
        enum auth_action action;
    } actions[] = {{"read:", AUTH_READ}, {"write:", AUTH_WRITE}, {"configure:", AUTH_CONFIGURE}};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (slice_begins(*scope, actions[i].prefix)) {
            size_t n = strlen(actions[i].prefix);
            *scope = slice_of(scope->p + n, scope->n - n);
            *ret = actions[i].action;
            return true;
        }
    }
    return false;
}

/* Splits VHOST/NAME[/ROUTING_KEY]. Returns false if there are fewer parts, or more. */
static bool parts_split(struct slice text, struct scope *scope)
{
    int parts = 0;
    for (;;) {
        const uint8_t *slash = text.n > 0 ? memchr(text.p, '/', text.n) : NULL;
        if (parts == PARTS)
            return false;
        size_t n = slash ? (size_t)(slash - text.p) : text.n;
        scope->parts[parts++] = slice_of(text.p, n);
        if (!slash)
            break;
        text = slice_of(slash + 1, text.n - n - 1);
    }
    scope->has_routing_key = parts == PARTS;
    return parts > PART_NAME;
}

static void permission_add(struct oauth2_scopes *scopes, struct slice text, const json_t *claims)
{
    struct scope scope = {0};
    if (!action_take(&text, &scope.action))
        return;
    struct lv_buffer expanded = {0};
    if (claims_insert(&expanded, scopes->syntax, text, claims)) {
        struct slice kept = slice_copy(lv_buffer_slice(&expanded));
        scope.text = (char *)(uintptr_t)kept.p;
        if (parts_split(kept, &scope)) {
            lv_vec_room(scopes->items, scopes->count, scopes->capacity);
            scopes->items[scopes->count++] = scope;
            scopes->bytes += kept.n;
        } else {
            free(scope.text);
        }
    }
    lv_buffer_free(&expanded);
}

int oauth2_scopes_add(struct oauth2_scopes *scopes, struct slice scope, const json_t *claims)
{
    static const char tag[] = "tag:";
    if (slice_begins(scope, tag))
        tag_add(scopes, slice_of(scope.p + strlen(tag), scope.n - strlen(tag)));
    else
        permission_add(scopes, scope, claims);
    return scopes->bytes + scopes->tags.n > OAUTH2_SCOPES_BYTES_MAX ? ERR_TOO_LARGE : 0;
}

struct slice oauth2_scopes_tags(const struct oauth2_scopes *scopes)
{
    return lv_buffer_slice(&scopes->tags);
}

/* --- Questions -------------------------------------------------------------------------------- */

bool oauth2_scopes_allow_vhost(const struct oauth2_scopes *scopes, struct slice vhost)
{
    for (size_t i = 0; i < scopes->count; i++) {
        if (pattern_allows(scopes->syntax, scopes->items[i].parts[PART_VHOST], vhost, vhost))
            return true;
    }
    return false;
}

static bool scope_allows(const struct oauth2_scopes *scopes, const struct scope *scope,
                         enum auth_action action, struct slice vhost, struct slice name)
{
    return scope->action == action &&
           pattern_allows(scopes->syntax, scope->parts[PART_VHOST], vhost, vhost) &&
           pattern_allows(scopes->syntax, scope->parts[PART_NAME], vhost, name);
}

bool oauth2_scopes_allow(const struct oauth2_scopes *scopes, enum auth_action action,
                         struct slice vhost, struct slice name)
{
    for (size_t i = 0; i < scopes->count; i++) {
        if (scope_allows(scopes, &scopes->items[i], action, vhost, name))
            return true;
    }
    return false;
}

bool oauth2_scopes_allow_topic(const struct oauth2_scopes *scopes, enum auth_action action,
                               struct slice vhost, struct slice exchange, struct slice routing_key)
{
    for (size_t i = 0; i < scopes->count; i++) {
        const struct scope *scope = &scopes->items[i];
        if (scope->has_routing_key && scope_allows(scopes, scope, action, vhost, exchange) &&
            pattern_allows(scopes->syntax, scope->parts[PART_ROUTING_KEY], vhost, routing_key))
            return true;
    }
    return false;
}
