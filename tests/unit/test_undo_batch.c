/*
 * test_undo_batch: undo.txt does what undoing does: its lines are given to the real `ip -batch`,
 * and kernel states are compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/apply_case.h"
#include "tests/unit/fake_bus.h"
#include "tests/unit/file_case.h"
#include "tests/unit/netns.h"

enum { LINE_SIZE = 16384 };

/* In the folder that is the host's root here. */
static void run_in_root(const char *line)
{
    char command[LINE_SIZE];
    struct text text = TEXT_IN(command);

    for (; *line != '\0'; line++) {
        bool root = strncmp(line, "/etc/", 5) == 0 || strncmp(line, "/run/", 5) == 0;

        text_add(&text, "%s%c", root ? "." : "", *line);
    }
    file_case_run(command);
}

/* As undo.txt's head says: what ip -batch cannot say stands behind a #, to be run by hand. A
 * networkd that is away reads nothing again. */
static void run_by_hand(const char *line)
{
    static const char *const by_shell[] = {"# rm -f /", "# install -m ", "# printf '"};
    char command[LINE_SIZE + 64];

    for (size_t i = 0; i < sizeof(by_shell) / sizeof(by_shell[0]); i++) {
        if (strncmp(line, by_shell[i], strlen(by_shell[i])) == 0) {
            run_in_root(line + 2);
            return;
        }
    }
    if (strcmp(line, "# networkctl reload") == 0)
        return;
    if (strncmp(line, "# ip -6 ", 8) == 0)
        snprintf(command, sizeof(command), "ip -6 -force -batch - <<'END'\n%s\nEND\n", line + 8);
    else if (strncmp(line, "# sysctl ", 9) == 0 || strncmp(line, "# ip ", 5) == 0)
        snprintf(command, sizeof(command), "%s >&2\n", line + 2);
    else if (line[0] != '#')
        snprintf(command, sizeof(command), "ip -force -batch - <<'END'\n%s\nEND\n", line);
    else
        fail_msg("a comment that nobody can run: %s", line);
    netns_run(command);
}

static void run_line(const struct undo_item *item)
{
    char lines[LINE_SIZE] = "";
    struct text text = TEXT_IN(lines);
    bool by_ip = undo_render_batch(item, &text);
    char *rest = NULL;

    assert_true(by_ip == (lines[0] != '#'));
    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        run_by_hand(line);
}

static void run_next(void *context, const char *line)
{
    (void)context;
    run_by_hand(line);
}

static void check_restored(struct undo_item *item)
{
    struct err err = ERR_INIT;

    apply_case_check("");
    if (!apply_is_restored(&apply_case, item, 1, NULL, 0, 0, &err))
        fail_msg("%s", err.text);
    undo_item_done(item);
}

/* The lines alone, and then a look that finds nothing left to undo. */
static void check_line(const struct operation *operation)
{
    struct undo_item item;

    apply_case_run(operation, &item);
    run_line(&item);
    undo_render_batch_lost(&item, run_next, NULL);
    check_restored(&item);
}

static void what_was_added_goes(void **state)
{
    static const char *const lines[] = {
        "rule 5140 from 203.0.113.10 lookup main",
        "rule 5141 -6 to 2001:db8:9::/48 lookup main",
        "rule 5150 lookup main suppress_prefixlength 0",
        "rule 300 not fwmark 0x1/0xff iif eth0 goto 32766",
        "rule 301 dport 22 ipproto 6 unreachable",
        "route 10.0.0.0/8 via 203.0.113.1 dev eth0",
        "route default via 192.0.2.1 dev eth0 onlink table 5100",
        "route 10.0.0.0/8 dev eth0 src 203.0.113.10 metric 7",
        "route throw 10.0.0.0/8 table 5100",
        "route blackhole 10.0.0.0/8",
        "route -6 default via 2001:db8:1::1 dev eth0",
        "route 2001:db8:2::/48 dev eth0 metric 9",
        "route unreachable 2001:db8:2::/48",
        "route 10.0.0.0/8 via fe80::1 dev eth0",
        "rule 302 tun_id 4711 lookup 7",
        "rule 303 l3mdev",
        "rule 304 tos 0x10 lookup main suppress_ifgroup 4",
        "route 10.0.0.0/8 nexthop via 203.0.113.1 dev eth0 weight 3 nexthop dev far0",
        "route 10.0.0.0/8 nexthop via fe80::1 dev eth0 nexthop via fe80::2 dev eth0 onlink",
        "route 2001:db8:2::/48 nexthop via fe80::1 dev eth0 nexthop via 2001:db8:1::2 dev eth0",
        "route 10.0.0.0/8 nhid 1 metric 4",
        "route 2001:db8:2::/48 nhid 6",
        "nexthop 5 via 203.0.113.9 dev eth0",
        "nexthop 5 group 1*4,2",
    };
    static const char objects[] = "ip nexthop add id 1 via 203.0.113.1 dev eth0 proto 153\n"
                                  "ip nexthop add id 2 via 203.0.113.2 dev eth0 proto 153\n"
                                  "ip nexthop add id 6 via 2001:db8:1::1 dev eth0 proto 153\n";

    (void)state;
    apply_case_begin(objects);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct operation operation = apply_case_operation(lines[i]);

        check_line(&operation);
    }
}

static void what_was_removed_comes_back(void **state)
{
    struct operation rule = apply_case_removal("rule 100 to 192.0.2.0/24 lookup 7");
    struct operation rule6 = apply_case_removal("rule 101 -6 from 2001:db8:9::/48 lookup 7");
    struct operation route = apply_case_removal("route 10.0.0.0/8 via 203.0.113.1 dev eth0");

    (void)state;
    apply_case_begin("ip rule add pref 100 to 192.0.2.0/24 lookup 7 protocol 153\n"
                     "ip -6 rule add pref 101 from 2001:db8:9::/48 lookup 7 protocol 153\n"
                     "ip route add 10.0.0.0/8 via 203.0.113.1 proto 153 mtu 1400\n");
    check_line(&rule);
    check_line(&rule6);
    check_line(&route);
}

static void check_in_order(const struct operation *operation)
{
    check_line(operation);
    apply_case_check_order();
}

/* ip(8) deletes the first that has all that its line gives: here the narrower one. */
static void a_rule_goes_from_behind_a_narrower_one(void **state)
{
    struct operation rule = apply_case_operation("rule 100 lookup main");
    struct operation rule6 = apply_case_operation("rule 100 -6 lookup main");

    (void)state;
    apply_case_begin("ip rule add pref 100 from 192.0.2.7 lookup 7 protocol 153\n"
                     "ip rule add pref 100 from 192.0.2.7 lookup main protocol 153\n"
                     "ip rule add pref 100 from 192.0.2.8 lookup main protocol 153\n"
                     "ip -6 rule add pref 100 from 2001:db8:9::/48 lookup main protocol 153\n");
    check_in_order(&rule);
    check_in_order(&rule6);
}

static void a_rule_comes_back_before_those_behind_it(void **state)
{
    struct operation first = apply_case_removal("rule 100 lookup main");
    struct operation second = apply_case_removal("rule 100 from 192.0.2.7 lookup main");
    struct operation first6 = apply_case_removal("rule 100 -6 from 2001:db8:9::/48 lookup 7");

    (void)state;
    apply_case_begin("ip rule add pref 100 lookup main protocol 153\n"
                     "ip rule add pref 100 from 192.0.2.7 lookup main protocol 153\n"
                     "ip rule add pref 100 from 192.0.2.8 lookup main protocol static\n"
                     "ip -6 rule add pref 100 from 2001:db8:9::/48 lookup 7 protocol 153\n"
                     "ip -6 rule add pref 100 from 2001:db8:8::/48 lookup 7 protocol 153\n");
    check_in_order(&first);
    check_in_order(&second);
    check_in_order(&first6);
}

/* However many stand before it, and none of them is left out for want of room. */
static void a_rule_goes_from_behind_many(void **state)
{
    struct operation added = apply_case_operation("rule 100 lookup main");
    struct operation added6 = apply_case_operation("rule 100 -6 lookup main");

    (void)state;
    apply_case_begin("for i in $(seq 1 17); do\n"
                     "ip rule add pref 100 from 192.0.2.$i lookup main protocol 153\n"
                     "ip -6 rule add pref 100 from 2001:db8:9::$i lookup main protocol 153\n"
                     "done\n");
    check_in_order(&added);
    check_in_order(&added6);
}

static unsigned count_in(const char *lines, const char *part)
{
    unsigned count = 0;

    for (const char *at = lines; (at = strstr(at, part)) != NULL; at += strlen(part))
        count++;
    return count;
}

/* As many characters as a step has in undo.txt: half of the lines would delete and not put. */
static void a_rule_behind_too_many_is_said(void **state)
{
    struct operation added = apply_case_operation(
        "rule 100 -6 lookup 4000000001 suppress_prefixlength 24 suppress_ifgroup 40000");
    char lines[8192] = "";
    struct text text = TEXT_IN(lines);
    struct undo_item item;

    (void)state;
    apply_case_begin("for i in $(seq 1 15); do\n"
                     "ip -6 rule add pref 100 from 2001:db8:aaaa:bbbb:cccc:dddd:eeee:10$i "
                     "to 2001:db8:aaaa:bbbb:cccc:dddd:eeee:20$i tos 0x10 fwmark "
                     "0x12345678/0xffffffff iif eth0 ipproto tcp sport 10000-20000 dport "
                     "30000-40000 uidrange 1000000-2000000 tun_id 4711471147 lookup 4000000001 "
                     "suppress_prefixlength 24 suppress_ifgroup 40000 protocol 153\n"
                     "done\n");
    apply_case_run(&added, &item);
    assert_false(undo_render_batch(&item, &text));
    if (strstr(lines, "a line of ip(8) means another one, which stands first") == NULL)
        assert_int_equal(count_in(lines, "rule add"), 15);
    undo_item_done(&item);
}

/* A daemon's is not moved, and no other one is deleted in the place of ours. */
static void a_rule_that_no_line_means_is_said(void **state)
{
    struct operation added = apply_case_operation("rule 100 lookup main");
    char line[LINE_SIZE] = "";
    struct text text = TEXT_IN(line);
    struct undo_item item;

    (void)state;
    apply_case_begin("ip rule add pref 100 from 192.0.2.7 lookup main protocol 153\n"
                     "ip rule add pref 100 from 192.0.2.8 lookup 7 protocol bgp\n");
    apply_case_run(&added, &item);
    assert_false(undo_render_batch(&item, &text));
    assert_non_null(strstr(line, "a line of ip(8) means another one, which stands first"));
    undo_item_done(&item);
}

/* ip -batch may stop between two lines, and what it shields may still stand. */
static void a_shield_is_not_away_for_a_moment(void **state)
{
    struct operation added = apply_case_operation("rule 5140 lookup main");
    struct operation removed = apply_case_removal("rule 5140 lookup main");
    static const char shield[] = "ip rule add pref 5140 from 192.0.2.7 lookup main protocol 153\n";
    char line[LINE_SIZE] = "";
    struct text text = TEXT_IN(line);
    struct undo_item item;

    (void)state;
    apply_case_begin(shield);
    apply_case_run(&added, &item);
    assert_false(undo_render_batch(&item, &text));
    assert_null(strstr(line, "rule del"));
    assert_non_null(strstr(line, "a line of ip(8) means another one, which stands first"));
    undo_item_done(&item);
    netns_run("ip rule del pref 5140 from 192.0.2.7 lookup main\n");
    netns_run(shield);
    text_init(&text, line, sizeof(line));
    apply_case_run(&removed, &item);
    assert_false(undo_render_batch(&item, &text));
    assert_null(strstr(line, "rule del"));
    assert_non_null(strstr(line, "ip(8) puts none beside a narrower one"));
    undo_item_done(&item);
}

/* One from all behind a narrower one: the kernel has it from Oceanid, ip(8) is refused it. */
static void a_rule_that_ip_is_refused_is_said(void **state)
{
    struct operation added = apply_case_operation("rule 100 lookup main");
    struct operation removed = apply_case_removal("rule 100 lookup main");
    char line[LINE_SIZE] = "";
    struct text text = TEXT_IN(line);
    struct undo_item item, other;

    (void)state;
    apply_case_begin("ip rule add pref 100 from 192.0.2.7 lookup main protocol 153\n");
    apply_case_run(&added, &item);
    apply_case_run(&removed, &other);
    assert_false(undo_render_batch(&other, &text));
    assert_non_null(strstr(line, "ip(8) puts none beside a narrower one"));
    undo_item_done(&item);
    undo_item_done(&other);
}

/* An object, then a line for each route that went with it. */
static void an_object_comes_back_with_its_routes(void **state)
{
    struct operation object = apply_case_removal("nexthop 1 blackhole");
    struct operation group = apply_case_removal("nexthop 3 blackhole");
    struct operation other = apply_case_operation("nexthop 2 via 203.0.113.7 dev eth0");
    struct operation route = apply_case_removal("route 10.0.0.0/8 nhid 3");

    (void)state;
    apply_case_begin("ip nexthop add id 1 via 203.0.113.1 dev eth0 proto 153\n"
                     "ip nexthop add id 2 via 203.0.113.2 dev eth0 onlink proto 153\n"
                     "ip nexthop add id 3 group 1,7/2 proto 153\n"
                     "ip route add 10.1.0.0/16 nhid 1 proto static metric 7\n"
                     "ip route add 10.2.0.0/16 nhid 1 proto static table 9\n"
                     "ip route add 10.0.0.0/8 nhid 3 proto 153\n");
    check_line(&other);
    check_line(&route);
    netns_run("ip route del 10.0.0.0/8\n");
    apply_case_remember();
    check_line(&group);
    netns_run("ip nexthop del id 3\n");
    apply_case_remember();
    check_line(&object);
}

static void what_was_replaced_comes_back(void **state)
{
    struct operation ipv4 = apply_case_operation("route 10.0.0.0/8 via 203.0.113.2 dev eth0");
    struct operation ipv6 = apply_case_operation("route 2001:db8:2::/48 dev eth0 metric 9");

    struct operation gateway = apply_case_operation("route 10.1.0.0/16 dev eth0");

    (void)state;
    apply_case_begin("ip route add 10.0.0.0/8 via 203.0.113.1 proto 153 mtu 1400\n"
                     "ip route add 10.1.0.0/16 via 203.0.113.1 proto 153\n"
                     "ip -6 route add 2001:db8:2::/48 via 2001:db8:1::1 metric 9 proto 153\n");
    check_line(&ipv4);
    check_line(&gateway); /* a line that names no gateway means one with any */
    check_line(&ipv6);
}

/* All routes by the device go with its last IPv4 address, those of before, too. */
static void what_goes_with_an_address_that_was_added_comes_back(void **state)
{
    struct operation address = apply_case_address("198.51.100.9/24", "far0", false);

    (void)state;
    apply_case_begin("ip route add 10.7.0.0/16 dev far0 proto static metric 7\n"
                     "ip route add 10.8.0.0/16 dev far0 proto 153\n");
    check_line(&address);
}

/* IPv6 of a link that was down, and is again, goes with the line that sets it down. */
static void what_goes_with_a_link_that_was_down_comes_back(void **state)
{
    struct operation up = {.kind = OPERATION_LINK,
                           .link = {.device = "eth0", .set_up = true, .up = true}};
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    netns_run("ip link set eth0 down\nip address add 2001:db8:7::1/64 dev eth0 nodad\n");
    apply_case_run(&up, &item);
    run_line(&item);
    undo_render_batch_lost(&item, run_next, NULL);
    netns_run("ip address show dev eth0 | grep -q 'inet6 2001:db8:7::1/64'\n"
              "ip link show dev eth0 | grep -q 'state DOWN'\n");
    undo_item_done(&item);
}

static void a_sysctl_comes_back(void **state)
{
    struct operation operation = apply_case_sysctl("net.ipv4.conf.eth0.rp_filter", "2");

    (void)state;
    apply_case_begin("sysctl -qw net.ipv4.conf.eth0.rp_filter=1\n");
    check_line(&operation);
}

/* Of a setting that overwrites others those stand behind it, also what the line itself overwrites.
 */
static void what_follows_from_a_sysctl_comes_back(void **state)
{
    struct operation ipv4 = apply_case_sysctl("net.ipv4.ip_forward", "1");
    struct operation ipv6 = apply_case_sysctl("net.ipv6.conf.all.forwarding", "1");
    struct operation off = apply_case_sysctl("net.ipv4.ip_forward", "0");

    (void)state;
    apply_case_begin("sysctl -qw net.ipv4.ip_forward=0\n"
                     "sysctl -qw net.ipv4.conf.eth0.forwarding=1\n"
                     "sysctl -qw net.ipv4.conf.all.accept_redirects=0\n"
                     "sysctl -qw net.ipv6.conf.far0.forwarding=1\n");
    check_line(&ipv4);
    check_line(&ipv6);
    netns_run("sysctl -qw net.ipv4.ip_forward=1\nsysctl -qw net.ipv4.conf.eth0.forwarding=0\n");
    apply_case_remember();
    check_line(&off);
}

/* The kernel overwrites by default's that of no device which was given an address since. */
static void what_default_does_not_overwrite_comes_back(void **state)
{
    struct operation operation = apply_case_sysctl("net.ipv4.conf.default.send_redirects", "0");
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&operation, &item);
    netns_run("ip address add 198.51.100.9/24 dev far0\n");
    run_line(&item);
    undo_render_batch_lost(&item, run_next, NULL);
    netns_run("test $(sysctl -n net.ipv4.conf.far0.send_redirects) = 1\n");
    undo_item_done(&item);
}

static void count_routes(void *context, const char *line)
{
    unsigned *count = context;

    *count += strncmp(line, "route add 10.7.0.0/16 ", 22) == 0;
}

/* The other device is down until an older step is taken back: refused, and given once more then. */
static void a_route_that_an_older_step_keeps_away_has_its_line(void **state)
{
    struct operation first = {.kind = OPERATION_LINK, .link = {.device = "eth0", .set_up = true}};
    struct operation second = {.kind = OPERATION_LINK, .link = {.device = "far0", .set_up = true}};
    struct undo_item items[2];
    unsigned count = 0;

    (void)state;
    apply_case_begin("ip route add 10.7.0.0/16 proto static nexthop dev eth0 nexthop dev far0\n");
    apply_case_run(&first, &items[0]);
    apply_case_run(&second, &items[1]);
    undo_render_batch_lost(&items[1], count_routes, &count);
    assert_int_equal(count, 1);
    undo_item_done(&items[0]);
    undo_item_done(&items[1]);
}

/* ip(8) is refused an address while the setting stands: its lines are typed behind that. */
static void what_went_with_ipv6_comes_back(void **state)
{
    struct operation operation = apply_case_sysctl("net.ipv6.conf.eth0.disable_ipv6", "1");
    struct undo_item item;

    (void)state;
    apply_case_begin("ip -6 route add 2001:db8:2::/48 via 2001:db8:1::1 proto static\n");
    netns_wait_for_ipv6();
    apply_case_remember();
    apply_case_run(&operation, &item);
    run_line(&item);
    undo_render_batch_lost(&item, run_next, NULL);
    netns_wait_for_ipv6();
    netns_wait_for_links();
    check_restored(&item);
}

/* ---- Tailscale's prefs ------------------------------------------------------------------------
 */

static void render_prefs(const struct tailscale *before, bool others, char line[LINE_SIZE])
{
    struct operation change = {.kind = OPERATION_TAILSCALE};
    struct snapshot now = {.tailscale = *before};
    struct text text = {line, 0, LINE_SIZE};
    struct undo_item item;

    change.tailscale.set_exit_node = true;
    change.tailscale.set_accept_routes = others;
    line[0] = '\0';
    undo_derive(&change, 0, &now, &item);
    assert_false(undo_render_batch(&item, &text));
    undo_item_done(&item);
}

/* tailscale(8) takes an address or a name, and with neither it clears: no StableID, no nothing. */
static void an_exit_node_is_set_by_its_address(void **state)
{
    struct tailscale_peer peers[] = {{.id = "nOTHER"}, {.id = "nEXIT"}};
    struct tailscale before = {.presence = TAILSCALE_ANSWERS, .peers = peers, .peers_count = 2};
    char line[LINE_SIZE];

    (void)state;
    render_prefs(&before, false, line);
    assert_string_equal(line, "# tailscale set --exit-node=");
    text_copy(before.exit_node_id, sizeof(before.exit_node_id), "nEXIT");
    peers[0].addresses_count = peers[1].addresses_count = 1;
    assert_true(address_parse("100.64.0.9", &peers[0].addresses[0]));
    assert_true(address_parse("100.64.0.1", &peers[1].addresses[0]));
    render_prefs(&before, true, line);
    assert_string_equal(line, "# tailscale set --exit-node=100.64.0.1 --accept-routes=false");
    before.exit_node_id[0] = '\0';
    assert_true(address_parse("100.64.0.7", &before.exit_node_ip));
    render_prefs(&before, false, line);
    assert_string_equal(line, "# tailscale set --exit-node=100.64.0.7");
}

/* Of a host with one profile the first line changes nothing. */
static void the_profile_is_made_current_first(void **state)
{
    struct tailscale before = {.presence = TAILSCALE_ANSWERS,
                               .profile = {.node_id = "2", .name = "lab", .id = "a1b2"}};
    char line[LINE_SIZE];

    (void)state;
    render_prefs(&before, false, line);
    assert_string_equal(line, "# tailscale switch a1b2\n# tailscale set --exit-node=");
    before.profile.id[0] = '\0';
    render_prefs(&before, false, line);
    assert_string_equal(line, "# tailscale set --exit-node=");
}

/* That there was one is said; what can be set is set, and none is cleared. */
static void an_exit_node_without_an_address_is_said(void **state)
{
    struct tailscale before = {.presence = TAILSCALE_ANSWERS, .exit_node_id = "nGONE"};
    char line[LINE_SIZE];

    (void)state;
    render_prefs(&before, false, line);
    assert_non_null(
        strstr(line, "# the exit node was the peer with ID nGONE, of which no address"));
    assert_null(strchr(line, '\n'));
    assert_null(strstr(line, "# tailscale set"));
    render_prefs(&before, true, line);
    assert_non_null(strstr(line, "ID nGONE"));
    assert_non_null(strstr(line, "\n# tailscale set --accept-routes=false"));
    text_copy(before.auto_exit_node, sizeof(before.auto_exit_node), "any");
    render_prefs(&before, false, line);
    assert_non_null(strstr(line, "# the exit node was chosen by `any`"));
    assert_null(strstr(line, "--exit-node="));
}

/* The lines of undo.txt, one behind the other, on a host whose networkd is away and will not know
 * what it made. */
static void run_lines_without_networkd(const struct undo_item *item)
{
    fake_bus_do("");
    run_line(item);
    undo_render_batch_lost(item, run_next, NULL);
    apply_case_check("");
    file_case_check_restored(item);
}

static void a_file_goes_with_what_networkd_made_of_it(void **state)
{
    struct operation operation = file_case_operation_of(
        DROP_IN, "[Network]\nAddress=192.0.2.7/24\nAddress=192.0.2.8/24\n"
                 "[Route]\nGateway=192.0.2.1\nMetric=700\nTable=700\n"
                 "[Route]\nDestination=2001:db8:7::/48\nScope=link\n"
                 "[RoutingPolicyRule]\nFrom=198.51.100.0/24\nTable=700\nPriority=7000\n"
                 "[RoutingPolicyRule]\nFrom=2001:db8:9::/48\nTable=700\nPriority=7001\n");
    struct undo_item item;

    NEEDS_ROOT();
    apply_case_begin("ip route add 198.51.100.9 dev eth0 proto static");
    fake_bus_do("ip address add 192.0.2.7/24 dev eth0; ip address add 192.0.2.8/24 dev eth0; "
                "ip route add default via 192.0.2.1 dev eth0 metric 700 table 700 proto static; "
                "ip route add 2001:db8:7::/48 dev eth0 proto static; "
                "ip rule add from 198.51.100.0/24 lookup 700 priority 7000 proto static; "
                "ip -6 rule add from 2001:db8:9::/48 lookup 700 priority 7001 proto static");
    file_case_try_it(&operation, &item);
    assert_int_equal(item.after.rules_count, 2);
    run_lines_without_networkd(&item);
    file_case_check_names("");
    undo_item_done(&item);
}

static void a_file_comes_back_with_what_networkd_had_made_of_it(void **state)
{
    static const char content[] = "---\n# 100% of it's \\n \t\351\n" ROUTE_7 "# no end";
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_6);
    struct undo_item item;

    NEEDS_ROOT();
    apply_case_begin("ip route add 198.51.100.7 dev eth0 proto static");
    file_case_run("mkdir etc/systemd/network/10-eth0.network.d");
    file_case_write_file(DROP_IN, content, 0640);
    file_case_try_it(&operation, &item);
    apply_case_check("- 198.51.100.7 dev eth0\n+ 198.51.100.6 dev eth0\n");
    run_lines_without_networkd(&item);
    file_case_check_file(DROP_IN, content, 0640);
    undo_item_done(&item);
}

/* As with -force: what is gone already is refused. */
static void run_forced(void *context, const char *line)
{
    char command[LINE_SIZE + 64];

    snprintf(command, sizeof(command), "ip -force -batch - <<'END' || true\n%s\nEND\n", line);
    if (line[0] == '#')
        run_next(context, line);
    else
        netns_run(command);
}

/* networkd has taken its own back already, or has not: a line that names no metric would take
 * somebody's of another one. */
static void a_file_takes_no_route_of_another_metric_along(void **state)
{
    static const char *const meanwhile[] = {"", "ip route del 10.0.0.0/8 via 203.0.113.1\n"};
    struct operation operation =
        file_case_operation_of(DROP_IN, "[Route]\nDestination=10.0.0.0/8\nGateway=203.0.113.1\n");

    NEEDS_ROOT();
    apply_case_begin("ip route add 10.0.0.0/8 via 203.0.113.1 proto static metric 100");
    for (size_t i = 0; i < sizeof(meanwhile) / sizeof(meanwhile[0]); i++) {
        struct undo_item item;

        fake_bus_do("ip route add 10.0.0.0/8 via 203.0.113.1 proto static");
        file_case_try_it(&operation, &item);
        apply_case_check("+ 10.0.0.0/8 via 203.0.113.1 dev eth0\n");
        fake_bus_do("");
        netns_run(meanwhile[i]);
        run_line(&item);
        undo_render_batch_lost(&item, run_forced, NULL);
        apply_case_check("");
        file_case_check_restored(&item);
        undo_item_done(&item);
    }
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, file_case_enter, file_case_leave)
#define TEST(name) cmocka_unit_test_setup_teardown(name, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_added_goes),
        TEST(what_was_removed_comes_back),
        TEST(what_was_replaced_comes_back),
        TEST(a_rule_goes_from_behind_a_narrower_one),
        TEST(a_rule_comes_back_before_those_behind_it),
        TEST(a_rule_goes_from_behind_many),
        TEST(a_rule_behind_too_many_is_said),
        TEST(a_rule_that_no_line_means_is_said),
        TEST(a_shield_is_not_away_for_a_moment),
        TEST(a_rule_that_ip_is_refused_is_said),
        TEST(an_object_comes_back_with_its_routes),
        TEST(what_goes_with_an_address_that_was_added_comes_back),
        TEST(what_goes_with_a_link_that_was_down_comes_back),
        TEST(a_sysctl_comes_back),
        TEST(what_follows_from_a_sysctl_comes_back),
        TEST(what_default_does_not_overwrite_comes_back),
        TEST(a_route_that_an_older_step_keeps_away_has_its_line),
        TEST(what_went_with_ipv6_comes_back),
        cmocka_unit_test(an_exit_node_is_set_by_its_address),
        cmocka_unit_test(the_profile_is_made_current_first),
        cmocka_unit_test(an_exit_node_without_an_address_is_said),
        FILE_TEST(a_file_goes_with_what_networkd_made_of_it),
        FILE_TEST(a_file_takes_no_route_of_another_metric_along),
        FILE_TEST(a_file_comes_back_with_what_networkd_had_made_of_it),
    };

    if (!netns_is_allowed())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
