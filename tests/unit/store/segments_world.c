#include "store/segments_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

struct expected_answer {
    struct world *w;
    char name[32];
};

void answer_add(void *arg, int error, struct lv_buffer *read)
{
    struct expected_answer *expected = arg;
    struct lv_buffer *answers = &expected->w->answers;
    lv_buffer_printf(answers, "%s%s", answers->n ? ", " : "", expected->name);
    if (error < 0)
        lv_buffer_printf(answers, ": %s", lv_error_name(error));
    else if (read)
        lv_buffer_printf(answers, ": %.*s", (int)read->n, (const char *)read->p);
    free(expected);
}

struct expected_answer *answer_expect(struct world *w, const char *name)
{
    struct expected_answer *expected = lv_calloc(1, sizeof *expected);
    expected->w = w;
    snprintf(expected->name, sizeof expected->name, "%s", name);
    return expected;
}

void world_start(struct world *w)
{
    *w = (struct world){.paper = paper_create()};
    assert_int_equal(segments_open(paper_disk(w->paper), true, &w->s), 0);
    paper_trace(w->paper);
}

void world_stop(struct world *w)
{
    segments_close(&w->s);
    paper_free(&w->paper);
    lv_buffer_free(&w->answers);
}

void world_run(struct world *w)
{
    while (segments_step(w->s))
        ;
}

void submit_write(struct world *w, uint64_t number, uint64_t offset, const char *text)
{
    struct lv_buffer b = {0};
    lv_buffer_add(&b, text, strlen(text));
    segments_write(w->s, 1, number, offset, &b, answer_add, answer_expect(w, "write"));
    assert_null(b.p);
    assert_int_equal(b.n, 0);
}

void submit_read(struct world *w, uint64_t number, uint64_t offset, size_t bytes)
{
    segments_read(w->s, 1, number, offset, bytes, answer_add, answer_expect(w, "read"));
}

void submit_sync(struct world *w, uint64_t number)
{
    segments_sync(w->s, 1, number, answer_add, answer_expect(w, "sync"));
}

void submit_remove(struct world *w, uint64_t number)
{
    segments_remove(w->s, 1, number, answer_add, answer_expect(w, "remove"));
}

void check_answers(struct world *w, const char *expected)
{
    world_run(w);
    lv_buffer_add_u8(&w->answers, 0);
    assert_string_equal((const char *)w->answers.p, expected);
    w->answers.n = 0;
}

void check_trace(struct world *w, const char *expected)
{
    world_run(w);
    assert_string_equal(paper_trace(w->paper), expected);
}
