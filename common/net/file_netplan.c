/*
 * file_netplan: what a change may write into a netplan file, read as a strict part of YAML.
 *
 * Block mappings and lists, each deeper than what it belongs to; lists of scalars also as [a, b];
 * scalars plain or in quotes. Whatever YAML has besides (anchors, tags, documents, texts of many
 * lines) is refused, so that netplan cannot read it otherwise than this does.
 */
#include <string.h>

#include "common/net/file_form.h"

enum { LINE_SIZE = 256, PATH_TEXT_SIZE = 160, DEPTH_MAX = 8 };

#define ROUTES "network/ethernets/*/routes/-"
#define RULES "network/ethernets/*/routing-policy/-"
#define DEVICE "network/ethernets/*"

/* vlans, bridges, bonds and tunnels are not here: networkd makes their devices and never takes
 * them away again. A device's mtu is not: netplan writes it to a .link as well, without the
 * NamePolicy of the one that it takes the place of, which is read at the next boot, when no trial
 * watches. */
static const struct file_key keys[] = {
    {"network", "version", FILE_VALUE_CHOICE, "2"},
    {"network", "renderer", FILE_VALUE_CHOICE, "networkd"},
    {DEVICE "/match", "name", FILE_VALUE_WORDS, NULL},
    {DEVICE "/match", "macaddress", FILE_VALUE_WORDS, NULL},
    {DEVICE, "optional", FILE_VALUE_BOOL, NULL},
    {DEVICE, "dhcp4", FILE_VALUE_BOOL, NULL},
    {DEVICE, "dhcp6", FILE_VALUE_BOOL, NULL},
    {DEVICE, "accept-ra", FILE_VALUE_BOOL, NULL},
    {DEVICE, "gateway4", FILE_VALUE_ADDRESS, NULL},
    {DEVICE, "gateway6", FILE_VALUE_ADDRESS, NULL},
    {DEVICE "/link-local", "-", FILE_VALUE_CHOICE, "ipv4 ipv6"},
    {DEVICE "/addresses", "-", FILE_VALUE_INTERFACE, NULL},
    {DEVICE "/nameservers/addresses", "-", FILE_VALUE_ADDRESS, NULL},
    {DEVICE "/nameservers/search", "-", FILE_VALUE_WORDS, NULL},
    {DEVICE "/dhcp4-overrides", "use-dns", FILE_VALUE_BOOL, NULL},
    {DEVICE "/dhcp4-overrides", "use-routes", FILE_VALUE_BOOL, NULL},
    {DEVICE "/dhcp4-overrides", "route-metric", FILE_VALUE_NUMBER, NULL},
    {ROUTES, "to", FILE_VALUE_DESTINATION, NULL},
    {ROUTES, "via", FILE_VALUE_ADDRESS, NULL},
    {ROUTES, "from", FILE_VALUE_ADDRESS, NULL},
    {ROUTES, "metric", FILE_VALUE_NUMBER, NULL},
    {ROUTES, "table", FILE_VALUE_TABLE, NULL},
    {ROUTES, "on-link", FILE_VALUE_BOOL, NULL},
    {ROUTES, "mtu", FILE_VALUE_MTU, NULL},
    {ROUTES, "type", FILE_VALUE_CHOICE, "unicast blackhole unreachable prohibit"},
    {ROUTES, "scope", FILE_VALUE_CHOICE, "global link host"},
    {RULES, "from", FILE_VALUE_DESTINATION, NULL},
    {RULES, "to", FILE_VALUE_DESTINATION, NULL},
    {RULES, "table", FILE_VALUE_TABLE, NULL},
    {RULES, "priority", FILE_VALUE_PRIORITY, NULL},
    {RULES, "mark", FILE_VALUE_NUMBER, NULL},
};
enum { KEYS_COUNT = sizeof(keys) / sizeof(keys[0]) };

/* One mapping or list that is open, with the path that its entries have in front. */
struct block {
    unsigned indent;
    bool is_list;
    char path[PATH_TEXT_SIZE];
};

struct reading {
    struct block blocks[DEPTH_MAX];
    unsigned depth;
    bool awaits; /* the entry above has no value yet: a deeper block is its value */
    char awaiting[PATH_TEXT_SIZE];
    bool has_version;
    struct file_listener listener;
};

/* ---- paths ------------------------------------------------------------------------------------
 */

/* "network/ethernets/eth0" for "network/ethernets/" + "*": the rest of pattern behind as much of it
 * as path is; NULL: path is something else. A device's name has no "/". */
static const char *rest_of(const char *pattern, const char *path)
{
    while (*path != '\0') {
        if (*pattern == '*') {
            path += strcspn(path, "/");
            pattern++;
        } else if (*pattern++ != *path++) {
            return NULL;
        }
    }
    return pattern;
}

static bool is_row(const struct file_key *row, const char *path)
{
    char pattern[PATH_TEXT_SIZE] = "";
    struct text text = TEXT_IN(pattern);
    const char *rest;

    text_add(&text, "%s/%s", row->section, row->key);
    rest = rest_of(pattern, path);
    return rest != NULL && rest[0] == '\0';
}

static const struct file_key *find_row(const char *path)
{
    for (int i = 0; i < KEYS_COUNT; i++) {
        if (is_row(&keys[i], path))
            return &keys[i];
    }
    return NULL;
}

/* The next part of row's path behind `path`; false: it is not below it. */
static bool next_part(const struct file_key *row, const char *path, char *part)
{
    char pattern[PATH_TEXT_SIZE] = "";
    struct text text = TEXT_IN(pattern);
    const char *rest;

    text_add(&text, "%s/%s", row->section, row->key);
    rest = path[0] == '\0' ? pattern : rest_of(pattern, path);
    if (rest == NULL || (path[0] != '\0' && *rest++ != '/'))
        return false;
    text_copy(part, PATH_TEXT_SIZE, rest);
    part[strcspn(part, "/")] = '\0';
    return true;
}

static bool has_below(const char *path)
{
    char part[PATH_TEXT_SIZE];

    for (int i = 0; i < KEYS_COUNT; i++) {
        if (next_part(&keys[i], path, part))
            return true;
    }
    return false;
}

/* above: where the key stands. */
static bool refuse(const char *above, const char *key, struct err *err)
{
    char list[REASON_SIZE] = "", part[PATH_TEXT_SIZE], last[PATH_TEXT_SIZE] = "";
    struct text text = TEXT_IN(list);

    for (int i = 0; i < KEYS_COUNT; i++) {
        if (!next_part(&keys[i], above, part) || text_equal(part, last))
            continue;
        text_add(&text, "%s%s", text.len > 0 ? ", " : "",
                 text_equal(part, "*")   ? "a device"
                 : text_equal(part, "-") ? "a list"
                                         : part);
        text_copy(last, sizeof(last), part);
    }
    return err_set(err, ERR_INPUT, "'%.40s': accepted in %s are %s", key,
                   above[0] != '\0' ? above : "the file", text.len > 0 ? list : "no keys");
}

/* ---- scalars ----------------------------------------------------------------------------------
 */

/* Without its quotes. */
static bool unquote(char **value, struct err *err)
{
    char quote = (*value)[0];
    size_t len = strlen(*value);

    if (quote != '"' && quote != '\'')
        return true;
    if (len < 2 || strchr(*value + 1, quote) != *value + len - 1)
        return err_set(err, ERR_INPUT, "%.60s: accepted is one pair of quotes around a value",
                       *value);
    (*value)[len - 1] = '\0';
    ++*value;
    return true;
}

static bool take_scalar(struct reading *reading, const char *path, char *value, struct err *err)
{
    const struct file_key *row = find_row(path);

    if (row == NULL)
        return err_set(err, ERR_INPUT, "'%.60s': expected no value of %s but a block below it",
                       value, path);
    reading->has_version |= text_equal(path, "network/version");
    if (strchr("&*!?|>@`{", value[0]) != NULL) /* an alias, a tag, a mapping to YAML */
        return err_set(err, ERR_INPUT, "%.60s: accepted is a plain value, or one in quotes", value);
    return unquote(&value, err) && file_value_take(&reading->listener, row, value, err);
}

/* "[a, b]" */
static bool take_flow(struct reading *reading, const char *above, char *list, struct err *err)
{
    char path[PATH_TEXT_SIZE] = "";
    struct text text = TEXT_IN(path);
    size_t len = strlen(list);
    char *save = NULL;

    text_add(&text, "%s/-", above);
    if (list[len - 1] != ']' || strpbrk(list + 1, "[{}") != NULL || find_row(path) == NULL)
        return err_set(err, ERR_INPUT,
                       "%.60s: accepted is a list of values, [a, b], where one "
                       "belongs",
                       list);
    list[len - 1] = '\0';
    for (char *item = strtok_r(list + 1, ",", &save); item != NULL;
         item = strtok_r(NULL, ",", &save)) {
        item += strspn(item, " ");
        for (len = strlen(item); len > 0 && item[len - 1] == ' '; len--)
            item[len - 1] = '\0';
        if (!take_scalar(reading, path, item, err))
            return false;
    }
    return true;
}

/* ---- entries ----------------------------------------------------------------------------------
 */

static bool await_block(struct reading *reading, const char *path, struct err *err)
{
    if (!has_below(path))
        return err_set(err, ERR_INPUT, "%s has no value", path);
    reading->awaits = true;
    text_copy(reading->awaiting, sizeof(reading->awaiting), path);
    return true;
}

static bool take_value(struct reading *reading, const char *path, char *value, struct err *err)
{
    if (value[0] == '\0')
        return await_block(reading, path, err);
    if (value[0] == '[')
        return take_flow(reading, path, value, err);
    return take_scalar(reading, path, value, err);
}

/* "key: value", "key:"; NULL: neither. The key is cut off there. */
static char *cut_key(char *entry)
{
    char *colon = strchr(entry, ':');

    while (colon != NULL && colon[1] != ' ' && colon[1] != '\0')
        colon = strchr(colon + 1, ':');
    if (colon == NULL || colon == entry)
        return NULL;
    *colon++ = '\0';
    return colon + strspn(colon, " ");
}

static bool take_pair(struct reading *reading, const struct block *block, char *entry,
                      struct err *err)
{
    char path[PATH_TEXT_SIZE] = "";
    struct text text = TEXT_IN(path);
    char *value = cut_key(entry);

    if (value == NULL)
        return err_set(err, ERR_INPUT, "'%.60s': accepted are `key: value`, `key:` and `- item`",
                       entry);
    if (entry[strspn(entry, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "0123456789-_.")] != '\0' ||
        entry[0] == '-')
        return err_set(err, ERR_INPUT, "'%.40s': accepted are keys of letters, digits, - _ and .",
                       entry);
    text_add(&text, "%s%s%s", block->path, block->path[0] != '\0' ? "/" : "", entry);
    if (text.len >= PATH_TEXT_SIZE - 1 || (find_row(path) == NULL && !has_below(path)))
        return refuse(block->path, entry, err);
    return take_value(reading, path, value, err);
}

static struct block *open_block(struct reading *reading, unsigned indent, bool is_list,
                                const char *path, struct err *err)
{
    struct block *block = &reading->blocks[reading->depth];

    if (reading->depth == DEPTH_MAX) {
        err_set(err, ERR_LIMIT, "accepted are %d blocks in one another", DEPTH_MAX);
        return NULL;
    }
    reading->depth++;
    block->indent = indent;
    block->is_list = is_list;
    text_copy(block->path, sizeof(block->path), path);
    reading->awaits = false;
    return block;
}

/* "- value" or "- key: value", which opens a mapping where its key stands. */
static bool take_item(struct reading *reading, const struct block *block, char *entry,
                      struct err *err)
{
    char path[PATH_TEXT_SIZE] = "";
    struct text text = TEXT_IN(path);
    size_t skip = 1 + strspn(entry + 1, " ");
    struct block *mapping;

    text_add(&text, "%s/-", block->path);
    if (entry[skip] == '\0' || skip == 1)
        return err_set(err, ERR_INPUT, "'%.40s': accepted is `- item`", entry);
    if (find_row(path) != NULL)
        return take_scalar(reading, path, entry + skip, err);
    if (!has_below(path))
        return refuse(block->path, entry, err);
    reading->listener.entry++;
    mapping = open_block(reading, block->indent + (unsigned)skip, false, path, err);
    return mapping != NULL && take_pair(reading, mapping, entry + skip, err);
}

static bool take_entry(struct reading *reading, unsigned indent, char *entry, struct err *err)
{
    bool is_list = entry[0] == '-' && (entry[1] == ' ' || entry[1] == '\0');
    struct block *block;

    while (reading->depth > 0 && reading->blocks[reading->depth - 1].indent > indent)
        reading->depth--;
    block = reading->depth > 0 ? &reading->blocks[reading->depth - 1] : NULL;
    if (reading->awaits && (block == NULL || indent > block->indent))
        block = open_block(reading, indent, is_list, reading->awaiting, err);
    else if (block == NULL && reading->depth == 0 && indent == 0 && !is_list)
        block = open_block(reading, 0, false, "", err);
    if (block == NULL)
        return err->kind != ERR_NONE ||
               err_set(err, ERR_INPUT, "expected a key of the file, without blanks before it");
    if (reading->awaits)
        return err_set(err, ERR_INPUT, "%s has no value", reading->awaiting);
    if (block->indent != indent || block->is_list != is_list)
        return err_set(err, ERR_INPUT,
                       "'%.40s': expected %s with %u blanks before it, as those above", entry,
                       block->is_list ? "an item" : "a key", block->indent);
    return is_list ? take_item(reading, block, entry, err) : take_pair(reading, block, entry, err);
}

/* ---- lines ------------------------------------------------------------------------------------
 */

/* YAML: a "#" begins a comment at the line's start or behind a blank, outside of quotes. */
static size_t length_without_comment(const char *line, size_t len)
{
    char quote = '\0';

    for (size_t i = 0; i < len; i++) {
        if (quote != '\0')
            quote = line[i] == quote ? '\0' : quote;
        else if ((line[i] == '"' || line[i] == '\'') && (i == 0 || strchr(" [,", line[i - 1])))
            quote = line[i];
        else if (line[i] == '#' && (i == 0 || line[i - 1] == ' '))
            return i;
    }
    return len;
}

static bool take_line(struct reading *reading, const char *from, size_t len, struct err *err)
{
    char line[LINE_SIZE];
    unsigned indent = 0;

    if (len >= sizeof(line))
        return err_set(err, ERR_LIMIT, "%zu characters: accepted are at most %d", len,
                       LINE_SIZE - 1);
    len = length_without_comment(from, len);
    while (len > 0 && from[len - 1] == ' ')
        len--;
    memcpy(line, from, len);
    line[len] = '\0';
    while (line[indent] == ' ')
        indent++;
    return line[indent] == '\0' || take_entry(reading, indent, line + indent, err);
}

static bool take_lines(struct reading *reading, const char *content, struct err *err)
{
    unsigned number = 1;

    for (const char *at = content; *at != '\0'; number++) {
        size_t len = strcspn(at, "\n");

        if (!take_line(reading, at, len, err))
            return err_wrap(err, "line %u", number);
        at += len + (at[len] == '\n');
    }
    return true;
}

bool file_form_check_netplan(const char *content, struct err *err)
{
    struct reading reading = {.depth = 0};

    if (!take_lines(&reading, content, err))
        return false;
    if (reading.awaits)
        return err_set(err, ERR_INPUT, "%s has no value", reading.awaiting);
    return reading.has_version ||
           err_set(err, ERR_INPUT, "it says no `version`: expected network/version: 2");
}

bool file_form_read_netplan(const char *content, struct file_listener listener)
{
    struct reading reading = {.listener = listener};
    struct err err = ERR_INIT;

    return take_lines(&reading, content, &err);
}
