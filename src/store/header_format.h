/* How a message's header bytes are encoded: one octet, which the log and the segments store with
 * each message, and struct message has in memory. A message keeps the header it was published with.
 *
 * The numbers are part of the formats on disk (docs/formats/log.md): a number is never reused, and
 * a changed encoding gets a new one. The first release of Leveret that writes one of the
 * reserved numbers raises LOG_FORMAT_VERSION, so that an earlier release, which could not deliver
 * such messages, refuses to open the data directory instead of misreading it. */
#ifndef LEVERET_STORE_HEADER_FORMAT_H
#define LEVERET_STORE_HEADER_FORMAT_H

enum header_format {
    HEADER_AMQP_0_9_1, /* property flags and values of a content header */
    HEADER_MQTT,       /* reserved: nothing writes it yet */
    HEADER_AMQP_1_0,   /* reserved: nothing writes it yet */
    HEADER_FORMATS
};

#endif
