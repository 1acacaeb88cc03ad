/*
 * files: configuration files of confirmed changes go from /run to /etc, and are there after a
 * reboot that came in between.
 *
 * The worker does it, when it has nothing else to do; what fails is tried again for ever.
 */
#include <stdlib.h>

#include "agent/guard/io/guard.h"
#include "agent/guard/io/owned.h"
#include "agent/guard/io/run.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"

enum { FILES_RETRY_MS = 10000 };

void files_want(struct guard *guard)
{
    guard->files_due = clock_now();
}

mono_t files_deadline(const struct guard *guard)
{
    return guard->backlog.busy || guard->backlog.count > 0 ? MONO_NEVER : guard->files_due;
}

void files_tick(struct guard *guard)
{
    static const struct work_order order = {.kind = WORK_FILES};
    char mark[PATH_SIZE + 16];

    if (clock_now() < files_deadline(guard))
        return;
    guard->files_due = MONO_NEVER;
    if (run_is_released(&guard->config, mark, sizeof(mark)) || guard->trial->state == TRIAL_FENCED)
        return;
    carry_order(guard, &order);
    carry_pump(guard);
}

void files_fill(struct guard *guard, struct work *work)
{
    const struct undo_item *items[OWNED_FILES_MAX];
    uint32_t count = owned_list_files(items, guard->journal, guard->ledger, guard->trial);

    work->items = mem_alloc(count, sizeof(*work->items));
    work->items_count = count;
    for (uint32_t i = 0; i < count; i++)
        journal_copy_item(&work->items[i], items[i]);
}

void files_take(struct guard *guard, const struct work *work)
{
    if (!work->ok)
        guard->files_due = clock_now() + FILES_RETRY_MS;
    if (work->why[0] != '\0' && !text_equal(guard->files_why, work->why))
        log_warning("%s%s", work->why, work->ok ? "" : "; trying again every 10 s");
    text_copy(guard->files_why, sizeof(guard->files_why), work->why);
}
