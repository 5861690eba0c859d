/* `top`: queues by rate and length, live in the terminal, or as plain text with --once, --number or
 * without a terminal.
 *
 * A round asks for the broker's status and for as many queues as there are lines, and writes the
 * screen at once. Between rounds we wait for keys and signals in ppoll(), outside of which signals
 * are blocked, so that none is missed. However it ends, the terminal is as before: only SIGKILL
 * cannot be handled. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "leveretctl/talk.h"
#include "leveretctl/terminal.h"

enum { HEAD_LINES = 5, NUMBER_COLUMNS = 64, INTERVAL_S = 2, NAME_COLUMNS_MIN = 12 };

static const struct {
    char key;
    const char *name;
} orders[] = {
    {'m', "messages"}, {'r', "ready"}, {'u', "unacked"}, {'p', "publish"},
    {'d', "deliver"},  {'a', "ack"},   {'n', "name"},
};

struct top {
    struct invocation *i;
    const struct command *c;
    const char *sort;
    const char *vhost; /* NULL: all */
    long interval_s;
    int lines, columns; /* of the terminal; columns 0: unlimited */
    bool is_live;
    json_t *rows;   /* of the last round; owned */
    json_t *totals; /* owned */
    json_t *status; /* owned */
};

/* --- asking ----------------------------------------------------------------------------------- */

static void keep_row(void *rows, const json_t *row)
{
    json_array_append(rows, (json_t *)(uintptr_t)row);
}

/* Asks one question on a connection of its own. Takes the request. */
static int ask_once(struct top *t, json_t *request, json_t *rows, json_t **ret)
{
    int code = broker_ask(t->i, t->c, NULL, request, keep_row, rows, ret);
    ask_close(&t->i->ask);
    t->i->ask = (struct ask){.fd = -1};
    return code;
}

static void round_free(struct top *t)
{
    json_decref(t->rows);
    json_decref(t->totals);
    json_decref(t->status);
    t->rows = t->totals = t->status = NULL;
}

static int round_ask(struct top *t)
{
    int rows = t->is_live ? t->lines - HEAD_LINES : 20;
    json_t *request = json_pack("{s:s, s:s, s:i}", "command", "top", "sort", t->sort, "limit",
                                rows > 0 ? rows : 0);
    if (t->vhost)
        json_object_set_new(request, "vhost", json_string(t->vhost));
    round_free(t);
    t->rows = json_array();
    int code = ask_once(t, request, t->rows, &t->totals);
    if (code != EXIT_OK)
        return code;
    return ask_once(t, json_pack("{s:s}", "command", "status"), NULL, &t->status);
}

/* --- the text --------------------------------------------------------------------------------- */

static long long number(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

static double rate(const json_t *rates, size_t index)
{
    return json_number_value(json_array_get(rates, index));
}

/* Ends a line that begins at `from`: cuts it to the terminal's width, counted in characters. */
static void line_end(const struct top *t, struct lv_buffer *out, size_t from)
{
    int columns = 0;
    size_t at = from;
    for (; t->columns > 0 && at < out->n; at++) {
        columns += (out->p[at] & 0xc0) != 0x80;
        if (columns > t->columns)
            break;
    }
    if (t->columns > 0)
        out->n = at;
    lv_buffer_printf(out, "%s", t->is_live ? "\033[K\r\n" : "\n");
}

/* Appends a text that others have chosen; on a terminal its control characters are shown. */
static void name_put(struct lv_buffer *out, const char *text)
{
    size_t from = out->n;
    lv_buffer_printf(out, "%s", text);
    terminal_escape_for(stdout, out, from, TERMINAL_CELL);
}

/* Appends a name cut or filled to this many columns. */
static void cell_put(struct lv_buffer *out, const json_t *row, bool has_vhost, size_t width)
{
    struct lv_buffer text = {0};
    size_t columns = 0, at = 0;
    if (has_vhost) {
        name_put(&text, json_string_value(json_array_get(row, 0)));
        lv_buffer_printf(&text, " ");
    }
    name_put(&text, json_string_value(json_array_get(row, 1)));
    for (; at < text.n; at++) {
        size_t more = (text.p[at] & 0xc0) != 0x80;
        if (columns + more > width)
            break;
        columns += more;
    }
    lv_buffer_add(out, text.p, at);
    lv_buffer_printf(out, "%*s", (int)(width - columns), "");
    lv_buffer_free(&text);
}

static void head_put(const struct top *t, struct lv_buffer *out)
{
    const json_t *rates = json_object_get(t->totals, "rates"), *alarm;
    size_t from = out->n, n;
    long long up = number(t->status, "uptime"), ready = number(t->totals, "ready"),
              unacked = number(t->totals, "unacked");
    name_put(out, t->i->node);
    lv_buffer_printf(out, "  up %lld d %02lld:%02lld:%02lld  connections %lld  queues %lld  vhost ",
                     up / 86400, up / 3600 % 24, up / 60 % 60, up % 60,
                     number(t->status, "connections"), number(t->totals, "matching"));
    name_put(out, t->vhost ? t->vhost : "(all)");
    lv_buffer_printf(out, "  sorted by %s  every %ld s", t->sort, t->interval_s);
    line_end(t, out, from);
    from = out->n;
    lv_buffer_printf(out,
                     "messages %lld  ready %lld  unacked %lld  publish %.1f/s  deliver %.1f/s  "
                     "ack %.1f/s",
                     ready + unacked, ready, unacked, rate(rates, 0), rate(rates, 1),
                     rate(rates, 2));
    line_end(t, out, from);
    from = out->n;
    lv_buffer_printf(out, "memory ");
    size_put(out, number(t->status, "memory_used"));
    lv_buffer_printf(out, " of ");
    size_put(out, number(t->status, "memory_limit"));
    lv_buffer_printf(out, "  disk free ");
    size_put(out, number(t->status, "disk_free"));
    lv_buffer_printf(out, " (at least ");
    size_put(out, number(t->status, "disk_free_limit"));
    lv_buffer_printf(out, ")  alarms");
    json_array_foreach(json_object_get(t->status, "alarms"), n, alarm)
        lv_buffer_printf(out, " %s", json_string_value(alarm));
    lv_buffer_printf(out, "%s", n == 0 ? " none" : "");
    line_end(t, out, from);
}

static void rows_put(const struct top *t, struct lv_buffer *out)
{
    bool has_vhost = t->vhost == NULL;
    size_t width = t->columns > NUMBER_COLUMNS + NAME_COLUMNS_MIN
                       ? (size_t)(t->columns - NUMBER_COLUMNS)
                       : (t->columns > 0 ? NAME_COLUMNS_MIN : 40);
    size_t from = out->n, r;
    const json_t *row;
    lv_buffer_printf(out, "%-*s%10s%10s%10s%10s%9s%5s%10s", (int)width,
                     has_vhost ? "VHOST QUEUE" : "QUEUE", "PUBLISH/s", "DELIVER/s", "ACK/s",
                     "READY", "UNACKED", "CONS", "MEMORY");
    line_end(t, out, from);
    json_array_foreach(t->rows, r, row)
    {
        const json_t *rates = json_array_get(row, 2);
        struct lv_buffer memory = {0};
        from = out->n;
        size_put(&memory, json_integer_value(json_array_get(row, 6)));
        cell_put(out, row, has_vhost, width);
        lv_buffer_printf(out, "%10.1f%10.1f%10.1f%10lld%9lld%5lld%10s", rate(rates, 0),
                         rate(rates, 1), rate(rates, 2),
                         (long long)json_integer_value(json_array_get(row, 3)),
                         (long long)json_integer_value(json_array_get(row, 4)),
                         (long long)json_integer_value(json_array_get(row, 5)), text_of(&memory));
        lv_buffer_free(&memory);
        line_end(t, out, from);
    }
}

/* Prints the round. */
static void round_print(const struct top *t)
{
    struct lv_buffer text = {0};
    if (t->is_live)
        lv_buffer_printf(&text, "\033[H");
    head_put(t, &text);
    line_end(t, &text, text.n);
    rows_put(t, &text);
    if (t->is_live) {
        text.n -= 2; /* the last line's end would scroll the screen */
        lv_buffer_printf(&text, "\033[J");
    }
    fwrite(text.p, 1, text.n, stdout);
    fflush(stdout);
    lv_buffer_free(&text);
}

/* --- the terminal ----------------------------------------------------------------------------- */

static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
    is_over |= number != SIGWINCH;
}

/* Blocks the signals that end us or say that the size has changed; *ret is the mask for ppoll(). */
static void signals_begin(sigset_t *ret)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked;
    sigemptyset(&blocked);
    for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++) {
        sigaction(numbers[n], &action, NULL);
        sigaddset(&blocked, numbers[n]);
    }
    sigprocmask(SIG_BLOCK, &blocked, ret);
    for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++)
        sigdelset(ret, numbers[n]);
}

/* Keys come one by one and are not shown; ^Z does nothing. */
static void terminal_begin(struct termios *ret)
{
    tcgetattr(STDIN_FILENO, ret);
    struct termios keys = *ret;
    keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    keys.c_cc[VSUSP] = _POSIX_VDISABLE;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &keys);
    fputs("\033[?1049h\033[?25l\033[?7l", stdout); /* another screen, no cursor, no line breaks */
    fflush(stdout);
}

static void terminal_end(const struct termios *before)
{
    fputs("\033[?7h\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, before);
}

static void size_read(struct top *t)
{
    struct winsize size = {0};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    t->lines = size.ws_row > 0 ? size.ws_row : 24;
    t->columns = size.ws_col > 0 ? size.ws_col : 80;
}

/* Changes the vhost to the next one: all, and then each by name. */
static int vhost_next(struct top *t)
{
    json_t *rows = json_array(), *answer = NULL;
    json_t *request = json_pack("{s:s, s:[s]}", "command", "list_vhosts", "columns", "name");
    int code = ask_once(t, request, rows, &answer);
    const char *next = NULL;
    size_t n;
    const json_t *row;
    json_array_foreach(rows, n, row)
    {
        const char *name = json_string_value(json_array_get(row, 0));
        bool is_after = !t->vhost || strcmp(name, t->vhost) > 0;
        if (is_after && (!next || strcmp(name, next) < 0))
            next = name;
    }
    static char kept[1024];
    if (next)
        snprintf(kept, sizeof kept, "%s", next);
    t->vhost = next ? kept : NULL;
    json_decref(answer);
    json_decref(rows);
    return code;
}

static int key_take(struct top *t, char key)
{
    for (size_t n = 0; n < sizeof orders / sizeof orders[0]; n++)
        if (orders[n].key == key)
            t->sort = orders[n].name;
    if (key == 'q')
        is_over = 1;
    if (key == '+' && t->interval_s < 3600)
        t->interval_s++;
    if (key == '-' && t->interval_s > 1)
        t->interval_s--;
    return key == 'v' ? vhost_next(t) : EXIT_OK;
}

/* Waits for a key, a signal, or the end of the interval. */
static int round_wait(struct top *t, const sigset_t *mask)
{
    struct pollfd keyboard = {.fd = STDIN_FILENO, .events = POLLIN};
    const struct timespec interval = {.tv_sec = t->interval_s};
    char key;
    if (ppoll(&keyboard, 1, &interval, mask) <= 0)
        return EXIT_OK;
    if (read(STDIN_FILENO, &key, 1) == 1)
        return key_take(t, key);
    is_over = 1;
    return EXIT_OK;
}

/* --- the command ------------------------------------------------------------------------------ */

/* Shows one round after the other on a screen of our own, until it is over or a question fails. */
static int rounds_show(struct top *t, const sigset_t *mask)
{
    struct termios before;
    int code = EXIT_OK;
    terminal_begin(&before);
    while (code == EXIT_OK && !is_over) {
        size_read(t);
        code = round_ask(t);
        if (code == EXIT_OK) {
            round_print(t);
            code = round_wait(t, mask);
        }
    }
    terminal_end(&before);
    return code;
}

/* What is wrong is said before the screen is ours. If a question fails later, its error is lost
 * with our screen: so it is asked again, and if that fails the error stays on the terminal. */
static int run_live(struct top *t)
{
    sigset_t mask;
    int code = round_ask(t);
    if (code == EXIT_OK)
        signals_begin(&mask);
    while (code == EXIT_OK && !is_over) {
        code = rounds_show(t, &mask);
        if (code != EXIT_OK)
            code = round_ask(t);
    }
    return code;
}

static int run_plain(struct top *t, json_int_t rounds)
{
    int code = EXIT_OK;
    for (json_int_t n = 0; n < rounds && code == EXIT_OK; n++) {
        if (n > 0) {
            printf("\n");
            sleep((unsigned)t->interval_s);
        }
        code = round_ask(t);
        if (code == EXIT_OK)
            round_print(t);
    }
    return code;
}

int run_top(struct invocation *i, const struct command *c)
{
    json_int_t rounds = 1, interval_s = INTERVAL_S;
    struct top t = {.i = i, .c = c, .sort = "messages"};
    if (is_given(i, OPTION_NUMBER))
        read_number(i->values[OPTION_NUMBER], &rounds);
    if (is_given(i, OPTION_INTERVAL))
        read_number(i->values[OPTION_INTERVAL], &interval_s);
    if (is_given(i, OPTION_SORT))
        t.sort = i->values[OPTION_SORT];
    if (is_given(i, OPTION_VHOST))
        t.vhost = i->vhost;
    if (interval_s < 1 || interval_s > 3600)
        return usage_error(i, c, EXIT_USAGE, "--interval: expected 1 to 3600 seconds");
    t.interval_s = (long)interval_s;
    t.is_live = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !is_given(i, OPTION_ONCE) &&
                !is_given(i, OPTION_NUMBER);
    if (t.is_live)
        size_read(&t);
    int code = t.is_live ? run_live(&t) : run_plain(&t, rounds);
    round_free(&t);
    return code;
}
