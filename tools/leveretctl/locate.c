/* Finds the broker: the data directory whose socket is to be used.
 *
 * A directory that is named is used as it is. Otherwise brokers leave links to their sockets
 * (base/node_links.h), which have the names of their nodes; and a broker that could not leave one
 * may be in a directory that the environment names, or in a default one. Of these the first is used
 * on whose socket a broker accepts connections, else the first that this user may not use. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/node_links.h"
#include "leveretctl/talk.h"

#define SOCKET_FILE "/control.sock"

/* A socket's place, and what is known of it. */
struct place {
    enum socket_state state;
    char node[NODE_NAME_BYTES]; /* "" if no link says it */
    char data_dir[DATA_DIR_BYTES];
};

struct search {
    struct invocation *i;
    struct place found;  /* the best one so far; data_dir is "" if there is none */
    bool is_named_found; /* there is a link with the name of the node that is asked for */
    size_t running;      /* links to sockets that accept connections */
};

void node_name_choose(struct invocation *i)
{
    char host[256] = "localhost";
    const char *name =
        is_given(i, OPTION_NODE) ? i->values[OPTION_NODE] : getenv("RABBITMQ_NODENAME");
    gethostname(host, sizeof host - 1);
    host[sizeof host - 1] = '\0';
    host[strcspn(host, ".")] = '\0';
    i->is_node_named = name && name[0];
    if (i->is_node_named && strchr(name, '@'))
        snprintf(i->node, sizeof i->node, "%s", name);
    else
        snprintf(i->node, sizeof i->node, "%s@%s", i->is_node_named ? name : "leveret", host);
}

/* --- links ------------------------------------------------------------------------------------ */

/* Returns the length of a socket's data directory, or 0 if the path is not that of a broker. */
static size_t data_dir_bytes(const char *socket_path)
{
    size_t n = strlen(socket_path), suffix = strlen(SOCKET_FILE);
    return n > suffix && n - suffix < DATA_DIR_BYTES &&
                   strcmp(socket_path + n - suffix, SOCKET_FILE) == 0
               ? n - suffix
               : 0;
}

static void found_set(struct search *s, enum socket_state state, const char *node,
                      const char *socket_path)
{
    s->found.state = state;
    snprintf(s->found.node, sizeof s->found.node, "%s", node);
    snprintf(s->found.data_dir, sizeof s->found.data_dir, "%.*s", (int)data_dir_bytes(socket_path),
             socket_path);
}

static bool is_better(const struct search *s, enum socket_state state, const char *node)
{
    const struct place *found = &s->found;
    if (found->data_dir[0] == '\0' || state != found->state)
        return found->data_dir[0] == '\0' || state > found->state;
    return strcmp(node, s->i->node) == 0 && strcmp(found->node, s->i->node) != 0;
}

static void take_link(void *arg, const char *node, const char *socket_path)
{
    struct search *s = arg;
    if (data_dir_bytes(socket_path) == 0 || strlen(node) >= NODE_NAME_BYTES)
        return;
    enum socket_state state = socket_look(socket_path);
    bool is_wanted = strcmp(node, s->i->node) == 0;
    bool may_run = state >= SOCKET_FORBIDDEN;
    if ((s->i->is_node_named ? is_wanted : may_run) && is_better(s, state, node))
        found_set(s, state, node, socket_path);
    s->is_named_found |= s->i->is_node_named && is_wanted;
    s->running += state == SOCKET_ACCEPTS;
    if (may_run)
        lv_buffer_printf(&s->i->nodes, "   %s\n", node);
}

static void look_for_links(struct search *s)
{
    for (size_t which = 0; which < NODE_LINK_FOLDERS; which++) {
        char folder[PATH_MAX];
        if (!node_links_folder(which, folder))
            continue;
        bool is_usable = node_links_walk(folder, which, take_link, s);
        lv_buffer_printf(&s->i->places, "   %s (%s)\n", folder,
                         is_usable ? "no link to a broker that is running"
                                   : "does not exist, or is not safe to use");
    }
}

/* --- directories ------------------------------------------------------------------------------ */

static void look_in(struct search *s, const char *parent, const char *child)
{
    static const char *const words[] = {
        [SOCKET_ABSENT] = "does not exist",
        [SOCKET_DEAD] = "no process listens on it",
        [SOCKET_FORBIDDEN] = "not permitted",
        [SOCKET_ACCEPTS] = "a broker",
    };
    char path[DATA_DIR_BYTES];
    if (!parent || parent[0] != '/' || s->found.state == SOCKET_ACCEPTS)
        return;
    int n = snprintf(path, sizeof path, "%s%s" SOCKET_FILE, parent, child);
    if (n < 0 || (size_t)n >= sizeof path)
        return;
    enum socket_state state = socket_look(path);
    lv_buffer_printf(&s->i->places, "   %s (%s)\n", path, words[state]);
    if (is_better(s, state, ""))
        found_set(s, state, "", path);
}

/* leveretd uses /var/lib/leveret if it can write there, else a directory of its user. */
static void look_in_directories(struct search *s)
{
    const char *state = getenv("XDG_STATE_HOME"), *prefix = getenv("SYS_PREFIX");
    char system[DATA_DIR_BYTES];
    snprintf(system, sizeof system, "%s/var/lib", prefix ? prefix : "");
    look_in(s, getenv("RABBITMQ_MNESIA_DIR"), "");
    look_in(s, getenv("RABBITMQ_MNESIA_BASE"), "/leveret");
    look_in(s, system, "/leveret");
    if (state && state[0] == '/')
        look_in(s, state, "/leveret");
    else
        look_in(s, getenv("HOME"), "/.local/state/leveret");
}

/* ---------------------------------------------------------------------------------------------- */

/* Returns whether nodes are running, and none of them is the one that is meant. */
static bool is_ambiguous(const struct search *s)
{
    if (s->i->is_node_named)
        return !s->is_named_found && s->i->nodes.n > 0;
    return s->running > 1 && strcmp(s->found.node, s->i->node) != 0;
}

void broker_locate(struct invocation *i)
{
    const char *named =
        is_given(i, OPTION_DATA_DIR) ? i->values[OPTION_DATA_DIR] : getenv("LEVERET_DATA_DIR");
    struct search s = {.i = i};
    node_name_choose(i);
    i->is_node_found = false;
    i->places.n = i->nodes.n = 0;
    if (named && named[0]) {
        snprintf(i->data_dir, sizeof i->data_dir, "%s", named);
        return;
    }
    look_for_links(&s);
    if (is_ambiguous(&s)) {
        i->data_dir[0] = '\0';
        return;
    }
    if (s.running == 0 && !s.is_named_found)
        look_in_directories(&s);
    memcpy(i->data_dir, s.found.data_dir, sizeof i->data_dir);
    i->is_node_found = s.found.node[0] != '\0';
    if (i->is_node_found)
        memcpy(i->node, s.found.node, sizeof i->node);
}
