/* A dry run of an import. Names and values are printed as JSON, so that each is on one line,
 * whatever is in it. */
#include "leveretctl/difference.h"

#include <string.h>

static void print_value(const json_t *value)
{
    json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
}

/* Prints a thing by what names it: `vhost "/", name "orders"`. */
static void print_item(const char *what, json_t *item)
{
    const char *key, *comma = " ";
    json_t *value;
    printf("    %s", what);
    json_object_foreach(item, key, value)
    {
        if (strcmp(key, "changes") == 0)
            continue;
        printf("%s%s ", comma, key);
        print_value(value);
        comma = ", ";
    }
    printf("\n");
}

/* Prints what would be another: `tags: "" -> "monitoring"`. Of a password only that it would. */
static void print_changes(const json_t *item)
{
    const json_t *change;
    size_t n;
    json_array_foreach(json_object_get(item, "changes"), n, change)
    {
        const json_t *old = json_object_get(change, "old");
        printf("        %s", json_string_value(json_object_get(change, "field")));
        if (old) {
            printf(": ");
            print_value(old);
            printf(" -> ");
            print_value(json_object_get(change, "new"));
        }
        printf("\n");
    }
}

static json_int_t count_of(const json_t *kind, const char *part)
{
    return json_integer_value(json_object_get(json_object_get(kind, part), "count"));
}

static void print_part(const json_t *kind, const char *part, const char *what)
{
    const json_t *items = json_object_get(json_object_get(kind, part), "items");
    long long left = count_of(kind, part) - (long long)json_array_size(items);
    json_t *item;
    size_t n;
    json_array_foreach(items, n, item)
    {
        print_item(what, item);
        print_changes(item);
    }
    if (left > 0)
        printf("    %s and %lld more\n", what, left);
}

static void print_kind(const char *name, const json_t *kind)
{
    long long created = count_of(kind, "created"), changed = count_of(kind, "changed");
    long long same = json_integer_value(json_object_get(kind, "same"));
    long long kept = count_of(kind, "kept");
    if (created + changed + same + kept == 0)
        return;
    printf("%s: %lld new, %lld changed, %lld the same, %lld not in the file\n", name, created,
           changed, same, kept);
    print_part(kind, "created", "new");
    print_part(kind, "changed", "changed");
}

void difference_print(const json_t *kinds)
{
    const char *name;
    const json_t *kind;
    json_object_foreach((json_t *)(uintptr_t)kinds, name, kind) print_kind(name, kind);
}

void difference_say(const struct invocation *i, json_t *kinds)
{
    if (i->format == FORMAT_JSON) {
        say_json(json_incref(kinds));
        return;
    }
    difference_print(kinds);
    printf("Nothing was changed.\n");
}
