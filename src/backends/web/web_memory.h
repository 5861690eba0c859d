/* libcurl's memory: it is cleared before it is freed, since requests contain passwords. */
#ifndef LEVERET_BACKENDS_WEB_MEMORY_H
#define LEVERET_BACKENDS_WEB_MEMORY_H

/* Initializes libcurl, unless it is initialized; returns 0 or ERR_IO. The first call in a process
 * decides for all modules which memory libcurl uses. Any thread. */
int web_memory_init(void);

#endif
