/* leveretd: the broker, from its flags to its exit code; see start.c and shutdown.c. */
#include <stdio.h>

#include "base/log.h"
#include "base/rcu.h"
#include "leveretd/leveretd.h"

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

    lv_rcu_register_thread();
    if (d.options.recovers_definitions) {
        code = leveretd_recover_definitions(&d);
    } else {
        code = leveretd_start(&d);
        if (code == EXIT_OK) {
            loops_run(d.loops);
            code = d.exit_code;
        }
    }
    lv_rcu_online();
    leveretd_free(&d);
    lv_rcu_unregister_thread();
    log_thread_stop();
    return code;
}
