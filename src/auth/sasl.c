/* SASL mechanisms: parses a client's response.
 *
 *   PLAIN      NUL user NUL password. Like RabbitMQ, no authorization identity is accepted before
 *              the first NUL.
 *   AMQPLAIN   the content of a field table with LOGIN and PASSWORD, both long strings. */
#include "auth/sasl.h"

#include <string.h>

#include "wire/table.h"

/* Takes a NUL, and the bytes after it up to the next NUL or the end, off *rest; *ret gets the
 * bytes. */
static bool take_element(struct slice *rest, struct slice *ret)
{
    if (rest->n == 0 || rest->p[0] != '\0')
        return false;
    const uint8_t *end = memchr(rest->p + 1, '\0', rest->n - 1);
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    *ret = slice_of(rest->p + 1, n - 1);
    *rest = slice_of(rest->p + n, rest->n - n);
    return true;
}

static enum sasl_result parse_plain(struct slice response, struct slice *ret_user,
                                    struct slice *ret_password)
{
    struct slice user;
    struct slice password;
    if (!take_element(&response, &user) || !take_element(&response, &password) || response.n > 0)
        return SASL_MALFORMED;
    *ret_user = user;
    *ret_password = password;
    return SASL_OK;
}

static enum sasl_result parse_amqplain(struct slice response, struct slice *ret_user,
                                       struct slice *ret_password)
{
    struct field user;
    struct field password;
    if (!table_is_valid(response) || !table_find(response, "LOGIN", &user) ||
        !table_find(response, "PASSWORD", &password))
        return SASL_MALFORMED;
    if (user.type != FIELD_LONGSTR || password.type != FIELD_LONGSTR)
        return SASL_MALFORMED;
    *ret_user = user.bytes;
    *ret_password = password.bytes;
    return SASL_OK;
}

static const struct {
    unsigned mechanism;
    const char *name;
} mechanisms[] = {
    {SASL_PLAIN, "PLAIN"},
    {SASL_AMQPLAIN, "AMQPLAIN"},
    {SASL_EXTERNAL, "EXTERNAL"},
    {SASL_ANONYMOUS, "ANONYMOUS"},
};

enum { MECHANISMS = sizeof mechanisms / sizeof *mechanisms };

unsigned sasl_mechanism(struct slice name)
{
    for (size_t i = 0; i < MECHANISMS; i++)
        if (slice_is(name, mechanisms[i].name))
            return mechanisms[i].mechanism;
    return 0;
}

void sasl_print(unsigned set, struct lv_buffer *out)
{
    bool is_first = true;
    for (size_t i = 0; i < MECHANISMS; i++) {
        if (!(set & mechanisms[i].mechanism))
            continue;
        lv_buffer_printf(out, "%s%s", is_first ? "" : " ", mechanisms[i].name);
        is_first = false;
    }
}

enum sasl_result sasl_parse(struct slice mechanism, struct slice response, struct slice *ret_user,
                            struct slice *ret_password)
{
    switch (sasl_mechanism(mechanism)) {
    case SASL_PLAIN: return parse_plain(response, ret_user, ret_password);
    case SASL_AMQPLAIN: return parse_amqplain(response, ret_user, ret_password);
    default: return SASL_UNKNOWN_MECHANISM;
    }
}
