/*
 * examine: the checks of this agent at rest.
 */
#include "agent/io/examine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/schedule.h"
#include "agent/io/trying.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"

enum {
    ENTRIES_MAX = CHECKS_MAX + NODES_MAX,
    TRYING_MAX = 12, /* probes at rest at once: dumps and trials need workers too */
    WAIT_MAX_MS = 60000,
};

/* One check or watch. On the heap: a probe that is under way comes back to it. */
struct entry {
    struct examiner *examiner;
    struct check check;
    bool watch, gone; /* gone: not listed any more, freed when its probe is back */
    struct check_state state;
    struct probe_clock clock;
    bool has_result;
    struct probe_result result;
    bool was_judged;
    struct verdict judged; /* last fresh verdict */
    mono_t judged_at;
};

struct examiner {
    struct examiner_options options;
    uv_timer_t timer;
    uint32_t entries_count;
    struct entry *entries[ENTRIES_MAX];
    struct handshakes handshakes;
    unsigned trying_count;
    bool doubted; /* what observer_now() has is too old, and all was judged by that */
    struct probe_result controller;
    mono_t controller_heard_at;
};

static void go_on(struct examiner *examiner);

/* ---- judging --------------------------------------------------------------------------------- */

static const struct probe_result *result_of(const struct entry *entry)
{
    if (entry->check.kind == CHECK_CONTROLLER)
        return &entry->examiner->controller;
    return entry->has_result ? &entry->result : NULL;
}

static bool same_verdict(const struct verdict *a, const struct verdict *b)
{
    return a->value == b->value && text_equal(a->observed, b->observed) &&
           text_equal(a->expected, b->expected);
}

/* counted: something was looked at anew, so that it counts as one more in a row. */
static void judge(struct entry *entry, bool counted, int64_t event_at_us)
{
    struct examiner *examiner = entry->examiner;
    const struct observation *now = observer_now(examiner->options.observer);
    struct verdict fresh;

    if (now == NULL)
        return;
    checks_evaluate(&entry->check, &now->snapshot, now->fib, result_of(entry), &fresh);
    checks_doubt(&entry->check, clock_now() - now->kernel_at, &fresh);
    if (entry->was_judged && !counted && same_verdict(&entry->judged, &fresh))
        return;
    entry->was_judged = true;
    entry->judged = fresh;
    entry->judged_at = clock_now();
    if (checks_settle(&entry->state, &entry->check, &fresh))
        examiner->options.examiner_fn(examiner->options.context, &entry->state.shown, event_at_us);
}

/* ---- probing --------------------------------------------------------------------------------- */

static void on_result(void *context, const struct probe_result *result)
{
    struct entry *entry = context;
    struct examiner *examiner = entry->examiner;

    examiner->trying_count--;
    entry->clock.runs = false;
    if (entry->gone) {
        free(entry);
    } else {
        entry->result = *result;
        entry->has_result = true;
        judge(entry, true, 0);
    }
    go_on(examiner);
}

static bool is_probed(const struct entry *entry)
{
    return checks_need_probe(entry->check.kind) && entry->check.kind != CHECK_CONTROLLER;
}

/* When it may next be tried: its own time, and for SSH that of its target. */
static mono_t probe_due(const struct entry *entry)
{
    mono_t due = probe_clock_due(&entry->clock, entry->check.interval_s);
    struct address address;

    if (due != MONO_NEVER && entry->check.kind == CHECK_SSH &&
        address_parse(entry->check.to, &address)) {
        mono_t free_at = handshakes_due(&entry->examiner->handshakes, &address, entry->check.port);

        return due > free_at ? due : free_at;
    }
    return due;
}

static void start_probe(struct entry *entry, mono_t now)
{
    struct examiner *examiner = entry->examiner;
    const struct observation *seen = observer_now(examiner->options.observer);
    struct address address;

    entry->clock.last = now;
    entry->clock.soon = false;
    entry->clock.runs = true;
    examiner->trying_count++;
    if (entry->check.kind == CHECK_SSH && address_parse(entry->check.to, &address))
        handshakes_note(&examiner->handshakes, &address, entry->check.port, now);
    trying_start(&(struct trying_options){examiner->options.loop, &entry->check,
                                          seen != NULL ? &seen->snapshot : NULL,
                                          examiner->options.tailscale_socket},
                 on_result, entry);
}

/* ---- when ------------------------------------------------------------------------------------ */

static mono_t due_of(const struct entry *entry)
{
    if (is_probed(entry))
        return probe_due(entry);
    return entry->was_judged ? entry->judged_at + (int64_t)entry->check.interval_s * 1000 : 0;
}

/* Nobody calls when no observation comes: its age is looked at by the clock, whatever the checks'
 * intervals. Returns when it gets too old, or MONO_NEVER if it is. */
static mono_t look_at_age(struct examiner *examiner, mono_t now)
{
    mono_t old_at = observer_now(examiner->options.observer)->kernel_at + OBSERVED_MAX_MS + 1;
    bool doubted = examiner->doubted;

    examiner->doubted = now >= old_at;
    if (!examiner->doubted)
        return old_at;
    for (uint32_t i = 0; i < examiner->entries_count && !doubted; i++)
        judge(examiner->entries[i], false, 0);
    return MONO_NEVER;
}

static void on_timer(uv_timer_t *timer)
{
    go_on(timer->data);
}

/* Starts and judges what is due, and has itself woken for what will be. */
static void go_on(struct examiner *examiner)
{
    mono_t now = clock_now();
    mono_t next = now + WAIT_MAX_MS;

    if (observer_now(examiner->options.observer) == NULL)
        return; /* examiner_observed() comes */
    next = mono_min(next, look_at_age(examiner, now));
    for (uint32_t i = 0; i < examiner->entries_count; i++) {
        struct entry *entry = examiner->entries[i];

        if (due_of(entry) <= now && !is_probed(entry))
            judge(entry, true, 0);
        else if (due_of(entry) <= now && examiner->trying_count < TRYING_MAX)
            start_probe(entry, now);
        if (due_of(entry) > now)
            next = mono_min(next, due_of(entry)); /* else a probe that ends calls again */
    }
    uv_timer_start(&examiner->timer, on_timer, (uint64_t)(next - now), 0);
}

void examiner_observed(struct examiner *examiner)
{
    const struct observation *now = observer_now(examiner->options.observer);

    for (uint32_t i = 0; i < examiner->entries_count; i++) {
        struct entry *entry = examiner->entries[i];

        if (now->changed && is_probed(entry) && !entry->watch)
            entry->clock.soon = true;
        judge(entry, false, now->event_at_us);
    }
    go_on(examiner);
}

void examiner_hurry(struct examiner *examiner)
{
    for (uint32_t i = 0; i < examiner->entries_count; i++) {
        struct entry *entry = examiner->entries[i];

        if (is_probed(entry) && !entry->watch && entry->check.severity == SEVERITY_CRITICAL)
            entry->clock.soon = true;
    }
    go_on(examiner);
}

void examiner_hear_controller(struct examiner *examiner, bool alive, const char *why)
{
    struct probe_result *controller = &examiner->controller;

    controller->outcome = alive ? PROBE_ANSWERED : PROBE_FAILED;
    text_copy(controller->why, sizeof(controller->why), why);
    examiner->controller_heard_at = alive ? clock_now() : 0;
    for (uint32_t i = 0; i < examiner->entries_count; i++) {
        if (examiner->entries[i]->check.kind == CHECK_CONTROLLER)
            judge(examiner->entries[i], false, 0);
    }
}

mono_t examiner_controller_heard_at(const struct examiner *examiner)
{
    return examiner->controller_heard_at;
}

void examiner_note_handshake(struct examiner *examiner, const struct address *address,
                             uint16_t port)
{
    handshakes_note(&examiner->handshakes, address, port, clock_now());
}

/* ---- what is checked ------------------------------------------------------------------------- */

static bool same_check(const struct check *a, const struct check *b)
{
    return memcmp(a, b, sizeof(*a)) == 0; /* both were zeroed before they were filled */
}

static void drop(struct entry *entry)
{
    entry->gone = true;
    if (!entry->clock.runs)
        free(entry);
}

static struct entry *make_entry(struct examiner *examiner, const struct check *check, bool watch)
{
    struct entry *entry = mem_alloc(1, sizeof(*entry));

    entry->examiner = examiner;
    entry->check = *check;
    check_set_defaults(&entry->check);
    entry->watch = watch;
    return entry;
}

/* The entries of one sort are replaced; one that stays as it was keeps what it knows. */
static void replace(struct examiner *examiner, bool watch, const struct check *checks,
                    uint32_t count)
{
    struct entry *before[ENTRIES_MAX];
    uint32_t before_count = examiner->entries_count;
    uint32_t kept = 0;

    memcpy(before, examiner->entries, sizeof(before));
    for (uint32_t i = 0; i < before_count; i++) {
        if (before[i]->watch == watch)
            continue;
        examiner->entries[kept++] = before[i];
        before[i] = NULL;
    }
    for (uint32_t i = 0; i < count && kept < ENTRIES_MAX; i++) {
        struct entry *entry = make_entry(examiner, &checks[i], watch);

        for (uint32_t j = 0; j < before_count; j++) {
            if (before[j] == NULL || !same_check(&before[j]->check, &entry->check))
                continue;
            free(entry);
            entry = before[j];
            before[j] = NULL;
            break;
        }
        examiner->entries[kept++] = entry;
    }
    for (uint32_t j = 0; j < before_count; j++) {
        if (before[j] != NULL)
            drop(before[j]);
    }
    examiner->entries_count = kept;
    for (uint32_t i = 0; i < kept; i++)
        judge(examiner->entries[i], false, 0);
    go_on(examiner);
}

static bool is_named(const struct check *checks, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (text_equal(checks[i].name, name))
            return true;
    }
    return false;
}

void examiner_set_checks(struct examiner *examiner, const struct check *checks, uint32_t count)
{
    AUTO_FREE struct check *all = mem_alloc(CHECKS_MAX + 2, sizeof(*all));
    struct check built_in[2];
    size_t built_in_count = examiner->options.witness_only ? 0 : checks_built_in(built_in);
    uint32_t all_count = 0;

    for (uint32_t i = 0; i < count && i < CHECKS_MAX; i++)
        all[all_count++] = checks[i];
    for (size_t i = 0; i < built_in_count; i++) {
        if (!is_named(checks, count, built_in[i].name))
            all[all_count++] = built_in[i];
    }
    replace(examiner, false, all, all_count);
}

void examiner_set_watches(struct examiner *examiner, const struct watch *watches, uint32_t count)
{
    AUTO_FREE struct check *checks = mem_alloc(NODES_MAX, sizeof(*checks));
    uint32_t checks_count = 0;

    for (uint32_t i = 0; i < count && checks_count < NODES_MAX; i++) {
        struct check *check = &checks[checks_count];
        char address[ADDRESS_TEXT_SIZE];

        if (text_equal(watches[i].node, examiner->options.name) ||
            !address_is_set(&watches[i].ssh.address))
            continue;
        snprintf(check->name, sizeof(check->name), "ssh:%.59s", watches[i].node);
        check->kind = CHECK_SSH;
        check->severity = SEVERITY_WARNING;
        text_copy(check->to, sizeof(check->to), address_format(&watches[i].ssh.address, address));
        check->port = watches[i].ssh.port;
        text_copy(check->host_key, sizeof(check->host_key), watches[i].ssh.host_key);
        checks_count++;
    }
    replace(examiner, true, checks, checks_count);
}

/* ---- what is shown --------------------------------------------------------------------------- */

uint32_t examiner_list(const struct examiner *examiner, bool watches, struct verdict *ret_verdicts,
                       uint32_t max)
{
    uint32_t count = 0;

    for (int watch = 0; watch <= (int)watches; watch++) {
        for (uint32_t i = 0; i < examiner->entries_count && count < max; i++) {
            const struct entry *entry = examiner->entries[i];

            if (entry->watch == (bool)watch && entry->state.was_shown)
                ret_verdicts[count++] = entry->state.shown;
        }
    }
    return count;
}

uint32_t examiner_list_failing(const struct examiner *examiner, char (*ret_names)[NAME_SIZE],
                               uint32_t max)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < examiner->entries_count && count < max; i++) {
        const struct entry *entry = examiner->entries[i];

        if (!entry->watch && entry->check.severity == SEVERITY_CRITICAL && entry->state.was_shown &&
            entry->state.shown.value == VERDICT_FAIL)
            text_copy(ret_names[count++], NAME_SIZE, entry->check.name);
    }
    return count;
}

uint32_t examiner_list_checks(const struct examiner *examiner, const struct check **ret_checks,
                              uint32_t max)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < examiner->entries_count && count < max; i++) {
        if (!examiner->entries[i]->watch)
            ret_checks[count++] = &examiner->entries[i]->check;
    }
    return count;
}

struct examiner *examiner_new(const struct examiner_options *options)
{
    struct examiner *examiner = mem_alloc(1, sizeof(*examiner));

    examiner->options = *options;
    uv_timer_init(options->loop, &examiner->timer);
    examiner->timer.data = examiner;
    text_copy(examiner->controller.why, sizeof(examiner->controller.why), "no session yet");
    examiner->controller.outcome = PROBE_FAILED;
    examiner_set_checks(examiner, NULL, 0);
    return examiner;
}
