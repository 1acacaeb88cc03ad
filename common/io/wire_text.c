/*
 * wire_text: strings, as they are written and as they are let in: UTF-8 that people can read.
 */
#include <string.h>

#include "common/core/name.h"
#include "common/core/text.h"
#include "common/io/wire_parts.h"

/* The second byte's range follows from the first (Unicode 15, table 3-7); C1 controls are out. */
static bool is_pair(unsigned char lead, unsigned char next)
{
    unsigned char low = lead == 0xe0 || lead == 0xc2 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;

    return next >= low && next <= high;
}

/* The length of the character at text, 0 if it is none that people can read. */
static size_t character_len(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

    if (len == 1)
        return (at[0] >= 0x20 && at[0] != 0x7f) || at[0] == '\n' || at[0] == '\t' ? 1 : 0;
    if (at[0] < 0xc2 || at[0] > 0xf4 || !is_pair(at[0], at[1]))
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

static bool is_plain(const char *text)
{
    while (*text != '\0') {
        size_t len = character_len(text);

        if (len == 0)
            return false;
        text += len;
    }
    return true;
}

char *wire_put_text(struct arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy;
    size_t len;

    if (is_plain(text))
        return wire_put_string(text);
    copy = arena_alloc(arena, 1, size);
    memcpy(copy, text, size);
    for (char *at = copy; *at != '\0'; at += len) {
        len = character_len(at);
        if (len == 0) {
            *at = '?';
            len = 1;
        }
    }
    return copy;
}

char **wire_put_rows(struct arena *arena, const char *first, size_t size, size_t count)
{
    char **rows = arena_alloc(arena, count, sizeof(*rows));

    for (size_t i = 0; i < count; i++)
        rows[i] = wire_put_text(arena, first + i * size);
    return rows;
}

bool wire_take_text(char *to, size_t size, const char *from, const char *what, struct err *err)
{
    if (!is_plain(from))
        return err_set(err, ERR_INPUT, "%s: accepted is UTF-8 without control characters", what);
    if (text_copy(to, size, from))
        return true;
    return err_set(err, ERR_LIMIT, "%s '%.60s...': accepted are at most %zu bytes", what, from,
                   size - 1);
}

bool wire_take_line(char *to, size_t size, const char *from, const char *what, struct err *err)
{
    if (!wire_take_text(to, size, from, what, err))
        return false;
    for (char *at = to; *at != '\0'; at++) {
        if (*at == '\n' || *at == '\t')
            *at = ' ';
    }
    return true;
}

bool wire_take_word(char *to, size_t size, const char *from, const char *what, struct err *err)
{
    if (strpbrk(from, "\n\t") == NULL)
        return wire_take_text(to, size, from, what, err);
    return err_set(err, ERR_INPUT, "%s: accepted is one line, without a tab", what);
}

bool wire_take_name(char *to, const char *from, const char *what, struct err *err)
{
    return wire_take_text(to, NAME_SIZE, from, what, err) && name_check(what, from, err);
}

bool wire_take_rows(const struct wire_rows *to, uint32_t *ret_count, char **from, size_t count,
                    struct err *err)
{
    if (!wire_take_count(count, to->max, to->what, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        char *row = to->first + i * to->size;

        if (!wire_take_line(row, to->size, from[i], to->what, err) ||
            (to->names && !name_check(to->what, row, err)))
            return false;
    }
    *ret_count = (uint32_t)count;
    return true;
}
