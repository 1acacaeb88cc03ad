/*
 * test_carry_work: what the guard's shell writes and says of a trial beside its records: undo.txt
 * when it has something to undo, that the disk does not take it, and each undone step in its place.
 *
 * The linker puts this file's syncs, clock and log in place of the real ones, and an undo that goes
 * well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/guard/io/guard.h"
#include "agent/guard/io/undo_text.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "tests/unit/journal_case.h"

enum { PATIENCE_MS = 10000, PACE_MS = 5, LINES_MAX = 32, WANTED_MS = 10, LATE_MS = 5000 };

/* ---- disk, clock, log, kernel ---------------------------------------------------------------- */

static atomic_bool record_hangs, text_hangs;
static sem_t hanging, released; /* posted by who hangs, and for it */

static void hang(void)
{
    sem_post(&hanging);
    while (sem_wait(&released) != 0)
        ;
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    if (atomic_exchange(&record_hangs, false))
        hang();
    return __real_fdatasync(fd);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    if (atomic_exchange(&text_hangs, false))
        hang();
    return __real_fsync(fd);
}

static atomic_llong ahead_ms;

mono_t __real_clock_now(void);
mono_t __wrap_clock_now(void);
mono_t __wrap_clock_now(void)
{
    return __real_clock_now() + atomic_load(&ahead_ms);
}

struct scene {
    void *place; /* journal_case */
    struct guard guard;
};

static struct scene *playing;
static struct said {
    char text[SENTENCE_SIZE];
    bool busy; /* the worker had something to do then */
} said[LINES_MAX];
static unsigned said_count;

static void hear(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

static void hear(const char *format, va_list arguments)
{
    assert_true(said_count < LINES_MAX);
    vsnprintf(said[said_count].text, SENTENCE_SIZE, format, arguments);
    said[said_count++].busy = playing->guard.backlog.busy;
}

void __wrap_log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void __wrap_log_info(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    hear(format, arguments);
    va_end(arguments);
}

void __wrap_log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void __wrap_log_warning(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    hear(format, arguments);
    va_end(arguments);
}

/* Of the line that begins so, or -1. */
static int find_said(const char *begins)
{
    for (unsigned i = 0; i < said_count; i++) {
        if (strncmp(said[i].text, begins, strlen(begins)) == 0)
            return (int)i;
    }
    return -1;
}

enum revert_outcome __wrap_apply_undo(const struct apply *how, const struct undo_item *item,
                                      char *ret_why, size_t size);
enum revert_outcome __wrap_apply_undo(const struct apply *how, const struct undo_item *item,
                                      char *ret_why, size_t size)
{
    (void)how;
    (void)item;
    text_copy(ret_why, size, "");
    return REVERT_DONE;
}

/* ---- the scene ------------------------------------------------------------------------------- */

enum { STEPS = 2 };

/* A trial has begun, of a shield and another; nothing of it is intended yet. */
static void begin(struct journal_case *place)
{
    struct guard_record record = {.kind = RECORD_BEGIN, .id = journal_case_id(1)};
    struct journal_extra extra = {.generation = journal_case_make_generation(&record.id)};

    extra.generation->items =
        mem_resize(extra.generation->items, STEPS, sizeof(*extra.generation->items));
    memset(&extra.generation->items[1], 0, sizeof(*extra.generation->items));
    journal_case_fill_item(&extra.generation->items[1]);
    extra.generation->items[1].operation = 1;
    extra.generation->items_count = STEPS;
    text_copy(record.begin.change, sizeof(record.begin.change), "change-1");
    record.begin.operations_count = STEPS;
    journal_case_append(place, &record, &extra);
}

/* Its worker never ends, so it is never freed. */
static struct keep *kept[8];
static unsigned kept_count;

static int make_scene(void **state)
{
    const struct apply none = {.tailscale_socket = NULL};
    struct scene *scene = mem_alloc(1, sizeof(*scene));
    struct guard *guard = &scene->guard;
    struct journal_case *place;
    struct err err = ERR_INIT;

    journal_case_set_up(&scene->place);
    place = scene->place;
    journal_case_open_again(place);
    begin(place);
    assert_int_equal(sem_init(&hanging, 0, 0), 0);
    assert_int_equal(sem_init(&released, 0, 0), 0);
    atomic_store(&ahead_ms, 0);
    said_count = 0;
    guard->journal = place->journal;
    guard->ledger = place->ledger;
    guard->trial = mem_alloc(1, sizeof(*guard->trial));
    guard->effects = mem_alloc(1, sizeof(*guard->effects));
    guard->key = sign_key_generate();
    trial_init(guard->trial, guard->ledger, "b");
    guard->worker = worker_start(&none);
    guard->writer = writer_start(place->journal, place->state);
    snprintf(guard->config.socket, PATH_SIZE, "%s/guard.sock", place->state);
    assert_string_equal(keep_open(guard, &err) ? "" : err.text, "");
    kept[kept_count++] = guard->keep;
    playing = scene;
    *state = scene;
    return 0;
}

static bool is_back(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLIN};

    return poll(&look, 1, PATIENCE_MS) == 1;
}

/* What a step recorded and nobody took is written in the journal that is about to go. */
static void finish_records(struct writer *writer)
{
    bool synced = false;

    writer_give_take(writer, write_new(WRITE_SYNC));
    while (!synced && is_back(writer_fd(writer))) {
        struct write *write = writer_take(writer);

        synced = write != NULL && write->kind == WRITE_SYNC;
        write_free(write);
    }
    assert_true(synced);
}

/* Its threads wait at their mailboxes until the process ends. */
static int end_scene(void **state)
{
    struct scene *scene = *state;

    finish_records(scene->guard.writer);
    journal_case_tear_down(&scene->place);
    sign_key_free(scene->guard.key);
    guard_report_done(&scene->guard.progress);
    free(scene->guard.effects);
    free(scene->guard.trial);
    free(scene->guard.backlog.orders);
    free(scene);
    return 0;
}

static void wait_hanging(void)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    assert_int_equal(sem_timedwait(&hanging, &until), 0);
}

static bool text_has(const struct scene *scene, const char *words)
{
    const struct journal_case *place = scene->place;
    char path[128], text[4096] = "";
    FILE *file;

    snprintf(path, sizeof(path), "%s/undo.txt", place->state);
    file = fopen(path, "r");
    if (file == NULL)
        return false;
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return strstr(text, words) != NULL;
}

static bool comes_to_have(const struct scene *scene, const char *words)
{
    mono_t until = __real_clock_now() + PATIENCE_MS;

    while (!text_has(scene, words) && __real_clock_now() < until)
        poll(NULL, 0, PACE_MS);
    return text_has(scene, words);
}

static void take_written(struct guard *guard)
{
    assert_true(is_back(writer_fd(guard->writer)));
    carry_take_written(guard);
}

static void record(struct guard *guard, struct guard_record what)
{
    struct guard_effect effect = {.kind = DO_RECORD, .id = what.id};

    effect.record.durable = true;
    effect.record.record = what;
    carry_effect(guard, &effect);
}

static void record_first_intent(struct guard *guard)
{
    record(guard, (struct guard_record){.kind = RECORD_INTENT, .id = journal_case_id(1)});
}

static void record_applied(struct guard *guard)
{
    record(guard, (struct guard_record){
                      .kind = RECORD_MARK, .id = journal_case_id(1), .mark = MARK_APPLIED});
}

static void undo_from(struct guard *guard, uint32_t step)
{
    guard->trial->id = journal_case_id(1);
    guard->trial->state = TRIAL_REVERTING;
    guard->trial->budget_until = MONO_NEVER;
    ledger_fill_revert(&guard->ledger->open, &guard->trial->revert);
    for (uint32_t i = 0; i < STEPS; i++)
        guard->trial->revert.steps[i].touched = true;
    assert_int_equal(revert_begin(&guard->trial->revert, step, clock_now()), 0);
    carry_order(guard,
                &(struct work_order){.kind = WORK_UNDO, .id = guard->trial->id, .operation = step});
    carry_pump(guard);
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* A first step that takes longer than 10 ms, as here its intent does, is not waited for. */
static void undo_text_waits_10_ms_for_the_first_steps(void **state)
{
    struct scene *scene = *state;
    struct guard *guard = &scene->guard;

    atomic_store(&record_hangs, true);
    record_first_intent(guard);
    wait_hanging();
    assert_int_equal(guard->undo_text.given, 0);
    assert_true(undo_text_deadline(guard) <= clock_now() + WANTED_MS);
    atomic_store(&ahead_ms, WANTED_MS);
    undo_text_tick(guard);
    assert_true(comes_to_have(scene, "# open trial change-1"));
    undo_text_tick(guard);
    assert_int_equal(guard->undo_text.given, 1);
    sem_post(&released);
    for (int i = 0; i < 2; i++)
        take_written(guard);
    assert_int_equal(undo_text_deadline(guard), MONO_NEVER);
}

static void undo_text_is_given_when_all_is_applied(void **state)
{
    struct scene *scene = *state;
    struct guard *guard = &scene->guard;

    record_first_intent(guard);
    take_written(guard);
    assert_int_equal(guard->undo_text.given, 0);
    record_applied(guard);
    take_written(guard);
    assert_true(comes_to_have(scene, "# open trial change-1"));
    take_written(guard);
    assert_int_equal(guard->undo_text.given, 1);
    assert_int_equal(undo_text_deadline(guard), MONO_NEVER);
}

/* The loop wakes for it; it is said once, and again when the disk has answered. */
static void a_disk_that_does_not_take_undo_text_is_said(void **state)
{
    struct scene *scene = *state;
    struct guard *guard = &scene->guard;

    assert_int_equal(undo_text_deadline(guard), MONO_NEVER);
    atomic_store(&text_hangs, true);
    undo_text_give(guard);
    wait_hanging();
    undo_text_give(guard);
    undo_text_tick(guard);
    assert_int_equal(said_count, 0);
    assert_true(undo_text_deadline(guard) <= clock_now() + LATE_MS);
    atomic_store(&ahead_ms, LATE_MS);
    undo_text_tick(guard);
    undo_text_tick(guard);
    assert_int_equal(said_count, 1);
    assert_int_equal(find_said("undo.txt: expected to be written within 5 s"), 0);
    assert_int_equal(undo_text_deadline(guard), MONO_NEVER);
    sem_post(&released);
    take_written(guard);
    assert_int_equal(said_count, 1); /* the newest is not there yet */
    take_written(guard);
    assert_int_equal(find_said("undo.txt: the disk has answered"), 1);
    assert_int_equal(undo_text_deadline(guard), MONO_NEVER);
    undo_text_give(guard);
    assert_int_not_equal(undo_text_deadline(guard), MONO_NEVER);
    take_written(guard);
    assert_int_equal(said_count, 2);
}

/* What is undone is said before that all of it is; those before it behind the order of the next. */
static void each_undone_step_is_said_in_its_place(void **state)
{
    struct scene *scene = *state;
    struct guard *guard = &scene->guard;
    int all;

    undo_from(guard, STEPS - 1);
    for (int i = 0; i < STEPS; i++) {
        assert_true(is_back(worker_fd(guard->worker)));
        carry_take_work(guard);
    }
    all = find_said("verifying: all undone");
    assert_int_equal(all, STEPS);
    for (int i = 0; i < STEPS; i++) {
        assert_int_equal(strncmp(said[i].text, "undone: ", strlen("undone: ")), 0);
        assert_int_equal(said[i].busy, i < STEPS - 1);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_scene, end_scene)
    const struct CMUnitTest tests[] = {
        TEST(undo_text_waits_10_ms_for_the_first_steps),
        TEST(undo_text_is_given_when_all_is_applied),
        TEST(a_disk_that_does_not_take_undo_text_is_said),
        TEST(each_undone_step_is_said_in_its_place),
    };

    log_init("test_carry_work", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests_name("carry_work", tests, NULL, NULL);
}
