/* Finds the modules of the running program by its own path, so that what is installed can be moved.
 */
#include "base/module_folder.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Writes the folder of the running program, without a slash at its end. */
static bool program_folder(char ret[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", ret, PATH_MAX - 1);
    if (n <= 0)
        return false;
    ret[n] = '\0';
    char *slash = strrchr(ret, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

static bool has_file(const char *folder, const char *file)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", folder, file);
    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

void lv_module_folder(const char *file, const char *installed, char ret[PATH_MAX])
{
    char program[PATH_MAX];
    if (!program_folder(program))
        strcpy(program, ".");
    if (has_file(program, file)) {
        strcpy(ret, program);
        return;
    }
    const bool is_absolute = installed[0] == '/';
    int n = snprintf(ret, PATH_MAX, "%s%s%s", is_absolute ? "" : program, is_absolute ? "" : "/",
                     installed);
    if (n < 0 || n >= PATH_MAX)
        strcpy(ret, ".");
}
