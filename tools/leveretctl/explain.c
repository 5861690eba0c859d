/* explain_route: the headers and the CC keys of the message that is asked about. */
#include <stdlib.h>
#include <string.h>

#include "leveretctl/talk.h"

/* Returns "name=value" or "name:type=value" as [name, type, value], or NULL if it is neither. A ':'
 * is part of the name unless a known type follows it. */
static json_t *header_of(const char *text)
{
    static const char *const types[] = {"string", "int", "float", "bool", "timestamp", "void"};
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return NULL;
    size_t name_n = (size_t)(equals - text);
    const char *type = "string";
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        size_t n = strlen(types[t]);
        if (name_n > n + 1 && equals[-(ptrdiff_t)n - 1] == ':' &&
            memcmp(equals - n, types[t], n) == 0) {
            type = types[t];
            name_n -= n + 1;
            break;
        }
    }
    return json_pack("[s%, s, s]", text, name_n, type, equals + 1);
}

int explain_add_message(const struct invocation *i, const struct command *c, json_t *request)
{
    json_t *headers = json_array(), *cc = json_array();
    json_object_set_new(request, "headers", headers);
    json_object_set_new(request, "cc", cc);
    for (size_t n = 0; n < i->header_count; n++) {
        json_t *header = header_of(i->headers[n]);
        if (!header)
            return usage_error(i, c, EXIT_USAGE,
                               "--header: expected name=value or name:type=value, got '%s'",
                               i->headers[n]);
        json_array_append_new(headers, header);
    }
    for (size_t n = 0; n < i->cc_count; n++)
        json_array_append_new(cc, json_string(i->cc[n]));
    return EXIT_OK;
}
