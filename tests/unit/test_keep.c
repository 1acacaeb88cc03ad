/*
 * test_keep: a look that puts back what is owned, beside an operation that takes its place.
 *
 * The linker puts this file's gates in front of kernel work: each is held until it is let go on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/io/guard.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/journal_case.h"

#define FORWARDING "net.ipv4.conf.eth0.forwarding"

enum { PATIENCE_MS = 10000, STAYS_MS = 200, PACE_MS = 5 };

/* What comes is counted, and goes on when that many may. */
struct barrier {
    atomic_uint came, may_pass;
};
static struct barrier look, apply;
static atomic_uint listed, listed_settings; /* of the last look: operations, sysctls among them */

static void pass(struct barrier *gate)
{
    unsigned number = 1 + atomic_fetch_add(&gate->came, 1);

    while (atomic_load(&gate->may_pass) < number)
        poll(NULL, 0, PACE_MS);
}

uint32_t __wrap_apply_assert(const struct apply *how, const struct operation *operations,
                             uint32_t count, uint32_t *ret_pending, struct err *err);
uint32_t __wrap_apply_assert(const struct apply *how, const struct operation *operations,
                             uint32_t count, uint32_t *ret_pending, struct err *err)
{
    unsigned settings = 0;

    (void)how;
    (void)err;
    for (uint32_t i = 0; i < count; i++)
        settings += operations[i].kind == OPERATION_SYSCTL;
    atomic_store(&listed, count);
    atomic_store(&listed_settings, settings);
    *ret_pending = 0;
    pass(&look);
    return 0;
}

bool __wrap_apply_run_joined(const struct apply *how, struct undo_item *items, uint32_t count,
                             uint32_t *ret_done, struct err *err);
bool __wrap_apply_run_joined(const struct apply *how, struct undo_item *items, uint32_t count,
                             uint32_t *ret_done, struct err *err)
{
    (void)how;
    (void)items;
    (void)err;
    *ret_done = count;
    pass(&apply);
    return true;
}

enum revert_outcome __wrap_apply_undo(const struct apply *how, const struct undo_item *item,
                                      char *ret_why, size_t size);
enum revert_outcome __wrap_apply_undo(const struct apply *how, const struct undo_item *item,
                                      char *ret_why, size_t size)
{
    (void)how;
    (void)item;
    text_copy(ret_why, size, "found another value");
    return REVERT_LEFT;
}

static bool has_come(struct barrier *gate, unsigned number, int timeout_ms)
{
    mono_t until = clock_now() + timeout_ms;

    while (atomic_load(&gate->came) < number && clock_now() < until)
        poll(NULL, 0, PACE_MS);
    return atomic_load(&gate->came) >= number;
}

/* ---- the scene ------------------------------------------------------------------------------ */

struct scene {
    void *place; /* journal_case */
    struct guard guard;
};

static void fill_setting(struct undo_item *item, uint32_t number, const char *value)
{
    memset(item, 0, sizeof(*item));
    item->operation = number;
    item->change.kind = OPERATION_SYSCTL;
    text_copy(item->change.sysctl.setting.name, SYSCTL_NAME_SIZE, FORWARDING);
    text_copy(item->change.sysctl.setting.value, SYSCTL_VALUE_SIZE, value);
    snapshot_init(&item->before);
    snapshot_init(&item->after);
}

/* A shield, where with_shield, and one setting behind it; the intent names all. */
static void begin(struct journal_case *place, uint8_t number, bool with_shield, const char *value)
{
    uint32_t count = with_shield ? 2 : 1;
    struct guard_record record = {.kind = RECORD_BEGIN, .id = journal_case_id(number)};
    struct journal_extra extra = {.generation = journal_case_make_generation(&record.id)};

    if (with_shield) {
        extra.generation->items =
            mem_resize(extra.generation->items, count, sizeof(*extra.generation->items));
    } else {
        undo_item_done(&extra.generation->items[0]);
    }
    fill_setting(&extra.generation->items[count - 1], count - 1, value);
    extra.generation->items_count = count;
    snprintf(record.begin.change, sizeof(record.begin.change), "change-%u", number);
    record.begin.operations_count = count;
    journal_case_append(place, &record, &extra);
    record = (struct guard_record){.kind = RECORD_INTENT, .id = record.id, .more = count - 1};
    journal_case_append(place, &record, NULL);
}

/* Its worker never ends, so it is never freed. */
static struct keep *kept[8];
static unsigned kept_count;

/* One change stands, with a shield and a setting. */
static int make_scene(void **state)
{
    const struct apply none = {.tailscale_socket = NULL};
    struct scene *scene = mem_alloc(1, sizeof(*scene));
    struct guard *guard = &scene->guard;
    struct err err = ERR_INIT;
    struct journal_case *place;

    journal_case_set_up(&scene->place);
    place = scene->place;
    journal_case_open_again(place);
    begin(place, 1, true, "1");
    journal_case_mark(place, 1, MARK_CONFIRMED);
    guard->journal = place->journal;
    guard->ledger = place->ledger;
    guard->trial = mem_alloc(1, sizeof(*guard->trial));
    trial_init(guard->trial, guard->ledger, "b");
    snprintf(guard->config.socket, PATH_SIZE, "%s/guard.sock", place->state);
    guard->worker = worker_start(&none);
    assert_string_equal(keep_open(guard, &err) ? "" : err.text, "");
    kept[kept_count++] = guard->keep;
    atomic_store(&look.came, 0);
    atomic_store(&look.may_pass, 0);
    atomic_store(&apply.came, 0);
    atomic_store(&apply.may_pass, 0);
    *state = scene;
    return 0;
}

/* Its threads wait at their mailboxes until the process ends. */
static int end_scene(void **state)
{
    struct scene *scene = *state;

    atomic_store(&look.may_pass, 100);
    atomic_store(&apply.may_pass, 100);
    journal_case_tear_down(&scene->place);
    free(scene->guard.trial);
    free(scene->guard.backlog.orders);
    free(scene);
    return 0;
}

/* Another change sets it to 0: its one operation is given to the worker. */
static void give_apply(struct scene *scene)
{
    struct guard *guard = &scene->guard;

    begin(scene->place, 2, false, "0");
    guard->trial->id = journal_case_id(2);
    guard->trial->state = TRIAL_APPLYING;
    carry_order(guard, &(struct work_order){.kind = WORK_APPLY, .id = guard->trial->id});
    carry_pump(guard);
}

static void take_look(struct guard *guard)
{
    struct pollfd done = {.fd = keep_worker_fd(guard), .events = POLLIN};

    assert_int_equal(poll(&done, 1, PATIENCE_MS), 1);
    keep_take_worker(guard);
}

/* ---- tests ---------------------------------------------------------------------------------- */

/* It has listed the old value, and would write it over the new one. */
static void no_apply_beside_a_look_that_began_before(void **state)
{
    struct scene *scene = *state;
    struct guard *guard = &scene->guard;

    keep_tick(guard);
    assert_true(has_come(&look, 1, PATIENCE_MS));
    assert_int_equal(listed, 2);
    assert_int_equal(listed_settings, 1);
    give_apply(scene);
    assert_false(has_come(&apply, 1, STAYS_MS));
    atomic_store(&look.may_pass, 1);
    take_look(guard);
    assert_true(has_come(&apply, 1, PATIENCE_MS));
}

/* Shields are put back meanwhile; what it takes the place of is not. */
static void a_look_beside_an_apply_leaves_its_objects(void **state)
{
    struct scene *scene = *state;
    struct guard *guard = &scene->guard;

    give_apply(scene);
    assert_true(has_come(&apply, 1, PATIENCE_MS));
    keep_tick(guard);
    assert_true(has_come(&look, 1, PATIENCE_MS));
    assert_int_equal(listed, 1);
    assert_int_equal(listed_settings, 0);
}

/* Where both are due, the apply comes first: looks that follow each other hold it up no longer. */
static void no_look_begins_while_an_apply_waits(void **state)
{
    struct scene *scene = *state;
    struct guard *guard = &scene->guard;

    keep_tick(guard);
    assert_true(has_come(&look, 1, PATIENCE_MS));
    give_apply(scene);
    keep_want(guard, true);
    assert_int_equal(keep_deadline(guard), MONO_NEVER);
    atomic_store(&look.may_pass, 1);
    take_look(guard);
    assert_true(has_come(&apply, 1, PATIENCE_MS));
    assert_int_not_equal(keep_deadline(guard), MONO_NEVER);
}

/* As the loop does: it may be due a moment later than now. */
static void tick_when_due(struct guard *guard)
{
    while (clock_now() < keep_deadline(guard))
        poll(NULL, 0, 1);
    keep_tick(guard);
}

/* What it leaves may be what a reboot made of it: then the change below has its value to put. */
static void what_an_undo_leaves_is_looked_at(void **state)
{
    struct scene *scene = *state;
    struct guard *guard = &scene->guard;
    struct journal_case *place = scene->place;
    struct pollfd done = {.events = POLLIN};

    atomic_store(&look.may_pass, 100);
    keep_tick(guard);
    take_look(guard);
    begin(place, 2, false, "0");
    guard->effects = mem_alloc(1, sizeof(*guard->effects));
    guard->writer = writer_start(guard->journal, place->state);
    guard->key = sign_key_generate();
    guard->trial->id = journal_case_id(2);
    guard->trial->state = TRIAL_REVERTING;
    guard->trial->budget_until = MONO_NEVER;
    ledger_fill_revert(&guard->ledger->open, &guard->trial->revert);
    assert_int_equal(revert_begin(&guard->trial->revert, 0, clock_now()), 0);
    carry_order(guard, &(struct work_order){.kind = WORK_UNDO, .id = guard->trial->id});
    carry_pump(guard);
    done.fd = worker_fd(guard->worker);
    assert_int_equal(poll(&done, 1, PATIENCE_MS), 1);
    carry_take_work(guard);
    assert_int_not_equal(keep_deadline(guard), MONO_NEVER);
    tick_when_due(guard);
    assert_true(has_come(&look, 2, PATIENCE_MS));
    assert_int_equal(listed_settings, 1);
    sign_key_free(guard->key);
    free(guard->effects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_apply_beside_a_look_that_began_before, make_scene,
                                        end_scene),
        cmocka_unit_test_setup_teardown(a_look_beside_an_apply_leaves_its_objects, make_scene,
                                        end_scene),
        cmocka_unit_test_setup_teardown(no_look_begins_while_an_apply_waits, make_scene, end_scene),
        cmocka_unit_test_setup_teardown(what_an_undo_leaves_is_looked_at, make_scene, end_scene),
    };

    return cmocka_run_group_tests_name("keep", tests, NULL, NULL);
}
