/*
 * address: IPv4 and IPv6 addresses and prefixes as values.
 */
#ifndef COMMON_NET_ADDRESS_H
#define COMMON_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FAMILY_NONE = 0, FAMILY_IPV4 = 2, FAMILY_IPV6 = 10 }; /* AF_UNSPEC, AF_INET, AF_INET6 */

enum { ADDRESS_TEXT_SIZE = 48, PREFIX_TEXT_SIZE = 52 };

struct address {
    uint8_t family;    /* FAMILY_NONE: not set */
    uint8_t bytes[16]; /* network order; IPv4 uses the first four, the rest is zero */
};

struct prefix {
    struct address address; /* host bits are zero */
    uint8_t len;
};

bool address_parse(const char *text, struct address *ret_address);
/* size is ADDRESS_TEXT_SIZE; "-" for an address that is not set. Returns text. */
char *address_format(const struct address *address, char *text);
bool address_is_set(const struct address *address);
bool address_equal(const struct address *a, const struct address *b);
int address_compare(const struct address *a, const struct address *b);
struct address address_from_bytes(uint8_t family, const uint8_t *bytes);
unsigned address_bits(uint8_t family); /* 32 or 128 */
/* The next higher address; false at the top of the family. */
bool address_next(const struct address *address, struct address *ret_next);

/* "10.0.0.0/8", a bare address (full length), "default" (family tells which). Host bits are cut. */
bool prefix_parse(const char *text, struct prefix *ret_prefix);
char *prefix_format(const struct prefix *prefix, char *text); /* PREFIX_TEXT_SIZE */
struct prefix prefix_make(const struct address *address, uint8_t len);
struct prefix prefix_default(uint8_t family);
bool prefix_contains(const struct prefix *prefix, const struct address *address);
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
int prefix_compare(const struct prefix *a, const struct prefix *b); /* family, address, length */
struct address prefix_last(const struct prefix *prefix);

#endif
