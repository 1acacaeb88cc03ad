/*
 * stack: whether a device may go down or get a smaller mtu, with what stands on it.
 *
 * Who follows: vlan_device_event, macvlan_device_event, ipvlan_device_event, macsec_notify and
 * br_mtu_auto_adjust in the kernel.
 */
#include "common/net/stack.h"

#include <string.h>

enum { STACK_MAX = 8, NAMED_MAX = 4 };

/* Bound to a device, and left as they are when it goes. */
static bool is_tunnel(const struct link *link)
{
    static const char *const kinds[] = {"vxlan",  "geneve",    "gre",    "gretap",    "ip6gre",
                                        "erspan", "ip6gretap", "ipip",   "ip6erspan", "sit",
                                        "ip6tnl", "vti",       "vti6",   "xfrm",      "wireguard",
                                        "gtp",    "bareudp",   "openvpn"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (text_equal(link->kind, kinds[i]))
            return true;
    }
    return false;
}

static bool stands_on(const struct link *upper, const struct link *lower,
                      const struct snapshot *snapshot)
{
    for (int i = 0; i < STACK_MAX && upper != NULL && !is_tunnel(upper); i++) {
        if (upper->lower != 0 && upper->lower == lower->index)
            return true;
        upper = snapshot_find_link(snapshot, upper->lower);
    }
    return false;
}

/* The smallest mtu below it by which this one keeps its own: others than these take it less what
 * they put around a packet, so they follow any. */
static uint32_t mtu_needed(const struct link *upper, const struct link *lower)
{
    bool takes_all = text_equal(upper->kind, "vlan") || text_equal(upper->kind, "macvlan") ||
                     text_equal(upper->kind, "macvtap");

    return takes_all ? upper->mtu : lower->mtu;
}

struct followers {
    char names[SENTENCE_SIZE];
    size_t count;
    uint32_t mtu; /* the smallest that leaves all as they are */
};

static void add_follower(struct followers *followers, const struct link *upper, uint32_t mtu)
{
    struct text out = {followers->names, strlen(followers->names), sizeof(followers->names)};

    if (followers->count < NAMED_MAX)
        text_add(&out, "%s%s", followers->count > 0 ? ", " : "", upper->name);
    followers->count++;
    if (mtu > followers->mtu)
        followers->mtu = mtu;
}

static void find_on(const struct link *lower, const struct operation_link *wanted,
                    const struct snapshot *snapshot, struct followers *followers)
{
    bool down = wanted->set_up && !wanted->up;

    for (size_t i = 0; i < snapshot->links_count; i++) {
        const struct link *upper = &snapshot->links[i];

        if (stands_on(upper, lower, snapshot) &&
            (down || (wanted->mtu != 0 && wanted->mtu < mtu_needed(upper, lower))))
            add_follower(followers, upper, mtu_needed(upper, lower));
    }
}

/* A bridge's mtu follows its ports' down and up again; what it loses below 1280, and what stands
 * on it, does not come back. */
static void find_by_bridge(const struct link *port, const struct operation_link *wanted,
                           const struct snapshot *snapshot, struct followers *followers)
{
    const struct operation_link mtu = {.mtu = wanted->mtu};
    const struct link *bridge = snapshot_find_link(snapshot, port->master);

    if (bridge == NULL || !text_equal(bridge->kind, "bridge") || mtu.mtu == 0 ||
        mtu.mtu >= bridge->mtu)
        return;
    if (mtu.mtu < LINK_MTU_IPV6 && bridge->mtu >= LINK_MTU_IPV6)
        add_follower(followers, bridge, LINK_MTU_IPV6);
    find_on(bridge, &mtu, snapshot, followers);
}

static bool refuse(const struct operation_link *link, const struct followers *followers,
                   struct err *err)
{
    const struct operation operation = {.kind = OPERATION_LINK, .link = *link};
    bool down = link->set_up && !link->up;
    char line[SENTENCE_SIZE] = "", more[32] = "", accepted[96] = "";
    struct text text = TEXT_IN(line), rest = TEXT_IN(more), instead = TEXT_IN(accepted);

    operation_render(&operation, &text);
    if (followers->count > NAMED_MAX)
        text_add(&rest, " and %zu more", followers->count - NAMED_MAX);
    if (down)
        text_add(&instead, "it may be taken down where nothing stands on it");
    else
        text_add(&instead, "accepted there is an mtu of %u or more", followers->mtu);
    return err_set(err, ERR_DENIED,
                   "%s: %s%s would follow %s, and undoing it would not give back what they lose; "
                   "%s",
                   line, followers->names, more, link->device, accepted);
}

bool stack_check(const struct operation_link *link, const struct snapshot *snapshot,
                 struct err *err)
{
    const struct link *there = snapshot_find_device(snapshot, link->device);
    struct followers followers = {.count = 0};

    if (there == NULL)
        return true;
    find_on(there, link, snapshot, &followers);
    find_by_bridge(there, link, snapshot, &followers);
    return followers.count == 0 || refuse(link, &followers, err);
}
