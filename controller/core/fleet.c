/*
 * fleet: what is known of each node and witness.
 */
#include "controller/core/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"

static const char reach_prefix[] = "ssh:";

void fleet_init(struct fleet *fleet)
{
    fleet->members_count = 0;
    fleet->members = mem_alloc(FLEET_MAX, sizeof(*fleet->members));
    fleet->names = mem_alloc(1, sizeof(*fleet->names));
}

static void forget_rehearsal(struct fleet_member *member)
{
    free(member->rehearsal.rehearsal);
    member->rehearsal = (struct fleet_rehearsal){.rehearsal = NULL};
}

static void end_member(struct fleet_member *member)
{
    snapshot_done(&member->snapshot);
    forget_rehearsal(member);
}

void fleet_done(struct fleet *fleet)
{
    for (uint32_t i = 0; i < fleet->members_count; i++)
        end_member(&fleet->members[i]);
    free(fleet->members);
    free(fleet->names);
    *fleet = (struct fleet){0};
}

struct fleet_member *fleet_find(const struct fleet *fleet, const char *name)
{
    uint32_t place = names_find(fleet->names, name);

    return place != NAMES_NONE ? &fleet->members[place] : NULL;
}

/* Whatever is behind the last member is zero. */
static void begin_member(struct fleet_member *member, const char *name)
{
    text_copy(member->name, sizeof(member->name), name);
    member->heard_at = MONO_NEVER;
    snapshot_init(&member->snapshot);
}

struct fleet_member *fleet_put(struct fleet *fleet, const char *name, bool witness_only)
{
    uint32_t place = names_find(fleet->names, name);

    if (place == NAMES_NONE) {
        if (fleet->members_count == FLEET_MAX)
            return NULL;
        place = fleet->members_count++;
        names_add(fleet->names, name);
        begin_member(&fleet->members[place], name);
    }
    fleet->members[place].witness_only = witness_only;
    return &fleet->members[place];
}

void fleet_keep_roster(struct fleet *fleet, const struct roster *roster)
{
    uint32_t kept = 0;

    names_clear(fleet->names);
    for (uint32_t i = 0; i < fleet->members_count; i++) {
        struct fleet_member *member = &fleet->members[i];

        if (roster_find(roster, member->name) == NULL) {
            end_member(member);
            continue;
        }
        if (kept != i)
            fleet->members[kept] = *member;
        names_add(fleet->names, fleet->members[kept].name);
        kept++;
    }
    if (kept < fleet->members_count)
        memset(&fleet->members[kept], 0,
               (fleet->members_count - kept) * sizeof(fleet->members[kept]));
    fleet->members_count = kept;
}

/* A rehearsal is the guard's, and not signed: the agent carried it. */
static void forget_agent(struct fleet_member *member)
{
    member->verdicts_count = member->drift_count = 0;
    snapshot_done(&member->snapshot);
    snapshot_init(&member->snapshot);
    member->has_snapshot = false;
    member->heard_at = MONO_NEVER;
    member->heard_unix = 0;
    member->version[0] = member->boot_id[0] = '\0';
    forget_rehearsal(member);
}

static void forget_guard(struct fleet_member *member)
{
    member->has_stack = member->stack_is_of_session = false;
    member->stack_refused[0] = '\0';
    memset(&member->stack, 0, sizeof(member->stack));
    member->newest.index = 0;
    member->soak_left_s = 0;
    forget_rehearsal(member);
}

void fleet_forget_replaced(struct fleet *fleet, const struct roster *from, const struct roster *to)
{
    for (uint32_t i = 0; i < fleet->members_count; i++) {
        struct fleet_member *member = &fleet->members[i];
        const struct roster_entry *old = roster_find(from, member->name);
        const struct roster_entry *entry = roster_find(to, member->name);

        if (old == NULL || entry == NULL)
            continue;
        if (!key_equal(&old->agent_key, &entry->agent_key))
            forget_agent(member);
        if (!key_equal(&old->guard_key, &entry->guard_key))
            forget_guard(member);
    }
}

void fleet_greet(struct fleet_member *member)
{
    member->connected = true;
    member->has_told = false;
    for (uint32_t i = 0; i < member->verdicts_count; i++)
        member->verdicts[i].of_session = false;
}

void fleet_hear(struct fleet_member *member, mono_t now, int64_t now_unix)
{
    member->silent = false;
    member->heard_at = now;
    member->heard_unix = now_unix;
}

bool fleet_tell_rehearsal(struct fleet_member *member, const struct hash *body,
                          const struct rehearsal *rehearsal, mono_t now)
{
    struct fleet_rehearsal *known = &member->rehearsal;
    bool news = known->rehearsal == NULL || !hash_equal(&known->body, body) ||
                !rehearsal_equal(known->rehearsal, rehearsal);

    if (known->rehearsal == NULL)
        known->rehearsal = mem_alloc(1, sizeof(*known->rehearsal));
    rehearsal_copy(known->rehearsal, rehearsal);
    known->body = *body;
    known->at = now;
    return news;
}

bool fleet_rehearsal_is_young(const struct fleet_member *member, const struct hash *body,
                              mono_t now)
{
    const struct fleet_rehearsal *known = &member->rehearsal;

    return known->rehearsal != NULL && hash_equal(&known->body, body) &&
           now - known->at <= FLEET_REHEARSAL_YOUNG_MS &&
           rehearsal_judge(known->rehearsal, known->rehearsal->operations_count) != VERDICT_UNKNOWN;
}

static void put_generation(struct stack *stack, const struct receipt *receipt, const char *change)
{
    struct generation *top;

    if (stack_find(stack, &receipt->generation.attempt) != NULL ||
        stack->generations_count == GENERATIONS_MAX)
        return;
    top = &stack->generations[stack->generations_count++];
    *top = (struct generation){.id = receipt->generation, .soak_s = receipt->soak_s};
    text_copy(top->change, sizeof(top->change), change);
}

static void drop_generation(struct stack *stack, const struct attempt *attempt)
{
    const struct generation *found = stack_find(stack, attempt);
    uint32_t place;

    if (found == NULL)
        return;
    place = (uint32_t)(found - stack->generations);
    stack->generations_count--;
    memmove(&stack->generations[place], &stack->generations[place + 1],
            (stack->generations_count - place) * sizeof(stack->generations[0]));
}

bool fleet_take_stack(struct fleet_member *member, const struct stack *stack, mono_t asked_at,
                      mono_t now)
{
    if (newest_word_is_behind(&member->newest, stack->receipt_index, asked_at))
        return false;
    member->stack = *stack;
    member->has_stack = member->stack_is_of_session = true;
    member->stack_refused[0] = '\0';
    newest_word_note(&member->newest, stack->receipt_index, now);
    return true;
}

void fleet_refuse_stack(struct fleet_member *member, const char *why)
{
    text_copy(member->stack_refused, sizeof(member->stack_refused), why);
}

void fleet_say_unheard(const struct fleet_member *member, struct text *out)
{
    if (member == NULL || !member->connected)
        text_add(out, "not connected");
    else if (member->silent)
        text_add(out, "it is connected, and does not ask for what is to be done");
    else if (member->stack_refused[0] != '\0')
        text_add(out, "its agent is connected, what its guard says of itself is refused: %s",
                 member->stack_refused);
    else
        text_add(out, "its agent is connected, its guard does not answer");
}

void fleet_take_receipt(struct fleet_member *member, const struct receipt *receipt,
                        const char *change, mono_t now)
{
    struct stack *stack = &member->stack;

    if (receipt->index <= member->newest.index)
        return;
    newest_word_note(&member->newest, receipt->index, now);
    if (!member->has_stack)
        return;
    stack->receipt_index = receipt->index;
    if (receipt->kind == RECEIPT_CONFIRMED)
        put_generation(stack, receipt, change);
    else if (receipt_is_end(receipt))
        drop_generation(stack, &receipt->generation.attempt);
}

static struct fleet_verdict *find_verdict(struct fleet_member *member, const char *check)
{
    for (uint32_t i = 0; i < member->verdicts_count; i++) {
        if (text_equal(member->verdicts[i].verdict.check, check))
            return &member->verdicts[i];
    }
    return NULL;
}

/* What was told longest ago is most likely no more. NULL: all are told. */
static struct fleet_verdict *make_room(struct fleet_member *member)
{
    struct fleet_verdict *oldest = NULL;

    if (member->verdicts_count < FLEET_VERDICTS_MAX)
        return &member->verdicts[member->verdicts_count++];
    for (uint32_t i = 0; i < member->verdicts_count; i++) {
        struct fleet_verdict *known = &member->verdicts[i];

        if (!known->told && (oldest == NULL || known->at < oldest->at))
            oldest = known;
    }
    return oldest;
}

bool fleet_tell_verdict(struct fleet_member *member, const struct verdict *verdict,
                        unsigned interval_s, int64_t now_unix)
{
    struct fleet_verdict *known = find_verdict(member, verdict->check);
    bool news = known == NULL || known->verdict.value != verdict->value;

    if (known == NULL) {
        known = make_room(member);
        if (known == NULL)
            return false;
        known->decided = VERDICT_UNKNOWN;
    }
    known->verdict = *verdict;
    known->at = now_unix;
    known->interval_s = interval_s;
    known->told = known->of_session = true;
    if (verdict->value != VERDICT_UNKNOWN)
        known->decided = verdict->value;
    return news;
}

void fleet_begin_telling(struct fleet_member *member)
{
    for (uint32_t i = 0; i < member->verdicts_count; i++)
        member->verdicts[i].told = false;
}

void fleet_name_verdicts(struct fleet_member *member, const struct verdict *verdicts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fleet_verdict *known = find_verdict(member, verdicts[i].check);

        if (known != NULL)
            known->told = true;
    }
}

void fleet_end_telling(struct fleet_member *member)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < member->verdicts_count; i++) {
        if (member->verdicts[i].told)
            member->verdicts[kept++] = member->verdicts[i];
    }
    member->verdicts_count = kept;
    member->has_told = true;
}

static bool silent_for(const struct fleet_member *member, unsigned interval_s, mono_t now)
{
    int64_t allowed_ms = (int64_t)interval_s * 1000 + 2 * FLEET_HEARTBEAT_MS;

    return member->heard_at == MONO_NEVER || now > mono_add(member->heard_at, allowed_ms);
}

static void say_silent(const struct fleet_member *member, const struct fleet_verdict *known,
                       mono_t now, struct verdict *ret_verdict)
{
    ret_verdict->value = VERDICT_UNKNOWN;
    if (member->heard_at == MONO_NEVER)
        snprintf(ret_verdict->observed, sizeof(ret_verdict->observed),
                 "%s was not heard since the controller started; it said %s before", member->name,
                 verdict_format(known->verdict.value));
    else
        snprintf(ret_verdict->observed, sizeof(ret_verdict->observed),
                 "%s is silent for %lld s; it said %s before", member->name,
                 (long long)(now - member->heard_at) / 1000, verdict_format(known->verdict.value));
}

static void age(const struct fleet_member *member, const struct fleet_verdict *known, mono_t now,
                struct verdict *ret_verdict)
{
    *ret_verdict = known->verdict;
    if (silent_for(member, known->interval_s, now)) {
        say_silent(member, known, now, ret_verdict);
    } else if (!known->of_session) {
        ret_verdict->value = VERDICT_UNKNOWN;
        snprintf(ret_verdict->observed, sizeof(ret_verdict->observed),
                 "not said yet since it connected; it said %s before",
                 verdict_format(known->verdict.value));
    }
}

void fleet_show(const struct fleet_member *member, const struct fleet_verdict *known, mono_t now,
                struct verdict *ret_verdict)
{
    age(member, known, now, ret_verdict);
    if (!fleet_answers(member))
        say_silent(member, known, now, ret_verdict);
}

void fleet_verdict_now(const struct fleet_member *member, const char *check, mono_t now,
                       struct verdict *ret_verdict)
{
    for (uint32_t i = 0; i < member->verdicts_count; i++) {
        if (text_equal(member->verdicts[i].verdict.check, check)) {
            age(member, &member->verdicts[i], now, ret_verdict);
            return;
        }
    }
    memset(ret_verdict, 0, sizeof(*ret_verdict));
    text_copy(ret_verdict->check, sizeof(ret_verdict->check), check);
    verdict_set(ret_verdict, VERDICT_UNKNOWN, "a verdict",
                "none came yet; is its agent running, and the check declared in fleet.yaml?");
}

int64_t fleet_verdict_at(const struct fleet_member *member, const char *check)
{
    for (uint32_t i = 0; member != NULL && i < member->verdicts_count; i++) {
        if (text_equal(member->verdicts[i].verdict.check, check))
            return member->verdicts[i].at;
    }
    return 0;
}

bool fleet_awaits(const struct fleet_member *member, const char *check, mono_t now)
{
    for (uint32_t i = 0; member != NULL && i < member->verdicts_count; i++) {
        if (text_equal(member->verdicts[i].verdict.check, check))
            return !member->connected || !member->verdicts[i].of_session ||
                   silent_for(member, member->verdicts[i].interval_s, now);
    }
    return true;
}

int64_t fleet_beat_ms(uint32_t connections)
{
    int64_t beat = (int64_t)connections * FLEET_BEAT_SHARE_MS;

    if (beat < FLEET_BEAT_MS)
        return FLEET_BEAT_MS;
    return beat < FLEET_HEARTBEAT_MS ? beat : FLEET_HEARTBEAT_MS;
}

bool fleet_answers(const struct fleet_member *member)
{
    return member != NULL && member->connected && !member->silent;
}

enum verdict_value fleet_health(const struct fleet_member *member, mono_t now)
{
    enum verdict_value worst = VERDICT_PASS;
    uint32_t counted = 0;

    if (!fleet_answers(member))
        return VERDICT_UNKNOWN;
    for (uint32_t i = 0; i < member->verdicts_count; i++) {
        struct verdict verdict;

        age(member, &member->verdicts[i], now, &verdict);
        if (verdict.severity != SEVERITY_CRITICAL || fleet_reach_target(verdict.check) != NULL)
            continue;
        worst = verdict_worst(worst, verdict.value);
        counted++;
    }
    /* A witness has no checks of its own to fail. */
    return counted > 0 || member->witness_only ? worst : VERDICT_UNKNOWN;
}

unsigned fleet_count_failing(const struct fleet_member *member, mono_t now)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < member->verdicts_count; i++) {
        struct verdict verdict;

        fleet_show(member, &member->verdicts[i], now, &verdict);
        count += verdict.value != VERDICT_PASS && fleet_reach_target(verdict.check) == NULL;
    }
    return count;
}

const char *fleet_reach_target(const char *check)
{
    return text_starts(check, reach_prefix) ? check + sizeof(reach_prefix) - 1 : NULL;
}

void fleet_reach(const struct fleet *fleet, const char *witness, const char *node, mono_t now,
                 struct verdict *ret_verdict)
{
    const struct fleet_member *member = fleet_find(fleet, witness);
    char check[NAME_SIZE];

    snprintf(check, sizeof(check), "%s%.*s", reach_prefix, (int)(NAME_SIZE - sizeof(reach_prefix)),
             node);
    memset(ret_verdict, 0, sizeof(*ret_verdict));
    text_copy(ret_verdict->check, sizeof(ret_verdict->check), check);
    if (member == NULL)
        verdict_set(ret_verdict, VERDICT_UNKNOWN, "its agent has joined", "it never connected");
    else if (!member->connected)
        verdict_set(ret_verdict, VERDICT_UNKNOWN, "its agent is connected", "it is not connected");
    else
        fleet_verdict_now(member, check, now, ret_verdict);
}

/* A bare witness with an address of the tailnet is in its audience, a node always: its snapshot may
 * be of a moment when tailscaled was not up yet, and its look at SSH tells in any case. The
 * connected network of a private address is known to the witness's own snapshot only, and the guard
 * judges it in the trial. */
bool fleet_in_audience(const struct fleet_member *witness, enum audience audience)
{
    if (audience != AUDIENCE_TAILNET || !witness->witness_only)
        return true;
    return witness->has_snapshot && witness->snapshot.tailscale.addresses_count > 0;
}
