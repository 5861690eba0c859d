/* The environment: the process's variables, and behind them those of rabbitmq-env.conf. Private to
 * config*.c. */
#ifndef LEVERET_LEVERETD_CONFIG_ENVIRONMENT_H
#define LEVERET_LEVERETD_CONFIG_ENVIRONMENT_H

#include "leveretd/config.h"

struct config_environment {
    config_getenv get;        /* getenv(), or a test's; NULL: there are no variables */
    struct config_pairs file; /* the assignments of rabbitmq-env.conf, with their origins */
};

/* Returns the value of a variable, or NULL if it is not set or empty: that of the process, else
 * that of the file, where RABBITMQ_NODENAME may be called NODENAME. Borrowed. */
const char *config_environment_get(const struct config_environment *e, const char *name);
/* Returns where that value comes from: the variable's name, or with it the file and the line. The
 * caller owns it. */
char *config_environment_origin(const struct config_environment *e, const char *name);
void config_environment_free(struct config_environment *e);

/* Reads the text of rabbitmq-env.conf: NAME=VALUE lines, with $NAME and ${NAME} in the values. Any
 * other line, which a shell would execute, is reported as a warning. `name` is the file's. */
void config_environment_parse(struct config_environment *e, struct slice text, const char *name,
                              config_say say, void *arg);

/* Applies the variables that set something, and reports those of RabbitMQ that have no effect here.
 * Returns ERR_INVALID after reporting every error. Reads files that variables name: blocks. */
int config_environment_apply(const struct config_environment *e, struct config *config,
                             config_say say, void *arg);

#endif
