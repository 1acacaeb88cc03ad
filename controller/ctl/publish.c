/*
 * publish: signing it, handing it over, and putting the one before back.
 */
#include "controller/ctl/publish.h"

#include <stdio.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/io/file.h"
#include "controller/ctl/api.h"
#include "controller/ctl/keys.h"

void publication_done(struct publication *publication)
{
    wire_bytes_done(&publication->before);
    wire_bytes_done(&publication->signed_roster);
}

/* The controller's roster and its bytes. */
static bool ask_known(struct ctl *ctl, struct roster *ret_known, struct api_answer *ret_answer,
                      struct err *err)
{
    struct api *api = ctl_api(ctl, err);

    *ret_answer = (struct api_answer){0};
    return api != NULL &&
           api_call(api, "GET", "/v1/roster", (struct bytes){NULL, 0}, ret_answer, err) &&
           wire_decode_roster((struct bytes){ret_answer->data, ret_answer->len}, ret_known, err);
}

/* ---- DIR/roster.before: what its roster was built on, a hash a line, oldest first ------------ */

enum { LINE_SIZE = 2 * HASH_SIZE + 1, LINES_MAX = 512 };

static bool format_line(struct bytes roster, char *ret_line, struct err *err)
{
    struct hash hash;

    if (!wire_payload_hash(roster, &hash, err))
        return false;
    bytes_format_hex(hash.bytes, HASH_SIZE, ret_line); /* and a NUL, which the newline replaces */
    ret_line[LINE_SIZE - 1] = '\n';
    return true;
}

static bool remember_before(const struct ctl *ctl, struct bytes roster, struct err *err)
{
    AUTO_WIRE struct wire_bytes lines = {NULL, 0};
    AUTO_FREE char *kept = mem_alloc(LINES_MAX + 1, LINE_SIZE);
    char path[CTL_PATH_SIZE];
    size_t len;

    if (!ctl_path(ctl, "roster.before", path, sizeof(path), err) ||
        (!file_read(path, YAML_SIZE_MAX, &lines.data, &lines.len, err) && err->kind != ERR_MISSING))
        return false;
    len = lines.len < (LINES_MAX - 1) * LINE_SIZE ? lines.len : (LINES_MAX - 1) * LINE_SIZE;
    if (len > 0)
        memcpy(kept, lines.data + lines.len - len, len);
    *err = (struct err)ERR_INIT;
    return format_line(roster, kept + len, err) &&
           file_write(path, kept, len + LINE_SIZE, 0600, err);
}

/* True also in a directory that has not kept it yet. */
static bool is_built_on(const struct ctl *ctl, const struct api_answer *known)
{
    AUTO_WIRE struct wire_bytes lines = {NULL, 0};
    char line[LINE_SIZE + 1] = "";
    struct err err = ERR_INIT;

    return !keys_read_file(ctl, "roster.before", &lines, &err) ||
           (format_line((struct bytes){known->data, known->len}, line, &err) &&
            strstr((const char *)lines.data, line) != NULL);
}

static bool check_built(const struct ctl *ctl, const struct roster *roster,
                        const struct roster *known, const struct api_answer *answer,
                        struct err *err)
{
    return is_built_on(ctl, answer) ||
           err_set(
               err, ERR_CONFLICT,
               "%.160s/roster, version %llu, is not built on the controller's, version %llu: it "
               "would undo what was signed there. Copy the controller's "
               "/var/lib/oceanid/controller/roster there and give this command again (or, if "
               "the controller was put back to an old one, copy yours to it); nothing was "
               "signed",
               ctl->pki, (unsigned long long)roster->version, (unsigned long long)known->version);
}

bool publish_check_newest(struct ctl *ctl, const struct roster *roster, struct err *err)
{
    AUTO_ANSWER struct api_answer answer;
    AUTO_FREE struct roster *known = mem_alloc(1, sizeof(*known));
    AUTO_WIRE struct wire_bytes ours = {NULL, 0};
    struct err why = ERR_INIT;
    bool same;

    if (!ask_known(ctl, known, &answer, &why)) {
        if (why.kind == ERR_MISSING) /* it has none */
            return true;
        fprintf(stderr, "oceanidctl: whether the controller has a newer one is not known: %s\n",
                why.text);
        return true;
    }
    if (!keys_read_file(ctl, "roster", &ours, err))
        return false;
    same = ours.len == answer.len && memcmp(ours.data, answer.data, ours.len) == 0;
    if (!same && known->version < roster->version)
        return check_built(ctl, roster, known, &answer, err);
    return same ||
           err_set(err, ERR_CONFLICT,
                   "%s/roster has version %llu, the controller's another one, version %llu: "
                   "accepted is that one, or a newer one; copy its "
                   "/var/lib/oceanid/controller/roster there and give this command again; nothing "
                   "was signed",
                   ctl->pki, (unsigned long long)roster->version,
                   (unsigned long long)known->version);
}

/* A person takes his time to answer. */
static bool check_unchanged(const struct ctl *ctl, const struct roster *roster, struct bytes now,
                            struct err *err)
{
    AUTO_FREE struct roster *found = mem_alloc(1, sizeof(*found));

    if (!wire_decode_roster(now, found, err))
        return err_wrap(err, "%.160s/roster", ctl->pki);
    return found->version == roster->version ||
           err_set(err, ERR_CONFLICT,
                   "%.160s/roster has version %llu by now, expected was version %llu: another "
                   "command has changed it since this one began. Give this one again; nothing was "
                   "signed",
                   ctl->pki, (unsigned long long)found->version,
                   (unsigned long long)roster->version);
}

bool publish_sign(struct ctl *ctl, struct roster *roster, struct publication *ret_publication,
                  struct err *err)
{
    *ret_publication = (struct publication){{NULL, 0}, {NULL, 0}};
    if (!keys_read_file(ctl, "roster", &ret_publication->before, err) ||
        !check_unchanged(ctl, roster, wire_lend(&ret_publication->before), err))
        return false;
    roster->version++;
    return remember_before(ctl, wire_lend(&ret_publication->before), err) &&
           keys_write_roster(ctl, roster, &ret_publication->signed_roster, err);
}

static void say_unanswered(const struct ctl *ctl, const struct err *err)
{
    fprintf(
        stderr,
        "oceanidctl: the controller has not said that it took the new roster: %s\n"
        "When it answers again, `oceanidctl roster sign` hands it over; or copy %s/roster to its "
        "/var/lib/oceanid/controller/roster (chown oceanid-controller: there), and restart it.\n",
        err->text, ctl->pki);
}

/* The directory's roster as it is by now. */
static void put_back(const struct ctl *ctl, const struct publication *publication, char *ret_state,
                     size_t size)
{
    struct err err = ERR_INIT;

    if (keys_put_roster(ctl, &publication->before, &err))
        snprintf(ret_state, size, "as it was");
    else
        snprintf(ret_state, size,
                 "not to be used, for it could not be put back (%.160s): copy the controller's "
                 "there before anything else",
                 err.text);
}

/* What moves it, and last that nothing was done. state: the directory's roster is that. */
static void say_refused(struct ctl *ctl, enum err_kind kind, const char *state)
{
    AUTO_ANSWER struct api_answer answer;
    AUTO_FREE struct roster *known = mem_alloc(1, sizeof(*known));
    char version[32] = "";
    struct err err = ERR_INIT;

    if (kind == ERR_CONFLICT)
        fprintf(stderr,
                "%s/roster is not built on the controller's. Copy its "
                "/var/lib/oceanid/controller/roster there and give this command again.\n",
                ctl->pki);
    else if (kind == ERR_DENIED)
        fprintf(stderr, "If it does not know the approver's key: put its line into the "
                        "controller's /var/lib/oceanid/controller/trust.yaml, restart it, and give "
                        "this command again.\n");
    if (ask_known(ctl, known, &answer, &err))
        snprintf(version, sizeof(version), " version %llu", (unsigned long long)known->version);
    fprintf(stderr,
            "oceanidctl: nothing has changed: the fleet goes by the controller's roster%s, and "
            "%s/roster is %s\n",
            version, ctl->pki, state);
}

enum outcome publish_send(struct ctl *ctl, const struct publication *publication)
{
    AUTO_ANSWER struct api_answer answer = {0};
    struct err err = ERR_INIT;
    struct api *api = ctl_api(ctl, &err);
    char state[REASON_SIZE + 64];
    enum outcome outcome;

    if (api != NULL &&
        api_call(api, "PUT", "/v1/roster", wire_lend(&publication->signed_roster), &answer, &err))
        return OUTCOME_DONE;
    if (api_is_unanswered(&err)) {
        say_unanswered(ctl, &err);
        return OUTCOME_INCOMPLETE;
    }
    err_wrap(&err, "the new roster was refused");
    outcome = ctl_fail(ctl, &err);
    put_back(ctl, publication, state, sizeof(state));
    say_refused(ctl, err.kind, state);
    return outcome;
}
