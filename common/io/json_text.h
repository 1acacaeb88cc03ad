/*
 * json_text: a text in JSON, which is UTF-8 (RFC 8259, 8.1).
 */
#ifndef COMMON_IO_JSON_TEXT_H
#define COMMON_IO_JSON_TEXT_H

#include <jansson.h>

/* A string of a text that need not be UTF-8: where it is not, every byte above ASCII becomes "?".
 * Never NULL: one member that is none would cost its whole object. */
json_t *json_text(const char *text);

#endif
