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

static bool is_item(const char *at, const char *separator, const char *item)
{
    size_t len = strlen(item);

    return strncmp(at, item, len) == 0 && (at[len] == '\0' || text_starts(at + len, separator));
}

void text_add_once(struct text *text, const char *separator, const char *item)
{
    const char *at = text->data;

    while (text->len > 0 && at != NULL) {
        if (is_item(at, separator, item))
            return;
        at = strstr(at, separator);
        at = at != NULL ? at + strlen(separator) : NULL;
    }
    text_add(text, "%s%s", text->len > 0 ? separator : "", item);
}

enum { DAY_S = 86400, ERA_DAYS = 146097, ERA_SHIFT_DAYS = 719468 };

/* The Gregorian calendar, its years beginning in March so that leap days come last. */
void text_add_time(struct text *text, int64_t unix_s)
{
    const int64_t first = -62167219200, last = 253402300799; /* years 0 and 9999 */
    int64_t bound = unix_s < first ? first : unix_s > last ? last : unix_s;
    int64_t second = (bound % DAY_S + DAY_S) % DAY_S;
    int64_t days = (bound - second) / DAY_S + ERA_SHIFT_DAYS;
    int64_t era = (days >= 0 ? days : days - (ERA_DAYS - 1)) / ERA_DAYS;
    int64_t of_era = days - era * ERA_DAYS;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t day = of_year - (153 * month + 2) / 5 + 1;

    month = month < 10 ? month + 3 : month - 9;
    year += era * 400 + (month <= 2);
    text_add(text, "%04lld-%02lld-%02lld %02lld:%02lld:%02lld UTC", (long long)year,
             (long long)month, (long long)day, (long long)(second / 3600),
             (long long)(second / 60 % 60), (long long)(second % 60));
}

/* small: of so few of the larger unit the smaller one is said too. */
static void add_length(struct text *text, int64_t s, const char *const units[2],
                       const int64_t sizes[2], int64_t small)
{
    int64_t count = s / sizes[0];
    int64_t rest = s % sizes[0] / sizes[1];

    text_add(text, "%lld %s", (long long)count, units[0]);
    if (count < small && rest > 0)
        text_add(text, " %lld %s", (long long)rest, units[1]);
}

void text_add_length(struct text *text, int64_t s)
{
    enum { MIN_S = 60, HOUR_S = 3600, FEW_MIN = 10, FEW_DAYS = 14 };

    if (s < MIN_S)
        text_add(text, "%lld s", (long long)(s > 0 ? s : 0));
    else if (s < HOUR_S)
        add_length(text, s, (const char *const[]){"min", "s"}, (const int64_t[]){MIN_S, 1},
                   FEW_MIN);
    else if (s < 2 * DAY_S)
        add_length(text, s, (const char *const[]){"h", "min"}, (const int64_t[]){HOUR_S, MIN_S},
                   DAY_S);
    else
        add_length(text, s, (const char *const[]){"days", "h"}, (const int64_t[]){DAY_S, HOUR_S},
                   FEW_DAYS);
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

static bool parse_hex(const char *from, unsigned long long max, unsigned long long *ret_value)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    unsigned long long value = 0;

    if (*from == '\0')
        return false;
    for (; *from != '\0'; from++) {
        const char *found = strchr(digits, *from);
        unsigned digit = found != NULL ? (unsigned)(found - digits) % 16 : 0;

        if (found == NULL || digit > max || value > (max - digit) / 16)
            return false;
        value = value * 16 + digit;
    }
    *ret_value = value;
    return true;
}

bool text_parse_number(const char *from, unsigned long long max, unsigned long long *ret_value)
{
    return text_starts(from, "0x") ? parse_hex(from + 2, max, ret_value)
                                   : text_parse_u64(from, max, ret_value);
}

bool text_parse_mark(const char *from, uint32_t *ret_mark, uint32_t *ret_mask)
{
    size_t len = strcspn(from, "/");
    unsigned long long mark, mask = UINT32_MAX;
    char copy[64];

    if (len >= sizeof(copy))
        return false;
    memcpy(copy, from, len);
    copy[len] = '\0';
    if (!text_parse_number(copy, UINT32_MAX, &mark) ||
        (from[len] != '\0' && !text_parse_number(from + len + 1, UINT32_MAX, &mask)))
        return false;
    *ret_mark = (uint32_t)mark;
    *ret_mask = (uint32_t)mask;
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

bool text_is_help(const char *word)
{
    return text_equal(word, "-h") || text_equal(word, "--help");
}

bool text_is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

bool text_equal(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

bool text_starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}
