/* Sizes with units. */
#include "base/byte_size.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/digits.h"
#include "base/error.h"

/* Reads a unit such as "k", "kb" or "kib", or none, into the number of bytes it stands for. The
 * letter is the exponent (k 1, m 2 ...); the base is 1000 if "b" alone follows it, else 1024. */
static bool read_unit(const char *unit, int64_t *ret)
{
    static const char letters[] = "kmgtp";
    *ret = 1;
    if (unit[0] == '\0' || strcasecmp(unit, "b") == 0)
        return true;
    const char *letter = strchr(letters, unit[0] | 0x20);
    if (!letter)
        return false;
    int64_t step;
    if (unit[1] == '\0' || strcasecmp(unit + 1, "ib") == 0 || strcasecmp(unit + 1, "i") == 0)
        step = 1024;
    else if (strcasecmp(unit + 1, "b") == 0)
        step = 1000;
    else
        return false;
    for (const char *p = letters; p <= letter; p++)
        *ret *= step;
    return true;
}

int lv_byte_size_parse(const char *text, int64_t *ret)
{
    struct slice rest = slice_str(text);
    uint64_t number;
    int64_t factor, n;
    if (!lv_digits_take(&rest, &number))
        return ERR_INVALID;
    const char *unit = (const char *)rest.p; /* ended by the text's own end */
    while (*unit == ' ')
        unit++;
    if (!read_unit(unit, &factor) || __builtin_mul_overflow(number, factor, &n))
        return ERR_INVALID;
    *ret = n;
    return 0;
}
