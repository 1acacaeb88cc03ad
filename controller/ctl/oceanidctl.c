/*
 * oceanidctl: the operator's command. This table is what it can do.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "common/core/text.h"
#include "common/io/log.h"
#include "common/io/standard.h"
#include "controller/ctl/audit.h"
#include "controller/ctl/ctl.h"
#include "controller/ctl/emergency.h"
#include "controller/ctl/explain.h"
#include "controller/ctl/fleet.h"
#include "controller/ctl/hold.h"
#include "controller/ctl/manifest.h"
#include "controller/ctl/node.h"
#include "controller/ctl/pki.h"
#include "controller/ctl/plan.h"
#include "controller/ctl/preflight.h"
#include "controller/ctl/rollout.h"
#include "controller/ctl/status.h"
#include "controller/ctl/void.h"

static const char *const none[] = {NULL};
static const char *const pki_options[] = {"--name=", NULL};
static const char *const admit_options[] = {"--witness", "--yes", NULL};
static const char *const yes_options[] = {"--yes", NULL};
static const char *const maintenance_options[] = {"--reason=", "--for=", NULL};
static const char *const explain_options[] = {"--from=", "--iif=", "--mark=", NULL};
static const char *const fleet_options[] = {"--fleet=", NULL};
static const char *const sign_options[] = {
    "--approve=", "--justify=", "--valid=", "--quarantine=", NULL};
static const char *const start_options[] = {"--approve=", "--justify=", "--no-watch",
                                            "--fleet=", NULL};
static const char *const next_options[] = {"--no-watch", NULL};
static const char *const abort_options[] = {"--reason=", "--no-watch", NULL};
static const char *const hold_options[] = {"--node=", "--reason=", "--for=", "--open=", NULL};
static const char *const pause_options[] = {"--reason=", "--for=", NULL};
static const char *const resume_options[] = {"--reason=", "--no-watch", NULL};
static const char *const lift_options[] = {"--reason=", NULL};
static const char *const emergency_options[] = {
    "--node=",  "--all", "--rollout=", "--to=",     "--order=",
    "--direct", "--yes", "--wait=",    "--reason=", NULL};
static const char *const audit_options[] = {"--after=", "--last=", NULL};

#define AS_TAKEN                                                                                   \
    "\nExit 0 when the controller has taken the new roster; 1 or 4 when it refused it: nothing "   \
    "has\n"                                                                                        \
    "changed; 5 when it did not answer: the directory alone has it, and how it gets there is "     \
    "said."

static const struct command commands[] = {
    {"pki init", "[--controller ADDRESS[,ADDRESS]] [--name OPERATOR]",
     "make the operator's keys, the CA, trust.yaml and the roster", 0, 0, pki_options, pki_init_run,
     "Asks nothing and overwrites nothing. The directory (--pki, or ~/.config/oceanid) then\n"
     "holds approver.key (signs changes), ca.key, operator.key (speaks to the controller), the\n"
     "ledger of what was signed, trust.yaml for the nodes, and controller/ for the\n"
     "controller's host. Keep a copy. --controller: where agents and operators reach it; its\n"
     "certificate names no other address."},
    {"pki renew", "[--controller ADDRESS[,ADDRESS]] [--name OPERATOR]",
     "new certificates for controller and operator, for the same keys", 0, 0, pki_options,
     pki_renew_run,
     "They last two years. Copy controller/cert.pem to the controller's host and restart it. A\n"
     "node's: oceanid-agent request, oceanidctl node admit, oceanid-agent install, as it joined."},
    {"node admit", "NODE.req [--witness] [--yes]",
     "sign a node's keys into the roster and write NODE.bundle", 1, 1, admit_options,
     node_admit_run,
     "Compare the fingerprints with what the node printed: they are what keeps a stranger out.\n"
     "The new roster goes to the controller, the bundle back to the node: oceanid-agent\n"
     "install NODE.bundle." AS_TAKEN},
    {"node remove", "NAME [--yes]", "take a node's keys out of the roster", 1, 1, yes_options,
     node_remove_run,
     "For one that is gone for good, or whose keys got lost; it can be admitted again. Other\n"
     "nodes may need it as a witness: see `oceanidctl status`." AS_TAKEN},
    {"node maintenance", "NAME --reason TEXT [--for DURATION]", "sign that somebody works there", 1,
     1, maintenance_options, node_maintenance_run,
     "Into the roster, with approver.key. It is not changed, an open trial goes on to its end, "
     "and\n"
     "its failing checks are nobody's alarm, until `node return` or until --for is over." AS_TAKEN},
    {"node return", "NAME", "sign that its maintenance is over", 1, 1, none, node_return_run,
     "Into the roster, with approver.key." AS_TAKEN},
    {"roster sign", "[--yes]", "sign all of the roster's keys anew, with approver.key", 0, 0,
     yes_options, roster_sign_run,
     "For a roster that no approver of trust.yaml has signed: the approver's key was replaced, or\n"
     "has another role by now. It takes the roster of the directory, whoever signed it (the\n"
     "controller's: copy its /var/lib/oceanid/controller/roster there first), and shows every "
     "key." AS_TAKEN},
    {"status", "", "the fleet at a glance: health, who reaches whom by SSH, holds", 0, 0, none,
     status_run, "Exit 1 while a critical check of any node or witness does not pass."},
    {"nodes", "", "one line a node", 0, 0, none, status_nodes_run, NULL},
    {"node", "NAME", "one node: its checks, drift, and the changes that stand", 1, 1, none,
     status_node_run,
     "Exit 1 while a critical check of it does not pass. One marked (warning) does not count."},
    {"checks", "", "every check's last answer", 0, 0, none, status_checks_run,
     "Exit 1 while a critical one does not pass; `unknown` never counts as pass, and of a node\n"
     "that does not answer every check is unknown. One marked (warning) does not count."},
    {"explain", "NODE DESTINATION [--from ADDRESS] [--iif DEVICE] [--mark MARK]",
     "which rule, table and route decide", 2, 2, explain_options, explain_run,
     "By the model of the kernel's decision, on the node's latest snapshot; where that node does "
     "not\n"
     "answer, it is said when it was seen last. MARK is the packet's, as `ip rule` prints it: with "
     "a\n"
     "rule's mask, of a packet that has these bits and no others."},
    {"fleet propose", "[FILE]", "write a first fleet.yaml from what the joined nodes say", 0, 1,
     none, fleet_propose_run,
     "To fleet.yaml unless FILE says where; never over a file that is there. What could not be\n"
     "known stands in it as a comment and is said here; so is a quorum of witnesses that cannot\n"
     "be reached. Read and correct it: the controller reads it, not this program."},
    {"fleet show", "", "fleet.yaml as the controller has it", 0, 0, none, fleet_show_run,
     "Says when the operator's own copy, with which changes are compiled, is another."},
    {"plan", "CHANGE.yaml [--fleet FILE]",
     "what a change would do where, with its undo, question by question", 1, 1, fleet_options,
     plan_run,
     "Touches nothing. Compiles with --fleet FILE, else fleet.yaml of the keys' directory,\n"
     "else the controller's. Exit 1 when a question but the third, which only a signature\n"
     "answers, is not answered with yes or waived, or when it would break what has to stand."},
    {"preflight", "[FILE] [--fleet FILE]", "the eight questions for CI: one line each, exit 0 or 1",
     0, 1, fleet_options, preflight_run,
     "FILE: a change, or a manifest; only a signed one has an answer to the third question.\n"
     "Its yes is what `rollout start` would be told now, but for its caller's role and the\n"
     "controller's disk.\n"
     "Without FILE of the fleet as it is: whether something else may be deployed on it now; what\n"
     "only a change answers is n/a, with what was asked instead.\n"
     "Touches nothing. Exit 0 when every answer is yes, n/a or waived with its reason; no and\n"
     "unsure are 1."},
    {"manifest build", "CHANGE.yaml [-o FILE] [--fleet FILE]", "compile a change", 1, 1,
     fleet_options, manifest_build_run,
     "Writes CHANGE.manifest unless -o says where; signs nothing."},
    {"manifest show", "FILE", "what a manifest says, from its very bytes", 1, 1, none,
     manifest_show_run, NULL},
    {"manifest sign",
     "FILE [-o FILE] [--approve NAME] [--justify TEXT] [--valid DURATION]\n"
     "                     [--quarantine RECEIPT=REASON]",
     "approve a manifest, or add a signature", 1, 1, sign_options, manifest_sign_run,
     "Writes change.signed for change.manifest, beside it, unless -o says where, and a copy as\n"
     "unsent-CHANGE.manifest beside the keys. The signature is good for an hour or twice what the\n"
     "stages can take, whichever is longer, unless --valid says how long: a week at most, or "
     "twice\n"
     "what the stages can take. Refused where the controller's clock is another. --approve NAME\n"
     "answers the question for the change's name, --justify TEXT the one for the justification\n"
     "of a change to a working system. Refused while an earlier signed change has not ended."},
    {"manifest void", "CHANGE [--reason TEXT]",
     "end what was signed and no controller has, without its file", 1, 1, lift_options, void_run,
     "Each guard that it is for bars it, by a receipt that the ledger keeps: then the next change\n"
     "can be signed, and a file of it that turns up starts nothing. Takes nothing back: where the\n"
     "change stands or is on trial it says so. A guard that cannot be reached is asked on for an\n"
     "hour: exit 5."},
    {"rollout start", "FILE [--approve NAME] [--justify TEXT] [--no-watch] [--fleet FILE]",
     "plan, approve and start a change; or start a signed manifest", 1, 1, start_options,
     rollout_start_run,
     "Shows the plan, asks for the change's name, signs on this machine, and follows until it\n"
     "ends or waits for a person. --approve NAME answers the question. A change that waives\n"
     "`needed` changes a working system: its justification is to be typed again, or said by\n"
     "--justify TEXT."},
    {"rollout watch", "[ID]", "follow a rollout to its end", 0, 1, none, rollout_watch_run,
     "Without ID the newest. Leaving it (Ctrl-C) changes nothing and says what goes on; so with\n"
     "`rollout start`, `next`, `resume` and `abort`, which follow too unless --no-watch is given."},
    {"rollout show", "[ID]", "one rollout: its nodes, the gates' last answers, every proof", 0, 1,
     none, rollout_show_run,
     "Without ID the newest. The gates' evidence is in `oceanidctl audit show`."},
    {"rollout list", "", "all rollouts, newest first", 0, 0, none, rollout_list_run, NULL},
    {"rollout next", "[ID] [--no-watch]", "go on to the next node", 0, 1, next_options,
     rollout_next_run,
     "Without ID the newest. Also asks the gates again, and tries again what was halted."},
    {"rollout abort", "[ID] [--reason TEXT] [--no-watch]", "end a rollout and take it back", 0, 1,
     abort_options, rollout_abort_run,
     "Without ID the newest. The open trial ends, confirmed nodes follow one by one; an\n"
     "aborted change is not quarantined. Exit 0 when all of it is taken back."},
    {"rollout pause", "--reason TEXT [--for DURATION]", "hold the next stage", 0, 0, pause_options,
     rollout_pause_run,
     "A hold of the fleet: an open trial goes on to its end, nothing else starts until `rollout\n"
     "resume`, or until --for is over."},
    {"rollout resume", "[--reason TEXT] [--no-watch]", "lift the fleet's pauses and go on", 0, 0,
     resume_options, rollout_resume_run,
     "The newest rollout, where it is paused, goes on: its gates are asked again. What has\n"
     "halted waits for `rollout next`; a node's pause stays: `hold lift ID`. Where no rollout is\n"
     "open, lifting is all, and exit 0."},
    {"hold list", "", "what is held, by whom and until when", 0, 0, none, hold_list_run, NULL},
    {"hold add",
     "[freeze|pause|window] --reason TEXT [--node NAME] [--for DURATION]\n"
     "                [--open \"DAYS HH:MM-HH:MM\"]",
     "hold the fleet or one node", 0, 1, hold_options, hold_add_run,
     "freeze  (unless said) nothing starts, and an open trial is taken back\n"
     "pause   nothing starts; an open trial goes on\n"
     "window  nothing starts but in it: --open \"mon-fri 08:00-16:00\", in UTC\n"
     "Without --node it covers the fleet, without --for it lasts until `hold lift`."},
    {"hold lift", "ID [--reason TEXT]", "lift a hold", 1, 1, lift_options, hold_lift_run,
     "Not of a quarantine: that is lifted by a change that names its receipt and why:\n"
     "quarantines: [{receipt: HASH, reason: WHY}]. Nor of maintenance: `node return` ends it."},
    {"emergency-rollback",
     "[--node NAME]... | --all  [--rollout ID | --to CHANGE|SEQUENCE [--order FILE]]\n"
     "                          [--direct] [--reason TEXT] [--wait DURATION] [--yes]",
     "take the open or last rollout back, everywhere at once", 0, 0, emergency_options,
     emergency_run,
     "Prints what goes where and asks; with --yes neither. It asks for no yes to what would be\n"
     "refused, nor without a controller: --yes tries all the same. Without --node all nodes of the "
     "open\n"
     "rollout, else of the newest of which something stands (--all says the same), every one at\n"
     "once, each by its own guard; it waits for nobody. With --node these at once; of a rollout\n"
     "that is still going ahead the others follow, of one that has ended they keep it. With --yes\n"
     "and no --rollout nothing goes that is older than what was asked back (of these nodes) "
     "within\n"
     "the hour: it may be the same command again. --rollout says which one is meant. --to takes "
     "a node back down to and\n"
     "including that change, which may have completed long ago: it needs --node (but for "
     "--direct),\n"
     "and signs an order with approver.key. Waits 60 s for the nodes unless --wait says how long; "
     "exit 5\n"
     "when one is not back by then.\n"
     "--direct asks no controller: it runs oceanid-rollback --yes over your own ssh on every node\n"
     "that `status` remembered (or on those of --node), all at once: the open trial there, else\n"
     "the newest change. With --to it delivers a signed order instead, which takes back that\n"
     "change and what stands above it, and nothing where it does not stand. Keys, an agent or "
     "~/.ssh/config have to let\n"
     "ssh root@NODE in without a question.\n"
     "--order FILE (with one --node) sends nothing: it writes the signed order, which root on the\n"
     "node gives to oceanid-rollback --order FILE; without a controller by what `status` saw "
     "last."},
    {"audit show", "[--after N] [--last N]", "what happened, oldest first", 0, 0, audit_options,
     audit_show_run, "A hash chain; the last line is its head."},
};
enum { COMMANDS_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void print_usage(FILE *to, const struct command *command)
{
    fprintf(to, "usage: oceanidctl %s%s%s\n       %s\n", command->name,
            command->usage[0] != '\0' ? " " : "", command->usage, command->help);
}

static void print_help(const struct command *command)
{
    print_usage(stdout, command);
    if (command->more != NULL)
        printf("\n%s\n", command->more);
}

static void print_all(FILE *to)
{
    fprintf(to, "usage: oceanidctl [--pki DIR] [--controller URL] COMMAND ... [-o json]\n\n");
    for (int i = 0; i < COMMANDS_COUNT; i++)
        fprintf(to, "  %-20s %s\n", commands[i].name, commands[i].help);
    fprintf(to,
            "\nURL: unix:/run/oceanid-controller/controller.sock or https://HOST:7431\n"
            "($OCEANID_CONTROLLER).\n"
            "DIR: the operator's keys, ~/.config/oceanid by default ($OCEANID_PKI).\n"
            "Exit: 0 done and verified, 1 a check or gate says no, it ended reverted, or "
            "something stands\n"
            "in the way; 2 usage, bad input, what was named is not there, or DIR's keys cannot be\n"
            "used; 3 controller not reachable; 4 not allowed, or you did not say yes; 5 done but\n"
            "something is open, or the answer could not be written.\n"
            "oceanidctl help COMMAND says more.\n");
}

/* How many words of argv the command's name takes: 0 if it is not there. */
static int match(const struct command *command, char *const *argv, int argc)
{
    char name[2 * NAME_SIZE];

    if (argc > 0 && text_equal(command->name, argv[0]))
        return 1;
    if (argc < 2)
        return 0;
    snprintf(name, sizeof(name), "%.60s %.60s", argv[0], argv[1]);
    return text_equal(command->name, name) ? 2 : 0;
}

/* The longest name that fits: `node admit` before `node`. */
static const struct command *find_command(char *const *argv, int argc, int *ret_words)
{
    const struct command *found = NULL;

    *ret_words = 0;
    for (int i = 0; i < COMMANDS_COUNT; i++) {
        int words = match(&commands[i], argv, argc);

        if (words > *ret_words) {
            found = &commands[i];
            *ret_words = words;
        }
    }
    return found;
}

/* The commands that begin with the word; how many. */
static unsigned print_group(FILE *to, const char *word)
{
    unsigned count = 0;

    for (int i = 0; i < COMMANDS_COUNT; i++) {
        size_t len = strcspn(commands[i].name, " ");

        if (strlen(word) == len && strncmp(commands[i].name, word, len) == 0) {
            print_usage(to, &commands[i]);
            count++;
        }
    }
    return count;
}

/* The group's commands, or all of them. */
static enum outcome refuse_command(char *const *argv, int argc)
{
    if (argc == 0) {
        print_all(stderr);
        return OUTCOME_USAGE;
    }
    fprintf(stderr, "oceanidctl: '%s%s%s' is no command\n", argv[0], argc > 1 ? " " : "",
            argc > 1 ? argv[1] : "");
    if (print_group(stderr, argv[0]) == 0)
        print_all(stderr);
    return OUTCOME_USAGE;
}

static enum outcome help(char *const *argv, int argc)
{
    int words;
    const struct command *command = find_command(argv, argc, &words);

    if (command != NULL)
        print_help(command);
    else if (argc == 0)
        print_all(stdout);
    else if (argc > 1 || print_group(stdout, argv[0]) == 0)
        return refuse_command(argv, argc);
    return OUTCOME_DONE;
}

/* Takes -h and --help out of words; how many are left. */
static int drop_help(char **words, int count)
{
    int kept = 0;

    for (int i = 0; i < count; i++) {
        if (!text_is_help(words[i]))
            words[kept++] = words[i];
    }
    return kept;
}

/* No command, but a group of them or all, if that is what was asked for. */
static enum outcome help_or_refuse(char **leading, int leading_count, char **rest, int rest_count)
{
    bool asked = drop_help(leading, leading_count) < leading_count;
    int kept = drop_help(rest, rest_count);

    return asked || kept < rest_count ? help(rest, kept) : refuse_command(rest, kept);
}

static bool writes_file(const struct command *command)
{
    return command->run == manifest_build_run || command->run == manifest_sign_run;
}

static enum outcome refuse_usage(const struct command *command, const struct err *err)
{
    fprintf(stderr, "oceanidctl: %s\n", err->text);
    print_usage(stderr, command);
    return OUTCOME_USAGE;
}

/* Options stand before or behind the command's name: both halves are parsed as one. */
static enum outcome run(const struct command *command, char *const *words, int count)
{
    struct arguments arguments;
    struct err err = ERR_INIT;
    struct ctl ctl;
    enum outcome outcome;

    if (!arguments_parse(words, count, command->options, &arguments, &err))
        return refuse_usage(command, &err);
    if (arguments_get(&arguments, "--help") != NULL || arguments_get(&arguments, "-h") != NULL) {
        print_help(command);
        return OUTCOME_DONE;
    }
    if (arguments.words_count < command->words_min || arguments.words_count > command->words_max) {
        err_set(&err, ERR_INPUT, "%u given behind `%s`: it takes %u%s", arguments.words_count,
                command->name, command->words_max,
                command->words_min < command->words_max ? " or none" : "");
        return refuse_usage(command, &err);
    }
    if (!ctl_init(&ctl, &arguments, writes_file(command), &err))
        return refuse_usage(command, &err);
    outcome = command->run(&ctl, &arguments);
    ctl_done(&ctl);
    return outcome;
}

static enum outcome take(int argc, char **argv)
{
    enum { ARGV_MAX = 128 };
    char *words[ARGV_MAX];
    int leading = arguments_count_leading(argv + 1, argc - 1);
    char **rest = argv + 1 + leading;
    int rest_count = argc - 1 - leading;
    const struct command *command;
    enum outcome outcome;
    int taken;

    if (argc == 2 && text_equal(argv[1], "--version")) {
        puts("oceanidctl " OCEANID_VERSION);
        return OUTCOME_DONE;
    }
    if (rest_count > 0 && text_equal(rest[0], "help"))
        return help(rest + 1, drop_help(rest + 1, rest_count - 1));
    command = find_command(rest, rest_count, &taken);
    if (command == NULL || argc > ARGV_MAX)
        return help_or_refuse(argv + 1, leading, rest, rest_count);
    memcpy(words, argv + 1, (size_t)leading * sizeof(*words));
    memcpy(words + leading, rest + taken, (size_t)(rest_count - taken) * sizeof(*words));
    curl_global_init(CURL_GLOBAL_DEFAULT);
    outcome = run(command, words, leading + rest_count - taken);
    curl_global_cleanup();
    return outcome;
}

int main(int argc, char **argv)
{
    enum outcome outcome;

    standard_open();
    setvbuf(stdout, NULL, _IOLBF, 0); /* in a pipe too: stderr stands where it was said */
    log_init("oceanidctl", LOG_LEVEL_WARNING);
    outcome = take(argc, argv);
    if (!standard_is_written("oceanidctl") && outcome == OUTCOME_DONE)
        outcome = OUTCOME_INCOMPLETE; /* whoever reads a part of it would go by it */
    return (int)outcome;
}
