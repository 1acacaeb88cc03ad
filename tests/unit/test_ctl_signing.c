/*
 * test_ctl_signing: the ledger on disk, and what it lets be signed (docs/protocol.md rules 18-21).
 */
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
#include "tests/unit/signing_case.h"

/* ---- what the controller has ----------------------------------------------------------------- */

static void fetches_receipts_page_by_page(void **state)
{
    struct desk *desk = *state;
    struct err err = ERR_INIT;

    assert_true(fetch(desk, 5, false, &err));
    assert_int_equal(desk->ledger.receipts_count, 5);
    assert_true(fetch(desk, 6, false, &err));
    assert_int_equal(desk->ledger.receipts_count, 6);
}

/* Nothing is signed by what may be a part of them. */
static void refuses_pages_that_lead_nowhere(void **state)
{
    struct desk *desk = *state;
    struct err err = ERR_INIT;

    assert_false(fetch(desk, 5, true, &err));
    assert_int_equal(err.kind, ERR_PEER);
    assert_non_null(strstr(err.text, "receipt 1 came behind receipt 2"));
}

/* ---- the ledger ------------------------------------------------------------------------------ */

static void survives_being_closed(void **state)
{
    struct desk *desk = *state;
    struct err err = ERR_INIT;
    struct hash hash;

    assert_int_equal(ledger_next_sequence(&desk->ledger), 1);
    sign(desk, 1);
    hash = end(desk, "srv712695", 1, RECEIPT_REVERTED, CAUSE_PROOF_FAILED);
    end(desk, "srv712695", 1, RECEIPT_REVERTED, CAUSE_PROOF_FAILED);
    ledger_close(&desk->ledger);
    assert_true(ledger_open(&desk->ledger, desk->path, &err));
    assert_int_equal(desk->ledger.signed_count, 1);
    assert_int_equal(desk->ledger.receipts_count, 1);
    assert_int_equal(desk->ledger.entries[0].targets_count, 2);
    assert_int_equal(desk->ledger.entries[0].not_after, NOT_AFTER);
    assert_non_null(ledger_find(&desk->ledger, &hash));
    assert_int_equal(ledger_next_sequence(&desk->ledger), 2);
}

/* A crash in the middle of a line: the line was never relied upon. */
static void cuts_a_torn_line(void **state)
{
    struct desk *desk = *state;
    struct err err = ERR_INIT;
    FILE *file;

    sign(desk, 1);
    ledger_close(&desk->ledger);
    file = fopen(desk->path, "a");
    assert_non_null(file);
    fputs("{\"kind\": \"sig", file);
    fclose(file);
    assert_true(ledger_open(&desk->ledger, desk->path, &err));
    assert_int_equal(desk->ledger.signed_count, 1);
    sign(desk, 2);
    ledger_close(&desk->ledger);
    assert_true(ledger_open(&desk->ledger, desk->path, &err));
    assert_int_equal(desk->ledger.signed_count, 2);
}

static void refuses_what_it_did_not_write(void **state)
{
    struct desk *desk = *state;
    struct err err = ERR_INIT;
    FILE *file;

    ledger_close(&desk->ledger);
    file = fopen(desk->path, "a");
    assert_non_null(file);
    fputs("{\"kind\": \"signed\", \"sequence\": 3}\n", file);
    fclose(file);
    assert_false(ledger_open(&desk->ledger, desk->path, &err));
    assert_non_null(strstr(err.text, ":1: body or sequence"));
}

/* Rule 20 */
static void waits_for_receipts_of_all_targets(void **state)
{
    struct desk *desk = *state;
    struct err err = ERR_INIT;

    assert_true(signing_check_ended(&desk->ledger, SIGNED_AT, &err));
    sign(desk, 1);
    end(desk, "srv712695", 1, RECEIPT_REVERTED, CAUSE_ABORTED);
    assert_false(signing_check_ended(&desk->ledger, SIGNED_AT, &err));
    assert_non_null(strstr(err.text, "no receipt of calypso"));
    end(desk, "calypso", 1, RECEIPT_INCOMPLETE, CAUSE_ABORTED);
    assert_false(signing_check_ended(&desk->ledger, SIGNED_AT, &err));
    end(desk, "calypso", 1, RECEIPT_REFUSED, CAUSE_NONE);
    assert_false(signing_check_ended(&desk->ledger, SIGNED_AT, &err));
    end(desk, "calypso", 1, RECEIPT_TOMBSTONE, CAUSE_ABORTED);
    assert_true(signing_check_ended(&desk->ledger, SIGNED_AT, &err));
}

/* Who is asked to bar it, and who has it. */
static void what_is_open_of_it_is_known(void **state)
{
    struct desk *desk = *state;
    struct ledger_signed open;
    char names[REASON_SIZE] = "";
    struct text stands = TEXT_IN(names);

    sign(desk, 1);
    open = desk->ledger.entries[0];
    signing_drop_ended(&desk->ledger, &open, &stands);
    assert_int_equal(open.targets_count, 2);
    end(desk, "srv712695", 1, RECEIPT_CONFIRMED, CAUSE_NONE);
    end(desk, "calypso", 1, RECEIPT_REFUSED, CAUSE_NONE);
    signing_drop_ended(&desk->ledger, &open, &stands);
    assert_int_equal(open.targets_count, 1);
    assert_string_equal(open.targets[0], "calypso");
    assert_string_equal(names, "srv712695");
    end(desk, "srv712695", 1, RECEIPT_POPPED, CAUSE_ORDERED);
    end(desk, "calypso", 1, RECEIPT_TOMBSTONE, CAUSE_ABORTED);
    open = desk->ledger.entries[0];
    text_init(&stands, names, sizeof(names));
    signing_drop_ended(&desk->ledger, &open, &stands);
    assert_int_equal(open.targets_count, 0);
    assert_string_equal(names, "");
}

/* With long names, and as many as there may be: when it lapses, and what ends it before. */
static void what_is_not_ended_is_said_whole(void **state)
{
    struct desk *desk = *state;
    struct ledger_signed *entry = &desk->entry;
    struct err err = ERR_INIT;
    char name[49];

    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    *entry = (struct ledger_signed){.signed_at = SIGNED_AT,
                                    .not_after = NOT_AFTER,
                                    .trial_max_s = TRIAL_MAX,
                                    .targets_count = NODES_MAX};
    entry->attempt.sequence = UINT64_MAX - 1;
    text_copy(entry->change, NAME_SIZE, name);
    for (uint32_t i = 0; i < NODES_MAX; i++)
        text_copy(entry->targets[i], NAME_SIZE, name);
    assert_true(ledger_add_signed(&desk->ledger, entry, &err));
    assert_false(signing_check_ended(&desk->ledger, NOT_AFTER - 3600, &err));
    assert_non_null(strstr(err.text, "It lapses in 1 h 8 min"));
    assert_non_null(strstr(err.text, "n.manifest or what"));
    assert_non_null(strstr(err.text, "no file is left"));
    assert_non_null(strstr(err.text, "another manifest's by now)"));
}

static void lapses_when_it_can_no_longer_begin(void **state)
{
    struct desk *desk = *state;
    struct err err = ERR_INIT;

    sign(desk, 1);
    assert_false(signing_check_ended(&desk->ledger, NOT_AFTER + 30 + TRIAL_MAX, &err));
    assert_true(signing_check_ended(&desk->ledger, NOT_AFTER + 30 + TRIAL_MAX + 61, &err));
}

/* Rule 18: ends go in by themselves, until the node has begun an approval that contains them. */
static void contains_ends_by_itself(void **state)
{
    struct desk *desk = *state;
    struct err err = ERR_INIT;
    struct hash hash;

    sign(desk, 1);
    hash = end(desk, "srv712695", 1, RECEIPT_REVERTED, CAUSE_PROOF_MISSING);
    end(desk, "calypso", 1, RECEIPT_TOMBSTONE, CAUSE_ABORTED);
    assert_true(choose(desk, NULL, 0, &err));
    assert_int_equal(desk->approval.lifts_count, 1); /* calypso is no target here */
    assert_true(hash_equal(&desk->approval.lifts[0].receipt, &hash));
    assert_string_equal(desk->approval.lifts[0].reason, "");
    desk->entry.lifts_count = 1;
    desk->entry.lifts[0] = (struct ledger_lift){.receipt = hash, .named = false};
    sign(desk, 2);
    assert_true(choose(desk, NULL, 0, &err));
    assert_int_equal(desk->approval.lifts_count, 1);
    end(desk, "srv712695", 2, RECEIPT_CONFIRMED, CAUSE_NONE);
    assert_true(choose(desk, NULL, 0, &err));
    assert_int_equal(desk->approval.lifts_count, 0);
}

static void a_quarantine_must_be_named(void **state)
{
    struct desk *desk = *state;
    struct lift named = {.reason = ""};
    struct err err = ERR_INIT;

    sign(desk, 1);
    named.receipt = end(desk, "srv712695", 1, RECEIPT_REVERTED, CAUSE_PROOF_FAILED);
    assert_false(choose(desk, NULL, 0, &err));
    assert_non_null(strstr(err.text, "touches 'sysctl net.ipv4.ip_forward' on srv712695"));
    assert_false(choose(desk, &named, 1, &err));
    assert_non_null(strstr(err.text, "without a reason"));
    text_copy(named.reason, sizeof(named.reason), "the sensor was broken");
    assert_true(choose(desk, &named, 1, &err));
    assert_int_equal(desk->approval.lifts_count, 1);
    assert_string_equal(desk->approval.lifts[0].reason, "the sensor was broken");
    named.receipt.bytes[0] ^= 1;
    assert_false(choose(desk, &named, 1, &err));
    assert_non_null(strstr(err.text, "no such quarantine is known"));
}

/* Rule 19: what was signed to lift one end lifts no later one, and nothing is signed before every
 * target of what failed has ended: else two nodes could be changed at once. */
static void an_approval_lifts_no_later_end(void **state)
{
    struct desk *desk = *state;
    struct lift named[2] = {{.reason = "the sensor was broken"}, {.reason = "and again"}};
    struct err err = ERR_INIT;

    sign(desk, 1);
    named[0].receipt = end(desk, "srv712695", 1, RECEIPT_REVERTED, CAUSE_PROOF_FAILED);
    end(desk, "calypso", 1, RECEIPT_TOMBSTONE, CAUSE_ABORTED);
    assert_true(choose(desk, named, 1, &err));
    desk->entry.lifts_count = 1;
    desk->entry.lifts[0] = (struct ledger_lift){.receipt = named[0].receipt, .named = true};
    sign(desk, 2);
    named[1].receipt = end(desk, "srv712695", 2, RECEIPT_REVERTED, CAUSE_PROOF_FAILED);
    assert_false(signing_check_ended(&desk->ledger, SIGNED_AT, &err));
    assert_non_null(strstr(err.text, "no receipt of calypso"));
    end(desk, "calypso", 2, RECEIPT_TOMBSTONE, CAUSE_ABORTED);
    assert_true(signing_check_ended(&desk->ledger, SIGNED_AT, &err));
    assert_false(choose(desk, named, 1, &err));
    assert_non_null(strstr(err.text, "is in quarantine"));
    assert_true(choose(desk, named, 2, &err));
    assert_true(hash_equal(&desk->approval.lifts[1].receipt, &named[1].receipt));
}

/* Contained, so that it does not bar; not lifted, so that it still has to be named later. */
/* Three nodes that were never begun, 22 times over: 66 tombstones are more than an approval holds,
 * those of two are not. */
static void more_ends_than_fit_are_refused_by_name(void **state)
{
    static const char *const nodes[] = {"a1", "b2", "c3"};
    struct desk *desk = *state;
    struct err err = ERR_INIT;

    desk->manifest.plans = mem_resize(desk->manifest.plans, 3, sizeof(*desk->manifest.plans));
    memset(&desk->manifest.plans[1], 0, 2 * sizeof(*desk->manifest.plans));
    desk->manifest.plans_count = 3;
    for (unsigned n = 0; n < 3; n++) {
        text_copy(desk->manifest.plans[n].node, NAME_SIZE, nodes[n]);
        for (uint64_t sequence = 1; sequence <= 22; sequence++)
            end(desk, nodes[n], sequence, RECEIPT_TOMBSTONE, CAUSE_ABORTED);
    }
    assert_false(choose(desk, NULL, 0, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_non_null(strstr(err.text, "than the 64 that one approval can answer, 22 of them c3's"));
    assert_non_null(strstr(err.text, "fewer of them at first"));
    desk->manifest.plans_count = 2;
    assert_true(choose(desk, NULL, 0, &err));
    assert_int_equal(desk->approval.lifts_count, 44);
    desk->manifest.plans_count = 3; /* for its end */
}

static void an_untouched_quarantine_stays(void **state)
{
    struct desk *desk = *state;
    struct sysctl *setting = &desk->manifest.plans[0].operations[0].sysctl.setting;
    struct err err = ERR_INIT;
    struct hash hash;

    sign(desk, 1);
    hash = end(desk, "srv712695", 1, RECEIPT_REVERTED, CAUSE_PROOF_FAILED);
    text_copy(setting->name, SYSCTL_NAME_SIZE, "net.ipv6.conf.all.forwarding");
    assert_true(choose(desk, NULL, 0, &err));
    assert_int_equal(desk->approval.lifts_count, 1);
    assert_string_equal(desk->approval.lifts[0].reason, "");
    desk->entry.lifts_count = 1;
    desk->entry.lifts[0] = (struct ledger_lift){.receipt = hash, .named = false};
    sign(desk, 2);
    end(desk, "srv712695", 2, RECEIPT_CONFIRMED, CAUSE_NONE);
    text_copy(setting->name, SYSCTL_NAME_SIZE, "net.ipv4.ip_forward");
    assert_false(choose(desk, NULL, 0, &err));
}

static void validity_covers_all_stages(void **state)
{
    struct desk *desk = *state;
    struct manifest *m = &desk->manifest;
    struct err err = ERR_INIT;

    m->apply_s = 1;
    m->settle_s = 10;
    m->soak_s = 300;
    m->lease_s = 60;
    m->revert_budget_s = 5;
    m->stages_count = 2;
    assert_true(signing_check_budget(m, 872, &err));
    assert_false(signing_check_budget(m, 871, &err));
    assert_non_null(strstr(err.text, "2 stages of at most 436 s each need 872 s"));
    assert_true(signing_check_budget(m, 7 * 86400, &err));
    assert_false(signing_check_budget(m, 7 * 86400 + 1, &err));
    assert_non_null(strstr(err.text, "accepted is --valid 604800s or less"));
    m->soak_s = 4 * 86400; /* what takes longer may have twice that */
    assert_true(signing_check_budget(m, 2 * (2 * (4 * 86400 + 136)), &err));
    assert_false(signing_check_budget(m, 2 * (2 * (4 * 86400 + 136)) + 1, &err));
    m->stages_count = 0;
}

/* Both that another ledger signed this sequence too, and what ends this one before it lapses. */
static void a_sequence_that_another_ledger_has_used_is_ended_by_its_name(void **state)
{
    struct desk *desk = *state;
    struct err err = ERR_INIT;

    sign(desk, 1);
    assert_false(signing_check_ended(&desk->ledger, NOT_AFTER - 3600, &err));
    assert_non_null(strstr(err.text, "It lapses in 1 h 8 min"));
    assert_non_null(strstr(err.text,
                           "no file is left: `manifest void`, which ends it also where its "
                           "sequence is another manifest's"));
    assert_null(strstr(err.text, "only lapse"));
    fetch(desk, 1, false, &err);
    desk->ledger.receipts[0].receipt.generation.attempt.sequence = 1;
    assert_false(signing_check_ended(&desk->ledger, NOT_AFTER - 3600, &err));
    assert_non_null(strstr(err.text, "another ledger has signed sequence 1 too"));
    assert_non_null(strstr(err.text, "`oceanidctl manifest void a-change` ends it, or it lapses in "
                                     "1 h 8 min"));
    assert_null(strstr(err.text, "only lapse"));
    assert_null(strstr(err.text, "rollout start"));
}

static void clocks_are_compared(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_true(signing_check_clock(1000000, 1000060, &err));
    assert_true(signing_check_clock(1000060, 1000000, &err));
    assert_false(signing_check_clock(1000061, 1000000, &err));
    assert_non_null(strstr(err.text, "is 1 min 1 s ahead of the controller's"));
    assert_false(signing_check_clock(1000000, 1000000 + 366 * 86400, &err));
    assert_non_null(strstr(err.text, "is 366 days behind the controller's"));
    assert_non_null(strstr(err.text, "nothing was signed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_DESK(fetches_receipts_page_by_page),
        AT_DESK(refuses_pages_that_lead_nowhere),
        AT_DESK(survives_being_closed),
        AT_DESK(cuts_a_torn_line),
        AT_DESK(refuses_what_it_did_not_write),
        AT_DESK(waits_for_receipts_of_all_targets),
        AT_DESK(what_is_open_of_it_is_known),
        AT_DESK(what_is_not_ended_is_said_whole),
        AT_DESK(lapses_when_it_can_no_longer_begin),
        AT_DESK(contains_ends_by_itself),
        AT_DESK(a_quarantine_must_be_named),
        AT_DESK(an_approval_lifts_no_later_end),
        AT_DESK(more_ends_than_fit_are_refused_by_name),
        AT_DESK(an_untouched_quarantine_stays),
        AT_DESK(validity_covers_all_stages),
        AT_DESK(a_sequence_that_another_ledger_has_used_is_ended_by_its_name),
        cmocka_unit_test(clocks_are_compared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
