/*
 * test_config_refusals: what the readers of hand-written files refuse, and in which words: file,
 * line, value, what is accepted.
 */
#include "common/io/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"

struct row {
    const char *text;
    const char *message;
};

enum kind { FLEET, CHANGE, TRUST };

static bool parse(enum kind kind, struct bytes text, struct err *err)
{
    static struct fleet_file fleet;
    static struct change change;
    static struct trust trust;

    switch (kind) {
    case FLEET:
        return config_parse_fleet("x", text, &fleet, err);
    case CHANGE:
        return config_parse_change("x", text, &change, err);
    case TRUST:
        return config_parse_trust("x", text, &trust, err);
    }
    return true;
}

static void expect_refusals(enum kind kind, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes text = {(const uint8_t *)rows[i].text, strlen(rows[i].text)};
        struct err err = ERR_INIT;

        if (parse(kind, text, &err))
            fail_msg("accepted: %s", rows[i].text);
        assert_string_equal(err.text, rows[i].message);
        assert_int_equal(err.kind == ERR_INPUT || err.kind == ERR_CONFLICT, 1);
    }
}

#define EXPECT_REFUSALS(kind, rows) expect_refusals(kind, rows, sizeof(rows) / sizeof((rows)[0]))

/* ---- any file ---------------------------------------------------------------------------------
 */

static const struct row shapes[] = {
    {"", "x: it is empty; key `nodes` is missing"},
    {"# only a comment\n", "x: it is empty; key `nodes` is missing"},
    {"[a, b]\n", "x:1: a list: accepted is a mapping, like { nodes: ... }"},
    {"hello\n", "x:1: 'hello': accepted is a mapping, like { nodes: ... }"},
    {"nodes: { a: }\nnodse: 1\n",
     "x:2: key 'nodse' is not known; accepted are nodes, witnesses, cluster, checks, policy"},
    {"nodes: { a: }\n\nnodes: { b: }\n", "x:3: key 'nodes' again: it stands in line 1 already"},
    {"nodes: { a: }\npolicy: { lease: 1s, lease: 2s }\n",
     "x:2: key 'lease' again: it stands in line 2 already"},
    {"nodes: &n { a: }\n",
     "x:1: an anchor or alias: accepted are values written out where they stand"},
    {"nodes: &n\n  a: *n\n",
     "x:1: an anchor or alias: accepted are values written out where they stand"},
    {"nodes:\n  a: *n\n",
     "x:2: an anchor or alias: accepted are values written out where they stand"},
    {"nodes: !!map { a: }\n", "x:1: a tag: accepted are values without one"},
    {"nodes: { a: }\n---\nnodes: { b: }\n", "x:2: a second document: accepted is one a file"},
    {"nodes: { ? [a] : b }\n", "x:1: a key that is a list or a mapping: accepted is a name"},
    {"nodes: { a: \"\\e[2J\" }\n", "x:1: a control character: accepted is printable text"},
    {"nodes: { a: \"\\x9b2J\" }\n", "x:1: a control character: accepted is printable text"},
    {"nodes: { a: \"b\\0c\" }\n", "x:1: a control character: accepted is printable text"},
    {"nodes:\n  a: [1, 2\n",
     "x:3: no YAML: did not find expected ',' or ']' while parsing a flow sequence"},
    {"nodes:\n\ta: b\n", "x:2: no YAML: found character that cannot start any token while scanning "
                         "for the next token"},
    {"nodes:\n  a: \xff\n", "x:2: no YAML: invalid leading UTF-8 octet"},
    {"nodes: [[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]\n",
     "x:1: nested deeper than 16 levels, which is what is accepted"},
};

static void test_shapes(void **state)
{
    (void)state;
    EXPECT_REFUSALS(FLEET, shapes);
}

/* A list of so many single letters. */
static char *list_of(size_t count)
{
    char *text = mem_alloc(2 * count + 16, 1);
    char *to = text + sprintf(text, "nodes: [");

    for (size_t i = 0; i < count; i++, to += 2)
        memcpy(to, "a,", 2);
    memcpy(to, "]", 2);
    return text;
}

static void expect_refusal(enum kind kind, const char *text, const char *message)
{
    struct row row = {text, message};

    expect_refusals(kind, &row, 1);
}

static void test_sizes(void **state)
{
    AUTO_FREE char *many = list_of(20000);
    AUTO_FREE char *large = mem_alloc(YAML_SIZE_MAX + 2, 1);
    struct bytes text = {(uint8_t *)large, YAML_SIZE_MAX + 1};
    struct err err = ERR_INIT;

    (void)state;
    expect_refusal(FLEET, many, "x:1: more than 16384 values, which is what is accepted");
    memset(large, ' ', YAML_SIZE_MAX + 1);
    assert_false(parse(FLEET, text, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_string_equal(err.text, "x: 1048577 bytes: accepted are at most 1048576");
}

static void test_too_many_nodes(void **state)
{
    char text[2048];
    struct text to = TEXT_IN(text);

    (void)state;
    text_add(&to, "nodes:\n");
    for (int i = 0; i < NODES_MAX; i++)
        text_add(&to, "  n%d: { }\n", i);
    text_add(&to, "witnesses:\n  w: { }\n");
    expect_refusal(FLEET, text, "x:67: 'w': accepted are at most 64 nodes and witnesses");
}

/* ---- fleet ------------------------------------------------------------------------------------
 */

#define NODES "nodes: { a: { ssh: 203.0.113.1 } }\n"
#define CHECK(rest) NODES "checks:\n  - { name: c, " rest " }\n"

#define REACHED "; accepted is an address that others reach it at"

static const struct row fleets[] = {
    {"nodes: { }\n", "x:1: `nodes` has 0: accepted are 1 to 64"},
    {"nodes: [a]\n", "x:1: `nodes` is a list: accepted is a mapping, like { a: b }"},
    {"nodes: { Styx: }\n",
     "x:1: `name` 'Styx': accepted are 1 to 63 characters of a-z, 0-9 and '-'"},
    {"nodes:\n  a: b\n", "x:2: 'b': accepted is a mapping, like { ssh: ... }"},
    {"nodes:\n  a: { shs: 1 }\n", "x:2: key 'shs' is not known; accepted are ssh, console, first, "
                                  "protected, exit-node, api-server"},
    {"nodes:\n  a:\n    ssh: 203.0.113.256\n",
     "x:3: `ssh` '203.0.113.256': accepted is ADDRESS, ADDRESS:PORT or { address, port, "
     "host_key }"},
    {"nodes: { a: { ssh: 203.0.113.1:70000 } }\n",
     "x:1: `ssh` '203.0.113.1:70000': accepted is ADDRESS, ADDRESS:PORT or { address, port, "
     "host_key }"},
    {"nodes: { a: { ssh: { port: 22 } } }\n", "x:1: key `address` is missing"},
    {"nodes: { a: { ssh: { address: 203.0.113.1, port: 0 } } }\n",
     "x:1: `port` '0': accepted are 1 to 65535"},
    {"nodes:\n  a:\n    ssh: 127.0.0.1\n",
     "x:3: `ssh` '127.0.0.1': loopback, where each reaches itself" REACHED},
    {"nodes: { a: { ssh: { address: \"::1\", port: 23 } } }\n",
     "x:1: `ssh` '::1': loopback, where each reaches itself" REACHED},
    {"nodes: { a: { ssh: 127.8.0.1:2222 } }\n",
     "x:1: `ssh` '127.8.0.1': loopback, where each reaches itself" REACHED},
    {"nodes: { a: { ssh: 0.0.0.0 } }\n", "x:1: `ssh` '0.0.0.0': nobody's address" REACHED},
    {"nodes: { a: { ssh: \"::\" } }\n", "x:1: `ssh` '::': nobody's address" REACHED},
    {"nodes: { a: { ssh: 224.0.0.5 } }\n", "x:1: `ssh` '224.0.0.5': multicast" REACHED},
    {"nodes: { a: { ssh: \"ff02::1\" } }\n", "x:1: `ssh` 'ff02::1': multicast" REACHED},
    {"nodes: { a: { ssh: 255.255.255.255 } }\n", "x:1: `ssh` '255.255.255.255': reserved" REACHED},
    {"nodes: { a: { ssh: 169.254.7.7 } }\n",
     "x:1: `ssh` '169.254.7.7': link-local, another host on each device" REACHED},
    {"nodes: { a: { ssh: \"[fe80::1]:22\" } }\n",
     "x:1: `ssh` 'fe80::1': link-local, another host on each device" REACHED},
    {"nodes: { a: { ssh: \"::ffff:7f00:1\" } }\n",
     "x:1: `ssh` '::ffff:7f00:1': an IPv4 address written as IPv6" REACHED},
    {"nodes:\n  a: { ssh: 203.0.113.1 }\n  b: { ssh: { address: 203.0.113.1 } }\n",
     "x:3: `ssh` of b is that of a, 203.0.113.1 port 22: accepted is one node at an address and "
     "port"},
    {"nodes:\n  a: { first: true }\n  b: { first: false }\n  c: { first: true }\n",
     "x:4: `first` of c: a is first; accepted is one"},
    {NODES "cluster:\n  pods: 10.42.0.0/16\n  services: 10.42.0.0/16\n",
     "x:4: `services` 10.42.0.0/16 and `pods` 10.42.0.0/16: accepted are networks without an "
     "address in common"},
    {NODES "cluster:\n  services: 10.43.0.0/16\n  pods: 10.0.0.0/8\n",
     "x:3: `services` 10.43.0.0/16 and `pods` 10.0.0.0/8: accepted are networks without an address "
     "in common"},
    {"nodes: { a: { first: yes } }\n", "x:1: `first` 'yes': accepted are true and false"},
    {"nodes: { a: { first: [true] } }\n", "x:1: `first` is a list: accepted are true and false"},
    {"nodes: { a: { console: serial } }\n",
     "x:1: `console` 'serial': accepted are physical and { provider, id }"},
    {NODES "witnesses: { a: { } }\n",
     "x:2: 'a' is a node and a witness: accepted is one of the two"},
    {NODES "witnesses: { b: { ssh: 203.0.113.1 } }\n",
     "x:2: key 'ssh' is not known; accepted are none"},
    {NODES "cluster: { pods: 10.42.0.1/16 }\n",
     "x:2: `pods` '10.42.0.1/16': it has host bits; accepted would be 10.42.0.0/16"},
    {NODES "cluster: { pods: default }\n",
     "x:2: `pods` 'default': accepted is a network, like 10.42.0.0/16"},
    {NODES "cluster: { api-server: [198.51.100.10] }\n",
     "x:2: `api-server` '198.51.100.10': accepted is ADDRESS:PORT or [ADDRESS]:PORT"},
    {NODES "cluster: { controllers: 198.51.100.10:7430 }\n",
     "x:2: `controllers` '198.51.100.10:7430': accepted is a list, like [a, b]"},
    {CHECK("kind: ping"),
     "x:3: `kind` 'ping': accepted are route, reply-path, rules, link, address, sysctl, "
     "tailscale, exit-node, egress-address, tcp, ssh, api-server-path, controller"},
    {CHECK("kind: tcp"), "x:3: check c: kind tcp needs to, port"},
    {CHECK("kind: tcp, to: \"h:1\", mtu: 1400"),
     "x:3: check c: kind tcp takes no mtu; accepted are: from, to, port"},
    {CHECK("kind: tcp, to: \"h:1\", port: 2"), "x:3: `port` '2': `to` has a port too; accepted is "
                                               "one"},
    {CHECK("kind: tcp, to: \"h i:1\""),
     "x:3: `to` 'h i:1': accepted is HOST:PORT, ADDRESS:PORT or [ADDRESS]:PORT"},
    {CHECK("kind: tcp, to: \"h:1\", interval: 0s"),
     "x:3: `interval` '0s': accepted are 1s to 86400s, written like 90s, 5m or 2h"},
    {CHECK("kind: tcp, to: \"h:1\", timeout: 2m"),
     "x:3: `timeout` '2m': accepted are 1ms to 60000ms, written like 500ms or 5s"},
    {CHECK("kind: tcp, to: \"h:1\", severity: bad"),
     "x:3: `severity` 'bad': accepted are critical and warning"},
    {CHECK("kind: tcp, to: \"h:1\", for: [b]"),
     "x:3: `for` 'b': accepted are the names under `nodes` and `witnesses`"},
    {CHECK("kind: tcp, to: \"h:1\", for: [a, a]"),
     "x:3: `for` 'a': it is named twice; accepted is once"},
    {CHECK("kind: tailscale, name_of: x") "  - { name: c, kind: tailscale }\n",
     "x:3: check c: kind tailscale takes no name_of; accepted are: none"},
    {CHECK("kind: tailscale") "  - { name: c, kind: tailscale }\n",
     "x:4: check 'c' again: accepted is once"},
    {NODES "checks: [ { name: controller, kind: tailscale } ]\n",
     "x:2: check 'controller' is built in under this name; accepted is any other name"},
    {NODES "policy: { soak: 1w }\n",
     "x:2: `soak` '1w': accepted are 1s to 604800s, written like 90s, 5m or 2h"},
    {NODES "policy: { soak: 30s }\n",
     "x:2: `soak` 30s: accepted is at least `soak-min`, which is 60s"},
    {NODES "policy: { approvals: 0 }\n", "x:2: `approvals` '0': accepted are 1 to 8"},
    {NODES "policy: { stage_size: 0 }\n", "x:2: `stage_size` '0': accepted are 1 to 64"},
    {NODES "policy: { stage_size: 50% }\n", "x:2: `stage_size` '50%': accepted are 1 to 64"},
    {NODES "policy: { pause_after: all }\n",
     "x:2: `pause_after` 'all': accepted are first, each, none"},
};

static void test_fleets(void **state)
{
    (void)state;
    EXPECT_REFUSALS(FLEET, fleets);
}

/* ---- changes ----------------------------------------------------------------------------------
 */

#define HEAD "change: x\nreason: r\nreference: f\ntargets: [a]\n"
#define OPERATION(text) HEAD "operations:\n  - " text "\n"

static const struct row changes[] = {
    {"change: x\n", "x:1: key `reason` is missing"},
    {"change: x\nreason: \" \"\n", "x:2: `reason` ' ': accepted is a text that says something"},
    {"change: x\nreason: r\ntargets: [a]\noperations: [ protect: [ssh] ]\n",
     "x:1: key `reference` is missing"},
    {HEAD "reson: r\n",
     "x:5: key 'reson' is not known; accepted are change, reason, reference, justification, "
     "fixes, targets, operations, checks, soak, lease, stage_size, pause_after, waive, "
     "quarantines"},
    {"change: a b\n", "x:1: `change` 'a b': accepted are 1 to 63 characters of a-z, 0-9 and '-'"},
    {"change: x\ntargets: [ ]\n", "x:2: `targets` has 0: accepted are 1 to 64"},
    {"change: x\ntargets: a\n", "x:2: `targets` 'a': accepted is a list, like [a, b]"},
    {"change: x\ntargets:\n  - a\n  - b\n  - a\n",
     "x:5: `targets` 'a': it is named twice; accepted is once"},
    {HEAD "operations: [ ]\n", "x:5: `operations` has 0: accepted are 1 to 64"},
    {HEAD "fixes: [{ a: b }]\n",
     "x:5: `fixes` is a mapping: accepted are 1 to 63 characters of a-z, 0-9 and '-'"},
    {HEAD "waive: { approved: I say so }\n",
     "x:5: `approved` cannot be waived; accepted are needed, console, prediction, lint, window, "
     "quarantine, quorum, protected-first"},
    {HEAD "waive: { needed: }\n", "x:5: `needed` '': accepted is a text that says something"},
    {HEAD "quarantines: [ { receipt: abc, reason: r } ]\n",
     "x:5: `receipt` 'abc': accepted are the 64 hexadecimal digits that `oceanidctl hold list` "
     "prints"},
    {HEAD "checks: [ { name: c, kind: tailscale, for: [a] } ]\n",
     "x:5: key 'for' is not known; accepted are name, kind, severity, interval, timeout, "
     "attempts, passes, destination, from, iif, device, gateway, table, priority, mtu, to, port, "
     "url, use, name_of, expect, level, host_key"},
    {HEAD "checks:\n  - name: c\n    kind: sysctl\n    expect: |\n      1\n",
     "x:8: `expect`: accepted is one line, without a tab"},
    {HEAD "checks:\n  - name: c\n    kind: egress-address\n    url: >\n      https://x/\n",
     "x:8: `url`: accepted is one line, without a tab"},
};

static const struct row operations[] = {
    {OPERATION("reboot"),
     "x:6: an operation: accepted is one of `protect`, `route`, `rule`, `nexthop`, `sysctl`, "
     "`tailscale`, `address`, `link` and `file` with its value"},
    {OPERATION("{ protect: [ssh], sysctl: { } }"),
     "x:6: an operation: accepted is one of `protect`, `route`, `rule`, `nexthop`, `sysctl`, "
     "`tailscale`, `address`, `link` and `file` with its value"},
    {OPERATION("exec: rm"),
     "x:6: key 'exec' is not known; accepted are protect, route, rule, nexthop, sysctl, tailscale, "
     "file, address, link"},
    {OPERATION("file: { content: x }"), "x:6: key `path` is missing"},
    {OPERATION("file: { path: /etc/systemd/network/a.network.d/b.conf, content: \"[Exec]\\n\" }"),
     "x:6: file /etc/systemd/network/a.network.d/b.conf: line 1: section 'Exec': accepted are "
     "[Match], [Link], [Network], [Address], [Route], [RoutingPolicyRule], [DHCPv4], [DHCPv6], "
     "[IPv6AcceptRA]"},
    {OPERATION("file: { path: /etc/netplan/a.yaml, absent: true, content: x }"),
     "x:6: file /etc/netplan/a.yaml: `absent` and a content; accepted is one of them"},
    {OPERATION("file: { path: /etc/netplan/a.yaml }"),
     "x:6: file /etc/netplan/a.yaml: it is empty or its last line has no end: expected text"},
    {OPERATION("protect: [ssh, http]"),
     "x:6: `protect` 'http': accepted are ssh, api-server, pods, services and controller"},
    {OPERATION("protect: [ssh, ssh]"), "x:6: `protect` 'ssh': it is named twice; accepted is once"},
    {OPERATION("protect: [ ]"), "x:6: `protect` has 0: accepted are 1 to 5"},
    {OPERATION("route: { via: 203.0.113.1 }"), "x:6: key `to` is missing"},
    {OPERATION("route: { to: 198.18.0.0/33, dev: eth0 }"),
     "x:6: `to` '198.18.0.0/33': accepted is an address or a prefix, like 10.42.0.0/16"},
    {OPERATION("route: { to: 198.18.0.0/16, via: gw, dev: eth0 }"),
     "x:6: `via` 'gw': accepted is an IPv4 or IPv6 address"},
    {OPERATION("route: { to: 198.18.0.0/16 }"),
     "x:6: route 198.18.0.0/16 table main metric 0: it names no device; expected one, like eth0"},
    {OPERATION("route: { to: 198.18.0.0/16, dev: eth0, table: 52 }"),
     "x:6: route 198.18.0.0/16 table 52 metric 0: table 52 is tailscaled's own; accepted is any "
     "but 0, 52 and 255"},
    {OPERATION("route: { to: 198.18.0.0/16, dev: eth0, table: mine }"),
     "x:6: `table` 'mine': accepted are main, default, local and 1 to 4294967295"},
    {OPERATION("route: { to: 198.18.0.0/16, dev: a-name-too-long-0 }"),
     "x:6: `dev` 'a-name-too-long-0': accepted is a device's name of 1 to 15 characters, like "
     "eth0"},
    {OPERATION("route: { to: 198.18.0.0/16, dev: eth0, metric: -1 }"),
     "x:6: `metric` '-1': accepted are 0 to 4294967295"},
    {OPERATION("route: { to: 198.18.0.0/16, dev: eth0, tos: 256 }"),
     "x:6: `tos` '256': accepted are 0 to 255, 0x00 to 0xff, CS1 to CS7, AF11 to AF43 and EF"},
    {OPERATION("route: { to: 198.18.0.0/16, dev: eth0, mtu: 576 }"),
     "x:6: `mtu` '576': accepted are 1280 to 65535"},
    {OPERATION("route: { to: 198.18.0.0/16, type: local }"),
     "x:6: `type` 'local': accepted are unicast, throw, blackhole, unreachable, prohibit"},
    {OPERATION("route: { to: 198.18.0.0/16, nexthops: [ { dev: eth0 } ] }"),
     "x:6: `nexthops` has 1: accepted are 2 to 16"},
    {OPERATION("route: { to: 198.18.0.0/16, nexthops: [ { dev: a }, { dev: b, weight: 256 } ] }"),
     "x:6: `weight` '256': accepted are 1 to 255"},
    {OPERATION("route: { to: 198.18.0.0/16, nexthops: [ { dev: a }, { via: 192.0.2.1 } ] }"),
     "x:6: key `dev` is missing"},
    {OPERATION("route: { to: 198.18.0.0/16, dev: eth0, nhid: 3 }"),
     "x:6: route 198.18.0.0/16 table main metric 0: accepted is one of a device, several hops and "
     "a nexthop object"},
    {OPERATION("nexthop: { via: 192.0.2.1, dev: eth0 }"), "x:6: key `id` is missing"},
    {OPERATION("nexthop: { id: 0, dev: eth0 }"), "x:6: `id` '0': accepted are 1 to 4294967295"},
    {OPERATION("nexthop: { id: 5, group: [ { id: 5 } ] }"),
     "x:6: nexthop id 5: member 5: accepted is the id of another object"},
    {OPERATION("rule: { priority: 9, l3mdev: false, lookup: main }"),
     "x:6: `l3mdev` 'false': accepted is true, or no such key"},
    {OPERATION("rule: { priority: 9, tun_id: 0, lookup: main }"),
     "x:6: `tun_id` '0': accepted is a tunnel's key, from 1, like 4711 or 0x1267"},
    {OPERATION("rule: { priority: 9, tun_id: 0x10000000000000000, lookup: main }"),
     "x:6: `tun_id` '0x10000000000000000': accepted is a tunnel's key, from 1, like 4711 or "
     "0x1267"},
    {OPERATION("rule: { priority: 9, dsfield: 0x100, lookup: main }"),
     "x:6: `dsfield` '0x100': accepted are 0 to 255, 0x00 to 0xff, CS1 to CS7, AF11 to AF43 and "
     "EF"},
    {OPERATION("rule: { priority: 9, tos: AF14, lookup: main }"),
     "x:6: `tos` 'AF14': accepted are 0 to 255, 0x00 to 0xff, CS1 to CS7, AF11 to AF43 and EF"},
    {OPERATION("rule: { priority: 9, tos: 0x, lookup: main }"),
     "x:6: `tos` '0x': accepted are 0 to 255, 0x00 to 0xff, CS1 to CS7, AF11 to AF43 and EF"},
    {OPERATION("rule: { priority: 9, tos: 0xb8, lookup: main }"),
     "x:6: rule 9: tos 0xb8: accepted are the bits 0x1c, as the kernel has it"},
    {OPERATION("rule: { priority: 9, tos: 4, dsfield: 8, lookup: main }"),
     "x:6: rule 9 has `tos` and `dsfield`, which are one: accepted is one of them"},
    {OPERATION("rule: { priority: 9, from: any, lookup: main }"),
     "x:6: `from` 'any': accepted is an address or a prefix, like 10.42.0.0/16, or all"},
    {OPERATION("rule: { priority: 9, to: 10.42.0.1/16, lookup: main }"),
     "x:6: `to` '10.42.0.1/16': it has host bits; accepted would be 10.42.0.0/16"},
    {OPERATION("route: { to: all, dev: eth0 }"),
     "x:6: `to` 'all': accepted is an address or a prefix, like 10.42.0.0/16"},
    {OPERATION("rule: { priority: 9, uidrange: 5-4294967295, lookup: main }"),
     "x:6: `uidrange` '5-4294967295': accepted is one user's number or a range, like 0-999, up to "
     "4294967294; 0-4294967295 is any user"},
    {OPERATION("rule: { priority: 9, ipproto: ospf, lookup: main }"),
     "x:6: `ipproto` 'ospf': accepted are icmp, igmp, tcp, udp, gre, esp, ah, ipv6-icmp, sctp and "
     "1 to 255"},
    {OPERATION("rule: { priority: 9, lookup: main, suppress_ifgroup: 2147483648 }"),
     "x:6: `suppress_ifgroup` '2147483648': accepted are default and 0 to 2147483647"},
    {OPERATION("rule: { to: 198.18.0.0/16, lookup: main }"), "x:6: key `priority` is missing"},
    {OPERATION("rule: { priority: 5210, lookup: main }"),
     "x:6: rule 5210: rules 5200 to 5299 are tailscaled's own; accepted is 1 to 5199 and 5300 to "
     "32765"},
    {OPERATION("rule: { priority: 9, to: 198.18.0.0/16 }"),
     "x:6: rule 9 has 0 of `lookup`, `l3mdev`, `goto` and `action`: accepted is exactly one"},
    {OPERATION("rule: { priority: 9, lookup: main, goto: 10 }"),
     "x:6: rule 9 has 2 of `lookup`, `l3mdev`, `goto` and `action`: accepted is exactly one"},
    {OPERATION("rule: { priority: 9, from: 198.18.0.0/16, to: \"2001:db8::/32\", lookup: main }"),
     "x:6: rule 9: its selectors are of two families"},
    {OPERATION("rule: { priority: 9, fwmark: 0xg, lookup: main }"),
     "x:6: `fwmark` '0xg': accepted is like 0x80000/0xff0000"},
    {OPERATION("rule: { priority: 9, fwmark: 0x3/0x1, lookup: main }"),
     "x:6: rule 9: fwmark 0x3 has bits that its mask 0x1 has not"},
    {OPERATION("rule: { priority: 9, dport: 90-80, lookup: main }"),
     "x:6: `dport` '90-80': accepted is a port or a range, 1-65535"},
    {OPERATION("sysctl: { name: net.ipv4.ip_forward }"), "x:6: key `value` is missing"},
    {OPERATION("address: { dev: eth1 }"), "x:6: key `address` is missing"},
    {OPERATION("address: { dev: eth1, address: 203.0.113.11 }"),
     "x:6: `address` '203.0.113.11': accepted is an address and its network's length, like "
     "203.0.113.11/24 or 2001:db8::11/64"},
    {OPERATION("address: { dev: eth1, address: 203.0.113.11/33 }"),
     "x:6: `address` '203.0.113.11/33': accepted is an address and its network's length, like "
     "203.0.113.11/24 or 2001:db8::11/64"},
    {OPERATION("address: { dev: eth1, address: 100.64.0.9/32 }"),
     "x:6: address 100.64.0.9/32 on eth1: tailnet addresses are tailscaled's own; accepted is any "
     "outside 100.64.0.0/10 and fd7a:115c:a1e0::/48"},
    {OPERATION("address: { dev: lo, address: 127.0.0.9/8 }"),
     "x:6: address 127.0.0.9/8 on lo: accepted is an address of one host, neither loopback, "
     "multicast nor link-local IPv6"},
    {OPERATION("link: { dev: eth1 }"),
     "x:6: link eth1: nothing is set; accepted are mtu and state"},
    {OPERATION("link: { dev: eth1, mtu: 67 }"), "x:6: `mtu` '67': accepted are 68 to 65536"},
    {OPERATION("link: { dev: eth1, state: dead }"), "x:6: `state` 'dead': accepted are down, up"},
    {OPERATION("sysctl: { name: net.ipv4.ip_forward, value: 2 }"),
     "x:6: sysctl net.ipv4.ip_forward: value '2': accepted is 0 to 1"},
    {OPERATION("tailscale: { }"),
     "x:6: tailscale: nothing is set; accepted are exit_node, exit_node_allow_lan_access, "
     "accept_routes and advertise_routes"},
    {OPERATION("tailscale: { exit_node: }"), "x:6: `exit_node` '': accepted is a peer's name or "
                                             "Tailscale address, or \"\" for no exit node"},
    {OPERATION("tailscale: { exit_node: n, advertise_routes: [0.0.0.0/0] }"),
     "x:6: tailscale: it uses an exit node and offers itself as one; tailscaled accepts one of "
     "the two"},
};

static void test_changes(void **state)
{
    (void)state;
    EXPECT_REFUSALS(CHANGE, changes);
    EXPECT_REFUSALS(CHANGE, operations);
}

static void test_long_texts(void **state)
{
    char text[2 * TEXT_SIZE] = "change: x\nreason: ";
    size_t len = strlen(text);

    (void)state;
    memset(text + len, 'a', TEXT_SIZE);
    expect_refusal(CHANGE, text, "x:2: `reason` has 1024 characters: accepted are at most 1023");
}

/* ---- trust ------------------------------------------------------------------------------------
 */

#define KEY_TAIL "00112233445566778899aabbccddeeff"
#define KEY "04" KEY_TAIL KEY_TAIL KEY_TAIL KEY_TAIL
#define BOUNDS "threshold: 1\nsoak-min: 1s\nlease-max: 5m\n"
#define ENTRY(name, role) "  - { name: " name ", roles: [" role "], key: " KEY " }\n"

static const struct row trusts[] = {
    {"threshold: 1\n", "x:1: key `soak-min` is missing"},
    {BOUNDS, "x:1: key `keys` is missing"},
    {BOUNDS "keys: [ ]\n", "x:4: `keys` has 0: accepted are 1 to 64"},
    {"threshold: 9\n", "x:1: `threshold` '9': accepted are 1 to 8"},
    {BOUNDS "keys:\n" ENTRY("ann", "operator"),
     "x:1: `threshold` 1: accepted is at most the number of keys with the role approver, which is "
     "0"},
    {BOUNDS "keys:\n" ENTRY("ann", "approver") ENTRY("ann", "approver"),
     "x:6: name 'ann' again: accepted is once"},
    {BOUNDS "keys:\n" ENTRY("ann", "approver") ENTRY("bob", "approver"),
     "x:6: the key of 'bob' is that of 'ann' too: accepted is one name a key"},
    {BOUNDS "keys:\n" ENTRY("ann", "boss"),
     "x:5: `roles` 'boss': accepted are approver and operator"},
    {BOUNDS "keys:\n  - { name: ann, roles: [approver], key: 04abc }\n",
     "x:5: `key` '04abc': accepted is a P-256 point, 04 and 128 hexadecimal digits"},
};

static void test_trusts(void **state)
{
    (void)state;
    EXPECT_REFUSALS(TRUST, trusts);
}

/* ---- programs ---------------------------------------------------------------------------------
 */

static void expect_file_refusal(bool (*read_fn)(const char *, struct err *), const struct row *row)
{
    char path[] = "/tmp/oceanid-config-XXXXXX";
    int fd = mkstemp(path);
    struct err err = ERR_INIT;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, row->text, strlen(row->text)), strlen(row->text));
    close(fd);
    assert_false(read_fn(path, &err));
    unlink(path);
    assert_int_equal(strncmp(err.text, path, strlen(path)), 0);
    assert_string_equal(err.text + strlen(path), row->message);
}

static bool read_agent(const char *path, struct err *err)
{
    struct agent_config config;

    return config_read_agent(path, &config, err);
}

static bool read_guard(const char *path, struct err *err)
{
    struct guard_config config;

    return config_read_guard(path, &config, err);
}

static bool read_controller(const char *path, struct err *err)
{
    static struct controller_config config;

    return config_read_controller(path, &config, err);
}

static void test_programs(void **state)
{
    static const struct {
        bool (*read_fn)(const char *, struct err *);
        struct row row;
    } rows[] = {
        {read_agent,
         {"state: agent\n",
          ":1: `state` 'agent': accepted is an absolute path of at most 255 characters"}},
        {read_agent,
         {"controllers: [198.51.100.10:7430]\n",
          ":1: `controllers` '198.51.100.10:7430': accepted is tls+tcp://HOST:PORT, like "
          "tls+tcp://198.51.100.10:7430"}},
        {read_agent,
         {"guard-socket:\n",
          ":1: `guard-socket` '': accepted is an absolute path of at most 107 characters"}},
        {read_agent,
         {"log: loud\n", ":1: `log` 'loud': accepted are error, warning, info and debug"}},
        {read_guard,
         {"agent_user: root\n", ":1: key 'agent_user' is not known; accepted are state, socket, "
                                "trust, tailscale-socket, rehearse-socket, agent-user, log"}},
        {read_controller,
         {"https: 7431\n", ":1: `https` '7431': accepted is ADDRESS:PORT or [ADDRESS]:PORT, or "
                           "\"\" for none"}},
        {read_controller,
         {"roles:\n  unix: { root: admin }\n",
          ":2: `root` 'admin': accepted are viewer, ci, operator"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_file_refusal(rows[i].read_fn, &rows[i].row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),         cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_too_many_nodes), cmocka_unit_test(test_fleets),
        cmocka_unit_test(test_changes),        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_trusts),         cmocka_unit_test(test_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
