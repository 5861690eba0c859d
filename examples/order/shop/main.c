/* shop: a page where customers place orders, a database that keeps them, and an outbox that hands
 * them to the broker. Two threads work: the web server's and the outbox's; main() waits. */
#include "common/broker.h"
#include "common/flags.h"
#include "common/program.h"
#include "shop/orders.h"
#include "shop/outbox.h"
#include "shop/web.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    struct broker_settings settings = BROKER_SETTINGS_DEFAULT;
    struct web_settings web_settings = {.address = "127.0.0.1", .port = 8080};
    const char *database_path = "orders.db";
    const char *report_directory = "";
    const struct flag flags[] = {
        BROKER_FLAGS(&settings),
        {"--address", "SHOP_ADDRESS", "where the page is served, IPv4",
         .text = &web_settings.address},
        {"--port", "SHOP_PORT", "and its port; 0: any free one", .number = &web_settings.port,
         .number_min = 0, .number_max = 65535},
        {"--database", "SHOP_DATABASE", "the file that keeps the orders", .text = &database_path},
        {"--report-dir", "REPORT_DIR", "where report writes to, so that the page can link there",
         .text = &report_directory},
    };
    flags_read(flags, sizeof(flags) / sizeof(*flags),
               "shop: a page for orders, which go to the exchange order.", argc, argv);
    web_settings.report_directory = *report_directory ? report_directory : NULL;
    program_start("shop");

    int exit_code = EXIT_FAILURE;
    struct orders *orders = NULL;
    struct outbox *outbox = NULL;
    struct web *web = NULL;
    if (orders_open(database_path, &orders) < 0)
        return EXIT_FAILURE;
    if (outbox_start(database_path, &settings, &outbox) < 0)
        goto out;
    if (web_start(&web_settings, orders, outbox, &web) < 0) {
        program_end();
        goto out;
    }
    program_sleep(-1);
    program_log("ending");
    exit_code = EXIT_SUCCESS;
out:
    web_stop(&web);
    outbox_stop(&outbox);
    orders_close(&orders);
    return exit_code;
}
