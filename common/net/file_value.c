/*
 * file_value: the values that may stand in a configuration file, checked one by one.
 */
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/file_form.h"
#include "common/net/operation.h"

enum { WORD_SIZE = 64, PRIORITY_LAST = 32765, MTU_MIN = 1280, MTU_MAX = 65535 };

/* Cuts the next word off *rest; false behind the last, or when it is too long. */
static bool next_word(const char **rest, char *word)
{
    const char *start = *rest + strspn(*rest, " ");
    size_t len = strcspn(start, " ");

    if (len == 0 || len >= WORD_SIZE)
        return false;
    memcpy(word, start, len);
    word[len] = '\0';
    *rest = start + len + strspn(start + len, " ");
    return true;
}

static bool is_one_of(const char *value, const char *choices)
{
    char word[WORD_SIZE];

    while (next_word(&choices, word)) {
        if (text_equal(value, word))
            return true;
    }
    return false;
}

static bool is_bool(const char *value)
{
    return is_one_of(value, "yes no true false on off 1 0");
}

bool file_value_is_yes(const char *value)
{
    return is_one_of(value, "yes true on 1");
}

/* To networkd a number that begins with 0 is octal: it would read another one than is checked. */
static bool parse_number(const char *value, unsigned long long max, unsigned long long *ret_number)
{
    return (value[0] != '0' || value[1] == '\0') && text_parse_u64(value, max, ret_number);
}

static bool is_number(const char *value, unsigned long long min, unsigned long long max)
{
    unsigned long long number;

    return parse_number(value, max, &number) && number >= min;
}

static bool is_address(const char *value)
{
    struct address address;

    return address_parse(value, &address);
}

static bool is_destination(const char *value)
{
    const char *slash = strchr(value, '/');
    unsigned long long len;
    struct prefix prefix;

    return prefix_parse(value, &prefix) && (slash == NULL || parse_number(slash + 1, 128, &len));
}

/* With its length: without one networkd takes an address for a host's, and says nothing. */
static bool is_interface(const char *value)
{
    return strchr(value, '/') != NULL && is_destination(value);
}

static bool are_all(const char *value, bool (*is_fn)(const char *word))
{
    char word[WORD_SIZE];

    do {
        if (!next_word(&value, word) || !is_fn(word))
            return false;
    } while (*value != '\0');
    return true;
}

static bool is_word(const char *value)
{
    static const char accepted[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789-_.:@/*?!~";

    return value[strspn(value, accepted)] == '\0' && strchr("-@", value[0]) == NULL;
}

static bool is_table(const char *value)
{
    unsigned long long number;

    if (is_one_of(value, "main default"))
        return true;
    return parse_number(value, UINT32_MAX, &number) && number > 0 && number != 255 &&
           number != TAILSCALE_TABLE && number != RESCUE_TABLE;
}

static bool is_priority(const char *value)
{
    return is_number(value, RULE_PRIORITY_FIRST, SHIELD_PRIORITY_FROM - 1) ||
           is_number(value, SHIELD_PRIORITY_RESCUE + 1, TAILSCALE_RULE_FIRST - 1) ||
           is_number(value, TAILSCALE_RULE_LAST + 1, PRIORITY_LAST);
}

static bool is_good(const struct file_key *row, const char *value)
{
    switch (row->value) {
    case FILE_VALUE_BOOL:
        return is_bool(value);
    case FILE_VALUE_NUMBER:
        return is_number(value, 0, UINT32_MAX);
    case FILE_VALUE_MTU:
        return is_number(value, MTU_MIN, MTU_MAX);
    case FILE_VALUE_ADDRESS:
        return is_address(value);
    case FILE_VALUE_ADDRESSES:
        return are_all(value, is_address);
    case FILE_VALUE_INTERFACE:
        return is_interface(value);
    case FILE_VALUE_DESTINATION:
        return is_destination(value);
    case FILE_VALUE_TABLE:
        return is_table(value);
    case FILE_VALUE_PRIORITY:
        return is_priority(value);
    case FILE_VALUE_WORDS:
        return are_all(value, is_word);
    case FILE_VALUE_CHOICE:
        return is_one_of(value, row->choices);
    case FILE_VALUE_COUNT:
        break;
    }
    return false;
}

static const char *const accepted[] = {
    [FILE_VALUE_BOOL] = "yes and no",
    [FILE_VALUE_NUMBER] = "a number from 0 to 4294967295",
    [FILE_VALUE_MTU] = "1280 to 65535",
    [FILE_VALUE_ADDRESS] = "an address",
    [FILE_VALUE_ADDRESSES] = "addresses, with blanks between them",
    [FILE_VALUE_INTERFACE] = "an address with its network's length, like 203.0.113.10/24",
    [FILE_VALUE_DESTINATION] = "an address, a network or default",
    [FILE_VALUE_TABLE] = ("main, default and 1 to 4294967295, but for 52 (tailscaled's), 255 "
                          "(local) and 5100 (the rescue table)"),
    [FILE_VALUE_PRIORITY] = ("1 to 5139, 5146 to 5199 and 5300 to 32765: between them are the "
                             "shields and tailscaled's own"),
    [FILE_VALUE_WORDS] = "names, with blanks between them",
    [FILE_VALUE_CHOICE] = "",
};
_Static_assert(sizeof(accepted) / sizeof(accepted[0]) == FILE_VALUE_COUNT, "one text a value");

/* False, with what is accepted. */
static bool check(const struct file_key *row, const char *value, struct err *err)
{
    assert(row->value < FILE_VALUE_COUNT);
    if (is_good(row, value))
        return true;
    return err_set(err, ERR_INPUT, "%s '%.60s': accepted are %s", row->key, value,
                   row->value == FILE_VALUE_CHOICE ? row->choices : accepted[row->value]);
}

bool file_value_take(struct file_listener *listener, const struct file_key *row, const char *value,
                     struct err *err)
{
    const struct file_said said = {row->section, row->key, value, listener->entry};

    if (!check(row, value, err))
        return false;
    if (listener->said_fn != NULL)
        listener->said_fn(listener->context, &said);
    return true;
}
