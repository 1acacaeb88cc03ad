/*
 * undo_words: what a route, a rule or a nexthop object is besides what a person reads of it, by the
 * kernel's raw bytes: in ip(8)'s words (iproute2 6.1), or by name where it has none.
 */
#include "agent/guard/core/undo_words.h"

#include <linux/fib_rules.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "common/net/attribute.h"
#include "common/net/render.h"

enum {
    REALM_MAX = 255,     /* as ip(8) takes it; the kernel has 16 bits */
    WEIGHT_MAX = 256,    /* likewise */
    TICKS_A_SECOND = 100 /* of a resilient group's timers; ip(8) takes whole seconds */
};

static uint32_t number_of(const struct attribute *attribute)
{
    uint8_t eight = 0;
    uint16_t sixteen = 0;
    uint32_t number = 0;

    if (attribute->len >= sizeof(number)) {
        memcpy(&number, attribute->data, sizeof(number));
        return number;
    }
    if (attribute->len >= sizeof(sixteen)) {
        memcpy(&sixteen, attribute->data, sizeof(sixteen));
        return sixteen;
    }
    if (attribute->len >= sizeof(eight))
        eight = attribute->data[0];
    return eight;
}

static void add_unknown(struct text *unsaid, const char *kind, unsigned type)
{
    char name[32];
    struct text text = TEXT_IN(name);

    text_add(&text, "%s %u", kind, type);
    text_add_once(unsaid, ", ", name);
}

static void add_realms(uint32_t realms, struct text *words, struct text *unsaid)
{
    uint32_t from = realms >> 16, to = realms & 0xffff;

    if (from > REALM_MAX || to > REALM_MAX)
        text_add_once(unsaid, ", ", "realms over 255");
    else if (from != 0)
        text_add(words, " realms %u/%u", from, to);
    else if (to != 0)
        text_add(words, " realms %u", to);
}

/* ---- a route's metrics ------------------------------------------------------------------------
 */

/* What of a metric ip(8) lets be locked; rto_min it always locks. */
enum lockable { LOCK_NEVER, LOCK_ASKED, LOCK_ALWAYS };

static const struct metric {
    const char *name;
    enum lockable lockable;
} metrics[] = {
    [RTAX_WINDOW] = {"window", LOCK_ASKED},
    [RTAX_RTT] = {"rtt", LOCK_ASKED},
    [RTAX_RTTVAR] = {"rttvar", LOCK_ASKED},
    [RTAX_SSTHRESH] = {"ssthresh", LOCK_ASKED},
    [RTAX_CWND] = {"cwnd", LOCK_ASKED},
    [RTAX_ADVMSS] = {"advmss", LOCK_ASKED},
    [RTAX_REORDERING] = {"reordering", LOCK_ASKED},
    [RTAX_HOPLIMIT] = {"hoplimit", LOCK_ASKED},
    [RTAX_INITCWND] = {"initcwnd", LOCK_ASKED},
    [RTAX_RTO_MIN] = {"rto_min", LOCK_ALWAYS},
    [RTAX_INITRWND] = {"initrwnd", LOCK_ASKED},
    [RTAX_QUICKACK] = {"quickack", LOCK_NEVER},
    [RTAX_FASTOPEN_NO_COOKIE] = {"fastopen_no_cookie", LOCK_NEVER},
};

static bool is_a_word(const struct attribute *attribute)
{
    size_t last = attribute->len - 1;

    for (size_t i = 0; i < last; i++) {
        if (attribute->data[i] < '-' || attribute->data[i] > 'z' || attribute->data[i] == '\\')
            return false;
    }
    return attribute->data[last] == '\0';
}

static void add_number_metric(const struct attribute *attribute, bool locked, struct text *words,
                              struct text *unsaid)
{
    const struct metric *metric =
        attribute->type < sizeof(metrics) / sizeof(metrics[0]) ? &metrics[attribute->type] : NULL;

    if (metric == NULL || metric->name == NULL)
        add_unknown(unsaid, "metric", attribute->type);
    else if (metric->lockable != LOCK_ASKED && locked != (metric->lockable == LOCK_ALWAYS))
        text_add_once(unsaid, ", ", metric->name);
    else
        text_add(words, " %s%s %u", metric->name,
                 locked && metric->lockable == LOCK_ASKED ? " lock" : "", number_of(attribute));
}

static void add_metric(const struct attribute *attribute, bool locked, struct text *words,
                       struct text *unsaid)
{
    const char *lock = locked ? " lock" : "";

    switch (attribute->type) {
    case RTAX_LOCK:
        return;
    case RTAX_MTU:
        if (locked)
            text_add(words, " mtu lock %u", number_of(attribute));
        return;
    case RTAX_FEATURES:
        if (number_of(attribute) == RTAX_FEATURE_ECN)
            text_add(words, " features%s ecn", lock);
        else if (number_of(attribute) != 0)
            text_add_once(unsaid, ", ", "features");
        return;
    case RTAX_CC_ALGO:
        if (attribute->len > 1 && is_a_word(attribute))
            text_add(words, " congctl%s %s", lock, (const char *)attribute->data);
        else
            text_add_once(unsaid, ", ", "congctl");
        return;
    default:
        add_number_metric(attribute, locked, words, unsaid);
    }
}

static uint32_t locks_of(struct attributes from)
{
    struct attribute attribute;

    while (attribute_next(&from, &attribute)) {
        if (attribute.type == RTAX_LOCK)
            return number_of(&attribute);
    }
    return 0;
}

static void add_metrics(const struct attribute *nest, struct text *words, struct text *unsaid)
{
    struct attributes from = attributes_inside(nest);
    uint32_t locks = locks_of(from);
    struct attribute attribute;

    while (attribute_next(&from, &attribute)) {
        uint32_t bit = attribute.type < 32 ? 1u << attribute.type : 0;

        add_metric(&attribute, (locks & bit) != 0, words, unsaid);
        locks &= ~bit;
    }
    if (locks != 0)
        text_add_once(unsaid, ", ", "lock");
}

bool undo_words_has_mtu(const struct route *route)
{
    struct attributes from = attributes_behind(route->raw, route->raw_len, sizeof(struct rtmsg));
    struct attribute attribute;

    while (attribute_next(&from, &attribute)) {
        if (attribute.type == RTA_METRICS)
            return route->mtu != 0 &&
                   (locks_of(attributes_inside(&attribute)) & 1u << RTAX_MTU) != 0;
    }
    return false;
}

/* ---- routes -----------------------------------------------------------------------------------
 */

/* Scope is IPv4's. What ip(8) takes for none depends on the rest of the line. */
static void add_scope(const struct route *route, struct text *words)
{
    bool gateways = route->hops_count > 1;
    uint8_t scope = ((const struct rtmsg *)(const void *)route->raw)->rtm_scope;
    uint8_t meant = RT_SCOPE_UNIVERSE;

    if (route->destination.address.family != FAMILY_IPV4)
        return;
    if (route->hops_count == 1)
        gateways = address_is_set(&route->hop.gateway);
    if (route->type == RTN_LOCAL)
        meant = RT_SCOPE_HOST;
    else if (route->type == RTN_BROADCAST || route->type == RTN_MULTICAST ||
             route->type == RTN_ANYCAST || (route->type == RTN_UNICAST && !gateways))
        meant = RT_SCOPE_LINK;
    if (scope != meant || (route->nexthop_id != 0 && route->type == RTN_UNICAST))
        text_add(words, " scope %u", scope);
}

static void look_at_hop(struct attributes from, struct text *unsaid)
{
    struct attribute attribute;

    while (attribute_next(&from, &attribute)) {
        switch (attribute.type) {
        case RTA_GATEWAY:
        case RTA_VIA:
            break;
        case RTA_ENCAP:
        case RTA_ENCAP_TYPE:
            text_add_once(unsaid, ", ", "encap");
            break;
        case RTA_FLOW:
            text_add_once(unsaid, ", ", "realms of a hop");
            break;
        default:
            add_unknown(unsaid, "attribute", attribute.type);
        }
    }
}

static void look_at_hops(const struct attribute *several, struct text *unsaid)
{
    struct attributes from = attributes_inside(several);
    struct rtnexthop hop;

    while (from.left >= sizeof(hop)) {
        size_t padded;

        memcpy(&hop, from.at, sizeof(hop));
        if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > from.left)
            return;
        look_at_hop((struct attributes){from.at + sizeof(hop), hop.rtnh_len - sizeof(hop)}, unsaid);
        padded = (size_t)RTNH_ALIGN(hop.rtnh_len);
        padded = padded > from.left ? from.left : padded;
        from.at += padded;
        from.left -= padded;
    }
}

/* The hops of an object are its own. */
static void add_hop_words(const struct route *route, const struct attribute *attribute,
                          struct text *unsaid)
{
    if (route->nexthop_id != 0)
        return;
    if (attribute->type == RTA_MULTIPATH)
        look_at_hops(attribute, unsaid);
    else
        text_add_once(unsaid, ", ", "encap");
}

static void add_preference(const struct attribute *attribute, struct text *words,
                           struct text *unsaid)
{
    static const char *const names[] = {"", " pref high", NULL, " pref low"}; /* RFC 4191 */
    uint32_t preference = number_of(attribute);

    if (preference >= sizeof(names) / sizeof(names[0]) || names[preference] == NULL)
        text_add_once(unsaid, ", ", "pref");
    else
        text_add(words, "%s", names[preference]);
}

static void add_route_words(const struct route *route, const struct attribute *attribute,
                            struct text *words, struct text *unsaid)
{
    switch (attribute->type) {
    case RTA_DST:
    case RTA_SRC:
    case RTA_OIF:
    case RTA_GATEWAY:
    case RTA_VIA:
    case RTA_PRIORITY:
    case RTA_PREFSRC:
    case RTA_TABLE:
    case RTA_NH_ID:
    case RTA_CACHEINFO: /* how it is used */
    case RTA_EXPIRES:
    case RTA_PAD:
        return;
    case RTA_METRICS:
        add_metrics(attribute, words, unsaid);
        return;
    case RTA_FLOW:
        add_realms(number_of(attribute), words, unsaid);
        return;
    case RTA_PREF:
        add_preference(attribute, words, unsaid);
        return;
    case RTA_MULTIPATH:
    case RTA_ENCAP:
    case RTA_ENCAP_TYPE:
        add_hop_words(route, attribute, unsaid);
        return;
    default:
        add_unknown(unsaid, "attribute", attribute->type);
    }
}

void undo_words_route(const struct route *route, struct text *words, struct text *unsaid)
{
    struct attributes from = attributes_behind(route->raw, route->raw_len, sizeof(struct rtmsg));
    struct attribute attribute;

    if (from.left > 0)
        add_scope(route, words);
    while (attribute_next(&from, &attribute))
        add_route_words(route, &attribute, words, unsaid);
}

/* ---- rules ------------------------------------------------------------------------------------
 */

static void add_rule_word(const struct attribute *attribute, struct text *words,
                          struct text *unsaid)
{
    switch (attribute->type) {
    case FRA_FLOW:
        add_realms(number_of(attribute), words, unsaid);
        return;
    case RULE_SPORT_MASK:
    case RULE_DPORT_MASK:
        if (number_of(attribute) != UINT16_MAX)
            text_add_once(unsaid, ", ", "mask of a port");
        return;
    default:
        if (attribute->type > FRA_DPORT_RANGE)
            add_unknown(unsaid, "attribute", attribute->type);
    }
}

void undo_words_rule(const struct rule *rule, struct text *words, struct text *unsaid)
{
    struct attributes from =
        attributes_behind(rule->raw, rule->raw_len, sizeof(struct fib_rule_hdr));
    struct attribute attribute;

    while (attribute_next(&from, &attribute))
        add_rule_word(&attribute, words, unsaid);
}

/* ---- nexthop objects --------------------------------------------------------------------------
 */

static void add_timer(const char *name, const struct attribute *attribute, struct text *words,
                      struct text *unsaid)
{
    uint32_t ticks = number_of(attribute);

    if (ticks % TICKS_A_SECOND != 0)
        text_add_once(unsaid, ", ", name);
    else
        text_add(words, " %s %u", name, ticks / TICKS_A_SECOND);
}

static void add_resilient(const struct attribute *nest, struct text *words, struct text *unsaid)
{
    struct attributes from = attributes_inside(nest);
    struct attribute attribute;

    while (attribute_next(&from, &attribute)) {
        if (attribute.type == NHA_RES_GROUP_BUCKETS)
            text_add(words, " buckets %u", number_of(&attribute));
        else if (attribute.type == NHA_RES_GROUP_IDLE_TIMER)
            add_timer("idle_timer", &attribute, words, unsaid);
        else if (attribute.type == NHA_RES_GROUP_UNBALANCED_TIMER)
            add_timer("unbalanced_timer", &attribute, words, unsaid);
    }
}

/* What lies behind these is how it is counted. */
static void add_nexthop_word(const struct attribute *attribute, struct text *words,
                             struct text *unsaid)
{
    switch (attribute->type) {
    case NHA_GROUP_TYPE:
        if (number_of(attribute) == NEXTHOP_GRP_TYPE_RES)
            text_add(words, " type resilient");
        else if (number_of(attribute) != NEXTHOP_GRP_TYPE_MPATH)
            text_add_once(unsaid, ", ", "type");
        return;
    case NHA_RES_GROUP:
        add_resilient(attribute, words, unsaid);
        return;
    case NHA_ENCAP:
    case NHA_ENCAP_TYPE:
        text_add_once(unsaid, ", ", "encap");
        return;
    case NHA_FDB:
        text_add(words, " fdb");
        return;
    default:
        return;
    }
}

void undo_words_nexthop(const struct nexthop *nexthop, struct text *words, struct text *unsaid)
{
    struct attributes from =
        attributes_behind(nexthop->raw, nexthop->raw_len, sizeof(struct nhmsg));
    struct attribute attribute;

    while (attribute_next(&from, &attribute))
        add_nexthop_word(&attribute, words, unsaid);
    for (uint32_t i = 0; i < nexthop->members_count; i++) {
        if (nexthop->members[i].weight > WEIGHT_MAX)
            text_add_once(unsaid, ", ", "a weight over 256");
    }
    /* A batch line cannot say -6, and a gateway says it by itself. */
    if (!nexthop->group && nexthop->family == FAMILY_IPV6 && !address_is_set(&nexthop->hop.gateway))
        text_add_once(unsaid, ", ", "IPv6 without a gateway");
}

/* ---- what needs what --------------------------------------------------------------------------
 */

static bool is_lost(const struct undo_loss *loss, const struct nexthop *was)
{
    const struct nexthop *made = snapshot_find_nexthop(loss->after, was->id);

    return made == NULL || !render_same_nexthop(made, was);
}

static void add_object(const struct undo_loss *loss, const struct nexthop *was, struct text *unsaid)
{
    char skipped[1024] = "";
    struct text words = TEXT_IN(skipped);

    if (was != NULL && is_lost(loss, was))
        undo_words_nexthop(was, &words, unsaid);
}

void undo_words_object(const struct undo_loss *loss, uint32_t id, struct text *unsaid)
{
    const struct nexthop *was = snapshot_find_nexthop(loss->had, id);

    add_object(loss, was, unsaid);
    for (uint32_t i = 0; was != NULL && is_lost(loss, was) && i < was->members_count; i++)
        add_object(loss, snapshot_find_nexthop(loss->had, was->members[i].id), unsaid);
}

void undo_words_comment(const char *unsaid, const char *what, struct text *out)
{
    text_add(out, "# not in ip(8)'s words: %s of '%s'; oceanid-rollback puts it back", unsaid,
             what);
}
