/* Commands that ask the broker once: the banner, the question, and how it went. */
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "leveretctl/talk.h"

/* --- passwords -------------------------------------------------------------------------------- */

bool secret_read(const char *prompt, struct lv_buffer *ret)
{
    struct termios shown;
    bool is_terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
    if (prompt)
        printf("%s", prompt);
    fflush(stdout);
    if (is_terminal) {
        struct termios hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t n = getline(&line, &capacity, stdin);
    if (is_terminal)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    if (prompt)
        printf("\n");
    if (n > 0 && line[n - 1] == '\n')
        n--;
    if (n > 0)
        lv_buffer_add(ret, line, (size_t)n);
    free(line);
    return n > 0;
}

static bool is_password_missing(const struct invocation *i, const struct command *c)
{
    return c->arguments.exit_without_password != 0 && i->argument_count < (size_t)c->arguments.max;
}

/* Reads the password into `room` and appends it to the arguments. Returns EXIT_OK, or the exit code
 * after saying that there is none. */
static int password_ask(struct invocation *i, const struct command *c, struct lv_buffer *room)
{
    bool has_prompt =
        c->answer.form != DONE_UNLESS_QUIET || (!is_quiet(i) && format_is_for_people(i->format));
    if (!secret_read(has_prompt ? "Password: " : NULL, room))
        return say_error(c->arguments.exit_without_password,
                         "Password is not provided via argument or stdin");
    i->arguments[i->argument_count++] = text_of(room);
    return EXIT_OK;
}

/* --- how it went ------------------------------------------------------------------------------ */

/* Prints the members of the answer but "ok". Takes the answer. */
static void say_members(const struct invocation *i, json_t *answer)
{
    json_object_del(answer, "ok");
    say_value(i, answer);
}

static void say_done_as_json(const struct invocation *i, const struct command *c,
                             const char *message, json_t *answer)
{
    switch (c->answer.form) {
    case DONE_PLAIN: say_done(i, message); break;
    case DONE_UNLESS_QUIET:
        say_json(json_pack("{s:s, s:s, s:s}", "message", message, "node", i->node, "status", "ok"));
        break;
    case DONE_AS_VALUE: say_value(i, json_string(message)); break;
    case DONE_AS_MEMBERS: say_members(i, json_incref(answer)); break;
    }
}

static void say_answer(const struct invocation *i, const struct command *c, json_t *answer)
{
    struct lv_buffer text = {0};
    const char *message = NULL;
    if (c->answer.print) {
        c->answer.print(i, answer);
        return;
    }
    if (c->answer.done) {
        expand(i, answer, c->answer.done, &text);
        message = text_of(&text);
    }
    if (i->format == FORMAT_JSON)
        say_done_as_json(i, c, message, answer);
    else if (c->answer.form != DONE_UNLESS_QUIET || !is_quiet(i))
        say_done(i, message);
    lv_buffer_free(&text);
}

/* --- the whole -------------------------------------------------------------------------------- */

static int change_ask(struct invocation *i, const struct command *c, const char *banner)
{
    json_t *request, *answer;
    int code = request_make(i, c, &request);
    if (code == EXIT_OK)
        code = broker_ask(i, c, banner, request, NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    say_answer(i, c, answer);
    json_decref(answer);
    return EXIT_OK;
}

int run_change(struct invocation *i, const struct command *c)
{
    struct lv_buffer password = {0};
    if (!is_password_missing(i, c))
        return change_ask(i, c, command_banner(i, c));
    say_banner(i, command_banner(i, c));
    int code = password_ask(i, c, &password);
    if (code == EXIT_OK)
        code = change_ask(i, c, NULL);
    lv_buffer_free(&password);
    return code;
}
