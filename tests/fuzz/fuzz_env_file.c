/* A rabbitmq-env.conf of any bytes is read, and every variable of it can be asked for. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "leveretd/config_environment.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void say_nothing(void *arg, enum log_level level, const char *text)
{
    (void)arg, (void)text;
    lv_assert(level == LOG_WARNING);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct config_environment e = {0};
    config_environment_parse(&e, slice_of(bytes, n), "fuzz", say_nothing, NULL);
    for (size_t i = 0; i < e.file.count; i++) {
        const char *value = config_environment_get(&e, e.file.items[i].name);
        lv_assert(!value || strcmp(value, e.file.items[i].value) == 0);
    }
    config_environment_free(&e);
    return 0;
}
