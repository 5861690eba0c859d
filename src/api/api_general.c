/* Who am I. */
#include "api/api_private.h"

static void whoami(struct api_call *c)
{
    const struct value tags = {.type = VALUE_WORDS, .string = auth_identity_tags(c->identity)};
    json_write_begin(&c->json, '{');
    json_write_key(&c->json, "name");
    json_write_string(&c->json, c->actor.name);
    json_write_key(&c->json, "tags");
    api_write_value(c, &tags);
    json_write_end(&c->json, '}');
}

const struct api_route api_general_routes[] = {
    {"GET", "/whoami", API_MANAGEMENT, whoami, "Shows the user whose credentials are used."},
    {NULL},
};
