/*
 * config_take: single values of a YAML file: texts, numbers, times, addresses, names.
 */
#include <stdio.h>
#include <string.h>

#include "common/core/name.h"
#include "common/core/text.h"
#include "common/io/config_yaml.h"

/* ---- texts ------------------------------------------------------------------------------------
 */

bool yaml_take_text(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node, void *to)
{
    size_t len;

    if (!yaml_is_text(node))
        return yaml_refuse_value(file, key, node, "accepted is a text");
    len = strlen(yaml_text(node));
    if (key->min > 0 && text_is_blank(yaml_text(node)))
        return yaml_refuse_value(file, key, node, "accepted is a text that says something");
    if (len >= key->size)
        return yaml_refuse(file, node, "`%s` has %zu characters: accepted are at most %zu",
                           key->name, len, key->size - 1);
    return text_copy(to, key->size, yaml_text(node));
}

bool yaml_take_line(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node, void *to)
{
    if (yaml_is_text(node) && strpbrk(yaml_text(node), "\n\t") != NULL)
        return yaml_refuse(file, node, "`%s`: accepted is one line, without a tab", key->name);
    return yaml_take_text(file, key, node, to);
}

bool yaml_take_name(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node, void *to)
{
    if (!yaml_is_text(node) || !name_valid(yaml_text(node)))
        return yaml_refuse_value(file, key, node,
                                 "accepted are 1 to 63 characters of a-z, 0-9 and '-'");
    return text_copy(to, NAME_SIZE, yaml_text(node));
}

bool yaml_take_path(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node, void *to)
{
    size_t max = key->max != 0 ? (size_t)key->max : key->size - 1;

    if (!yaml_is_text(node) || yaml_text(node)[0] != '/' || strlen(yaml_text(node)) > max)
        return yaml_refuse_value(file, key, node,
                                 "accepted is an absolute path of at most %zu characters", max);
    return text_copy(to, key->size, yaml_text(node));
}

bool yaml_take_device(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to)
{
    if (!yaml_is_text(node) || text_is_blank(yaml_text(node)) ||
        strlen(yaml_text(node)) >= DEVICE_SIZE ||
        yaml_text(node)[strcspn(yaml_text(node), "/: \t\n")] != '\0')
        return yaml_refuse_value(file, key, node,
                                 "accepted is a device's name of 1 to %d characters, like eth0",
                                 DEVICE_SIZE - 1);
    return text_copy(to, DEVICE_SIZE, yaml_text(node));
}

bool yaml_take_choice(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to)
{
    char accepted[REASON_SIZE] = "";
    struct text text = TEXT_IN(accepted);

    for (unsigned i = 0; key->choices[i] != NULL; i++) {
        if (yaml_is_text(node) && text_equal(yaml_text(node), key->choices[i])) {
            *(unsigned *)to = i;
            return true;
        }
        text_add(&text, "%s%s", i > 0 ? ", " : "", key->choices[i]);
    }
    return yaml_refuse_value(file, key, node, "accepted are %s", accepted);
}

/* ---- numbers and times ------------------------------------------------------------------------
 */

bool yaml_take_bool(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node, void *to)
{
    bool yes = yaml_is_text(node) && text_equal(yaml_text(node), "true");

    if (!yes && !(yaml_is_text(node) && text_equal(yaml_text(node), "false")))
        return yaml_refuse_value(file, key, node, "accepted are true and false");
    *(bool *)to = yes;
    return true;
}

static unsigned long long largest_of(const struct yaml_key *key)
{
    return key->max != 0 ? key->max : UINT32_MAX >> (8 * (4 - key->size));
}

static void store_number(const struct yaml_key *key, unsigned long long value, void *to)
{
    if (key->size == 1)
        *(uint8_t *)to = (uint8_t)value;
    else if (key->size == 2)
        *(uint16_t *)to = (uint16_t)value;
    else
        *(uint32_t *)to = (uint32_t)value;
}

bool yaml_take_number(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to)
{
    unsigned long long max = largest_of(key);
    unsigned long long value;

    if (!yaml_is_text(node) || !text_parse_u64(yaml_text(node), max, &value) || value < key->min)
        return yaml_refuse_value(file, key, node, "accepted are %llu to %llu", key->min, max);
    store_number(key, value, to);
    return true;
}

bool yaml_take_seconds(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to)
{
    unsigned seconds;

    if (!yaml_is_text(node) || !text_parse_duration(yaml_text(node), &seconds) ||
        seconds < key->min || seconds > key->max)
        return yaml_refuse_value(file, key, node,
                                 "accepted are %llus to %llus, written like 90s, 5m or 2h",
                                 key->min, key->max);
    *(unsigned *)to = seconds;
    return true;
}

/* "1500ms", or what text_parse_duration takes. */
static bool parse_milliseconds(const char *text, unsigned long long *ret_ms)
{
    size_t len = strlen(text);
    char digits[16];
    unsigned seconds;

    if (len > 2 && len < sizeof(digits) && text_equal(text + len - 2, "ms")) {
        memcpy(digits, text, len - 2);
        digits[len - 2] = '\0';
        return text_parse_u64(digits, UINT32_MAX, ret_ms);
    }
    if (!text_parse_duration(text, &seconds))
        return false;
    *ret_ms = 1000ULL * seconds;
    return true;
}

bool yaml_take_milliseconds(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                            void *to)
{
    unsigned long long ms;

    if (!yaml_is_text(node) || !parse_milliseconds(yaml_text(node), &ms) || ms < key->min ||
        ms > key->max)
        return yaml_refuse_value(file, key, node,
                                 "accepted are %llums to %llums, written like 500ms or 5s",
                                 key->min, key->max);
    *(unsigned *)to = (unsigned)ms;
    return true;
}

bool yaml_take_table(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                     void *to)
{
    static const struct {
        const char *name;
        uint32_t number; /* linux/rtnetlink.h */
    } tables[] = {{"main", 254}, {"default", 253}, {"local", 255}};
    unsigned long long number;

    for (size_t i = 0; yaml_is_text(node) && i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (text_equal(yaml_text(node), tables[i].name)) {
            *(uint32_t *)to = tables[i].number;
            return true;
        }
    }
    if (!yaml_is_text(node) || !text_parse_u64(yaml_text(node), UINT32_MAX, &number) || number == 0)
        return yaml_refuse_value(file, key, node, "accepted are main, default, local and 1 to %u",
                                 UINT32_MAX);
    *(uint32_t *)to = (uint32_t)number;
    return true;
}

/* Of RFC 2474, 2597 and 3246, which ip(8) prints: CS1 is 0x20, AF11 0x28, EF 0xb8. */
static bool parse_class(const char *text, unsigned long long *ret_tos)
{
    size_t len = strlen(text);

    if (text_equal(text, "EF"))
        *ret_tos = 0xb8;
    else if (len == 3 && text_starts(text, "CS") && text[2] >= '1' && text[2] <= '7')
        *ret_tos = (unsigned long long)(text[2] - '0') << 5;
    else if (len == 4 && text_starts(text, "AF") && text[2] >= '1' && text[2] <= '4' &&
             text[3] >= '1' && text[3] <= '3')
        *ret_tos = (unsigned long long)(text[2] - '0') << 5 | (unsigned long long)(text[3] - '0')
                                                                  << 3;
    else
        return false;
    return true;
}

bool yaml_take_tos(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node, void *to)
{
    unsigned long long tos;

    if (!yaml_is_text(node) || (!text_parse_number(yaml_text(node), UINT8_MAX, &tos) &&
                                !parse_class(yaml_text(node), &tos)))
        return yaml_refuse_value(file, key, node,
                                 "accepted are 0 to 255, 0x00 to 0xff, CS1 to CS7, AF11 to AF43 "
                                 "and EF");
    *(uint8_t *)to = (uint8_t)tos;
    return true;
}

/* ---- addresses --------------------------------------------------------------------------------
 */

bool yaml_take_address(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to)
{
    if (yaml_is_text(node) && address_parse(yaml_text(node), to))
        return true;
    return yaml_refuse_value(file, key, node, "accepted is an IPv4 or IPv6 address");
}

/* prefix_parse cuts host bits; whoever wrote them meant something else. */
static bool has_host_bits(const char *text, const struct prefix *prefix)
{
    char copy[PREFIX_TEXT_SIZE];
    struct address address;

    text_copy(copy, sizeof(copy), text);
    copy[strcspn(copy, "/")] = '\0';
    return address_parse(copy, &address) && !address_equal(&address, &prefix->address);
}

bool yaml_take_prefix(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to)
{
    char text[PREFIX_TEXT_SIZE];
    struct prefix prefix;

    if (!yaml_is_text(node) || !prefix_parse(yaml_text(node), &prefix))
        return yaml_refuse_value(file, key, node,
                                 "accepted is an address or a prefix, like 10.42.0.0/16");
    if (has_host_bits(yaml_text(node), &prefix))
        return yaml_refuse_value(file, key, node, "it has host bits; accepted would be %s",
                                 prefix_format(&prefix, text));
    *(struct prefix *)to = prefix;
    return true;
}

static bool cut_port(char *port, uint16_t *ret_port)
{
    unsigned long long number;

    if (!text_parse_u64(port, UINT16_MAX, &number) || number == 0)
        return false;
    *ret_port = (uint16_t)number;
    return true;
}

bool yaml_split_port(const char *text, char *to, size_t size, uint16_t *ret_port)
{
    char copy[HOST_SIZE + 16];
    char *host = copy;
    char *colon;

    *ret_port = 0;
    if (!text_copy(copy, sizeof(copy), text))
        return false;
    colon = strrchr(copy, ':');
    if (copy[0] == '[') {
        char *end = strchr(copy, ']');

        if (end == NULL || (end[1] != ':' && end[1] != '\0'))
            return false;
        colon = end[1] == ':' ? end + 1 : NULL;
        *end = '\0';
        host = copy + 1;
    } else if (colon != NULL && strchr(copy, ':') != colon) {
        colon = NULL; /* a bare IPv6 address */
    }
    if (colon != NULL) {
        *colon = '\0';
        if (!cut_port(colon + 1, ret_port))
            return false;
    }
    return host[0] != '\0' && text_copy(to, size, host);
}

/* ---- lists of names ---------------------------------------------------------------------------
 */

bool yaml_read_names(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                     struct yaml_names to)
{
    if (!yaml_expect_list(file, key, node))
        return false;
    *to.count = 0;
    for (size_t i = 0; i < yaml_count(node); i++) {
        yaml_node_t *item = yaml_item(file, node, i);

        if (!yaml_take_name(file, key, item, to.names[i]))
            return false;
        for (size_t k = 0; k < i; k++) {
            if (text_equal(to.names[k], to.names[i]))
                return yaml_refuse_value(file, key, item, "it is named twice; accepted is once");
        }
        ++*to.count;
    }
    return true;
}
