/* All methods of AMQP 0-9-1 and of RabbitMQ's extensions, defined once, in AMQP_METHODS.
 *
 * A row such as queue.declare defines
 *
 *   struct amqp_queue_declare        its fields, by the specification's names
 *   AMQP_QUEUE_DECLARE               its id: class in the upper 16 bits, method in the lower
 *   amqp_queue_declare_read()        arguments -> struct
 *   amqp_queue_declare_size()        bytes of the entire frame
 *   amqp_queue_declare_put()         struct -> entire frame
 *   amqp_method_find()'s entry       its name and fields, for logs and dumps
 *
 * They are inline, so the reader and writer of a frequent method compile to straight code.
 *
 * `enum wire_result amqp_X_read(struct slice args, struct amqp_X *ret)` decodes the payload that
 * follows class and method id. *ret borrows from args and is changed on WIRE_OK only; a table in it
 * has then been checked by table_is_valid(). Trailing bytes are WIRE_MALFORMED, as in RabbitMQ.
 *
 * `size_t amqp_X_size(const struct amqp_X *m)` returns the size of the frame, overhead included.
 *
 * `uint8_t *amqp_X_put(uint8_t *p, uint16_t channel, const struct amqp_X *m)` writes that frame
 * (header, class, method, arguments, end octet) at p, where the caller has made room for
 * amqp_X_size() bytes, and returns its end. Short strings have at most SHORTSTR_BYTES_MAX bytes:
 * asserted.
 *
 * All of it is pure; any thread. */
#ifndef LEVERET_WIRE_METHODS_H
#define LEVERET_WIRE_METHODS_H

#include "base/buffer.h"
#include "wire/table.h"
#include "wire/wire.h"

/* A row of the table is
 *
 *     METHOD(class, method, ID, class id, method id, synchronous, has content)
 *         FIELD(type, name)
 *     END(class, method, class id, method id)
 *
 * Adjacent bits share an octet: bit0 begins one, the others follow in it. A short string of type
 * `shortstr` must be UTF-8; `rawstr` is the same on the wire but is not checked, as RabbitMQ does
 * in the methods that carry content. `nothing` takes no bytes: it keeps the struct of a method
 * without arguments from being empty.
 *
 * A name has an underscore where the specification has a hyphen, as in RabbitMQ's texts. */
/* clang-format off */
#define AMQP_METHODS(METHOD, FIELD, END)                                                           \
    METHOD(connection, start, CONNECTION_START, 10, 10, true, false)                               \
        FIELD(octet, version_major)                                                                \
        FIELD(octet, version_minor)                                                                \
        FIELD(table, server_properties)                                                            \
        FIELD(longstr, mechanisms)                                                                 \
        FIELD(longstr, locales)                                                                    \
    END(connection, start, 10, 10)                                                                 \
    METHOD(connection, start_ok, CONNECTION_START_OK, 10, 11, false, false)                        \
        FIELD(table, client_properties)                                                            \
        FIELD(shortstr, mechanism)                                                                 \
        FIELD(longstr, response)                                                                   \
        FIELD(shortstr, locale)                                                                    \
    END(connection, start_ok, 10, 11)                                                              \
    METHOD(connection, secure, CONNECTION_SECURE, 10, 20, true, false)                             \
        FIELD(longstr, challenge)                                                                  \
    END(connection, secure, 10, 20)                                                                \
    METHOD(connection, secure_ok, CONNECTION_SECURE_OK, 10, 21, false, false)                      \
        FIELD(longstr, response)                                                                   \
    END(connection, secure_ok, 10, 21)                                                             \
    METHOD(connection, tune, CONNECTION_TUNE, 10, 30, true, false)                                 \
        FIELD(short, channel_max)                                                                  \
        FIELD(long, frame_max)                                                                     \
        FIELD(short, heartbeat)                                                                    \
    END(connection, tune, 10, 30)                                                                  \
    METHOD(connection, tune_ok, CONNECTION_TUNE_OK, 10, 31, false, false)                          \
        FIELD(short, channel_max)                                                                  \
        FIELD(long, frame_max)                                                                     \
        FIELD(short, heartbeat)                                                                    \
    END(connection, tune_ok, 10, 31)                                                               \
    METHOD(connection, open, CONNECTION_OPEN, 10, 40, true, false)                                 \
        FIELD(shortstr, virtual_host)                                                              \
        FIELD(shortstr, reserved1)                                                                 \
        FIELD(bit0, reserved2)                                                                     \
    END(connection, open, 10, 40)                                                                  \
    METHOD(connection, open_ok, CONNECTION_OPEN_OK, 10, 41, false, false)                          \
        FIELD(shortstr, reserved1)                                                                 \
    END(connection, open_ok, 10, 41)                                                               \
    METHOD(connection, close, CONNECTION_CLOSE, 10, 50, true, false)                               \
        FIELD(short, reply_code)                                                                   \
        FIELD(shortstr, reply_text)                                                                \
        FIELD(short, class_id)                                                                     \
        FIELD(short, method_id)                                                                    \
    END(connection, close, 10, 50)                                                                 \
    METHOD(connection, close_ok, CONNECTION_CLOSE_OK, 10, 51, false, false)                        \
        FIELD(nothing, none)                                                                       \
    END(connection, close_ok, 10, 51)                                                              \
    METHOD(connection, blocked, CONNECTION_BLOCKED, 10, 60, false, false)                          \
        FIELD(shortstr, reason)                                                                    \
    END(connection, blocked, 10, 60)                                                               \
    METHOD(connection, unblocked, CONNECTION_UNBLOCKED, 10, 61, false, false)                      \
        FIELD(nothing, none)                                                                       \
    END(connection, unblocked, 10, 61)                                                             \
    METHOD(connection, update_secret, CONNECTION_UPDATE_SECRET, 10, 70, true, false)               \
        FIELD(longstr, new_secret)                                                                 \
        FIELD(shortstr, reason)                                                                    \
    END(connection, update_secret, 10, 70)                                                         \
    METHOD(connection, update_secret_ok, CONNECTION_UPDATE_SECRET_OK, 10, 71, false, false)        \
        FIELD(nothing, none)                                                                       \
    END(connection, update_secret_ok, 10, 71)                                                      \
                                                                                                   \
    METHOD(channel, open, CHANNEL_OPEN, 20, 10, true, false)                                       \
        FIELD(shortstr, reserved1)                                                                 \
    END(channel, open, 20, 10)                                                                     \
    METHOD(channel, open_ok, CHANNEL_OPEN_OK, 20, 11, false, false)                                \
        FIELD(longstr, reserved1)                                                                  \
    END(channel, open_ok, 20, 11)                                                                  \
    METHOD(channel, flow, CHANNEL_FLOW, 20, 20, true, false)                                       \
        FIELD(bit0, active)                                                                        \
    END(channel, flow, 20, 20)                                                                     \
    METHOD(channel, flow_ok, CHANNEL_FLOW_OK, 20, 21, false, false)                                \
        FIELD(bit0, active)                                                                        \
    END(channel, flow_ok, 20, 21)                                                                  \
    METHOD(channel, close, CHANNEL_CLOSE, 20, 40, true, false)                                     \
        FIELD(short, reply_code)                                                                   \
        FIELD(shortstr, reply_text)                                                                \
        FIELD(short, class_id)                                                                     \
        FIELD(short, method_id)                                                                    \
    END(channel, close, 20, 40)                                                                    \
    METHOD(channel, close_ok, CHANNEL_CLOSE_OK, 20, 41, false, false)                              \
        FIELD(nothing, none)                                                                       \
    END(channel, close_ok, 20, 41)                                                                 \
                                                                                                   \
    METHOD(access, request, ACCESS_REQUEST, 30, 10, true, false)                                   \
        FIELD(shortstr, realm)                                                                     \
        FIELD(bit0, exclusive)                                                                     \
        FIELD(bit1, passive)                                                                       \
        FIELD(bit2, active)                                                                        \
        FIELD(bit3, write)                                                                         \
        FIELD(bit4, read)                                                                          \
    END(access, request, 30, 10)                                                                   \
    METHOD(access, request_ok, ACCESS_REQUEST_OK, 30, 11, false, false)                            \
        FIELD(short, reserved1)                                                                    \
    END(access, request_ok, 30, 11)                                                                \
                                                                                                   \
    METHOD(exchange, declare, EXCHANGE_DECLARE, 40, 10, true, false)                               \
        FIELD(short, reserved1)                                                                    \
        FIELD(shortstr, exchange)                                                                  \
        FIELD(shortstr, type)                                                                      \
        FIELD(bit0, passive)                                                                       \
        FIELD(bit1, durable)                                                                       \
        FIELD(bit2, auto_delete)                                                                   \
        FIELD(bit3, internal)                                                                      \
        FIELD(bit4, no_wait)                                                                       \
        FIELD(table, arguments)                                                                    \
    END(exchange, declare, 40, 10)                                                                 \
    METHOD(exchange, declare_ok, EXCHANGE_DECLARE_OK, 40, 11, false, false)                        \
        FIELD(nothing, none)                                                                       \
    END(exchange, declare_ok, 40, 11)                                                              \
    METHOD(exchange, delete, EXCHANGE_DELETE, 40, 20, true, false)                                 \
        FIELD(short, reserved1)                                                                    \
        FIELD(shortstr, exchange)                                                                  \
        FIELD(bit0, if_unused)                                                                     \
        FIELD(bit1, no_wait)                                                                       \
    END(exchange, delete, 40, 20)                                                                  \
    METHOD(exchange, delete_ok, EXCHANGE_DELETE_OK, 40, 21, false, false)                          \
        FIELD(nothing, none)                                                                       \
    END(exchange, delete_ok, 40, 21)                                                               \
    METHOD(exchange, bind, EXCHANGE_BIND, 40, 30, true, false)                                     \
        FIELD(short, reserved1)                                                                    \
        FIELD(shortstr, destination)                                                               \
        FIELD(shortstr, source)                                                                    \
        FIELD(shortstr, routing_key)                                                               \
        FIELD(bit0, no_wait)                                                                       \
        FIELD(table, arguments)                                                                    \
    END(exchange, bind, 40, 30)                                                                    \
    METHOD(exchange, bind_ok, EXCHANGE_BIND_OK, 40, 31, false, false)                              \
        FIELD(nothing, none)                                                                       \
    END(exchange, bind_ok, 40, 31)                                                                 \
    METHOD(exchange, unbind, EXCHANGE_UNBIND, 40, 40, true, false)                                 \
        FIELD(short, reserved1)                                                                    \
        FIELD(shortstr, destination)                                                               \
        FIELD(shortstr, source)                                                                    \
        FIELD(shortstr, routing_key)                                                               \
        FIELD(bit0, no_wait)                                                                       \
        FIELD(table, arguments)                                                                    \
    END(exchange, unbind, 40, 40)                                                                  \
    METHOD(exchange, unbind_ok, EXCHANGE_UNBIND_OK, 40, 51, false, false)                          \
        FIELD(nothing, none)                                                                       \
    END(exchange, unbind_ok, 40, 51)                                                               \
                                                                                                   \
    METHOD(queue, declare, QUEUE_DECLARE, 50, 10, true, false)                                     \
        FIELD(short, reserved1)                                                                    \
        FIELD(shortstr, queue)                                                                     \
        FIELD(bit0, passive)                                                                       \
        FIELD(bit1, durable)                                                                       \
        FIELD(bit2, exclusive)                                                                     \
        FIELD(bit3, auto_delete)                                                                   \
        FIELD(bit4, no_wait)                                                                       \
        FIELD(table, arguments)                                                                    \
    END(queue, declare, 50, 10)                                                                    \
    METHOD(queue, declare_ok, QUEUE_DECLARE_OK, 50, 11, false, false)                              \
        FIELD(shortstr, queue)                                                                     \
        FIELD(long, message_count)                                                                 \
        FIELD(long, consumer_count)                                                                \
    END(queue, declare_ok, 50, 11)                                                                 \
    METHOD(queue, bind, QUEUE_BIND, 50, 20, true, false)                                           \
        FIELD(short, reserved1)                                                                    \
        FIELD(shortstr, queue)                                                                     \
        FIELD(shortstr, exchange)                                                                  \
        FIELD(shortstr, routing_key)                                                               \
        FIELD(bit0, no_wait)                                                                       \
        FIELD(table, arguments)                                                                    \
    END(queue, bind, 50, 20)                                                                       \
    METHOD(queue, bind_ok, QUEUE_BIND_OK, 50, 21, false, false)                                    \
        FIELD(nothing, none)                                                                       \
    END(queue, bind_ok, 50, 21)                                                                    \
    METHOD(queue, purge, QUEUE_PURGE, 50, 30, true, false)                                         \
        FIELD(short, reserved1)                                                                    \
        FIELD(shortstr, queue)                                                                     \
        FIELD(bit0, no_wait)                                                                       \
    END(queue, purge, 50, 30)                                                                      \
    METHOD(queue, purge_ok, QUEUE_PURGE_OK, 50, 31, false, false)                                  \
        FIELD(long, message_count)                                                                 \
    END(queue, purge_ok, 50, 31)                                                                   \
    METHOD(queue, delete, QUEUE_DELETE, 50, 40, true, false)                                       \
        FIELD(short, reserved1)                                                                    \
        FIELD(shortstr, queue)                                                                     \
        FIELD(bit0, if_unused)                                                                     \
        FIELD(bit1, if_empty)                                                                      \
        FIELD(bit2, no_wait)                                                                       \
    END(queue, delete, 50, 40)                                                                     \
    METHOD(queue, delete_ok, QUEUE_DELETE_OK, 50, 41, false, false)                                \
        FIELD(long, message_count)                                                                 \
    END(queue, delete_ok, 50, 41)                                                                  \
    METHOD(queue, unbind, QUEUE_UNBIND, 50, 50, true, false)                                       \
        FIELD(short, reserved1)                                                                    \
        FIELD(shortstr, queue)                                                                     \
        FIELD(shortstr, exchange)                                                                  \
        FIELD(shortstr, routing_key)                                                               \
        FIELD(table, arguments)                                                                    \
    END(queue, unbind, 50, 50)                                                                     \
    METHOD(queue, unbind_ok, QUEUE_UNBIND_OK, 50, 51, false, false)                                \
        FIELD(nothing, none)                                                                       \
    END(queue, unbind_ok, 50, 51)                                                                  \
                                                                                                   \
    METHOD(basic, qos, BASIC_QOS, 60, 10, true, false)                                             \
        FIELD(long, prefetch_size)                                                                 \
        FIELD(short, prefetch_count)                                                               \
        FIELD(bit0, global)                                                                        \
    END(basic, qos, 60, 10)                                                                        \
    METHOD(basic, qos_ok, BASIC_QOS_OK, 60, 11, false, false)                                      \
        FIELD(nothing, none)                                                                       \
    END(basic, qos_ok, 60, 11)                                                                     \
    METHOD(basic, consume, BASIC_CONSUME, 60, 20, true, false)                                     \
        FIELD(short, reserved1)                                                                    \
        FIELD(shortstr, queue)                                                                     \
        FIELD(shortstr, consumer_tag)                                                              \
        FIELD(bit0, no_local)                                                                      \
        FIELD(bit1, no_ack)                                                                        \
        FIELD(bit2, exclusive)                                                                     \
        FIELD(bit3, no_wait)                                                                       \
        FIELD(table, arguments)                                                                    \
    END(basic, consume, 60, 20)                                                                    \
    METHOD(basic, consume_ok, BASIC_CONSUME_OK, 60, 21, false, false)                              \
        FIELD(shortstr, consumer_tag)                                                              \
    END(basic, consume_ok, 60, 21)                                                                 \
    METHOD(basic, cancel, BASIC_CANCEL, 60, 30, true, false)                                       \
        FIELD(shortstr, consumer_tag)                                                              \
        FIELD(bit0, no_wait)                                                                       \
    END(basic, cancel, 60, 30)                                                                     \
    METHOD(basic, cancel_ok, BASIC_CANCEL_OK, 60, 31, false, false)                                \
        FIELD(shortstr, consumer_tag)                                                              \
    END(basic, cancel_ok, 60, 31)                                                                  \
    METHOD(basic, publish, BASIC_PUBLISH, 60, 40, false, true)                                     \
        FIELD(short, reserved1)                                                                    \
        FIELD(rawstr, exchange)                                                                    \
        FIELD(rawstr, routing_key)                                                                 \
        FIELD(bit0, mandatory)                                                                     \
        FIELD(bit1, immediate)                                                                     \
    END(basic, publish, 60, 40)                                                                    \
    METHOD(basic, return, BASIC_RETURN, 60, 50, false, true)                                       \
        FIELD(short, reply_code)                                                                   \
        FIELD(rawstr, reply_text)                                                                  \
        FIELD(rawstr, exchange)                                                                    \
        FIELD(rawstr, routing_key)                                                                 \
    END(basic, return, 60, 50)                                                                     \
    METHOD(basic, deliver, BASIC_DELIVER, 60, 60, false, true)                                     \
        FIELD(rawstr, consumer_tag)                                                                \
        FIELD(longlong, delivery_tag)                                                              \
        FIELD(bit0, redelivered)                                                                   \
        FIELD(rawstr, exchange)                                                                    \
        FIELD(rawstr, routing_key)                                                                 \
    END(basic, deliver, 60, 60)                                                                    \
    METHOD(basic, get, BASIC_GET, 60, 70, true, false)                                             \
        FIELD(short, reserved1)                                                                    \
        FIELD(shortstr, queue)                                                                     \
        FIELD(bit0, no_ack)                                                                        \
    END(basic, get, 60, 70)                                                                        \
    METHOD(basic, get_ok, BASIC_GET_OK, 60, 71, false, true)                                       \
        FIELD(longlong, delivery_tag)                                                              \
        FIELD(bit0, redelivered)                                                                   \
        FIELD(rawstr, exchange)                                                                    \
        FIELD(rawstr, routing_key)                                                                 \
        FIELD(long, message_count)                                                                 \
    END(basic, get_ok, 60, 71)                                                                     \
    METHOD(basic, get_empty, BASIC_GET_EMPTY, 60, 72, false, false)                                \
        FIELD(shortstr, reserved1)                                                                 \
    END(basic, get_empty, 60, 72)                                                                  \
    METHOD(basic, ack, BASIC_ACK, 60, 80, false, false)                                            \
        FIELD(longlong, delivery_tag)                                                              \
        FIELD(bit0, multiple)                                                                      \
    END(basic, ack, 60, 80)                                                                        \
    METHOD(basic, reject, BASIC_REJECT, 60, 90, false, false)                                      \
        FIELD(longlong, delivery_tag)                                                              \
        FIELD(bit0, requeue)                                                                       \
    END(basic, reject, 60, 90)                                                                     \
    METHOD(basic, recover_async, BASIC_RECOVER_ASYNC, 60, 100, false, false)                       \
        FIELD(bit0, requeue)                                                                       \
    END(basic, recover_async, 60, 100)                                                             \
    METHOD(basic, recover, BASIC_RECOVER, 60, 110, true, false)                                    \
        FIELD(bit0, requeue)                                                                       \
    END(basic, recover, 60, 110)                                                                   \
    METHOD(basic, recover_ok, BASIC_RECOVER_OK, 60, 111, false, false)                             \
        FIELD(nothing, none)                                                                       \
    END(basic, recover_ok, 60, 111)                                                                \
    METHOD(basic, nack, BASIC_NACK, 60, 120, false, false)                                         \
        FIELD(longlong, delivery_tag)                                                              \
        FIELD(bit0, multiple)                                                                      \
        FIELD(bit1, requeue)                                                                       \
    END(basic, nack, 60, 120)                                                                      \
                                                                                                   \
    METHOD(confirm, select, CONFIRM_SELECT, 85, 10, true, false)                                   \
        FIELD(bit0, no_wait)                                                                       \
    END(confirm, select, 85, 10)                                                                   \
    METHOD(confirm, select_ok, CONFIRM_SELECT_OK, 85, 11, false, false)                            \
        FIELD(nothing, none)                                                                       \
    END(confirm, select_ok, 85, 11)                                                                \
                                                                                                   \
    METHOD(tx, select, TX_SELECT, 90, 10, true, false)                                             \
        FIELD(nothing, none)                                                                       \
    END(tx, select, 90, 10)                                                                        \
    METHOD(tx, select_ok, TX_SELECT_OK, 90, 11, false, false)                                      \
        FIELD(nothing, none)                                                                       \
    END(tx, select_ok, 90, 11)                                                                     \
    METHOD(tx, commit, TX_COMMIT, 90, 20, true, false)                                             \
        FIELD(nothing, none)                                                                       \
    END(tx, commit, 90, 20)                                                                        \
    METHOD(tx, commit_ok, TX_COMMIT_OK, 90, 21, false, false)                                      \
        FIELD(nothing, none)                                                                       \
    END(tx, commit_ok, 90, 21)                                                                     \
    METHOD(tx, rollback, TX_ROLLBACK, 90, 30, true, false)                                         \
        FIELD(nothing, none)                                                                       \
    END(tx, rollback, 90, 30)                                                                      \
    METHOD(tx, rollback_ok, TX_ROLLBACK_OK, 90, 31, false, false)                                  \
        FIELD(nothing, none)                                                                       \
    END(tx, rollback_ok, 90, 31)

/* The C type of each type of field, how it is read from `r` and checked, how many bytes it has, and
 * how it is written at `p`. `bits` is the octet of bits that is being read or written. */
#define AMQP_C_octet    uint8_t
#define AMQP_C_short    uint16_t
#define AMQP_C_long     uint32_t
#define AMQP_C_longlong uint64_t
#define AMQP_C_shortstr struct slice
#define AMQP_C_rawstr   struct slice
#define AMQP_C_longstr  struct slice
#define AMQP_C_table    struct slice
#define AMQP_C_bit0     bool
#define AMQP_C_bit1     bool
#define AMQP_C_bit2     bool
#define AMQP_C_bit3     bool
#define AMQP_C_bit4     bool
#define AMQP_C_nothing  uint8_t

#define AMQP_READ_octet    wire_read_u8(&r)
#define AMQP_READ_short    wire_read_u16(&r)
#define AMQP_READ_long     wire_read_u32(&r)
#define AMQP_READ_longlong wire_read_u64(&r)
#define AMQP_READ_shortstr wire_read_shortstr(&r)
#define AMQP_READ_rawstr   wire_read_shortstr(&r)
#define AMQP_READ_longstr  wire_read_longstr(&r)
#define AMQP_READ_table    wire_read_table(&r)
#define AMQP_READ_bit0     ((bits = wire_read_u8(&r)) & 1)
#define AMQP_READ_bit1     (bits >> 1 & 1)
#define AMQP_READ_bit2     (bits >> 2 & 1)
#define AMQP_READ_bit3     (bits >> 3 & 1)
#define AMQP_READ_bit4     (bits >> 4 & 1)
#define AMQP_READ_nothing  0

#define AMQP_CHECK_octet(v)
#define AMQP_CHECK_short(v)
#define AMQP_CHECK_long(v)
#define AMQP_CHECK_longlong(v)
#define AMQP_CHECK_shortstr(v) if (!wire_is_utf8(v)) return WIRE_BAD_UTF8;
#define AMQP_CHECK_rawstr(v)
#define AMQP_CHECK_longstr(v)
#define AMQP_CHECK_table(v)    if ((v).n > 0 && !table_is_valid(v)) return WIRE_BAD_TABLE;
#define AMQP_CHECK_bit0(v)
#define AMQP_CHECK_bit1(v)
#define AMQP_CHECK_bit2(v)
#define AMQP_CHECK_bit3(v)
#define AMQP_CHECK_bit4(v)
#define AMQP_CHECK_nothing(v)

#define AMQP_SIZE_octet(v)    1
#define AMQP_SIZE_short(v)    2
#define AMQP_SIZE_long(v)     4
#define AMQP_SIZE_longlong(v) 8
#define AMQP_SIZE_shortstr(v) 1 + (v).n
#define AMQP_SIZE_rawstr(v)   1 + (v).n
#define AMQP_SIZE_longstr(v)  4 + (v).n
#define AMQP_SIZE_table(v)    4 + (v).n
#define AMQP_SIZE_bit0(v)     1
#define AMQP_SIZE_bit1(v)     0
#define AMQP_SIZE_bit2(v)     0
#define AMQP_SIZE_bit3(v)     0
#define AMQP_SIZE_bit4(v)     0
#define AMQP_SIZE_nothing(v)  0

#define AMQP_PUT_octet(v)    p = wire_put_u8(p, v);
#define AMQP_PUT_short(v)    p = wire_put_u16(p, v);
#define AMQP_PUT_long(v)     p = wire_put_u32(p, v);
#define AMQP_PUT_longlong(v) p = wire_put_u64(p, v);
#define AMQP_PUT_shortstr(v) p = wire_put_shortstr(p, v);
#define AMQP_PUT_rawstr(v)   p = wire_put_shortstr(p, v);
#define AMQP_PUT_longstr(v)  p = wire_put_longstr(p, v);
#define AMQP_PUT_table(v)    p = wire_put_longstr(p, v);
#define AMQP_PUT_bit0(v)     bits = (unsigned)(v); p = wire_put_u8(p, (uint8_t)bits);
#define AMQP_PUT_bit1(v)     bits |= (unsigned)(v) << 1; p[-1] = (uint8_t)bits;
#define AMQP_PUT_bit2(v)     bits |= (unsigned)(v) << 2; p[-1] = (uint8_t)bits;
#define AMQP_PUT_bit3(v)     bits |= (unsigned)(v) << 3; p[-1] = (uint8_t)bits;
#define AMQP_PUT_bit4(v)     bits |= (unsigned)(v) << 4; p[-1] = (uint8_t)bits;
#define AMQP_PUT_nothing(v)

#define AMQP_NO_FIELD(type, name)
#define AMQP_NO_END(class, method, class_id, method_id)

/* The ids. */
enum amqp_method_id {
#define AMQP_ID_METHOD(class, method, id, class_id, method_id, synchronous, content)               \
    AMQP_##id = ((class_id##u) << 16) | (method_id##u),
    AMQP_METHODS(AMQP_ID_METHOD, AMQP_NO_FIELD, AMQP_NO_END)
#undef AMQP_ID_METHOD
};

/* The structs. */
#define AMQP_STRUCT_METHOD(class, method, ...) struct amqp_##class##_##method {
#define AMQP_STRUCT_FIELD(type, name) AMQP_C_##type name;
#define AMQP_STRUCT_END(class, method, class_id, method_id)                                        \
    }                                                                                              \
    ;
AMQP_METHODS(AMQP_STRUCT_METHOD, AMQP_STRUCT_FIELD, AMQP_STRUCT_END)
#undef AMQP_STRUCT_METHOD
#undef AMQP_STRUCT_FIELD
#undef AMQP_STRUCT_END

/* The checks beyond lengths, in the order of the fields. amqp_X_read() calls them. */
#define AMQP_CHECK_METHOD(class, method, ...)                                                      \
    static inline enum wire_result amqp_##class##_##method##_check(                                \
        const struct amqp_##class##_##method *m)                                                   \
    {                                                                                              \
        (void)m;
#define AMQP_CHECK_FIELD(type, name) AMQP_CHECK_##type(m->name)
#define AMQP_CHECK_END(class, method, class_id, method_id)                                         \
    return WIRE_OK;                                                                                \
    }
AMQP_METHODS(AMQP_CHECK_METHOD, AMQP_CHECK_FIELD, AMQP_CHECK_END)
#undef AMQP_CHECK_METHOD
#undef AMQP_CHECK_FIELD
#undef AMQP_CHECK_END

/* The readers. */
#define AMQP_READ_METHOD(class, method, ...)                                                       \
    __attribute__((warn_unused_result)) static inline enum wire_result                             \
    amqp_##class##_##method##_read(struct slice args, struct amqp_##class##_##method *ret)         \
    {                                                                                              \
        struct wire_reader r = wire_reader_of(args);                                               \
        struct amqp_##class##_##method m;                                                          \
        uint8_t bits = 0;                                                                          \
        (void)bits;
#define AMQP_READ_FIELD(type, name) m.name = AMQP_READ_##type;
#define AMQP_READ_END(class, method, class_id, method_id)                                          \
    if (__builtin_expect(!wire_reader_is_done(&r), 0))                                             \
        return WIRE_MALFORMED;                                                                     \
    enum wire_result result = amqp_##class##_##method##_check(&m);                                 \
    if (result == WIRE_OK)                                                                         \
        *ret = m;                                                                                  \
    return result;                                                                                 \
    }
AMQP_METHODS(AMQP_READ_METHOD, AMQP_READ_FIELD, AMQP_READ_END)
#undef AMQP_READ_METHOD
#undef AMQP_READ_FIELD
#undef AMQP_READ_END

/* The sizes. */
#define AMQP_SIZE_METHOD(class, method, ...)                                                       \
    static inline size_t amqp_##class##_##method##_size(const struct amqp_##class##_##method *m)   \
    {                                                                                              \
        (void)m;                                                                                   \
        return FRAME_OVERHEAD + 4
#define AMQP_SIZE_FIELD(type, name) +AMQP_SIZE_##type(m->name)
#define AMQP_SIZE_END(class, method, class_id, method_id)                                          \
    ;                                                                                              \
    }
AMQP_METHODS(AMQP_SIZE_METHOD, AMQP_SIZE_FIELD, AMQP_SIZE_END)
#undef AMQP_SIZE_METHOD
#undef AMQP_SIZE_FIELD
#undef AMQP_SIZE_END

/* The writers. They work on a copy of *m, which the bytes written cannot overlap, so the compiler
 * need not load a field again after each store. */
#define AMQP_PUT_METHOD(class, method, ID, class_id, method_id, synchronous, content)              \
    static inline uint8_t *amqp_##class##_##method##_put(                                          \
        uint8_t *p, uint16_t channel, const struct amqp_##class##_##method *m)                     \
    {                                                                                              \
        const struct amqp_##class##_##method v = *m;                                               \
        uint8_t *frame = p;                                                                        \
        unsigned bits = 0;                                                                         \
        (void)bits, (void)v;                                                                       \
        p = wire_put_frame_header(p, FRAME_METHOD, channel, 0);                                    \
        p = wire_put_u32(p, (class_id##u) << 16 | (method_id##u));
#define AMQP_PUT_FIELD(type, name) AMQP_PUT_##type(v.name)
#define AMQP_PUT_END(class, method, class_id, method_id)                                           \
    wire_put_u32(frame + 3, (uint32_t)(p - frame) - FRAME_HEADER_BYTES);                           \
    return wire_put_u8(p, FRAME_END);                                                              \
    }
AMQP_METHODS(AMQP_PUT_METHOD, AMQP_PUT_FIELD, AMQP_PUT_END)
#undef AMQP_PUT_METHOD
#undef AMQP_PUT_FIELD
#undef AMQP_PUT_END
/* clang-format on */

/* A row of the table at run time. */
enum amqp_field_type {
    AMQP_FIELD_octet,
    AMQP_FIELD_short,
    AMQP_FIELD_long,
    AMQP_FIELD_longlong,
    AMQP_FIELD_shortstr,
    AMQP_FIELD_rawstr,
    AMQP_FIELD_longstr,
    AMQP_FIELD_table,
    AMQP_FIELD_bit0, /* begins an octet of bits */
    AMQP_FIELD_bit1,
    AMQP_FIELD_bit2,
    AMQP_FIELD_bit3,
    AMQP_FIELD_bit4,
    AMQP_FIELD_nothing,
};

struct amqp_field {
    const char *name; /* "auto_delete" */
    enum amqp_field_type type;
};

struct amqp_method {
    uint32_t id;
    const char *name;    /* "queue.declare", "basic.get_ok" */
    bool synchronous;    /* the sender waits for an answer */
    bool has_content;    /* a content header and a body follow */
    unsigned char count; /* of fields, without `nothing` */
    const struct amqp_field *fields;
};

/* Return the class and the method of an id, as in connection.close and channel.close. */
static inline uint16_t amqp_class_of(uint32_t id)
{
    return (uint16_t)(id >> 16);
}

static inline uint16_t amqp_method_of(uint32_t id)
{
    return (uint16_t)id;
}

/* Returns the method with this id, or NULL. It lives as long as the process. */
const struct amqp_method *amqp_method_find(uint32_t id);

/* Returns what the method's reader returns for these arguments; WIRE_MALFORMED for an unknown
 * id. */
enum wire_result amqp_method_check(uint32_t id, struct slice args);

/* Appends one line of text without its newline: `queue.declare(reserved1=0, queue="q", ...)`. Any
 * id and any bytes are fine; arguments that do not decode are marked as malformed. */
void amqp_method_describe(struct lv_buffer *out, uint32_t id, struct slice args);

#endif
