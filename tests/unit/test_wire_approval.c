/*
 * test_wire_approval: signatures are added one by one, and each person counts once.
 */
#include "common/io/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/wire_fill.h"

#include <cmocka.h>

enum { PEOPLE = SIGNATURES_MAX + 1 };

struct desk {
    struct sign_key *keys[PEOPLE];
    struct trust trust;
    struct approval approval;
    struct wire_bytes bytes;
};

static int open_desk(void **state)
{
    struct desk *desk = mem_alloc(1, sizeof(*desk));

    for (unsigned i = 0; i < PEOPLE; i++) {
        struct trust_key *key = &desk->trust.keys[i];

        desk->keys[i] = sign_key_generate();
        sign_key_public(desk->keys[i], &key->key);
        key->roles = i == 0 ? TRUST_OPERATOR : TRUST_APPROVER;
    }
    desk->trust.keys_count = PEOPLE;
    fill_approval(&desk->approval);
    desk->bytes = wire_encode_approval(&desk->approval);
    *state = desk;
    return 0;
}

static int close_desk(void **state)
{
    struct desk *desk = *state;

    for (unsigned i = 0; i < PEOPLE; i++)
        sign_key_free(desk->keys[i]);
    wire_bytes_done(&desk->bytes);
    free(desk);
    return 0;
}

static void sign(struct desk *desk, unsigned person)
{
    struct wire_bytes fresh = wire_sign_approval(wire_lend(&desk->bytes), desk->keys[person]);

    wire_bytes_done(&desk->bytes);
    desk->bytes = fresh;
}

static unsigned count(const struct desk *desk, enum trust_role role)
{
    return wire_count_approvals(wire_lend(&desk->bytes), &desk->trust, role);
}

static void decode(const struct desk *desk, struct approval *ret_approval)
{
    struct err err = ERR_INIT;

    if (!wire_decode_approval(wire_lend(&desk->bytes), ret_approval, &err))
        fail_msg("%s", err.text);
}

static void comes_back(void **state)
{
    struct desk *desk = *state;
    struct approval back;

    decode(desk, &back);
    assert_memory_equal(&back, &desk->approval, sizeof(back));
    sign(desk, 1);
    sign(desk, 2);
    decode(desk, &back);
    assert_int_equal(back.signatures_count, 2);
    AUTO_WIRE struct wire_bytes again = wire_encode_approval(&back);
    expect_same_bytes(wire_lend(&again), wire_lend(&desk->bytes));
}

static void people_count_once_and_by_their_role(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(count(desk, TRUST_APPROVER), 0);
    sign(desk, 0);
    assert_int_equal(count(desk, TRUST_APPROVER), 0);
    assert_int_equal(count(desk, TRUST_OPERATOR), 1);
    sign(desk, 1);
    sign(desk, 1);
    assert_int_equal(count(desk, TRUST_APPROVER), 1);
    sign(desk, 2);
    assert_int_equal(count(desk, TRUST_APPROVER), 2);
}

/* The same signature three times, as a hostile controller would write it. */
static void copies_count_once(void **state)
{
    struct desk *desk = *state;
    struct approval approval;

    sign(desk, 1);
    decode(desk, &approval);
    approval.signatures[1] = approval.signatures[2] = approval.signatures[0];
    approval.signatures_count = 3;
    wire_bytes_done(&desk->bytes);
    desk->bytes = wire_encode_approval(&approval);
    assert_int_equal(count(desk, TRUST_APPROVER), 1);
}

/* One key that root wrote down under two names is one key. */
static void a_key_of_two_names_counts_once(void **state)
{
    struct desk *desk = *state;

    desk->trust.keys[2].key = desk->trust.keys[1].key;
    sign(desk, 1);
    assert_int_equal(count(desk, TRUST_APPROVER), 1);
}

static void strangers_do_not_count(void **state)
{
    struct desk *desk = *state;

    sign(desk, 3);
    desk->trust.keys_count = 3;
    assert_int_equal(count(desk, TRUST_APPROVER), 0);
}

static void signatures_are_of_this_approval(void **state)
{
    struct desk *desk = *state;
    struct approval approval;

    sign(desk, 1);
    decode(desk, &approval);
    approval.not_after++;
    wire_bytes_done(&desk->bytes);
    desk->bytes = wire_encode_approval(&approval);
    assert_int_equal(count(desk, TRUST_APPROVER), 0);
}

/* A key's statement is no approval of it. */
static void other_domains_do_not_count(void **state)
{
    struct desk *desk = *state;
    struct approval approval;

    sign(desk, 1);
    decode(desk, &approval);
    sign_make(desk->keys[1], SIGN_STATEMENT, wire_lend(&desk->bytes),
              &approval.signatures[0].signature);
    wire_bytes_done(&desk->bytes);
    desk->bytes = wire_encode_approval(&approval);
    assert_int_equal(count(desk, TRUST_APPROVER), 0);
}

static void there_is_room_for_so_many(void **state)
{
    struct desk *desk = *state;

    for (unsigned i = 0; i < SIGNATURES_MAX; i++)
        sign(desk, i);
    assert_int_equal(count(desk, TRUST_APPROVER), SIGNATURES_MAX - 1);
    sign(desk, SIGNATURES_MAX);
    assert_int_equal(desk->bytes.len, 0);
}

static void nothing_is_signed_that_is_no_approval(void **state)
{
    struct desk *desk = *state;

    wire_bytes_done(&desk->bytes);
    desk->bytes = (struct wire_bytes){mem_copy("nonsense", 8), 8};
    assert_int_equal(count(desk, TRUST_APPROVER), 0);
    sign(desk, 1);
    assert_int_equal(desk->bytes.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comes_back, open_desk, close_desk),
        cmocka_unit_test_setup_teardown(people_count_once_and_by_their_role, open_desk, close_desk),
        cmocka_unit_test_setup_teardown(copies_count_once, open_desk, close_desk),
        cmocka_unit_test_setup_teardown(a_key_of_two_names_counts_once, open_desk, close_desk),
        cmocka_unit_test_setup_teardown(strangers_do_not_count, open_desk, close_desk),
        cmocka_unit_test_setup_teardown(signatures_are_of_this_approval, open_desk, close_desk),
        cmocka_unit_test_setup_teardown(other_domains_do_not_count, open_desk, close_desk),
        cmocka_unit_test_setup_teardown(there_is_room_for_so_many, open_desk, close_desk),
        cmocka_unit_test_setup_teardown(nothing_is_signed_that_is_no_approval, open_desk,
                                        close_desk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
