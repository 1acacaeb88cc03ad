/*
 * ready: has the guard prepare a plan, with the rehearsal in a process of its own.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guard/io/rehearse.h"
#include "common/core/mem.h"
#include "tests/plans/play_parts.h"

/* In a namespace of a child's own, as oceanid-rehearse does. */
static void rehearse_in_child(struct rehearse *asked, struct rehearsal *shared)
{
    pid_t pid;
    int status;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNET) != 0)
            dump_give_up("a namespace to rehearse in");
        rehearse_play(asked, shared);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        dump_give_up("the rehearsal died");
}

bool __wrap_rehearse_ask(const char *path, struct bytes question, unsigned patience_ms,
                         struct rehearsal *ret_rehearsal, struct err *err);
bool __wrap_rehearse_ask(const char *path, struct bytes question, unsigned patience_ms,
                         struct rehearsal *ret_rehearsal, struct err *err)
{
    struct rehearsal *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct rehearse asked;

    (void)path;
    (void)patience_ms;
    if (shared == MAP_FAILED)
        dump_give_up("memory");
    if (!wire_decode_rehearse(question, &asked, err))
        return false;
    rehearse_in_child(&asked, shared);
    *ret_rehearsal = *shared;
    munmap(shared, sizeof(*shared));
    rehearse_done(&asked);
    return true;
}

static void leave_out(struct play *play, uint32_t at)
{
    struct drawn *plan = &play->plan;

    plan->count--;
    memmove(&plan->operations[at], &plan->operations[at + 1],
            (plan->count - at) * sizeof(plan->operations[0]));
    memmove(&plan->numbers[at], &plan->numbers[at + 1],
            (plan->count - at) * sizeof(plan->numbers[0]));
}

/* Nobody else is there: what a rehearsal does not take back is the undo's fault. ret_refused: the
 * first operation that cannot be done. */
static bool judge_refusal(const struct work *work, uint32_t *ret_refused)
{
    const struct rehearsal *rehearsal = work->rehearsal;

    *ret_refused = work->items_count;
    for (uint32_t i = 0; rehearsal != NULL && i < rehearsal->operations_count; i++) {
        const struct rehearsed *one = &rehearsal->operations[i];

        if (one->outcome == REHEARSED_STAYED)
            return play_broken("rehearsed: not taken back: operation %u: %s", i, one->why);
        if (one->outcome == REHEARSED_REFUSED) {
            *ret_refused = i;
            return true;
        }
        /* The stand-in lacks what it needs, which the kernel would not take (any more). */
        if (one->outcome == REHEARSED_MISSED &&
            sscanf(one->why, "operation %u on the stand-in", ret_refused) == 1) {
            --*ret_refused;
            return true;
        }
        if (one->outcome == REHEARSED_MISSED)
            return play_broken("rehearsed: missed: operation %u: %s", i, one->why);
    }
    return *ret_refused < work->operations_count ||
           play_broken("refused as a whole: %s", work->why);
}

static void take_items(struct play *play, struct work *work)
{
    play->items = work->items;
    play->items_count = work->items_count;
    work->items = NULL;
    work->items_count = 0;
}

/* What the guard refuses is no part of the plan. */
bool play_prepare(struct play *play)
{
    bool good = true, done = false;

    while (good && !done && play->plan.count > 0) {
        struct work *work = work_new(WORK_PREPARE, NULL);
        uint32_t refused;

        work->operations_count = play->plan.count;
        work->operations =
            mem_copy(play->plan.operations, play->plan.count * sizeof(play->plan.operations[0]));
        work_do(&play->apply, work);
        done = work->ok;
        if (done) {
            take_items(play, work);
        } else {
            good = judge_refusal(work, &refused);
            printf("refused: %s\n", work->why);
            if (good)
                leave_out(play, refused);
        }
        work_free(work);
    }
    return good;
}
