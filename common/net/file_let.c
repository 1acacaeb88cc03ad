/*
 * file_let: what a configuration file lets networkd take from others.
 */
#include "common/net/file_let.h"

#define DEVICE "network/ethernets/*"

/* yes, no: what either adds. Of networkd's the last one holds, of netplan's each is another
 * device's. */
static const struct row {
    const char *section, *key;
    enum file_let let;
    int yes, no;
} rows[] = {
    {"Network", "DHCP", FILE_LET_DHCP4, 1, 0},
    {"Network", "DHCP", FILE_LET_DHCP6, 1, 0},
    {"Network", "IPv6AcceptRA", FILE_LET_ADVERTISED, 1, -1},
    {"DHCPv4", "UseRoutes", FILE_LET_LEASED_ROUTES, 0, -1},
    {"DHCPv4", "UseGateway", FILE_LET_LEASED_GATEWAY, 0, -1},
    {"IPv6AcceptRA", "UseGateway", FILE_LET_ADVERTISED_GATEWAY, 0, -1},
    {DEVICE, "dhcp4", FILE_LET_DHCP4, 1, 0},
    {DEVICE, "dhcp6", FILE_LET_DHCP6, 1, 0},
    {DEVICE, "accept-ra", FILE_LET_ADVERTISED, 1, -1},
    {DEVICE "/dhcp4-overrides", "use-routes", FILE_LET_LEASED_ROUTES, 0, -1},
};

/* "yes", "ipv4" of DHCP; "true", "on", ... */
static bool says_yes(const struct row *row, const char *value)
{
    if (text_equal(value, "ipv4"))
        return row->let == FILE_LET_DHCP4;
    if (text_equal(value, "ipv6"))
        return row->let == FILE_LET_DHCP6;
    return file_value_is_yes(value);
}

struct adding {
    struct file_lets *lets;
    bool last_holds;
};

static void take_said(void *context, const struct file_said *said)
{
    const struct adding *adding = context;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        int *of = &adding->lets->of[row->let];
        int more;

        if (!text_equal(row->section, said->section) || !text_equal(row->key, said->key))
            continue;
        more = says_yes(row, said->value) ? row->yes : row->no;
        *of = adding->last_holds ? more : *of + more;
        adding->lets->said[row->let] = adding->last_holds;
    }
}

void file_lets_add(struct file_lets *lets, enum file_form form, const char *content)
{
    struct adding adding = {lets, form != FILE_FORM_NETPLAN};

    file_form_read(form, content, take_said, &adding);
}

/* How much of it comes through: of a lease only where there is one. Its gateway is asked for as its
 * routes are where nothing is said of it, in whatever order the keys stand. */
static int amount_of(const struct file_lets *lets, enum file_let let)
{
    bool goes_with_routes = let == FILE_LET_LEASED_GATEWAY && !lets->said[let];

    if (let == FILE_LET_LEASED_ROUTES || goes_with_routes)
        return lets->of[FILE_LET_DHCP4] + lets->of[FILE_LET_LEASED_ROUTES];
    if (let == FILE_LET_LEASED_GATEWAY)
        return lets->of[FILE_LET_DHCP4] + lets->of[FILE_LET_LEASED_GATEWAY];
    return lets->of[let];
}

/* What it comes by is refused. Where nothing is said of that, another file may let it through. */
static bool is_barred(const struct file_lets *lets, enum file_let let)
{
    if (let == FILE_LET_LEASED_ROUTES || let == FILE_LET_LEASED_GATEWAY)
        return lets->said[FILE_LET_DHCP4] && lets->of[FILE_LET_DHCP4] <= 0;
    return let == FILE_LET_ADVERTISED_GATEWAY && lets->of[FILE_LET_ADVERTISED] < 0;
}

bool file_lets_cover(const struct file_lets *had, const struct file_lets *asked)
{
    for (int i = 0; i < FILE_LET_COUNT; i++) {
        enum file_let let = (enum file_let)i;

        if (!is_barred(asked, let) && amount_of(asked, let) > amount_of(had, let))
            return false;
    }
    return true;
}
