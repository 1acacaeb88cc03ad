/*
 * log: one line a thing that happened, to stderr with the journal's priority prefix.
 */
#include "common/io/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/io/outlet.h"

static const struct {
    const char *name;
    int priority; /* syslog(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

/* Set once by log_init before any thread is started. */
static const char *log_program = "oceanid";
static enum log_level log_limit = LOG_LEVEL_INFO;
static bool log_to_journal;
static bool log_waits = true;
static struct outlet log_outlet = {.fd = STDERR_FILENO};

void log_init(const char *program, enum log_level level)
{
    log_program = program;
    log_limit = level;
    log_to_journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_wait_at_most(int patience_ms)
{
    log_waits = false;
    log_outlet.patience_ms = patience_ms;
}

bool log_level_parse(const char *text, enum log_level *ret_level)
{
    for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcmp(text, levels[i].name) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* Whole lines, also of several threads. */
static void put(const char *line)
{
    flockfile(stderr);
    if (log_waits)
        fputs(line, stderr);
    else
        outlet_put(&log_outlet, line, strlen(line));
    funlockfile(stderr);
}

__attribute__((format(printf, 2, 0))) static void write_line(enum log_level level,
                                                             const char *format, va_list args)
{
    char line[2048], whole[2048 + 128];

    if (level > log_limit)
        return;
    vsnprintf(line, sizeof(line), format, args);
    for (char *at = line; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ')
            *at = ' '; /* one line a thing; a peer's text cannot forge another */
    }
    if (log_to_journal)
        snprintf(whole, sizeof(whole), "<%d>%s\n", levels[level].priority, line);
    else if (log_limit == LOG_LEVEL_DEBUG)
        snprintf(whole, sizeof(whole), "%lld.%06lld %s: %s: %s\n",
                 (long long)(clock_unix_us() / 1000000), (long long)(clock_unix_us() % 1000000),
                 log_program, levels[level].name, line);
    else
        snprintf(whole, sizeof(whole), "%s: %s: %s\n", log_program, levels[level].name, line);
    put(whole);
}

#define LOG_FUNCTION(name, level)                                                                  \
    void name(const char *format, ...)                                                             \
    {                                                                                              \
        va_list args;                                                                              \
                                                                                                   \
        va_start(args, format);                                                                    \
        write_line(level, format, args);                                                           \
        va_end(args);                                                                              \
    }

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
