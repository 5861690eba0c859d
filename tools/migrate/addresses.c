#include "migrate/addresses.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/slice.h"

/* The parts of SCHEME://[USER@]HOST[:PORT][/PATH]. */
struct parts {
    struct slice user; /* with the password; p is NULL if there is none */
    struct slice host; /* without the port */
    const char *path;  /* behind the slash; NULL: no slash */
};

static const char *scheme_end(const char *url)
{
    const char *end = strstr(url, "://");
    return end ? end + 3 : url;
}

/* The '@' before the host is the last one. */
static struct parts split(const char *url)
{
    const char *at = scheme_end(url), *end = at + strcspn(at, "/?#"), *host = at;
    struct parts parts = {.path = *end == '/' ? end + 1 : NULL};
    for (const char *p = at; p < end; p++)
        if (*p == '@')
            host = p + 1;
    if (host > at)
        parts.user = slice_of(at, (size_t)(host - 1 - at));
    const char *colon = end;
    for (const char *p = host; p < end && *p != ']'; p++)
        if (*p == ':' && *host != '[')
            colon = p;
    if (*host == '[' && memchr(host, ']', (size_t)(end - host)))
        colon = (const char *)memchr(host, ']', (size_t)(end - host)) + 1;
    parts.host = slice_of(host, (size_t)(colon - host));
    return parts;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void add_decoded(struct slice text, struct lv_buffer *ret)
{
    for (size_t n = 0; n < text.n; n++) {
        int high = text.p[n] == '%' && n + 2 < text.n ? hex_value((char)text.p[n + 1]) : -1;
        int low = high < 0 ? -1 : hex_value((char)text.p[n + 2]);
        if (low < 0) {
            lv_buffer_add_u8(ret, text.p[n]);
        } else {
            lv_buffer_add_u8(ret, (uint8_t)(high * 16 + low));
            n += 2;
        }
    }
}

int address_vhost(const char *url, struct lv_buffer *ret, struct lv_buffer *reason)
{
    bool is_amqp = strncmp(url, "amqp://", 7) == 0 || strncmp(url, "amqps://", 8) == 0;
    struct parts parts = split(url);
    if (!is_amqp || parts.host.n == 0) {
        lv_buffer_printf(reason, "the address is not a URL such as amqp://USER:PASSWORD@HOST");
        return ERR_INVALID;
    }
    if (parts.path)
        add_decoded(slice_of(parts.path, strcspn(parts.path, "?#")), ret);
    return 0;
}

void address_user(const char *url, struct lv_buffer *ret)
{
    struct slice user = split(url).user;
    const uint8_t *colon = user.n ? memchr(user.p, ':', user.n) : NULL;
    if (!user.p)
        user = slice_str("guest");
    add_decoded(colon ? slice_of(user.p, (size_t)(colon - user.p)) : user, ret);
}

static void add_user(struct slice user, struct lv_buffer *ret)
{
    if (!user.p)
        user = slice_str("guest:guest");
    lv_buffer_printf(ret, "%.*s@", SLICE_ARG(user));
}

void address_api(const char *url, const char *management, struct lv_buffer *ret)
{
    struct parts parts = split(url);
    if (management) {
        const char *rest = scheme_end(management);
        lv_buffer_add(ret, management, (size_t)(rest - management));
        if (!split(management).user.p && rest > management)
            add_user(parts.user, ret);
        lv_buffer_printf(ret, "%s", rest);
        return;
    }
    bool is_secure = strncmp(url, "amqps:", 6) == 0;
    lv_buffer_printf(ret, is_secure ? "https://" : "http://");
    add_user(parts.user, ret);
    lv_buffer_printf(ret, "%.*s:%d", SLICE_ARG(parts.host), is_secure ? 15671 : 15672);
}
