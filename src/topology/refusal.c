/* Filling in a refusal, and the reasons for AMQP's reply codes. */
#include "topology/refusal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "wire/wire.h"

enum refusal refusal_of_code(uint16_t code)
{
    switch (code) {
    case REPLY_ACCESS_REFUSED: return REFUSAL_ACCESS;
    case REPLY_NOT_FOUND: return REFUSAL_NOT_FOUND;
    case REPLY_RESOURCE_LOCKED: return REFUSAL_LOCKED;
    case REPLY_PRECONDITION_FAILED:
    case REPLY_COMMAND_INVALID: return REFUSAL_PRECONDITION;
    case REPLY_NOT_ALLOWED: return REFUSAL_ACCESS;
    case REPLY_NOT_IMPLEMENTED: return REFUSAL_NOT_IMPLEMENTED;
    default: return REFUSAL_INTERNAL;
    }
}

static void error_fill(struct broker_error *error, enum refusal refusal, uint16_t code,
                       bool closes_connection, const char *format, va_list args)
{
    lv_assert(code != 0); /* 0 is no error */
    lv_assert(refusal != REFUSAL_NONE);
    error->code = code;
    error->refusal = refusal;
    error->closes_connection = closes_connection;
    vsnprintf(error->text, sizeof error->text, format, args);
}

bool broker_refuse(struct broker_error *error, uint16_t code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_fill(error, refusal_of_code(code), code, false, format, args);
    va_end(args);
    return false;
}

bool broker_refuse_as(struct broker_error *error, enum refusal refusal, uint16_t code,
                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_fill(error, refusal, code, false, format, args);
    va_end(args);
    return false;
}

bool broker_refuse_connection(struct broker_error *error, uint16_t code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_fill(error, refusal_of_code(code), code, true, format, args);
    va_end(args);
    return false;
}
