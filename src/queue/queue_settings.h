/* A queue's settings: its arguments merged with its policy.
 *
 * If both an argument and a policy give a number, the smaller one counts; of anything else, the
 * argument's. A queue's settings and policy are used at its home, and change only in a mail of
 * their own. Before the queue is in its vhost's table they are used by the thread that makes it. */
#ifndef LEVERET_QUEUE_QUEUE_SETTINGS_H
#define LEVERET_QUEUE_QUEUE_SETTINGS_H

#include "queue/queue_arguments.h"
#include "topology/effective_policy.h"

struct queue;

/* Merges the arguments and the policy into *ret, whose slices point into the arguments' table or
 * the policy's definition. With policy NULL, *ret equals the arguments. Values of a wrong type in a
 * definition are ignored. Pure. */
void queue_settings_merge(const struct queue_arguments *arguments,
                          const struct effective_policy *policy, struct queue_arguments *ret);

/* Mails the queue's home the policy that applies to it now (NULL: none). Takes the policy and a
 * reference of the queue. The caller holds the policy lock, so that the mail of two changes arrives
 * in their order. */
void queue_settings_mail(struct queue *q, struct effective_policy *policy);

/* Applies new settings: limits of length, expiry, consumers' timeouts. In queue_messages.c. Home.
 */
void queue_settings_changed(struct queue *q);

#endif
