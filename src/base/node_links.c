/* Makes, removes and reads the links to control sockets.
 *
 * A tool that root runs sends an operator's secrets to whatever listens at the end of a link. So a
 * folder that other users can write is not used, neither for writing nor for reading. */
#include "base/node_links.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"

enum { FOLDER_OF_SYSTEM, FOLDER_OF_USER };

static bool path_write(char ret[PATH_MAX], const char *folder, const char *name)
{
    int n = snprintf(ret, PATH_MAX, "%s/%s", folder, name);
    return n > 0 && n < PATH_MAX;
}

bool node_links_folder(size_t which, char ret[PATH_MAX])
{
    const char *prefix = getenv("SYS_PREFIX"), *runtime = getenv("XDG_RUNTIME_DIR");
    if (which == FOLDER_OF_SYSTEM)
        return path_write(ret, prefix ? prefix : "", "run/leveret");
    return runtime && runtime[0] == '/' && path_write(ret, runtime, "leveret");
}

static bool is_trusted(const char *folder, size_t which)
{
    struct stat status;
    return lstat(folder, &status) == 0 && S_ISDIR(status.st_mode) &&
           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
           (which == FOLDER_OF_SYSTEM || status.st_uid == geteuid());
}

/* --- making and removing ---------------------------------------------------------------------- */

/* Makes the folder and the one that it is in. If that fails, making the link will. */
static void folder_make(const char *folder)
{
    char parent[PATH_MAX];
    strcpy(parent, folder);
    *strrchr(parent, '/') = '\0';
    (void)!mkdir(parent, 0755);
    (void)!mkdir(folder, 0755);
}

/* Returns the target of a link, or an empty string. */
static void link_read(const char *link, char ret[PATH_MAX])
{
    ssize_t n = readlink(link, ret, PATH_MAX - 1);
    ret[n > 0 ? n : 0] = '\0';
}

/* Puts the link into its place by renaming it, so that there always is one. */
static int link_replace(const char *folder, const char *link, const char *target)
{
    char name[32], temporary[PATH_MAX];
    snprintf(name, sizeof name, ".new.%ld", (long)getpid());
    if (!path_write(temporary, folder, name))
        return ERR_INVALID;
    unlink(temporary);
    if (symlink(target, temporary) != 0)
        return lv_error_explain(lv_error_from_errno(errno), "%s: %s", folder, strerror(errno));
    if (rename(temporary, link) == 0)
        return 0;
    int err = lv_error_explain(lv_error_from_errno(errno), "%s: %s", link, strerror(errno));
    unlink(temporary);
    return err;
}

static int link_make_in(const char *folder, size_t which, const char *node, const char *target,
                        char ret[PATH_MAX])
{
    char link[PATH_MAX], present[PATH_MAX];
    if (!path_write(link, folder, node))
        return ERR_INVALID;
    folder_make(folder);
    if (!is_trusted(folder, which))
        return lv_error_explain(ERR_REFUSED, "%s: not a folder that only its owner can write",
                                folder);
    link_read(link, present);
    if (present[0] != '\0' && strcmp(present, target) != 0 &&
        socket_look(present) == SOCKET_ACCEPTS)
        return lv_error_explain(ERR_EXISTS, "%s leads to the socket of another broker, %s", link,
                                present);
    int err = link_replace(folder, link, target);
    if (err == 0)
        strcpy(ret, link);
    return err;
}

int node_link_make(const char *node, const char *socket_path, char ret[PATH_MAX])
{
    char target[PATH_MAX];
    int err = ERR_INVALID;
    if (node[0] == '.' || node[0] == '\0' || strchr(node, '/'))
        return ERR_INVALID;
    if (!realpath(socket_path, target))
        return lv_error_explain(lv_error_from_errno(errno), "%s: %s", socket_path, strerror(errno));
    for (size_t which = 0; which < NODE_LINK_FOLDERS; which++) {
        char folder[PATH_MAX];
        if (!node_links_folder(which, folder))
            continue;
        err = link_make_in(folder, which, node, target, ret);
        if (err == 0 || err == ERR_EXISTS)
            return err;
    }
    return err;
}

void node_link_remove(const char *link, const char *socket_path)
{
    char target[PATH_MAX], present[PATH_MAX];
    link_read(link, present);
    if (realpath(socket_path, target) && strcmp(present, target) == 0)
        unlink(link);
}

/* --- reading ---------------------------------------------------------------------------------- */

static int is_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

bool node_links_walk(const char *folder, size_t which,
                     void (*each)(void *arg, const char *node, const char *socket_path), void *arg)
{
    struct dirent **entries;
    if (!is_trusted(folder, which))
        return false;
    int count = scandir(folder, &entries, is_name, alphasort);
    if (count < 0)
        return false;
    for (int n = 0; n < count; n++) {
        char link[PATH_MAX], target[PATH_MAX] = "";
        if (path_write(link, folder, entries[n]->d_name))
            link_read(link, target);
        if (target[0] == '/')
            each(arg, entries[n]->d_name, target);
        free(entries[n]);
    }
    free(entries);
    return true;
}

enum socket_state socket_look(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return SOCKET_ABSENT; /* no process can listen there */
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return SOCKET_ABSENT;
    int error = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    close(fd);
    switch (error) {
    case 0:
    case EAGAIN: return SOCKET_ACCEPTS; /* it does, but is busy */
    case EACCES:
    case EPERM: return SOCKET_FORBIDDEN;
    case ECONNREFUSED: return SOCKET_DEAD;
    default: return SOCKET_ABSENT;
    }
}
