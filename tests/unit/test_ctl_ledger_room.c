/*
 * test_ctl_ledger_room: whoever has one guard's key fills nobody's ledger, and keeps nobody from
 * signing for the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/signing_case.h"

static off_t size_of(const struct desk *desk)
{
    struct stat status;

    assert_int_equal(stat(desk->path, &status), 0);
    return status.st_size;
}

static void flood(struct desk *desk, bool strange, unsigned count)
{
    struct err err = ERR_INIT;

    fake.strange = strange;
    fake.alike = !strange;
    if (!fetch(desk, count, false, &err))
        fail_msg("%s", err.text);
    fake.strange = fake.alike = false;
}

static bool may_target(struct desk *desk, const char *node, struct err *err)
{
    text_copy(desk->manifest.plans[0].node, NAME_SIZE, node);
    *err = (struct err)ERR_INIT;
    return signing_check_room(&desk->ledger, &desk->manifest, err) && choose(desk, NULL, 0, err);
}

/* Of attempts that this ledger never signed: each end has to be answered, if it is one. */
static void receipts_without_end_stay_that_nodes_matter(void **state)
{
    struct desk *desk = *state;
    struct err err = ERR_INIT;
    off_t size;

    flood(desk, true, 255);
    assert_int_equal(desk->ledger.receipts_count, 255);
    assert_true(signing_check_room(&desk->ledger, &desk->manifest, &err));
    flood(desk, true, 300);
    assert_int_equal(desk->ledger.receipts_count, LEDGER_STRANGERS_MAX);
    size = size_of(desk);
    flood(desk, true, 400);
    assert_int_equal(size_of(desk), size);
    assert_false(may_target(desk, "srv712695", &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_non_null(
        strstr(err.text, "srv712695's guard has signed more receipts than a guard has"));
    assert_non_null(strstr(err.text, "`oceanidctl node remove srv712695`"));
    assert_true(may_target(desk, "calypso", &err));
    end(desk, "calypso", 9, RECEIPT_TOMBSTONE, CAUSE_ABORTED); /* the others' are kept */
    assert_int_equal(desk->ledger.receipts_count, LEDGER_STRANGERS_MAX + 1);
    ledger_close(&desk->ledger);
    assert_true(ledger_open(&desk->ledger, desk->path, &err));
    flood(desk, true, 400);
    assert_int_equal(desk->ledger.receipts_count, LEDGER_STRANGERS_MAX + 1);
    assert_false(may_target(desk, "srv712695", &err));
}

static void of_one_attempt_a_few_are_kept(void **state)
{
    struct desk *desk = *state;
    struct err err = ERR_INIT;

    sign(desk, 1);
    flood(desk, false, LEDGER_ATTEMPT_MAX);
    assert_true(signing_check_room(&desk->ledger, &desk->manifest, &err));
    flood(desk, false, 40);
    assert_int_equal(desk->ledger.receipts_count, LEDGER_ATTEMPT_MAX);
    assert_false(may_target(desk, "srv712695", &err));
    assert_true(may_target(desk, "calypso", &err));
}

/* The node has begun what answers them. */
static void what_was_answered_counts_no_more(void **state)
{
    struct desk *desk = *state;
    struct err err = ERR_INIT;

    flood(desk, true, LEDGER_STRANGERS_MAX);
    desk->entry.lifts_count = LIFTS_MAX;
    for (unsigned i = 0; i < LIFTS_MAX; i++)
        desk->entry.lifts[i].receipt = desk->ledger.receipts[i].hash;
    sign(desk, 1);
    end(desk, "srv712695", 1, RECEIPT_CONFIRMED, CAUSE_NONE);
    flood(desk, true, LEDGER_STRANGERS_MAX + LIFTS_MAX);
    assert_int_equal(desk->ledger.receipts_count, LEDGER_STRANGERS_MAX + LIFTS_MAX + 1);
    assert_true(signing_check_room(&desk->ledger, &desk->manifest, &err));
    flood(desk, true, LEDGER_STRANGERS_MAX + LIFTS_MAX + 1);
    assert_false(signing_check_room(&desk->ledger, &desk->manifest, &err));
    assert_false(choose(desk, NULL, 0, &err));
}

/* No other target could be left out. */
static void one_nodes_ends_that_fit_into_no_approval(void **state)
{
    struct desk *desk = *state;
    struct err err = ERR_INIT;

    for (uint64_t sequence = 1; sequence <= LIFTS_MAX + 1; sequence++)
        end(desk, "srv712695", sequence, RECEIPT_TOMBSTONE, CAUSE_ABORTED);
    assert_false(choose(desk, NULL, 0, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_non_null(strstr(err.text, "srv712695 alone has 65 ends"));
    assert_non_null(strstr(err.text, "`oceanidctl node remove srv712695`"));
    assert_true(may_target(desk, "calypso", &err));
}

/* What signing never asks for. */
static void refusals_and_more_of_one_revert_are_not_kept(void **state)
{
    struct desk *desk = *state;

    sign(desk, 1);
    end(desk, "srv712695", 1, RECEIPT_INCOMPLETE, CAUSE_ABORTED); /* it has begun */
    end(desk, "srv712695", 1, RECEIPT_INCOMPLETE, CAUSE_PROOF_FAILED);
    end(desk, "srv712695", 1, RECEIPT_REFUSED, CAUSE_NONE);
    assert_int_equal(desk->ledger.receipts_count, 1);
    end(desk, "srv712695", 1, RECEIPT_REVERTED, CAUSE_ABORTED);
    assert_int_equal(desk->ledger.receipts_count, 2);
}

/* It joined again, its keys are new: what the old one signed is not in its way, and what its guard
 * says counts. */
static void a_guard_with_a_new_key_has_its_own_room(void **state)
{
    struct desk *desk = *state;
    struct sign_key *old = desk->guard;
    struct err err = ERR_INIT;

    flood(desk, true, 300);
    assert_false(may_target(desk, "srv712695", &err));
    ledger_close(&desk->ledger);
    assert_true(ledger_open(&desk->ledger, desk->path, &err));
    desk->guard = sign_key_generate();
    desk->manifest.roster = mem_alloc(1, sizeof(*desk->manifest.roster));
    desk->manifest.roster_count = 1;
    text_copy(desk->manifest.roster[0].name, NAME_SIZE, "srv712695");
    sign_key_public(desk->guard, &desk->manifest.roster[0].guard_key);
    fake.signer = old; /* the controller has them still */
    flood(desk, true, 300);
    fake.signer = NULL;
    if (!may_target(desk, "srv712695", &err))
        fail_msg("%s", err.text);
    sign(desk, 1);
    end(desk, "srv712695", 1, RECEIPT_REVERTED, CAUSE_PROOF_FAILED);
    assert_int_equal(desk->ledger.receipts_count, LEDGER_STRANGERS_MAX + 1);
    assert_false(may_target(desk, "srv712695", &err));
    assert_non_null(strstr(err.text, "which is in quarantine"));
    sign_key_free(old);
}

/* What failed here failed: a machine that was installed anew has no journal that would bar it. */
static void what_an_old_key_quarantined_is_named_all_the_same(void **state)
{
    struct desk *desk = *state;
    struct lift named = {.reason = "another kernel"};
    struct err err = ERR_INIT;

    sign(desk, 1);
    named.receipt = end(desk, "srv712695", 1, RECEIPT_REVERTED, CAUSE_PROOF_FAILED);
    sign_key_free(desk->guard);
    desk->guard = sign_key_generate();
    desk->manifest.roster = mem_alloc(1, sizeof(*desk->manifest.roster));
    desk->manifest.roster_count = 1;
    text_copy(desk->manifest.roster[0].name, NAME_SIZE, "srv712695");
    sign_key_public(desk->guard, &desk->manifest.roster[0].guard_key);
    assert_false(choose(desk, NULL, 0, &err));
    assert_non_null(strstr(err.text, "which is in quarantine"));
    assert_true(choose(desk, &named, 1, &err));
}

/* Of an honest one: two of each attempt, for years. */
static void an_honest_guard_is_never_out_of_room(void **state)
{
    struct desk *desk = *state;
    struct err err = ERR_INIT;

    for (uint64_t sequence = 1; sequence <= 250; sequence++) {
        sign(desk, sequence);
        end(desk, "srv712695", sequence, RECEIPT_CONFIRMED, CAUSE_NONE);
        end(desk, "srv712695", sequence, RECEIPT_POPPED, CAUSE_ORDERED);
    }
    assert_int_equal(desk->ledger.receipts_count, 500);
    assert_true(signing_check_room(&desk->ledger, &desk->manifest, &err));
    print_message("%lld bytes a receipt\n", (long long)size_of(desk) / 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_DESK(receipts_without_end_stay_that_nodes_matter),
        AT_DESK(of_one_attempt_a_few_are_kept),
        AT_DESK(what_was_answered_counts_no_more),
        AT_DESK(one_nodes_ends_that_fit_into_no_approval),
        AT_DESK(refusals_and_more_of_one_revert_are_not_kept),
        AT_DESK(a_guard_with_a_new_key_has_its_own_room),
        AT_DESK(what_an_old_key_quarantined_is_named_all_the_same),
        AT_DESK(an_honest_guard_is_never_out_of_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
