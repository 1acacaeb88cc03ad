/*
 * coverage: how often the seeds took each row of both machines' tables, and which rows they cannot
 * take.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/core/text.h"
#include "tests/sim/sim.h"

/* Rows that the simulated world has no way to; the scripts of tests/data take them. */
static const struct {
    const char *because; /* the row's sentence */
    const char *why_not;
} excepted[] = {
    {"", ""},
};

void coverage_add(struct coverage *coverage, const struct world *world)
{
    for (int i = 0; i < TRIAL_ROWS_MAX; i++)
        coverage->trial_rows[i] += world->trial_rows[i];
    for (int i = 0; i < SIM_ROLLOUT_ROWS_MAX; i++)
        coverage->rollout_rows[i] += world->rollout_rows[i];
}

static const char *find_exception(const char *because)
{
    for (size_t i = 0; i < sizeof(excepted) / sizeof(excepted[0]); i++) {
        if (text_equal(excepted[i].because, because))
            return excepted[i].why_not;
    }
    return NULL;
}

static bool print_row(const char *on, const char *condition, const char *because, uint64_t count)
{
    const char *why_not = find_exception(because);

    printf("%9llu  on %s if %s: %s%s%s%s\n", (unsigned long long)count, on, condition, because,
           count == 0 && why_not != NULL ? " [" : "", count == 0 && why_not != NULL ? why_not : "",
           count == 0 ? (why_not != NULL ? "]" : "  <-- never taken") : "");
    return count > 0 || why_not != NULL;
}

bool coverage_print(const struct coverage *coverage)
{
    struct rollout_row rollout;
    struct trial_row trial;
    bool all = true;

    printf("trial:\n");
    for (uint32_t i = 0; trial_table_row(i, &trial); i++)
        all &= print_row(guard_event_name(trial.on), trial.if_name, trial.because,
                         coverage->trial_rows[i]);
    printf("rollout:\n");
    for (uint32_t i = 0; rollout_table_row(i, &rollout); i++)
        all &= print_row(rollout_event_name(rollout.on), rollout.if_name, rollout.because,
                         coverage->rollout_rows[i]);
    return all;
}
