#include "notify/mail.h"

#include "common/program.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Together below two heartbeats of the broker: see worker.h. */
enum { CONNECT_TIMEOUT_MS = 5000, SEND_TIMEOUT_MS = 15000 };
enum { HEADER_BYTES_MAX = 400, DATE_BYTES_MAX = 64 };

/* Writes the text of the mail. The caller frees the result; NULL for want of memory. */
static char *mail_text(const struct order *order)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    int64_t total = order_total_cents(order);
    fprintf(out, "Hello %s,\r\n\r\n", order->customer);
    fprintf(out, "thank you for your order number %" PRId64 ":\r\n\r\n", order->id);
    fprintf(out, "    %d x %s\r\n", order->quantity, order->item);
    fprintf(out, "    %" PRId64 ".%02d EUR together\r\n\r\n", total / 100, (int)(total % 100));
    fputs("We have begun to pack it.\r\n\r\nThe shop\r\n", out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Appends a header line to the list, which it may move. Returns 0, or -1 for want of memory. */
__attribute__((format(printf, 2, 3))) static int add_header(struct curl_slist **headers,
                                                            const char *format, ...)
{
    char line[HEADER_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    struct curl_slist *longer = curl_slist_append(*headers, line);
    if (!longer)
        return -1;
    *headers = longer;
    return 0;
}

/* The same order always has the same Message-ID: a mailbox that gets it twice can tell. */
static int add_headers(struct curl_slist **headers, const struct mail_settings *settings,
                       const struct order *order, bool is_redelivered)
{
    char date[DATE_BYTES_MAX];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &utc);

    int failed = add_header(headers, "From: %s", settings->from);
    failed |= add_header(headers, "To: %s", order->email);
    failed |= add_header(headers, "Subject: Your order %" PRId64, order->id);
    failed |= add_header(headers, "Date: %s", date);
    failed |= add_header(headers, "Message-ID: <order-%" PRId64 "-%" PRId64 "@shop.example>",
                         order->id, order->ordered_at_ms);
    failed |= add_header(headers, "X-Redelivered: %s", is_redelivered ? "true" : "false");
    return failed;
}

static enum mail_result send_with(CURL *curl, char *reason)
{
    char detail[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    if (code == CURLE_OK)
        return MAIL_SENT;
    long answer = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    snprintf(reason, MAIL_REASON_BYTES, "%s", *detail ? detail : curl_easy_strerror(code));
    return answer >= 500 && answer <= 599 ? MAIL_REFUSED : MAIL_LATER;
}

enum mail_result mail_send(const struct mail_settings *settings, const struct order *order,
                           bool is_redelivered, char *reason)
{
    enum mail_result result = MAIL_LATER;
    struct curl_slist *headers = NULL, *recipients = NULL;
    curl_mime *mime = NULL;
    snprintf(reason, MAIL_REASON_BYTES, "out of memory");

    char *text = mail_text(order);
    CURL *curl = curl_easy_init();
    if (!text || !curl || add_headers(&headers, settings, order, is_redelivered) < 0)
        goto out;
    recipients = curl_slist_append(NULL, order->email);
    mime = curl_mime_init(curl);
    curl_mimepart *part = mime ? curl_mime_addpart(mime) : NULL;
    if (!recipients || !part || curl_mime_data(part, text, CURL_ZERO_TERMINATED) != CURLE_OK ||
        curl_mime_type(part, "text/plain; charset=utf-8") != CURLE_OK ||
        curl_mime_encoder(part, "quoted-printable") != CURLE_OK)
        goto out;
    curl_easy_setopt(curl, CURLOPT_URL, settings->smtp_url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)SEND_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, settings->from);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_MIMEPOST, mime);
    result = send_with(curl, reason);

out:
    curl_mime_free(mime);
    curl_slist_free_all(recipients);
    curl_slist_free_all(headers);
    if (curl)
        curl_easy_cleanup(curl);
    free(text);
    return result;
}
