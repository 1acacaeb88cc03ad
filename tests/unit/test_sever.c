/*
 * test_sever: what may not be done to a device that a protected flow leaves by, and whose an item
 * is.
 */
#include "common/net/sever.h"

#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/net/owner.h"
#include "common/net/predict.h"
#include "tests/unit/ip_lines.h"

static const char host[] = "link eth0 2\n"
                           "link eth1 3\n"
                           "link br0 4\n"
                           "link eth2 5\n"
                           "link tailscale0 6\n"
                           "link cni0 7\n"
                           "address 203.0.113.10/24 dev eth0\n"
                           "address 192.0.2.10/24 dev eth1\n"
                           "address 10.0.0.5/24 dev br0\n"
                           "address 100.64.0.2/32 dev tailscale0\n"
                           "route default via 203.0.113.1 dev eth0\n"
                           "route 198.51.100.0/24 via 10.0.0.1 dev br0\n";

/* Replies by eth0; a controller that is reached over br0, whose port is eth2. */
static void make_host(struct snapshot *snapshot, struct protected_flow flows[2])
{
    snapshot_init(snapshot);
    ip_lines_add(snapshot, host);
    ip_lines_add_usual_rules(snapshot);
    for (size_t i = 0; i < snapshot->links_count; i++) {
        if (text_equal(snapshot->links[i].name, "eth2"))
            snapshot->links[i].master = 4;
        snapshot->links[i].mtu = 1500;
    }
    memset(flows, 0, 2 * sizeof(flows[0]));
    text_copy(flows[0].name, NAME_SIZE, "ssh-reply");
    text_copy(flows[0].device, DEVICE_SIZE, "eth0");
    assert_true(address_parse("203.0.113.10", &flows[0].flow.source));
    flows[0].destination = prefix_default(FAMILY_IPV4);
    text_copy(flows[1].name, NAME_SIZE, "controller");
    assert_true(prefix_parse("198.51.100.10", &flows[1].destination));
}

static struct operation link_of(const char *device, uint32_t mtu, bool down)
{
    struct operation operation = {.kind = OPERATION_LINK};

    text_copy(operation.link.device, DEVICE_SIZE, device);
    operation.link.mtu = mtu;
    operation.link.set_up = down;
    return operation;
}

static struct operation removal_of(const char *address, uint8_t len, const char *device)
{
    struct operation operation = {.kind = OPERATION_ADDRESS};

    text_copy(operation.address.device, DEVICE_SIZE, device);
    operation.address.absent = true;
    operation.address.prefix_len = len;
    assert_true(address_parse(address, &operation.address.address));
    return operation;
}

static void test_refusals(void **state)
{
    const struct {
        struct operation operation;
        const char *says; /* NULL: accepted */
    } cases[] = {
        {link_of("eth0", 0, true), "link eth0: down: eth0 carries the protected flow ssh-reply; it "
                                   "may be taken down where no protected flow leaves by it"},
        {link_of("eth0", 1279, false),
         "link eth0: mtu 1279: eth0 carries the protected flow ssh-reply; accepted there is an mtu "
         "of 1280 or more"},
        {removal_of("203.0.113.10", 24, "eth0"),
         "remove address 203.0.113.10/24 on eth0: eth0 carries the protected flow ssh-reply; "
         "addresses may be added there"},
        {link_of("br0", 0, true), "br0 carries the protected flow controller"},
        {link_of("eth2", 0, true), "eth2 carries the protected flow controller"},
        {link_of("eth2", 1000, false), "eth2 carries the protected flow controller"},
        {link_of("eth0", 1280, false), NULL},
        {link_of("eth1", 0, true), NULL},
        {link_of("eth1", 1000, false), NULL},
        {removal_of("192.0.2.10", 24, "eth1"), NULL},
        {removal_of("203.0.113.77", 24, "eth0"), NULL}, /* is not there: nothing is done */
    };
    struct protected_flow flows[2];
    struct snapshot snapshot;

    (void)state;
    make_host(&snapshot, flows);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = ERR_INIT;
        bool accepted = sever_check(&cases[i].operation, &snapshot, flows, 2, &err);

        if (accepted != (cases[i].says == NULL) ||
            (!accepted && strstr(err.text, cases[i].says) == NULL))
            fail_msg("case %zu: %s", i, accepted ? "accepted" : err.text);
        assert_int_equal(err.kind, accepted ? ERR_NONE : ERR_DENIED);
    }
    snapshot_done(&snapshot);
}

/* An uplink of IPv6 alone: what it carries are the replies that `protect: [ssh]` keeps. */
static void test_refusals_ipv6(void **state)
{
    const struct operation refused[] = {link_of("eth1", 1279, false), link_of("eth1", 0, true),
                                        removal_of("2001:db8:1::10", 64, "eth1")};
    const struct operation accepted[] = {link_of("eth1", 1280, false),
                                         link_of("eth0", 1279, false)};
    struct protected_flow flows[4];
    struct snapshot snapshot;

    (void)state;
    snapshot_init(&snapshot);
    ip_lines_add(&snapshot, "link eth0 2\nlink eth1 3\n"
                            "address 192.0.2.10/24 dev eth0\n"
                            "address 2001:db8:1::10/64 dev eth1\n"
                            "route -6 default via fe80::1 dev eth1 metric 1024\n");
    ip_lines_add_usual_rules(&snapshot);
    assert_int_equal(predict_reply_flows(&snapshot, NULL, flows, 4), 1);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct err err = ERR_INIT;

        assert_false(sever_check(&refused[i], &snapshot, flows, 1, &err));
        assert_non_null(strstr(err.text, "eth1 carries the protected flow ssh-reply"));
    }
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        struct err err = ERR_INIT;

        if (!sever_check(&accepted[i], &snapshot, flows, 1, &err))
            fail_msg("%s", err.text);
    }
    snapshot_done(&snapshot);
}

/* ---- what stands on a device ------------------------------------------------------------------
 */

static void put_on(struct snapshot *snapshot, const char *name, const char *kind, uint32_t lower,
                   uint32_t mtu)
{
    struct link *link = snapshot_add_link(snapshot);

    *link = (struct link){.index = (uint32_t)(20 + snapshot->links_count),
                          .lower = lower,
                          .mtu = mtu,
                          .up = true,
                          .carrier = true};
    text_copy(link->name, sizeof(link->name), name);
    text_copy(link->kind, sizeof(link->kind), kind);
}

static void check_refusal(const struct operation *operation, const struct snapshot *snapshot,
                          const struct protected_flow *flow, const char *says)
{
    struct err err = ERR_INIT;
    bool accepted = sever_check(operation, snapshot, flow, 1, &err);
    char line[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(line);

    operation_render(operation, &text);
    if (accepted != (says == NULL) || (!accepted && strstr(err.text, says) == NULL))
        fail_msg("%s: %s", line, accepted ? "accepted" : err.text);
    assert_int_equal(err.kind, accepted ? ERR_NONE : ERR_DENIED);
}

/* A port of a bridge that a VLAN stands on (and another VLAN on that), a tunnel. */
static void make_stacks(struct snapshot *snapshot, struct protected_flow flows[2])
{
    make_host(snapshot, flows);
    text_copy(snapshot->links[2].kind, DEVICE_SIZE, "bridge");
    put_on(snapshot, "eth1.100", "vlan", 3, 1400);
    put_on(snapshot, "inner", "vlan", snapshot->links[6].index, 1400);
    put_on(snapshot, "flannel.1", "vxlan", 2, 1450);
    put_on(snapshot, "br0.7", "macvlan", 4, 1500);
    put_on(snapshot, "sec0", "macsec", 6, 1468);
    put_on(snapshot, "elsewhere", "vlan", 0, 1500);
}

/* No flow leaves by any of them, and still no undo would be whole. */
static void test_what_stands_on_it(void **state)
{
    const struct {
        struct operation operation;
        const char *says; /* NULL: accepted */
    } cases[] = {
        {link_of("eth1", 0, true),
         "link eth1: down: eth1.100, inner would follow eth1, and undoing it would not give back "
         "what they lose; it may be taken down where nothing stands on it"},
        {link_of("eth1.100", 0, true), "inner would follow eth1.100"},
        {link_of("inner", 0, true), NULL},
        {link_of("eth1", 1399, false), "accepted there is an mtu of 1400 or more"},
        {link_of("eth1", 1400, false), NULL},
        {link_of("eth1.100", 1300, false), "inner would follow eth1.100"},
        {link_of("eth2", 1000, false), "br0, br0.7 would follow eth2"},
        {link_of("eth2", 1400, false), "br0.7 would follow eth2"},
        {link_of("br0", 1400, false), "br0.7 would follow br0"},
        {link_of("eth2", 1500, false), NULL},
        {link_of("eth2", 0, true), NULL},     /* a bridge stays up without it */
        {link_of("eth0", 1300, false), NULL}, /* a tunnel's mtu stays */
        {link_of("eth0", 0, true), NULL},
        {link_of("tailscale0", 1499, false), "an mtu of 1500 or more"}, /* less macsec's own */
        {removal_of("192.0.2.10", 24, "eth1"), NULL},
    };
    struct protected_flow flows[2];
    struct snapshot snapshot;

    (void)state;
    make_stacks(&snapshot, flows);
    text_copy(flows[0].device, DEVICE_SIZE, "cni0");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_refusal(&cases[i].operation, &snapshot, &flows[0], cases[i].says);
    snapshot_done(&snapshot);
}

/* Of several the first are named. */
static void test_many_stand_on_it(void **state)
{
    const struct operation down = link_of("cni0", 0, true);
    struct protected_flow flows[2];
    struct snapshot snapshot;

    (void)state;
    make_host(&snapshot, flows);
    for (int i = 0; i < 6; i++) {
        const char name[] = {'v', (char)('0' + i), '\0'};

        put_on(&snapshot, name, "vlan", 7, 1500);
    }
    check_refusal(&down, &snapshot, &flows[0], "v0, v1, v2, v3 and 2 more would follow cni0");
    snapshot_done(&snapshot);
}

/* What a device carries also leaves by what it stands on, and by that one's ports. */
static void test_a_flow_by_what_stands_on_it(void **state)
{
    const struct {
        struct operation operation;
        const char *device, *says;
    } cases[] = {
        {link_of("eth1", 0, true), "eth1.100", "eth1 carries the protected flow ssh-reply"},
        {link_of("eth1", 1200, false), "inner", "eth1 carries the protected flow ssh-reply"},
        {link_of("eth0", 0, true), "flannel.1", "eth0 carries the protected flow ssh-reply"},
        {link_of("eth2", 0, true), "br0.7", "eth2 carries the protected flow ssh-reply"},
        {link_of("inner", 0, true), "eth1.100", NULL},
        {removal_of("192.0.2.10", 24, "eth1"), "eth1.100", NULL},
    };
    struct protected_flow flows[2];
    struct snapshot snapshot;

    (void)state;
    make_stacks(&snapshot, flows);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text_copy(flows[0].device, DEVICE_SIZE, cases[i].device);
        check_refusal(&cases[i].operation, &snapshot, &flows[0], cases[i].says);
    }
    snapshot_done(&snapshot);
}

/* ---- whose an item is -------------------------------------------------------------------------
 */

static void test_owners_of_routes(void **state)
{
    static const struct {
        const char *line;
        enum owner owner;
    } cases[] = {
        {"route 10.9.0.0/16 via 203.0.113.1 dev eth0 protocol 153", OWNER_OCEANID},
        {"route 10.9.0.0/16 via 203.0.113.1 dev eth0 protocol 4", OWNER_ADMIN},
        {"route 10.9.0.0/16 via 203.0.113.1 dev eth0 protocol 3", OWNER_ADMIN},
        {"route 10.9.0.0/16 dev eth0 protocol 2", OWNER_KERNEL},
        {"route 2001:db8::/32 via fe80::1 dev eth0 protocol 9", OWNER_RA},
        {"route 10.9.0.0/16 via 203.0.113.1 dev eth0 protocol 1", OWNER_REDIRECT},
        {"route 10.9.0.0/16 via 203.0.113.1 dev eth0 protocol 16", OWNER_DHCP},
        {"route default dev tailscale0 table 52 protocol 3", OWNER_TAILSCALE},
        {"route 10.42.1.0/24 dev cni0 protocol 3", OWNER_CNI},
        {"route 10.9.0.0/16 via 203.0.113.1 dev eth0 protocol 186", OWNER_DAEMON},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snapshot snapshot;

        snapshot_init(&snapshot);
        ip_lines_add(&snapshot, "link eth0 2\nlink tailscale0 6\nlink cni0 7");
        ip_lines_add(&snapshot, cases[i].line);
        assert_int_equal(owner_of_route(&snapshot.routes[0], &snapshot), cases[i].owner);
        snapshot_done(&snapshot);
    }
}

static enum owner owner_of_device(const char *name)
{
    struct link link = {.index = 9};
    struct snapshot snapshot = {.links = &link, .links_count = 1};

    text_copy(link.name, sizeof(link.name), name);
    return owner_of_link(&link, &snapshot);
}

/* Only owners that may be restored: an administrator and Oceanid itself. */
static void test_owners_of_others(void **state)
{
    struct snapshot snapshot;
    struct protected_flow flows[2];
    struct link_address own;
    struct rule rule = {.priority = 5210, .protocol = RTPROT_BOOT};

    (void)state;
    make_host(&snapshot, flows);
    own = snapshot.addresses[0];
    assert_int_equal(owner_of_address(&own, &snapshot), OWNER_ADMIN);
    own.permanent = false;
    assert_int_equal(owner_of_address(&own, &snapshot), OWNER_DHCP);
    own.protocol = OCEANID_PROTOCOL;
    assert_int_equal(owner_of_address(&own, &snapshot), OWNER_OCEANID);
    own = (struct link_address){.permanent = true, .mngtmpaddr = true};
    assert_true(address_parse("2001:db8::1", &own.address));
    assert_int_equal(owner_of_address(&own, &snapshot), OWNER_RA);
    own = (struct link_address){.permanent = true, .scope = RT_SCOPE_LINK};
    assert_true(address_parse("fe80::77", &own.address));
    assert_int_equal(owner_of_address(&own, &snapshot), OWNER_KERNEL); /* it marks none */
    own.protocol = IFAPROT_KERNEL_LO;
    *snapshot_add_address(&snapshot) = own;
    own.protocol = IFAPROT_UNSPEC;
    assert_int_equal(owner_of_address(&own, &snapshot), OWNER_ADMIN);
    own.protocol = IFAPROT_KERNEL_LL;
    assert_int_equal(owner_of_address(&own, &snapshot), OWNER_KERNEL);
    assert_int_equal(owner_of_rule(&rule), OWNER_TAILSCALE);
    rule.priority = 100;
    assert_int_equal(owner_of_rule(&rule), OWNER_ADMIN);
    assert_int_equal(owner_of_device("veth1a2b3c4d"), OWNER_CNI);
    assert_int_equal(owner_of_device("veth0"), OWNER_ADMIN);
    assert_int_equal(owner_of_device("br-0123456789ab"), OWNER_CNI);
    assert_int_equal(owner_of_device("br-lan"), OWNER_ADMIN);
    assert_int_equal(owner_of_device("tailscale0"), OWNER_TAILSCALE);
    for (int i = 0; i < OWNER_COUNT; i++) {
        bool restorable = i == OWNER_OCEANID || i == OWNER_ADMIN;

        assert_int_equal(owner_row((enum owner)i)->undo, restorable);
        assert_int_equal(owner_row((enum owner)i)->external, restorable);
        assert_int_equal(owner_row((enum owner)i)->drift, i == OWNER_OCEANID);
    }
    snapshot_done(&snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_refusals_ipv6),
        cmocka_unit_test(test_what_stands_on_it),
        cmocka_unit_test(test_many_stand_on_it),
        cmocka_unit_test(test_a_flow_by_what_stands_on_it),
        cmocka_unit_test(test_owners_of_routes),
        cmocka_unit_test(test_owners_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
