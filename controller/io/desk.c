/*
 * desk: what the controller works with: files, store, audit.
 */
#include "controller/io/desk_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/log.h"

enum { CHECKS_ROOM = 2 * CHECKS_MAX + NODES_MAX };

/* ---- failing ---------------------------------------------------------------------------------
 */

bool desk_kept(struct desk *desk, bool done, const struct err *err)
{
    if (done)
        return true;
    store_cancel(desk->store);
    desk->writing = false;
    if (!desk->failed)
        desk->failure = *err;
    desk->failed = true;
    return false;
}

bool desk_begin(struct desk *desk, enum store_durability durability)
{
    struct err err = ERR_INIT;

    if (desk->failed)
        return false;
    desk->writing = desk_kept(desk, store_begin(desk->store, durability, &err), &err);
    return desk->writing;
}

bool desk_commit(struct desk *desk)
{
    struct err err = ERR_INIT;

    if (desk->failed)
        return false;
    desk->writing = false;
    return desk_kept(desk, store_commit(desk->store, &err), &err);
}

/* ---- the audit -------------------------------------------------------------------------------
 */

static bool add_row(struct desk *desk, const struct audit_entry *entry)
{
    const struct audit_row *last = desk->audit.index > 0 ? &desk->audit : NULL;
    struct err err = ERR_INIT;
    struct audit_row row;

    audit_append(last, entry, sign_hash, &row);
    if (!desk_kept(desk, store_add_audit(desk->store, &row, &err), &err))
        return false;
    desk->audit = row;
    return true;
}

bool desk_audit(struct desk *desk, const char *who, const char *what, const char *subject,
                const char *format, ...)
{
    char text[AUDIT_TEXT_SIZE];
    struct audit_entry entry = {clock_unix(), who, what, subject, text};
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_info("%s %s: %s", what, subject, text);
    if (desk->writing)
        return add_row(desk, &entry);
    return desk_begin(desk, STORE_FULL) && add_row(desk, &entry) && desk_commit(desk);
}

void desk_audit_refused_again(struct desk *desk)
{
    struct refusal over;

    while (refusals_take_over(&desk->refusals, clock_now(), &over))
        desk_audit(desk, over.who, "refused", over.who, "%u times more within a minute: %s",
                   over.more, over.what);
}

void desk_audit_refusal(struct desk *desk, const char *who, const char *subject, const char *why)
{
    const char *name = who[0] != '\0' ? who : "unknown";
    char what[REASON_SIZE];

    desk_audit_refused_again(desk);
    snprintf(what, sizeof(what), "%s: %s", subject, why);
    if (refusals_take(&desk->refusals, name, what, clock_now()))
        desk_audit(desk, name, "refused", subject, "%s", why);
}

/* Far more than a node has to say in the largest rollout, and far less than fills a disk. */
static const struct {
    const char *what, *then;
    struct quota_terms terms;
} notes[] = {
    [NOTE_ROW] = {"rows of the audit",
                  "what they do is done all the same",
                  {.burst = 512, .every_ms = 10000}},
    [NOTE_ASKING] =
        {"new questions to the gates",
         "the gates are not asked again for it before that; an open trial is taken back "
         "all the same",
         {.burst = 512, .every_ms = 10000}},
    [NOTE_PROOF] = {"proofs", "what they do is done all the same", {.burst = 4096, .every_ms = 10}},
};
_Static_assert(sizeof(notes) / sizeof(notes[0]) == NOTE_COUNT, "terms for every note");
_Static_assert(sizeof(((struct fleet_member *)NULL)->notes) / sizeof(struct quota) == NOTE_COUNT,
               "a quota for every note");

bool desk_may_note(struct desk *desk, struct fleet_member *member, enum desk_note note)
{
    const struct quota_terms *terms = &notes[note].terms;
    mono_t now = clock_now();
    char why[2 * REASON_SIZE];

    if (quota_is_left(&member->notes[note], terms, now)) {
        quota_use(&member->notes[note], terms, 1, now);
        return true;
    }
    snprintf(why, sizeof(why),
             "its words came to more %s than one may cause: accepted are %llu at once, and then "
             "one in %lld ms; %s",
             notes[note].what, (unsigned long long)terms->burst, (long long)terms->every_ms,
             notes[note].then);
    desk_audit_refusal(desk, member->name, member->name, why);
    return false;
}

/* ---- files -----------------------------------------------------------------------------------
 */

/* Nothing new is taken that would be cut in silence; but an older controller took it, and nobody
 * could take a change back without one that leads. */
static bool check_fits(const struct desk *desk, const struct fleet_file *file, struct err *err)
{
    struct err why = ERR_INIT;

    if (fleet_file_fits(file, &why))
        return true;
    if (desk->file_text.data != NULL)
        return err_set(err, why.kind, "%s: %s", desk->fleet_path, why.text);
    log_error("ALARM %s: %s; the first are looked at, the others stay unknown, and no change of it "
              "can be planned",
              desk->fleet_path, why.text);
    return true;
}

bool desk_read_fleet(struct desk *desk, struct err *err)
{
    AUTO_FREE struct fleet_file *file = mem_alloc(1, sizeof(*file));
    struct wire_bytes text = {NULL, 0};

    if (!file_read(desk->fleet_path, YAML_SIZE_MAX, &text.data, &text.len, err))
        return false;
    if (!config_parse_fleet(desk->fleet_path, wire_lend(&text), file, err) ||
        !check_fits(desk, file, err)) {
        wire_bytes_done(&text);
        return false;
    }
    *desk->file = *file;
    wire_bytes_done(&desk->file_text);
    desk->file_text = text;
    sign_hash(text.data, text.len, &desk->file_hash);
    return true;
}

static bool read_trust(struct desk *desk, struct err *err)
{
    AUTO_WIRE struct wire_bytes text = {NULL, 0};
    char path[PATH_SIZE];

    if (!file_join(path, sizeof(path), desk->state, "trust.yaml", err))
        return false;
    if (!file_read(path, YAML_SIZE_MAX, &text.data, &text.len, err))
        return err_wrap(err, "expected what `oceanidctl pki init` put in controller/, readable");
    return config_parse_trust(path, wire_lend(&text), desk->trust, err);
}

/* As the guards judge orders and oceanidctl rosters. */
static enum trust_role role_for(enum sign_domain domain)
{
    return domain == SIGN_ROSTER ? TRUST_APPROVER : TRUST_OPERATOR;
}

static const char *name_roles(unsigned roles)
{
    static const char *const names[] = {
        [0] = "no role",
        [TRUST_APPROVER] = "approver",
        [TRUST_OPERATOR] = "operator",
        [TRUST_APPROVER | TRUST_OPERATOR] = "approver and operator",
    };

    return names[roles & (TRUST_APPROVER | TRUST_OPERATOR)];
}

static const struct trust_key *find_signer(const struct trust *trust, struct bytes envelope,
                                           enum sign_domain domain)
{
    for (uint32_t i = 0; i < trust->keys_count; i++) {
        struct err reason = ERR_INIT;

        if (wire_verify(envelope, domain, &trust->keys[i].key, &reason))
            return &trust->keys[i];
    }
    return NULL;
}

bool desk_verify_signer(const struct desk *desk, struct bytes envelope, enum sign_domain domain,
                        char *ret_name, struct err *err)
{
    const struct trust_key *key = find_signer(desk->trust, envelope, domain);
    enum trust_role role = role_for(domain);

    if (key == NULL)
        return err_set(err, ERR_DENIED, "it is not signed by a key of %s/trust.yaml (%u keys)",
                       desk->state, desk->trust->keys_count);
    if ((key->roles & role) == 0)
        return err_set(err, ERR_DENIED,
                       "it is signed by %s (%s): accepted is an %s of %s/trust.yaml", key->name,
                       name_roles(key->roles), name_roles(role), desk->state);
    text_copy(ret_name, NAME_SIZE, key->name);
    return true;
}

/* One that an earlier controller took, or whose signer has another role by now: without it nobody
 * could be spoken with, and nothing taken back. A key that is not in trust.yaml stays refused. */
static bool verify_kept_roster(const struct desk *desk, struct bytes envelope, char *ret_name,
                               struct err *err)
{
    const struct trust_key *key = find_signer(desk->trust, envelope, SIGN_ROSTER);
    enum trust_role role = role_for(SIGN_ROSTER);

    if (key == NULL || (key->roles & role) != 0)
        return desk_verify_signer(desk, envelope, SIGN_ROSTER, ret_name, err);
    log_error("ALARM roster: it is signed by %s (%s), expected is an %s of %s/trust.yaml; it stays "
              "in use, and no oceanidctl goes by it. An approver signs the next version: "
              "`oceanidctl roster sign`",
              key->name, name_roles(key->roles), name_roles(role), desk->state);
    text_copy(ret_name, NAME_SIZE, key->name);
    return true;
}

static void use_roster(struct desk *desk, const struct roster *roster, struct bytes envelope,
                       const char *by)
{
    fleet_forget_replaced(&desk->fleet, desk->roster, roster);
    *desk->roster = *roster;
    text_copy(desk->roster_by, sizeof(desk->roster_by), by);
    wire_bytes_done(&desk->roster_envelope);
    desk->roster_envelope =
        (struct wire_bytes){mem_copy(envelope.data, envelope.len), envelope.len};
    fleet_keep_roster(&desk->fleet, roster);
    for (uint32_t i = 0; i < roster->entries_count; i++)
        fleet_put(&desk->fleet, roster->entries[i].name, roster->entries[i].witness_only);
}

static bool read_roster(struct desk *desk, struct err *err)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
    char path[PATH_SIZE];
    char name[NAME_SIZE];

    if (!file_join(path, sizeof(path), desk->state, "roster", err))
        return false;
    if (!file_read(path, MANIFEST_SIZE_MAX, &envelope.data, &envelope.len, err)) {
        if (err->kind != ERR_MISSING)
            return false;
        *err = (struct err)ERR_INIT;
        return true;
    }
    if (!verify_kept_roster(desk, wire_lend(&envelope), name, err) ||
        !wire_decode_roster(wire_lend(&envelope), roster, err))
        return err_wrap(err, "%s", path);
    use_roster(desk, roster, wire_lend(&envelope), name);
    return true;
}

static void keep_maintenance(void *context, const struct hold *hold)
{
    struct desk *desk = context;
    struct err err = ERR_INIT;

    if (!desk->failed && desk_kept(desk, store_put_hold(desk->store, hold, &err), &err))
        desk_audit(desk, desk->roster_by, "hold", hold->scope, "maintenance %llu %s: %s",
                   (unsigned long long)hold->id, hold->lifted ? "ended" : "put", hold->reason);
}

/* In the open transaction. */
static void take_maintenance(struct desk *desk)
{
    if (!holds_take_roster(&desk->holds, desk->roster, desk->roster_by, clock_unix(),
                           keep_maintenance, desk))
        log_error("roster version %llu: there is no room for the maintenance of all of its nodes "
                  "among %d holds that are active; those that found none are not held",
                  (unsigned long long)desk->roster->version, HOLDS_MAX);
}

/* By which keys agents speak, so that it is known of what they say: only of a roster that is in
 * use. False: the desk has failed. */
static bool keep_agent_keys(struct desk *desk)
{
    struct err err = ERR_INIT;
    bool kept = true;

    for (uint32_t i = 0; i < desk->roster->entries_count && kept; i++) {
        const struct roster_entry *entry = &desk->roster->entries[i];

        kept = desk_kept(
            desk, store_keep_agent_key(desk->store, entry->name, &entry->agent_key, &err), &err);
    }
    return kept;
}

/* A roster may have been copied into the state directory while no controller ran. */
static bool open_agent_keys(struct desk *desk, struct err *err)
{
    if (desk_begin(desk, STORE_FULL))
        keep_agent_keys(desk);
    return desk_commit(desk) || err_set(err, ERR_SYSTEM, "%s", desk->failure.text);
}

/* Of whoever has another agent's key now than before, and of whoever is new, by a name that was
 * known once. Before the roster is there: a crash in between leaves nothing of an old host's. */
static bool forget_replaced(struct desk *desk, const struct roster *roster, struct err *err)
{
    struct err why = ERR_INIT;

    if (!desk_begin(desk, STORE_FULL))
        return err_set(err, ERR_SYSTEM, "%s", desk->failure.text);
    for (uint32_t i = 0; i < roster->entries_count; i++) {
        const struct roster_entry *entry = &roster->entries[i];
        const struct roster_entry *old = roster_find(desk->roster, entry->name);

        if ((old == NULL || !key_equal(&old->agent_key, &entry->agent_key)) &&
            !desk_kept(desk, store_forget_verdicts(desk->store, entry->name, &why), &why))
            break;
    }
    return desk_commit(desk) || err_set(err, ERR_SYSTEM, "%s", desk->failure.text);
}

bool desk_put_roster(struct desk *desk, struct bytes envelope, struct err *err)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    char path[PATH_SIZE];
    char name[NAME_SIZE];

    if (!wire_decode_roster(envelope, roster, err) ||
        !desk_verify_signer(desk, envelope, SIGN_ROSTER, name, err))
        return err_wrap(err, "roster");
    if (roster->version <= desk->roster->version)
        return err_set(err, ERR_CONFLICT, "roster version %llu: accepted are %llu or higher",
                       (unsigned long long)roster->version,
                       (unsigned long long)desk->roster->version + 1);
    if (!file_join(path, sizeof(path), desk->state, "roster", err) ||
        !forget_replaced(desk, roster, err) ||
        !file_write(path, envelope.data, envelope.len, 0600, err))
        return false;
    use_roster(desk, roster, envelope, name);
    if (desk_begin(desk, STORE_FULL) && keep_agent_keys(desk) &&
        desk_audit(desk, name, "roster", "fleet", "version %llu, %u entries, %u under maintenance",
                   (unsigned long long)roster->version, roster->entries_count,
                   roster->maintenance_count))
        take_maintenance(desk);
    return desk_commit(desk) || err_set(err, ERR_SYSTEM, "%s", desk->failure.text);
}

/* A crash may have come between the roster's file and its holds. */
static bool open_maintenance(struct desk *desk, struct err *err)
{
    if (desk_begin(desk, STORE_FULL))
        take_maintenance(desk);
    return desk_commit(desk) || err_set(err, ERR_SYSTEM, "%s", desk->failure.text);
}

/* ---- life ------------------------------------------------------------------------------------
 */

static bool open_store(struct desk *desk, const char *store_path, struct err *err)
{
    char path[PATH_SIZE];

    if (store_path == NULL) {
        if (!file_join(path, sizeof(path), desk->state, "controller.db", err))
            return false;
        store_path = path;
    }
    desk->store = store_open(store_path, err);
    return desk->store != NULL && desk_check_audit(desk, err) && open_agent_keys(desk, err) &&
           store_read_fleet(desk->store, &desk->fleet, err) &&
           store_read_holds(desk->store, clock_unix(), &desk->holds, err);
}

void desk_make(struct desk *desk, const char *directory, const char *fleet_path)
{
    memset(desk, 0, sizeof(*desk));
    text_copy(desk->state, sizeof(desk->state), directory);
    text_copy(desk->fleet_path, sizeof(desk->fleet_path), fleet_path);
    desk->file = mem_alloc(1, sizeof(*desk->file));
    desk->trust = mem_alloc(1, sizeof(*desk->trust));
    desk->room = mem_alloc(CHECKS_ROOM, sizeof(*desk->room));
    desk->roster = mem_alloc(1, sizeof(*desk->roster));
    fleet_init(&desk->fleet);
    desk->holds = (struct holds){1, 0, mem_alloc(HOLDS_MAX, sizeof(struct hold))};
}

bool desk_read_files(struct desk *desk, struct err *err)
{
    return read_trust(desk, err) && desk_read_fleet(desk, err) && read_roster(desk, err);
}

bool desk_open(struct desk *desk, const char *directory, const char *fleet_path,
               const char *store_path, struct err *err)
{
    desk_make(desk, directory, fleet_path);
    if (desk_read_files(desk, err) && open_store(desk, store_path, err) &&
        open_maintenance(desk, err))
        return true;
    desk_close(desk);
    return false;
}

void desk_close(struct desk *desk)
{
    store_close(desk->store);
    free(desk->holds.list);
    fleet_done(&desk->fleet);
    wire_bytes_done(&desk->roster_envelope);
    wire_bytes_done(&desk->file_text);
    free(desk->roster);
    free(desk->trust);
    free(desk->room);
    free(desk->file);
    memset(desk, 0, sizeof(*desk));
}

/* ---- parts -----------------------------------------------------------------------------------
 */

struct check *desk_checks(const struct desk *desk, const char *node, size_t *ret_count)
{
    size_t count = fleet_file_checks(desk->file, node, desk->room, CHECKS_ROOM);

    *ret_count = count < CHECKS_ROOM ? count : CHECKS_ROOM;
    return mem_copy(desk->room, *ret_count * sizeof(*desk->room));
}

bool desk_quarantine(struct desk *desk, const struct receipt *receipt, const struct hash *hash)
{
    struct err err = ERR_INIT;

    holds_add_quarantine(&desk->holds, receipt, hash, clock_unix());
    if (!holds_has_quarantine(&desk->holds, receipt, hash))
        desk_audit_refusal(desk, receipt->node, receipt->node,
                           "its failed proof found no room among the holds: what it touched is in "
                           "quarantine on the node alone, which refuses it; lift holds that are "
                           "not needed any more");
    for (uint32_t i = 0; i < desk->holds.count; i++) {
        if (hash_equal(&desk->holds.list[i].receipt, hash) &&
            !desk_kept(desk, store_put_hold(desk->store, &desk->holds.list[i], &err), &err))
            return false;
    }
    return !desk->failed;
}
