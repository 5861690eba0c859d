/* A file, its rotation by size and date, and what is sent to syslog and journald. The sinks are
 * called directly; the time is that of the lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"
#include "base/log_private.h"
#include "logging/journald.h"
#include "logging/log_file.h"
#include "logging/syslog.h"

enum { DAY_S = 86400 };

static char directory[64];
static char path[128];
static int64_t now_us;
static struct log_format *short_lines; /* given away by each test */

static int begin(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    log_set_level(LOG_NONE);
    strcpy(directory, "/tmp/leveret-log-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/new/leveret.log", directory);
    now_us = 1796087260123456; /* 2026-12-01 01:07:40.123456, a Tuesday */
    short_lines = log_format_create(
        &(struct log_format_settings){.line = "$msg", .field_map = "", .verbosity_map = ""});
    return 0;
}

static int end(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command);
}

static bool put(const struct log_sink_ops *ops, void *sink, const char *text)
{
    const struct log_record record = {.us = now_us,
                                      .level = LOG_WARNING,
                                      .category = LOG_ABOUT_CONNECTION,
                                      .text = slice_str(text),
                                      .notes = log_notes_now()};
    bool is_taken = ops->put(sink, &record);
    return ops->flush(sink) && is_taken;
}

/* Expects the file with this suffix to have this content; NULL: not to be there. */
static void expect_file(const char *suffix, const char *expected)
{
    char name[160], content[4096] = "";
    snprintf(name, sizeof name, "%s%s", path, suffix);
    gzFile file = gzopen(name, "rb"); /* which reads what is not compressed as it is */
    if (!expected) {
        assert_null(file);
        return;
    }
    assert_non_null(file);
    assert_true(gzread(file, content, sizeof content - 1) >= 0);
    gzclose(file);
    assert_string_equal(content, expected);
}

static struct log_file *open_file(const struct log_file_settings *settings)
{
    struct log_file *f = NULL;
    assert_int_equal(log_file_open(settings, short_lines, &f), 0);
    return f;
}

static void a_file_is_appended_to(void **state)
{
    (void)state;
    struct log_file *f = open_file(&(struct log_file_settings){.path = path});
    assert_true(put(&log_file_ops, f, "one"));
    log_file_ops.free(f);
    short_lines = log_format_create(
        &(struct log_format_settings){.line = "$msg", .field_map = "", .verbosity_map = ""});
    f = open_file(&(struct log_file_settings){.path = path});
    assert_true(put(&log_file_ops, f, "two\n"));
    log_file_ops.free(f);
    expect_file("", "one\ntwo\\n\n");
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0137, 0);
}

static void a_file_that_was_moved_away_is_created_again(void **state)
{
    char moved[160];
    (void)state;
    struct log_file *f = open_file(&(struct log_file_settings){.path = path});
    assert_true(put(&log_file_ops, f, "one"));
    snprintf(moved, sizeof moved, "%s.1", path);
    assert_int_equal(rename(path, moved), 0);
    log_file_ops.reopen(f); /* as logrotate's signal does */
    assert_true(put(&log_file_ops, f, "two"));
    assert_int_equal(rename(path, moved), 0);
    now_us += 1000001; /* without a signal: it is noticed within a second */
    assert_true(put(&log_file_ops, f, "three"));
    expect_file("", "three\n");
    expect_file(".1", "two\n");
    log_file_ops.free(f);
}

static void a_file_is_rotated_between_lines_by_its_size(void **state)
{
    (void)state;
    struct log_file *f =
        open_file(&(struct log_file_settings){.path = path, .bytes_max = 10, .archives = 2});
    static const char *const lines[] = {"1234", "5678", "abcd", "a long line of more than 10",
                                        "last", "very"};
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_true(put(&log_file_ops, f, lines[i]));
    expect_file("", "last\nvery\n");
    expect_file(".0", "a long line of more than 10\n");
    expect_file(".1", "abcd\n");
    expect_file(".2", NULL);
    log_file_ops.free(f);
}

static void a_file_is_rotated_by_the_date_and_compressed(void **state)
{
    (void)state;
    struct log_file_settings settings = {.path = path, .archives = 3, .is_compressed = true};
    assert_true(rotation_date_parse("$D0", &settings.date));
    struct log_file *f = open_file(&settings);
    static const char *const days[] = {"Tuesday", "Wednesday", "Thursday"};
    for (unsigned i = 0; i < 3; i++) {
        assert_true(put(&log_file_ops, f, days[i]));
        now_us += DAY_S / 2 * (int64_t)1000000;
        assert_true(put(&log_file_ops, f, "noon"));
        now_us += DAY_S / 2 * (int64_t)1000000;
    }
    expect_file("", "Thursday\nnoon\n");
    expect_file(".0", NULL);
    expect_file(".0.gz", "Wednesday\nnoon\n");
    expect_file(".1.gz", "Tuesday\nnoon\n");
    now_us += 20 * DAY_S * (int64_t)1000000; /* days without a line make no archives */
    assert_true(put(&log_file_ops, f, "later"));
    expect_file("", "later\n");
    expect_file(".0.gz", "Thursday\nnoon\n");
    expect_file(".2.gz", "Tuesday\nnoon\n");
    expect_file(".3.gz", NULL);
    log_file_ops.free(f);
}

static void an_archive_is_for_the_same_users_as_the_log(void **state)
{
    char name[160];
    struct stat status;
    (void)state;
    struct log_file_settings settings = {
        .path = path, .bytes_max = 5, .archives = 1, .is_compressed = true};
    mode_t before = umask(0077);
    struct log_file *f = open_file(&settings);
    assert_true(put(&log_file_ops, f, "1234"));
    assert_true(put(&log_file_ops, f, "5678"));
    umask(before);
    snprintf(name, sizeof name, "%s.0.gz", path);
    assert_int_equal(stat(name, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    log_file_ops.free(f);
}

static void without_archives_the_old_file_is_deleted(void **state)
{
    (void)state;
    struct log_file *f = open_file(&(struct log_file_settings){.path = path, .bytes_max = 5});
    assert_true(put(&log_file_ops, f, "1234"));
    assert_true(put(&log_file_ops, f, "5678"));
    expect_file("", "5678\n");
    expect_file(".0", NULL);
    log_file_ops.free(f);
}

static void a_line_that_a_full_disk_cut_off_is_continued(void **state)
{
    struct rlimit before, limit;
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 8;
    struct log_file *f = open_file(&(struct log_file_settings){.path = path});
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_true(put(&log_file_ops, f, "1234"));
    assert_false(put(&log_file_ops, f, "5678"));
    assert_false(put(&log_file_ops, f, "9abc"));
    setrlimit(RLIMIT_FSIZE, &before);
    assert_true(log_file_ops.flush(f));
    expect_file("", "1234\n5678\n9abc\n");
    log_file_ops.free(f);
}

static void a_file_that_cannot_be_opened_is_an_error(void **state)
{
    struct log_file *f = NULL;
    (void)state;
    assert_int_equal(
        log_file_open(&(struct log_file_settings){.path = "/proc/nowhere/a.log"}, short_lines, &f),
        ERR_NOT_FOUND);
    assert_null(f);
    log_format_free(&short_lines);
}

/* --- syslog and journald ---------------------------------------------------------------------- */

static void syslog_lines_have_the_protocols_forms(void **state)
{
    struct lv_buffer out = {0};
    (void)state;
    struct syslog_settings s = {.protocol = SYSLOG_RFC3164, .identity = "leveret", .facility = 3};
    const struct log_record record = {
        .us = now_us, .level = LOG_ERROR, .text = slice_str("no\nway")};
    syslog_compose(&s, short_lines, "host", 7, &record, &out);
    lv_buffer_add_u8(&out, '|');
    s.protocol = SYSLOG_RFC5424;
    syslog_compose(&s, short_lines, "host", 7, &record, &out);
    lv_buffer_add_u8(&out, '|');
    s.transport = SYSLOG_LOCAL;
    syslog_compose(&s, short_lines, "host", 7, &record, &out);
    lv_buffer_add_u8(&out, '\0');
    assert_string_equal((const char *)out.p,
                        "<27>Dec  1 01:07:40 host leveret[7]: no\\nway|"
                        "<27>1 2026-12-01T01:07:40.123456+00:00 host leveret 7 - - no\\nway|"
                        "<27>Dec  1 01:07:40 leveret[7]: no\\nway");
    lv_buffer_free(&out);
    log_format_free(&short_lines);
}

static int local_socket(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    strcpy(address.sun_path, name);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void a_local_socket_that_comes_late_gets_the_line(void **state)
{
    char name[100], got[256] = "";
    (void)state;
    snprintf(name, sizeof name, "%s/log", directory);
    const struct syslog_settings settings = {.transport = SYSLOG_LOCAL,
                                             .host = name,
                                             .identity = "leveret",
                                             .facility = 16,
                                             .ca_file = "",
                                             .cert_file = "",
                                             .key_file = ""};
    struct syslog *s = syslog_create(&settings, short_lines);
    assert_false(put(&syslog_ops, s, "hello"));
    int fd = local_socket(name);
    assert_true(put(&syslog_ops, s, "hello"));
    assert_true(recv(fd, got, sizeof got - 1, 0) > 0);
    assert_memory_equal(got, "<132>Dec  1 01:07:40 leveret[", 29);
    assert_non_null(strstr(got, "]: hello"));
    close(fd);
    syslog_ops.free(s);
}

/* Reads what a stream has sent so far. */
static void read_stream(int fd, char *to, size_t n)
{
    ssize_t got = recv(fd, to, n - 1, 0);
    assert_true(got > 0);
    to[got] = '\0';
}

static void a_tcp_server_that_was_restarted_gets_the_next_line(void **state)
{
    char got[512];
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t n = sizeof address;
    (void)state;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int server = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server, (struct sockaddr *)&address, n), 0);
    assert_int_equal(listen(server, 5), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&address, &n), 0);
    const struct syslog_settings settings = {.transport = SYSLOG_TCP,
                                             .protocol = SYSLOG_RFC5424,
                                             .host = "127.0.0.1",
                                             .port = ntohs(address.sin_port),
                                             .identity = "leveret",
                                             .ca_file = "",
                                             .cert_file = "",
                                             .key_file = ""};
    struct syslog *s = syslog_create(&settings, short_lines);
    assert_true(put(&syslog_ops, s, "one"));
    int first = accept(server, NULL, NULL);
    read_stream(first, got, sizeof got);
    size_t length = (size_t)atoi(got);
    assert_int_equal(strlen(strchr(got, ' ') + 1), length);
    close(first);
    assert_true(put(&syslog_ops, s, "two"));
    int second = accept(server, NULL, NULL);
    read_stream(second, got, sizeof got);
    assert_non_null(strstr(got, " - - two"));
    close(second);
    close(server);
    syslog_ops.free(s);
}

static void journald_gets_fields(void **state)
{
    char name[100], got[1024] = "";
    (void)state;
    snprintf(name, sizeof name, "%s/journal", directory);
    int fd = local_socket(name);
    struct journald *j = journald_create(name, "leveret", JOURNALD_FIELDS);
    log_notes_clear();
    log_note_number(LOG_NOTE_PID, 17);
    log_note(LOG_NOTE_USER, slice_str("ann\nPRIORITY=0"));
    assert_true(put(&journald_ops, j, "refused\n"));
    log_notes_clear();
    assert_true(recv(fd, got, sizeof got - 1, 0) > 0);
    assert_non_null(strstr(got, "MESSAGE=refused\\n\n"));
    assert_non_null(strstr(got, "\nPRIORITY=4\n"));
    assert_non_null(strstr(got, "\nSYSLOG_IDENTIFIER=leveret\n"));
    assert_non_null(strstr(got, "\nDOMAIN=rabbitmq.connection\n"));
    assert_non_null(strstr(got, "\nUSER=ann\\nPRIORITY=0\n"));
    assert_non_null(strstr(got, "\nERL_PID=<0.17.0>\n"));
    close(fd);
    journald_ops.free(j);
    log_format_free(&short_lines);
}

/* Expects a line about ann to be sent with these fields, beside MESSAGE. */
static void expect_fields(const char *fields, const char *expected)
{
    struct lv_buffer out = {0};
    log_notes_clear();
    log_note(LOG_NOTE_USER, slice_str("ann"));
    const struct log_record record = {
        .us = now_us, .level = LOG_ERROR, .text = slice_str("hi"), .notes = log_notes_now()};
    assert_true(journald_fields_check(fields));
    journald_compose(fields, "leveret", 7, &record, &out);
    lv_buffer_add_u8(&out, '\0');
    assert_string_equal(slice_begins(lv_buffer_slice(&out), "MESSAGE=hi\n") ? (char *)out.p + 11
                                                                            : (char *)out.p,
                        expected);
    lv_buffer_free(&out);
    log_notes_clear();
}

static void fields_for_journald_are_chosen_in_rabbitmqs_notation(void **state)
{
    (void)state;
    expect_fields("", "");
    expect_fields("priority  syslog_pid ", "PRIORITY=3\nSYSLOG_PID=7\n");
    expect_fields("SYSLOG_IDENTIFIER=\"my broker\" WHO=user vhost CODE_FILE=file",
                  "SYSLOG_IDENTIFIER=my broker\nWHO=ann\n"); /* what a line lacks is left out */
    expect_fields("ERL_PID=pid syslog_identifier level",
                  "ERL_PID=<0.0.0>\nSYSLOG_IDENTIFIER=leveret\nLEVEL=error\n");
    static const char *const wrong[] = {"=pid",   "A=",      "A=\"x",    "_A=pid",
                                        "1A=pid", "A-B=pid", "A=\"x\"y", "pri\xc3\xb6"};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(journald_fields_check(wrong[i]));
    log_format_free(&short_lines);
}

int main(void)
{
#define SINK_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        SINK_TEST(a_file_is_appended_to),
        SINK_TEST(a_file_that_was_moved_away_is_created_again),
        SINK_TEST(a_file_is_rotated_between_lines_by_its_size),
        SINK_TEST(a_file_is_rotated_by_the_date_and_compressed),
        SINK_TEST(an_archive_is_for_the_same_users_as_the_log),
        SINK_TEST(without_archives_the_old_file_is_deleted),
        SINK_TEST(a_line_that_a_full_disk_cut_off_is_continued),
        SINK_TEST(syslog_lines_have_the_protocols_forms),
        SINK_TEST(a_local_socket_that_comes_late_gets_the_line),
        SINK_TEST(a_tcp_server_that_was_restarted_gets_the_next_line),
        SINK_TEST(journald_gets_fields),
        SINK_TEST(fields_for_journald_are_chosen_in_rabbitmqs_notation),
        cmocka_unit_test_setup(a_file_that_cannot_be_opened_is_an_error, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
