/* The table of errors, and the sentence that explains the last one of a thread. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct {
    int error;
    char text[256];
} explained;

const char *lv_error_name(int error)
{
    switch (error) {
    case 0: return "OK";
#define ERR_CASE(number, name, sentence)                                                           \
    case name: return #name;
        ERR_MAP(ERR_CASE)
#undef ERR_CASE
    default: return "ERR_UNKNOWN";
    }
}

const char *lv_error_text(int error)
{
    switch (error) {
    case 0: return "no error";
#define ERR_CASE(number, name, sentence)                                                           \
    case name: return sentence;
        ERR_MAP(ERR_CASE)
#undef ERR_CASE
    default: return "unknown error";
    }
}

int lv_error_explain(int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char text[sizeof explained.text]; /* an argument may be explained.text itself */
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(explained.text, text, sizeof text);
    explained.error = error;
    return error;
}

const char *lv_error_reason(int error)
{
    return error < 0 && error == explained.error ? explained.text : lv_error_text(error);
}

int lv_error_from_errno(int number)
{
    switch (number) {
    case ENOMEM: return ERR_NO_MEMORY;
    case ENOSPC:
    case EDQUOT: return ERR_NO_SPACE;
    case ENOENT:
    case ENOTDIR: return ERR_NOT_FOUND;
    case EEXIST: return ERR_EXISTS;
    case EINVAL:
    case ENAMETOOLONG:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT: return ERR_INVALID;
    case EACCES:
    case EPERM:
    case EROFS:
    case ECONNREFUSED: return ERR_REFUSED;
    case EADDRINUSE:
    case EBUSY:
    case ETXTBSY: return ERR_BUSY;
    case EFBIG:
    case E2BIG:
    case EOVERFLOW: return ERR_TOO_LARGE;
    case EPIPE:
    case ECONNRESET:
    case ESHUTDOWN:
    case ENOTCONN: return ERR_CLOSED;
    case EMFILE:
    case ENFILE: return ERR_NO_DESCRIPTORS;
    default: return ERR_IO;
    }
}
