/* Parts of what is shown of the node that are lists of objects. Each function returns JSON that the
 * caller owns. */
#ifndef LEVERET_API_NODE_TREES_H
#define LEVERET_API_NODE_TREES_H

#include "manage/manage.h"
#include "manage/statistics.h"

struct json_t;

struct json_t *tree_of_exchange_types(void);
struct json_t *tree_of_auth_mechanisms(const struct manage *m);
struct json_t *tree_of_applications(struct manage *m);
struct json_t *tree_of_plugins(void);
struct json_t *tree_of_listeners(struct manage *m);
/* What answers HTTP: the API and its like. */
struct json_t *tree_of_contexts(struct manage *m);
struct json_t *tree_of_config_files(const char *const *files, size_t count);
struct json_t *tree_of_logs(void);
struct json_t *tree_of_retention(const struct statistics *s);

const char *rates_mode_of(const struct manage *m); /* "basic" */
bool statistics_are_off(const struct manage *m);

#endif
