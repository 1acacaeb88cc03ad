/*
 * standin_link: the devices of a stand-in, each one end of a veth pair.
 */
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/io/apply_netlink.h"
#include "agent/guard/io/standin.h"
#include "common/core/text.h"

/* Of far ends and of what else is not the host's: the kernel finds a free number. */
static const char free_name[] = "oceanid%d";

static void check(int code)
{
    if (code < 0)
        abort(); /* the message is too small: a fault of ours */
}

static struct nlattr *nest(struct nl_msg *message, int type)
{
    struct nlattr *begun = nla_nest_start(message, type);

    if (begun == NULL)
        abort();
    return begun;
}

static struct nl_msg *start(const struct ifinfomsg *header, int flags)
{
    struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, NLM_F_REQUEST | flags);

    if (message == NULL)
        abort();
    check(nlmsg_append(message, (void *)(uintptr_t)header, sizeof(*header), NLMSG_ALIGNTO));
    return message;
}

static void put_far_end(struct nl_msg *message, uint32_t number)
{
    struct ifinfomsg header = {.ifi_index = (int)(STANDIN_FAR_INDEX + number)};
    struct nlattr *end = nest(message, VETH_INFO_PEER);

    check(nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO));
    check(nla_put_string(message, IFLA_IFNAME, free_name));
    check(nla_nest_end(message, end));
}

static struct nl_msg *pair_message(const struct link *link, uint32_t number)
{
    struct ifinfomsg header = {.ifi_index = (int)link->index};
    struct nl_msg *message = start(&header, NLM_F_CREATE | NLM_F_EXCL);
    struct nlattr *info, *data;

    check(nla_put_string(message, IFLA_IFNAME, link->name));
    check(nla_put_u32(message, IFLA_MTU, link->mtu));
    info = nest(message, IFLA_LINKINFO);
    check(nla_put_string(message, IFLA_INFO_KIND, "veth"));
    data = nest(message, IFLA_INFO_DATA);
    put_far_end(message, number);
    check(nla_nest_end(message, data));
    check(nla_nest_end(message, info));
    return message;
}

static bool raise(struct nl_sock *socket, uint32_t index, const char *what, struct err *err)
{
    struct ifinfomsg header = {.ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

    return apply_netlink_request(socket, start(&header, 0), what, err);
}

/* The far end first: the near one then comes up with its carrier. */
static bool put_link(struct nl_sock *socket, const struct link *link, uint32_t number,
                     struct err *err)
{
    char what[SENTENCE_SIZE];
    struct text text = TEXT_IN(what);

    text_add(&text, "stand-in for %s (%u)", link->name, link->index);
    if (link->index >= STANDIN_FAR_INDEX)
        return err_set(err, ERR_LIMIT, "%s: accepted is an index below %u", what,
                       STANDIN_FAR_INDEX);
    if (!link->loopback &&
        (!apply_netlink_request(socket, pair_message(link, number), what, err) ||
         (link->carrier && !raise(socket, STANDIN_FAR_INDEX + number, what, err))))
        return false;
    return !link->up || raise(socket, link->index, what, err);
}

bool standin_rename_link(struct nl_sock *socket, const struct link *link, struct err *err)
{
    struct ifinfomsg header = {.ifi_index = (int)link->index};
    struct nl_msg *message = start(&header, 0);

    check(nla_put_string(message, IFLA_IFNAME, free_name));
    return apply_netlink_request(socket, message, link->name, err);
}

void standin_put_links(const struct snapshot *host, struct standin *standin)
{
    struct err err = ERR_INIT;
    struct nl_sock *socket = apply_netlink_open(&err);

    if (socket == NULL) {
        standin_miss(standin, &err);
        return;
    }
    for (size_t i = 0; i < host->links_count; i++) {
        err = (struct err)ERR_INIT;
        if (!put_link(socket, &host->links[i], (uint32_t)i, &err))
            standin_miss(standin, &err);
    }
    apply_netlink_close(socket);
}
