/* notify: takes orders from the queue order_notify and sends the customer a mail. */
#include "common/broker.h"
#include "common/flags.h"
#include "common/program.h"
#include "common/worker.h"
#include "notify/mail.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdlib.h>

struct notify {
    struct mail_settings mail;
    int delay_ms; /* a pause before the mail, long enough to kill us in the middle of an order */
};

static enum work_result notify_customer(void *context, const struct order *order,
                                        bool is_redelivered)
{
    const struct notify *notify = context;
    char reason[MAIL_REASON_BYTES];

    program_log("order %" PRId64 ": taken, redelivered: %s", order->id,
                is_redelivered ? "yes" : "no");
    if (notify->delay_ms > 0 && program_sleep(notify->delay_ms))
        return WORK_LATER;
    switch (mail_send(&notify->mail, order, is_redelivered, reason)) {
    case MAIL_SENT:
        program_log("order %" PRId64 ": mail to %s sent, %" PRId64 " ms after the order", order->id,
                    order->email, clock_wall_ms() - order->ordered_at_ms);
        return WORK_DONE;
    case MAIL_REFUSED:
        program_log("order %" PRId64 ": the mail server refuses %s for good: %s", order->id,
                    order->email, reason);
        return WORK_REFUSED;
    case MAIL_LATER: break;
    }
    program_log("order %" PRId64 ": no mail yet (%s), back to the queue", order->id, reason);
    return WORK_LATER;
}

int main(int argc, char **argv)
{
    struct broker_settings settings = BROKER_SETTINGS_DEFAULT;
    struct notify notify = {
        .mail = {.smtp_url = "smtp://127.0.0.1:25", .from = "shop@example.org"}};
    int prefetch_count = 8;
    const struct flag flags[] = {
        BROKER_FLAGS(&settings),
        {"--smtp", "SMTP_URL", "the mail server, smtp://host:port", .text = &notify.mail.smtp_url},
        {"--from", "MAIL_FROM", "the shop's address", .text = &notify.mail.from},
        {"--prefetch", "PREFETCH", "orders to be handed out ahead, 1 to 1000",
         .number = &prefetch_count, .number_min = 1, .number_max = 1000},
        {"--delay-ms", "NOTIFY_DELAY_MS", "wait so long before each mail, 0 to 20000 ms",
         .number = &notify.delay_ms, .number_min = 0, .number_max = 20000},
    };
    flags_read(flags, sizeof(flags) / sizeof(*flags),
               "notify: sends a mail for each order on the queue order_notify.", argc, argv);
    program_start("notify");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return EXIT_FAILURE;

    const struct worker worker = {
        .route = &order_routes[ORDER_NOTIFY],
        .prefetch_count = prefetch_count,
        .work = notify_customer,
        .context = &notify,
    };
    struct broker *broker = broker_new(&settings, "notify");
    if (!broker)
        return EXIT_FAILURE;
    worker_run(&worker, broker);
    broker_free(&broker);
    curl_global_cleanup();
    return EXIT_SUCCESS;
}
