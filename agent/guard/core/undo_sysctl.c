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

bool undo_sysctl_is_ipv6_of(const char *name, const struct link *link)
{
    struct sysctl_name parts;

    return split(name, &parts) && parts.ipv6 && !text_equal(parts.device, "all") &&
           is_device(parts.device, link);
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

void undo_sysctl_take(const struct sysctl *written, const struct snapshot *from,
                      struct snapshot *to)
{
    for (size_t i = 0; i < from->sysctls_count; i++) {
        if (is_written_by(from->sysctls[i].name, written->name))
            *snapshot_add_sysctl(to) = from->sysctls[i];
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

void undo_sysctl_predict(const struct sysctl *written, struct snapshot *after)
{
    for (size_t i = 0; i < after->sysctls_count; i++) {
        struct sysctl *other = &after->sysctls[i];
        bool inverted = switches_ipv4_forwarding(written->name) &&
                        text_equal(other->name, "net.ipv4.conf.all.accept_redirects");

        text_copy(other->value, sizeof(other->value),
                  !inverted                         ? written->value
                  : text_equal(written->value, "0") ? "1"
                                                    : "0");
    }
}

/* ---- taking back ------------------------------------------------------------------------------
 */

static enum undo_state judge_value(const struct undo_item *item, const struct snapshot *after,
                                   const struct snapshot *now, size_t index)
{
    const struct sysctl *was = &item->before.sysctls[index];
    const struct sysctl *made = snapshot_find_sysctl(after, was->name);
    const struct sysctl *is = snapshot_find_sysctl(now, was->name);

    if (is == NULL || text_equal(is->value, was->value))
        return UNDO_RESTORED; /* gone: with its device */
    if (made == NULL || text_equal(made->value, was->value))
        return UNDO_RESTORED; /* not by us */
    return text_equal(is->value, made->value) ? UNDO_NEEDED : UNDO_FOREIGN;
}

enum undo_state undo_sysctl_judge(const struct undo_item *item, const struct snapshot *after,
                                  const struct snapshot *now, struct text *why)
{
    enum undo_state worst = UNDO_RESTORED;

    for (size_t i = 0; i < item->before.sysctls_count; i++) {
        const struct sysctl *was = &item->before.sysctls[i];
        enum undo_state state = judge_value(item, after, now, i);

        if (state == UNDO_RESTORED || worst == UNDO_NEEDED ||
            (state == UNDO_FOREIGN && worst == UNDO_FOREIGN))
            continue;
        worst = state;
        text_init(why, why->data, why->size);
        text_add(why, "expected %s = %s as before, found %s", was->name, was->value,
                 snapshot_find_sysctl(now, was->name)->value);
    }
    return worst;
}

const char *undo_sysctl_value(const struct undo_item *item, const struct snapshot *now,
                              size_t index)
{
    const struct sysctl *was = &item->before.sysctls[index];
    const struct sysctl *is = snapshot_find_sysctl(now, was->name);
    struct snapshot after;
    bool by_us;

    if (is == NULL)
        return NULL;
    undo_take_made(item, &after);
    by_us = judge_value(item, &after, now, index) == UNDO_NEEDED;
    snapshot_done(&after);
    return by_us ? was->value : is->value;
}
