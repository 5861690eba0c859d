/* What variables set, whether they are the process's or rabbitmq-env.conf's. Each sets a key, and
 * errors name the variable. */
#include "leveretd/config_environment.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/encrypted.h"
#include "base/error.h"
#include "base/memory.h"
#include "leveretd/config_private.h"

/* A later row overrides an earlier one. */
static const struct variable {
    const char *name;
    const char *file_name; /* of the variable with the name of a file; NULL: there is none */
    const char *key;
    const char *suffix; /* what is added to the value */
} variables[] = {
    {"RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_USER_FILE", "default_user", ""},
    {"RABBITMQ_DEFAULT_PASS", "RABBITMQ_DEFAULT_PASS_FILE", "default_pass", ""},
    {"RABBITMQ_DEFAULT_VHOST", "RABBITMQ_DEFAULT_VHOST_FILE", "default_vhost", ""},
    {"RABBITMQ_NODENAME", NULL, "node_name", ""},
    {"RABBITMQ_PRODUCT_NAME", NULL, "server_product", ""},
    {"RABBITMQ_PRODUCT_VERSION", NULL, "server_version", ""},
    {"RABBITMQ_MNESIA_BASE", NULL, "data_dir", "/leveret"}, /* RabbitMQ adds its node's name */
    {"RABBITMQ_MNESIA_DIR", NULL, "data_dir", ""},
    {"RABBITMQ_LOG_BASE", NULL, "log.dir", ""},
    {"LEVERET_DATA_DIR", NULL, "data_dir", ""},
};

/* RabbitMQ's variables that set nothing here. LOG_WARNING: whoever sets it relies on something that
 * Leveret does not have. */
static const struct idle_variable {
    const char *name;
    enum log_level level;
    const char *why;
} idle_variables[] = {
    {"RABBITMQ_PLUGINS_DIR", LOG_INFO, "there are no plugins"},
    {"RABBITMQ_PLUGINS_EXPAND_DIR", LOG_INFO, "there are no plugins"},
    {"RABBITMQ_ENABLED_PLUGINS", LOG_INFO, "there are no plugins"},
    {"RABBITMQ_ENABLED_PLUGINS_FILE", LOG_INFO, "there are no plugins"},
    {"RABBITMQ_FEATURE_FLAGS", LOG_INFO, "there are no feature flags"},
    {"RABBITMQ_FEATURE_FLAGS_FILE", LOG_INFO, "there are no feature flags"},
    {"RABBITMQ_ERLANG_COOKIE", LOG_INFO, "there is no Erlang"},
    {"RABBITMQ_USE_LONGNAME", LOG_INFO, "set node_name"},
    {"RABBITMQ_DIST_PORT", LOG_INFO, "there is no Erlang distribution"},
    {"RABBITMQ_SERVER_ERL_ARGS", LOG_INFO, "there is no Erlang"},
    {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", LOG_INFO, "there is no Erlang"},
    {"RABBITMQ_SERVER_START_ARGS", LOG_INFO, "there is no Erlang"},
    {"RABBITMQ_IO_THREAD_POOL_SIZE", LOG_INFO, "the number of threads is set with loops"},
    {"RABBITMQ_QUORUM_DIR", LOG_INFO, "every file is in the data directory"},
    {"RABBITMQ_STREAM_DIR", LOG_INFO, "every file is in the data directory"},
    {"RABBITMQ_MOTD_FILE", LOG_INFO, "there is no message of the day"},
    {"RABBITMQ_PID_FILE", LOG_WARNING, "no such file is written"},
    {"RABBITMQ_HIPE_COMPILE", LOG_INFO, "there is no Erlang"},
    {"RABBITMQ_VM_MEMORY_HIGH_WATERMARK", LOG_WARNING,
     "set vm_memory_high_watermark.relative or .absolute in a config file"},
    {"RABBITMQ_SSL_CACERTFILE", LOG_WARNING, "set ssl_options.cacertfile in a config file"},
    {"RABBITMQ_SSL_CERTFILE", LOG_WARNING, "set ssl_options.certfile in a config file"},
    {"RABBITMQ_SSL_KEYFILE", LOG_WARNING, "set ssl_options.keyfile in a config file"},
};

/* --- One variable ----------------------------------------------------------------------------- */

#define PREFIX "RABBITMQ_"

/* Returns the variable of the file, or NULL. */
static const struct config_pair *find_in_file(const struct config_environment *e, const char *name)
{
    const size_t prefix = strlen(PREFIX);
    const struct config_pair *found = NULL;
    for (size_t i = 0; i < e->file.count; i++) {
        const struct config_pair *pair = &e->file.items[i];
        if (strcmp(pair->name, name) == 0)
            return pair;
        if (strncmp(name, PREFIX, prefix) == 0 && strcmp(pair->name, name + prefix) == 0)
            found = pair;
    }
    return found;
}

static const char *get_of_process(const struct config_environment *e, const char *name)
{
    const char *value = e->get ? e->get(name) : NULL;
    return value && value[0] != '\0' ? value : NULL;
}

const char *config_environment_get(const struct config_environment *e, const char *name)
{
    const char *value = get_of_process(e, name);
    const struct config_pair *pair = value ? NULL : find_in_file(e, name);
    return pair && pair->value[0] != '\0' ? pair->value : value;
}

char *config_environment_origin(const struct config_environment *e, const char *name)
{
    const struct config_pair *pair = get_of_process(e, name) ? NULL : find_in_file(e, name);
    struct lv_buffer origin = {0};
    if (pair)
        lv_buffer_printf(&origin, "%s (%s)", pair->origin, name);
    else
        lv_buffer_printf(&origin, "%s", name);
    return (char *)origin.p;
}

void config_environment_free(struct config_environment *e)
{
    config_pairs_clear(&e->file);
}

/* --- All of them ------------------------------------------------------------------------------ */

/* Sets keys, from NULL-ended pairs, for one variable. */
static int set_keys(const struct config_environment *e, struct config *config, const char *name,
                    const char *const *pairs, config_say say, void *arg)
{
    char *origin = config_environment_origin(e, name);
    int err = 0;
    for (; pairs[0]; pairs += 2) {
        if (config_set(config, pairs[0], pairs[1], origin, say, arg) < 0)
            err = ERR_INVALID;
    }
    free(origin);
    return err;
}

/* RABBITMQ_LOGS replaces the outputs: "-" is standard output, "-stderr" standard error, else it is
 * a file. */
static int apply_logs(const struct config_environment *e, struct config *config, config_say say,
                      void *arg)
{
    const char *value = config_environment_get(e, "RABBITMQ_LOGS");
    if (!value)
        return 0;
    bool is_stdout = strcmp(value, "-") == 0, is_stderr = strcmp(value, "-stderr") == 0;
    bool is_console = is_stdout || is_stderr;
    const char *const outputs[] = {"log.file", is_console ? "false" : value, "log.console",
                                   is_console ? "true" : "false", NULL};
    const char *const stdio[] = {"log.console.stdio", is_stdout ? "stdout" : "stderr", NULL};
    int err = set_keys(e, config, "RABBITMQ_LOGS", outputs, say, arg);
    if (is_console && set_keys(e, config, "RABBITMQ_LOGS", stdio, say, arg) < 0)
        err = ERR_INVALID;
    return err;
}

/* Sets what one word of RABBITMQ_LOG sets: "LEVEL", "CATEGORY=LEVEL", "+json", "-json" ("+color"
 * and "-color" do nothing). */
static int apply_log_word(const struct config_environment *e, struct config *config, char *word,
                          config_say say, void *arg)
{
    struct lv_buffer key = {0};
    char *level = strchr(word, '=');
    bool is_json = strcmp(word, "+json") == 0;
    const char *value = word;
    if (word[0] == '+' || word[0] == '-') {
        lv_buffer_printf(&key, "%s", "log.console.formatter");
        value = is_json ? "json" : "plaintext";
    } else if (level && strncmp(word, "global=", 7) != 0) {
        *level = '\0';
        lv_buffer_printf(&key, "log.%s.level", word);
        value = level + 1;
    } else {
        lv_buffer_printf(&key, "%s", "log.level");
        value = level ? level + 1 : word;
    }
    const char *const pairs[] = {(const char *)key.p, value, NULL};
    bool is_idle = strcmp(word, "+color") == 0 || strcmp(word, "-color") == 0;
    int err = is_idle ? 0 : set_keys(e, config, "RABBITMQ_LOG", pairs, say, arg);
    lv_buffer_free(&key);
    return err;
}

static int apply_log_levels(const struct config_environment *e, struct config *config,
                            config_say say, void *arg)
{
    const char *value = config_environment_get(e, "RABBITMQ_LOG");
    int err = 0;
    if (!value)
        return 0;
    char *copy = lv_strdup(value), *rest = copy;
    for (char *word; (word = strsep(&rest, ",")) != NULL;) {
        if (word[0] && apply_log_word(e, config, word, say, arg) < 0)
            err = ERR_INVALID;
    }
    free(copy);
    return err;
}

static int set_variable(const struct config_environment *e, struct config *config,
                        const struct variable *v, const char *name, const char *value,
                        config_say say, void *arg)
{
    char *origin = config_environment_origin(e, name);
    struct lv_buffer whole = {0};
    lv_buffer_printf(&whole, "%s%s", value, v->suffix);
    int err = config_set(config, v->key, (const char *)whole.p, origin, say, arg);
    lv_assert(err != ERR_NOT_FOUND);
    encrypted_wipe(&whole);
    free(origin);
    return err;
}

/* Sets the key to the first line of a file (a secret mounted into a container). */
static int apply_variable_file(const struct config_environment *e, struct config *config,
                               const struct variable *v, const char *path, config_say say,
                               void *arg)
{
    const struct location location = {.source = v->file_name, .say = say, .arg = arg};
    struct lv_buffer text = {0};
    int err = config_read_whole(path, &text);
    struct slice rest = lv_buffer_slice(&text);
    if (err < 0) {
        config_tell(&location, LOG_ERROR, "cannot read %s: %s", path, lv_error_text(err));
        err = ERR_INVALID;
    } else {
        char *value = rest.n ? slice_strdup(config_take_line(&rest)) : lv_strdup("");
        err = set_variable(e, config, v, v->file_name, value, say, arg);
        free(value);
    }
    encrypted_wipe(&text);
    return err;
}

static int apply_variable(const struct config_environment *e, struct config *config,
                          const struct variable *v, config_say say, void *arg)
{
    const char *value = config_environment_get(e, v->name);
    const char *path = v->file_name ? config_environment_get(e, v->file_name) : NULL;
    if (value)
        return set_variable(e, config, v, v->name, value, say, arg);
    if (path)
        return apply_variable_file(e, config, v, path, say, arg);
    return 0;
}

static int apply_node_address(const struct config_environment *e, struct config *config,
                              config_say say, void *arg)
{
    const char *address = config_environment_get(e, "RABBITMQ_NODE_IP_ADDRESS");
    const char *port_text = config_environment_get(e, "RABBITMQ_NODE_PORT");
    if (!address && !port_text)
        return 0;
    char *origin =
        config_environment_origin(e, port_text ? "RABBITMQ_NODE_PORT" : "RABBITMQ_NODE_IP_ADDRESS");
    const struct location location = {.source = origin, .say = say, .arg = arg};
    uint16_t port = 0;
    int err = 0;
    if (port_text && !config_port_read(port_text, &port)) {
        config_tell(&location, LOG_ERROR, "invalid value '%s': expected a port from 0 to 65535",
                    port_text);
        err = ERR_INVALID;
    } else {
        err = config_set_listener(config, address, port_text ? port : -1, origin, say, arg);
    }
    free(origin);
    return err;
}

static void tell_idle(const struct config_environment *e, config_say say, void *arg)
{
    for (size_t i = 0; i < sizeof idle_variables / sizeof *idle_variables; i++) {
        const struct idle_variable *v = &idle_variables[i];
        if (!config_environment_get(e, v->name))
            continue;
        char *origin = config_environment_origin(e, v->name);
        const struct location location = {.source = origin, .say = say, .arg = arg};
        config_tell(&location, v->level, "has no effect: %s", v->why);
        free(origin);
    }
}

int config_environment_apply(const struct config_environment *e, struct config *config,
                             config_say say, void *arg)
{
    int err = 0;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        if (apply_variable(e, config, &variables[i], say, arg) < 0)
            err = ERR_INVALID;
    if (apply_node_address(e, config, say, arg) < 0)
        err = ERR_INVALID;
    if (apply_logs(e, config, say, arg) < 0)
        err = ERR_INVALID;
    if (apply_log_levels(e, config, say, arg) < 0)
        err = ERR_INVALID;
    tell_idle(e, say, arg);
    return err;
}

int config_apply_environment(struct config *config, config_getenv get, config_say say, void *arg)
{
    const struct config_environment e = {.get = get};
    return config_environment_apply(&e, config, say, arg);
}
