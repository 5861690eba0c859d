/* The settings that are lists of named entries: flags, which are set or not, and listeners, which
 * have an address and a port. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "leveretd/config_private.h"

/* --- Flags ------------------------------------------------------------------------------------ */

void config_flags_clear(struct config_flags *flags)
{
    for (size_t i = 0; i < flags->count; i++)
        free(flags->names[i]);
    free(flags->names);
    *flags = (struct config_flags){0};
}

static void flags_remove(struct config_flags *flags, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < flags->count; i++) {
        if (strcmp(flags->names[i], name) == 0)
            free(flags->names[i]);
        else
            flags->names[kept++] = flags->names[i];
    }
    flags->count = kept;
}

static void flags_add(struct config_flags *flags, const char *name)
{
    flags->names = lv_realloc(flags->names, (flags->count + 1) * sizeof *flags->names);
    flags->names[flags->count++] = lv_strdup(name);
}

bool config_flag_read(struct config_flags *flags, const char *name, const char *value)
{
    bool is_true;
    if (!config_bool_read(value, &is_true))
        return false;
    flags_remove(flags, name);
    if (is_true)
        flags_add(flags, name);
    return true;
}

void config_flags_print(const struct config_flags *flags, struct lv_buffer *out)
{
    for (size_t i = 0; i < flags->count; i++)
        lv_buffer_printf(out, "%s%s", i ? " " : "", flags->names[i]);
    if (flags->count == 0)
        lv_buffer_printf(out, "none");
}

/* --- Listeners -------------------------------------------------------------------------------- */

void config_listeners_clear(struct config_listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        free(listeners->items[i].name);
        free(listeners->items[i].address);
    }
    free(listeners->items);
    *listeners = (struct config_listeners){0};
}

/* Adds or replaces a listener, and takes the address. Returns false if there are too many: the
 * address is then still the caller's. */
static bool listeners_put(struct config_listeners *listeners, const char *name, char *address,
                          uint16_t port)
{
    for (size_t i = 0; i < listeners->count; i++) {
        struct config_listener *l = &listeners->items[i];
        if (strcmp(l->name, name) != 0)
            continue;
        free(l->address);
        l->address = address;
        l->port = port;
        return true;
    }
    lv_assert(listeners->count <= CONFIG_LISTENERS_MAX);
    if (listeners->count == CONFIG_LISTENERS_MAX)
        return false;
    listeners->items =
        lv_realloc(listeners->items, (listeners->count + 1) * sizeof *listeners->items);
    listeners->items[listeners->count++] = (struct config_listener){lv_strdup(name), address, port};
    return true;
}

bool config_port_read(const char *text, uint16_t *ret)
{
    const char *end;
    int64_t n;
    if (!config_digits_read(text, &n, &end) || *end != '\0' || n > UINT16_MAX)
        return false;
    *ret = (uint16_t)n;
    return true;
}

char *config_address_read(struct slice text)
{
    if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
        text = slice_of(text.p + 1, text.n - 2);
    char *address = slice_strdup(text);
    if (strcmp(address, "localhost") == 0)
        memcpy(address, "127.0.0.1", sizeof "127.0.0.1"); /* of the same length */
    if (strcmp(address, "*") == 0 || strcmp(address, "auto") == 0)
        address[0] = '\0';
    uint8_t binary[sizeof(struct in6_addr)];
    if (address[0] == '\0' || inet_pton(AF_INET, address, binary) == 1 ||
        inet_pton(AF_INET6, address, binary) == 1)
        return address;
    free(address);
    return NULL;
}

bool config_listener_read(struct config_listeners *listeners, const char *name, const char *value)
{
    const char *colon = strrchr(value, ':');
    uint16_t port;
    if (!config_port_read(colon ? colon + 1 : value, &port))
        return false;
    char *address = config_address_read(slice_of(value, colon ? (size_t)(colon - value) : 0));
    if (!address || (colon && address[0] == '\0' && value[0] == ':')) {
        free(address);
        return false;
    }
    if (!listeners_put(listeners, name, address, port)) {
        free(address);
        return false;
    }
    return true;
}

int config_set_listener(struct config *config, const char *address, int port, const char *origin,
                        config_say say, void *arg)
{
    const struct location location = {.source = origin, .say = say, .arg = arg};
    const struct config_listeners *old = &config->listeners;
    uint16_t chosen_port = old->count ? old->items[0].port : 5672;
    char *chosen = lv_strdup(old->count ? old->items[0].address : "");
    lv_assert(port >= -1 && port <= UINT16_MAX);
    if (address) {
        free(chosen);
        chosen = config_address_read(slice_str(address));
    }
    if (!chosen) {
        config_tell(&location, LOG_ERROR,
                    "invalid value '%s': expected a numeric IPv4 or IPv6 address", address);
        return ERR_INVALID;
    }
    if (port >= 0)
        chosen_port = (uint16_t)port;
    config_listeners_clear(&config->listeners);
    listeners_put(&config->listeners, "default", chosen, chosen_port);
    free(config->origins[CONFIG_listeners]);
    config->origins[CONFIG_listeners] = lv_strdup(origin);
    return 0;
}

void config_listeners_print(const struct config_listeners *listeners, struct lv_buffer *out)
{
    for (size_t i = 0; i < listeners->count; i++) {
        const struct config_listener *l = &listeners->items[i];
        lv_buffer_printf(out, "%s", i ? " " : "");
        if (l->address[0] == '\0')
            lv_buffer_printf(out, "%u", l->port);
        else if (strchr(l->address, ':'))
            lv_buffer_printf(out, "[%s]:%u", l->address, l->port);
        else
            lv_buffer_printf(out, "%s:%u", l->address, l->port);
    }
    if (listeners->count == 0)
        lv_buffer_printf(out, "none");
}
