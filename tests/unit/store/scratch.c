#include "store/scratch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

char *scratch_create(void)
{
    const char *tmp = getenv("TMPDIR");
    char *dir = lv_malloc(4096);
    snprintf(dir, 4096, "%s/leveret-test-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
    return dir;
}

void scratch_remove(char **dir)
{
    DIR *d = opendir(*dir);
    assert_non_null(d);
    struct dirent *entry;
    while ((entry = readdir(d)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            assert_int_equal(unlinkat(dirfd(d), entry->d_name, 0), 0);
    closedir(d);
    assert_int_equal(rmdir(*dir), 0);
    free(*dir);
    *dir = NULL;
}
