/*
 * address: IPv4 and IPv6 addresses and prefixes as values.
 */
#include "common/net/address.h"

#include <stdio.h>
#include <string.h>

#include "common/core/text.h"

_Static_assert(ADDRESS_TEXT_SIZE >= 46, "INET6_ADDRSTRLEN of netinet/in.h");

unsigned address_bits(uint8_t family)
{
    return family == FAMILY_IPV6 ? 128 : 32;
}

static unsigned bytes_of(uint8_t family)
{
    return address_bits(family) / 8;
}

bool address_is_set(const struct address *address)
{
    return address->family != FAMILY_NONE;
}

struct address address_from_bytes(uint8_t family, const uint8_t *bytes)
{
    struct address address = {.family = family};

    memcpy(address.bytes, bytes, bytes_of(family));
    return address;
}

int address_compare(const struct address *a, const struct address *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool address_equal(const struct address *a, const struct address *b)
{
    return address_compare(a, b) == 0;
}

/* Four decimal numbers of 0 to 255 without leading zeros, to the end or to `end`. */
static bool parse_ipv4(const char *text, uint8_t *bytes)
{
    for (int i = 0; i < 4; i++) {
        unsigned value = 0;
        int digits = 0;

        for (; *text >= '0' && *text <= '9'; text++, digits++) {
            if (digits > 0 && value == 0)
                return false;
            value = value * 10 + (unsigned)(*text - '0');
            if (value > 255)
                return false;
        }
        if (digits == 0 || *text != (i < 3 ? '.' : '\0'))
            return false;
        text++;
        bytes[i] = (uint8_t)value;
    }
    return true;
}

/* One group of up to four hexadecimal digits; returns what follows, NULL if there is none. */
static const char *parse_group(const char *text, uint8_t *ret_bytes)
{
    unsigned value = 0;
    int digits = 0;

    for (; digits < 5; text++, digits++) {
        if (*text >= '0' && *text <= '9')
            value = value * 16 + (unsigned)(*text - '0');
        else if ((*text | 32) >= 'a' && (*text | 32) <= 'f')
            value = value * 16 + (unsigned)((*text | 32) - 'a' + 10);
        else
            break;
    }
    if (digits == 0 || digits > 4)
        return NULL;
    ret_bytes[0] = (uint8_t)(value >> 8);
    ret_bytes[1] = (uint8_t)value;
    return text;
}

/* Groups and at most one "::"; the last four bytes may be dotted (RFC 4291 section 2.2). */
struct ipv6_parser {
    uint8_t bytes[16];
    unsigned len;
    int gap; /* where "::" stood, in bytes; -1: nowhere */
};

static bool close_gap(struct ipv6_parser *parser, uint8_t *bytes)
{
    unsigned gap = (unsigned)parser->gap;
    unsigned behind = parser->len - gap;

    if (parser->gap < 0) {
        memcpy(bytes, parser->bytes, 16);
        return parser->len == 16;
    }
    if (parser->len > 14)
        return false;
    memset(bytes, 0, 16);
    memcpy(bytes, parser->bytes, gap);
    memcpy(bytes + 16 - behind, parser->bytes + gap, behind);
    return true;
}

static bool parse_ipv6(const char *text, uint8_t *bytes)
{
    struct ipv6_parser parser = {.gap = -1};

    if (text[0] == ':' && text[1] != ':')
        return false;
    while (*text != '\0') {
        const char *next;

        if (text[0] == ':' && text[1] == ':') {
            if (parser.gap >= 0)
                return false;
            parser.gap = (int)parser.len;
            text += 2;
            continue;
        }
        if (parser.len <= 12 && strchr(text, '.') != NULL && strchr(text, ':') == NULL) {
            if (!parse_ipv4(text, parser.bytes + parser.len))
                return false;
            parser.len += 4;
            break;
        }
        next = parser.len <= 14 ? parse_group(text, parser.bytes + parser.len) : NULL;
        if (next == NULL)
            return false;
        parser.len += 2;
        text = next;
        if ((*text == ':' && text[1] != ':' && *++text == '\0') ||
            (*text != '\0' && *text != ':' && text == next))
            return false;
    }
    return close_gap(&parser, bytes);
}

bool address_parse(const char *text, struct address *ret_address)
{
    struct address address = {.family = FAMILY_IPV4};

    if (!parse_ipv4(text, address.bytes)) {
        memset(address.bytes, 0, sizeof(address.bytes));
        address.family = FAMILY_IPV6;
        if (!parse_ipv6(text, address.bytes))
            return false;
    }
    *ret_address = address;
    return true;
}

/* The first of the longest runs of zero groups, at least two (RFC 5952 section 4.2). */
static void find_gap(const uint8_t *bytes, int *ret_start, int *ret_len)
{
    *ret_start = -1;
    *ret_len = 1;
    for (int start = 0; start < 8; start++) {
        int len = 0;

        while (start + len < 8 && bytes[2 * (start + len)] == 0 &&
               bytes[2 * (start + len) + 1] == 0)
            len++;
        if (len > *ret_len) {
            *ret_start = start;
            *ret_len = len;
        }
    }
}

static void format_ipv6(const uint8_t *bytes, struct text *out)
{
    int gap, gap_len;

    find_gap(bytes, &gap, &gap_len);
    for (int i = 0; i < 8; i++) {
        if (i == gap) {
            text_add(out, "::");
            i += gap_len - 1;
            continue;
        }
        text_add(out, "%s%x", i > 0 && i != gap + gap_len ? ":" : "",
                 (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1]);
    }
}

char *address_format(const struct address *address, char *text)
{
    const uint8_t *bytes = address->bytes;
    struct text out;

    text_init(&out, text, ADDRESS_TEXT_SIZE);
    if (address->family == FAMILY_IPV4)
        text_add(&out, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
    else if (address->family == FAMILY_IPV6)
        format_ipv6(bytes, &out);
    else
        text_add(&out, "-");
    return text;
}

bool address_next(const struct address *address, struct address *ret_next)
{
    struct address next = *address;

    for (unsigned i = bytes_of(address->family); i-- > 0;) {
        if (++next.bytes[i] != 0) {
            *ret_next = next;
            return true;
        }
    }
    return false;
}

struct prefix prefix_make(const struct address *address, uint8_t len)
{
    struct prefix prefix = {*address, len};
    unsigned size = bytes_of(address->family);

    for (unsigned i = 0; i < size; i++) {
        unsigned kept = len > 8 * i ? len - 8 * i : 0;

        if (kept < 8)
            prefix.address.bytes[i] &= (uint8_t)(0xff00 >> kept);
    }
    return prefix;
}

struct prefix prefix_default(uint8_t family)
{
    return (struct prefix){.address = {.family = family}, .len = 0};
}

bool prefix_parse(const char *text, struct prefix *ret_prefix)
{
    char copy[PREFIX_TEXT_SIZE];
    struct address address;
    unsigned long long len;
    char *slash;

    if (text_equal(text, "default")) {
        *ret_prefix = prefix_default(FAMILY_IPV4);
        return true;
    }
    if (!text_copy(copy, sizeof(copy), text))
        return false;
    slash = strchr(copy, '/');
    if (slash != NULL)
        *slash = '\0';
    if (!address_parse(copy, &address))
        return false;
    len = address_bits(address.family);
    if (slash != NULL && !text_parse_u64(slash + 1, len, &len))
        return false;
    *ret_prefix = prefix_make(&address, (uint8_t)len);
    return true;
}

char *prefix_format(const struct prefix *prefix, char *text)
{
    char address[ADDRESS_TEXT_SIZE];

    snprintf(text, PREFIX_TEXT_SIZE, "%s/%u", address_format(&prefix->address, address),
             prefix->len);
    return text;
}

bool prefix_contains(const struct prefix *prefix, const struct address *address)
{
    unsigned whole = prefix->len / 8;
    unsigned rest = prefix->len % 8;

    if (prefix->address.family != address->family ||
        memcmp(prefix->address.bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 ||
           ((prefix->address.bytes[whole] ^ address->bytes[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

bool prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
    return outer->len <= inner->len && prefix_contains(outer, &inner->address);
}

int prefix_compare(const struct prefix *a, const struct prefix *b)
{
    int order = address_compare(&a->address, &b->address);

    if (order != 0)
        return order;
    return a->len == b->len ? 0 : a->len < b->len ? -1 : 1;
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
    return prefix_compare(a, b) == 0;
}

struct address prefix_last(const struct prefix *prefix)
{
    struct address last = prefix->address;
    unsigned size = bytes_of(last.family);

    for (unsigned i = 0; i < size; i++) {
        unsigned kept = prefix->len > 8 * i ? prefix->len - 8 * i : 0;

        if (kept < 8)
            last.bytes[i] |= (uint8_t)(0xff >> kept);
    }
    return last;
}
