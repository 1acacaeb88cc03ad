/*
 * undo_sysctl: which settings a setting overwrites, and how they are taken back.
 */
#include "agent/guard/core/undo_sysctl.h"

#include <string.h>

/* ---- names ------------------------------------------------------------------------------------
 */

/* "net.ipv4.conf.", "eth0", "forwarding" of a name; false for one without a device. */
struct sysctl_name {
    bool ipv6;
    char device[DEVICE_SIZE];
    char key[40];
};

static bool split(const char *name, struct sysctl_name *ret_parts)
{
    const char *rest = name + strlen("net.ipv4.conf.");
    size_t len;

    ret_parts->ipv6 = text_starts(name, "net.ipv6.conf.");
    if (!ret_parts->ipv6 && !text_starts(name, "net.ipv4.conf."))
        return false;
    len = strcspn(rest, ".");
    if (len >= sizeof(ret_parts->device) || rest[len] != '.')
        return false;
    memcpy(ret_parts->device, rest, len);
    ret_parts->device[len] = '\0';
    return text_copy(ret_parts->key, sizeof(ret_parts->key), rest + len + 1);
}

/* "/" in a name stands for a dot. */
static bool is_device(const char *word, const struct link *link)
{
    size_t i = 0;

    if (text_equal(word, "all"))
        return true;
    for (; word[i] != '\0' && link->name[i] != '\0'; i++) {
        if ((word[i] == '/' ? '.' : word[i]) != link->name[i])
            return false;
    }
    return word[i] == link->name[i];
}

/* NULL: it is of none of these, or of no device. */
static const struct link *find_link(const char *name, const struct snapshot *where)
{
    struct sysctl_name parts;

    if (!split(name, &parts) || text_equal(parts.device, "all"))
        return NULL;
    for (size_t i = 0; i < where->links_count; i++) {
        if (is_device(parts.device, &where->links[i]))
            return &where->links[i];
    }
    return NULL;
}

/* addr_gen_mode 2 wants a secret (addrconf_sysctl_addr_gen_mode in the kernel), and writing the
 * secret writes the mode; mtu and hop_limit are a router's, and no mtu above the device's is taken.
 */
static bool may_be_written_back(const char *key, const char *value)
{
    bool number = value[0] != '\0' && value[strspn(value, "-0123456789")] == '\0';
    bool routers = text_equal(key, "mtu") || text_equal(key, "hop_limit");

    return number && !routers && !(text_equal(key, "addr_gen_mode") && text_equal(value, "2"));
}

bool undo_sysctl_goes_with_ipv6(const struct sysctl *setting, const struct link *link)
{
    struct sysctl_name parts;

    return split(setting->name, &parts) && parts.ipv6 && !text_equal(parts.device, "all") &&
           is_device(parts.device, link) && may_be_written_back(parts.key, setting->value);
}

bool undo_sysctl_switches_ipv6(const char *written, const struct link *link)
{
    struct sysctl_name parts;

    return split(written, &parts) && text_equal(parts.key, "disable_ipv6") &&
           is_device(parts.device, link);
}

/* ---- what the kernel writes besides -----------------------------------------------------------
 */

static bool switches_ipv4_forwarding(const char *name)
{
    return text_equal(name, "net.ipv4.ip_forward") ||
           text_equal(name, "net.ipv4.conf.all.forwarding");
}

/* Writing the one overwrites the same key of (some) other devices: inet_forward_change and
 * devinet_copy_dflt_conf, addrconf_fixup_forwarding and addrconf_disable_change in the kernel. */
static bool spreads(const struct sysctl_name *parts)
{
    if (!parts->ipv6)
        return text_equal(parts->device, "default") && !text_equal(parts->key, "forwarding");
    return text_equal(parts->device, "all") &&
           (text_equal(parts->key, "forwarding") || text_equal(parts->key, "disable_ipv6"));
}

static bool is_written_by(const char *name, const char *written)
{
    struct sysctl_name own, other;

    if (text_equal(name, written))
        return true;
    if (switches_ipv4_forwarding(written))
        return switches_ipv4_forwarding(name) ||
               text_equal(name, "net.ipv4.conf.all.accept_redirects") ||
               (split(name, &other) && !other.ipv6 && text_equal(other.key, "forwarding"));
    return split(written, &own) && spreads(&own) && split(name, &other) && own.ipv6 == other.ipv6 &&
           text_equal(own.key, other.key);
}

bool undo_sysctl_is_wanted(const void *context, const char *name)
{
    const struct operation *operation = context;
    struct sysctl_name parts;
    struct link link = {.index = 0};

    switch (operation->kind) {
    case OPERATION_SYSCTL:
        return is_written_by(name, operation->sysctl.setting.name);
    case OPERATION_TAILSCALE: /* whether its device has IPv6 */
        return split(name, &parts) && parts.ipv6 && text_equal(parts.key, "disable_ipv6");
    case OPERATION_LINK:
        text_copy(link.name, sizeof(link.name), operation->link.device);
        return split(name, &parts) && is_device(parts.device, &link);
    case OPERATION_ROUTE:
    case OPERATION_RULE:
    case OPERATION_NEXTHOP:
    case OPERATION_FILE:
    case OPERATION_ADDRESS:
    case OPERATION_KIND_COUNT:
        break;
    }
    return false;
}

void undo_sysctl_take(const struct sysctl *written, const struct snapshot *from,
                      struct snapshot *to)
{
    for (size_t i = 0; i < from->sysctls_count; i++) {
        if (!is_written_by(from->sysctls[i].name, written->name))
            continue;
        *snapshot_add_sysctl(to) = from->sysctls[i];
        snapshot_take_link(to, find_link(from->sysctls[i].name, from));
    }
}

void undo_sysctl_drop(const char *written, struct snapshot *touched)
{
    size_t kept = 0;

    for (size_t i = 0; i < touched->sysctls_count; i++) {
        if (!is_written_by(touched->sysctls[i].name, written))
            touched->sysctls[kept++] = touched->sysctls[i];
    }
    touched->sysctls_count = kept;
}

static void write_along(struct sysctl *other, const struct sysctl *written)
{
    bool inverted = switches_ipv4_forwarding(written->name) &&
                    text_equal(other->name, "net.ipv4.conf.all.accept_redirects");

    text_copy(other->value, sizeof(other->value),
              !inverted                         ? written->value
              : text_equal(written->value, "0") ? "1"
                                                : "0");
}

void undo_sysctl_predict(const struct sysctl *written, struct snapshot *after)
{
    for (size_t i = 0; i < after->sysctls_count; i++)
        write_along(&after->sysctls[i], written);
}

/* A default is kept from each device that has been given a value of its own, and nobody is told
 * which have (devinet_copy_dflt_conf). */
static bool spreads_for_sure(const char *name)
{
    struct sysctl_name parts;

    return switches_ipv4_forwarding(name) || (split(name, &parts) && parts.ipv6);
}

void undo_sysctl_foresee(const struct sysctl *written, struct snapshot *snapshot)
{
    const struct sysctl *is = snapshot_find_sysctl(snapshot, written->name);

    if (is == NULL || text_equal(is->value, written->value) || !spreads_for_sure(written->name))
        return;
    for (size_t i = 0; i < snapshot->sysctls_count; i++) {
        if (is_written_by(snapshot->sysctls[i].name, written->name))
            write_along(&snapshot->sysctls[i], written);
    }
}

/* ---- taking back ------------------------------------------------------------------------------
 */

bool undo_sysctl_is_gone(const char *name, const struct snapshot *now)
{
    const struct link *link = find_link(name, now);
    struct sysctl_name parts;

    if (!split(name, &parts) || text_equal(parts.device, "all") ||
        text_equal(parts.device, "default") || now->links_count == 0)
        return false;
    return link == NULL || link->mtu < (parts.ipv6 ? LINK_MTU_IPV6 : LINK_MTU_MIN);
}

/* The device that has the number of this one's, and another name. NULL: none. */
static const struct link *find_renamed(const struct undo_item *item, const struct sysctl *was,
                                       const struct snapshot *now)
{
    const struct link *then = find_link(was->name, &item->before);

    if (then == NULL || find_link(was->name, now) != NULL)
        return NULL;
    return snapshot_find_link(now, then->index);
}

/* It has this value under the name that its device has now. */
static bool has_value_there(const struct link *link, const struct sysctl *was,
                            const struct snapshot *now)
{
    struct sysctl_name own, other;

    if (!split(was->name, &own))
        return false;
    for (size_t i = 0; i < now->sysctls_count; i++) {
        if (split(now->sysctls[i].name, &other) && own.ipv6 == other.ipv6 &&
            text_equal(own.key, other.key) && !text_equal(other.device, "all") &&
            is_device(other.device, link))
            return text_equal(now->sysctls[i].value, was->value);
    }
    return false;
}

/* It was not found. A number alone is no proof of a device (undo_links.h): what has another name by
 * now is not written to. */
static enum undo_state judge_missing(const struct undo_item *item, const struct sysctl *was,
                                     const struct snapshot *now)
{
    const struct link *renamed = find_renamed(item, was, now);

    if (!undo_sysctl_is_gone(was->name, now))
        return UNDO_NEEDED;
    return renamed == NULL || has_value_there(renamed, was, now) ? UNDO_RESTORED : UNDO_FOREIGN;
}

static enum undo_state judge_value(const struct undo_item *item, const struct snapshot *after,
                                   const struct snapshot *now, size_t index)
{
    const struct sysctl *was = &item->before.sysctls[index];
    const struct sysctl *made = snapshot_find_sysctl(after, was->name);
    const struct sysctl *is = snapshot_find_sysctl(now, was->name);

    if (made != NULL && text_equal(made->value, was->value))
        return UNDO_RESTORED; /* not by us */
    if (is == NULL)
        return judge_missing(item, was, now);
    if (text_equal(is->value, was->value))
        return UNDO_RESTORED;
    return made != NULL && text_equal(is->value, made->value) ? UNDO_NEEDED : UNDO_FOREIGN;
}

void undo_sysctl_say(const struct undo_item *item, const struct sysctl *was,
                     const struct snapshot *now, struct text *why)
{
    const struct sysctl *is = snapshot_find_sysctl(now, was->name);
    const struct link *renamed = find_renamed(item, was, now);

    text_add(why, "expected %s = %s as before, found ", was->name, was->value);
    if (is != NULL)
        text_add(why, "%s", is->value);
    else if (renamed != NULL)
        text_add(why, "that its device is called %s now", renamed->name);
    else
        text_add(why, "that the kernel does not show it");
}

enum undo_state undo_sysctl_judge(const struct undo_item *item, const struct snapshot *after,
                                  const struct snapshot *now, struct text *why)
{
    enum undo_state worst = UNDO_RESTORED;

    for (size_t i = 0; i < item->before.sysctls_count; i++) {
        enum undo_state state = judge_value(item, after, now, i);

        if (state == UNDO_RESTORED || worst == UNDO_NEEDED ||
            (state == UNDO_FOREIGN && worst == UNDO_FOREIGN))
            continue;
        worst = state;
        text_init(why, why->data, why->size);
        undo_sysctl_say(item, &item->before.sysctls[i], now, why);
    }
    return worst;
}

const char *undo_sysctl_value(const struct undo_item *item, const struct snapshot *after,
                              const struct snapshot *now, size_t index)
{
    const struct sysctl *was = &item->before.sysctls[index];
    const struct sysctl *is = snapshot_find_sysctl(now, was->name);

    if (judge_value(item, after, now, index) == UNDO_NEEDED)
        return was->value;
    return is != NULL ? is->value : NULL;
}
