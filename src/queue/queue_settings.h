/* A queue's settings: what its arguments and its policies say together.
 *
 * Of a number that both an argument and a policy give the smaller one counts; of anything else the
 * argument. q->settings and q->policy belong to the queue's home (before the queue is in its vhost's
 * table: to whoever makes it), and change between two turns of whatever the home does. */
#ifndef LEVERET_QUEUE_QUEUE_SETTINGS_H
#define LEVERET_QUEUE_QUEUE_SETTINGS_H

#include "broker/policy.h"
#include "queue/queue_arguments.h"

struct queue;

/* Merges. Slices in *ret point into the arguments' table or the policy's definition. With policy
 * NULL *ret is what the arguments say. What a definition says in a wrong type is left out. */
void queue_settings_merge(const struct queue_arguments *arguments,
                          const struct effective_policy *policy, struct queue_arguments *ret);

/* Sends the home what rules the queue now (NULL: nothing). Takes the policy and a reference of the
 * queue. The policy lock is held, so that mail of two changes arrives in their order. */
void queue_settings_mail(struct queue *q, struct effective_policy *policy);

/* Home. q->settings have just changed: whatever depends on them (limits of length, expiry, dead
 * letters) looks again. In queue_messages.c. */
void queue_settings_changed(struct queue *q);

#endif
