/*
 * test_undo_table: what of table 52 the prefs contradict, so that no undo and no shield is over.
 */
#include "agent/guard/core/undo_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/net/render.h"
#include "tests/unit/ip_lines.h"

static const char host[] = "link eth0 2\n"
                           "link tailscale0 4\n"
                           "address 203.0.113.10/24 dev eth0\n"
                           "address 10.42.1.1/24 dev eth0\n"
                           "address 100.64.0.2/32 dev tailscale0\n"
                           "route 100.64.0.1 dev tailscale0 table 52\n"
                           "route 100.100.100.100 dev tailscale0 table 52\n"
                           "route fd7a:115c:a1e0::/48 dev tailscale0 table 52\n"
                           "route 192.0.2.77 dev tailscale0 table 52\n";

/* Of the prefs: e an exit node, l LAN access, a accept routes, r advertised routes. */
struct table_case {
    const char *change, *prefs, *routes;
    const char *left; /* "": none */
};

static const struct table_case cases[] = {
    /* what tailscaled has for the tailnet itself is never left */
    {"ela", "", "", ""},
    {"ela", "el", "", ""},
    /* without an exit node */
    {"e", "", "route default dev tailscale0 table 52", "default dev tailscale0 table 52"},
    {"l", "", "route -6 default dev tailscale0 table 52", "::/0 dev tailscale0 table 52"},
    {"e", "l", "route 203.0.113.0/24 dev tailscale0 table 52",
     "203.0.113.0/24 dev tailscale0 table 52"},
    {"e", "", "route throw 203.0.113.0/24 table 52", ""},   /* harmless */
    {"a", "", "route default dev tailscale0 table 52", ""}, /* not this one's */
    {"a", "", "route 198.18.40.0/24 dev tailscale0 table 52",
     "198.18.40.0/24 dev tailscale0 table 52"},
    {"r", "", "route default dev tailscale0 table 52", ""},
    /* an accepted subnet may be any network */
    {"a", "a", "route 198.18.40.0/24 dev tailscale0 table 52", ""},
    {"e", "a", "route 203.0.113.0/24 dev tailscale0 table 52", ""},
    /* with one, and LAN access */
    {"e", "el", "route default dev tailscale0 table 52", ""},
    {"l", "el", "route throw 203.0.113.0/24 table 52", ""},
    {"l", "el", "route 203.0.113.0/24 dev tailscale0 table 52",
     "203.0.113.0/24 dev tailscale0 table 52"},
    {"a", "el", "route 198.18.40.0/24 dev tailscale0 table 52",
     "198.18.40.0/24 dev tailscale0 table 52"},
    /* and without LAN access: all goes there */
    {"la", "e", "route 203.0.113.0/24 dev tailscale0 table 52", ""},
    {"la", "e", "route 198.18.40.0/24 dev tailscale0 table 52", ""},
    {"l", "e", "route throw 203.0.113.0/24 table 52", "throw 203.0.113.0/24 table 52"},
    {"l", "e", "route throw 10.42.0.0/16 table 52", "throw 10.42.0.0/16 table 52"},
    {"l", "e", "route throw 127.0.0.0/8 table 52", ""},
    {"a", "e", "route throw 203.0.113.0/24 table 52", ""},
    /* another table */
    {"ela", "", "route 198.18.40.0/24 dev tailscale0 table 53", ""},
};

static bool has(const char *letters, char letter)
{
    return strchr(letters, letter) != NULL;
}

static void make(const struct table_case *c, struct snapshot *ret_now,
                 struct operation_tailscale *ret_change)
{
    snapshot_init(ret_now);
    ip_lines_add(ret_now, host);
    ip_lines_add(ret_now, c->routes);
    ret_now->tailscale.presence = TAILSCALE_ANSWERS;
    text_copy(ret_now->tailscale.exit_node_id, TAILSCALE_ID_SIZE, has(c->prefs, 'e') ? "nX" : "");
    ret_now->tailscale.exit_node_allow_lan_access = has(c->prefs, 'l');
    ret_now->tailscale.accept_routes = has(c->prefs, 'a');
    ret_now->tailscale.peers = mem_alloc(1, sizeof(*ret_now->tailscale.peers));
    ret_now->tailscale.peers_count = 1;
    ret_now->tailscale.peers[0].addresses_count = 1;
    assert_true(address_parse("192.0.2.77", &ret_now->tailscale.peers[0].addresses[0]));
    *ret_change = (struct operation_tailscale){.set_exit_node = has(c->change, 'e'),
                                               .set_allow_lan_access = has(c->change, 'l'),
                                               .set_accept_routes = has(c->change, 'a'),
                                               .set_advertise_routes = has(c->change, 'r')};
}

static void test_left(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct operation_tailscale change;
        const struct route *left;
        struct snapshot now;
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);

        make(&cases[i], &now, &change);
        left = undo_table_find_left(&change, &now);
        if (left != NULL)
            render_route(left, &now, &text);
        if (strcmp(line, cases[i].left) != 0)
            fail_msg("change %s, prefs %s, %s: expected '%s', found '%s'", cases[i].change,
                     cases[i].prefs, cases[i].routes, cases[i].left, line);
        snapshot_done(&now);
    }
}

/* Thrown networks without an exit node are looked for by themselves. */
static void test_thrown(void **state)
{
    static const struct {
        struct table_case of;
        bool thrown;
    } thrown_cases[] = {
        {{"e", "", "route throw 203.0.113.0/24 table 52", ""}, true},
        {{"l", "l", "route throw 127.0.0.0/8 table 52", ""}, true},
        {{"a", "", "route throw 203.0.113.0/24 table 52", ""}, false},
        {{"e", "e", "route throw 203.0.113.0/24 table 52", ""}, false},
        {{"e", "", "route throw 203.0.113.0/24 table 53", ""}, false},
        {{"e", "", "", ""}, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(thrown_cases) / sizeof(thrown_cases[0]); i++) {
        struct operation_tailscale change;
        struct snapshot now;

        make(&thrown_cases[i].of, &now, &change);
        assert_int_equal(undo_table_find_thrown(&change, &now) != NULL, thrown_cases[i].thrown);
        snapshot_done(&now);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_left),
        cmocka_unit_test(test_thrown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
