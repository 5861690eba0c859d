/* What the module exports. */
#include "migrate/addresses.h"
#include "migrate/carried.h"
#include "migrate/check_rules.h"
#include "migrate/management.h"
#include "migrate/migrate.h"
#include "migrate/moves.h"
#include "migrate/routes.h"

extern const struct migrate_module migrate_module;
__attribute__((visibility("default"))) const struct migrate_module migrate_module = {
    .version = LEVERET_VERSION,
    .read = management_read,
    .check = migration_report,
    .vhost = address_vhost,
    .user = address_user,
    .api = address_api,
    .read_to_move = management_read_to_move,
    .ask = management_ask,
    .definitions = carried_definitions,
    .definitions_back = carried_back,
    .queues = carried_queues,
    .routes = routes_of_vhosts,
    .move = moves_run,
};
