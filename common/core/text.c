/*
 * text: building a line of text in storage of fixed size.
 */
#include "common/core/text.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void text_init(struct text *text, char *data, size_t size)
{
    *text = (struct text){data, 0, size};
    if (size > 0)
        data[0] = '\0';
}

void text_add(struct text *text, const char *format, ...)
{
    va_list args;
    int wanted;

    if (text->len + 1 >= text->size)
        return;
    va_start(args, format);
    wanted = vsnprintf(text->data + text->len, text->size - text->len, format, args);
    va_end(args);
    if (wanted < 0)
        return;
    text->len += (size_t)wanted;
    if (text->len >= text->size)
        text->len = text->size - 1;
}

bool text_copy(char *to, size_t size, const char *from)
{
    size_t len = strlen(from);
    bool fits = len < size;

    if (!fits)
        len = size - 1;
    memcpy(to, from, len);
    to[len] = '\0';
    return fits;
}

void text_shorten(char *to, size_t size, const char *from)
{
    static const char dots[] = "...";
    size_t room = size - sizeof(dots);
    size_t end = room;

    if (text_copy(to, size, from))
        return;
    while (end > room / 2 && from[end] != ' ')
        end--;
    if (from[end] != ' ')
        end = room; /* one long word */
    while (end > 0 && strchr(" ,:;", from[end - 1]) != NULL)
        end--;
    memcpy(to + end, dots, sizeof(dots));
}

bool text_parse_u64(const char *from, unsigned long long max, unsigned long long *ret_value)
{
    unsigned long long value = 0;

    if (*from == '\0')
        return false;
    for (; *from != '\0'; from++) {
        unsigned digit = (unsigned)(*from - '0');

        if (*from < '0' || *from > '9' || digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

bool text_parse_duration(const char *from, unsigned *ret_seconds)
{
    static const struct {
        char unit;
        unsigned seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
    char digits[16];
    unsigned long long value;
    size_t len = strlen(from);
    unsigned factor = 1;

    if (len == 0 || len >= sizeof(digits))
        return false;
    memcpy(digits, from, len + 1);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (digits[len - 1] == units[i].unit) {
            digits[len - 1] = '\0';
            factor = units[i].seconds;
            break;
        }
    }
    if (!text_parse_u64(digits, UINT_MAX / factor, &value))
        return false;
    *ret_seconds = (unsigned)value * factor;
    return true;
}

bool text_equal(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

bool text_starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}
