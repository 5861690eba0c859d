#include "backends/oauth2/oauth2_details.h"

#include <stdbool.h>
#include <string.h>

#include "backends/oauth2/oauth2_scope.h"
#include "base/buffer.h"

enum attribute { CLUSTER, VHOST, QUEUE, EXCHANGE, ROUTING_KEY, ATTRIBUTES };

struct location {
    struct slice values[ATTRIBUTES]; /* p NULL: not named */
};

/* Takes "NAME:VALUE" into the location, if it is one of its attributes. */
static void attribute_take(void *arg, struct slice text)
{
    static const char *const names[ATTRIBUTES] = {"cluster", "vhost", "queue", "exchange",
                                                  "routing-key"};
    struct location *location = arg;
    const uint8_t *colon = memchr(text.p, ':', text.n);
    if (!colon || colon + 1 == text.p + text.n)
        return;
    size_t n = (size_t)(colon - text.p);
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        if (slice_is(slice_of(text.p, n), names[i]))
            location->values[i] = slice_of(colon + 1, text.n - n - 1);
    }
}

/* A location that names both a queue and an exchange must give them the same name. */
static bool location_counts(const struct location *location,
                            const struct oauth2_resource_server *server)
{
    const struct slice *values = location->values;
    return values[CLUSTER].p && oauth2_wildcard_matches(values[CLUSTER], slice_str(server->id)) &&
           (!values[QUEUE].p || !values[EXCHANGE].p ||
            slice_equal(values[QUEUE], values[EXCHANGE]));
}

/* The scopes of one object of the details. */
struct detail {
    const struct oauth2_resource_server *server;
    const json_t *locations;
    struct slice action; /* the one that is being gone through */
    bool is_anywhere;    /* one of its locations counts */
    oauth2_text_visit visit;
    void *arg;
};

static void scope_print(struct lv_buffer *out, struct slice action, const struct location *location)
{
    const struct slice any = slice_str("*");
    const struct slice *values = location->values;
    struct slice name = values[QUEUE].p ? values[QUEUE] : values[EXCHANGE];
    lv_buffer_add_slice(out, action);
    lv_buffer_add_u8(out, ':');
    lv_buffer_add_slice(out, values[VHOST].p ? values[VHOST] : any);
    lv_buffer_add_u8(out, '/');
    lv_buffer_add_slice(out, name.p ? name : any);
    lv_buffer_add_u8(out, '/');
    lv_buffer_add_slice(out, values[ROUTING_KEY].p ? values[ROUTING_KEY] : any);
}

/* Visits the scope that the detail's action has at this location. */
static void location_visit(void *arg, struct slice text)
{
    struct detail *detail = arg;
    struct location location = {0};
    oauth2_parts_each(text, '/', attribute_take, &location);
    if (!location_counts(&location, detail->server))
        return;
    detail->is_anywhere = true;
    if (detail->action.n == 0)
        return;
    struct lv_buffer scope = {0};
    scope_print(&scope, detail->action, &location);
    detail->visit(detail->arg, lv_buffer_slice(&scope));
    lv_buffer_free(&scope);
}

/* Calls `visit` for a text, or for each text of a list. */
static void items_each(const json_t *json, oauth2_text_visit visit, void *arg)
{
    if (json_is_string(json))
        visit(arg, oauth2_text_of(json));
    else
        oauth2_texts_each(json, visit, arg);
}

struct search {
    const char *text;
    bool is_found;
};

static void search_visit(void *arg, struct slice text)
{
    struct search *search = arg;
    search->is_found |= slice_is(text, search->text);
}

static bool items_have(const json_t *json, const char *text)
{
    struct search search = {text, false};
    items_each(json, search_visit, &search);
    return search.is_found;
}

static void permission_visit(struct detail *detail, const char *action)
{
    detail->action = slice_str(action);
    items_each(detail->locations, location_visit, detail);
}

/* A tag needs no more of a location than that it counts. */
static void tag_visit(struct detail *detail, const char *tag)
{
    detail->action = SLICE_EMPTY;
    detail->is_anywhere = false;
    items_each(detail->locations, location_visit, detail);
    if (!detail->is_anywhere)
        return;
    struct lv_buffer scope = {0};
    lv_buffer_printf(&scope, "tag:%s", tag);
    detail->visit(detail->arg, lv_buffer_slice(&scope));
    lv_buffer_free(&scope);
}

static void actions_visit(struct detail *detail, const json_t *actions)
{
    static const char *const permissions[] = {"read", "write", "configure"};
    static const char *const tags[] = {"monitoring", "administrator", "management", "policymaker"};
    for (size_t i = 0; i < sizeof permissions / sizeof *permissions; i++) {
        if (items_have(actions, permissions[i]))
            permission_visit(detail, permissions[i]);
    }
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        if (items_have(actions, tags[i]))
            tag_visit(detail, tags[i]);
    }
}

void oauth2_details_each(const struct oauth2_resource_server *server, const json_t *details,
                         oauth2_text_visit visit, void *arg)
{
    for (size_t i = 0; i < json_array_size(details); i++) {
        const json_t *item = json_array_get(details, i);
        const json_t *type = json_object_get(item, "type");
        if (!json_is_string(type) || !slice_is(oauth2_text_of(type), server->type))
            continue;
        struct detail detail = {.server = server,
                                .locations = json_object_get(item, "locations"),
                                .visit = visit,
                                .arg = arg};
        actions_visit(&detail, json_object_get(item, "actions"));
    }
}
