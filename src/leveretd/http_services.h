/* What is served over HTTP: the API and the metrics. */
#ifndef LEVERET_LEVERETD_HTTP_SERVICES_H
#define LEVERET_LEVERETD_HTTP_SERVICES_H

struct leveretd;
struct http_services;

/* Creates d->http and listens; if every port is 0, d->http stays NULL. Returns EXIT_OK, or the exit
 * code after logging the reason; the caller calls http_services_stop() in both cases. Call before
 * loops_start(). */
int http_services_open(struct leveretd *d);
/* Starts serving. Returns like http_services_open(). NULL is fine. */
int http_services_start(struct http_services *http);
/* Ends every request and frees all. Clears the pointer. NULL is fine. Call after asker_close(). */
void http_services_stop(struct http_services **http);

#endif
