/*
 * node: a node's keys come by hand, are shown by their fingerprints, and go into the signed roster;
 * or leave it; or are under maintenance there; or are signed anew, all of them.
 */
#include "controller/ctl/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/name.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/config.h"
#include "common/io/file.h"
#include "common/io/pki.h"
#include "common/io/wire_join.h"
#include "controller/ctl/keys.h"
#include "controller/ctl/pki.h"
#include "controller/ctl/publish.h"

enum { DAY_S = 86400 };

/* The last line is what the fleet goes by, not what was asked for. what: of the node. */
static enum outcome tell_end(const struct ctl *ctl, enum outcome outcome, const char *what,
                             const struct roster *roster, const char *next)
{
    if (outcome == OUTCOME_DONE)
        printf("%s by roster version %llu%s\n", what, (unsigned long long)roster->version, next);
    if (outcome == OUTCOME_INCOMPLETE)
        printf("%s in %s/roster only, version %llu: the fleet does not go by it until the "
               "controller has it, as said above\n",
               what, ctl->pki, (unsigned long long)roster->version);
    return outcome;
}

static bool read_request(const char *path, bool witness_only, struct join_request *ret_request,
                         struct err *err)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};

    if (!file_read(path, COMMAND_SIZE_MAX, &bytes.data, &bytes.len, err))
        return false;
    if (!wire_decode_join_request(wire_lend(&bytes), ret_request, err))
        return err_wrap(err, "%s", path);
    if (ret_request->witness_only != witness_only)
        return err_set(err, ERR_INPUT,
                       ret_request->witness_only
                           ? "%s is a witness's request: admit it with --witness"
                           : "%s is a node's request, with a guard's key: admit it without "
                             "--witness",
                       path);
    return true;
}

static struct roster_entry entry_of(const struct join_request *request)
{
    struct roster_entry entry = {.witness_only = request->witness_only,
                                 .agent_key = request->agent_key,
                                 .guard_key = request->guard_key};

    text_copy(entry.name, sizeof(entry.name), request->name);
    return entry;
}

static void print_entry(const struct roster_entry *entry)
{
    char text[64];

    printf("%s %s\n  agent's key %s\n", entry->witness_only ? "witness" : "node", entry->name,
           sign_fingerprint(&entry->agent_key, text, sizeof(text)));
    if (!entry->witness_only)
        printf("  guard's key %s\n", sign_fingerprint(&entry->guard_key, text, sizeof(text)));
}

static bool confirm(const struct join_request *request, const struct roster *roster,
                    const struct arguments *arguments, struct err *err)
{
    const struct roster_entry entry = entry_of(request);

    print_entry(&entry);
    if (roster_find(roster, request->name) != NULL)
        printf("  it REPLACES the keys that stand in the roster under this name\n");
    fflush(stdout);
    if (arguments_get(arguments, "--yes") != NULL ||
        ctl_ask("Compare with what the node printed. Admit it? Type yes:", "yes"))
        return true;
    return err_set(err, ERR_DENIED, "not confirmed; nothing was admitted");
}

static bool issue(const struct ctl *ctl, const struct join_request *request, const char *ca_pem,
                  char *ret_pem, struct err *err)
{
    static const char *const nowhere[] = {NULL};
    int64_t now = clock_unix();
    struct pki_request wanted = {.name = request->name,
                                 .usage = PKI_AGENT,
                                 .key = &request->agent_key,
                                 .not_before = now - PKI_SKEW_S,
                                 .not_after = now + (int64_t)PKI_LEAF_DAYS * DAY_S,
                                 .addresses = nowhere};
    struct sign_key *ca = keys_load(ctl, "ca.key", err);
    bool good = ca != NULL && pki_issue(ca, ca_pem, &wanted, ret_pem, err);

    if (ca != NULL)
        sign_key_free(ca);
    return good;
}

/* "tls+tcp://198.51.100.10:7430" for each address that `pki init` was told. */
static void list_controllers(const struct ctl *ctl, struct join_bundle *bundle)
{
    AUTO_WIRE struct wire_bytes text = {NULL, 0};
    struct err err = ERR_INIT;
    char *rest;
    char *line;

    if (!keys_read_file(ctl, "controllers", &text, &err))
        return;
    rest = (char *)text.data;
    while ((line = strsep(&rest, "\n")) != NULL && bundle->controllers_count < CONTROLLERS_MAX) {
        if (*line != '\0')
            snprintf(bundle->controllers[bundle->controllers_count++], PATH_SIZE,
                     strchr(line, ':') != NULL ? "tls+tcp://[%.200s]:7430"
                                               : "tls+tcp://%.200s:7430",
                     line);
    }
}

/* NODE.req -> NODE.bundle, beside it. */
static bool write_bundle(const struct join_bundle *bundle, const char *request_path,
                         struct err *err)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_join_bundle(bundle);
    const char *slash = strrchr(request_path, '/');
    char path[CTL_PATH_SIZE];

    snprintf(path, sizeof(path), "%.*s%s.bundle",
             slash != NULL ? (int)(slash - request_path) + 1 : 0, request_path, bundle->name);
    if (!file_write_out(path, bytes.data, bytes.len, 0600, err))
        return false;
    printf("wrote %s; on the node: oceanid-agent install %s.bundle\n", path, bundle->name);
    return true;
}

/* All of it but the roster. */
static bool make_bundle(const struct ctl *ctl, const struct join_request *request,
                        struct join_bundle *bundle, struct err *err)
{
    AUTO_WIRE struct wire_bytes ca_pem = {NULL, 0};

    if (!keys_read_file(ctl, "ca.pem", &ca_pem, err))
        return false;
    text_copy(bundle->name, sizeof(bundle->name), request->name);
    if (!text_copy(bundle->ca_pem, sizeof(bundle->ca_pem), (char *)ca_pem.data))
        return err_set(err, ERR_LIMIT, "ca.pem is too long");
    if (!issue(ctl, request, bundle->ca_pem, bundle->certificate_pem, err))
        return false;
    list_controllers(ctl, bundle);
    return true;
}

/* A node that installed a bundle whose roster was refused would be nobody's. */
static enum outcome admit(struct ctl *ctl, const struct join_request *request,
                          struct roster *roster, const char *path)
{
    AUTO_FREE struct join_bundle *bundle = mem_alloc(1, sizeof(*bundle));
    AUTO_PUBLICATION struct publication publication = {{NULL, 0}, {NULL, 0}};
    const struct roster_entry entry = entry_of(request);
    struct err err = ERR_INIT;
    char what[2 * NAME_SIZE];
    enum outcome outcome;

    if (!roster_put(roster, &entry, &err) || !make_bundle(ctl, request, bundle, &err) ||
        !publish_sign(ctl, roster, &publication, &err))
        return ctl_fail(ctl, &err);
    bundle->roster = publication.signed_roster; /* lent */
    outcome = publish_send(ctl, &publication);
    if (outcome != OUTCOME_DONE && outcome != OUTCOME_INCOMPLETE)
        return outcome;
    if (!write_bundle(bundle, path, &err))
        return ctl_fail(ctl, &err);
    snprintf(what, sizeof(what), "%s is admitted", request->name);
    return tell_end(ctl, outcome, what, roster, "");
}

enum outcome node_admit_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_FREE struct join_request *request = mem_alloc(1, sizeof(*request));
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    bool witness_only = arguments_get(arguments, "--witness") != NULL;
    const char *path = arguments->words[0];
    struct err err = ERR_INIT;

    if (!read_request(path, witness_only, request, &err) || !keys_read_roster(ctl, roster, &err) ||
        !publish_check_newest(ctl, roster, &err) || !confirm(request, roster, arguments, &err))
        return ctl_fail(ctl, &err);
    return admit(ctl, request, roster, path);
}

/* ---- removing -------------------------------------------------------------------------------- */

static bool confirm_removal(const char *name, const struct arguments *arguments, struct err *err)
{
    printf(
        "%s leaves the roster: the controller does not speak with it any more, and it witnesses "
        "for nobody.\nWhat stands on it stays: take that back first (oceanid-rollback --to 1).\n",
        name);
    fflush(stdout);
    if (arguments_get(arguments, "--yes") != NULL || ctl_ask("Remove it? Type its name:", name))
        return true;
    return err_set(err, ERR_DENIED, "not confirmed; nothing was removed");
}

/* Signs and hands over what was changed. ret_outcome: as publish_send; false: nothing was signed.
 */
static bool sign_next(struct ctl *ctl, struct roster *roster, enum outcome *ret_outcome,
                      struct err *err)
{
    AUTO_PUBLICATION struct publication publication = {{NULL, 0}, {NULL, 0}};

    if (!publish_sign(ctl, roster, &publication, err))
        return false;
    *ret_outcome = publish_send(ctl, &publication);
    return true;
}

enum outcome node_remove_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    const char *name = arguments->words[0];
    struct err err = ERR_INIT;
    char what[2 * NAME_SIZE];
    enum outcome outcome;

    if (!keys_read_roster(ctl, roster, &err) || !publish_check_newest(ctl, roster, &err))
        return ctl_fail(ctl, &err);
    if (!roster_remove(roster, name)) {
        err_set(&err, ERR_MISSING, "there is no %.80s in roster version %llu", name,
                (unsigned long long)roster->version);
        return ctl_fail(ctl, &err);
    }
    if (!confirm_removal(name, arguments, &err) || !sign_next(ctl, roster, &outcome, &err))
        return ctl_fail(ctl, &err);
    snprintf(what, sizeof(what), "%s is removed", name);
    return tell_end(ctl, outcome, what, roster, "; take it out of fleet.yaml too");
}

/* ---- maintenance ----------------------------------------------------------------------------- */

static bool read_maintenance(const struct arguments *arguments, struct maintenance *ret_one,
                             struct err *err)
{
    const char *reason = arguments_get(arguments, "--reason");
    const char *length = arguments_get(arguments, "--for");
    unsigned seconds = 0;

    *ret_one = (struct maintenance){.until = 0};
    if (!name_check("node", arguments->words[0], err))
        return false;
    text_copy(ret_one->node, sizeof(ret_one->node), arguments->words[0]);
    if (reason == NULL || reason[0] == '\0')
        return err_set(err, ERR_INPUT,
                       "--reason is needed: who finds it must know why nothing is changed there");
    if (text_is_blank(reason))
        return err_set(err, ERR_INPUT,
                       "--reason '%.40s': accepted is a text that says something; nothing was "
                       "signed",
                       reason);
    if (!text_copy(ret_one->reason, sizeof(ret_one->reason), reason))
        return err_set(err, ERR_INPUT, "--reason: accepted are at most %d bytes", REASON_SIZE - 1);
    if (length != NULL && (!text_parse_duration(length, &seconds) || seconds == 0))
        return err_set(err, ERR_INPUT, "--for '%.40s': accepted is a duration as 30m or 2h",
                       length);
    if (seconds != 0)
        ret_one->until = clock_unix() + seconds;
    return true;
}

enum outcome node_maintenance_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    struct err err = ERR_INIT;
    struct maintenance one;
    char what[2 * NAME_SIZE], next[2 * NAME_SIZE];
    enum outcome outcome;

    if (!read_maintenance(arguments, &one, &err) || !keys_read_roster(ctl, roster, &err) ||
        !publish_check_newest(ctl, roster, &err) || !roster_maintain(roster, &one, &err) ||
        !sign_next(ctl, roster, &outcome, &err))
        return ctl_fail(ctl, &err);
    snprintf(what, sizeof(what), "%s is under maintenance", one.node);
    snprintf(next, sizeof(next), "; `oceanidctl node return %s` ends it", one.node);
    return tell_end(ctl, outcome, what, roster, next);
}

enum outcome node_return_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    const char *name = arguments->words[0];
    struct err err = ERR_INIT;
    char what[2 * NAME_SIZE];
    enum outcome outcome;

    if (!keys_read_roster(ctl, roster, &err) || !publish_check_newest(ctl, roster, &err))
        return ctl_fail(ctl, &err);
    if (!roster_end_maintenance(roster, name)) {
        err_set(&err, ERR_MISSING, "%.80s is not under maintenance in roster version %llu", name,
                (unsigned long long)roster->version);
        return ctl_fail(ctl, &err);
    }
    if (!sign_next(ctl, roster, &outcome, &err))
        return ctl_fail(ctl, &err);
    snprintf(what, sizeof(what), "%s is back", name);
    return tell_end(ctl, outcome, what, roster, "");
}

/* ---- all of it, anew ------------------------------------------------------------------------- */

static bool confirm_roster(const struct roster *roster, const struct arguments *arguments,
                           struct err *err)
{
    for (uint32_t i = 0; i < roster->entries_count; i++)
        print_entry(&roster->entries[i]);
    for (uint32_t i = 0; i < roster->maintenance_count; i++)
        printf("under maintenance: %s\n", roster->maintenance[i].node);
    printf("%u entries, %u under maintenance. Whoever signed them before is not asked: you answer "
           "for each key.\n",
           roster->entries_count, roster->maintenance_count);
    fflush(stdout);
    if (arguments_get(arguments, "--yes") != NULL ||
        ctl_ask("Compare them with what the nodes printed. Sign them? Type yes:", "yes"))
        return true;
    return err_set(err, ERR_DENIED, "not confirmed; nothing was signed");
}

/* One that is not the controller's, nor newer, would bring back who was removed since, or take away
 * whom another approver admitted. */
enum outcome roster_sign_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    struct err err = ERR_INIT;
    enum outcome outcome;

    if (!keys_read_any_roster(ctl, roster, &err) || !publish_check_newest(ctl, roster, &err) ||
        !confirm_roster(roster, arguments, &err) || !sign_next(ctl, roster, &outcome, &err))
        return ctl_fail(ctl, &err);
    return tell_end(ctl, outcome, "approver.key vouches for every key", roster, "");
}
