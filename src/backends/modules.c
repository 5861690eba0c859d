/* Finds a module's file, loads it, and checks that it belongs to this program before anything of it
 * is called. */
#include "backends/modules.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/module_folder.h"

static int refuse(struct lv_buffer *reason, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(struct lv_buffer *reason, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(reason, format, args);
    va_end(args);
    return error;
}

/* The path of a module's file; "" if it would be too long. */
struct module_path {
    char text[PATH_MAX];
};

static struct module_path path_in(const char *directory, const char *name)
{
    struct module_path path;
    int n = snprintf(path.text, sizeof path.text, "%s/leveret_auth_%s.so", directory, name);
    if (n < 0 || (size_t)n >= sizeof path.text)
        path.text[0] = '\0';
    return path;
}

int module_find(const char *path, const char *symbol, const char *what, const void **ret,
                struct lv_buffer *reason)
{
    if (access(path, F_OK) != 0)
        return refuse(reason, ERR_NOT_FOUND, "%s is not installed: there is no file %s", what,
                      path);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return refuse(reason, ERR_INVALID, "%s cannot be loaded: %s", what, dlerror());
    *ret = dlsym(library, symbol);
    if (*ret == NULL)
        return refuse(reason, ERR_INVALID, "%s is not a module of Leveret for %s", path, what);
    return 0;
}

static int find_backend(const char *path, const char *name, const struct backend_module **ret,
                        struct lv_buffer *reason)
{
    char symbol[64];
    char what[64];
    snprintf(symbol, sizeof symbol, "backend_module_%s", name);
    snprintf(what, sizeof what, "the backend '%s'", name);
    const void *found = NULL;
    int error = module_find(path, symbol, what, &found, reason);
    *ret = found;
    return error;
}

int backend_open_from(const char *directory, const char *name, const void *settings,
                      size_t settings_bytes, struct auth_backend **ret, struct lv_buffer *reason)
{
    const struct module_path path = path_in(directory, name);
    const struct backend_module *module = NULL;
    int error = find_backend(path.text, name, &module, reason);
    if (error)
        return error;
    if (strcmp(module->version, LEVERET_VERSION) != 0)
        return refuse(reason, ERR_INVALID, "%s is of version %s, but this is version %s", path.text,
                      module->version, LEVERET_VERSION);
    if (module->settings_bytes != settings_bytes)
        return refuse(reason, ERR_INVALID, "%s comes from another build of version %s", path.text,
                      LEVERET_VERSION);
    return module->open(settings, ret, reason);
}

int backend_open(const char *name, const void *settings, size_t settings_bytes,
                 struct auth_backend **ret, struct lv_buffer *reason)
{
    char directory[PATH_MAX];
    char file[NAME_MAX];
    snprintf(file, sizeof file, "leveret_auth_%s.so", name);
    lv_module_folder(file, LEVERET_MODULES, directory);
    return backend_open_from(directory, name, settings, settings_bytes, ret, reason);
}
