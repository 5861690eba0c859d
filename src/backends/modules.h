/* Backends as shared modules. A backend that needs a heavy library is no part of the program: it is
 * a file of its own, leveret_auth_NAME.so, which is loaded only if the configuration names it
 * (docs/decisions/backends-are-modules.md).
 *
 * A module uses the base/ of the program that loads it: its log, its allocator, its errors. The
 * functions it may call are listed in exports.list. */
#ifndef LEVERET_BACKENDS_MODULES_H
#define LEVERET_BACKENDS_MODULES_H

#include <stddef.h>

#include "auth/backend.h"
#include "base/buffer.h"

/* What a module exports under the name backend_module_NAME. */
struct backend_module {
    const char *version;   /* LEVERET_VERSION of the build that the module comes from */
    size_t settings_bytes; /* the size of the settings that open() takes */
    /* Opens a backend. Copies of the settings what it needs later. Returns 0 with a backend that
     * the caller frees by its calls->free(), or ERR_... with the reason appended to `reason`: a
     * sentence for the operator that names the setting and contains no secret. */
    int (*open)(const void *settings, struct auth_backend **ret, struct lv_buffer *reason);
};

/* Defines what the module NAME exports. `open_function` takes a pointer to settings_type. */
#define BACKEND_MODULE(name, settings_type, open_function)                                         \
    static int backend_module_open(const void *settings, struct auth_backend **ret,                \
                                   struct lv_buffer *reason)                                       \
    {                                                                                              \
        const settings_type *typed = settings;                                                     \
        return open_function(typed, ret, reason);                                                  \
    }                                                                                              \
    extern const struct backend_module backend_module_##name;                                      \
    __attribute__((visibility("default"))) const struct backend_module backend_module_##name = {   \
        LEVERET_VERSION, sizeof(settings_type), backend_module_open}

/* Loads the module of this name ("http"), unless it is loaded, and opens a backend of it.
 * `settings` is the struct in src/backends/NAME.h, and settings_bytes its size. A module stays
 * loaded until the process ends. Returns ERR_NOT_FOUND if the module is not installed, ERR_INVALID
 * if it cannot be loaded or is of another version, or what its open() returns; the reason is
 * appended to `reason`. Reads files: call it at the start or on a thread that may block. Any
 * thread. */
int backend_open(const char *name, const void *settings, size_t settings_bytes,
                 struct auth_backend **ret, struct lv_buffer *reason);

/* Loads the module in this file, unless it is loaded, and finds what it exports under the name
 * `symbol`. Returns 0, or ERR_NOT_FOUND or ERR_INVALID with the reason appended, in which the
 * module is called `what`. Reads files. Any thread. */
int module_find(const char *path, const char *symbol, const char *what, const void **ret,
                struct lv_buffer *reason);

/* Like backend_open(), for a module in this directory. backend_open() looks beside the program,
 * where a build has its modules, and then where `make install` puts them. */
int backend_open_from(const char *directory, const char *name, const void *settings,
                      size_t settings_bytes, struct auth_backend **ret, struct lv_buffer *reason);

#endif
