/*
 * test_file_let: what a configuration file lets networkd take from others.
 */
#include "common/net/file_let.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ETHERNETS "network:\n  version: 2\n  ethernets:\n"
#define LEASE "[Network]\nDHCP=ipv4\n"
#define KEPT_ROUTES                                                                                \
    ETHERNETS                                                                                      \
    "    eth0:\n      dhcp4: true\n      dhcp4-overrides:\n        use-routes: false\n"

static const struct let_case {
    enum file_form form;
    const char *had, *asked;
    bool covered;
} cases[] = {
    {FILE_FORM_NETWORK, "", "", true},
    {FILE_FORM_NETWORK, "", "[Network]\nDHCP=no\nDNS=192.0.2.1\n", true},
    {FILE_FORM_NETWORK, "", "[Network]\nDHCP=ipv4\n", false},
    {FILE_FORM_NETWORK, "", "[Network]\nDHCP=ipv6\n", false},
    {FILE_FORM_NETWORK, "[Network]\nDHCP=yes\n", "[Network]\nDHCP=ipv4\n", true},
    {FILE_FORM_NETWORK, "[Network]\nDHCP=ipv4\n", "[Network]\nDHCP=yes\n", false},
    {FILE_FORM_NETWORK, "[Network]\nDHCP=ipv4\n", "[Network]\nDHCP=ipv6\n", false},
    {FILE_FORM_NETWORK, "[Network]\nDHCP=yes\n", "[Network]\nDHCP=yes\n", true},
    {FILE_FORM_NETWORK, "", "[Network]\nDHCP=yes\nDHCP=no\n", true},
    {FILE_FORM_NETWORK, "[Network]\nDHCP=yes\nDHCP=no\n", "[Network]\nDHCP=yes\n", false},
    {FILE_FORM_NETWORK, "", "[Network]\nIPv6AcceptRA=yes\n", false},
    {FILE_FORM_NETWORK, "[Network]\nIPv6AcceptRA=no\n", "", false},
    {FILE_FORM_NETWORK, "[Network]\nIPv6AcceptRA=yes\n", "[Network]\nIPv6AcceptRA=0\n", true},
    {FILE_FORM_NETWORK, "[DHCPv4]\nUseRoutes=no\n", "[DHCPv4]\nUseRoutes=yes\n", false},
    {FILE_FORM_NETWORK, "[DHCPv4]\nUseRoutes=no\n", "[DHCPv4]\nUseDNS=no\n", false},
    {FILE_FORM_NETWORK, "", "[DHCPv4]\nUseRoutes=yes\nUseGateway=on\n", true},
    {FILE_FORM_NETWORK, "[DHCPv4]\nUseGateway=no\n", "[DHCPv4]\nUseGateway=1\n", false},
    {FILE_FORM_NETWORK, "[IPv6AcceptRA]\nUseGateway=no\n", "[IPv6AcceptRA]\nUseGateway=yes\n",
     false},
    /* the gateway of a lease, where nothing is said of it, goes with the routes
       (systemd.network(5)) */
    {FILE_FORM_NETWORK, LEASE "[DHCPv4]\nUseRoutes=no\n",
     LEASE "[DHCPv4]\nUseRoutes=no\nUseGateway=yes\n", false},
    {FILE_FORM_NETWORK, LEASE "[DHCPv4]\nUseRoutes=no\n",
     LEASE "[DHCPv4]\nUseGateway=yes\nUseRoutes=no\n", false},
    {FILE_FORM_DROP_IN, "[DHCPv4]\nUseRoutes=no\n", "[DHCPv4]\nUseRoutes=no\nUseGateway=yes\n",
     false},
    {FILE_FORM_NETWORK, LEASE "[DHCPv4]\nUseRoutes=no\nUseGateway=yes\n",
     LEASE "[DHCPv4]\nUseRoutes=no\n", true},
    {FILE_FORM_NETWORK, LEASE "[DHCPv4]\nUseGateway=no\nUseRoutes=no\n",
     LEASE "[DHCPv4]\nUseRoutes=no\n", true},
    {FILE_FORM_NETWORK, LEASE "[DHCPv4]\nUseGateway=no\n", LEASE "[DHCPv4]\nUseRoutes=no\n", true},
    {FILE_FORM_NETWORK, LEASE, LEASE "[DHCPv4]\nUseGateway=yes\nUseRoutes=no\n", true},
    {FILE_FORM_NETWORK, LEASE "[DHCPv4]\nUseRoutes=no\n", LEASE "[DHCPv4]\nUseGateway=no\n", false},
    {FILE_FORM_NETWORK, LEASE "[DHCPv4]\nUseRoutes=no\nUseGateway=yes\n",
     LEASE "[DHCPv4]\nUseRoutes=yes\n", false},
    /* without a lease none comes by it, and without advertisements none by these */
    {FILE_FORM_NETWORK, LEASE "[DHCPv4]\nUseRoutes=no\n", "[Network]\nLLDP=no\n", true},
    {FILE_FORM_NETWORK, LEASE "[DHCPv4]\nUseRoutes=no\n", "[Network]\nDHCP=no\n", true},
    {FILE_FORM_NETWORK, "[Network]\nDHCP=yes\n[DHCPv4]\nUseGateway=no\n",
     "[Network]\nDHCP=ipv6\n[DHCPv4]\nUseRoutes=yes\n", true},
    {FILE_FORM_DROP_IN, "[DHCPv4]\nUseRoutes=no\n", "[Network]\nDHCP=no\n", true},
    {FILE_FORM_DROP_IN, "[DHCPv4]\nUseRoutes=no\n", "", false},
    {FILE_FORM_NETWORK, LEASE "[DHCPv4]\nUseRoutes=no\n", LEASE, false},
    {FILE_FORM_NETWORK, "[Network]\nDHCP=no\n", "", true},
    {FILE_FORM_NETWORK, "[Network]\nIPv6AcceptRA=yes\n[IPv6AcceptRA]\nUseGateway=no\n",
     "[Network]\nIPv6AcceptRA=no\n", true},
    {FILE_FORM_NETWORK, "[Network]\nIPv6AcceptRA=yes\n[IPv6AcceptRA]\nUseGateway=no\n",
     "[Network]\nIPv6AcceptRA=yes\n", false},
    {FILE_FORM_NETWORK, "[IPv6AcceptRA]\nUseGateway=no\n", "", false},
    {FILE_FORM_NETPLAN, KEPT_ROUTES, ETHERNETS "    eth0:\n      optional: true\n", true},
    {FILE_FORM_NETPLAN, KEPT_ROUTES "    eth1:\n      dhcp4: true\n",
     ETHERNETS "    eth1:\n      dhcp4: true\n", true},
    {FILE_FORM_NETPLAN, ETHERNETS "    eth0:\n      dhcp4: true\n",
     ETHERNETS "    eth0:\n      dhcp4: true\n    eth1:\n      dhcp4: false\n", true},
    {FILE_FORM_NETPLAN, ETHERNETS "    eth0:\n      dhcp4: true\n",
     ETHERNETS "    eth0:\n      dhcp4: true\n    eth1:\n      dhcp4: true\n", false},
    {FILE_FORM_NETPLAN, ETHERNETS "    eth0:\n      dhcp4: true\n",
     ETHERNETS "    eth0:\n      dhcp6: true\n", false},
    {FILE_FORM_NETPLAN, ETHERNETS "    eth0:\n      accept-ra: false\n",
     ETHERNETS "    eth0:\n      dhcp4: false\n", false},
    {FILE_FORM_NETPLAN, KEPT_ROUTES, ETHERNETS "    eth0:\n      dhcp4: true\n", false},
};

static void test_what_is_let_through(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct file_lets had = {.of = {0}}, asked = {.of = {0}};

        file_lets_add(&had, cases[i].form, cases[i].had);
        file_lets_add(&asked, cases[i].form, cases[i].asked);
        if (file_lets_cover(&had, &asked) != cases[i].covered)
            fail_msg("expected that\n%s\nlets %s through than\n%s", cases[i].asked,
                     cases[i].covered ? "no more" : "more", cases[i].had);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_let_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
