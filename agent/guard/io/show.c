/*
 * show: prints what the journal holds and how the kernel compares with it.
 */
#include "agent/guard/io/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/guard/io/apply_file.h"
#include "agent/guard/io/apply_part.h"
#include "agent/guard/io/owned.h"
#include "agent/guard/io/run.h"
#include "common/core/text.h"
#include "common/net/predict.h"

enum { LINE_SIZE = 512 };

/* ---- list and plan -------------------------------------------------------------------------- */

static void show_undo(struct rescue *rescue, const struct ledger_generation *generation)
{
    struct journal_generation *kept = journal_find(rescue->journal, &generation->id);

    if (kept == NULL)
        printf("    its undo is not in the journal\n");
    for (uint32_t i = kept != NULL ? kept->items_count : 0; i-- > 0;) {
        const struct undo_item *item = &kept->items[i];
        char line[LINE_SIZE];
        struct text text = TEXT_IN(line);

        if (item->operation >= OPERATIONS_MAX || !generation->touched[item->operation])
            continue;
        undo_render(item, &text);
        printf("    %s%s\n", line, item->shield ? "   (shield)" : "");
    }
}

static void show_head(const struct ledger_generation *generation, const char *number,
                      const char *what)
{
    char body[2 * HASH_SIZE + 1];

    bytes_format_hex(generation->id.attempt.body.bytes, HASH_SIZE, body);
    printf("%4s  %-32s %s; sequence %llu, body %.12s\n", number, generation->begin.change, what,
           (unsigned long long)generation->id.attempt.sequence, body);
}

static void show_open(struct rescue *rescue)
{
    const struct ledger_generation *open = &rescue->ledger->open;

    show_head(open, "open",
              open->mark == MARK_REVERTING ? "being taken back" : "on trial, not confirmed");
    show_undo(rescue, open);
}

static void show_confirmed(struct rescue *rescue, uint32_t i)
{
    const struct ledger_generation *generation = &rescue->ledger->generations[i];
    char number[16], what[64];

    snprintf(number, sizeof(number), "%u", i + 1);
    if (generation->mark == MARK_POPPING)
        snprintf(what, sizeof(what), "being taken back");
    else if (ledger_is_going(rescue->ledger, generation))
        snprintf(what, sizeof(what), "ordered to be taken back, after what is above it");
    else if (generation->in_doubt)
        snprintf(what, sizeof(what), "in doubt: how it ended was lost");
    else
        snprintf(what, sizeof(what), "confirmed after %u s of soak", generation->soak_s);
    show_head(generation, number, what);
    show_undo(rescue, generation);
}

/* Somebody worked by hand here and left it so: nothing else says it. */
static void show_released(const struct rescue *rescue)
{
    char mark[PATH_SIZE + 16];

    if (run_is_released(&rescue->config, mark, sizeof(mark)))
        printf("%s is there: nothing is put back on this host until it is removed%s.\n", mark,
               run_is_by_hand(&rescue->config)
                   ? " or the host reboots"
                   : ", by itself when the journal has what was taken back");
}

void show_list(struct rescue *rescue)
{
    const struct ledger *ledger = rescue->ledger;

    show_released(rescue);
    if (!ledger->is_open && ledger->generations_count == 0) {
        printf("Nothing is changed on this host: no open trial, no confirmed change.\n");
        return;
    }
    printf("Newest first; indented: what takes it back.\n");
    if (ledger->is_open)
        show_open(rescue);
    for (uint32_t i = ledger->generations_count; i-- > 0;)
        show_confirmed(rescue, i);
}

uint32_t show_plan(struct rescue *rescue, uint32_t to)
{
    const struct ledger *ledger = rescue->ledger;
    const struct ledger_generation *ordered = ledger_ordered(ledger);
    uint32_t lowest = ledger->generations_count;
    uint32_t count = 0;

    if (to > 0)
        lowest = to - 1;
    else if (!ledger->is_open && lowest > 0)
        lowest--;
    if (ordered != NULL && ordered < &ledger->generations[lowest])
        lowest = (uint32_t)(ordered - ledger->generations); /* an earlier one goes on */
    if (ledger->is_open) {
        show_open(rescue);
        count++;
    }
    for (uint32_t i = ledger->generations_count; i-- > lowest;) {
        show_confirmed(rescue, i);
        count++;
    }
    return count;
}

/* ---- check ---------------------------------------------------------------------------------- */

static const char *say_who_mends(const struct rescue *rescue, const struct operation *operation)
{
    char mark[PATH_SIZE + 16];

    if (operation_persists(operation) && !operation->shield)
        return "nobody puts it back: sign a change, or take this one back";
    if (run_is_released(&rescue->config, mark, sizeof(mark)))
        return "nobody puts it back now";
    return operation->shield ? "the guard puts it back"
                             : "the guard puts it back when it starts or a link changes";
}

static int check_item(const struct rescue *rescue, const struct operation *operation,
                      const struct tailscale_profile *home, struct snapshot *snapshot)
{
    char line[LINE_SIZE];
    struct text text = TEXT_IN(line);
    struct err err = ERR_INIT;

    operation_render(operation, &text);
    if (!apply_part_add_own(operation, snapshot, &err) ||
        !apply_part_check_profile(operation, home, snapshot, &err) ||
        !apply_file_read(&rescue->apply, operation, snapshot, &err)) {
        printf("unknown  %s: %s\n", line, err.text);
        return 1;
    }
    if (operation_holds(operation, snapshot)) {
        printf("ok       %s\n", line);
        return 0;
    }
    if (operation->kind == OPERATION_TAILSCALE && snapshot->tailscale.presence != TAILSCALE_ANSWERS)
        printf("unknown  %s: %s\n", line, snapshot->tailscale.why);
    else
        printf("differs  %s: expected as confirmed, observed that it is gone or altered; %s\n",
               line, say_who_mends(rescue, operation));
    return 1;
}

static int check_items(struct rescue *rescue, struct snapshot *snapshot)
{
    struct owned owned;
    int differs = 0;

    owned_list(&owned, OWNED_EVERYTHING, rescue->journal, rescue->ledger, NULL);
    apply_part_find_profile(&rescue->apply, &owned.profile, snapshot);
    for (uint32_t i = 0; i < owned.count; i++)
        differs += check_item(rescue, &owned.operations[i], &owned.profile, snapshot);
    free(owned.operations);
    return differs;
}

static int check_flow(const struct protected_flow *flow, const struct snapshot *snapshot)
{
    struct prediction prediction;
    bool keeps = predict_flows(snapshot, flow, 1, &prediction);
    char to[PREFIX_TEXT_SIZE];

    printf("%s flow %s to %s%s%s\n",
           keeps                                ? "ok      "
           : prediction_is_unknown(&prediction) ? "unknown "
                                                : "differs ",
           flow->name, prefix_format(&flow->destination, to), keeps ? "" : ": ",
           keeps ? "" : prediction.reason);
    return keeps ? 0 : 1;
}

/* Of the newest change that says what has to keep working. */
static int check_flows(struct rescue *rescue, const struct snapshot *snapshot)
{
    const struct ledger *ledger = rescue->ledger;
    int differs = 0;

    for (uint32_t i = ledger->generations_count; i-- > 0;) {
        const struct manifest_plan *plan;
        struct manifest manifest;
        struct err err = ERR_INIT;

        if (!owned_read_plan(journal_find(rescue->journal, &ledger->generations[i].id),
                             rescue->trial->node, &manifest, &plan, &err)) {
            printf("unknown  flows of %s: %s\n", ledger->generations[i].begin.change, err.text);
            return differs + 1;
        }
        for (uint32_t j = 0; j < plan->flows_count; j++)
            differs += check_flow(&plan->flows[j], snapshot);
        differs = plan->flows_count > 0 ? differs : -1;
        manifest_done(&manifest);
        if (differs >= 0)
            return differs;
        differs = 0;
    }
    return differs;
}

static int show_doubts(const struct ledger *ledger)
{
    int count = 0;

    for (uint32_t i = 0; i < ledger->generations_count; i++) {
        if (!ledger->generations[i].in_doubt)
            continue;
        printf("in doubt %s: how it ended was lost; oceanid-rollback --to %u takes it back\n",
               ledger->generations[i].begin.change, i + 1);
        count++;
    }
    return count;
}

int show_check(struct rescue *rescue, struct err *err)
{
    struct snapshot snapshot;
    int differs;

    if (!apply_read(&rescue->apply, &snapshot, err))
        return -1;
    differs = check_items(rescue, &snapshot) + check_flows(rescue, &snapshot);
    snapshot_done(&snapshot);
    if (rescue->ledger->is_open) {
        printf("open     a trial of %s is not confirmed and not taken back\n",
               rescue->ledger->open.begin.change);
        differs++;
    }
    differs += show_doubts(rescue->ledger);
    show_released(rescue);
    printf(differs == 0 ? "All as confirmed.\n" : "%d of these are not as confirmed.\n", differs);
    return differs;
}
