/*
 * operation_sysctl: writes one network setting from a short list.
 */
#include <stdlib.h>
#include <string.h>

#include "common/net/consequence.h"
#include "common/net/operation_kind.h"

/* Which values let more through than others. */
enum side {
    SIDE_NONE,
    SIDE_MORE,    /* the higher the more */
    SIDE_LESS,    /* the higher the less */
    SIDE_REVERSE, /* 1 strict, 2 loose, 0 anything */
};

/* What may be set, and to what. A group ending in "." is followed by a device, "all" or "default".
 */
static const struct setting {
    const char *group;
    const char *key;
    int min, max;
    enum side side;
} settings[] = {
    {"net.ipv4.ip_forward", "", 0, 1, SIDE_MORE},
    {"net.ipv4.conf.", "rp_filter", 0, 2, SIDE_REVERSE},
    {"net.ipv4.conf.", "src_valid_mark", 0, 1, SIDE_MORE},
    {"net.ipv4.conf.", "arp_ignore", 0, 8, SIDE_LESS},
    {"net.ipv4.conf.", "arp_announce", 0, 2, SIDE_NONE},
    {"net.ipv4.conf.", "accept_redirects", 0, 1, SIDE_NONE},
    {"net.ipv4.conf.", "send_redirects", 0, 1, SIDE_NONE},
    {"net.ipv4.conf.", "forwarding", 0, 1, SIDE_MORE},
    {"net.ipv4.conf.", "log_martians", 0, 1, SIDE_NONE},
    {"net.ipv4.conf.", "promote_secondaries", 0, 1, SIDE_NONE},
    {"net.ipv6.conf.", "forwarding", 0, 1, SIDE_MORE},
    {"net.ipv6.conf.", "accept_ra", 0, 2, SIDE_MORE},
    {"net.ipv6.conf.", "disable_ipv6", 0, 1, SIDE_LESS},
    {"net.ipv6.conf.", "use_tempaddr", -1, 2, SIDE_NONE},
    {"net.ipv6.conf.", "accept_redirects", 0, 1, SIDE_NONE},
};
enum { SETTINGS_COUNT = sizeof(settings) / sizeof(settings[0]) };

bool operation_sysctl_setting(uint32_t i, const char **ret_group, const char **ret_key)
{
    if (i >= SETTINGS_COUNT)
        return false;
    *ret_group = settings[i].group;
    *ret_key = settings[i].key;
    return true;
}

/* Matches a name; writes the device, "" where the setting has none. A "." in a device's name is
 * written as "/" (sysctl(8)). */
static bool matches(const struct setting *setting, const char *name, char *device)
{
    const char *rest = name + strlen(setting->group);
    size_t len;

    device[0] = '\0';
    if (!text_starts(name, setting->group))
        return false;
    if (setting->key[0] == '\0')
        return rest[0] == '\0';
    len = strcspn(rest, ".");
    if (len == 0 || len >= DEVICE_SIZE || rest[len] != '.' ||
        !text_equal(rest + len + 1, setting->key))
        return false;
    for (size_t i = 0; i < len; i++)
        device[i] = rest[i] == '/' ? '.' : rest[i];
    device[len] = '\0';
    return true;
}

static const struct setting *find_setting(const char *name, char *device)
{
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        if (matches(&settings[i], name, device))
            return &settings[i];
    }
    return NULL;
}

static bool refuse_name(const char *name, struct err *err)
{
    char accepted[400] = "";
    struct text text = TEXT_IN(accepted);

    for (int i = 0; i < SETTINGS_COUNT; i++) {
        bool first = i == 0 || !text_equal(settings[i].group, settings[i - 1].group);

        if (settings[i].key[0] == '\0')
            text_add(&text, "%s", settings[i].group);
        else
            text_add(&text, "%s%s%s%s", first ? ", " : "|", first ? settings[i].group : "",
                     first ? "<dev>." : "", settings[i].key);
    }
    return err_set(err, ERR_INPUT,
                   "sysctl '%.60s': accepted are %s; <dev> may be a key `interface` of its own, "
                   "else a dot in it is a /",
                   name, accepted);
}

static bool parse_integer(const char *text, int *ret_value)
{
    bool negative = text[0] == '-';
    unsigned long long value;

    if (!text_parse_u64(text + negative, 1 << 20, &value))
        return false;
    *ret_value = negative ? -(int)value : (int)value;
    return true;
}

static bool validate(const struct operation *operation, struct err *err)
{
    const struct sysctl *wanted = &operation->sysctl.setting;
    char device[DEVICE_SIZE];
    const struct setting *setting = find_setting(wanted->name, device);
    int value;

    if (setting == NULL)
        return refuse_name(wanted->name, err);
    if (!parse_integer(wanted->value, &value) || value < setting->min || value > setting->max)
        return err_set(err, ERR_INPUT, "sysctl %s: value '%s': accepted is %d to %d", wanted->name,
                       wanted->value, setting->min, setting->max);
    return true;
}

static int rank_of(const struct setting *setting, int value)
{
    static const int reverse[] = {2, 0, 1};

    switch (setting->side) {
    case SIDE_MORE:
        return value;
    case SIDE_LESS:
        return -value;
    case SIDE_REVERSE:
        return value >= 0 && value <= 2 ? reverse[value] : 0;
    case SIDE_NONE:
        break;
    }
    return 0;
}

bool operation_sysctl_takes(const char *name, const char *from, const char *to)
{
    char device[DEVICE_SIZE];
    const struct setting *setting = find_setting(name, device);
    int before, after;

    return setting != NULL && parse_integer(from, &before) && parse_integer(to, &after) &&
           rank_of(setting, after) < rank_of(setting, before);
}

static bool names_all(const char *device)
{
    return device[0] == '\0' || text_equal(device, "all") || text_equal(device, "default");
}

static bool check(const struct operation *operation, const struct snapshot *snapshot,
                  struct err *err)
{
    const struct sysctl *wanted = &operation->sysctl.setting;
    char device[DEVICE_SIZE];

    if (find_setting(wanted->name, device) == NULL)
        return refuse_name(wanted->name, err);
    if (names_all(device) || snapshot_find_device(snapshot, device) != NULL)
        return true;
    return err_set(err, ERR_MISSING, "sysctl %s: device %s is not there", wanted->name, device);
}

static bool holds(const struct operation *operation, const struct snapshot *snapshot)
{
    const struct sysctl *there = snapshot_find_sysctl(snapshot, operation->sysctl.setting.name);

    return there != NULL && text_equal(there->value, operation->sysctl.setting.value);
}

/* disable_ipv6 takes the addresses and the routes of the device with it. */
static void drop_ipv6(struct snapshot *snapshot, const char *device)
{
    for (size_t i = 0; i < snapshot->links_count; i++) {
        const struct link *link = &snapshot->links[i];

        if (text_equal(device, "all") || text_equal(device, link->name))
            consequence_ipv6_off(snapshot, link->index);
    }
}

static void follow(const struct setting *setting, const char *device, struct snapshot *snapshot)
{
    if (text_equal(setting->key, "disable_ipv6"))
        drop_ipv6(snapshot, device);
    else if (text_equal(setting->group, "net.ipv6.conf.") &&
             text_equal(setting->key, "forwarding") && !text_equal(device, "default"))
        consequence_ipv6_forwards(snapshot);
}

static void predict(const struct operation *operation, struct snapshot *snapshot)
{
    const struct sysctl *wanted = &operation->sysctl.setting;
    bool written = !holds(operation, snapshot);
    char device[DEVICE_SIZE];
    const struct setting *setting = find_setting(wanted->name, device);
    size_t i = 0;

    while (i < snapshot->sysctls_count && !text_equal(snapshot->sysctls[i].name, wanted->name))
        i++;
    if (i == snapshot->sysctls_count)
        snapshot_add_sysctl(snapshot);
    snapshot->sysctls[i] = *wanted;
    if (setting != NULL && written && text_equal(wanted->value, "1"))
        follow(setting, device, snapshot);
}

static void render(const struct operation *operation, struct text *out)
{
    text_add(out, "sysctl %s = %s", operation->sysctl.setting.name,
             operation->sysctl.setting.value);
}

static void add_object(const struct operation *operation, struct text *out)
{
    text_add(out, "sysctl %s", operation->sysctl.setting.name);
}

const struct operation_row operation_sysctl_row = {
    .name = "sysctl",
    .validate = validate,
    .check = check,
    .holds = holds,
    .predict = predict,
    .render = render,
    .object = add_object,
};
