/* The headers of rabbitmq-c, which moved to a directory of their own in its release 0.12. */
#ifndef MIGRATE_RABBITMQ_C_H
#define MIGRATE_RABBITMQ_C_H

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

#endif
