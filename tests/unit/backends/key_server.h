/* A web server for the tests of oauth2: it answers every request with the same text, which can be
 * changed, and counts the requests. */
#ifndef LEVERET_TESTS_BACKENDS_KEY_SERVER_H
#define LEVERET_TESTS_BACKENDS_KEY_SERVER_H

#include "base/slice.h"

struct key_server; /* see key_server.c */

/* Starts a server on a free port of 127.0.0.1 that has nothing to answer yet. */
struct key_server *key_server_start(void);
void key_server_stop(struct key_server **server);

/* Returns "http://127.0.0.1:PORT/keys", owned by the server. */
const char *key_server_url(const struct key_server *server);

/* Sets the status and the text of the next answers. The status 0 closes the connection instead. */
void key_server_answer(struct key_server *server, int status, struct slice text);
/* From now on requests wait until key_server_resume(). */
void key_server_pause(struct key_server *server);
void key_server_resume(struct key_server *server);

/* Returns how many requests have come. */
unsigned key_server_requests(struct key_server *server);
/* Waits until this many have come. */
void key_server_await(struct key_server *server, unsigned requests);

#endif
