#include "flags.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_value(const struct flag *flag)
{
    if (flag->is_secret)
        puts("not shown");
    else if (flag->number)
        printf("now %d\n", *flag->number);
    else
        printf("now %s\n", **flag->text ? *flag->text : "none");
}

static void print_help(const struct flag *flags, size_t count, const char *about,
                       const char *program)
{
    printf("%s\n\nusage: %s [--flag VALUE]...\n\n", about, program);
    for (const struct flag *flag = flags; flag < flags + count; flag++) {
        printf("  %-18s %s\n  %-18s ", flag->name, flag->help, "");
        if (flag->environment)
            printf("or $%s, ", flag->environment);
        print_value(flag);
    }
}

/* Stores one value, or says what is wrong with it and ends the process. */
static void flag_set(const struct flag *flag, const char *source, const char *value)
{
    if (flag->text) {
        *flag->text = value;
        return;
    }
    char *end;
    errno = 0;
    long number = strtol(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || number < flag->number_min ||
        number > flag->number_max) {
        fprintf(stderr, "%s: '%s' is not a number from %d to %d\n", source, value, flag->number_min,
                flag->number_max);
        exit(2);
    }
    *flag->number = (int)number;
}

static const struct flag *flag_find(const struct flag *flags, size_t count, const char *name)
{
    for (const struct flag *flag = flags; flag < flags + count; flag++) {
        if (strcmp(flag->name, name) == 0)
            return flag;
    }
    return NULL;
}

void flags_read(const struct flag *flags, size_t count, const char *about, int argc, char **argv)
{
    for (const struct flag *flag = flags; flag < flags + count; flag++) {
        const char *value = flag->environment ? getenv(flag->environment) : NULL;
        if (value && *value)
            flag_set(flag, flag->environment, value);
    }
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(flags, count, about, argv[0]);
            exit(0);
        }
        const struct flag *flag = flag_find(flags, count, argv[i]);
        if (!flag) {
            fprintf(stderr, "%s: no such flag, see --help\n", argv[i]);
            exit(2);
        }
        if (i + 1 == argc) {
            fprintf(stderr, "%s: needs a value\n", argv[i]);
            exit(2);
        }
        flag_set(flag, argv[i], argv[i + 1]);
    }
}
