/* The key that was meant by one that does not exist: the nearest by letters that are missing, too
 * many, different, or exchanged with the next. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "leveretd/config_private.h"

enum { KEY_BYTES_MAX = 96 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

/* Returns how many letters have to be changed to get from one text to the other. Both have at most
 * KEY_BYTES_MAX bytes. */
static unsigned distance(struct slice a, struct slice b)
{
    unsigned rows[3][KEY_BYTES_MAX + 1];
    unsigned *before = rows[0];
    unsigned *above = rows[1];
    unsigned *row = rows[2];
    for (size_t j = 0; j <= b.n; j++)
        above[j] = (unsigned)j;
    for (size_t i = 1; i <= a.n; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.n; j++) {
            bool differs = a.p[i - 1] != b.p[j - 1];
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + differs);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        unsigned *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b.n];
}

/* Returns the first parts of the key, up to as many dots as the family has. */
static struct slice first_parts(struct slice key, struct slice family)
{
    size_t dots = 0;
    for (size_t i = 0; i < family.n; i++)
        dots += family.p[i] == '.';
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] == '.' && dots-- == 0)
            return slice_of(key.p, i);
    return key;
}

struct nearest {
    struct slice key;  /* the unknown one */
    unsigned distance; /* of what was found */
    char *found;       /* NULL: nothing near enough */
};

static void consider_text(struct nearest *n, struct slice typed, struct slice known,
                          struct slice rest)
{
    if (typed.n > KEY_BYTES_MAX || known.n > KEY_BYTES_MAX || slice_equal(known, n->key))
        return;
    size_t gap = typed.n > known.n ? typed.n - known.n : known.n - typed.n;
    if (gap >= n->distance) /* each of these letters is missing or too many */
        return;
    unsigned d = distance(typed, known);
    if (d >= n->distance)
        return;
    struct lv_buffer text = {0};
    lv_buffer_printf(&text, "%.*s%.*s", SLICE_ARG(known), SLICE_ARG(rest));
    free(n->found);
    n->found = (char *)text.p;
    n->distance = d;
}

void config_suggest_consider(struct nearest *n, const char *known)
{
    const char *star = strstr(known, ".*");
    struct slice whole = slice_str(known);
    if (!star && whole.n > 0 && known[whole.n - 1] != '*') {
        consider_text(n, n->key, whole, slice_of("", 0));
    } else if (star && star[2] == '\0') {
        struct slice family = slice_of(known, (size_t)(star - known));
        struct slice typed = first_parts(n->key, family);
        consider_text(n, typed, family, slice_of(typed.p + typed.n, n->key.n - typed.n));
    }
}

char *config_suggest(const char *key)
{
    struct nearest n = {.key = slice_str(key)};
    n.distance = n.key.n < 6 ? 2 : n.key.n < 12 ? 3 : 4; /* less than this is near enough */
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        config_suggest_consider(&n, config_settings[i].key);
    config_suggest_aliases(&n);
    config_suggest_idle(&n);
    return n.found;
}
