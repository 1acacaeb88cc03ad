/*
 * rescue: carries out the trial machine's effects one by one, in one thread.
 */
#include "agent/guard/io/rescue.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/io/apply_part.h"
#include "agent/guard/io/beside.h"
#include "agent/guard/io/hand.h"
#include "agent/guard/io/node.h"
#include "agent/guard/io/owned.h"
#include "agent/guard/io/worker.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/localapi.h"

enum { DUE_MAX = 1000 };

struct answer {
    struct answer *next;
    struct guard_event ev;
    struct guard_record record; /* of ON_RECORDED */
    char why[ERR_TEXT_SIZE];
};

/* ---- opening -------------------------------------------------------------------------------- */

/* One of what is gone by now is nobody's. */
static void find_intent(struct rescue *rescue)
{
    const struct ledger *ledger = rescue->ledger;
    const struct generation_id *down_to = &rescue->intent.down_to;

    rescue->has_intent = run_intent_find(&rescue->config, &rescue->intent) &&
                         (ledger_find(ledger, down_to) != NULL ||
                          (ledger->is_open && generation_id_equal(&ledger->open.id, down_to)));
}

bool rescue_open(struct rescue *rescue, const struct guard_config *config, bool read_only,
                 struct err *err)
{
    char joined_as[NAME_SIZE];

    memset(rescue, 0, sizeof(*rescue));
    rescue->config = *config;
    rescue->apply.tailscale_socket = rescue->config.tailscale_socket;
    rescue->ledger = mem_alloc(1, sizeof(*rescue->ledger));
    rescue->journal = journal_open(config->state, read_only, rescue->ledger, err);
    if (rescue->journal == NULL) {
        free(rescue->ledger);
        return false;
    }
    beside_read(config->state, &rescue->key, joined_as);
    if (rescue->key != NULL)
        sign_key_public(rescue->key, &rescue->public_key);
    rescue->trial = mem_alloc(1, sizeof(*rescue->trial));
    rescue->effects = mem_alloc(1, sizeof(*rescue->effects));
    trial_init(rescue->trial, rescue->ledger, "");
    rescue->is_named =
        node_find_name(joined_as, rescue->journal, rescue->ledger,
                       rescue->key != NULL ? &rescue->public_key : NULL, rescue->trial->node);
    if (journal_damage(rescue->journal)[0] != '\0')
        printf("the journal: %s\n", journal_damage(rescue->journal));
    rescue->is_reboot = journal_was_rebooted(rescue->journal);
    run_find_depth(&rescue->config, &rescue->found_depth);
    find_intent(rescue);
    return true;
}

void rescue_close(struct rescue *rescue)
{
    while (rescue->first != NULL) {
        struct answer *answer = rescue->first;

        rescue->first = answer->next;
        free(answer);
    }
    rescue_disk_close(rescue->disk);
    journal_close(rescue->journal);
    sign_key_free(rescue->key);
    if (rescue->watch != NULL)
        netlink_watch_close(rescue->watch);
    free(rescue->ledger);
    free(rescue->trial);
    free(rescue->effects);
    memset(rescue, 0, sizeof(*rescue));
}

int rescue_find_deeper(const struct rescue *rescue)
{
    const struct ledger *ledger = rescue->ledger;
    uint32_t count = ledger->generations_count;

    if (nonce_is_zero(&rescue->found_depth))
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        if (nonce_equal(&ledger->generations[i].id.start, &rescue->found_depth))
            return (int)i;
    }
    return ledger->is_open && nonce_equal(&ledger->open.id.start, &rescue->found_depth) ? (int)count
                                                                                        : -1;
}

/* What an earlier rescue has taken back stays so, whatever the journal says; but not the shields of
 * a preference that it only left out. */
static void list_owned(const struct rescue *rescue, enum owned_what what, struct owned *ret_owned)
{
    AUTO_FREE struct ledger *ledger = mem_copy(rescue->ledger, sizeof(*ledger));
    int deeper = rescue_find_deeper(rescue);

    if (deeper >= 0 && !(rescue->doubts_void && what == OWNED_SHIELDS)) {
        ledger->is_open &= (uint32_t)deeper < ledger->generations_count; /* it may be newer */
        ledger->generations_count = (uint32_t)deeper;
    }
    owned_list(ret_owned, what, rescue->journal, ledger, rescue->trial);
}

uint32_t rescue_put_back(struct rescue *rescue, bool everything)
{
    const struct apply kernel_only = {.tailscale_socket = NULL}; /* it may be frozen */
    struct err err = ERR_INIT;
    struct owned owned;
    uint32_t pending = 0, done;

    if (rescue->is_by_hand && run_is_by_hand(&rescue->config))
        return 0;
    if (rescue->is_finisher && run_is_superseded(&rescue->config))
        return 0;
    list_owned(rescue, everything ? OWNED_ALL : OWNED_SHIELDS, &owned);
    done = apply_assert(&kernel_only, owned.operations, owned.count, &pending, &err);
    if (done > 0)
        printf("put back %u of %u owned items\n", done, owned.count);
    if (pending > 0 && pending != rescue->pending)
        printf("%u owned items wait for their device\n", pending);
    rescue->pending = pending;
    rescue->missed = err.kind != ERR_NONE;
    if (err.kind != ERR_NONE)
        printf("putting back: %s\n", err.text);
    free(owned.operations);
    fflush(stdout);
    return owned.count;
}

bool rescue_is_shielded(const struct rescue *rescue)
{
    return !rescue->missed && rescue->pending == 0;
}

/* Nobody listens there; one that hangs is not missing. */
bool rescue_misses_tailscaled(const struct rescue *rescue)
{
    struct tailscale tailscale;

    localapi_read(rescue->config.tailscale_socket, APPLY_LOCALAPI_MS, &tailscale);
    free(tailscale.peers);
    return tailscale.presence == TAILSCALE_ABSENT;
}

/* ---- effects -------------------------------------------------------------------------------- */

static struct answer *add_answer(struct rescue *rescue, enum guard_event_kind kind)
{
    struct answer *answer = mem_alloc(1, sizeof(*answer));

    answer->ev.kind = kind;
    if (rescue->last != NULL)
        rescue->last->next = answer;
    else
        rescue->first = answer;
    rescue->last = answer;
    return answer;
}

static void do_record(struct rescue *rescue, const struct guard_effect *effect)
{
    struct answer *answer = add_answer(rescue, ON_RECORDED);

    answer->record = effect->record.record;
    rescue_write(rescue, &answer->record, effect->record.durable);
    answer->ev.recorded.ok = true;
    answer->ev.recorded.number = effect->record.number;
    answer->ev.recorded.record = &answer->record;
    answer->ev.recorded.why = answer->why;
}

/* Tried every 2 s, maybe for weeks: what has not changed is not said again. */
static void say_not_yet(char *said, const char *what, const char *why)
{
    if (strncmp(said, why, NOT_YET_SIZE - 1) == 0)
        return;
    text_copy(said, NOT_YET_SIZE, why);
    printf("  %s: %s\n", what, why);
}

static void say_undone(struct rescue *rescue, const struct work *work, const char *line)
{
    char what[SENTENCE_SIZE + 16];

    if (work->outcome == REVERT_DONE)
        printf("  done: %s\n", line);
    else if (work->outcome == REVERT_LEFT)
        printf("  left as it is: %s: %s\n", line, work->why);
    else {
        snprintf(what, sizeof(what), "not yet: %s", line);
        say_not_yet(rescue->not_yet[work->operation % OPERATIONS_MAX], what, work->why);
    }
}

/* One for all: what it is late with for one rescue is late for the next. */
static struct hand *the_hand(void)
{
    static struct hand *hand;

    if (hand == NULL)
        hand = hand_start_processes();
    return hand;
}

static void do_undo(struct rescue *rescue, const struct guard_effect *effect)
{
    struct journal_generation *kept = journal_find(rescue->journal, &effect->id);
    struct answer *answer = add_answer(rescue, ON_UNDONE);
    struct work *work = work_new(WORK_UNDO, &effect->id);
    char line[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(line);

    work->operation = effect->operation; /* one at a time: each is said before the next */
    if (kept != NULL && work_fill_run(work, kept))
        undo_render(&work->items[0], &text);
    else
        text_add(&text, "operation %u", effect->operation + 1);
    rescue->apply.hand = the_hand();
    work_do(&rescue->apply, work);
    say_undone(rescue, work, line);
    rescue->left += work->outcome == REVERT_LEFT;
    text_copy(answer->why, sizeof(answer->why), work->why);
    answer->ev.undone.operation = effect->operation;
    answer->ev.undone.outcome = work->outcome;
    answer->ev.undone.why = answer->why;
    work_free(work);
}

static void fill_verify(struct rescue *rescue, struct work *work)
{
    const struct journal_generation *kept = journal_find(rescue->journal, &work->id);
    const struct manifest_plan *plan;
    struct manifest manifest;
    struct err err = ERR_INIT;

    if (kept == NULL)
        return;
    work_fill_items(work, kept);
    work_keep_touched(work, &rescue->trial->revert);
    if (!owned_read_plan(kept, rescue->trial->node, &manifest, &plan, &err)) {
        printf("  protected flows are not verified: %s\n", err.text);
        return;
    }
    work_fill_flows(work, plan);
    manifest_done(&manifest);
}

static void do_verify(struct rescue *rescue, const struct guard_effect *effect)
{
    struct answer *answer = add_answer(rescue, ON_VERIFIED);
    struct work *work = work_new(WORK_VERIFY, &effect->id);

    fill_verify(rescue, work);
    work_do(&rescue->apply, work);
    if (work->ok)
        printf("  verified: touched objects are as before, %u protected flows answer\n",
               work->flows_count);
    if (work->ok && work->why[0] != '\0')
        printf("  %s\n", work->why);
    if (!work->ok)
        say_not_yet(rescue->not_yet[OPERATIONS_MAX], "not as before yet", work->why);
    text_copy(answer->why, sizeof(answer->why), work->why);
    answer->ev.verified.ok = work->ok;
    answer->ev.verified.why = answer->why;
    answer->ev.verified.others = work->ok ? answer->why : NULL;
    work_free(work);
}

static void say(const struct guard_effect *effect)
{
    const char *detail = effect->progress.detail;

    printf("%s%s: %s%s%s\n", effect->kind == DO_ALARM ? "ALARM " : "", effect->progress.state,
           effect->progress.sentence, detail[0] != '\0' ? ": " : "", detail);
}

static void say_receipt(const struct rescue *rescue, const struct hash *hash)
{
    for (uint32_t i = 0; i < rescue->ledger->ends_count; i++) {
        const struct ledger_end *end = &rescue->ledger->ends[i];

        if (hash_equal(&end->receipt_hash, hash))
            printf("receipt %llu: sequence %llu %s (%s)\n", (unsigned long long)end->receipt.index,
                   (unsigned long long)end->receipt.generation.attempt.sequence,
                   receipt_kind_name(end->receipt.kind), end_cause_name(end->receipt.cause));
    }
}

static void forget(struct rescue *rescue)
{
    journal_forget(rescue->journal, rescue->ledger);
    rescue_write_text(rescue);
}

/* What only a new trial asks for does not come to pass here. */
static void carry(struct rescue *rescue, const struct guard_effect *effect)
{
    switch (effect->kind) {
    case DO_RECORD:
        do_record(rescue, effect);
        break;
    case DO_UNDO:
        do_undo(rescue, effect);
        break;
    case DO_VERIFY:
        do_verify(rescue, effect);
        break;
    case DO_PROGRESS:
    case DO_ALARM:
        say(effect);
        break;
    case DO_SEND:
        say_receipt(rescue, &effect->receipt);
        break;
    case DO_REFUSE:
        printf("refused: %s\n", effect->refuse.reason);
        break;
    case DO_FORGET:
        forget(rescue);
        break;
    case DO_PREPARE:
    case DO_OFFER:
    case DO_SYNC:
    case DO_APPLY:
    case DO_SETTLE:
    case DO_NONCE:
    case DO_STATEMENT:
    case DO_STACK:
    case DO_LET_GO:
    case GUARD_EFFECT_COUNT:
        break;
    }
    fflush(stdout);
}

/* ---- events --------------------------------------------------------------------------------- */

static void step(struct rescue *rescue, struct guard_event *ev)
{
    ev->now = clock_now();
    ev->unix_now = clock_unix();
    clock_random(&ev->random, sizeof(ev->random));
    rescue->effects->count = 0;
    trial_step(rescue->trial, ev, rescue->effects);
    for (uint32_t i = 0; i < rescue->effects->count; i++)
        carry(rescue, &rescue->effects->list[i]);
}

/* Gives one event, and all that follows from it at once. */
static void give(struct rescue *rescue, struct guard_event *ev)
{
    struct answer *answer;

    step(rescue, ev);
    while ((answer = rescue->first) != NULL) {
        rescue->first = answer->next;
        if (rescue->first == NULL)
            rescue->last = NULL;
        step(rescue, &answer->ev);
        free(answer);
    }
}

void rescue_give_boot(struct rescue *rescue, enum end_cause cause)
{
    struct guard_event ev = {.kind = ON_BOOT, .boot = cause};

    give(rescue, &ev);
}

static bool is_done(const struct rescue *rescue)
{
    return rescue->trial->state == TRIAL_IDLE;
}

static void wait_until(struct rescue *rescue, mono_t at)
{
    mono_t left = at - clock_now();
    struct pollfd look[2] = {{.fd = -1, .events = POLLIN}, {.fd = -1, .events = POLLIN}};

    if (rescue->watch != NULL)
        look[0].fd = netlink_watch_fd(rescue->watch);
    if (rescue->told_fd > 0)
        look[1].fd = rescue->told_fd;
    if (left <= 0 || poll(look, 2, left > 60000 ? 60000 : (int)left) <= 0)
        return;
    rescue->is_told = look[1].revents != 0;
    if (look[0].revents != 0 && netlink_watch_take(rescue->watch) != 0)
        rescue_put_back(rescue, false);
}

bool rescue_run(struct rescue *rescue, mono_t until)
{
    struct guard_event ev = {.kind = ON_TIMEOUT};

    /* Whatever the machine asks for, it is not asked for ever without waiting. */
    for (int due = 0; !is_done(rescue) && due < DUE_MAX; due++) {
        mono_t at = trial_deadline(rescue->trial);
        mono_t now = clock_now();

        if (now < at && (now >= until || rescue->is_told))
            return false;
        if (now < at)
            due = 0;
        wait_until(rescue, mono_min(at, until));
        if (clock_now() >= at)
            give(rescue, &ev);
    }
    return is_done(rescue);
}

bool rescue_say_open(struct rescue *rescue)
{
    const struct trial *trial = rescue->trial;
    struct journal_generation *kept = journal_find(rescue->journal, &trial->id);
    bool waits_for_tailscaled = false;

    for (uint32_t i = trial->revert.steps_count; kept != NULL && i-- > 0;) {
        const struct revert_step *at = &trial->revert.steps[i];
        const struct undo_item *item = journal_generation_item(kept, i);
        char line[SENTENCE_SIZE];
        struct text text = TEXT_IN(line);

        if (!at->touched || item == NULL || at->outcome == REVERT_DONE ||
            at->outcome == REVERT_LEFT)
            continue;
        undo_render(item, &text);
        printf("  open: %s%s\n", line,
               at->outcome == REVERT_WAITING ? " (kept until what is above it is undone)" : "");
        waits_for_tailscaled |= item->change.kind == OPERATION_TAILSCALE;
    }
    if (trial->state == TRIAL_VERIFYING)
        printf("  open: all is undone, and not verified yet\n");
    return waits_for_tailscaled && rescue_misses_tailscaled(rescue);
}
