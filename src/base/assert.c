#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void lv_assert_failed(const char *expression, const char *file, int line,
                                const char *function)
{
    fprintf(stderr, "leveret: assertion failed: %s, in %s() at %s:%d\n", expression, function, file,
            line);
    abort();
}
