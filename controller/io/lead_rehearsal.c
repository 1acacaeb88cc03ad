/*
 * lead_rehearsal: what targets' guards say of rehearsals: known to the fleet, in the audit, and
 * kept with the rollouts of the manifest.
 */
#include <stdlib.h>

#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "controller/io/lead_parts.h"

/* ---- the audit -------------------------------------------------------------------------------
 */

/* What was rehearsed, and what came of it. */
struct said {
    const char *node, *change;
    const struct hash *body;
    const struct manifest_plan *plan;
    const struct rehearsal *rehearsal;
};

static bool add_row(struct lead *lead, const struct said *said, const char *lines)
{
    char body[2 * HASH_SIZE + 1];

    bytes_format_hex(said->body->bytes, HASH_SIZE, body);
    return desk_audit(lead->desk, said->node, "rehearsal", said->change, "manifest %.16s...: %s",
                      body, lines);
}

enum { ROW_LEN_MAX = AUDIT_TEXT_SIZE - 64 };

/* As many operations a row as find room in it. */
static bool add_rows(struct lead *lead, const struct said *said)
{
    char lines[ROW_LEN_MAX] = "";
    struct text row = TEXT_IN(lines);

    for (uint32_t i = 0; i < said->plan->operations_count && i < said->rehearsal->operations_count;
         i++) {
        char line[2 * REASON_SIZE] = "";
        struct text text = TEXT_IN(line);

        rehearsal_explain(said->rehearsal, said->plan->operations, i, &text);
        if (row.len + text.len + 2 >= sizeof(lines)) {
            if (!add_row(lead, said, lines))
                return false;
            row = TEXT_IN(lines);
        }
        text_add(&row, "%s%s", row.len > 0 ? "; " : "", line);
    }
    if (said->rehearsal->lacks[0] != '\0')
        text_add(&row, "; %s", said->rehearsal->lacks);
    return row.len == 0 || add_row(lead, said, lines);
}

/* ---- keeping ---------------------------------------------------------------------------------
 */

static bool keep_with(struct lead *lead, const struct led *led, const char *node,
                      const struct rehearsal *rehearsal)
{
    struct err err = ERR_INIT;

    return desk_kept(
        lead->desk,
        store_put_rehearsal(lead->desk->store, led->machine.record.id, node, rehearsal, &err),
        &err);
}

static bool keep_with_all(struct lead *lead, const struct said *said)
{
    for (const struct led *led = lead->leds; led != NULL; led = led->next) {
        if (hash_equal(&led->machine.record.attempt.body, said->body) &&
            !lead_is_closed(&led->machine) && !keep_with(lead, led, said->node, said->rehearsal))
            return false;
    }
    return true;
}

/* The same again is no news for the audit. */
static void take(struct lead *lead, struct fleet_member *member, const struct said *said)
{
    bool news = fleet_tell_rehearsal(member, said->body, said->rehearsal, clock_now()) &&
                desk_may_note(lead->desk, member, NOTE_ROW);

    if (!desk_begin(lead->desk, STORE_FULL) || (news && !add_rows(lead, said)) ||
        !keep_with_all(lead, said))
        return;
    desk_commit(lead->desk);
}

void lead_take_rehearsal(struct lead *lead, const char *node, const struct guard_report *report)
{
    const struct rehearsal_question *question =
        fresh_find_question(lead->fresh, node, &report->nonce);
    struct fleet_member *member = fleet_find(&lead->desk->fleet, node);
    struct said said = {.node = node, .rehearsal = report->rehearsal};

    if (question == NULL || member == NULL) {
        log_debug("%s: a rehearsal that nobody waits for any more, ignoring", node);
        return;
    }
    said.change = question->change;
    said.body = &question->body;
    said.plan = &question->plan;
    rehearsal_believe(said.plan->operations, said.plan->operations_count, report->rehearsal);
    take(lead, member, &said);
    fresh_rehearsed(lead->fresh, question);
}

void lead_take_prepared(struct lead *lead, const char *node, const struct guard_report *report)
{
    struct fleet_member *member = fleet_find(&lead->desk->fleet, node);
    struct said said = {
        .node = node, .body = &report->id.attempt.body, .rehearsal = report->rehearsal};

    for (const struct led *led = lead->leds; led != NULL && said.plan == NULL; led = led->next) {
        if (!attempt_equal(&led->machine.record.attempt, &report->id.attempt))
            continue;
        said.change = led->manifest.change;
        said.plan = manifest_find_plan(&led->manifest, node);
    }
    if (member == NULL || said.plan == NULL)
        return;
    rehearsal_believe(said.plan->operations, said.plan->operations_count, report->rehearsal);
    take(lead, member, &said);
}

bool lead_keep_rehearsals(struct lead *lead, const struct led *led)
{
    for (uint32_t i = 0; i < led->manifest.plans_count; i++) {
        const char *node = led->manifest.plans[i].node;
        const struct fleet_member *member = fleet_find(&lead->desk->fleet, node);
        const struct fleet_rehearsal *known = member != NULL ? &member->rehearsal : NULL;

        if (known != NULL && known->rehearsal != NULL &&
            hash_equal(&known->body, &led->machine.record.attempt.body) &&
            !keep_with(lead, led, node, known->rehearsal))
            return false;
    }
    return true;
}
