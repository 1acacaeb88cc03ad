/*
 * oceanidctl: the operator's command. This table is what it can do.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "common/core/text.h"
#include "common/io/log.h"
#include "controller/ctl/audit.h"
#include "controller/ctl/ctl.h"
#include "controller/ctl/emergency.h"
#include "controller/ctl/explain.h"
#include "controller/ctl/hold.h"
#include "controller/ctl/manifest.h"
#include "controller/ctl/node.h"
#include "controller/ctl/pki.h"
#include "controller/ctl/plan.h"
#include "controller/ctl/rollout.h"
#include "controller/ctl/status.h"

static const char *const none[] = {NULL};
static const char *const pki_options[] = {"--name=", NULL};
static const char *const admit_options[] = {"--witness", "--yes", NULL};
static const char *const explain_options[] = {"--from=", "--iif=", "--mark=", NULL};
static const char *const fleet_options[] = {"--fleet=", NULL};
static const char *const sign_options[] = {"--approve=", "--valid=", "--quarantine=", NULL};
static const char *const start_options[] = {"--approve=", "--no-watch", "--fleet=", NULL};
static const char *const next_options[] = {"--no-watch", NULL};
static const char *const abort_options[] = {"--reason=", "--no-watch", NULL};
static const char *const hold_options[] = {"--node=", "--reason=", "--for=", NULL};
static const char *const lift_options[] = {"--reason=", NULL};
static const char *const emergency_options[] = {"--node=", "--all",     "--to=", "--yes",
                                                "--wait=", "--reason=", NULL};
static const char *const audit_options[] = {"--after=", "--last=", NULL};

static const struct command commands[] = {
    {"pki init", "[--controller ADDRESS[,ADDRESS]] [--name OPERATOR]",
     "make the operator's keys, the CA, trust.yaml and the roster", 0, 0, pki_options,
     pki_init_run},
    {"node admit", "NODE.req [--witness] [--yes]",
     "sign a node's keys into the roster and write NODE.bundle", 1, 1, admit_options,
     node_admit_run},
    {"status", "", "the fleet at a glance: health, who reaches whom by SSH", 0, 0, none,
     status_run},
    {"nodes", "", "one line a node", 0, 0, none, status_nodes_run},
    {"node", "NAME", "one node: its checks, drift, and the changes that stand", 1, 1, none,
     status_node_run},
    {"checks", "", "every check's last answer", 0, 0, none, status_checks_run},
    {"explain", "NODE DESTINATION [--from ADDRESS] [--iif DEVICE] [--mark N]",
     "which rule, table and route decide", 2, 2, explain_options, explain_run},
    {"plan", "CHANGE.yaml [--fleet FILE]",
     "what a change would do where, with its undo, question by question", 1, 1, fleet_options,
     plan_run},
    {"manifest build", "CHANGE.yaml [-o FILE] [--fleet FILE]", "compile a change", 1, 1,
     fleet_options, manifest_build_run},
    {"manifest show", "FILE", "what a manifest says, from its very bytes", 1, 1, none,
     manifest_show_run},
    {"manifest sign",
     "FILE [-o FILE] [--approve NAME] [--valid DURATION] [--quarantine RECEIPT=REASON]",
     "approve a manifest, or add a signature", 1, 1, sign_options, manifest_sign_run},
    {"rollout start", "FILE [--approve NAME] [--no-watch] [--fleet FILE]",
     "plan, approve and start a change; or start a signed manifest", 1, 1, start_options,
     rollout_start_run},
    {"rollout watch", "[ID]", "follow a rollout to its end", 0, 1, none, rollout_watch_run},
    {"rollout show", "[ID]", "one rollout, with every proof", 0, 1, none, rollout_show_run},
    {"rollout list", "", "all rollouts, newest first", 0, 0, none, rollout_list_run},
    {"rollout next", "[ID] [--no-watch]", "go on to the next node", 0, 1, next_options,
     rollout_next_run},
    {"rollout abort", "[ID] [--reason TEXT] [--no-watch]", "end a rollout and take it back", 0, 1,
     abort_options, rollout_abort_run},
    {"hold list", "", "what is frozen or in quarantine", 0, 0, none, hold_list_run},
    {"hold add", "[freeze] --reason TEXT [--node NAME] [--for DURATION]",
     "freeze the fleet or one node", 0, 1, hold_options, hold_add_run},
    {"hold lift", "ID [--reason TEXT]", "lift a freeze", 1, 1, lift_options, hold_lift_run},
    {"emergency-rollback",
     "[--node NAME]... | --all  [--to CHANGE|SEQUENCE] [--reason TEXT] [--wait DURATION] [--yes]",
     "take the open or last rollout back, everywhere at once", 0, 0, emergency_options,
     emergency_run},
    {"audit show", "[--after N] [--last N]", "what happened, oldest first", 0, 0, audit_options,
     audit_show_run},
};
enum { COMMANDS_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void print_usage(FILE *to, const struct command *command)
{
    fprintf(to, "usage: oceanidctl %s %s\n       %s\n", command->name, command->usage,
            command->help);
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
            "Exit: 0 done and verified, 1 a check or gate says no or it ended reverted, 2 usage,\n"
            "3 controller not reachable, 4 not allowed, 5 done but something is still open.\n");
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

/* The group's commands, or all of them. */
static enum outcome refuse_command(char *const *argv, int argc)
{
    unsigned group = 0;

    if (argc == 0) {
        print_all(stderr);
        return OUTCOME_USAGE;
    }
    fprintf(stderr, "oceanidctl: '%s%s%s' is no command\n", argv[0], argc > 1 ? " " : "",
            argc > 1 ? argv[1] : "");
    for (int i = 0; i < COMMANDS_COUNT; i++) {
        size_t len = strcspn(commands[i].name, " ");

        if (strlen(argv[0]) == len && strncmp(commands[i].name, argv[0], len) == 0) {
            print_usage(stderr, &commands[i]);
            group++;
        }
    }
    if (group == 0)
        print_all(stderr);
    return OUTCOME_USAGE;
}

static enum outcome help(char *const *argv, int argc)
{
    int words;
    const struct command *command = find_command(argv, argc, &words);

    if (command == NULL && argc > 0)
        return refuse_command(argv, argc);
    if (command == NULL)
        print_all(stdout);
    else
        print_usage(stdout, command);
    return OUTCOME_DONE;
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
    if (arguments_get(&arguments, "--help") != NULL) {
        print_usage(stdout, command);
        return OUTCOME_DONE;
    }
    if (arguments.words_count < command->words_min || arguments.words_count > command->words_max) {
        err_set(&err, ERR_INPUT, "%u words behind `%s`: accepted are %u to %u",
                arguments.words_count, command->name, command->words_min, command->words_max);
        return refuse_usage(command, &err);
    }
    if (!ctl_init(&ctl, &arguments, writes_file(command), &err))
        return refuse_usage(command, &err);
    outcome = command->run(&ctl, &arguments);
    ctl_done(&ctl);
    return outcome;
}

int main(int argc, char **argv)
{
    enum { ARGV_MAX = 128 };
    char *words[ARGV_MAX];
    int leading = arguments_count_leading(argv + 1, argc - 1);
    char **rest = argv + 1 + leading;
    int rest_count = argc - 1 - leading;
    const struct command *command;
    enum outcome outcome;
    int taken;

    log_init("oceanidctl", LOG_LEVEL_WARNING);
    if (leading > 0 && rest_count == 0 && text_equal(argv[leading], "--help"))
        return help(NULL, 0);
    if (rest_count > 0 && text_equal(rest[0], "help"))
        return help(rest + 1, rest_count - 1);
    command = find_command(rest, rest_count, &taken);
    if (command == NULL || argc > ARGV_MAX)
        return refuse_command(rest, rest_count);
    memcpy(words, argv + 1, (size_t)leading * sizeof(*words));
    memcpy(words + leading, rest + taken, (size_t)(rest_count - taken) * sizeof(*words));
    curl_global_init(CURL_GLOBAL_DEFAULT);
    outcome = run(command, words, leading + rest_count - taken);
    curl_global_cleanup();
    return (int)outcome;
}
