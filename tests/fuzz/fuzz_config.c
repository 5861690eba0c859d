/* A config file of any bytes is read or refused, and what was read can be printed and compared. So
 * is an advanced.config. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "leveretd/config_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void count_line(void *arg, enum log_level level, const char *text)
{
    (void)text;
    *(bool *)arg |= level == LOG_ERROR;
}

static void no_difference(void *arg, const char *key, bool is_reloadable, const char *old,
                          const char *fresh)
{
    (void)arg, (void)key, (void)is_reloadable, (void)old, (void)fresh;
    lv_unreachable();
}

static void check_setting(void *arg, const char *key, const char *value, const char *fallback,
                          const char *origin)
{
    (void)arg, (void)origin;
    lv_assert(key[0] != '\0' && value && fallback);
}

static void parse_advanced(struct slice text)
{
    struct config_lines lines = {0};
    bool has_error = false;
    int err = config_advanced_parse(&lines, text, "fuzz", count_line, &has_error);
    lv_assert(err == 0 || err == ERR_INVALID);
    lv_assert(has_error == (err == ERR_INVALID));
    config_lines_free(&lines);
}

/* A text that refers to files reads whatever is on the machine: such a text is not for a fuzzer. */
static bool has_file(const uint8_t *bytes, size_t n)
{
    return memmem(bytes, n, "$(<", 3) || memmem(bytes, n, "passphrase_file", 15);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (has_file(bytes, n))
        return 0;
    struct config *config = config_create();
    bool has_error = false;
    int err = config_parse(config, slice_of(bytes, n), "fuzz", count_line, &has_error);
    lv_assert(err == 0 || err == ERR_INVALID);
    lv_assert(has_error ==
              (err == ERR_INVALID)); /* ERR_INVALID is explained, other errors are not */
    config_visit_all(config, check_setting, NULL);
    config_compare(config, config, no_difference, NULL);
    config_free(&config);
    parse_advanced(slice_of(bytes, n));
    return 0;
}
