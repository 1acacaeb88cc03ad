/*
 * log: one line a thing that happened, to stderr with the journal's priority prefix (sd-daemon(3)).
 *
 * Secrets never come here: no key, no nonce of a signature, no token.
 */
#ifndef COMMON_IO_LOG_H
#define COMMON_IO_LOG_H

#include "common/core/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* program is printed in front of each line when stderr is not the journal. */
void log_init(const char *program, enum log_level level);
/* Whoever has to be in time: a line that standard error does not take within that is lost, and how
 * many were is said when it takes one again. */
void log_wait_at_most(int patience_ms);
bool log_level_parse(const char *text, enum log_level *ret_level);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
