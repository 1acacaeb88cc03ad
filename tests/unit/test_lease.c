/*
 * test_lease: which statement buys how much, and who counts (docs/protocol.md rules 7 to 11).
 */
#include "agent/guard/core/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/text.h"
#include "common/net/patience.h"
#include "tests/unit/trial_world.h"

/* Witnesses office, other, third; quorum 2; lease 20 s; grace 8 s; checks own, database. */
struct desk {
    struct trial_terms terms;
    struct lease lease;
};

static struct desk desk;
static struct statement statement;
static const struct hash body = {{0xb0, 1}};

static int set_up(void **state)
{
    static struct world_prepare given;
    char prepare[] = "prepare", name[] = "m1", sequence[] = "1";
    char *words[] = {prepare, name, sequence, NULL};

    (void)state;
    world_fill_prepare(&given, words);
    trial_terms_fill(&desk.terms, "b", &given.prepare);
    world_prepare_done(&given);
    lease_init(&desk.lease);
    for (int i = 0; i < 3; i++) {
        world_fill_statement(&statement, world_witness(i), PHASE_BASELINE, &body,
                             &(struct nonce){{1}});
        world_add_verdict(&statement, "ssh", VERDICT_PASS);
        lease_take_baseline(&desk.lease, &desk.terms, &statement);
    }
    lease_begin(&desk.lease, &desk.terms, 0);
    return 0;
}

static struct nonce nonce_of(unsigned number)
{
    return (struct nonce){{0xee, (uint8_t)number, (uint8_t)(number >> 8)}};
}

static void issue(mono_t now, bool last)
{
    struct nonce nonce = nonce_of(desk.lease.nonces_count + 1);

    lease_issue(&desk.lease, &nonce, now, last);
}

static void say(const char *signer, unsigned number, enum verdict_value value, mono_t now)
{
    struct nonce nonce = nonce_of(number);
    struct guard_event source = {.kind = ON_SOURCE, .now = now};

    world_fill_statement(&statement, signer, PHASE_RENEWAL, &body, &nonce);
    world_add_verdict(&statement, text_equal(signer, "b") ? "own" : "ssh", value);
    lease_take(&desk.lease, &desk.terms, &statement, now);
    if (text_equal(signer, "b"))
        return;
    source.source.nonce = nonce;
    source.source.witness = signer;
    source.source.counts = true;
    lease_take_source(&desk.lease, &desk.terms, &source);
}

static void all_say(unsigned number, mono_t now)
{
    say("office", number, VERDICT_PASS, now);
    say("other", number, VERDICT_PASS, now);
    say("b", number, VERDICT_PASS, now);
}

static void test_before_the_first(void **state)
{
    (void)state;
    assert_int_equal(desk.lease.until, 10000 + 5000 + 20000); /* apply + settle + lease */
    issue(1000, false);
    assert_int_equal(desk.lease.until, 35000);
    all_say(1, 3000);
    assert_int_equal(desk.lease.until, 21000); /* from the issue, never from receipt */
}

static void test_quorum_and_own(void **state)
{
    (void)state;
    issue(1000, false);
    say("office", 1, VERDICT_PASS, 2000);
    say("office", 1, VERDICT_PASS, 2000); /* twice the same is one */
    say("b", 1, VERDICT_PASS, 2000);
    assert_int_equal(desk.lease.all.any, LEASE_UNPROVEN);
    say("third", 1, VERDICT_PASS, 2000);
    assert_int_equal(desk.lease.all.any, 1000);
    /* the oldest of what quorum and node have proven */
    issue(6000, false);
    issue(11000, false);
    say("office", 3, VERDICT_PASS, 12000);
    say("third", 2, VERDICT_PASS, 12000);
    say("b", 3, VERDICT_PASS, 12000);
    assert_int_equal(desk.lease.until, 26000);
}

/* Neither the witnesses without the node itself, nor what is unknown to it. */
static void test_own_is_asked(void **state)
{
    (void)state;
    issue(1000, true);
    say("office", 1, VERDICT_PASS, 2000);
    say("other", 1, VERDICT_PASS, 2000);
    assert_int_equal(desk.lease.all.any, LEASE_UNPROVEN);
    say("b", 1, VERDICT_UNKNOWN, 2000);
    assert_int_equal(desk.lease.all.any, LEASE_UNPROVEN);
    assert_false(lease_last_answered(&desk.lease, &desk.terms, 2000));
    say("b", 1, VERDICT_PASS, 2000);
    assert_int_equal(desk.lease.all.any, 1000);
    assert_true(lease_last_answered(&desk.lease, &desk.terms, 2000));
}

/* A pass of whose connection nothing is known proves nothing, nor does one that is barred. */
static void test_source_is_asked(void **state)
{
    struct guard_event source = {.kind = ON_SOURCE, .now = 2000};
    struct nonce nonce = nonce_of(1);

    (void)state;
    issue(1000, false);
    say("office", 1, VERDICT_PASS, 2000);
    say("b", 1, VERDICT_PASS, 2000);
    world_fill_statement(&statement, "other", PHASE_RENEWAL, &body, &nonce);
    world_add_verdict(&statement, "ssh", VERDICT_PASS);
    lease_take(&desk.lease, &desk.terms, &statement, 2000);
    assert_int_equal(desk.lease.all.any, LEASE_UNPROVEN);
    source.source.nonce = nonce;
    source.source.witness = "other";
    lease_take_source(&desk.lease, &desk.terms, &source);
    assert_int_equal(desk.lease.all.any, LEASE_UNPROVEN);
    source.source.counts = true;
    lease_take_source(&desk.lease, &desk.terms, &source);
    assert_int_equal(desk.lease.all.any, 1000);
}

static void test_too_late(void **state)
{
    (void)state;
    issue(1000, false);
    all_say(1, 21000);
    assert_int_equal(desk.lease.all.any, LEASE_UNPROVEN);
    all_say(1, 601000);
    assert_int_equal(desk.lease.all.any, LEASE_UNPROVEN);
    issue(601000, false);
    all_say(2, 601000 + 19999);
    assert_int_equal(desk.lease.until, 621000);
}

static void test_foreign_statements(void **state)
{
    struct nonce nonce = nonce_of(1);

    (void)state;
    issue(1000, false);
    all_say(7, 2000); /* a nonce of nobody */
    say("stranger", 1, VERDICT_PASS, 2000);
    say("office", 1, VERDICT_PASS, 2000);
    say("b", 1, VERDICT_PASS, 2000);
    world_fill_statement(&statement, "other", PHASE_BASELINE, &body, &nonce);
    world_add_verdict(&statement, "ssh", VERDICT_PASS);
    lease_take(&desk.lease, &desk.terms, &statement, 2000);
    world_fill_statement(&statement, "other", PHASE_RENEWAL, &body, &nonce);
    lease_take(&desk.lease, &desk.terms, &statement, 2000); /* says nothing of ssh */
    text_copy(statement.subject, NAME_SIZE, "a");
    world_add_verdict(&statement, "ssh", VERDICT_PASS);
    lease_take(&desk.lease, &desk.terms, &statement, 2000); /* about another node */
    assert_int_equal(desk.lease.all.any, LEASE_UNPROVEN);
}

/* Each part came in time, and together they prove only what is a lease old: no answer to the first
 * nonce. Found by the simulator, seed 95. */
static void test_old_parts(void **state)
{
    (void)state;
    issue(1000, false);
    say("office", 1, VERDICT_PASS, 2000);
    say("b", 1, VERDICT_PASS, 2000);
    issue(16000, false);
    say("other", 2, VERDICT_PASS, 21500);
    assert_int_equal(desk.lease.all.any, LEASE_UNPROVEN);
    assert_int_equal(desk.lease.until, 35000);
    say("office", 2, VERDICT_PASS, 22000);
    say("b", 2, VERDICT_PASS, 22000);
    assert_int_equal(desk.lease.until, 36000);
}

/* Sources and statements cross each other: joined by their nonce, in any order. */
static void test_crossing(void **state)
{
    static const char *const names[] = {"office", "other"};

    (void)state;
    issue(1000, false);
    issue(2000, false);
    for (int i = 0; i < 2; i++) {
        struct guard_event source = {.kind = ON_SOURCE, .now = 3000};

        source.source.witness = names[i];
        source.source.counts = true;
        for (unsigned number = 1; number <= 2; number++) {
            source.source.nonce = nonce_of(number);
            lease_take_source(&desk.lease, &desk.terms, &source);
        }
    }
    say("b", 1, VERDICT_PASS, 3000);
    assert_int_equal(desk.lease.all.any, LEASE_UNPROVEN);
    for (int i = 0; i < 2; i++) {
        struct nonce nonce = nonce_of(1);

        world_fill_statement(&statement, names[i], PHASE_RENEWAL, &body, &nonce);
        world_add_verdict(&statement, "ssh", VERDICT_PASS);
        lease_take(&desk.lease, &desk.terms, &statement, 4000);
    }
    assert_int_equal(desk.lease.all.any, 1000);
}

static void test_own_failing_of_a_witness(void **state)
{
    struct nonce nonce = nonce_of(1);
    char who[REASON_SIZE];

    (void)state;
    issue(1000, false);
    world_fill_statement(&statement, "office", PHASE_RENEWAL, &body, &nonce);
    world_add_verdict(&statement, "ssh", VERDICT_PASS);
    statement.own_failing = true;
    lease_take(&desk.lease, &desk.terms, &statement, 2000);
    assert_int_equal(lease_failing_until(&desk.lease, &desk.terms, who, sizeof(who)), 10000);
    assert_string_equal(who, "witness office: one of its own critical checks fails since");
}

static void test_failing_is_newest(void **state)
{
    char who[REASON_SIZE];

    (void)state;
    issue(1000, false);
    issue(6000, false);
    say("office", 2, VERDICT_FAIL, 7000);
    say("office", 1, VERDICT_PASS, 7500); /* older: does not excuse */
    assert_int_equal(lease_failing_until(&desk.lease, &desk.terms, who, sizeof(who)), 15000);
    say("office", 2, VERDICT_PASS, 7600); /* it said no over this one */
    assert_int_equal(lease_failing_until(&desk.lease, &desk.terms, who, sizeof(who)), 15000);
    issue(11000, false);
    say("office", 3, VERDICT_UNKNOWN, 12000); /* never treated as pass */
    assert_int_equal(lease_failing_until(&desk.lease, &desk.terms, who, sizeof(who)), 15000);
    say("office", 3, VERDICT_PASS, 13000);
    assert_true(lease_failing_until(&desk.lease, &desk.terms, who, sizeof(who)) == MONO_NEVER);
}

static void test_last(void **state)
{
    (void)state;
    issue(1000, true);
    issue(2000, false);
    all_say(2, 3000);
    assert_false(lease_last_answered(&desk.lease, &desk.terms, 3000));
    all_say(1, 4000);
    assert_true(lease_last_answered(&desk.lease, &desk.terms, 4000));
    assert_false(lease_last_answered(&desk.lease, &desk.terms, 21000));
}

static void test_many_nonces(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NONCES_MAX + 1; i++)
        issue(1000 + (mono_t)i, false);
    all_say(1, 2000); /* pushed out by newer ones */
    assert_int_equal(desk.lease.all.any, LEASE_UNPROVEN);
    all_say(2, 2000);
    assert_int_equal(desk.lease.all.any, 1001);
}

static void test_excused(void **state)
{
    char why[REASON_SIZE];

    (void)state;
    world_fill_statement(&statement, "b", PHASE_BASELINE, &body, &(struct nonce){{1}});
    world_add_verdict(&statement, "own", VERDICT_FAIL);
    lease_take_baseline(&desk.lease, &desk.terms, &statement);
    issue(1000, false);
    say("office", 1, VERDICT_PASS, 2000);
    say("other", 1, VERDICT_PASS, 2000);
    say("b", 1, VERDICT_FAIL, 2000); /* failed before: not held against the change */
    assert_int_equal(desk.lease.until, 21000);
    assert_true(lease_failing_until(&desk.lease, &desk.terms, why, sizeof(why)) == MONO_NEVER);
    assert_false(lease_may_confirm(&desk.lease, &desk.terms, why, sizeof(why)));
    assert_string_equal(why, "check database, which the change is to fix: unknown");
}

static void say_before(const char *check, enum verdict_value value)
{
    world_fill_statement(&statement, "b", PHASE_BASELINE, &body, &(struct nonce){{1}});
    world_add_verdict(&statement, check, value);
    lease_take_baseline(&desk.lease, &desk.terms, &statement);
}

static bool is_held(void)
{
    char why[REASON_SIZE];

    issue(1000, false);
    say("b", 1, VERDICT_FAIL, 2000);
    return lease_failing_until(&desk.lease, &desk.terms, why, sizeof(why)) != MONO_NEVER;
}

/* The controller chooses what a start carries, and in which order. */
static void test_held_if_it_ever_passed_before(void **state)
{
    (void)state;
    say_before("own", VERDICT_PASS);
    say_before("own", VERDICT_FAIL);
    assert_true(is_held());
}

static void test_held_in_any_order(void **state)
{
    (void)state;
    say_before("own", VERDICT_FAIL);
    say_before("own", VERDICT_PASS);
    assert_true(is_held());
}

static void test_excused_whatever_else_is_said(void **state)
{
    (void)state;
    say_before("own", VERDICT_FAIL);
    say_before("ssh", VERDICT_PASS);
    assert_false(is_held());
}

/* The last ones are kept of more objects than a record holds: shields come first. */
static void test_objects_are_cut(void **state)
{
    static struct world_prepare given;
    static char objects[20][96];
    char prepare[] = "prepare", name[] = "m1", sequence[] = "1";
    char *words[] = {prepare, name, sequence, NULL};

    (void)state;
    world_fill_prepare(&given, words);
    for (int i = 0; i < 20; i++) {
        struct text text = TEXT_IN(objects[i]);

        text_add(&text, "rule %d", i);
    }
    given.prepare.objects = (const char(*)[96])objects;
    given.prepare.objects_count = 20;
    trial_terms_fill(&desk.terms, "b", &given.prepare);
    world_prepare_done(&given);
    assert_int_equal(desk.terms.begin.objects_count, RECORD_OBJECTS_MAX);
    assert_string_equal(desk.terms.begin.objects[0], "rule 4");
    assert_string_equal(desk.terms.begin.objects[15], "rule 19");
}

/* Rule 8: start + apply + settle + lease, apply being what the plan was signed with. Where netplan
 * generates that is 20 s, however soon it is applied; the first proof has the last word. */
static void test_netplan_lengthens_the_first_deadline(void **state)
{
    const struct operation netplan = {.kind = OPERATION_FILE,
                                      .file.path = "/etc/netplan/60-x.yaml"};
    const struct operation networkd = {.kind = OPERATION_FILE,
                                       .file.path = "/etc/systemd/network/50-x.network"};
    const struct operation route = {.kind = OPERATION_ROUTE};
    struct patience slow = {0}, slower = {0}, quick = {0};

    (void)state;
    patience_add(&slower, &netplan);
    patience_add(&slow, &networkd);
    patience_add(&quick, &route);
    assert_int_equal(patience_apply_s(&slower), 20);
    assert_int_equal(patience_apply_s(&slow), 10);
    assert_int_equal(patience_apply_s(&quick), 1);
    desk.terms.apply_ms = 1000 * (mono_t)patience_apply_s(&quick);
    lease_begin(&desk.lease, &desk.terms, 500);
    assert_int_equal(desk.lease.until, 500 + 1000 + desk.terms.settle_ms + desk.terms.lease_ms);
    desk.terms.apply_ms = 1000 * (mono_t)patience_apply_s(&slower);
    lease_begin(&desk.lease, &desk.terms, 500);
    assert_int_equal(desk.lease.until, 500 + 20000 + desk.terms.settle_ms + desk.terms.lease_ms);
    issue(2000, false);
    all_say(1, 3000);
    assert_int_equal(desk.lease.until, 2000 + desk.terms.lease_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_before_the_first, set_up),
        cmocka_unit_test_setup(test_quorum_and_own, set_up),
        cmocka_unit_test_setup(test_own_is_asked, set_up),
        cmocka_unit_test_setup(test_source_is_asked, set_up),
        cmocka_unit_test_setup(test_too_late, set_up),
        cmocka_unit_test_setup(test_foreign_statements, set_up),
        cmocka_unit_test_setup(test_old_parts, set_up),
        cmocka_unit_test_setup(test_crossing, set_up),
        cmocka_unit_test_setup(test_own_failing_of_a_witness, set_up),
        cmocka_unit_test_setup(test_failing_is_newest, set_up),
        cmocka_unit_test_setup(test_last, set_up),
        cmocka_unit_test_setup(test_many_nonces, set_up),
        cmocka_unit_test_setup(test_excused, set_up),
        cmocka_unit_test_setup(test_held_if_it_ever_passed_before, set_up),
        cmocka_unit_test_setup(test_held_in_any_order, set_up),
        cmocka_unit_test_setup(test_excused_whatever_else_is_said, set_up),
        cmocka_unit_test_setup(test_objects_are_cut, set_up),
        cmocka_unit_test_setup(test_netplan_lengthens_the_first_deadline, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
