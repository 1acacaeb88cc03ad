/*
 * keep: puts shields back within 100 ms of their removal, and what was confirmed as links appear.
 *
 * A notification of the kernel is a hint to look. Looking is a worker's job of its own: the other
 * may wait for tailscaled. Somebody who removes again and again is an alarm, not a busy loop.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/guard/core/fight.h"
#include "agent/guard/io/guard.h"
#include "agent/guard/io/owned.h"
#include "agent/guard/io/owned_drift.h"
#include "agent/guard/io/run.h"
#include "agent/io/netlink.h"
#include "common/core/mem.h"
#include "common/io/clock.h"
#include "common/io/log.h"

enum {
    DEBOUNCE_MS = 20,
    PENDING_MS = 10000, /* a device is missing, or a mark keeps from looking: without a hint too */
};

struct keep {
    struct netlink_watch *watch;
    struct worker *worker;
    bool busy, everything, released;
    bool looks_at_everything; /* the look that is under way */
    mono_t due, began;        /* MONO_NEVER: nothing to look at */
    mono_t paced_until;
    struct fight fight;
};

bool keep_open(struct guard *guard, struct err *err)
{
    const struct apply apply = {.tailscale_socket = NULL};
    struct keep *keep = mem_alloc(1, sizeof(*keep));

    keep->watch = netlink_watch_open(-1, err);
    if (keep->watch == NULL) {
        free(keep);
        return false;
    }
    if (run_unmark_recorded(&guard->config, guard->ledger))
        log_info("what a rescue took back is in the journal: shields are put back again");
    keep->due = MONO_NEVER;
    keep->worker = worker_start(&apply);
    guard->keep = keep;
    keep_want(guard, true);
    return true;
}

/* None while a look is due soon: it takes all that has come by then. */
int keep_watch_fd(const struct guard *guard)
{
    bool soon = guard->keep->due <= clock_now() + DEBOUNCE_MS;

    return soon ? -1 : netlink_watch_fd(guard->keep->watch);
}

int keep_worker_fd(const struct guard *guard)
{
    return worker_fd(guard->keep->worker);
}

bool keep_is_busy(const struct guard *guard)
{
    return guard->keep->busy;
}

/* An order to apply or undo waits until no look is under way, so none begins while one waits. While
 * one is applied looks go on, without what it touches (owned.c). */
static bool order_waits(const struct guard *guard)
{
    const struct backlog *backlog = &guard->backlog;

    if (backlog->count == 0)
        return false;
    return backlog->orders[0].kind == WORK_UNDO ||
           (backlog->orders[0].kind == WORK_APPLY && !backlog->busy);
}

mono_t keep_deadline(const struct guard *guard)
{
    return guard->keep->busy || order_waits(guard) ? MONO_NEVER : guard->keep->due;
}

static void look_at(struct keep *keep, mono_t at)
{
    if (at < keep->paced_until)
        at = keep->paced_until;
    keep->due = mono_min(keep->due, at);
}

void keep_want(struct guard *guard, bool everything)
{
    guard->keep->everything |= everything;
    look_at(guard->keep, clock_now());
}

void keep_take_watch(struct guard *guard)
{
    unsigned changed = netlink_watch_take(guard->keep->watch);

    if (changed == 0)
        return;
    guard->keep->everything |= (changed & NETLINK_LINKS) != 0;
    if ((changed & NETLINK_LINKS) != 0)
        owned_drift_want(guard);
    look_at(guard->keep, clock_now() + DEBOUNCE_MS);
}

static bool is_released(struct guard *guard)
{
    struct keep *keep = guard->keep;
    char path[PATH_SIZE + 16];
    bool released = run_is_released(&guard->config, path, sizeof(path));

    if (released && !keep->released)
        log_warning("%s is there: shields are not put back until it is removed", path);
    if (!released && keep->released) {
        log_info("what kept shields from being put back is removed: they are again");
        keep->everything = true;
    }
    keep->released = released;
    return released;
}

void keep_tick(struct guard *guard)
{
    struct keep *keep = guard->keep;
    struct work *work;
    struct owned owned;

    if (keep->busy || clock_now() < keep->due || order_waits(guard))
        return;
    keep_take_watch(guard);
    keep->due = MONO_NEVER;
    if (is_released(guard))
        look_at(keep, clock_now() + PENDING_MS); /* nobody says when the mark goes */
    if (keep->released || guard->trial->state == TRIAL_FENCED)
        return;
    owned_list(&owned, keep->everything ? OWNED_ALL : OWNED_SHIELDS, guard->journal, guard->ledger,
               guard->trial);
    if (owned.count == 0) {
        free(owned.operations);
        keep->everything = false;
        return;
    }
    work = work_new(WORK_ASSERT, NULL);
    work->operations = owned.operations;
    work->operations_count = owned.count;
    keep->busy = true;
    keep->looks_at_everything = keep->everything;
    keep->everything = false;
    keep->began = clock_now();
    worker_give_take(keep->worker, work);
}

static void count_fight(struct keep *keep, bool put_back, mono_t now)
{
    enum fight_news news = fight_look(&keep->fight, put_back, now);

    if (news == FIGHT_BEGINS)
        log_error("ALARM shields: expected them to stay, observed that somebody removes them "
                  "again and again (%d times in %d s); put back once a second from now on",
                  FIGHT_LIMIT, FIGHT_WINDOW_MS / 1000);
    if (news == FIGHT_ENDS)
        log_warning("shields: nobody has removed one for %d s; put back at once again",
                    FIGHT_WINDOW_MS / 1000);
    keep->paced_until = fight_pace(&keep->fight, now);
    if (keep->fight.lasts)
        look_at(keep, fight_deadline(&keep->fight));
}

void keep_take_worker(struct guard *guard)
{
    struct keep *keep = guard->keep;
    struct work *work = worker_take(keep->worker);
    mono_t now = clock_now();

    if (work == NULL)
        return;
    keep->busy = false;
    if (work->put_back > 0)
        log_warning("put back %u of %u owned items", work->put_back, work->operations_count);
    if (!work->ok && work->why[0] != '\0')
        log_warning("putting back: %s; again in %d s", work->why, PENDING_MS / 1000);
    count_fight(keep, work->put_back > 0, now);
    /* Under a flood of route changes looking takes a fifth of a processor, not all of it. */
    keep->paced_until = keep->paced_until > now + 4 * (now - keep->began)
                            ? keep->paced_until
                            : now + 4 * (now - keep->began);
    if (work->pending > 0 || !work->ok) {
        keep->everything |= keep->looks_at_everything;
        look_at(keep, now + PENDING_MS);
    }
    if (keep->due != MONO_NEVER)
        look_at(keep, keep->due);
    work_free(work);
    carry_pump(guard);
}
