/* leveretd: the broker, from its flags to its exit code; see start.c, shutdown.c and stopped.c. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/log_tail.h"
#include "base/rcu.h"
#include "leveretd/leveretd.h"
#include "leveretd/service_notify.h"
#include "leveretd/watchdog.h"

/* Starts the application, runs it until it is stopped, and frees it. Returns the exit code. */
static int run_app(struct leveretd *d, bool *ret_has_started)
{
    int code = leveretd_start(d);
    *ret_has_started = code == EXIT_OK;
    if (code == EXIT_OK) {
        waiters_answer(&d->waiters, NULL);
        loops_run(d->loops);
        code = d->exit_code;
    }
    lv_rcu_online();
    leveretd_free_app(d);
    return code;
}

/* Reads the settings again, which must name the same data directory. Returns EXIT_OK, or the exit
 * code after logging what is wrong. */
static int read_config_again(struct leveretd *d)
{
    struct config *config;
    if (leveretd_read_config(d, &config) < 0)
        return OPTIONS_EXIT_CONFIG;
    if (strcmp(config->data_dir, d->config->data_dir) != 0) {
        log_error("config: data_dir cannot change while the process runs");
        config_free(&config);
        return OPTIONS_EXIT_CONFIG;
    }
    leveretd_use(d, config);
    return EXIT_OK;
}

/* Starts and runs the application again, in a node that was stopped. If it does not start, the node
 * is stopped as before. */
static int run_app_again(struct leveretd *d)
{
    static struct log_tail_reader reader;
    bool has_started = false;
    log_tail_begin(&reader, 0);
    d->is_to_stay = false;
    leveretd_begin_again(d);
    int code = read_config_again(d);
    if (code == EXIT_OK)
        code = run_app(d, &has_started);
    if (!has_started) {
        leveretd_note_failure(d, &reader, code);
        d->is_to_stay = true;
    }
    return code;
}

/* Runs the application, and again after each time that it was stopped while the process stays. */
static int run(struct leveretd *d)
{
    bool has_started;
    int code = run_app(d, &has_started);
    while (d->is_to_stay && leveretd_serve_stopped(d) == STOPPED_STARTS)
        code = run_app_again(d);
    return d->is_to_stay ? EXIT_OK : code;
}

int main(int argc, char **argv)
{
    static struct leveretd d;
    leveretd_begin(&d);
    int code;
    if (!options_parse(argc, argv, &d.options, &code, stdout, stderr))
        return code;
    if (d.options.checks_config)
        return options_check_config(&d.options, leveretd_get_variable, stdout, stderr);
    struct config *config;
    if (leveretd_read_config(&d, &config) < 0)
        return OPTIONS_EXIT_CONFIG;
    leveretd_use(&d, config);
    service_notify_open();

    lv_rcu_register_thread();
    code = d.options.recovers_definitions ? leveretd_recover_definitions(&d) : run(&d);
    lv_rcu_online();
    leveretd_free(&d);
    watchdog_stop();
    lv_rcu_unregister_thread();
    log_thread_stop();
    return code;
}
