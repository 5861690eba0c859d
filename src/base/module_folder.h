/* Where a program's shared modules lie: what needs a heavy library is a file of its own, which is
 * loaded only when it is needed. */
#ifndef LEVERET_BASE_MODULE_FOLDER_H
#define LEVERET_BASE_MODULE_FOLDER_H

#include <limits.h>

/* Writes the folder that has this file: that of the running program, where a build has its modules,
 * or else `installed`, where `make install` puts them (absolute, or relative to the program's
 * folder), whether or not the file is there. Any thread. */
void lv_module_folder(const char *file, const char *installed, char ret[PATH_MAX]);

#endif
