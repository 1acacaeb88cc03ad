/*
 * lead_repeat: an emergency rollback whose answer was lost is asked for once more. The first one
 * has taken the newest, so the same words would mean the next older one by then: that one goes only
 * where it is named.
 */
#include <stdio.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/io/lead_parts.h"

/* Whoever repeats himself does so within minutes. Who comes later has something new before him, and
 * is not kept from taking back what stands. */
enum { REPEAT_S = 3600 };

/* A clock that was set back since refuses nobody. */
static bool is_recent(const struct lead_backs *backs, int64_t now)
{
    return backs->asked_at <= now && now - backs->asked_at < REPEAT_S;
}

static void say_age(int64_t age_s, struct text *out)
{
    if (age_s < 60)
        text_add(out, "%lld s", (long long)age_s);
    else
        text_add(out, "%lld min", (long long)age_s / 60);
}

/* How far it is, node by node. */
static void say_progress(struct lead *lead, struct text *out)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    const struct lead_backs *backs = lead_backs(lead);
    struct err err = ERR_INIT;
    const char *between = ":";

    if (!store_read_record(lead->desk->store, backs->rollout, record, &err))
        return; /* it is said without */
    for (uint32_t i = 0; i < backs->count; i++) {
        const struct lead_back *back = &backs->list[i];

        if (back->order.len > 0 || !attempt_equal(&back->attempt, &record->attempt))
            continue;
        text_add(out, "%s %s %s%s", between, back->name, back->state,
                 back->done ? "" : " (not back yet)");
        between = ",";
    }
}

static void say_asked(struct lead *lead, struct text *out)
{
    const struct lead_backs *backs = &lead->backs;
    char reason[40];

    text_shorten(reason, sizeof(reason), backs->reason);
    lead_say_rollout(lead, backs->rollout, out);
    text_add(out, " was asked back ");
    say_age(clock_unix() - backs->asked_at, out);
    text_add(out, " ago by %s (%s)", backs->by, reason);
}

static bool is_behind_another(const struct lead *lead, uint64_t id)
{
    return id < lead->backs.rollout && is_recent(&lead->backs, clock_unix());
}

void lead_say_before(struct lead *lead, uint64_t id, struct text *out)
{
    if (!is_behind_another(lead, id))
        return;
    say_asked(lead, out);
    say_progress(lead, out);
}

bool lead_check_repeat(struct lead *lead, struct err *err)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    const struct lead_wish all = {NULL, 0, "", ""};
    char before[SENTENCE_SIZE] = "", name[2 * NAME_SIZE] = "", progress[SENTENCE_SIZE] = "";
    struct text said = TEXT_IN(before), named = TEXT_IN(name), text = TEXT_IN(progress);

    if (!lead_find_wanted(lead, &all, record, err))
        return false;
    if (!is_behind_another(lead, record->id))
        return true;
    say_asked(lead, &said);
    lead_say_rollout(lead, record->id, &named);
    say_progress(lead, &text);
    return err_set(
        err, ERR_CONFLICT,
        "%s. Now %s would go, which is older: this may be that command once more, so "
        "nothing was done. `oceanidctl emergency-rollback --rollout %llu --yes` takes it "
        "back. How far rollout %llu is%s",
        before, name, (unsigned long long)record->id, (unsigned long long)lead->backs.rollout,
        progress);
}
