/*
 * test_lead_signers: whose key an order and a roster have to be signed by.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "tests/unit/lead_case.h"

/* As every guard judges: it would be kept and never obeyed. */
static void an_order_needs_an_operators_key(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    place.desk.trust->keys[0].roles = TRUST_APPROVER;
    assert_false(lead_case_try_order("a1", 4, &err));
    assert_int_equal(err.kind, ERR_DENIED);
    assert_non_null(strstr(err.text, "signed by olga (approver): accepted is an operator"));
    assert_int_equal(lead_backs(place.lead)->count, 0);
    place.desk.trust->keys[0].roles = TRUST_OPERATOR;
    assert_true(lead_case_try_order("a1", 4, &err));
}

/* As oceanidctl judges. */
static void a_roster_needs_an_approvers_key(void **state)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
    struct err err = ERR_INIT;

    (void)state;
    *roster = *place.desk.roster;
    roster->version = 2;
    envelope = wire_encode_roster(roster, place.approver);
    place.desk.trust->keys[0].roles = TRUST_OPERATOR;
    assert_false(desk_put_roster(&place.desk, wire_lend(&envelope), &err));
    assert_int_equal(err.kind, ERR_DENIED);
    assert_non_null(strstr(err.text, "signed by olga (operator): accepted is an approver"));
    assert_int_equal(place.desk.roster->version, 1);
    place.desk.trust->keys[0].roles = TRUST_APPROVER;
    assert_true(desk_put_roster(&place.desk, wire_lend(&envelope), &err));
}

/* The roster on the disk is signed by place.approver. */
static bool open_with_trust(const struct sign_key *key, const char *roles, struct err *err)
{
    struct public_key olga, anna;
    struct desk desk;
    char hex[2][2 * KEY_SIZE + 1];
    char path[PATH_SIZE], text[768];
    bool opened;

    sign_key_public(key, &olga);
    sign_key_public(place.members[PLACE_W1].agent, &anna);
    bytes_format_hex(olga.bytes, KEY_SIZE, hex[0]);
    bytes_format_hex(anna.bytes, KEY_SIZE, hex[1]);
    snprintf(text, sizeof(text),
             "threshold: 1\nsoak-min: 1s\nlease-max: 300s\nkeys:\n"
             "  - { name: olga, roles: [%s], key: %s }\n"
             "  - { name: anna, roles: [approver], key: %s }\n",
             roles, hex[0], hex[1]);
    assert_true(file_join(path, sizeof(path), place.directory, "trust.yaml", err));
    assert_true(file_write(path, (const uint8_t *)text, strlen(text), 0600, err));
    opened = desk_open(&desk, place.directory, place.desk.fleet_path, ":memory:", err);
    if (opened) {
        assert_int_equal(desk.roster->entries_count, PLACE_MEMBERS);
        assert_string_equal(desk.roster_by, "olga");
        desk_close(&desk);
    }
    return opened;
}

/* An earlier controller took it, or its signer has another role by now: the fleet is led on. */
static void a_kept_roster_needs_any_key(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    if (!open_with_trust(place.approver, "operator", &err))
        fail_msg("%s", err.text);
    assert_true(open_with_trust(place.approver, "approver", &err));
    assert_false(open_with_trust(place.ca, "approver, operator", &err));
    assert_int_equal(err.kind, ERR_DENIED);
    assert_non_null(strstr(err.text, "not signed by a key of"));
}

static void nobody_elses_key_signs(void **state)
{
    AUTO_FREE struct order *order = mem_alloc(1, sizeof(*order));
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
    struct err err = ERR_INIT;

    (void)state;
    lead_case_fill_order(order, "a1", 4);
    envelope = wire_encode_order(order, place.members[PLACE_A1].guard);
    assert_false(lead_pass_order(place.lead, wire_lend(&envelope), "olga", &err));
    assert_int_equal(err.kind, ERR_DENIED);
    assert_non_null(strstr(err.text, "not signed by a key of"));
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, lead_case_open, lead_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(an_order_needs_an_operators_key),
        WITH_PLACE(a_roster_needs_an_approvers_key),
        WITH_PLACE(a_kept_roster_needs_any_key),
        WITH_PLACE(nobody_elses_key_signs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
