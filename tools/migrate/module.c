/* What the module exports. */
#include "migrate/check_rules.h"
#include "migrate/management.h"
#include "migrate/migrate.h"

extern const struct migrate_module migrate_module;
__attribute__((visibility("default"))) const struct migrate_module migrate_module = {
    LEVERET_VERSION,
    management_read,
    migration_report,
};
