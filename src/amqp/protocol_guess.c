/* What the first bytes of a connection look like, if they are not a protocol header of AMQP
 * 0-9-1. */
#include <string.h>

#include "amqp/connection.h"

static const struct {
    const char *begin;
    size_t n;
    const char *what;
} protocols[] = {
#define BEGINS(text, what)                                                                         \
    {                                                                                              \
        text, sizeof(text) - 1, what                                                               \
    }
    BEGINS("\x16\x03", "TLS, which this port does not speak"),
    BEGINS("AMQP\x00\x01\x00\x00", "AMQP 1.0, which this version does not speak"),
    BEGINS("AMQP\x03\x01\x00\x00", "AMQP 1.0 (SASL), which this version does not speak"),
    BEGINS("AMQP\x02\x01\x00\x00", "AMQP 1.0 (TLS), which this version does not speak"),
    BEGINS("AMQP", "another version of AMQP"),
    BEGINS("GET ", "an HTTP request"),
    BEGINS("HEAD ", "an HTTP request"),
    BEGINS("POST ", "an HTTP request"),
    BEGINS("PUT ", "an HTTP request"),
    BEGINS("DELETE ", "an HTTP request"),
    BEGINS("OPTIONS ", "an HTTP request"),
    BEGINS("CONNECT ", "an HTTP request"),
    BEGINS("PRI * HT", "an HTTP/2 request"),
    BEGINS("CONNECT\n", "STOMP, which this version does not speak"),
    BEGINS("CONNECT\r", "STOMP, which this version does not speak"),
    BEGINS("STOMP\n", "STOMP, which this version does not speak"),
    BEGINS("STOMP\r", "STOMP, which this version does not speak"),
    BEGINS("PROXY ", "the PROXY protocol, which is not expected here"),
    BEGINS("\r\n\r\n\0\r\nQ", "the PROXY protocol, which is not expected here"),
    BEGINS("SSH-", "SSH"),
#undef BEGINS
};

/* CONNECT, in MQTT 3.1, 3.1.1 and 5: a type octet, the length in one to four, the protocol's
 * name. */
static bool is_mqtt(const uint8_t *p, size_t n)
{
    size_t at = 1;
    while (at < n && at < 4 && (p[at] & 0x80))
        at++;
    return n >= at + 5 && p[0] == 0x10 && p[at + 1] == 0 && memcmp(p + at + 3, "MQ", 2) == 0;
}

const char *protocol_guess(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        if (n >= protocols[i].n && memcmp(p, protocols[i].begin, protocols[i].n) == 0)
            return protocols[i].what;
    }
    return is_mqtt(p, n) ? "MQTT, which this version does not speak" : "no protocol known here";
}
