/* Whether an identity may do what a front end asks of the broker on its behalf.
 *
 * auth_allows() answers for one name; these functions know which names and which permissions a
 * whole request needs: declaring a queue with a dead letter exchange needs three of them. Each
 * returns true, or false with `error` filled in: ACCESS_REFUSED (403) in RabbitMQ's words, unless
 * its comment says more. `error` is changed on refusal only.
 *
 * If a backend elsewhere must be asked first, they return false with the reason REFUSAL_UNANSWERED:
 * the caller waits (auth_await()) and asks again.
 *
 * Any thread; each is a few lookups and pattern matches. A caller that asks for every message keeps
 * the answer beside auth_generation(). */
#ifndef LEVERET_AUTH_ACCESS_H
#define LEVERET_AUTH_ACCESS_H

#include "auth/auth.h"
#include "broker/broker.h"
#include "queue/queue.h"
#include "topology/binding.h"
#include "topology/exchange.h"
#include "wire/properties.h"

/* Returns true if the identity may enter the vhost, whether or not there is one. The refusal is
 * NOT_ALLOWED. */
bool access_vhost(struct auth_identity *who, struct slice vhost, struct broker_error *error);

/* Returns true if the identity may do this to the queue or exchange of this name. */
bool access_queue(struct auth_identity *who, struct slice vhost, enum auth_action action,
                  struct slice queue, struct broker_error *error);
bool access_exchange(struct auth_identity *who, struct slice vhost, enum auth_action action,
                     struct slice exchange, struct broker_error *error);

/* Returns true if the identity may publish (AUTH_WRITE) or bind (AUTH_READ) with this routing key
 * at this exchange, as topic permissions say. */
bool access_topic(struct auth_identity *who, struct slice vhost, struct slice exchange,
                  enum auth_action action, struct slice routing_key, struct broker_error *error);

/* Declaring needs configure. A new queue with a dead letter exchange also needs read on itself and
 * write on that exchange; a new exchange with an alternate exchange likewise. (With
 * d->only_if_there nothing new is made, so configure is enough.) A passive declaration needs
 * nothing. */
bool access_declare_queue(struct auth_identity *who, struct slice vhost,
                          const struct queue_declaration *d, struct broker_error *error);
bool access_declare_exchange(struct auth_identity *who, struct slice vhost,
                             const struct exchange_declaration *d, struct broker_error *error);

/* Binding and unbinding need write on the destination, read on the source, and, if that is a topic
 * exchange, read on the routing key. A binding of the default exchange, which the broker
 * refuses for another reason, is allowed here. */
bool access_bind(struct auth_identity *who, struct vhost *vhost,
                 const struct binding_request *request, struct broker_error *error);

/* Returns the exchange of this name if the identity may publish to it with this key: that needs
 * write on it and, if it is a topic exchange, on the key. Returns NULL if it may not, if the
 * exchange is internal (also ACCESS_REFUSED), or if there is none (NOT_FOUND). The exchange is
 * valid until the end of the turn. */
struct exchange *access_publish(struct auth_identity *who, struct vhost *vhost,
                                struct slice exchange, struct slice routing_key,
                                struct broker_error *error);

/* Returns true if the user-id among these properties, if there is one, is the identity's own name,
 * or the identity may pretend to be others. The refusal is PRECONDITION_FAILED. */
bool access_user_id(const struct auth_identity *who, const struct properties *props,
                    struct broker_error *error);

#endif
