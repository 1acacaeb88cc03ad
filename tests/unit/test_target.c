/*
 * test_target: the who-knows-what table of docs/protocol.md, cell by cell, and what a stack says.
 */
#include "controller/core/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/text.h"

static const struct {
    enum target_says says;
    enum target_action nothing, change, revert;
} cells[] = {
    {SAYS_NOTHING, ACTION_LEARN, ACTION_LEARN, ACTION_LEARN},
    {SAYS_NEVER, ACTION_NONE, ACTION_OFFER, ACTION_TOMBSTONE},
    {SAYS_PREPARED, ACTION_NONE, ACTION_OFFER, ACTION_TOMBSTONE},
    {SAYS_REFUSED, ACTION_NONE, ACTION_OFFER, ACTION_TOMBSTONE},
    {SAYS_ON_TRIAL, ACTION_END, ACTION_GO_ON, ACTION_END},
    {SAYS_CONFIRMED, ACTION_ASK_PERSON, ACTION_RECORD, ACTION_POP},
    {SAYS_REVERTING, ACTION_LEARN, ACTION_FAIL, ACTION_LEARN},
    {SAYS_ENDED, ACTION_NONE, ACTION_FAIL, ACTION_NONE},
};
_Static_assert(sizeof(cells) / sizeof(cells[0]) == SAYS_COUNT, "every row");

static void chooses_by_the_table(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SAYS_COUNT; i++) {
        assert_int_equal(target_choose(cells[i].says, WANTS_NOTHING), cells[i].nothing);
        assert_int_equal(target_choose(cells[i].says, WANTS_CHANGE), cells[i].change);
        assert_int_equal(target_choose(cells[i].says, WANTS_REVERT), cells[i].revert);
    }
}

static void names_everything(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SAYS_COUNT; i++)
        assert_string_not_equal(target_says_name((enum target_says)i), "unknown");
    for (unsigned i = 0; i < WANTS_COUNT; i++)
        assert_string_not_equal(target_wants_name((enum target_wants)i), "unknown");
    assert_string_equal(target_says_name(SAYS_COUNT), "unknown");
}

/* ---- stacks --------------------------------------------------------------------------------- */

static struct generation_id make_id(uint8_t sequence, uint8_t start)
{
    struct generation_id id = {.attempt.sequence = sequence};

    memset(id.attempt.body.bytes, 7, HASH_SIZE);
    memset(id.start.bytes, start, NONCE_SIZE);
    return id;
}

static const struct {
    const char *state;
    bool open;
    enum target_says says;
} trials[] = {
    {"preparing", false, SAYS_PREPARED},  {"prepared", false, SAYS_PREPARED},
    {"starting", false, SAYS_PREPARED},   {"starting", true, SAYS_ON_TRIAL},
    {"applying", true, SAYS_ON_TRIAL},    {"settling", true, SAYS_ON_TRIAL},
    {"first nonce", true, SAYS_ON_TRIAL}, {"soaking", true, SAYS_ON_TRIAL},
    {"last nonce", true, SAYS_ON_TRIAL},  {"confirming", true, SAYS_ON_TRIAL},
    {"confirmed", true, SAYS_ON_TRIAL},   {"reverting", true, SAYS_REVERTING},
    {"verifying", true, SAYS_REVERTING},  {"closing", true, SAYS_REVERTING},
    {"closing", false, SAYS_NEVER},       {"a new word", true, SAYS_ON_TRIAL},
};

static void reads_the_open_trial(void **state)
{
    struct generation_id mine = make_id(3, 1);
    struct generation_id other = make_id(4, 2);
    struct nonce start;

    (void)state;
    for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
        struct stack stack = {.trial_open = trials[i].open, .trial = mine};

        text_copy(stack.trial_state, sizeof(stack.trial_state), trials[i].state);
        assert_int_equal(target_read_stack(&stack, &mine.attempt, &start), trials[i].says);
        assert_true(nonce_equal(&start, &mine.start));
        assert_int_equal(target_read_stack(&stack, &other.attempt, &start), SAYS_NEVER);
        assert_true(nonce_is_zero(&start));
    }
}

static void reads_the_generations(void **state)
{
    struct generation_id mine = make_id(3, 1);
    struct generation_id above = make_id(4, 2);
    struct stack stack = {.generations_count = 1, .generations[0].id = mine, .trial_state = "idle"};
    struct nonce start;

    (void)state;
    assert_int_equal(target_read_stack(&stack, &mine.attempt, &start), SAYS_CONFIRMED);
    assert_true(nonce_equal(&start, &mine.start));
    text_copy(stack.trial_state, sizeof(stack.trial_state), "closing");
    assert_int_equal(target_read_stack(&stack, &mine.attempt, &start), SAYS_CONFIRMED);
    text_copy(stack.trial_state, sizeof(stack.trial_state), "popping");
    assert_int_equal(target_read_stack(&stack, &mine.attempt, &start), SAYS_REVERTING);
    /* The trial above it is reverting, not this one. */
    stack.trial_open = true;
    stack.trial = above;
    text_copy(stack.trial_state, sizeof(stack.trial_state), "reverting");
    assert_int_equal(target_read_stack(&stack, &mine.attempt, &start), SAYS_CONFIRMED);
    /* Another generation above it is being popped. */
    stack.trial_open = false;
    stack.generations[1].id = above;
    stack.generations_count = 2;
    assert_int_equal(target_read_stack(&stack, &mine.attempt, &start), SAYS_CONFIRMED);
    assert_int_equal(target_read_stack(&stack, &above.attempt, &start), SAYS_REVERTING);
}

/* ---- in words ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum target_says says;
    enum receipt_kind receipt;
    bool in_doubt, listed, started, silent, heard, lost;
} words[] = {
    {"waiting", SAYS_NOTHING, RECEIPT_KIND_COUNT, false, false, false, false, false, false},
    {"waiting", SAYS_NEVER, RECEIPT_KIND_COUNT, false, false, false, false, true, false},
    {"unreachable", SAYS_NOTHING, RECEIPT_KIND_COUNT, false, false, false, true, false, false},
    {"prepared", SAYS_PREPARED, RECEIPT_KIND_COUNT, false, false, false, false, true, false},
    {"applying", SAYS_PREPARED, RECEIPT_KIND_COUNT, true, false, true, false, true, false},
    {"refused", SAYS_REFUSED, RECEIPT_KIND_COUNT, false, false, false, false, true, false},
    {"in doubt", SAYS_NEVER, RECEIPT_KIND_COUNT, true, false, false, false, true, false},
    {"on trial", SAYS_ON_TRIAL, RECEIPT_KIND_COUNT, true, false, false, false, true, false},
    {"in doubt", SAYS_ON_TRIAL, RECEIPT_KIND_COUNT, true, false, false, true, true, false},
    {"unreachable", SAYS_ON_TRIAL, RECEIPT_KIND_COUNT, true, true, false, true, false, false},
    {"in doubt", SAYS_CONFIRMED, RECEIPT_KIND_COUNT, true, false, false, false, true, false},
    {"confirmed", SAYS_CONFIRMED, RECEIPT_CONFIRMED, false, false, false, false, true, false},
    {"reverting", SAYS_REVERTING, RECEIPT_KIND_COUNT, true, false, false, false, true, false},
    {"incomplete", SAYS_REVERTING, RECEIPT_INCOMPLETE, true, true, false, false, true, false},
    {"incomplete", SAYS_CONFIRMED, RECEIPT_CONFIRMED, false, true, false, false, true, false},
    {"unreachable", SAYS_CONFIRMED, RECEIPT_CONFIRMED, false, true, false, true, false, false},
    {"unreachable", SAYS_CONFIRMED, RECEIPT_CONFIRMED, false, true, false, false, true, true},
    {"incomplete", SAYS_REVERTING, RECEIPT_INCOMPLETE, true, true, false, false, true, true},
    {"reverted", SAYS_ENDED, RECEIPT_REVERTED, false, false, false, false, true, false},
    {"popped", SAYS_ENDED, RECEIPT_POPPED, false, false, false, false, true, false},
    {"tombstone", SAYS_ENDED, RECEIPT_TOMBSTONE, false, false, false, false, true, false},
};

static void says_its_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct target_record record = {.says = words[i].says,
                                       .receipt = words[i].receipt,
                                       .in_doubt = words[i].in_doubt,
                                       .listed = words[i].listed};
        struct target target = {.record = &record,
                                .started = words[i].started,
                                .silent = words[i].silent,
                                .heard = words[i].heard,
                                .connected = words[i].heard && !words[i].lost};

        assert_string_equal(target_state_name(&target), words[i].name);
    }
}

/* Another journal than the one that had begun it. */
static void says_that_it_is_in_doubt(void **state)
{
    struct target_record record = {.says = SAYS_PREPARED, .receipt = RECEIPT_KIND_COUNT};
    struct target target = {.record = &record};

    (void)state;
    assert_false(target_is_unknown_to_guard(&record));
    record.begun = true;
    assert_true(target_is_unknown_to_guard(&record));
    assert_string_equal(target_state_name(&target), "in doubt");
    record.says = SAYS_NEVER;
    assert_string_equal(target_state_name(&target), "in doubt");
    assert_false(target_is_unknown_to_guard(&record));
    record = (struct target_record){.says = SAYS_PREPARED, .receipt = RECEIPT_CONFIRMED};
    assert_true(target_is_unknown_to_guard(&record));
}

static void tells_ends_and_open_trials(void **state)
{
    struct target_record record = {.says = SAYS_CONFIRMED, .receipt = RECEIPT_CONFIRMED};
    struct target target = {.record = &record};

    (void)state;
    assert_true(target_is_confirmed(&target));
    assert_false(target_is_open(&target));
    record.in_doubt = true;
    assert_false(target_is_confirmed(&target));
    assert_true(target_is_open(&target));
    record = (struct target_record){.says = SAYS_ENDED, .receipt = RECEIPT_POPPED};
    assert_true(target_is_ended(&target));
    assert_false(target_is_open(&target));
    /* Its word alone is no receipt. */
    record = (struct target_record){.says = SAYS_CONFIRMED, .receipt = RECEIPT_KIND_COUNT};
    assert_false(target_is_confirmed(&target));
}

/* A refusal, a tombstone, what is prepared: its guard never took the start. */
static void knows_who_has_begun(void **state)
{
    static const bool says[SAYS_COUNT] = {
        [SAYS_ON_TRIAL] = true, [SAYS_CONFIRMED] = true, [SAYS_REVERTING] = true};
    struct target_record record;

    (void)state;
    for (unsigned i = 0; i < SAYS_COUNT; i++) {
        record = (struct target_record){.says = (enum target_says)i, .receipt = RECEIPT_KIND_COUNT};
        assert_int_equal(target_has_begun(&record), says[i]);
    }
    record = (struct target_record){.says = SAYS_ENDED, .receipt = RECEIPT_TOMBSTONE};
    assert_false(target_has_begun(&record));
    record.receipt = RECEIPT_REVERTED;
    assert_true(target_has_begun(&record));
}

/* Of one that left the roster: only where something may stand, root has to look. */
static void knows_whom_it_let_go(void **state)
{
    static const bool untouched[SAYS_COUNT] = {
        [SAYS_NEVER] = true, [SAYS_PREPARED] = true, [SAYS_REFUSED] = true, [SAYS_ENDED] = true};
    struct target_record record;

    (void)state;
    for (unsigned i = 0; i < SAYS_COUNT; i++) {
        record = (struct target_record){.says = (enum target_says)i, .wants = WANTS_NOTHING};
        assert_int_equal(target_was_let_go(&record), !untouched[i]);
        /* A start was sent, and no receipt came: whatever it said since. */
        record.in_doubt = true;
        assert_int_equal(target_was_let_go(&record), i != SAYS_ENDED);
        record.wants = WANTS_REVERT;
        assert_false(target_was_let_go(&record));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_by_the_table),
        cmocka_unit_test(names_everything),
        cmocka_unit_test(reads_the_open_trial),
        cmocka_unit_test(reads_the_generations),
        cmocka_unit_test(says_its_state),
        cmocka_unit_test(says_that_it_is_in_doubt),
        cmocka_unit_test(tells_ends_and_open_trials),
        cmocka_unit_test(knows_who_has_begun),
        cmocka_unit_test(knows_whom_it_let_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
