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

#include "agent/guard/io/run.h"
#include "agent/guard/io/show.h"
#include "agent/guard/io/take.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"

enum { PERSON_WAITS_MS = 5000 };

static const char usage[] =
    "usage: oceanid-rollback [MODE] [--yes] [--config FILE]\n"
    "  (none)        show what would be undone, and ask\n"
    "  --yes         undo without asking: the open trial, else the newest confirmed change\n"
    "  --list        the open trial and the confirmed changes, newest first\n"
    "  --check       whether protected flows and owned items are as confirmed; changes nothing\n"
    "  --to N        undo down to and including change N of --list; asks, unless --yes is there\n"
    "  --release     end the trial and stop putting shields back, to work by hand\n"
    "  --order FILE  undo what an operator's signed order names, and nothing else; asks nothing\n"
    "  --void-tailscale  tailscaled is gone for good: do not wait for it to take its preference\n"
    "                back; asks\n"
    "  --accept-clock    this host's clock is right, whatever the journal has seen; asks\n"
    "  --boot, --stop-post, --finish   what the units run\n"
    "exit: 0 done and verified, or nothing to do; 1 differs, or not done; 2 usage; 4 not root;\n"
    "      5 done as far as possible, the rest is tried again\n";

/* ---- what is to be undone ------------------------------------------------------------------- */

bool rollback_choose(const struct ledger *ledger, const struct options *options,
                     struct target *ret_target, struct err *err)
{
    *ret_target = (struct target){.is_open = ledger->is_open, .opened = CAUSE_RESCUED};
    if (options->to > ledger->generations_count)
        return err_set(err, ERR_INPUT, "--to %u: accepted are 1 to %u, as --list shows them",
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

bool rollback_is_agreed(const struct options *options, const char *question)
{
    char line[16] = "";

    if (options->yes)
        return true;
    printf("%s Type yes: ", question);
    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) != NULL && text_equal(line, "yes\n"))
        return true;
    printf("\nNothing was done.\n");
    return false;
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

/* A guard that reads the old journal again would put back what was just taken away. */
static int say_unrecorded(const struct options *options)
{
    struct err err = ERR_INIT;
    char path[PATH_SIZE + 16];

    run_released_path(&options->config, path, sizeof(path));
    printf("Done and verified in the kernel, but the journal in %s could not be written: after a "
           "reboot what was confirmed would come back.\n"
           "Make room or repair the disk; then, if --list still shows it, run this again.\n",
           options->config.state);
    if (run_mark_released(&options->config, &err))
        printf("Until then nothing is put back while %s is there; remove it afterwards.\n", path);
    else
        printf("%s: keep oceanid-guard stopped until then.\n", err.text);
    return EXIT_REST_FOLLOWS;
}

static bool leave_finisher(const struct options *options, const struct target *target)
{
    const struct rest rest = {.down_to = target->has_generation ? &target->down_to : NULL,
                              .reason = target->is_ordered ? target->reason : NULL};

    return take_leave_finisher(&options->config, options->config_path, &rest);
}

static int say_rest(struct rescue *rescue, const struct options *options,
                    const struct target *target)
{
    printf("Undone as far as possible. What is still open:\n");
    if (rescue_say_open(rescue))
        printf("If tailscaled is gone for good (its package removed, not only stopped): "
               "oceanid-rollback --void-tailscale\n");
    rescue_put_back(rescue, false);
    rescue_close(rescue);
    if (leave_finisher(options, target))
        printf("The shields stay in place, so SSH answers; the rest is tried again every 2 s, by a "
               "process of its own or by the guard.\n"
               "How far it is: oceanid-rollback --list\n");
    else
        printf("Run this again, or start oceanid-guard: either goes on with it.\n");
    return EXIT_REST_FOLLOWS;
}

static int say_end(struct rescue *rescue, const struct options *options,
                   const struct target *target, bool done)
{
    bool is_unrecorded = rescue->is_unrecorded;

    if (!done)
        return say_rest(rescue, options, target);
    if (rescue->left > 0)
        printf("Items left as they are, see above: %u.\n", rescue->left);
    rescue_close(rescue);
    if (is_unrecorded)
        return say_unrecorded(options);
    printf("Done and verified: what was chosen is taken back.\n");
    return EXIT_DONE;
}

/* The shields first: from here on SSH answers, whatever else takes its time. */
static int undo_target(const struct options *options, const struct target *target, struct err *err)
{
    struct rescue rescue;

    if (!take_journal(&options->config, target->is_ordered ? &target->down_to : NULL, &rescue, err))
        return EXIT_DIFFERS;
    if (rescue_put_back(&rescue, false) > 0)
        printf("The shields are in place: what they protect, SSH first, goes its own way again.\n");
    fflush(stdout);
    return say_end(&rescue, options, target,
                   rollback_undo(&rescue, target, clock_now() + PERSON_WAITS_MS));
}

bool rollback_look(const struct options *options, struct rescue *ret_rescue, int *ret_code,
                   struct err *err)
{
    if (rescue_open(ret_rescue, &options->config, true, err))
        return true;
    *ret_code = EXIT_DIFFERS;
    if (err->kind == ERR_MISSING) {
        *err = (struct err)ERR_INIT;
        printf("Nothing is changed on this host: there is no journal in %s.\n",
               options->config.state);
        *ret_code = EXIT_DONE;
    }
    return false;
}

int rollback_do(const struct options *options, const struct target *target, struct err *err)
{
    int code;

    if (!run_mark_rescue(&options->config, err)) {
        printf("%s; going on\n", err->text);
        *err = (struct err)ERR_INIT;
    }
    code = undo_target(options, target, err);
    run_unmark_rescue(&options->config);
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
    chosen = rollback_choose(rescue.ledger, options, &target, err);
    count = 0;
    if (chosen && (target.is_open || target.has_generation)) {
        printf("%s, newest first:\n",
               asks(options) ? "This would be undone" : "This is undone now");
        count = show_plan(&rescue, options->to);
    }
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
    printf("Shields are not put back any more, until %s is removed or the host reboots.\n", path);
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

static bool take_number(const char *text, uint32_t *ret_number)
{
    unsigned long long number;

    if (text == NULL || !text_parse_u64(text, GENERATIONS_MAX, &number) || number == 0)
        return false;
    *ret_number = (uint32_t)number;
    return true;
}

/* The words that have one behind them, and --yes; false: it is none of these. */
static bool take_option(struct options *options, char *const *words, int *at)
{
    const char *value = words[*at + 1]; /* NULL behind the last */

    if (text_equal(words[*at], "--yes")) {
        options->yes = true;
        return true;
    }
    if (value == NULL)
        return false;
    if (text_equal(words[*at], "--config"))
        options->config_path = value;
    else if (text_equal(words[*at], "--order") && options->order_path == NULL)
        options->order_path = value;
    else if (text_equal(words[*at], "--down-to") && take_parse_id(value, &options->down_to))
        options->has_down_to = true;
    else if (text_equal(words[*at], "--reason"))
        options->reason = value;
    else if (!text_equal(words[*at], "--to") || !take_number(value, &options->to))
        return false;
    ++*at;
    return true;
}

static bool is_any(const char *mode, const char *const *modes_wanted)
{
    while (*modes_wanted != NULL && !text_equal(mode, *modes_wanted))
        modes_wanted++;
    return *modes_wanted != NULL;
}

/* --to alone or beside --yes; an order names its own, and so does what the finisher is told. */
static bool fits(const struct options *options)
{
    static const char *const with_yes[] = {
        "", "--to", "--order", "--void-tailscale", "--accept-clock", NULL};
    bool is_told = options->has_down_to || options->reason != NULL;

    return (!options->yes || is_any(options->mode, with_yes)) &&
           (options->to == 0 || text_equal(options->mode, "--to")) &&
           (!is_told || text_equal(options->mode, "--finish")) &&
           (options->order_path == NULL || text_equal(options->mode, "--order"));
}

static bool parse(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        if (take_option(options, argv, &i))
            continue;
        if (options->mode[0] != '\0')
            return false;
        options->mode = argv[i];
    }
    if (options->mode[0] == '\0' && options->order_path != NULL)
        options->mode = "--order";
    else if (options->mode[0] == '\0' && options->to > 0)
        options->mode = "--to";
    return fits(options);
}

static int run_mode(const struct options *options, struct err *err)
{
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (text_equal(options->mode, modes[i].name))
            return modes[i].run_fn(options, err);
    }
    fprintf(stderr, "oceanid-rollback: option '%s'\n%s", options->mode, usage);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct options options = {.mode = "", .config_path = "/etc/oceanid/guard.yaml"};
    struct err err = ERR_INIT;
    int code = EXIT_USAGE;

    log_init("oceanid-rollback", LOG_LEVEL_INFO);
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is a full disk like any other */
    signal(SIGPIPE, SIG_IGN); /* whoever reads along may go; the undoing goes on */
    if (argc == 2 && text_equal(argv[1], "--version")) {
        puts("oceanid-rollback " OCEANID_VERSION);
        return EXIT_DONE;
    }
    if (argc == 2 && text_equal(argv[1], "--help")) {
        fputs(usage, stdout);
        return EXIT_DONE;
    }
    if (!parse(argc, argv, &options)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (geteuid() != 0) {
        fprintf(stderr, "oceanid-rollback: expected root, observed uid %u; run it as root\n",
                geteuid());
        return EXIT_NOT_ROOT;
    }
    if (config_read_guard(options.config_path, &options.config, &err))
        code = run_mode(&options, &err);
    if (err.kind != ERR_NONE)
        fprintf(stderr, "oceanid-rollback: %s\n", err.text);
    return code;
}
