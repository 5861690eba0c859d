/* The environment: RabbitMQ's variables and ours. Each sets a key; errors name the variable. The
 * value may also be in a file, whose name is in the variable with _FILE at its end. */
#include <stdlib.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "leveretd/config_private.h"

static const struct variable {
    const char *name;
    const char *file_name; /* of the variable with the name of a file; NULL: there is none */
    const char *key;
} variables[] = {
    {"RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_USER_FILE", "default_user"},
    {"RABBITMQ_DEFAULT_PASS", "RABBITMQ_DEFAULT_PASS_FILE", "default_pass"},
    {"RABBITMQ_DEFAULT_VHOST", "RABBITMQ_DEFAULT_VHOST_FILE", "default_vhost"},
    {"LEVERET_DATA_DIR", NULL, "data_dir"},
};

/* Sets the key to the first line of a file (a secret mounted into a container). */
static int apply_variable_file(struct config *config, const struct variable *v, const char *path,
                               config_say say, void *arg)
{
    const struct location location = {v->file_name, 0, say, arg};
    struct lv_buffer text = {0};
    int err = config_read_whole(path, &text);
    struct slice rest = lv_buffer_slice(&text);
    if (err < 0) {
        config_tell(&location, LOG_ERROR, "cannot read %s: %s", path, lv_error_text(err));
        err = ERR_INVALID;
    } else {
        char *value = rest.n ? slice_strdup(config_take_line(&rest)) : lv_strdup("");
        err = config_set(config, v->key, value, v->file_name, say, arg);
        free(value);
    }
    lv_buffer_free(&text);
    return err;
}

static int apply_variable(struct config *config, const struct variable *v, config_getenv get,
                          config_say say, void *arg)
{
    const char *value = get(v->name);
    const char *path = v->file_name ? get(v->file_name) : NULL;
    if (value && value[0] != '\0')
        return config_set(config, v->key, value, v->name, say, arg);
    if (path && path[0] != '\0')
        return apply_variable_file(config, v, path, say, arg);
    return 0;
}

static int apply_node_address(struct config *config, config_getenv get, config_say say, void *arg)
{
    const struct location location = {"RABBITMQ_NODE_PORT", 0, say, arg};
    const char *address = get("RABBITMQ_NODE_IP_ADDRESS");
    const char *port_text = get("RABBITMQ_NODE_PORT");
    bool has_address = address && address[0] != '\0';
    bool has_port = port_text && port_text[0] != '\0';
    if (!has_address && !has_port)
        return 0;
    uint16_t port = 0;
    if (has_port && !config_port_read(port_text, &port)) {
        config_tell(&location, LOG_ERROR, "invalid value '%s': expected a port from 0 to 65535",
                    port_text);
        return ERR_INVALID;
    }
    return config_set_listener(config, has_address ? address : NULL, has_port ? port : -1,
                               has_address ? "RABBITMQ_NODE_IP_ADDRESS" : "RABBITMQ_NODE_PORT", say,
                               arg);
}

int config_apply_environment(struct config *config, config_getenv get, config_say say, void *arg)
{
    int err = 0;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        if (apply_variable(config, &variables[i], get, say, arg) < 0)
            err = ERR_INVALID;
    if (apply_node_address(config, get, say, arg) < 0)
        err = ERR_INVALID;
    return err;
}
