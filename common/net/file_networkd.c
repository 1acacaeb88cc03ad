/*
 * file_networkd: what a change may write into a .network file or its drop-ins (systemd.network(5)).
 */
#include <string.h>

#include "common/net/file_form.h"

enum { LINE_SIZE = 256 };

#define DHCP "yes no ipv4 ipv6"
#define LINK_LOCAL "yes no ipv4 ipv6"
#define TYPES "unicast blackhole unreachable prohibit throw"
#define SCOPES "global site link host"

static const struct file_key keys[] = {
    {"Match", "Name", FILE_VALUE_WORDS, NULL},
    {"Match", "MACAddress", FILE_VALUE_WORDS, NULL},
    {"Match", "PermanentMACAddress", FILE_VALUE_WORDS, NULL},
    {"Match", "Type", FILE_VALUE_WORDS, NULL},
    {"Link", "RequiredForOnline", FILE_VALUE_BOOL, NULL},
    {"Network", "DHCP", FILE_VALUE_CHOICE, DHCP},
    {"Network", "IPv6AcceptRA", FILE_VALUE_BOOL, NULL},
    {"Network", "LinkLocalAddressing", FILE_VALUE_CHOICE, LINK_LOCAL},
    {"Network", "Address", FILE_VALUE_INTERFACE, NULL},
    {"Network", "Gateway", FILE_VALUE_ADDRESS, NULL},
    {"Network", "DNS", FILE_VALUE_ADDRESSES, NULL},
    {"Network", "Domains", FILE_VALUE_WORDS, NULL},
    {"Network", "NTP", FILE_VALUE_WORDS, NULL},
    {"Network", "ConfigureWithoutCarrier", FILE_VALUE_BOOL, NULL},
    {"Network", "KeepConfiguration", FILE_VALUE_CHOICE, "yes no static dhcp dhcp-on-stop"},
    {"Network", "LLDP", FILE_VALUE_BOOL, NULL},
    {"Address", "Address", FILE_VALUE_INTERFACE, NULL},
    {"Address", "Scope", FILE_VALUE_CHOICE, SCOPES},
    {"Address", "RouteMetric", FILE_VALUE_NUMBER, NULL},
    {"Address", "AddPrefixRoute", FILE_VALUE_BOOL, NULL},
    {"Address", "DuplicateAddressDetection", FILE_VALUE_CHOICE, "none ipv4 ipv6 both"},
    {"Route", "Destination", FILE_VALUE_DESTINATION, NULL},
    {"Route", "Gateway", FILE_VALUE_ADDRESS, NULL},
    {"Route", "GatewayOnLink", FILE_VALUE_BOOL, NULL},
    {"Route", "Source", FILE_VALUE_DESTINATION, NULL},
    {"Route", "PreferredSource", FILE_VALUE_ADDRESS, NULL},
    {"Route", "Metric", FILE_VALUE_NUMBER, NULL},
    {"Route", "Table", FILE_VALUE_TABLE, NULL},
    {"Route", "Type", FILE_VALUE_CHOICE, TYPES},
    {"Route", "Scope", FILE_VALUE_CHOICE, SCOPES},
    {"Route", "MTUBytes", FILE_VALUE_MTU, NULL},
    {"RoutingPolicyRule", "From", FILE_VALUE_DESTINATION, NULL},
    {"RoutingPolicyRule", "To", FILE_VALUE_DESTINATION, NULL},
    {"RoutingPolicyRule", "Table", FILE_VALUE_TABLE, NULL},
    {"RoutingPolicyRule", "Priority", FILE_VALUE_PRIORITY, NULL},
    {"RoutingPolicyRule", "FirewallMark", FILE_VALUE_WORDS, NULL},
    {"RoutingPolicyRule", "IncomingInterface", FILE_VALUE_WORDS, NULL},
    {"RoutingPolicyRule", "OutgoingInterface", FILE_VALUE_WORDS, NULL},
    {"RoutingPolicyRule", "Family", FILE_VALUE_CHOICE, "ipv4 ipv6 both"},
    {"RoutingPolicyRule", "SuppressPrefixLength", FILE_VALUE_NUMBER, NULL},
    {"DHCPv4", "UseDNS", FILE_VALUE_BOOL, NULL},
    {"DHCPv4", "UseNTP", FILE_VALUE_BOOL, NULL},
    {"DHCPv4", "UseRoutes", FILE_VALUE_BOOL, NULL},
    {"DHCPv4", "UseGateway", FILE_VALUE_BOOL, NULL},
    {"DHCPv4", "RouteMetric", FILE_VALUE_NUMBER, NULL},
    {"DHCPv6", "UseDNS", FILE_VALUE_BOOL, NULL},
    {"DHCPv6", "UseNTP", FILE_VALUE_BOOL, NULL},
    {"IPv6AcceptRA", "UseDNS", FILE_VALUE_BOOL, NULL},
    {"IPv6AcceptRA", "UseGateway", FILE_VALUE_BOOL, NULL},
    {"IPv6AcceptRA", "RouteMetric", FILE_VALUE_NUMBER, NULL},
};
enum { KEYS_COUNT = sizeof(keys) / sizeof(keys[0]) };

static bool refuse_section(const char *section, struct err *err)
{
    char list[REASON_SIZE] = "";
    struct text text = TEXT_IN(list);

    for (int i = 0; i < KEYS_COUNT; i++) {
        if (i == 0 || !text_equal(keys[i].section, keys[i - 1].section))
            text_add(&text, "%s[%s]", i > 0 ? ", " : "", keys[i].section);
    }
    return err_set(err, ERR_INPUT, "section '%.40s': accepted are %s", section, list);
}

/* Tried with systemd 252: the MTU stays when the line that set it is gone. */
static const char no_mtu[] =
    "networkd does not set an MTU back when this is taken away, the operation `link` does; ";

static bool refuse_key(const char *section, const char *key, struct err *err)
{
    char list[REASON_SIZE] = "";
    struct text text = TEXT_IN(list);

    for (int i = 0; i < KEYS_COUNT; i++) {
        if (text_equal(keys[i].section, section))
            text_add(&text, "%s%s", text.len > 0 ? ", " : "", keys[i].key);
    }
    return err_set(err, ERR_INPUT, "key '%.40s': %saccepted in [%s] are %s", key,
                   text_equal(section, "Link") && text_equal(key, "MTUBytes") ? no_mtu : "",
                   section, list);
}

static bool has_section(const char *section)
{
    for (int i = 0; i < KEYS_COUNT; i++) {
        if (text_equal(keys[i].section, section))
            return true;
    }
    return false;
}

static const struct file_key *find_key(const char *section, const char *key)
{
    for (int i = 0; i < KEYS_COUNT; i++) {
        if (text_equal(keys[i].section, section) && text_equal(keys[i].key, key))
            return &keys[i];
    }
    return NULL;
}

struct reading {
    char section[LINE_SIZE];
    bool matches; /* [Match] says something */
    struct file_listener listener;
};

static bool take_section(struct reading *reading, char *line, struct err *err)
{
    size_t len = strlen(line);

    if (line[len - 1] != ']')
        return err_set(err, ERR_INPUT, "'%.40s': a section ends in ']'", line);
    line[len - 1] = '\0';
    reading->listener.entry++;
    text_copy(reading->section, sizeof(reading->section), line + 1);
    return has_section(reading->section) || refuse_section(line + 1, err);
}

/* Nothing behind the "=" resets what earlier files have said (systemd.syntax(7)). */
static bool take_assignment(struct reading *reading, char *line, struct err *err)
{
    char *value = strchr(line, '=');
    const struct file_key *row;
    size_t len;

    if (value == NULL)
        return err_set(err, ERR_INPUT, "'%.60s': accepted are [Section], Key=value and # comments",
                       line);
    if (reading->section[0] == '\0')
        return err_set(err, ERR_INPUT, "'%.60s' stands before any [Section]", line);
    *value++ = '\0';
    value += strspn(value, " ");
    for (len = strlen(line); len > 0 && line[len - 1] == ' '; len--)
        line[len - 1] = '\0';
    row = find_key(reading->section, line);
    if (row == NULL)
        return refuse_key(reading->section, line, err);
    if (value[0] == '\0')
        return true;
    reading->matches |= text_equal(reading->section, "Match");
    return file_value_take(&reading->listener, row, value, err);
}

static bool take_line(struct reading *reading, const char *from, size_t len, struct err *err)
{
    char line[LINE_SIZE];

    while (len > 0 && from[len - 1] == ' ')
        len--;
    while (len > 0 && from[0] == ' ') {
        from++;
        len--;
    }
    if (len == 0 || from[0] == '#' || from[0] == ';')
        return true;
    if (len >= sizeof(line))
        return err_set(err, ERR_LIMIT, "%zu characters: accepted are at most %d", len,
                       LINE_SIZE - 1);
    memcpy(line, from, len);
    line[len] = '\0';
    return line[0] == '[' ? take_section(reading, line, err) : take_assignment(reading, line, err);
}

/* Without a [Match] a .network file takes every interface of the host. */
bool file_form_check_networkd(const char *content, bool is_drop_in, struct err *err)
{
    struct reading reading = {.matches = is_drop_in};
    unsigned number = 1;

    for (const char *at = content; *at != '\0'; number++) {
        size_t len = strcspn(at, "\n");

        if (!take_line(&reading, at, len, err))
            return err_wrap(err, "line %u", number);
        at += len + (at[len] == '\n');
    }
    return reading.matches || err_set(err, ERR_INPUT,
                                      "it has no [Match]: expected one with Name, MACAddress, "
                                      "PermanentMACAddress or Type");
}

bool file_form_read_networkd(const char *content, struct file_listener listener)
{
    struct reading reading = {.listener = listener};
    bool good = true;

    for (const char *at = content; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        struct err err = ERR_INIT;

        good &= take_line(&reading, at, len, &err);
        at += len + (at[len] == '\n');
    }
    return good;
}
