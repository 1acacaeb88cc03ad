/*
 * attribute: the attributes of a kernel's message, as bytes that a snapshot keeps.
 */
#include "common/net/attribute.h"

#include <linux/rtnetlink.h>
#include <string.h>

enum { TYPE_MASK = 0x3fff }; /* NLA_TYPE_MASK */

bool attribute_next(struct attributes *from, struct attribute *ret_attribute)
{
    struct rtattr header;
    size_t padded;

    if (from->left < sizeof(header))
        return false;
    memcpy(&header, from->at, sizeof(header));
    if (header.rta_len < sizeof(header) || header.rta_len > from->left)
        return false;
    *ret_attribute = (struct attribute){header.rta_type & TYPE_MASK, from->at + sizeof(header),
                                        header.rta_len - sizeof(header)};
    padded = RTA_ALIGN((size_t)header.rta_len);
    padded = padded > from->left ? from->left : padded;
    from->at += padded;
    from->left -= padded;
    return true;
}

struct attributes attributes_behind(const uint8_t *raw, uint32_t raw_len, size_t header)
{
    return raw != NULL && raw_len > header ? (struct attributes){raw + header, raw_len - header}
                                           : (struct attributes){NULL, 0};
}

struct attributes attributes_inside(const struct attribute *attribute)
{
    return (struct attributes){attribute->data, attribute->len};
}
