/* phash2. A term is walked in depth first order, and each part is mixed into the hash by Bob
 * Jenkins's function of 1996 (lookup2), with a constant for each kind of part. */
#include "api/term_hash.h"

#include <string.h>

#include "wire/table.h"

/* Multiples of the golden ratio: what is mixed with them tells the kinds of terms apart. */
#define GOLDEN 0x9e3779b9u
enum part {
    PART_INTEGER = 1,
    PART_NIL,
    PART_ATOM,
    PART_TUPLE = 9,
    PART_NEGATIVE_BIG,
    PART_BIG,
    PART_FLOAT,
    PART_BINARY
};
/* What stands for an empty list, and its hash where it is the whole term. */
enum { NIL = 2 };
#define NIL_ALONE 3468870702u

static void mix(uint32_t *a, uint32_t *b, uint32_t *c)
{
    static const unsigned shifts[3][3] = {{13, 8, 13}, {12, 16, 5}, {3, 10, 15}};
    for (unsigned i = 0; i < 3; i++) {
        *a = (*a - *b - *c) ^ (*c >> shifts[i][0]);
        *b = (*b - *c - *a) ^ (*a << shifts[i][1]);
        *c = (*c - *a - *b) ^ (*b >> shifts[i][2]);
    }
}

static void add_two(uint32_t *hash, uint32_t first, uint32_t second, enum part part)
{
    uint32_t a = GOLDEN * (uint32_t)part + first, b = GOLDEN * (uint32_t)part + second;
    mix(&a, &b, hash);
}

static void add_one(uint32_t *hash, uint32_t number, enum part part)
{
    add_two(hash, number, 0, part);
}

/* Returns up to four bytes as a number, the lowest first. */
static uint32_t number_of(const uint8_t *p, size_t n)
{
    uint32_t number = 0;
    for (size_t i = 0; i < n && i < 4; i++)
        number |= (uint32_t)p[i] << (8 * i);
    return number;
}

static void add_binary(uint32_t *hash, struct slice s)
{
    uint32_t a = GOLDEN, b = GOLDEN, c = GOLDEN * (uint32_t)PART_BINARY + *hash;
    const uint8_t *p = s.p;
    size_t n = s.n;
    *hash = c;
    if (n == 0)
        return;
    for (; n >= 12; p += 12, n -= 12) {
        a += number_of(p, 4);
        b += number_of(p + 4, 4);
        c += number_of(p + 8, 4);
        mix(&a, &b, &c);
    }
    /* The lowest byte of c is the length's. */
    c += (uint32_t)s.n + (n > 8 ? number_of(p + 8, n - 8) << 8 : 0);
    b += n > 4 ? number_of(p + 4, n - 4) : 0;
    a += number_of(p, n);
    mix(&a, &b, &c);
    *hash = c;
}

/* An atom has the hash of its name (P. J. Weinberger's function). */
static void add_atom(uint32_t *hash, const char *name)
{
    uint32_t h = 0;
    for (; *name; name++) {
        h = (h << 4) + (uint8_t)*name;
        uint32_t high = h & 0xf0000000u;
        h ^= (high >> 24) ^ high;
    }
    if (*hash == 0)
        *hash = h;
    else
        add_one(hash, h, PART_ATOM);
}

/* Integers of more than 28 bits are hashed as if they were large ones. */
static void add_magnitude(uint32_t *hash, bool is_negative, uint64_t n)
{
    if (n < 1u << 27 || (is_negative && n == 1u << 27)) {
        if (is_negative)
            add_one(hash, (uint32_t)n, PART_INTEGER);
        add_one(hash, is_negative ? ~(uint32_t)n + 1 : (uint32_t)n, PART_INTEGER);
    } else {
        add_two(hash, (uint32_t)n, (uint32_t)(n >> 32), is_negative ? PART_NEGATIVE_BIG : PART_BIG);
    }
}

static void add_integer(uint32_t *hash, int64_t n)
{
    add_magnitude(hash, n < 0, n < 0 ? ~(uint64_t)n + 1 : (uint64_t)n);
}

static void add_double(uint32_t *hash, double x)
{
    uint64_t bits;
    x = x == 0 ? 0 : x;
    memcpy(&bits, &x, sizeof bits);
    add_two(hash, (uint32_t)(bits >> 32), (uint32_t)bits, PART_FLOAT);
}

static void add_nil(uint32_t *hash)
{
    if (*hash == 0)
        *hash = NIL_ALONE;
    else
        add_one(hash, NIL, PART_NIL);
}

static void add_array(uint32_t *hash, struct slice array);
static void add_table(uint32_t *hash, struct slice table);

static void add_value(uint32_t *hash, const struct field *f)
{
    switch (f->type) {
    case FIELD_LONGSTR:
    case FIELD_BINARY: add_binary(hash, f->bytes); break;
    case FIELD_TABLE: add_table(hash, f->bytes); break;
    case FIELD_ARRAY: add_array(hash, f->bytes); break;
    case FIELD_BOOL: add_atom(hash, f->b ? "true" : "false"); break;
    case FIELD_VOID: add_atom(hash, "undefined"); break;
    case FIELD_DOUBLE:
    case FIELD_FLOAT: add_double(hash, f->f); break;
    case FIELD_TIMESTAMP: add_magnitude(hash, false, (uint64_t)f->i); break;
    case FIELD_DECIMAL: /* {Scale, Number} */
        add_one(hash, 2, PART_TUPLE);
        add_integer(hash, f->scale);
        add_integer(hash, f->i);
        break;
    default: add_integer(hash, f->i); break;
    }
}

static void add_array(uint32_t *hash, struct slice array)
{
    struct field f;
    while (array_next(&array, &f)) {
        add_one(hash, 2, PART_TUPLE);
        add_atom(hash, field_type_name(f.type));
        add_value(hash, &f);
    }
    add_nil(hash);
}

static void add_table(uint32_t *hash, struct slice table)
{
    struct slice name;
    struct field f;
    while (table_next(&table, &name, &f)) {
        add_one(hash, 3, PART_TUPLE);
        add_binary(hash, name);
        add_atom(hash, field_type_name(f.type));
        add_value(hash, &f);
    }
    add_nil(hash);
}

uint32_t term_hash_table(struct slice table)
{
    uint32_t hash = 0;
    add_table(&hash, table);
    return hash;
}
