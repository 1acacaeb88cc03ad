/*
 * test_downlink: agents' sessions over a real link: who is let in as whom, and parked polls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/downlink_case.h"

/* ---- who is let in --------------------------------------------------------------------------- */

static void welcomes_by_the_rosters_key(void **state)
{
    const struct fleet_member *member = fleet_find(&place.desk.fleet, "a1");
    struct hello given = {0};
    const struct session_reply *reply;
    struct agent agent;

    (void)state;
    downlink_case_dial(&agent, PLACE_A1);
    reply = downlink_case_greet(&agent, &given);
    assert_int_equal(reply->kind, ANSWER_WELCOME);
    assert_string_equal(reply->controller, "controller");
    assert_int_equal(reply->checks_count, 3); /* ssh-reply-path, controller, database */
    assert_true(member->connected);
    assert_true(member->has_stack);
    assert_string_equal(member->boot_id, "boot-1");
    downlink_case_hang_up(&agent);
}

static void denies_a_bad_signature(void **state)
{
    struct hello given = {.key = place.members[PLACE_B2].agent};
    const struct session_reply *reply;
    struct agent agent;

    (void)state;
    downlink_case_dial(&agent, PLACE_A1);
    reply = downlink_case_greet(&agent, &given);
    assert_int_equal(reply->kind, ANSWER_DENY);
    assert_true(
        downlink_case_audit_says("refused", "a1: the challenge is not signed by its agent key"));
    assert_false(fleet_find(&place.desk.fleet, "a1")->connected);
    downlink_case_hang_up(&agent);
}

static void denies_a_challenge_used_twice(void **state)
{
    struct hello given = {0};
    struct agent agent;

    (void)state;
    downlink_case_dial(&agent, PLACE_A1);
    assert_int_equal(downlink_case_greet(&agent, &given)->kind, ANSWER_WELCOME);
    assert_int_equal(downlink_case_hello(&agent, &given)->kind, ANSWER_DENY);
    downlink_case_hang_up(&agent);
}

static void denies_an_unknown_name(void **state)
{
    struct agent agent;

    (void)state;
    downlink_case_dial(&agent, PLACE_A1);
    assert_int_equal(downlink_case_hello_begin(&agent, "stranger")->kind, ANSWER_DENY);
    assert_true(downlink_case_audit_says("refused", "stranger is not in roster version 1"));
    downlink_case_hang_up(&agent);
}

static void denies_another_name_on_a_bound_connection(void **state)
{
    struct agent agent;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    assert_int_equal(downlink_case_hello_begin(&agent, "b2")->kind, ANSWER_DENY);
    assert_true(downlink_case_audit_says("refused", "b2 on a connection that is bound to a1"));
    downlink_case_hang_up(&agent);
}

static void denies_before_hello(void **state)
{
    const struct session_reply *reply;
    struct agent agent;

    (void)state;
    downlink_case_dial(&agent, PLACE_A1);
    reply = downlink_case_poll(&agent, 0);
    assert_int_equal(reply->kind, ANSWER_DENY);
    assert_true(reply->hello_again);
    downlink_case_hang_up(&agent);
}

static char lost_name[] = "a1";

static void nonsense_ends_that_connection_only(void **state)
{
    static const uint8_t nonsense[] = {0xff, 0xff, 0xff, 0xff};
    struct agent bad;
    struct agent good;
    struct answer answer;

    (void)state;
    downlink_case_join(&good, PLACE_B2);
    downlink_case_join(&bad, PLACE_A1);
    downlink_case_begin(&bad, (struct bytes){nonsense, sizeof(nonsense)}, &answer);
    place_until(&place, downlink_case_is_done, &answer, "an answer or the end");
    downlink_case_drop(&answer);
    place_until(&place, downlink_case_is_lost, lost_name, "the connection's end");
    assert_int_equal(downlink_case_poll_for(&good, COMMAND_CHECKS)->kind, ANSWER_COMMAND);
    downlink_case_hang_up(&bad);
    downlink_case_hang_up(&good);
}

static void a_second_connection_is_fine_and_the_last_one_counts(void **state)
{
    struct hello given = {.extra = true};
    struct agent first;
    struct agent second;

    (void)state;
    downlink_case_join(&first, PLACE_A1);
    downlink_case_dial(&second, PLACE_A1);
    assert_int_equal(downlink_case_greet(&second, &given)->kind, ANSWER_WELCOME);
    downlink_case_hang_up(&first);
    for (unsigned i = 0; i < 50; i++)
        place_turn(&place);
    assert_true(fleet_find(&place.desk.fleet, "a1")->connected);
    downlink_case_hang_up(&second);
    place_until(&place, downlink_case_is_lost, lost_name, "both gone");
}

/* What stands is known for people; nothing goes ahead on what its guard said in another session. */
static void a_stack_is_good_for_its_session(void **state)
{
    const struct fleet_member *member = fleet_find(&place.desk.fleet, "a1");
    struct hello beside = {.extra = true, .guard_is_dead = true};
    struct hello again = {.guard_is_dead = true};
    static char name[] = "a1";
    struct agent first;
    struct agent second;
    struct agent third;

    (void)state;
    downlink_case_join(&first, PLACE_A1);
    assert_true(member->stack_is_of_session);
    downlink_case_dial(&second, PLACE_A1);
    assert_int_equal(downlink_case_greet(&second, &beside)->kind, ANSWER_WELCOME);
    assert_true(member->stack_is_of_session);
    assert_int_equal(downlink_case_greet(&second, &again)->kind, ANSWER_WELCOME);
    assert_false(member->stack_is_of_session);
    downlink_case_join(&third, PLACE_A1);
    assert_true(member->stack_is_of_session);
    downlink_case_hang_up(&first);
    downlink_case_hang_up(&second);
    downlink_case_hang_up(&third);
    place_until(&place, downlink_case_is_lost, name, "all gone");
    assert_false(member->stack_is_of_session);
    assert_true(member->has_stack);
}

static unsigned count_bound(const char *name)
{
    unsigned count = 0;

    for (const struct pipe *pipe = place.downlink->pipes; pipe != NULL; pipe = pipe->next)
        count += pipe->bound && text_equal(pipe->name, name);
    return count;
}

static bool has_no_more_than_its_places(void *context)
{
    return count_bound(context) <= NAME_PIPES_MAX;
}

/* Whatever its agent does: the oldest goes, the newest is answered, and the others keep theirs. */
static void one_name_has_few_connections(void **state)
{
    static char name[] = "a1";
    struct agent agents[NAME_PIPES_MAX + 2];
    struct hello again = {.extra = true};
    struct agent other;

    (void)state;
    downlink_case_join(&other, PLACE_B2);
    for (unsigned i = 0; i < NAME_PIPES_MAX + 2; i++) {
        downlink_case_dial(&agents[i], PLACE_A1);
        assert_int_equal(downlink_case_greet(&agents[i], &again)->kind, ANSWER_WELCOME);
        place_until(&place, has_no_more_than_its_places, name, "the oldest to be closed");
    }
    assert_int_equal(count_bound(name), NAME_PIPES_MAX);
    assert_int_equal(count_bound("b2"), 1);
    assert_true(fleet_find(&place.desk.fleet, name)->connected);
    for (unsigned i = 0; i < NAME_PIPES_MAX + 2; i++)
        downlink_case_hang_up(&agents[i]);
    downlink_case_hang_up(&other);
}

/* ---- new keys ---------------------------------------------------------------------------------
 */

static void replace_agent_key(const char *node, const struct sign_key *key)
{
    struct roster_entry entry = *roster_find(place.desk.roster, node);
    struct err err = ERR_INIT;

    sign_key_public(key, &entry.agent_key);
    assert_true(roster_put(place.desk.roster, &entry, &err));
}

/* The old host, or whoever has the keys that leaked: its report, its poll and its hello count for
 * nothing. */
static void a_replaced_agent_key_ends_its_session(void **state)
{
    AUTO_FREE struct session_request *report = downlink_case_request(ASK_REPORT);
    const struct fleet_member *member = fleet_find(&place.desk.fleet, "a1");
    struct sign_key *fresh = sign_key_generate();
    const struct session_reply *reply;
    struct hello old = {0};
    struct hello renewed = {.key = fresh};
    struct agent agent;
    struct agent other;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    downlink_case_join(&other, PLACE_B2);
    replace_agent_key("a1", fresh);
    downlink_tell_checks(place.downlink);
    assert_false(member->connected);
    assert_true(fleet_find(&place.desk.fleet, "b2")->connected);
    reply = downlink_case_ask(&agent, report);
    assert_int_equal(reply->kind, ANSWER_DENY);
    assert_true(reply->hello_again);
    assert_int_equal(downlink_case_poll(&agent, 0)->kind, ANSWER_DENY);
    assert_int_equal(downlink_case_greet(&agent, &old)->kind, ANSWER_DENY);
    assert_false(member->connected);
    assert_int_equal(downlink_case_greet(&agent, &renewed)->kind, ANSWER_WELCOME);
    assert_true(member->connected);
    downlink_tell_checks(place.downlink);
    assert_true(member->connected);
    downlink_case_hang_up(&agent);
    downlink_case_hang_up(&other);
    sign_key_free(fresh);
}

/* Not by what the lead makes of the new roster either, before the downlink is told; then a poll
 * that waits is answered at once. */
static void a_replaced_agent_key_is_given_no_command(void **state)
{
    AUTO_FREE struct session_request *request = downlink_case_request(ASK_POLL);
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct sign_key *fresh = sign_key_generate();
    const struct session_reply *reply;
    struct agent agent;
    struct answer answer;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    reply = downlink_case_poll_for(&agent, COMMAND_SNAPSHOT);
    request->id = reply->id;
    bytes = wire_encode_session_request(request);
    downlink_case_begin(&agent, wire_lend(&bytes), &answer);
    for (unsigned i = 0; i < 20; i++)
        place_turn(&place);
    assert_false(downlink_case_is_done(&answer));
    replace_agent_key("a1", fresh);
    outbox_put_snapshot(place.outbox, "a1");
    downlink_tell_checks(place.downlink);
    outbox_put_snapshot(place.outbox, "a1");
    reply = downlink_case_end(&agent, &answer);
    assert_int_equal(reply->kind, ANSWER_DENY);
    assert_true(reply->hello_again);
    downlink_case_hang_up(&agent);
    sign_key_free(fresh);
}

/* ---- polls ----------------------------------------------------------------------------------- */

static void a_parked_poll_is_answered_when_a_command_exists(void **state)
{
    AUTO_FREE struct session_request *request = downlink_case_request(ASK_POLL);
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    const struct session_reply *reply;
    struct agent agent;
    struct answer answer;
    uint64_t id;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    reply = downlink_case_poll_for(&agent, COMMAND_CHECKS);
    assert_int_equal(reply->watches_count, 1);
    assert_string_equal(reply->watches[0].node, "b2");
    reply = downlink_case_poll(&agent, reply->id);
    assert_int_equal(reply->command, COMMAND_SNAPSHOT);
    id = reply->id;

    request->id = id;
    bytes = wire_encode_session_request(request);
    downlink_case_begin(&agent, wire_lend(&bytes), &answer);
    for (unsigned i = 0; i < 20; i++)
        place_turn(&place);
    assert_false(downlink_case_is_done(&answer));
    outbox_put_snapshot(place.outbox, "a1");
    reply = downlink_case_end(&agent, &answer);
    assert_int_equal(reply->command, COMMAND_SNAPSHOT);
    assert_true(reply->id > id);
    downlink_case_hang_up(&agent);
}

static void an_unacknowledged_command_comes_again(void **state)
{
    const struct session_reply *reply;
    struct agent agent;
    uint64_t id;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    id = downlink_case_poll(&agent, 0)->id;
    reply = downlink_case_poll(&agent, 0);
    while (reply->command == COMMAND_NOTHING) /* a beat came before */
        reply = downlink_case_poll(&agent, 0);
    assert_int_equal(reply->id, id);
    downlink_case_hang_up(&agent);
}

static void numbers_of_an_earlier_life_are_passed(void **state)
{
    const struct session_reply *reply;
    struct agent agent;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    reply = downlink_case_poll(&agent, (uint64_t)1 << 60);
    assert_int_equal(reply->command, COMMAND_CHECKS);
    assert_true(reply->id > (uint64_t)1 << 60);
    downlink_case_hang_up(&agent);
}

static bool is_silent(void *context)
{
    return fleet_find(&place.desk.fleet, context)->silent;
}

/* Polls are answered by a beat; who does not ask again is known to be silent, and nothing follows
 * from it: his rollout stands where it stood. */
static void who_does_not_ask_again_is_silent(void **state)
{
    static char name[] = "a1";
    struct rollout_record before;
    struct agent agent;
    uint64_t id;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    downlink_case_start(1, &id);
    downlink_case_poll_for(&agent, COMMAND_NOTHING);
    assert_false(is_silent(name));
    before = lead_find(place.lead, id)->machine.record;
    place_until(&place, is_silent, name, "its silence");
    assert_true(fleet_find(&place.desk.fleet, name)->connected);
    assert_int_equal(fleet_health(fleet_find(&place.desk.fleet, name), clock_now()),
                     VERDICT_UNKNOWN);
    assert_memory_equal(&lead_find(place.lead, id)->machine.record, &before, sizeof(before));
    downlink_case_poll_for(&agent, COMMAND_NOTHING);
    assert_false(is_silent(name));
    downlink_case_hang_up(&agent);
}

#define WITH_PLACE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, downlink_case_open, downlink_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(welcomes_by_the_rosters_key),
        WITH_PLACE(denies_a_bad_signature),
        WITH_PLACE(denies_a_challenge_used_twice),
        WITH_PLACE(denies_an_unknown_name),
        WITH_PLACE(denies_another_name_on_a_bound_connection),
        WITH_PLACE(denies_before_hello),
        WITH_PLACE(nonsense_ends_that_connection_only),
        WITH_PLACE(a_second_connection_is_fine_and_the_last_one_counts),
        WITH_PLACE(a_stack_is_good_for_its_session),
        WITH_PLACE(one_name_has_few_connections),
        WITH_PLACE(a_replaced_agent_key_ends_its_session),
        WITH_PLACE(a_replaced_agent_key_is_given_no_command),
        WITH_PLACE(a_parked_poll_is_answered_when_a_command_exists),
        WITH_PLACE(an_unacknowledged_command_comes_again),
        WITH_PLACE(numbers_of_an_earlier_life_are_passed),
        WITH_PLACE(who_does_not_ask_again_is_silent),
    };

    return cmocka_run_group_tests_name("downlink", tests, NULL, NULL);
}
