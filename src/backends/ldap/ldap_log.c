#define LOG_CATEGORY LOG_ABOUT_LDAP

#include "backends/ldap/ldap_log.h"

#include "base/log.h"

/* Copies the attribute of the part that begins at `at`, with "=xxxx" behind it. Returns where the
 * next part begins, or 0 if this is not a part. */
static size_t scrub_part(struct slice dn, size_t at, struct lv_buffer *out)
{
    size_t n = at;
    while (n < dn.n && dn.p[n] != '=' && dn.p[n] != ',')
        n++;
    if (n == dn.n || dn.p[n] == ',')
        return 0;
    lv_buffer_add_slice(out, slice_of(dn.p + at, n - at));
    lv_buffer_printf(out, "=xxxx");
    while (n < dn.n && dn.p[n] != ',')
        n += dn.p[n] == '\\' ? 2 : 1;
    return n + 1;
}

void ldap_scrub_dn(struct slice dn, struct lv_buffer *out)
{
    size_t before = out->n;
    for (size_t at = 0; at < dn.n;) {
        if (at > 0)
            lv_buffer_add_u8(out, ',');
        at = scrub_part(dn, at, out);
        if (at == 0) {
            out->n = before;
            lv_buffer_printf(out, "xxxx");
            return;
        }
    }
}

/* Appends the name as this kind of log shows it. */
static void put_dn(enum auth_ldap_log log, struct slice dn, struct lv_buffer *out)
{
    if (log == AUTH_LDAP_LOG_NETWORK_UNSAFE)
        lv_buffer_add_slice(out, dn);
    else
        ldap_scrub_dn(dn, out);
}

void ldap_log_bind(enum auth_ldap_log log, const struct ldap_login *login,
                   enum ldap_bind_answer answer)
{
    static const char *const answers[] = {"done", "refused", "no answer"};
    struct lv_buffer text = {0};
    if (log < AUTH_LDAP_LOG_NETWORK || login->role == LDAP_AS_NOBODY)
        return;
    put_dn(log, login->dn, &text);
    log_info("LDAP: bind as \"%.*s\": %s", SLICE_ARG(lv_buffer_slice(&text)), answers[answer]);
    lv_buffer_free(&text);
}

void ldap_log_search(enum auth_ldap_log log, const struct directory_search *search,
                     enum directory_answer answer)
{
    static const char *const answers[] = {"answered", "no such entry", "refused", "no answer"};
    static const char *const scopes[] = {"entry", "level", "subtree"};
    struct lv_buffer base = {0}, value = {0};
    if (log < AUTH_LDAP_LOG_NETWORK)
        return;
    put_dn(log, search->base, &base);
    if (!search->has_value)
        lv_buffer_printf(&value, "*");
    else
        put_dn(log, search->value, &value);
    log_info("LDAP: search in \"%.*s\" (%s) for %s=%.*s: %s", SLICE_ARG(lv_buffer_slice(&base)),
             scopes[search->scope], search->attribute, SLICE_ARG(lv_buffer_slice(&value)),
             answers[answer]);
    lv_buffer_free(&base);
    lv_buffer_free(&value);
}
