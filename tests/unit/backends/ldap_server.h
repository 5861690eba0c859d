/* A server for tests of the backend ldap, on a thread of its own: it answers every request with
 * bytes that the test has chosen. */
#ifndef LEVERET_TESTS_BACKENDS_LDAP_SERVER_H
#define LEVERET_TESTS_BACKENDS_LDAP_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct ldap_server {
    /* How requests are answered. The number of the request replaces the fifth byte of the answer,
     * unless keeps_id. An empty answer is none. */
    struct slice bind_answer;
    struct slice search_answer;
    unsigned repeats; /* how often search_answer is sent; 0: once */
    bool keeps_id;
    bool closes; /* after each answer to a bind */

    uint16_t port;
    atomic_uint connections; /* accepted so far */
    atomic_uint searches;    /* asked for so far */
    int listener;
    pthread_t thread;
};

/* Answers that say yes: the bind is done, the search is over. */
extern const struct slice ldap_bind_done, ldap_search_done;

/* Starts the server on this address; `port` 0 lets the kernel choose. The other members are set by
 * the test before, and stay unchanged. */
void ldap_server_start(struct ldap_server *server, const char *address, uint16_t port);
void ldap_server_stop(struct ldap_server *server);

#endif
