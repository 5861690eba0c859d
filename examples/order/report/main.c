/* report: takes orders from the queue order_report and writes each one's report as a file.
 *
 * The file appears whole or not at all: it is written beside its place, synced, and renamed. A
 * draft that a killed report left behind is overwritten when the order comes again. */
#include "common/broker.h"
#include "common/flags.h"
#include "common/program.h"
#include "common/worker.h"
#include "report/page.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct report {
    const char *directory;
};

/* Returns 0, or -1 with errno set and nothing left behind. */
static int write_whole(const char *path, const char *draft_path, const struct order *order)
{
    FILE *out = fopen(draft_path, "w");
    if (!out)
        return -1;
    report_page(out, order);
    int failed = ferror(out) || fflush(out) != 0 || fsync(fileno(out)) != 0;
    int failure = errno;
    if (fclose(out) != 0 && !failed) {
        failed = 1;
        failure = errno;
    }
    if (!failed && rename(draft_path, path) == 0)
        return 0;
    if (!failed)
        failure = errno;
    unlink(draft_path);
    errno = failure;
    return -1;
}

static enum work_result write_report(void *context, const struct order *order, bool is_redelivered)
{
    const struct report *report = context;
    char name[ORDER_REPORT_NAME_BYTES], path[PATH_MAX], draft_path[PATH_MAX];
    order_report_name(order->id, name);
    int path_bytes = snprintf(path, sizeof(path), "%s/%s", report->directory, name);
    int draft_bytes =
        snprintf(draft_path, sizeof(draft_path), "%s/.%s.draft", report->directory, name);
    if (path_bytes >= (int)sizeof(path) || draft_bytes >= (int)sizeof(draft_path)) {
        program_log("order %" PRId64 ": the report's path is too long", order->id);
        return WORK_REFUSED;
    }
    if (write_whole(path, draft_path, order) < 0) {
        program_log("order %" PRId64 ": no report yet (%s: %s), back to the queue", order->id, path,
                    strerror(errno));
        return WORK_LATER;
    }
    program_log("order %" PRId64 ": report written to %s, redelivered: %s", order->id, path,
                is_redelivered ? "yes" : "no");
    return WORK_DONE;
}

int main(int argc, char **argv)
{
    struct broker_settings settings = BROKER_SETTINGS_DEFAULT;
    struct report report = {.directory = "reports"};
    int prefetch_count = 8;
    const struct flag flags[] = {
        BROKER_FLAGS(&settings),
        {"--dir", "REPORT_DIR", "where the reports go; made when it is missing",
         .text = &report.directory},
        {"--prefetch", "PREFETCH", "orders to be handed out ahead, 1 to 1000",
         .number = &prefetch_count, .number_min = 1, .number_max = 1000},
    };
    flags_read(flags, sizeof(flags) / sizeof(*flags),
               "report: writes a page for each order on the queue order_report.", argc, argv);
    program_start("report");
    if (mkdir(report.directory, 0777) != 0 && errno != EEXIST) {
        program_log("%s: %s", report.directory, strerror(errno));
        return EXIT_FAILURE;
    }

    const struct worker worker = {
        .route = &order_routes[ORDER_REPORT],
        .prefetch_count = prefetch_count,
        .work = write_report,
        .context = &report,
    };
    struct broker *broker = broker_new(&settings, "report");
    if (!broker)
        return EXIT_FAILURE;
    worker_run(&worker, broker);
    broker_free(&broker);
    return EXIT_SUCCESS;
}
