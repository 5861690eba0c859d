/* A config copied with all that it owns. */
#include <string.h>

#include "base/memory.h"
#include "leveretd/config_private.h"

static char *copy_text(const char *text)
{
    return text ? lv_strdup(text) : NULL;
}

static char **copy_texts(char *const *texts, size_t count)
{
    char **copies = count > 0 ? lv_malloc(count * sizeof *copies) : NULL;
    for (size_t i = 0; i < count; i++)
        copies[i] = lv_strdup(texts[i]);
    return copies;
}

static void copy_listeners(const struct config_listeners *from, struct config_listeners *to)
{
    to->items = from->count > 0 ? lv_malloc(from->count * sizeof *to->items) : NULL;
    for (size_t i = 0; i < from->count; i++)
        to->items[i] = (struct config_listener){
            .name = lv_strdup(from->items[i].name),
            .address = lv_strdup(from->items[i].address),
            .port = from->items[i].port,
        };
}

static void copy_pairs(const struct config_pairs *from, struct config_pairs *to)
{
    to->items = from->count > 0 ? lv_malloc(from->count * sizeof *to->items) : NULL;
    for (size_t i = 0; i < from->count; i++)
        to->items[i] = (struct config_pair){
            .name = lv_strdup(from->items[i].name),
            .value = lv_strdup(from->items[i].value),
            .origin = copy_text(from->items[i].origin),
            .is_hidden = from->items[i].is_hidden,
        };
}

/* Gives `to`, a copy of the struct alone, its own copy of what the setting's member points to. */
static void copy_member(const struct config *from, struct config *to, const struct setting *s)
{
    const void *source = config_member(from, s);
    void *target = config_member(to, s);
    switch (s->type) {
    case TYPE_STRING:
    case TYPE_SECRET:
    case TYPE_PATTERN: *(char **)target = lv_strdup(*(char *const *)source); return;
    case TYPE_FLAGS: {
        const struct config_flags *flags = source;
        ((struct config_flags *)target)->names = copy_texts(flags->names, flags->count);
        return;
    }
    case TYPE_LISTENERS: copy_listeners(source, target); return;
    case TYPE_LIST:
    case TYPE_PAIRS: copy_pairs(source, target); return;
    case TYPE_NUMBER:
    case TYPE_NUMBER_OR_NONE:
    case TYPE_NUMBER_OR_ZERO:
    case TYPE_BYTES:
    case TYPE_BYTES_OR_NONE:
    case TYPE_BOOL:
    case TYPE_RATIO:
    case TYPE_ENUM:
    case TYPE_LEVEL:
    case TYPE_LEVEL_OR_NONE: return;
    }
}

struct config *config_copy(const struct config *config)
{
    struct config *copy = lv_malloc(sizeof *copy);
    *copy = *config;
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        copy_member(config, copy, &config_settings[i]);
        copy->origins[i] = copy_text(config->origins[i]);
    }
    copy->files = copy_texts(config->files, config->file_count);
    return copy;
}
