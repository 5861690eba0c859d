/* Links by which the tools of this machine find the control sockets of its brokers, wherever those
 * keep their data: a link for each node, named like it, in a folder that only its owner can write.
 *
 * The first folder is $SYS_PREFIX/run/leveret, which root makes, or systemd (RuntimeDirectory); the
 * second $XDG_RUNTIME_DIR/leveret, for brokers that may not write the first. */
#ifndef LEVERET_BASE_NODE_LINKS_H
#define LEVERET_BASE_NODE_LINKS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { NODE_LINK_FOLDERS = 2 };

/* Writes the path of a folder. Returns false if this process has no such folder: no variable names
 * it, or its path is too long. It need not exist. Any thread. */
bool node_links_folder(size_t which, char ret[PATH_MAX]);

/* Makes a link to the socket in the first folder in which that is possible, with the folder, and
 * writes its path. A link of the same name is replaced, unless a broker accepts connections on the
 * socket that it names: the first broker keeps the name. Returns 0; ERR_EXISTS if it does so;
 * ERR_INVALID if the node's name cannot be that of a file; else why the last folder cannot be used.
 * Blocks. Any thread. */
int node_link_make(const char *node, const char *socket_path, char ret[PATH_MAX]);
/* Removes the link if it still leads to this socket. Blocks. Any thread. */
void node_link_remove(const char *link, const char *socket_path);

/* Calls `each` for every link in a folder, in the order of names: with the node's name, and the
 * path of its socket, which need not exist. Both are borrowed for the call. Returns false if the
 * folder does not exist or cannot be trusted: others than its owner can write it, or the second one
 * is another user's. Blocks. Any thread. */
bool node_links_walk(const char *folder, size_t which,
                     void (*each)(void *arg, const char *node, const char *socket_path), void *arg);

enum socket_state {
    SOCKET_ABSENT,    /* there is no such socket */
    SOCKET_DEAD,      /* no process listens on it */
    SOCKET_FORBIDDEN, /* this user may not connect to it, and cannot know */
    SOCKET_ACCEPTS,
};

/* Connects to a socket, and disconnects. Does not wait. Any thread. */
enum socket_state socket_look(const char *path);

#endif
