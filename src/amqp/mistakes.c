/* A client's mistakes are answered by closing the channel or the connection, as RabbitMQ does. */
#include <stdarg.h>
#include <stdio.h>

#include "amqp/channel.h"
#include "wire/erlang_text.h"

/* Errors with these codes close the connection; the others close the channel alone. */
static bool code_is_hard(uint16_t code)
{
    return code == REPLY_CONNECTION_FORCED || code == REPLY_INVALID_PATH || code >= 500;
}

void channel_fail(struct channel *ch, uint32_t method, uint16_t code, const char *format, ...)
{
    char text[SHORTSTR_BYTES_MAX];
    va_list args;
    va_start(args, format);
    if (code_is_hard(code)) {
        char whole[600];
        vsnprintf(whole, sizeof whole, format, args);
        va_end(args);
        connection_fail(ch->connection, ch->number, code, method, "%s", whole);
        return;
    }
    va_list args_for_log;
    va_copy(args_for_log, args);
    size_t n = reply_text_make(text, code, format, args);
    va_end(args);
    if (ch->state == CHANNEL_OPEN)
        channel_log_error(ch, code, method, format, args_for_log);
    va_end(args_for_log);
    if (ch->state != CHANNEL_OPEN)
        return;
    channel_flush_confirms(ch);
    channel_shut(ch, CHANNEL_CLOSING);
    CHANNEL_SEND(ch, channel_close, .reply_code = code, .reply_text = slice_of(text, n),
                 .class_id = amqp_class_of(method), .method_id = amqp_method_of(method));
}

void channel_refuse(struct channel *ch, uint32_t method, const struct broker_error *error)
{
    if (error->refusal == REFUSAL_UNANSWERED) {
        channel_await_access(ch, method);
        channel_repeat(ch, method, ch->arguments);
        ch->repeats_declare = method == AMQP_QUEUE_DECLARE;
        return;
    }
    channel_fail(ch, method, error->code, "%s", error->text);
}

void connection_refuse_arguments(struct connection *conn, uint16_t channel, enum wire_result result,
                                 uint32_t method, struct slice args)
{
    if (!connection_is_open(conn) || result == WIRE_BAD_TABLE) {
        connection_drop_for(conn, "cannot decode the arguments of %s",
                            amqp_method_find(method)->name);
        return;
    }
    if (result == WIRE_BAD_UTF8) {
        connection_fail(conn, channel, REPLY_FRAME_ERROR, 0, "Malformed UTF-8 in shortstr");
        return;
    }
    struct lv_buffer bytes = {0};
    erlang_put_numbers(&bytes, args);
    connection_fail(conn, channel, REPLY_FRAME_ERROR, method, "cannot decode %.*s", (int)bytes.n,
                    (const char *)bytes.p);
    lv_buffer_free(&bytes);
}

bool connection_check_method(struct connection *conn, uint16_t channel, uint32_t method,
                             struct slice args)
{
    enum wire_result result = amqp_method_check(method, args);
    if (result == WIRE_OK)
        return true;
    if (amqp_method_find(method))
        connection_refuse_arguments(conn, channel, result, method, args);
    else
        connection_drop_for(conn, "method %u of class %u does not exist", amqp_method_of(method),
                            amqp_class_of(method));
    return false;
}
