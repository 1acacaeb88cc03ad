/*
 * oceanid-rollback: puts a host's network back, with no daemon and no network.
 *
 * The command line and what a person calls; rollback_units.c has what the units run. io/rescue.h
 * does the undoing, io/show.h the printing, io/take.h gets hold of the journal.
 */
#include "agent/guard/rollback.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/guard/io/disk_probe.h"
#include "agent/guard/io/run.h"
#include "agent/guard/io/show.h"
#include "agent/guard/io/take.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/io/standard.h"

enum { PERSON_WAITS_MS = 5000 };

static const char usage[] =
    "usage: oceanid-rollback [MODE] [--yes] [--config FILE]\n"
    "  (none)        show what would be undone, and ask\n"
    "  --yes         undo without asking: the open trial, else the newest confirmed change\n"
    "  --list        the open trial and the confirmed changes, newest first\n"
    "  --check       whether protected flows and owned items are as confirmed; changes nothing\n"
    "  --to N        undo down to and including change N of --list; asks, unless --yes is there\n"
    "  --release     end the trial and stop putting shields back, to work by hand\n"
    "  --order FILE  undo down to and including what an operator's signed order names, an open\n"
    "                trial too; where that does not stand, nothing; asks nothing\n"
    "  --void-tailscale  tailscaled is gone for good: do not wait for it to take its preference\n"
    "                back; asks\n"
    "  --accept-clock    this host's clock is right, whatever the journal has seen; asks\n"
    "  --boot, --stop-post, --finish   what the units run\n"
    "  --help, --version\n"
    "exit: 0 done and verified, or nothing to do; 1 differs, or not done; 2 usage; 4 not root;\n"
    "      5 done as far as possible, the rest is tried again; or its words could not be written\n";

/* ---- what is to be undone ------------------------------------------------------------------- */

static bool choose(const struct ledger *ledger, const struct options *options,
                   struct target *ret_target, struct err *err)
{
    *ret_target = (struct target){.is_open = ledger->is_open, .opened = CAUSE_RESCUED};
    if (ledger->is_open)
        ret_target->open = ledger->open.id;
    if (options->to > 0 && ledger->generations_count == 0)
        return err_set(err, ERR_INPUT,
                       "--to %u: no confirmed change stands here%s; nothing was done", options->to,
                       ledger->is_open ? " (the open trial: oceanid-rollback --yes)" : "");
    if (options->to > ledger->generations_count)
        return err_set(err, ERR_INPUT,
                       "--to %u: accepted are 1 to %u, as --list shows them; nothing was done",
                       options->to, ledger->generations_count);
    if (options->to > 0) {
        ret_target->has_generation = true;
        ret_target->down_to = ledger->generations[options->to - 1].id;
    } else if (!ledger->is_open && ledger_top(ledger) != NULL &&
               !text_equal(options->mode, "--release")) {
        ret_target->has_generation = true;
        ret_target->down_to = ledger_top(ledger)->id;
    }
    return true;
}

static bool asks(const struct options *options)
{
    return !options->yes && (options->mode[0] == '\0' || text_equal(options->mode, "--to"));
}

/* ---- undoing -------------------------------------------------------------------------------- */

bool rollback_undo(struct rescue *rescue, const struct target *target, mono_t until)
{
    struct record_order order = {.down_to = target->down_to, .cause = CAUSE_RESCUED};

    if (target->is_ordered)
        order.cause = CAUSE_ORDERED;
    text_copy(order.reason, sizeof(order.reason),
              target->is_ordered ? target->reason : "root ran oceanid-rollback");
    if (target->has_generation)
        rescue_order(rescue, &order);
    if (target->is_void)
        rescue_declare_void(rescue);
    rescue_give_boot(rescue, target->opened);
    return rescue_run(rescue, until);
}

static void say_unwritten(const struct options *options, const struct rescue *rescue, bool written)
{
    const char *state = options->config.state;

    if (rescue->is_without_lock)
        printf("The journal in %s is not written, its disk does not answer or another process has "
               "it: after a reboot what was confirmed would come back.\n"
               "A process of its own writes it as soon as it can; oceanid-guard waits for that. If "
               "--list still shows it then, run this again.\n",
               state);
    else if (written)
        printf("The journal in %s cannot be written: after a reboot what was confirmed would come "
               "back.\n"
               "Make room or repair the disk; then, if --list still shows it, run this again.\n",
               state);
    else
        printf("The journal in %s is not written yet, its disk does not answer: after a reboot "
               "what was confirmed would come back.\n"
               "Process %d writes it as soon as the disk answers, another one if that is killed; "
               "oceanid-guard waits for that. If --list still shows it then, run this again.\n",
               state, (int)rescue_disk_pid(rescue->disk));
}

/* A guard that reads the old journal again would put back what is taken away: it is kept from that
 * before it can have the journal. written: nothing is on its way to the disk any more. */
static void keep_guard_off(const struct options *options, struct rescue *rescue,
                           const struct target *target, bool written)
{
    struct err err = ERR_INIT;
    char path[PATH_SIZE + 16];

    run_unrecorded_path(&options->config, path, sizeof(path));
    say_unwritten(options, rescue, written);
    rescue_note_depth(rescue);
    rollback_note_intent(rescue, target);
    if (run_mark_unrecorded(&options->config, &rescue->unrecorded, &err))
        printf("All that could be is undone; until the journal has it %s is there, and nothing is "
               "put back.\n",
               path);
    else
        printf("%s: keep oceanid-guard stopped until then.\n", err.text);
}

/* What this one went by, and no other journal: the disk of guard.yaml may die, or answer, only now.
 */
static const char *finish_by(const struct options *options)
{
    struct guard_config defaults;

    config_default_guard(&defaults);
    return text_equal(options->config.state, defaults.state) &&
                   text_equal(options->config.socket, defaults.socket) &&
                   text_equal(options->config.tailscale_socket, defaults.tailscale_socket)
               ? "/dev/null"
               : options->config_path;
}

static bool leave_finisher(const struct options *options, const struct target *target,
                           bool from_memory)
{
    const struct rest rest = {.down_to = target->has_generation ? &target->down_to : NULL,
                              .reason = target->is_ordered ? target->reason : NULL,
                              .is_void = target->is_void,
                              .from_memory = from_memory};

    return take_leave_finisher(&options->config, finish_by(options), &rest);
}

static void say_shields(const struct rescue *rescue, uint32_t count)
{
    if (count == 0)
        return;
    printf(rescue_is_shielded(rescue)
               ? "The shields are in place: what they protect, SSH first, goes its own way again.\n"
               : "Not all shields are in place, see above: SSH may not answer until they are. They "
                 "are tried again.\n");
}

static int say_rest(struct rescue *rescue, const struct options *options,
                    const struct target *target)
{
    bool written = rescue_settle_disk(rescue);
    bool from_memory = rescue->from_memory;
    uint32_t count;
    bool shielded;

    if (rescue->is_told)
        printf("\nTold to stop: what is open is not waited for here any longer.\n");
    printf("Undone as far as possible. What is still open:\n");
    if (rescue_say_open(rescue))
        printf("If tailscaled is gone for good (its package removed, not only stopped): "
               "oceanid-rollback --void-tailscale\n");
    count = rescue_put_back(rescue, false);
    shielded = count > 0 && rescue_is_shielded(rescue);
    if (!shielded)
        say_shields(rescue, count);
    if (from_memory)
        keep_guard_off(options, rescue, target, written);
    rescue_close(rescue);
    if (leave_finisher(options, target, from_memory))
        printf("%s is tried again every 2 s, by a process of its own%s.\n"
               "Each open step with its reason: rollback.log beside the guard's socket "
               "(/run/oceanid), or journalctl -u oceanid-guard\n",
               shielded ? "The shields stay in place, so SSH answers; the rest" : "The rest",
               from_memory ? ", for which the guard waits" : " or by the guard");
    else
        printf("No process could be started that goes on with it: run this again%s.\n",
               from_memory ? "" : ", or start oceanid-guard");
    return EXIT_REST_FOLLOWS;
}

/* Only in the kernel so far. Whoever has the journal writes his own records, not these; and who
 * writes these may be killed, when this process has ended. */
static int say_unrecorded(struct rescue *rescue, const struct options *options,
                          const struct target *target, bool written)
{
    bool is_without_lock = rescue->is_without_lock;

    keep_guard_off(options, rescue, target, written);
    rescue_unmark(rescue);
    rescue_close(rescue);
    if ((is_without_lock || !written) && !leave_finisher(options, target, true) && is_without_lock)
        printf("No process could be started for that: run this again when the disk answers.\n");
    return EXIT_REST_FOLLOWS;
}

static int say_end(struct rescue *rescue, const struct options *options,
                   const struct target *target, bool done)
{
    bool written;

    if (!done)
        return say_rest(rescue, options, target);
    written = rescue_settle_disk(rescue);
    if (rescue->left > 0)
        printf("Items left as they are, see above: %u.\n", rescue->left);
    printf("Done and verified%s: what was chosen is taken back.\n",
           rescue->is_unrecorded ? " in the kernel" : "");
    if (rescue->is_unrecorded)
        return say_unrecorded(rescue, options, target, written);
    rescue_unmark(rescue);
    rescue_close(rescue);
    return EXIT_DONE;
}

/* The guard may have confirmed it while a person read: what was shown is what is taken back. */
static struct target as_it_stands(const struct target *target, const struct ledger *ledger)
{
    struct target now = *target;

    if (target->is_open && !target->has_generation && ledger_find(ledger, &target->open) != NULL) {
        printf("The trial was confirmed meanwhile: it is taken back all the same.\n");
        now.has_generation = true;
        now.down_to = target->open;
    }
    return now;
}

/* The shields first: from here on SSH answers, whatever else takes its time. */
static int undo_target(const struct options *options, const struct target *target, int told_fd,
                       struct err *err)
{
    struct rescue rescue;
    struct target now;

    if (!take_journal(&options->config, target->is_ordered ? &target->down_to : NULL, &rescue, err))
        return EXIT_DIFFERS;
    now = as_it_stands(target, rescue.ledger);
    rollback_find_lowest(rescue.ledger, &now);
    rescue.doubts_void = rescue.has_intent && rescue.intent.is_void && !now.is_void;
    rescue.is_by_hand = text_equal(options->mode, "--release");
    rescue.told_fd = told_fd;
    say_shields(&rescue, rescue_put_back(&rescue, false));
    fflush(stdout);
    return say_end(&rescue, options, &now,
                   rollback_undo(&rescue, &now, clock_now() + PERSON_WAITS_MS));
}

/* What is to be undone stands on that disk and nowhere else. */
static void wait_to_read(const struct options *options)
{
    struct disk_probe probe = {0};

    if (disk_probe_reads(&probe, options->config.state, RESCUE_DISK_WAIT_MS))
        return;
    printf("ALARM the journal in %s cannot be read, its disk does not answer (%d s waited): what "
           "is to be undone stands there alone. It is waited for; Ctrl-C ends that. Else by hand: "
           "ip rule, ip route, tailscale set --exit-node=\n",
           options->config.state, RESCUE_DISK_WAIT_MS / 1000);
    fflush(stdout);
    while (!disk_probe_reads(&probe, options->config.state, -1))
        continue;
}

bool rollback_look(const struct options *options, struct rescue *ret_rescue, int *ret_code,
                   struct err *err)
{
    wait_to_read(options);
    if (rescue_open(ret_rescue, &options->config, true, err))
        return true;
    *ret_code = EXIT_DIFFERS;
    if (err->kind == ERR_MISSING && options->is_config_unread)
        return rollback_refuse_unknown(options, err);
    if (err->kind == ERR_MISSING) {
        *err = (struct err)ERR_INIT;
        printf("Nothing is changed on this host, as far as can be seen: there is no journal in %s. "
               "If that disk is not mounted, mount it and run this again.\n",
               options->config.state);
        *ret_code = EXIT_DONE;
    }
    return false;
}

int rollback_do(const struct options *options, const struct target *target, struct err *err)
{
    int told_fd = rollback_begin_whole();
    int code;

    if (!run_mark_rescue(&options->config, err)) {
        printf("%s; going on\n", err->text);
        *err = (struct err)ERR_INIT;
    }
    code = undo_target(options, target, told_fd, err);
    run_unmark_rescue(&options->config);
    rollback_end_whole(told_fd);
    return code;
}

static int run_undo(const struct options *options, struct err *err)
{
    struct rescue rescue;
    struct target target;
    uint32_t count;
    bool chosen;
    int code;

    if (!rollback_look(options, &rescue, &code, err))
        return code;
    chosen = choose(rescue.ledger, options, &target, err);
    count = 0;
    if (chosen) {
        rollback_say_intent(&rescue, &target);
        rollback_say_void(&rescue);
    }
    if (chosen && (target.is_open || target.has_generation)) {
        printf("%s, newest first:\n",
               asks(options) ? "This would be undone" : "This is undone now");
        count = show_plan(&rescue, options->to);
    }
    if (chosen && count == 0 && run_unmark_recorded(&options->config, rescue.ledger))
        printf("What an earlier rescue took back is in the journal by now: shields are put back "
               "again.\n");
    rescue_close(&rescue);
    if (!chosen)
        return EXIT_USAGE;
    if (count == 0) {
        printf("There is nothing to undo.\n");
        return EXIT_DONE;
    }
    if (asks(options) && !rollback_is_agreed(options, "Undo this now?"))
        return EXIT_DIFFERS;
    return rollback_do(options, &target, err);
}

static int run_release(const struct options *options, struct err *err)
{
    char path[PATH_SIZE + 16];

    if (!run_mark_released(&options->config, err))
        return EXIT_DIFFERS;
    run_released_path(&options->config, path, sizeof(path));
    printf(
        "Shields are not put back any more, until %s is removed or the host reboots; those of an "
        "open trial go when what they protect against is undone.\n",
        path);
    return run_undo(options, err);
}

static int run_list(const struct options *options, struct err *err)
{
    struct rescue rescue;
    int code;

    if (!rollback_look(options, &rescue, &code, err))
        return code;
    show_list(&rescue);
    rescue_close(&rescue);
    return EXIT_DONE;
}

static int run_check(const struct options *options, struct err *err)
{
    struct rescue rescue;
    int code, differs;

    if (!rollback_look(options, &rescue, &code, err))
        return code;
    differs = show_check(&rescue, err);
    rescue_close(&rescue);
    return differs == 0 ? EXIT_DONE : EXIT_DIFFERS;
}

/* ---- command line --------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*run_fn)(const struct options *options, struct err *err);
} modes[] = {
    {"", run_undo},
    {"--to", run_undo},
    {"--list", run_list},
    {"--check", run_check},
    {"--release", run_release},
    {"--order", rollback_order},
    {"--void-tailscale", rollback_void},
    {"--accept-clock", rollback_clock},
    {"--boot", rollback_boot},
    {"--stop-post", rollback_stop_post},
    {"--finish", rollback_finish},
};

static int run_mode(const struct options *options, struct err *err)
{
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (text_equal(options->mode, modes[i].name))
            return modes[i].run_fn(options, err);
    }
    fprintf(stderr, "oceanid-rollback: '%.80s' is not known; nothing was done\n%s", options->mode,
            usage);
    return EXIT_USAGE;
}

/* Words that are lost keep nothing from being done, and nobody reads a unit's exit code for them.
 */
static int end(const struct options *options, int code)
{
    if (rollback_is_of_unit(options) || standard_is_written("oceanid-rollback"))
        return code;
    return code == EXIT_DONE ? EXIT_REST_FOLLOWS : code;
}

static int run(int argc, char **argv, struct options *options)
{
    struct err err = ERR_INIT;
    int code;

    if (options->help || options->version) {
        fputs(options->help ? usage : "oceanid-rollback " OCEANID_VERSION "\n", stdout);
        return EXIT_DONE;
    }
    if (geteuid() != 0) {
        fprintf(stderr, "oceanid-rollback: expected root, observed uid %u; run it as root\n",
                geteuid());
        return EXIT_NOT_ROOT;
    }
    if (!rollback_is_for_reader(options))
        rollback_wait_for_no_reader();
    if (!rollback_read_config(options, &code))
        return code;
    if (rollback_is_elsewhere(options, argc, argv))
        return EXIT_DIFFERS;
    code = run_mode(options, &err);
    if (err.kind != ERR_NONE)
        fprintf(stderr, "oceanid-rollback: %s\n", err.text);
    return code;
}

int main(int argc, char **argv)
{
    struct options options = {.mode = "", .config_path = CONFIG_GUARD_PATH, .began = clock_now()};
    struct err err = ERR_INIT;

    standard_open();
    log_init("oceanid-rollback", LOG_LEVEL_INFO);
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is a full disk like any other */
    signal(SIGPIPE, SIG_IGN); /* whoever reads along may go; the undoing goes on */
    if (!rollback_parse(argc, argv, &options, &err)) {
        fprintf(stderr, "oceanid-rollback: %s; nothing was done (oceanid-rollback --help)\n",
                err.text);
        return EXIT_USAGE;
    }
    return end(&options, run(argc, argv, &options));
}
