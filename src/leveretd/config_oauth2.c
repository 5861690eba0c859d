#include "leveretd/config_oauth2.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "leveretd/config_private.h"

/* Sets the key of an entry. Returns ERR_INVALID after reporting that its value cannot be used. */
static int entry_set(const struct config *config, size_t i, struct oauth2_settings *settings,
                     config_say say, void *arg)
{
    const struct config_pair *pair = &config->auth_oauth2.items[i];
    const struct location location = {pair->origin, 0, say, arg};
    struct lv_buffer fault = {0};
    int err = 0;
    switch (oauth2_settings_set(settings, slice_str(pair->name), slice_str(pair->value), &fault)) {
    case OAUTH2_SET: break;
    case OAUTH2_SET_USELESS:
        config_tell(&location, LOG_WARNING, "auth_oauth2.%s has no effect: %.*s", pair->name,
                    SLICE_ARG(lv_buffer_slice(&fault)));
        break;
    case OAUTH2_SET_UNKNOWN:
        config_tell(&location, LOG_WARNING, "ignoring unknown key 'auth_oauth2.%s'", pair->name);
        break;
    case OAUTH2_SET_INVALID:
        lv_buffer_add_u8(&fault, '\0');
        config_complain_of_entry(config, CONFIG_auth_oauth2, i, (const char *)fault.p, say, arg);
        err = ERR_INVALID;
        break;
    }
    lv_buffer_free(&fault);
    return err;
}

/* Returns true if the value of the key is the name of a file. */
static bool key_is_file(const char *key)
{
    return strstr(key, "signing_keys.") || strstr(key, "https.cacertfile");
}

static int entry_check_file(const struct config *config, size_t i, config_say say, void *arg)
{
    const struct config_pair *pair = &config->auth_oauth2.items[i];
    if (!key_is_file(pair->name) || access(pair->value, R_OK) == 0)
        return 0;
    struct lv_buffer expected = {0};
    lv_buffer_printf(&expected, "a file that can be read (%s)", strerror(errno));
    config_complain_of_entry(config, CONFIG_auth_oauth2, i, (const char *)expected.p, say, arg);
    lv_buffer_free(&expected);
    return ERR_INVALID;
}

/* Sets every key. Returns ERR_INVALID after reporting every one that cannot be used. */
static int entries_set(const struct config *config, struct oauth2_settings *settings,
                       config_say say, void *arg)
{
    int err = 0;
    for (size_t i = 0; i < config->auth_oauth2.count; i++) {
        if (entry_set(config, i, settings, say, arg) < 0 ||
            entry_check_file(config, i, say, arg) < 0)
            err = ERR_INVALID;
    }
    return err;
}

static int settings_finish(struct oauth2_settings *settings, config_say say, void *arg)
{
    struct lv_buffer fault = {0};
    int err = oauth2_settings_finish(settings, &fault) ? 0 : ERR_INVALID;
    lv_buffer_add_u8(&fault, '\0');
    if (err)
        say(arg, LOG_ERROR, (const char *)fault.p);
    lv_buffer_free(&fault);
    return err;
}

int config_oauth2(const struct config *config, struct oauth2_settings **ret, config_say say,
                  void *arg)
{
    struct oauth2_settings *settings = NULL;
    int err = 0;
    if (config->auth_oauth2.count > 0) {
        settings = oauth2_settings_create();
        err = entries_set(config, settings, say, arg);
        if (!err)
            err = settings_finish(settings, say, arg);
    }
    if (err)
        oauth2_settings_unref(&settings);
    else
        *ret = settings;
    return err;
}
