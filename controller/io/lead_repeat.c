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
static bool is_recent(const struct store_emergency *asked, int64_t now)
{
    return asked->at <= now && now - asked->at < REPEAT_S;
}

static bool is_newer(const struct store_emergency *asked, uint64_t id)
{
    return id < asked->rollout && is_recent(asked, clock_unix());
}

static struct store_emergency latest_of(const struct lead_backs *backs)
{
    struct store_emergency latest = {.rollout = backs->rollout, .at = backs->asked_at};

    text_copy(latest.by, sizeof(latest.by), backs->by);
    text_copy(latest.reason, sizeof(latest.reason), backs->reason);
    return latest;
}

void lead_note_newer(struct lead *lead, uint64_t rollout)
{
    const struct store_emergency latest = latest_of(&lead->backs);

    if (is_newer(&latest, rollout) && !is_newer(&lead->backs.newer, latest.rollout))
        lead->backs.newer = latest;
}

/* Which emergency one that takes that rollout now may be once more. */
static bool find_before(const struct lead *lead, uint64_t id, struct store_emergency *ret_asked)
{
    *ret_asked = latest_of(&lead->backs);
    if (is_newer(ret_asked, id))
        return true;
    *ret_asked = lead->backs.newer;
    return is_newer(ret_asked, id);
}

static void say_age(int64_t age_s, struct text *out)
{
    if (age_s < 60)
        text_add(out, "%lld s", (long long)age_s);
    else
        text_add(out, "%lld min", (long long)age_s / 60);
}

/* How far it is, node by node; of one that came before the latest only what was not back by then.
 */
static void say_progress(struct lead *lead, uint64_t id, struct text *out)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    const struct lead_backs *backs = lead_backs(lead);
    struct err err = ERR_INIT;
    const char *between = "";

    if (!store_read_record(lead->desk->store, id, record, &err))
        return; /* it is said without */
    for (uint32_t i = 0; i < backs->count; i++) {
        const struct lead_back *back = &backs->list[i];

        if (back->order.len > 0 || !attempt_equal(&back->attempt, &record->attempt))
            continue;
        text_add(out, "%s%s %s%s", between, back->name, back->state,
                 back->done ? "" : " (not back yet)");
        between = ", ";
    }
}

static void say_asked(struct lead *lead, const struct store_emergency *asked, struct text *out)
{
    char reason[40];

    text_shorten(reason, sizeof(reason), asked->reason);
    lead_say_rollout(lead, asked->rollout, out);
    text_add(out, " was asked back ");
    say_age(clock_unix() - asked->at, out);
    text_add(out, " ago by %s (%s)", asked->by, reason);
}

void lead_say_before(struct lead *lead, uint64_t id, struct text *out)
{
    char progress[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(progress);
    struct store_emergency asked;

    if (!find_before(lead, id, &asked))
        return;
    say_asked(lead, &asked, out);
    say_progress(lead, asked.rollout, &text);
    text_add(out, "%s%s", progress[0] != '\0' ? ": " : "", progress);
}

/* That earlier one was of a node that is named now; where none is, all are meant. */
static bool concerns(struct lead *lead, const struct store_emergency *asked,
                     const struct lead_wish *wish)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    const struct lead_backs *backs = lead_backs(lead);
    struct err err = ERR_INIT;

    if (wish->count == 0)
        return true;
    if (!store_read_record(lead->desk->store, asked->rollout, record, &err))
        return false;
    for (uint32_t i = 0; i < backs->count; i++) {
        const struct lead_back *back = &backs->list[i];

        if (back->order.len == 0 && lead_is_wanted(wish, back->name) &&
            attempt_equal(&back->attempt, &record->attempt))
            return true;
    }
    return false;
}

static void say_command(const struct lead_wish *wish, uint64_t id, struct text *out)
{
    if (wish->count == 0)
        text_add(out, "`oceanidctl emergency-rollback --rollout %llu --yes` takes it back",
                 (unsigned long long)id);
    else
        text_add(out, "`--rollout %llu` beside `--node` takes it back there",
                 (unsigned long long)id);
}

bool lead_check_repeat(struct lead *lead, char (*names)[NAME_SIZE], size_t count, struct err *err)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    const struct lead_wish wish = {names, count, "", ""};
    char before[SENTENCE_SIZE] = "", name[2 * NAME_SIZE] = "", progress[SENTENCE_SIZE] = "";
    char command[SENTENCE_SIZE] = "";
    struct text said = TEXT_IN(before), named = TEXT_IN(name), text = TEXT_IN(progress);
    struct text typed = TEXT_IN(command);
    struct store_emergency asked;

    if (!lead_find_wanted(lead, &wish, record, err))
        return false;
    if (!find_before(lead, record->id, &asked) || !concerns(lead, &asked, &wish))
        return true;
    say_asked(lead, &asked, &said);
    lead_say_rollout(lead, record->id, &named);
    say_command(&wish, record->id, &typed);
    say_progress(lead, asked.rollout, &text);
    return err_set(err, ERR_CONFLICT,
                   "%s. Now %s would go, which is older: this may be that command once more, so "
                   "nothing was done. %s. %s rollout %llu is%s%s",
                   before, name, command,
                   progress[0] != '\0' ? "How far" : "`oceanidctl status` shows how far",
                   (unsigned long long)asked.rollout, progress[0] != '\0' ? ": " : "", progress);
}
