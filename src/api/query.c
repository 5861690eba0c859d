/* The parameters of the query, "?name=value". */
#include <stdlib.h>

#include "api/api_private.h"

struct slice api_query(const struct api_call *c, const char *name)
{
    struct slice value = SLICE_EMPTY;
    http_query(c->http, name, 0, &value);
    return value;
}

bool api_query_number(struct api_call *c, const char *name, uint64_t absent, uint64_t max,
                      uint64_t *ret)
{
    struct slice text = api_query(c, name);
    char *end = NULL;
    *ret = absent;
    if (text.n == 0)
        return true;
    unsigned long long n = strtoull((const char *)text.p, &end, 10);
    if (text.p[0] < '0' || text.p[0] > '9' || *end != '\0' || n > max) {
        api_refuse(c, 400, "bad_request", "%s: expected a number from 0 to %llu, got '%.*s'", name,
                   (unsigned long long)max, SLICE_ARG(text));
        return false;
    }
    *ret = n;
    return true;
}

bool api_query_flag(const struct api_call *c, const char *name)
{
    return slice_is(api_query(c, name), "true");
}
