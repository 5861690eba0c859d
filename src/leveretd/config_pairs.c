/* The settings whose entries have a name and a text each: LIST, which is sorted, and PAIRS, which
 * are in the order of the file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "leveretd/config_private.h"

/* Reads a name that is a number. Returns false for any other name. */
static bool read_number(const char *name, int64_t *ret)
{
    const char *end;
    return config_digits_read(name, ret, &end) && *end == '\0';
}

/* Returns true if `a` comes before `b` in a LIST. */
static bool is_before(const char *a, const char *b)
{
    int64_t n = 0;
    int64_t m = 0;
    bool a_is_number = read_number(a, &n);
    bool b_is_number = read_number(b, &m);
    if (a_is_number && b_is_number && n != m)
        return n < m;
    if (a_is_number != b_is_number)
        return a_is_number;
    return strcmp(a, b) < 0;
}

static struct config_pair *find(const struct config_pairs *pairs, const char *name)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->items[i].name, name) == 0)
            return &pairs->items[i];
    return NULL;
}

/* Makes room for one entry at its place. Returns it, with every member NULL. */
static struct config_pair *insert(struct config_pairs *pairs, const char *name, bool is_sorted)
{
    pairs->items = lv_realloc(pairs->items, (pairs->count + 1) * sizeof *pairs->items);
    size_t i = pairs->count++;
    for (; is_sorted && i > 0 && is_before(name, pairs->items[i - 1].name); i--)
        pairs->items[i] = pairs->items[i - 1];
    pairs->items[i] = (struct config_pair){0};
    return &pairs->items[i];
}

struct config_pair *config_pairs_put(struct config_pairs *pairs, const char *name,
                                     const char *value, const char *origin, bool is_sorted)
{
    struct config_pair *pair = find(pairs, name);
    if (!pair) {
        pair = insert(pairs, name, is_sorted);
        pair->name = lv_strdup(name);
    }
    free(pair->value);
    free(pair->origin);
    pair->value = lv_strdup(value);
    pair->origin = origin ? lv_strdup(origin) : NULL;
    pair->is_hidden = false;
    return pair;
}

void config_pairs_put_words(struct config_pairs *pairs, const char *words)
{
    char *copy = lv_strdup(words);
    char *rest = copy;
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        char name[24];
        if (word[0] == '\0')
            continue;
        snprintf(name, sizeof name, "%zu", pairs->count + 1);
        config_pairs_put(pairs, name, word, NULL, false);
    }
    free(copy);
}

const char *config_pairs_find(const struct config_pairs *pairs, const char *name)
{
    const struct config_pair *pair = find(pairs, name);
    return pair ? pair->value : NULL;
}

bool config_pair_is_secret(const struct config_pair *pair)
{
    static const char *const secrets[] = {"password", "passphrase", "secret"};
    size_t n = strlen(pair->name);
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        size_t end = strlen(secrets[i]);
        if (n >= end && strcmp(pair->name + n - end, secrets[i]) == 0)
            return true;
    }
    return pair->is_hidden;
}

void config_pairs_clear(struct config_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].name);
        free(pairs->items[i].value);
        free(pairs->items[i].origin);
    }
    free(pairs->items);
    *pairs = (struct config_pairs){0};
}

void config_pairs_print(const struct config_pairs *pairs, bool has_names, bool is_shown,
                        struct lv_buffer *out)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const struct config_pair *pair = &pairs->items[i];
        lv_buffer_printf(out, "%s", i ? " " : "");
        if (has_names)
            lv_buffer_printf(out, "%s = ", pair->name);
        lv_buffer_printf(out, "%s",
                         is_shown && config_pair_is_secret(pair) ? CONFIG_REDACTED : pair->value);
    }
    if (pairs->count == 0)
        lv_buffer_printf(out, "none");
}
