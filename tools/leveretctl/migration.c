#include "leveretctl/migration.h"

#include <dlfcn.h>
#include <string.h>

#include "base/module_folder.h"
#include "leveretctl/talk.h"

#define MODULE_FILE "leveret_migrate.so"

int migration_load(const struct migrate_module **ret)
{
    char folder[PATH_MAX];
    struct lv_buffer path = {0};
    lv_module_folder(MODULE_FILE, LEVERET_MODULES, folder);
    lv_buffer_printf(&path, "%s/%s", folder, MODULE_FILE);
    void *library = dlopen(text_of(&path), RTLD_NOW | RTLD_LOCAL);
    const struct migrate_module *module = library ? dlsym(library, MIGRATE_MODULE) : NULL;
    lv_buffer_free(&path);
    if (!module)
        return say_error(EXIT_UNAVAILABLE, "Cannot load the module for migration: %s", dlerror());
    if (strcmp(module->version, LEVERET_VERSION) != 0)
        return say_error(EXIT_UNAVAILABLE, "The module for migration is of version %s, not %s",
                         module->version, LEVERET_VERSION);
    *ret = module;
    return EXIT_OK;
}
