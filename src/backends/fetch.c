#include "backends/fetch.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "backends/modules.h"
#include "base/error.h"
#include "base/module_folder.h"

#define FILE_NAME "leveret_fetch.so"

int backend_fetch(const struct fetch_request *request, struct lv_buffer *ret_file,
                  struct lv_buffer *ret_shown, struct lv_buffer *reason)
{
    char directory[PATH_MAX];
    char path[PATH_MAX + sizeof FILE_NAME];
    lv_module_folder(FILE_NAME, LEVERET_MODULES, directory);
    snprintf(path, sizeof path, "%s/" FILE_NAME, directory);
    const void *found = NULL;
    int error = module_find(path, "fetch_module", "the client of web servers", &found, reason);
    if (error)
        return error;
    const struct fetch_module *module = found;
    if (strcmp(module->version, LEVERET_VERSION) != 0 || module->request_bytes != sizeof *request) {
        lv_buffer_printf(reason, "%s comes from another build than this program", path);
        return ERR_INVALID;
    }
    return module->fetch(request, ret_file, ret_shown, reason);
}
