/*
 * test_file_form: which files a change may write, and what may stand in them.
 */
#include "common/net/file_form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct form_case {
    const char *text;
    const char *refusal; /* part of it; NULL: accepted */
};

static void check_refusal(bool good, const struct err *err, const struct form_case *wanted)
{
    if (wanted->refusal == NULL) {
        if (!good)
            fail_msg("%s: %s", wanted->text, err->text);
        return;
    }
    if (good || strstr(err->text, wanted->refusal) == NULL)
        fail_msg("%s\nexpected '%s'\nobserved '%s'", wanted->text, wanted->refusal,
                 good ? "accepted" : err->text);
}

static const struct form_case paths[] = {
    {"/etc/netplan/60-x.yaml", NULL},
    {"/etc/systemd/network/10-eth0.network", NULL},
    {"/etc/systemd/network/10-eth0.network.d/50-mtu.conf", NULL},
    {"/etc/netplan/60-x.yml", "accepted are /etc/netplan/NAME.yaml"},
    {"/etc/netplan/.yaml", "accepted are"},
    {"/etc/netplan/../passwd.yaml", "accepted are"},
    {"/etc/netplan/a/b.yaml", "accepted are"},
    {"/etc/netplan/a b.yaml", "accepted are"},
    {"/run/netplan/60-x.yaml", "accepted are"},
    {"/etc/systemd/network/10-eth0.network.d/50-mtu.txt", "accepted are"},
    {"/etc/systemd/network/10-eth0.network.d/../../system/x.conf", "accepted are"},
    {"/etc/systemd/network/10-eth0.network.d/.conf", "accepted are"},
    {"/etc/systemd/network/.d/x.conf", "accepted are"},
    {"/etc/systemd/system/x.service", "accepted are"},
    {"/etc/systemd/network/10-br0.netdev", "never takes it away"},
    {"/etc/systemd/network/10-eth0.link", "when no trial watches"},
    {"/etc/sysctl.d/60-x.conf", "a `sysctl` operation"},
    {"/etc/nftables.conf", "nftables is not among"},
    {"/etc/cron.d/x", "file '/etc/cron.d/x': accepted are"},
    {"/etc/netplan/0123456789012345678901234567890123456789012345678901234567890123456789012345678"
     "901234567890123456789012345678901234567890.yaml",
     "of at most 127 characters"},
    {"", "accepted are"},
};

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct err err = ERR_INIT;
        enum file_form form;
        bool good = file_form_of(paths[i].text, &form, &err);

        check_refusal(good, &err, &paths[i]);
    }
}

static void test_trial_path(void **state)
{
    char path[FILE_PATH_SIZE];

    (void)state;
    file_form_trial_path("/etc/netplan/60-x.yaml", path);
    assert_string_equal(path, "/run/netplan/60-x.yaml");
}

static const struct form_case networks[] = {
    {"[Match]\nName=eth0\n\n[Network]\nAddress=203.0.113.10/24\nGateway=203.0.113.1\n", NULL},
    {"# comment\n; another\n[Match]\nMACAddress=00:11:22:33:44:55 66:77:88:99:aa:bb\n[Link]\n"
     "RequiredForOnline=no\n",
     NULL},
    {"[Match]\nName=en* !en0\n[Route]\nDestination=198.18.0.0/16\nGateway=203.0.113.254\n"
     "GatewayOnLink=yes\nMetric=50\nTable=100\nType=unicast\n",
     NULL},
    {"[Match]\nName = eth0\n[RoutingPolicyRule]\nFrom=203.0.113.10\nTable=main\nPriority=5146\n",
     NULL},
    {"[Match]\nName=eth0\n[Network]\nDNS=\n", NULL}, /* resets */
    {"[Match]\nName=eth0\n[DHCPv4]\nUseRoutes=no\n", NULL},
    {"[Network]\nDHCP=yes\n", "no [Match]"},
    {"[Match]\nName=\n", "no [Match]"},
    {"Name=eth0\n", "line 1: 'Name=eth0' stands before any [Section]"},
    {"[Match]\nName=eth0\n[Service]\nExecStart=/bin/sh\n",
     "line 3: section 'Service': accepted are [Match], [Link], [Network]"},
    {"[Match]\nName=eth0\n[Link]\nUnmanaged=yes\n",
     "line 4: key 'Unmanaged': accepted in [Link] are RequiredForOnline"},
    {"[Match]\nName=eth0\n[Link]\nActivationPolicy=down\n", "key 'ActivationPolicy'"},
    {"[Match]\nName=eth0\n[Route]\nMTUBytes=1200\n", "MTUBytes '1200': accepted are 1280 to 65535"},
    {"[Match]\nName=eth0\n[Route]\nMTUBytes=1G\n", "MTUBytes '1G'"},
    {"[Match]\nName=eth0\n[Link]\nMTUBytes=1400\n",
     "the operation `link` does; accepted in [Link]"},
    {"[Match]\nName=eth0\n[Network]\nAddress=203.0.113.10\n", "its network's length"},
    {"[Match]\nName=eth0\n[Network]\nGateway=_dhcp4\n", "accepted are an address"},
    {"[Match]\nName=eth0\n[Network]\nVLAN=vlan5\n", "key 'VLAN'"},
    {"[Match]\nName=eth0\n[Network]\nIPForward=yes\n", "key 'IPForward'"},
    {"[Match]\nName=eth0\n[RoutingPolicyRule]\nPriority=5140\n", "Priority '5140'"},
    {"[Match]\nName=eth0\n[RoutingPolicyRule]\nPriority=5210\n", "Priority '5210'"},
    {"[Match]\nName=eth0\n[RoutingPolicyRule]\nPriority=0\n", "Priority '0'"},
    {"[Match]\nName=eth0\n[Route]\nTable=52\n", "Table '52'"},
    {"[Match]\nName=eth0\n[Route]\nTable=5100\n", "Table '5100'"},
    {"[Match]\nName=eth0\n[Route]\nTable=064\n", "Table '064'"}, /* 52 to networkd */
    {"[Match]\nName=eth0\n[RoutingPolicyRule]\nFrom=203.0.113.10\nPriority=012024\n",
     "Priority '012024'"}, /* 5140 to networkd */
    {"[Match]\nName=eth0\n[Route]\nMetric=0\n", NULL},
    {"[Match]\nName=eth0\n[Network]\nAddress=203.0.113.10/030\n", "Address '203.0.113.10/030'"},
    {"[Match]\nName=eth0\n[Route]\nTable=local\n", "Table 'local'"},
    {"[Match]\nName=eth0\n[Route\n", "a section ends in ']'"},
    {"[Match]\nName=eth0\nwhat\n", "accepted are [Section], Key=value"},
    {"[Match]\nName=eth%i\n", "character 0x25"},
    {"[Match]\nName=eth0 \\\n eth1\n", "character 0x5c"},
    {"[Match]\nName=\teth0\n", "character 0x09"},
    {"[Match]\nName=eth\xc3\xb6\n", "character 0xc3"},
    {"[Match]\nName=eth0", "its last line has no end"},
    {"", "it is empty"},
};

static void test_networks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        struct err err = ERR_INIT;
        bool good = file_form_check(FILE_FORM_NETWORK, networks[i].text, &err);

        check_refusal(good, &err, &networks[i]);
    }
}

static void test_drop_in_needs_no_match(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_true(file_form_check(FILE_FORM_DROP_IN, "[Network]\nLLDP=no\n", &err));
    assert_false(file_form_check(FILE_FORM_NETWORK, "[Network]\nLLDP=no\n", &err));
}

#define ETH0 "network:\n  version: 2\n  ethernets:\n    eth0:\n"

static const struct form_case netplans[] = {
    {ETH0 "      dhcp4: true\n", NULL},
    {ETH0 "      dhcp4: true\n      dhcp4-overrides:\n        use-routes: false\n", NULL},
    {ETH0 "      addresses: [203.0.113.10/24, \"2001:db8::10/64\"]\n", NULL},
    {ETH0 "      addresses:\n        - 203.0.113.10/24  # the first\n        - '2001:db8::10/64'\n",
     NULL},
    {ETH0 "      routes:\n        - to: default\n          via: 203.0.113.1\n          metric: 50\n"
          "        - to: 198.18.0.0/16\n          via: 203.0.113.254\n          on-link: true\n"
          "      dhcp4: true\n",
     NULL},
    {ETH0 "      routing-policy:\n        - from: 203.0.113.10\n          table: 100\n"
          "          priority: 100\n",
     NULL},
    {ETH0 "      nameservers:\n        addresses: [192.0.2.53]\n        search: [example.com]\n",
     NULL},
    {"# all\n\nnetwork:\n  version: 2\n  renderer: networkd\n  ethernets:\n    uplink.100:\n"
     "      match:\n        macaddress: \"00:11:22:33:44:55\"\n      dhcp4: no\n",
     NULL},
    {ETH0 "      match:\n        name: \"en*\"\n      dhcp4: true\n", NULL},
    {"network:\n  version: 2\n", NULL},
    {"network:\n  ethernets:\n    eth0:\n      dhcp4: true\n", "it says no `version`"},
    {"network:\n  version: 1\n", "version '1': accepted are 2"},
    {"network:\n  version: 2\n  renderer: NetworkManager\n", "accepted are networkd"},
    {"network:\n  version: 2\n  vlans:\n",
     "line 3: 'vlans': accepted in network are version, renderer, ethernets"},
    {"network:\n  version: 2\n  wifis:\n", "'wifis'"},
    {"other:\n", "line 1: 'other': accepted in the file are network"},
    {ETH0 "      set-name: lan0\n", "'set-name': accepted in network/ethernets/eth0 are match"},
    {ETH0 "      activation-mode: off\n", "'activation-mode'"},
    {ETH0 "      mtu: 1400\n", "line 5: 'mtu': accepted in network/ethernets/eth0 are match"},
    {ETH0 "      routes:\n        - to: default\n          mtu: 1200\n",
     "line 7: mtu '1200': accepted are 1280 to 65535"},
    {ETH0 "      dhcp4:\n", "network/ethernets/eth0/dhcp4 has no value"},
    {ETH0 "      routes:\n", "network/ethernets/eth0/routes has no value"},
    {ETH0 "      routes:\n      dhcp4: true\n", "network/ethernets/eth0/routes has no value"},
    {ETH0 "      routes:\n      - to: default\n", "has no value"},
    {ETH0 "      routes:\n        - to: default\n         via: 203.0.113.1\n", "expected"},
    {ETH0 "      routes:\n        - to: default\n          table: 52\n", "table '52'"},
    {ETH0 "      routes: {to: default}\n", "expected no value of"},
    {ETH0 "      routes: [a]\n", "accepted is a list of values"},
    {ETH0 "      dhcp4: [true]\n", "accepted is a list of values"},
    {ETH0 "      dhcp4: &a true\n", "accepted is a plain value"},
    {ETH0 "      dhcp4: !!str true\n", "accepted is a plain value"},
    {ETH0 "      dhcp4: |\n        true\n", "accepted is a plain value"},
    {ETH0 "      dhcp4: \"true\n", "accepted is one pair of quotes"},
    {ETH0 "      dhcp4: \"tr\"ue\"\n", "accepted is one pair of quotes"},
    {ETH0 "      \"dhcp4\": true\n", "accepted are keys of letters"},
    {ETH0 "      ? dhcp4\n", "accepted are `key: value`"},
    {ETH0 "      dhcp4: true\n---\nnetwork:\n", "accepted are"},
    {ETH0 "      match:\n        name: *en\n", "accepted is a plain value"},
    {ETH0 "      dhcp4: true\n   dhcp6: true\n", "expected a key with 2 blanks before it"},
    {"- network\n", "expected a key of the file"},
    {"  network:\n", "expected a key of the file"},
    {ETH0 "      addresses:\n        -\n", "accepted is `- item`"},
    {ETH0 "      addresses:\n        - 203.0.113.10/24\n      - 1\n", "expected a key"},
    {ETH0 "      addresses: [203.0.113.10/24\n", "accepted is a list of values"},
    {ETH0 "      a/b: 1\n", "accepted are keys of letters"},
};

static void test_netplans(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(netplans) / sizeof(netplans[0]); i++) {
        struct err err = ERR_INIT;
        bool good = file_form_check(FILE_FORM_NETPLAN, netplans[i].text, &err);

        check_refusal(good, &err, &netplans[i]);
    }
}

/* What shadows a file of netplan's is one itself. */
static void test_nothing_is_netplan(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_string_equal(file_form_check(FILE_FORM_NETPLAN, FILE_FORM_NOTHING, &err) ? "" : err.text,
                        "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),    cmocka_unit_test(test_trial_path),
        cmocka_unit_test(test_networks), cmocka_unit_test(test_drop_in_needs_no_match),
        cmocka_unit_test(test_netplans), cmocka_unit_test(test_nothing_is_netplan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
