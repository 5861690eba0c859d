/* What the broker does for exchanges (topology/exchange.h). */
#ifndef LEVERET_BROKER_EXCHANGE_HOOKS_H
#define LEVERET_BROKER_EXCHANGE_HOOKS_H

struct exchange_hooks;

extern const struct exchange_hooks broker_exchange_hooks;

#endif
