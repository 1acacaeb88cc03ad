/*
 * rollback_clock: root says that this host's clock is right, although the journal has seen a later
 * time: without that one record under a clock far ahead would bar every new trial for years.
 */
#include "agent/guard/rollback.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/guard/io/run.h"
#include "agent/guard/io/take.h"
#include "common/core/text.h"
#include "common/io/clock.h"

static void say_times(const struct ledger *ledger, int64_t now)
{
    char seen[32], says[32];
    struct text text = TEXT_IN(seen);

    text_add_time(&text, ledger->time_floor);
    text = TEXT_IN(says);
    text_add_time(&text, now);
    printf("This host's clock says %s, its journal has seen %s.\n", says, seen);
}

/* False: there is nothing to accept, or not now; code says which. */
static bool may_accept(const struct ledger *ledger, int *ret_code, struct err *err)
{
    *ret_code = EXIT_DIFFERS;
    if (rollback_is_open(ledger))
        return err_set(err, ERR_CONFLICT,
                       "a change is on trial or being taken back, and needs no clock: wait for its "
                       "end, or take it back with oceanid-rollback; then this again");
    *ret_code = EXIT_DONE;
    if (clock_unix() >= ledger->time_floor) {
        printf("The clock is not behind: nothing to accept.\n");
        return false;
    }
    return true;
}

static bool write_floor(struct rescue *rescue, struct err *err)
{
    struct guard_record record = {.kind = RECORD_FLOOR, .at = clock_unix()};

    record.floor.time_floor = record.at;
    record.floor.accepted = true;
    return journal_append(rescue->journal, &record, NULL, true, err);
}

static int accept_clock(const struct options *options, struct err *err)
{
    struct rescue rescue;
    int code;

    if (!take_journal(&options->config, NULL, &rescue, err))
        return EXIT_DIFFERS;
    if (may_accept(rescue.ledger, &code, err)) {
        code = write_floor(&rescue, err) ? EXIT_DONE : EXIT_DIFFERS;
        if (code == EXIT_DONE)
            printf("Accepted: new trials are judged by this clock from now on.\n");
    }
    rescue_close(&rescue);
    return code;
}

int rollback_clock(const struct options *options, struct err *err)
{
    struct err refused = ERR_INIT;
    struct rescue rescue;
    bool may;
    int code;

    if (!rollback_look(options, &rescue, &code, err))
        return code;
    say_times(rescue.ledger, clock_unix());
    may = may_accept(rescue.ledger, &code, err);
    rescue_close(&rescue);
    if (!may)
        return code;
    printf("An approval that has expired by a later time would count again.\n");
    if (!rollback_is_agreed(options, "Is the clock right now?"))
        return EXIT_DIFFERS;
    if (!run_mark_rescue(&options->config, &refused))
        printf("%s; going on\n", refused.text);
    code = accept_clock(options, err);
    run_unmark_rescue(&options->config);
    return code;
}
