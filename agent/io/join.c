/*
 * join: what root does once on a node: request, install, trust.
 *
 * Root never writes by name into the agent's directory: what belongs to the agent is written as
 * the agent, so that nothing in there can lead root astray.
 */
#include "agent/io/join.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/io/certificate.h"
#include "agent/io/identity.h"
#include "common/core/mem.h"
#include "common/core/name.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "common/io/wire_join.h"

enum { FINGERPRINT_SIZE = 64 };

/* From both configurations; the agent's user must exist. Strings are lent from the two. */
static bool find_place(const struct agent_config *agent, const struct guard_config *guard,
                       struct join_place *ret_place, struct err *err)
{
    const struct passwd *user = getpwnam(guard->agent_user);

    if (geteuid() != 0)
        return err_set(err, ERR_DENIED, "only root may do this: it makes keys and installs files");
    if (user == NULL)
        return err_set(err, ERR_MISSING,
                       "no user '%s' on this host; `systemd-sysusers` makes it from the package",
                       guard->agent_user);
    *ret_place = (struct join_place){.agent_state = agent->state,
                                     .agent_uid = user->pw_uid,
                                     .agent_gid = user->pw_gid,
                                     .guard_state = guard->state,
                                     .trust = guard->trust};
    return true;
}

/* ---- directories ----------------------------------------------------------------------------- */

/* The one above, as the package makes it, then this one. */
static bool make_state(const char *path, struct err *err)
{
    char parent[PATH_SIZE];
    char *slash;

    text_copy(parent, sizeof(parent), path);
    slash = strrchr(parent, '/');
    if (slash != NULL && slash != parent) {
        *slash = '\0';
        if (!file_make_directory(parent, 0755, err))
            return false;
    }
    return file_make_directory(path, 0700, err);
}

static bool give_to_agent(const struct join_place *place, struct err *err)
{
    if (lchown(place->agent_state, place->agent_uid, place->agent_gid) == 0)
        return true;
    return err_set(err, ERR_SYSTEM, "give %s to the agent: %s", place->agent_state,
                   strerror(errno));
}

static bool become_agent(const struct join_place *place, struct err *err)
{
    if (setegid(place->agent_gid) == 0 && seteuid(place->agent_uid) == 0)
        return true;
    return err_set(err, ERR_SYSTEM, "become uid %u: %s", place->agent_uid, strerror(errno));
}

static void become_root(void)
{
    if (seteuid(0) != 0 || setegid(0) != 0)
        abort(); /* root may */
}

/* ---- request --------------------------------------------------------------------------------- */

/* The key that is there, or a new one; NULL with the reason. */
static struct sign_key *keep_key(const char *state, struct err *err)
{
    char path[2 * PATH_SIZE];
    struct sign_key *key;

    if (!file_join(path, sizeof(path), state, IDENTITY_KEY, err))
        return NULL;
    key = sign_key_load(path, err);
    if (key != NULL || err->kind != ERR_MISSING)
        return key;
    *err = (struct err)ERR_INIT;
    key = sign_key_generate();
    if (sign_key_save(key, path, err))
        return key;
    sign_key_free(key);
    return NULL;
}

static struct sign_key *keep_agent_key(const struct join_place *place, struct err *err)
{
    struct sign_key *key;

    if (!make_state(place->agent_state, err) || !give_to_agent(place, err) ||
        !become_agent(place, err))
        return NULL;
    key = keep_key(place->agent_state, err);
    become_root();
    return key;
}

/* Its name lies beside its key, for what it signs before any manifest has named it. */
static struct sign_key *keep_guard_key(const struct join_place *place, const char *name,
                                       struct err *err)
{
    char path[2 * PATH_SIZE];

    if (!make_state(place->guard_state, err) ||
        !file_join(path, sizeof(path), place->guard_state, IDENTITY_NAME, err) ||
        !file_write(path, name, strlen(name), 0600, err))
        return NULL;
    return keep_key(place->guard_state, err);
}

static void print_request(struct join_request *request, const struct sign_key *agent,
                          const struct sign_key *guard, FILE *out, FILE *notes)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_join_request(request, agent, guard);
    char text[FINGERPRINT_SIZE];

    fwrite(bytes.data, 1, bytes.len, out);
    fprintf(notes, "%s %s\n  agent's key %s\n", guard != NULL ? "node" : "witness", request->name,
            sign_fingerprint(&request->agent_key, text, sizeof(text)));
    if (guard != NULL)
        fprintf(notes, "  guard's key %s\n",
                sign_fingerprint(&request->guard_key, text, sizeof(text)));
    fprintf(notes, "Next, on the operator's machine: oceanidctl node admit %s.req%s\n",
            request->name, guard != NULL ? "" : " --witness");
}

/* Read as the agent, as whatever lies there may be a link. Nothing there: it has not joined. */
static void read_joined(const struct join_place *place, char *ret_name)
{
    char path[2 * PATH_SIZE];
    AUTO_FREE uint8_t *text = NULL;
    struct err err = ERR_INIT;
    size_t len;

    ret_name[0] = '\0';
    if (!become_agent(place, &err))
        return;
    if (file_join(path, sizeof(path), place->agent_state, IDENTITY_NAME, &err) &&
        file_read(path, NAME_SIZE, &text, &len, &err))
        text_copy(ret_name, NAME_SIZE, (char *)text);
    become_root();
    ret_name[strcspn(ret_name, "\n")] = '\0';
}

/* The guard goes by its new name at once, while everybody knows agent and guard by the old one. */
static bool check_joined(const struct join_place *place, const char *name, struct err *err)
{
    char joined[NAME_SIZE];

    read_joined(place, joined);
    if (!name_valid(joined) || text_equal(joined, name))
        return true;
    return err_set(err, ERR_CONFLICT,
                   "--name '%s': this host has joined as '%s', and would not be heard under either "
                   "name; nothing was changed. To have it join anew: rm %s/" IDENTITY_NAME,
                   name, joined, place->agent_state);
}

bool join_request_make(const struct join_place *place, const char *name, bool witness_only,
                       FILE *out, FILE *notes, struct err *err)
{
    struct join_request request = {.witness_only = witness_only};
    struct sign_key *agent;
    struct sign_key *guard = NULL;
    bool good = false;

    if (!name_check("--name", name, err) || !check_joined(place, name, err))
        return false;
    text_copy(request.name, sizeof(request.name), name);
    text_copy(request.version, sizeof(request.version), OCEANID_VERSION);
    agent = keep_agent_key(place, err);
    if (agent != NULL && !witness_only)
        guard = keep_guard_key(place, name, err);
    if (agent != NULL && (witness_only || guard != NULL)) {
        print_request(&request, agent, guard, out, notes);
        good = fflush(out) == 0 || err_set(err, ERR_SYSTEM, "print: %s", strerror(errno));
    }
    sign_key_free(agent);
    sign_key_free(guard);
    return good;
}

/* ---- install --------------------------------------------------------------------------------- */

static bool read_public(const char *state, struct public_key *ret_key, struct err *err)
{
    char path[2 * PATH_SIZE];
    struct sign_key *key;

    if (!file_join(path, sizeof(path), state, IDENTITY_KEY, err))
        return false;
    key = sign_key_load(path, err);
    if (key == NULL)
        return err_wrap(err, "`oceanid-agent request` comes first");
    sign_key_public(key, ret_key);
    sign_key_free(key);
    return true;
}

static bool check_entry(const struct join_place *place, const struct join_bundle *bundle,
                        const struct public_key *agent_key, struct err *err)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    const struct roster_entry *entry;
    struct public_key guard_key;

    if (!wire_decode_roster(wire_lend(&bundle->roster), roster, err))
        return err_wrap(err, "roster");
    entry = roster_find(roster, bundle->name);
    if (entry == NULL || !key_equal(&entry->agent_key, agent_key))
        return err_set(err, ERR_DENIED,
                       "it names another agent's key for '%s' than this node's: it answers another "
                       "request",
                       bundle->name);
    if (entry->witness_only)
        return true;
    if (!read_public(place->guard_state, &guard_key, err))
        return false;
    return key_equal(&entry->guard_key, &guard_key) ||
           err_set(err, ERR_DENIED,
                   "it names another guard's key for '%s' than this node's: it answers another "
                   "request",
                   bundle->name);
}

static bool check_bundle(const struct join_place *place, const struct join_bundle *bundle,
                         struct err *err)
{
    struct public_key key;

    return read_public(place->agent_state, &key, err) &&
           certificate_check(bundle->certificate_pem, bundle->ca_pem, bundle->name, &key, err) &&
           check_entry(place, bundle, &key, err);
}

static bool write_one(const struct join_place *place, const char *name, const void *data,
                      size_t len, struct err *err)
{
    char path[2 * PATH_SIZE];

    return file_join(path, sizeof(path), place->agent_state, name, err) &&
           file_write(path, data, len, 0600, err);
}

static bool write_bundle(const struct join_place *place, const struct join_bundle *bundle,
                         struct err *err)
{
    char controllers[CONTROLLERS_MAX * (PATH_SIZE + 1)];
    struct text text = TEXT_IN(controllers);

    controllers[0] = '\0';
    for (uint32_t i = 0; i < bundle->controllers_count; i++)
        text_add(&text, "%s\n", bundle->controllers[i]);
    return write_one(place, IDENTITY_CA, bundle->ca_pem, strlen(bundle->ca_pem), err) &&
           write_one(place, IDENTITY_CERTIFICATE, bundle->certificate_pem,
                     strlen(bundle->certificate_pem), err) &&
           write_one(place, IDENTITY_ROSTER, bundle->roster.data, bundle->roster.len, err) &&
           write_one(place, IDENTITY_CONTROLLERS, controllers, strlen(controllers), err) &&
           write_one(place, IDENTITY_NAME, bundle->name, strlen(bundle->name), err);
}

static bool install(const struct join_place *place, const struct join_bundle *bundle, FILE *notes,
                    struct err *err)
{
    bool good;

    if (!check_bundle(place, bundle, err) || !become_agent(place, err))
        return false;
    good = write_bundle(place, bundle, err);
    become_root();
    if (good)
        fprintf(notes,
                "%s is installed in %s. Once its daemons run it observes and reports; nobody may "
                "change anything here before `oceanid-agent trust FILE`.\n",
                bundle->name, place->agent_state);
    return good;
}

bool join_install(const struct join_place *place, const char *bundle_path, FILE *notes,
                  struct err *err)
{
    AUTO_FREE struct join_bundle *bundle = mem_alloc(1, sizeof(*bundle));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    bool good;

    if (!file_read(bundle_path, COMMAND_SIZE_MAX, &bytes.data, &bytes.len, err))
        return false;
    good = wire_decode_join_bundle(wire_lend(&bytes), bundle, err) &&
           install(place, bundle, notes, err);
    join_bundle_done(bundle);
    return good || err_wrap(err, "%s", bundle_path);
}

/* ---- trust ----------------------------------------------------------------------------------- */

static void print_trust(const struct trust *trust, FILE *notes)
{
    char text[FINGERPRINT_SIZE];

    for (uint32_t i = 0; i < trust->keys_count; i++) {
        const struct trust_key *key = &trust->keys[i];

        fprintf(notes, "%s (%s%s%s) %s\n", key->name, key->roles & TRUST_APPROVER ? "approver" : "",
                key->roles == (TRUST_APPROVER | TRUST_OPERATOR) ? ", " : "",
                key->roles & TRUST_OPERATOR ? "operator" : "",
                sign_fingerprint(&key->key, text, sizeof(text)));
    }
    fprintf(notes,
            "Changes on this node now need %u of the approvers; soak at least %u s, lease at most "
            "%u s.\n",
            trust->threshold, trust->soak_min_s, trust->lease_max_s);
}

bool join_trust(const struct join_place *place, const char *trust_path, FILE *notes,
                struct err *err)
{
    AUTO_FREE struct trust *trust = mem_alloc(1, sizeof(*trust));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    char directory[PATH_SIZE];
    char *slash;

    if (!file_read(trust_path, YAML_SIZE_MAX, &bytes.data, &bytes.len, err) ||
        !config_parse_trust(trust_path, wire_lend(&bytes), trust, err))
        return false;
    text_copy(directory, sizeof(directory), place->trust);
    slash = strrchr(directory, '/');
    if (slash != NULL && slash != directory) {
        *slash = '\0';
        if (!file_make_directory(directory, 0755, err))
            return false;
    }
    if (!file_write(place->trust, bytes.data, bytes.len, 0644, err))
        return false;
    print_trust(trust, notes);
    return true;
}

/* What it asks to be, and what agent.yaml will make of it when it runs, are one. */
static bool check_kind(const struct words *words, const struct agent_config *agent, struct err *err)
{
    bool has_guard = agent->guard_socket[0] != '\0';

    if (words->what != WORD_REQUEST || words->witness != has_guard)
        return true;
    return err_set(err, ERR_INPUT,
                   words->witness
                       ? "--witness, but %s names a guard's socket; accepted for a "
                         "witness is guard-socket: \"\""
                       : "%s names no guard's socket, which makes it a witness; expected "
                         "--witness, or a guard-socket",
                   words->config);
}

static bool read_guard(const struct words *words, struct guard_config *ret_guard, struct err *err)
{
    return words->guard_config != NULL
               ? config_read_named_guard("--guard-config", words->guard_config, ret_guard, err)
               : config_read_guard(CONFIG_GUARD_PATH, ret_guard, err);
}

bool join_read(const struct words *words, const struct agent_config *agent,
               struct guard_config *ret_guard, struct err *err)
{
    return check_kind(words, agent, err) && read_guard(words, ret_guard, err);
}

bool join_run(const struct words *words, const struct agent_config *agent,
              const struct guard_config *guard, struct err *err)
{
    struct join_place place;

    if (!find_place(agent, guard, &place, err))
        return false;
    switch (words->what) {
    case WORD_REQUEST:
        return join_request_make(&place, words->name, words->witness, stdout, stderr, err);
    case WORD_INSTALL:
        return join_install(&place, words->file, stderr, err);
    case WORD_TRUST:
        return join_trust(&place, words->file, stderr, err);
    case WORD_RUN:
        break;
    }
    return false;
}
