/*
 * apply_nexthop: puts and deletes nexthop objects.
 */
#include "agent/guard/io/apply_nexthop.h"

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>

#include "common/core/limits.h"
#include "common/core/mem.h"

enum { MESSAGE_SIZE = RAW_SIZE_MAX + 4096 };

static struct nl_msg *start(int type, int flags, const struct nhmsg *header)
{
    struct nl_msg *message = nlmsg_alloc_size(MESSAGE_SIZE);

    if (message == NULL ||
        nlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, type, 0, flags | NLM_F_REQUEST) == NULL ||
        nlmsg_append(message, (void *)(uintptr_t)header, sizeof(*header), NLMSG_ALIGNTO) < 0)
        abort();
    return message;
}

static void put(struct nl_msg *message, int type, const void *data, size_t len)
{
    if (nla_put(message, type, (int)len, data) < 0)
        abort();
}

static void put_members(struct nl_msg *message, const struct nexthop *nexthop)
{
    AUTO_FREE struct nexthop_grp *members = mem_alloc(nexthop->members_count, sizeof(*members));

    for (uint32_t i = 0; i < nexthop->members_count; i++) {
        uint32_t weight = nexthop->members[i].weight - 1;

        members[i].id = nexthop->members[i].id;
        members[i].weight = (uint8_t)weight;
        members[i].resvd1 = (uint8_t)(weight >> 8); /* as read: netlink_parse.c */
    }
    put(message, NHA_GROUP, members, nexthop->members_count * sizeof(*members));
}

static struct nl_msg *from_fields(const struct nexthop *nexthop, int flags)
{
    const struct address *gateway = &nexthop->hop.gateway;
    struct nhmsg header = {
        .nh_family = nexthop->group ? FAMILY_NONE : nexthop->family,
        .nh_protocol = nexthop->protocol,
        .nh_flags = nexthop->hop.onlink ? RTNH_F_ONLINK : 0,
    };
    struct nl_msg *message = start(RTM_NEWNEXTHOP, flags, &header);

    put(message, NHA_ID, &nexthop->id, sizeof(nexthop->id));
    if (nexthop->group) {
        put_members(message, nexthop);
    } else if (nexthop->blackhole) {
        put(message, NHA_BLACKHOLE, NULL, 0);
    } else {
        put(message, NHA_OIF, &nexthop->hop.link, sizeof(nexthop->hop.link));
        if (address_is_set(gateway))
            put(message, NHA_GATEWAY, gateway->bytes, address_bits(gateway->family) / 8);
    }
    return message;
}

/* How long a resilient group has been out of balance is shown, and not accepted back. */
static void put_resilient(struct nl_msg *message, struct nlattr *from)
{
    struct nlattr *nest = nla_nest_start(message, NHA_RES_GROUP);
    struct nlattr *attribute;
    int left;

    if (nest == NULL)
        abort();
    nla_for_each_nested(attribute, from, left)
    {
        if (nla_type(attribute) != NHA_RES_GROUP_UNBALANCED_TIME &&
            nla_type(attribute) != NHA_RES_GROUP_PAD)
            put(message, nla_type(attribute), nla_data(attribute), (size_t)nla_len(attribute));
    }
    nla_nest_end(message, nest);
}

static bool is_accepted(int type)
{
    switch (type) {
    case NHA_ID:
    case NHA_GROUP:
    case NHA_GROUP_TYPE:
    case NHA_BLACKHOLE:
    case NHA_OIF:
    case NHA_GATEWAY:
    case NHA_ENCAP_TYPE:
    case NHA_ENCAP:
    case NHA_FDB:
        return true;
    default:
        return false;
    }
}

/* A tunnel is listed without the flag that the kernel asks for. */
static int type_of(const struct nlattr *attribute)
{
    return nla_type(attribute) == NHA_ENCAP ? NHA_ENCAP | NLA_F_NESTED : attribute->nla_type;
}

/* State and scope are the kernel's own words and not accepted back. The members are not the bytes'
 * to say: an undo that is derived behind an operation which takes one away has them without it. */
static struct nl_msg *from_raw(const struct nexthop *nexthop, int flags)
{
    const struct nhmsg *was = (const struct nhmsg *)(const void *)nexthop->raw;
    struct nhmsg header = {.nh_family = was->nh_family,
                           .nh_protocol = was->nh_protocol,
                           .nh_flags = was->nh_flags & RTNH_F_ONLINK};
    struct nl_msg *message = start(RTM_NEWNEXTHOP, flags, &header);
    struct nlattr *first = (struct nlattr *)(void *)(nexthop->raw + sizeof(header));
    int len = (int)(nexthop->raw_len - sizeof(header));
    struct nlattr *attribute;
    int left;

    nla_for_each_attr(attribute, first, len, left)
    {
        if (nla_type(attribute) == NHA_GROUP && nexthop->members_count > 0)
            put_members(message, nexthop);
        else if (nla_type(attribute) == NHA_RES_GROUP)
            put_resilient(message, attribute);
        else if (is_accepted(nla_type(attribute)))
            put(message, type_of(attribute), nla_data(attribute), (size_t)nla_len(attribute));
    }
    return message;
}

static const char *name_of(uint32_t id, char *name, size_t size)
{
    struct text out;

    text_init(&out, name, size);
    text_add(&out, "nexthop id %u", id);
    return name;
}

bool apply_nexthop_put(struct nl_sock *socket, const struct nexthop *nexthop, enum apply_put how,
                       struct err *err)
{
    int flags = NLM_F_CREATE | (how == APPLY_REPLACE ? NLM_F_REPLACE : NLM_F_EXCL);
    bool raw = nexthop->raw != NULL && nexthop->raw_len >= sizeof(struct nhmsg);
    char name[SENTENCE_SIZE];

    return apply_netlink_request(socket,
                                 raw ? from_raw(nexthop, flags) : from_fields(nexthop, flags),
                                 name_of(nexthop->id, name, sizeof(name)), err);
}

bool apply_nexthop_delete(struct nl_sock *socket, uint32_t id, struct err *err)
{
    const struct nhmsg header = {.nh_family = FAMILY_NONE};
    struct nl_msg *message = start(RTM_DELNEXTHOP, 0, &header);
    char name[SENTENCE_SIZE];

    put(message, NHA_ID, &id, sizeof(id));
    return apply_netlink_request(socket, message, name_of(id, name, sizeof(name)), err);
}

bool apply_nexthop_do(struct nl_sock *socket, const struct operation *operation,
                      const struct snapshot *now, struct err *err)
{
    struct nexthop nexthop = operation_nexthop_object(&operation->nexthop);
    bool there = snapshot_find_nexthop(now, nexthop.id) != NULL;

    if (operation_holds(operation, now))
        return true;
    if (!operation_check(operation, now, err))
        return false;
    if (operation->nexthop.absent)
        return apply_nexthop_delete(socket, nexthop.id, err);
    nexthop.protocol = OCEANID_PROTOCOL;
    nexthop.raw = NULL;
    nexthop.raw_len = 0;
    nexthop.hop.link = if_nametoindex(operation->nexthop.device);
    return apply_nexthop_put(socket, &nexthop, there ? APPLY_REPLACE : APPLY_EXCLUSIVE, err);
}
