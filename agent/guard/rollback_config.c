/*
 * rollback_config: by which guard.yaml a rescue goes, also where the disk that has it is dead.
 *
 * What the guard goes by since it started is in /run. Where no guard has started since the host
 * has, the defaults hold: where journal and sockets are, a host that says nothing else has by them.
 * Whom orders are believed by, and whether a tailscaled is gone, is not guessed: that would believe
 * a stranger, or take the shields from a tailscaled that is there.
 */
#include <stdio.h>
#include <unistd.h>

#include "agent/guard/io/guard_yaml.h"
#include "agent/guard/io/in_force.h"
#include "agent/guard/rollback.h"
#include "common/core/text.h"

/* A unit has nobody beside it who would name another file; what it waits here counts towards its
 * own limit (began). */
enum { PERSON_READ_MS = 2000, UNIT_READ_MS = 5000 };

static bool refuse(const struct err *err, const char *what_then)
{
    fprintf(stderr, "oceanid-rollback: %s\nNothing was done. %s\n", err->text, what_then);
    return false;
}

static bool go_by_defaults(struct options *options, const struct err *err, const char *what_then)
{
    config_default_guard(&options->config);
    printf("ALARM %s: going by the defaults (journal in %s, tailscaled at %s); %s\n", err->text,
           options->config.state, options->config.tailscale_socket, what_then);
    fflush(stdout);
    return true;
}

/* No guess: the guard's own word. */
static bool go_by_guard(struct options *options, const struct err *err)
{
    struct err ignored = ERR_INIT;

    if (!in_force_read(&options->config, &ignored))
        return false;
    printf("%s: going by what oceanid-guard goes by since it started, " IN_FORCE_PATH
           " (journal in %s, tailscaled at %s)\n",
           err->text, options->config.state, options->config.tailscale_socket);
    fflush(stdout);
    options->config_path = IN_FORCE_PATH; /* what finishes goes by it, too */
    return true;
}

static bool may_guess(const struct options *options)
{
    return !text_equal(options->mode, "--order") && !text_equal(options->mode, "--void-tailscale");
}

static bool go_on_unread(struct options *options, bool is_named, struct err *err)
{
    bool is_of_unit = rollback_is_of_unit(options);

    err_wrap(err, "%d s waited", (is_of_unit ? UNIT_READ_MS : PERSON_READ_MS) / 1000);
    if (is_named && !is_of_unit)
        return refuse(err, "Name a copy on a disk that answers (in /run, say), or go by the "
                           "defaults: --config /dev/null");
    if (!is_named && go_by_guard(options, err))
        return true;
    if (!may_guess(options))
        return refuse(
            err, "guard.yaml says whom orders are believed by, and where tailscaled is: name a "
                 "copy on a disk that answers (in /run, say), --config FILE; where the "
                 "defaults are known to hold: --config /dev/null. To undo changes root "
                 "needs no order: oceanid-rollback --list, --to N");
    options->is_config_unread = true;
    return go_by_defaults(options, err,
                          "if this host has them elsewhere: oceanid-rollback --config FILE, a copy "
                          "on a disk that answers (in /run, say)");
}

/* A host whose shields are not put back at boot, for a mistake in a file, is lost. */
static bool go_on_mistaken(struct options *options, bool is_named, const struct err *err)
{
    if (err->kind == ERR_MISSING || !rollback_is_of_unit(options))
        return refuse(err, access(IN_FORCE_PATH, F_OK) == 0
                               ? "Mend it, or go by what oceanid-guard goes by since it started: "
                                 "--config " IN_FORCE_PATH
                               : "Mend it, or go by the defaults: --config /dev/null");
    if (!is_named && go_by_guard(options, err))
        return true;
    options->is_config_unread = true;
    return go_by_defaults(options, err, "oceanid-guard does not start until it is mended");
}

/* The finishing process has the name from whoever left it behind, who went by no defaults then, and
 * nobody waits for it. */
static mono_t read_until(const struct options *options)
{
    if (text_equal(options->mode, "--finish"))
        return MONO_NEVER;
    return options->began + (rollback_is_of_unit(options) ? UNIT_READ_MS : PERSON_READ_MS);
}

bool rollback_refuse_unknown(const struct options *options, struct err *err)
{
    return err_set(
        err, ERR_MISSING,
        "no journal is in %s, where the defaults have it, and guard.yaml, which may name "
        "another place, is not read: whether anything is changed on this host is not "
        "known, nothing was undone",
        options->config.state);
}

bool rollback_read_config(struct options *options, int *ret_code)
{
    bool is_named = !text_equal(options->config_path, CONFIG_GUARD_PATH);
    struct err err = ERR_INIT;
    struct guard_yaml yaml;

    guard_yaml_start(&yaml, is_named ? "--config" : NULL, options->config_path);
    if (guard_yaml_take(&yaml, read_until(options), &options->config, &err))
        return true;
    *ret_code = err.kind == ERR_TIMEOUT ? EXIT_DIFFERS : EXIT_USAGE;
    return err.kind == ERR_TIMEOUT ? go_on_unread(options, is_named, &err)
                                   : go_on_mistaken(options, is_named, &err);
}
