/*
 * test_carry: a start carries what its guard needs, however much was signed, and by whom.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "controller/core/carry.h"
#include "tests/unit/rollout_script.h"

enum { NODES = NODES_MAX - 2 }; /* and office and laptop: no change has more */

struct world {
    struct rollout_script script;
    FILE *out;
    uint32_t count;
    struct carry list[CARRY_MAX];
};

static __attribute__((format(printf, 2, 3))) void play(struct world *world, const char *format, ...)
{
    char line[1280];
    va_list values;

    va_start(values, format);
    vsnprintf(line, sizeof(line), format, values);
    va_end(values);
    if (!rollout_script_play(&world->script, line, world->out))
        fail_msg("%s", world->script.message);
}

static struct nonce nonce_of(unsigned number)
{
    struct nonce nonce;

    memset(nonce.bytes, (int)number, NONCE_SIZE);
    return nonce;
}

static struct carry make(const char *signer, enum phase phase, unsigned nonce, bool passes)
{
    struct carry statement = {.nonce = nonce_of(nonce), .phase = phase, .passes = passes};

    text_copy(statement.subject, NAME_SIZE, "last");
    text_copy(statement.signer, NAME_SIZE, signer);
    return statement;
}

static int keep(struct world *world, const char *signer, enum phase phase, unsigned nonce,
                bool passes)
{
    struct carry statement = make(signer, phase, nonce, passes);
    int place = carry_place(world->script.rollout, world->list, world->count, &statement);

    if (place < 0)
        return place;
    world->list[place] = statement;
    if ((uint32_t)place == world->count)
        world->count++;
    return place;
}

static uint32_t pick(const struct world *world, unsigned nonce, uint32_t *ret_places)
{
    struct nonce wanted = nonce_of(nonce);

    return carry_pick(world->list, world->count, "last", &wanted, ret_places);
}

/* All nodes but the last have confirmed, it has prepared over nonce 1. */
static int make_world(void **state)
{
    struct world *world = mem_alloc(1, sizeof(*world));
    char fleet[1200] = "fleet n0 |";
    struct text line = TEXT_IN(fleet);

    *state = world;
    world->out = fopen("/dev/null", "w");
    assert_non_null(world->out);
    line.len = strlen(fleet);
    for (unsigned i = 1; i < NODES - 1; i++)
        text_add(&line, " n%u", i);
    text_add(&line, " | last pause=none");
    rollout_script_init(&world->script);
    play(world, "%s", fleet);
    play(world, "start anna");
    for (unsigned i = 0; i < NODES - 1; i++)
        play(world, "hello n%u never", i);
    play(world, "hello last never");
    play(world, "gates pass");
    for (unsigned i = 0; i < NODES - 1; i++) {
        if (i == 1) {
            play(world, "hello n0 confirmed 1");
            for (unsigned j = 1; j < NODES - 1; j++)
                play(world, "hello n%u never", j);
            play(world, "hello last never");
            play(world, "gates pass");
        }
        play(world, "receipt n%u confirmed 1", i);
    }
    for (unsigned i = 0; i < NODES - 1; i++)
        play(world, "hello n%u confirmed 1", i);
    play(world, "hello last never");
    play(world, "gates pass");
    play(world, "prepared last 1");
    assert_int_equal(world->script.rollout->record.stage, 2);
    return 0;
}

static int end_world(void **state)
{
    struct world *world = *state;

    fclose(world->out);
    rollout_script_done(&world->script);
    free(world);
    return 0;
}

static void all_earlier_ones_come_along(void **state)
{
    struct world *world = *state;
    uint32_t places[STATEMENTS_MAX];
    char name[NAME_SIZE];
    const uint32_t wanted = 2 * (NODES - 1) + 3;

    for (int i = NODES - 2; i >= 0; i--) {
        snprintf(name, sizeof(name), "n%d", i);
        keep(world, name, PHASE_STANDING, 1, true);
        keep(world, name, PHASE_BASELINE, 1, i % 2 == 0);
    }
    keep(world, "office", PHASE_BASELINE, 1, true);
    keep(world, "laptop", PHASE_BASELINE, 1, false);
    keep(world, "last", PHASE_BASELINE, 1, false);
    assert_int_equal(world->count, wanted);
    assert_int_equal(pick(world, 1, places), wanted);
    for (unsigned i = 0; i < NODES - 1; i++)
        assert_int_equal(world->list[places[i]].phase, PHASE_STANDING);
    assert_string_equal(world->list[places[NODES - 1]].signer, "last");
    for (unsigned i = 0; i < NODES / 2 + 1; i++) /* n0, n2, .. and office see it */
        assert_true(world->list[places[NODES + i]].passes);
    assert_int_equal(pick(world, 2, places), 0);
}

static void keeps_only_what_a_start_needs(void **state)
{
    struct world *world = *state;

    assert_int_equal(keep(world, "n1", PHASE_BASELINE, 9, true), -1); /* a nonce of nobody */
    assert_int_equal(keep(world, "stranger", PHASE_BASELINE, 1, true), -1);
    assert_int_equal(keep(world, "last", PHASE_STANDING, 1, true), -1);
    assert_int_equal(keep(world, "office", PHASE_STANDING, 1, true), -1);
    assert_int_equal(keep(world, "n1", PHASE_RENEWAL, 1, true), -1);
    assert_int_equal(world->count, 0);
    assert_int_equal(keep(world, "n1", PHASE_BASELINE, 1, false), 0);
    assert_int_equal(keep(world, "n1", PHASE_BASELINE, 1, true), 0);
    assert_int_equal(keep(world, "n1", PHASE_BASELINE, 1, false), -1);
    assert_int_equal(keep(world, "n1", PHASE_STANDING, 1, true), 1);
}

static void goes_over_to_the_next_nonce(void **state)
{
    struct world *world = *state;
    uint32_t places[STATEMENTS_MAX];

    assert_int_equal(keep(world, "n1", PHASE_BASELINE, 1, true), 0);
    assert_int_equal(keep(world, "n2", PHASE_BASELINE, 1, true), 1);
    play(world, "wait 30");
    play(world, "prepared last 2");
    assert_int_equal(keep(world, "n3", PHASE_BASELINE, 1, true), -1);
    assert_int_equal(keep(world, "n3", PHASE_BASELINE, 2, true), 0);
    assert_int_equal(keep(world, "n2", PHASE_BASELINE, 2, false), 1);
    assert_int_equal(keep(world, "n1", PHASE_BASELINE, 2, true), 2);
    assert_int_equal(pick(world, 1, places), 0);
    assert_int_equal(pick(world, 2, places), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_earlier_ones_come_along, make_world, end_world),
        cmocka_unit_test_setup_teardown(keeps_only_what_a_start_needs, make_world, end_world),
        cmocka_unit_test_setup_teardown(goes_over_to_the_next_nonce, make_world, end_world),
    };

    return cmocka_run_group_tests_name("carry", tests, NULL, NULL);
}
