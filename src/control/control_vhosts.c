/* Commands about vhosts. */
#include "control/control_private.h"
#include "manage/vhosts.h"

static void run_add_vhost(struct request *r)
{
    const struct definition_vhost row = {
        .name = request_string(r, "vhost"),
        .description = request_string(r, "description"),
        .tags = request_string(r, "tags"),
        .default_queue_type = request_string(r, "default_queue_type"),
    };
    struct manage_error error = {0};
    request_end(r, manage_add_vhost(r->manage, &actor_cli, &row, NULL, &error), &error);
}

static void run_update_vhost(struct request *r)
{
    const struct slice description = request_string(r, "description");
    const struct slice tags = request_string(r, "tags");
    const struct vhost_wish wish = {
        .name = request_string(r, "vhost"),
        .description = request_has(r, "description") ? &description : NULL,
        .tags = request_has(r, "tags") ? &tags : NULL,
    };
    struct manage_error error = {0};
    request_end(r, manage_update_vhost(r->manage, &actor_cli, &wish, &error), &error);
}

static void run_set_vhost_tags(struct request *r)
{
    struct manage_error error = {0};
    bool is_done = manage_set_vhost_tags(r->manage, &actor_cli, request_string(r, "vhost"),
                                         request_string(r, "tags"), &error);
    request_end(r, is_done, &error);
}

static void run_delete_vhost(struct request *r)
{
    struct manage_error error = {0};
    bool is_done = manage_delete_vhost(r->manage, &actor_cli, request_string(r, "vhost"), &error);
    request_end(r, is_done, &error);
}

static void protect(struct request *r, bool is_protected)
{
    struct manage_error error = {0};
    bool is_done = manage_protect_vhost(r->manage, &actor_cli, request_string(r, "vhost"),
                                        is_protected, &error);
    request_end(r, is_done, &error);
}

static void run_protect_vhost(struct request *r)
{
    protect(r, true);
}

static void run_unprotect_vhost(struct request *r)
{
    protect(r, false);
}

/* Every vhost runs: only whether there is one is to be said. */
static void run_restart_vhost(struct request *r)
{
    struct listing listing;
    struct manage_error error = {0};
    struct slice name = request_string(r, "vhost");
    bool is_done = manage_find_vhost(r->manage, &actor_cli, name, &listing, &error);
    bool is_there = is_done && listing.count > 0;
    listing_free(&listing);
    if (is_done && !is_there)
        request_refuse(r, "no_such_vhost", "Virtual host '%.*s' does not exist", SLICE_ARG(name));
    else
        request_end(r, is_done, &error);
}

static void run_list_vhosts(struct request *r)
{
    struct columns columns;
    struct listing listing;
    struct manage_error error = {0};
    if (!columns_choose(r, vhost_columns, &columns))
        return;
    bool is_done = manage_list_vhosts(r->manage, &actor_cli, &listing, &error);
    request_listing(r, is_done, &columns, &listing, &error);
}

const struct control_command control_vhost_commands[] = {
    {"add_vhost", run_add_vhost, "vhost [description] [tags] [default_queue_type]"},
    {"update_vhost_metadata", run_update_vhost, "vhost [description] [tags]"},
    {"set_vhost_tags", run_set_vhost_tags, "vhost tags"},
    {"delete_vhost", run_delete_vhost, "vhost"},
    {"enable_vhost_deletion_protection", run_protect_vhost, "vhost"},
    {"disable_vhost_deletion_protection", run_unprotect_vhost, "vhost"},
    {"restart_vhost", run_restart_vhost, "vhost"},
    {"list_vhosts", run_list_vhosts, ""},
    {NULL, NULL, NULL},
};
