/* The documents of the API are what its tables say. With --write as its argument this program makes
 * them (scripts/api-docs). */
#include "api/describe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/api_private.h"

/* In docs/http-api.md; what precedes is written by hand. */
#define MARK "<!-- What follows is made by scripts/api-docs. -->\n\n"

static void path_of(const char *document, char *ret, size_t size)
{
    const char *source = getenv("LEVERET_SOURCE");
    snprintf(ret, size, "%s/docs/%s", source ? source : ".", document);
}

/* Appends the file, if there is one. */
static void read_file(const char *document, struct lv_buffer *ret)
{
    char path[4096];
    path_of(document, path, sizeof path);
    FILE *file = fopen(path, "rb");
    for (int c; file && (c = fgetc(file)) != EOF;)
        lv_buffer_add_u8(ret, (uint8_t)c);
    if (file)
        fclose(file);
}

static bool write_file(const char *document, const struct lv_buffer *text)
{
    char path[4096];
    path_of(document, path, sizeof path);
    FILE *file = fopen(path, "wb");
    bool is_written = file && fwrite(text->p, 1, text->n, file) == text->n;
    return file && fclose(file) == 0 && is_written;
}

static void make_openapi(struct lv_buffer *ret)
{
    struct lv_buffer line = {0};
    api_describe_openapi(&line);
    json_t *tree = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(tree);
    char *text = json_dumps(tree, JSON_INDENT(1));
    lv_buffer_printf(ret, "%s\n", text);
    free(text);
    json_decref(tree);
    lv_buffer_free(&line);
}

/* The part that is written by hand is taken from the file. */
static void make_markdown(struct lv_buffer *ret)
{
    read_file("http-api.md", ret);
    const uint8_t *mark = ret->n ? memmem(ret->p, ret->n, MARK, strlen(MARK)) : NULL;
    assert_non_null(mark);
    ret->n = (size_t)(mark - ret->p) + strlen(MARK);
    api_describe_markdown(ret);
}

static void assert_current(const char *document, void (*make)(struct lv_buffer *ret))
{
    struct lv_buffer file = {0}, made = {0};
    read_file(document, &file);
    make(&made);
    if (!slice_equal(lv_buffer_slice(&file), lv_buffer_slice(&made)))
        fail_msg("docs/%s is not what the tables say: run scripts/api-docs", document);
    lv_buffer_free(&file);
    lv_buffer_free(&made);
}

static void the_documents_are_current(void **state)
{
    (void)state;
    assert_current("openapi.json", make_openapi);
    assert_current("http-api.md", make_markdown);
}

static void every_schema_that_is_referred_to_is_there(void **state)
{
    (void)state;
    struct lv_buffer line = {0};
    static const char prefix[] = "\"$ref\":\"#/components/schemas/";
    api_describe_openapi(&line);
    json_t *tree = json_loadb((const char *)line.p, line.n, 0, NULL);
    const json_t *schemas = json_object_get(json_object_get(tree, "components"), "schemas");
    lv_buffer_add_u8(&line, '\0');
    size_t count = 0;
    for (const char *p = (const char *)line.p; (p = strstr(p, prefix)); count++) {
        char name[64];
        p += sizeof prefix - 1;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p, "\""), p);
        assert_non_null(json_object_get(schemas, name));
    }
    assert_true(count > 10);
    json_decref(tree);
    lv_buffer_free(&line);
}

static const struct column *field_of(const char *path, const char *name)
{
    for (size_t family = 0; api_families[family]; family++) {
        for (const struct api_route *route = api_families[family]; route->method; route++) {
            if (route->answer && strcmp(route->path, path) == 0 &&
                strcmp(route->method, "GET") == 0)
                return column_find(route->answer, slice_str(name));
        }
    }
    return NULL;
}

static void a_fields_row_says_whether_it_is_a_statistic(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name;
        bool is_statistic;
    } fields[] = {
        {"/queues", "messages", false}, /* it is counted by the queue's home */
        {"/queues", "messages_details", true},  {"/queues", "message_stats.publish", true},
        {"/queues", "idle_since", true},        {"/queues", "arguments", false},
        {"/vhosts", "messages", true},          {"/connections", "recv_oct_details", true},
        {"/connections", "recv_oct", false},    {"/overview", "churn_rates.queue_created", true},
        {"/overview", "message_stats.", false}, /* the object alone */
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct column *field = field_of(fields[i].path, fields[i].name);
        assert_non_null(field);
        assert_int_equal(field->is_statistic, fields[i].is_statistic);
    }
}

static int write_documents(void)
{
    struct lv_buffer openapi = {0}, markdown = {0};
    make_openapi(&openapi);
    make_markdown(&markdown);
    bool is_written = write_file("openapi.json", &openapi) && write_file("http-api.md", &markdown);
    lv_buffer_free(&openapi);
    lv_buffer_free(&markdown);
    return is_written ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documents_are_current),
        cmocka_unit_test(every_schema_that_is_referred_to_is_there),
        cmocka_unit_test(a_fields_row_says_whether_it_is_a_statistic),
    };
    if (argc == 2 && strcmp(argv[1], "--write") == 0)
        return write_documents();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
