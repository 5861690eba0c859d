/* What a failed assertion says before the process ends. */
#include "base/assert.h"

#include "base/log.h"

_Noreturn void lv_assert_failed(const char *expression, const char *file, int line,
                                const char *function)
{
    log_panic("assertion failed: %s, in %s() at %s:%d", expression, function, file, line);
}
