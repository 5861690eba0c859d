/* The lines of the files take effect: first those of the decoder, so that the others' encrypted
 * values can be decrypted wherever its lines stand. */
#include <string.h>

#include "base/error.h"
#include "leveretd/config_lines.h"
#include "leveretd/config_private.h"

static bool is_of_decoder(const struct config_line *line)
{
    return strncmp(line->key, "config_entry_decoder.", strlen("config_entry_decoder.")) == 0;
}

static int apply_line(struct config *config, const struct config_line *line, config_say say,
                      void *arg)
{
    const struct location location = {
        .source = line->source, .line = line->line, .say = say, .arg = arg};
    int err = config_set_by_key(config, line->key, line->value, &location);
    if (err == ERR_NOT_FOUND) {
        config_tell_unknown(line->key, &location);
        err = 0;
    }
    return err;
}

static int apply_some(const struct config_lines *lines, bool of_decoder, struct config *config,
                      config_say say, void *arg)
{
    int err = 0;
    for (size_t i = 0; i < lines->count; i++) {
        const struct config_line *line = &lines->items[i];
        if (!line->is_bad && is_of_decoder(line) == of_decoder &&
            apply_line(config, line, say, arg) < 0)
            err = ERR_INVALID;
    }
    return err;
}

int config_lines_apply(const struct config_lines *lines, struct config *config, config_say say,
                       void *arg)
{
    int err = apply_some(lines, true, config, say, arg);
    if (config_decoder_load(config, say, arg) < 0)
        err = ERR_INVALID;
    if (apply_some(lines, false, config, say, arg) < 0)
        err = ERR_INVALID;
    return err;
}

int config_parse(struct config *config, struct slice text, const char *name, config_say say,
                 void *arg)
{
    struct config_lines lines = {0};
    int err = config_lines_parse(&lines, text, name, say, arg);
    if (config_lines_resolve(&lines, NULL, say, arg) < 0)
        err = ERR_INVALID;
    if (config_lines_apply(&lines, config, say, arg) < 0)
        err = ERR_INVALID;
    config_lines_free(&lines);
    return err;
}
