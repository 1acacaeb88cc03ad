/*
 * text: building a line of text in storage of fixed size, cut at its end instead of overflowing.
 */
#ifndef COMMON_CORE_TEXT_H
#define COMMON_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *data; /* borrowed; always ends in NUL */
    size_t len;
    size_t size;
};

/* Starts empty in the caller's array. */
#define TEXT_IN(array) ((struct text){(array), 0, sizeof(array)})
void text_init(struct text *text, char *data, size_t size);

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One item of several, behind separator where there are others; nothing where it is one already. */
void text_add_once(struct text *text, const char *separator, const char *item);

/* Unix seconds as "2026-08-26 12:00:00 UTC"; a year beyond 0000 to 9999 as that bound. */
void text_add_time(struct text *text, int64_t unix_s);

/* A length of time as a person says it: "59 s", "1 min 1 s", "59 min", "1 h 8 min", "2 days 2 h";
 * less than none is none. */
void text_add_length(struct text *text, int64_t s);

/* Copies and always ends in NUL; false if it had to cut. */
bool text_copy(char *to, size_t size, const char *from);

/* For people: what does not fit is cut where a word ends, with "..." behind it. size: 4 at least.
 */
void text_shorten(char *to, size_t size, const char *from);

/* A bound, whole-string decimal number; false for anything else. */
bool text_parse_u64(const char *from, unsigned long long max, unsigned long long *ret_value);

/* The same, or a hexadecimal one behind 0x, as ip(8) prints marks and fields of bits. */
bool text_parse_number(const char *from, unsigned long long max, unsigned long long *ret_value);

/* A mark as ip(8) takes and prints it, each number decimal, or hexadecimal behind 0x: "0x80000", or
 * "0x80000/0xff0000" with its mask; without one all bits. False for anything else. */
bool text_parse_mark(const char *from, uint32_t *ret_mark, uint32_t *ret_mask);

/* "90s", "5m", "2h", "45" (seconds) -> seconds. False for anything else. */
bool text_parse_duration(const char *from, unsigned *ret_seconds);

/* "-h" or "--help", with which a person asks how something is used. */
bool text_is_help(const char *word);

/* It says nothing: only spaces, tabs and ends of lines, or not even these. */
bool text_is_blank(const char *text);

bool text_equal(const char *a, const char *b);
bool text_starts(const char *text, const char *start);

#endif
