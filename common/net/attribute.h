/*
 * attribute: the attributes of a kernel's message, as bytes that a snapshot keeps.
 *
 * Borrows the bytes. What is cut short ends the walk.
 */
#ifndef COMMON_NET_ATTRIBUTE_H
#define COMMON_NET_ATTRIBUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct attribute {
    unsigned type;
    const uint8_t *data;
    size_t len;
};

/* Where the next one begins. */
struct attributes {
    const uint8_t *at;
    size_t left;
};

/* Of a rule, since Linux 6.15 with each single port: of all ones where nobody gave one. */
enum { RULE_SPORT_MASK = 28, RULE_DPORT_MASK = 29 };

/* Behind a header of that size; empty where the bytes are not known. */
struct attributes attributes_behind(const uint8_t *raw, uint32_t raw_len, size_t header);
/* Of a nest. */
struct attributes attributes_inside(const struct attribute *attribute);

bool attribute_next(struct attributes *from, struct attribute *ret_attribute);

#endif
