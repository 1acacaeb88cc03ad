/*
 * rollback_units: what the units run: before the network at boot, after the guard ended, and until
 * what was left open is done.
 */
#include "agent/guard/rollback.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/guard/io/run.h"
#include "common/io/clock.h"

enum { STOP_POST_WAITS_MS = 10000, BOOT_LIMIT_S = 10 };

/* False: somebody else has the journal, and does it. ret_code is set. */
static bool take_for_unit(const struct options *options, struct rescue *ret_rescue, int *ret_code,
                          struct err *err)
{
    if (rescue_open(ret_rescue, &options->config, false, err))
        return true;
    *ret_code = EXIT_DIFFERS;
    if (err->kind != ERR_CONFLICT && err->kind != ERR_MISSING)
        return false;
    printf("%s; it goes on with what is open\n", err->text);
    *err = (struct err)ERR_INIT;
    *ret_code = EXIT_DONE;
    return false;
}

static bool is_anything_open(const struct rescue *rescue)
{
    const struct ledger_generation *top = ledger_top(rescue->ledger);

    return rescue->ledger->is_open || rescue->ledger->owes ||
           (top != NULL && top->mark == MARK_POPPING);
}

static int leave_to_guard(struct rescue *rescue, bool done)
{
    if (!done) {
        printf("left to the guard, which goes on with it:\n");
        rescue_say_open(rescue);
    }
    rescue_close(rescue);
    return EXIT_DONE;
}

/* Before the network and before tailscaled: what needs either stays for the guard, behind its
 * shields. */
int rollback_boot(const struct options *options, struct err *err)
{
    struct rescue rescue;
    bool done = true;
    int code;

    alarm(BOOT_LIMIT_S);
    if (!take_for_unit(options, &rescue, &code, err))
        return code;
    rescue_put_back(&rescue, true);
    if (is_anything_open(&rescue)) {
        rescue_give_boot(&rescue, rescue.is_reboot ? CAUSE_REBOOT : CAUSE_GUARD_DIED);
        done = rescue_run(&rescue, 0);
    }
    return leave_to_guard(&rescue, done);
}

int rollback_stop_post(const struct options *options, struct err *err)
{
    struct rescue rescue;
    bool done;
    int code;

    if (run_rescuer(&options->config) != 0) {
        printf("oceanid-rollback is at work already: it takes back what is open\n");
        return EXIT_DONE;
    }
    if (!take_for_unit(options, &rescue, &code, err))
        return code;
    if (!is_anything_open(&rescue)) {
        rescue_close(&rescue);
        return EXIT_DONE;
    }
    rescue_put_back(&rescue, false);
    rescue_give_boot(&rescue, CAUSE_GUARD_DIED);
    done = rescue_run(&rescue, clock_now() + STOP_POST_WAITS_MS);
    return leave_to_guard(&rescue, done);
}

/* Until it is done, or a guard takes over (SIGTERM). */
int rollback_finish(const struct options *options, struct err *err)
{
    struct target target;
    struct rescue rescue;
    int code;

    if (!take_for_unit(options, &rescue, &code, err))
        return code;
    rescue.watch = netlink_watch_open(-1, err);
    *err = (struct err)ERR_INIT;
    if (!rollback_choose(rescue.ledger, options, &target, err))
        target.has_generation = false;
    if (options->to == 0)
        target.has_generation = false; /* only what is open already */
    *err = (struct err)ERR_INIT;
    rescue_put_back(&rescue, false);
    while (!rollback_undo(&rescue, &target, MONO_NEVER))
        ;
    rescue_close(&rescue);
    return EXIT_DONE;
}
