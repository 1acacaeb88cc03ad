/*
 * downlink_report: what an agent reports goes to the fleet, the store and the lead.
 */
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "controller/io/downlink_parts.h"

enum { INTERVAL_DEFAULT_S = 30 };

static unsigned interval_of(const struct check *checks, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal(checks[i].name, name))
            return checks[i].interval_s;
    }
    return INTERVAL_DEFAULT_S;
}

static const struct fleet_verdict *find_verdict(const struct fleet_member *member,
                                                const char *check)
{
    for (uint32_t i = 0; i < member->verdicts_count; i++) {
        if (text_equal(member->verdicts[i].verdict.check, check))
            return &member->verdicts[i];
    }
    return NULL;
}

/* It may have been unknown meanwhile: its name could not be looked up, its agent began anew. */
static bool newly_fails(const struct fleet_member *member, const struct verdict *verdict)
{
    const struct fleet_verdict *known = find_verdict(member, verdict->check);

    return verdict->severity == SEVERITY_CRITICAL && verdict->value == VERDICT_FAIL &&
           fleet_reach_target(verdict->check) == NULL && known != NULL &&
           known->decided == VERDICT_PASS;
}

/* True: with this one its agent has told all that it has, and what it has not is not checked any
 * more: it is taken out. A full one that has no room left is followed by others over the same
 * connection, until one has room. */
static bool take_names(const struct pipe *pipe, struct fleet_member *member,
                       const struct session_request *asked)
{
    if (asked->full) {
        fleet_begin_telling(member);
        member->telling_over = pipe->id;
    }
    if (member->telling_over != pipe->id)
        return false;
    fleet_name_verdicts(member, asked->verdicts, asked->verdicts_count);
    if (asked->verdicts_count == VERDICTS_MAX)
        return false;
    fleet_end_telling(member);
    member->telling_over = 0;
    return true;
}

/* In the open transaction. */
static bool keep_all(struct desk *desk, const struct fleet_member *member, struct err *err)
{
    bool kept = store_forget_verdicts(desk->store, member->name, err);

    for (uint32_t i = 0; i < member->verdicts_count && kept; i++)
        kept = store_put_verdict(desk->store, member->name, &member->verdicts[i], err);
    return kept;
}

static bool keep_told(struct desk *desk, const struct fleet_member *member,
                      const struct session_request *asked, struct err *err)
{
    bool kept = true;

    for (uint32_t i = 0; i < asked->verdicts_count && kept; i++) {
        const struct fleet_verdict *known = find_verdict(member, asked->verdicts[i].check);

        kept = known == NULL || store_put_verdict(desk->store, member->name, known, err);
    }
    return kept;
}

/* all: those that are stored and not known any more are forgotten. */
static bool keep_verdicts(struct desk *desk, const struct fleet_member *member,
                          const struct session_request *asked, bool all)
{
    struct err err = ERR_INIT;

    return desk_begin(desk, STORE_REPORT) &&
           desk_kept(desk,
                     all ? keep_all(desk, member, &err) : keep_told(desk, member, asked, &err),
                     &err) &&
           desk_commit(desk);
}

/* How long it took from the kernel's first word at the node to here; both clocks are in it. */
static void say_age(const struct fleet_member *member, const struct session_request *asked)
{
    if (asked->event_at_us != 0)
        log_debug("%s: %u verdicts of the event at %lld us are kept %lld us later", member->name,
                  asked->verdicts_count, (long long)asked->event_at_us,
                  (long long)(clock_unix_us() - asked->event_at_us));
}

/* What follows from a newly failing one is kept before it: killed in between, the agent says it
 * again, and it is still new. */
static void take_verdicts(struct downlink *downlink, const struct pipe *pipe,
                          struct fleet_member *member, const struct session_request *asked)
{
    AUTO_FREE bool *failing = NULL;
    AUTO_FREE struct check *checks = NULL;
    bool all = take_names(pipe, member, asked);
    size_t count;

    if (asked->verdicts_count == 0 && !all)
        return;
    failing = mem_alloc(VERDICTS_MAX, sizeof(*failing));
    checks = desk_checks(downlink->desk, member->name, &count);
    for (uint32_t i = 0; i < asked->verdicts_count; i++) {
        const struct verdict *verdict = &asked->verdicts[i];

        failing[i] = newly_fails(member, verdict);
        fleet_tell_verdict(member, verdict, interval_of(checks, count, verdict->check),
                           clock_unix());
    }
    for (uint32_t i = 0; i < asked->verdicts_count; i++) {
        if (failing[i])
            lead_take_failing(downlink->lead, member->name, &asked->verdicts[i]);
    }
    if (keep_verdicts(downlink->desk, member, asked, all))
        say_age(member, asked);
}

static void take_snapshot(struct downlink *downlink, struct fleet_member *member,
                          const struct session_request *asked)
{
    if (!asked->has_snapshot)
        return;
    snapshot_done(&member->snapshot);
    snapshot_copy(&member->snapshot, &asked->snapshot);
    member->has_snapshot = true;
    member->snapshot_at = clock_now();
    fresh_came(downlink->fresh, member->name);
}

/* Only what differs is written to the audit: drift comes with every report while it lasts. */
static void take_drift(struct downlink *downlink, struct fleet_member *member,
                       const struct session_request *asked)
{
    uint32_t count = asked->drift_count < FLEET_DRIFT_MAX ? asked->drift_count : FLEET_DRIFT_MAX;
    bool same = count == member->drift_count;

    if (asked->drift_count == 0 && !asked->full)
        return;
    for (uint32_t i = 0; i < count; i++) {
        same = same && text_equal(member->drift[i], asked->drift[i]);
        text_copy(member->drift[i], SENTENCE_SIZE, asked->drift[i]);
    }
    member->drift_count = count;
    if (same || !desk_may_note(downlink->desk, member, NOTE_ROW))
        return;
    if (count == 0)
        desk_audit(downlink->desk, member->name, "drift", member->name, "nothing has drifted");
    else
        desk_audit(downlink->desk, member->name, "drift", member->name, "%u: %s", count,
                   member->drift[0]);
}

static void take_guard(struct downlink *downlink, const char *name,
                       const struct session_request *asked)
{
    for (uint32_t i = 0; i < asked->guard_count; i++) {
        struct err err = ERR_INIT;

        if (!lead_take_report(downlink->lead, name, wire_lend(&asked->guard[i]), &err)) {
            err_wrap(&err, "a guard's report of %s", name);
            downlink_refuse(downlink, name, &err);
        }
    }
}

static void take_statement(struct downlink *downlink, const char *name,
                           const struct session_request *asked)
{
    struct err err = ERR_INIT;

    if (asked->statement.len > 0 &&
        !lead_take_statement(downlink->lead, name, wire_lend(&asked->statement), &err)) {
        err_wrap(&err, "a statement of %s", name);
        downlink_refuse(downlink, name, &err);
    }
}

/* Acknowledged when it is kept: what was acknowledged is durable. Verdicts first: a snapshot or a
 * rehearsal may be what the gates wait for, and they go by what the same report says. */
void downlink_report(struct downlink *downlink, const struct pipe *pipe,
                     const struct session_request *asked, struct link_request *request)
{
    AUTO_FREE struct session_reply *reply = mem_alloc(1, sizeof(*reply));
    struct fleet_member *member = fleet_find(&downlink->desk->fleet, pipe->name);

    take_verdicts(downlink, pipe, member, asked);
    take_snapshot(downlink, member, asked);
    take_drift(downlink, member, asked);
    take_guard(downlink, member->name, asked);
    take_statement(downlink, member->name, asked);
    for (uint32_t i = 0; i < asked->sources_count; i++)
        lead_take_source(downlink->lead, member->name, &asked->sources[i]);
    if (downlink->desk->failed) {
        link_request_drop(request);
        return;
    }
    reply->kind = ANSWER_ACK;
    reply->id = asked->id;
    downlink_answer(request, reply);
}
