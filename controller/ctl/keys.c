/*
 * keys: what lies in the operator's directory.
 */
#include "controller/ctl/keys.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/io/config.h"
#include "common/io/file.h"

bool keys_read_file(const struct ctl *ctl, const char *name, struct wire_bytes *ret_bytes,
                    struct err *err)
{
    char path[CTL_PATH_SIZE];

    *ret_bytes = (struct wire_bytes){NULL, 0};
    if (!ctl_path(ctl, name, path, sizeof(path), err))
        return false;
    if (file_read(path, YAML_SIZE_MAX, &ret_bytes->data, &ret_bytes->len, err))
        return true;
    if (err->kind == ERR_MISSING)
        err_wrap(err, "--pki DIR has to hold the fleet's own (for a new fleet "
                      "`oceanidctl pki init` makes it)");
    return false;
}

struct sign_key *keys_load(const struct ctl *ctl, const char *name, struct err *err)
{
    char path[CTL_PATH_SIZE];

    return ctl_path(ctl, name, path, sizeof(path), err) ? sign_key_load(path, err) : NULL;
}

static bool read_trust(const struct ctl *ctl, struct trust *ret_trust, struct err *err)
{
    AUTO_WIRE struct wire_bytes text = {NULL, 0};

    return keys_read_file(ctl, "trust.yaml", &text, err) &&
           config_parse_trust("trust.yaml", wire_lend(&text), ret_trust, err);
}

static bool check_approver(const struct ctl *ctl, const struct sign_key *key, struct err *err)
{
    AUTO_FREE struct trust *trust = mem_alloc(1, sizeof(*trust));
    const struct trust_key *known;
    struct public_key public_key;
    char fingerprint[64];

    if (!read_trust(ctl, trust, err))
        return false;
    sign_key_public(key, &public_key);
    known = trust_find(trust, &public_key);
    return (known != NULL && (known->roles & TRUST_APPROVER) != 0) ||
           err_set(err, ERR_DENIED, "%s %s",
                   sign_fingerprint(&public_key, fingerprint, sizeof(fingerprint)),
                   known != NULL ? "which is there without that role" : "which is not there");
}

struct sign_key *keys_load_approver(const struct ctl *ctl, struct err *err)
{
    struct sign_key *key = keys_load(ctl, "approver.key", err);
    struct err found = *err;

    if (key != NULL && check_approver(ctl, key, &found))
        return key;
    sign_key_free(key);
    err_set(err, found.kind,
            "%.160s/approver.key: expected the key of an approver of trust.yaml beside it, "
            "observed: %.200s; nothing was signed. Put the approver's key there and give the "
            "command again",
            ctl->pki, found.text);
    return NULL;
}

static bool verify_roster(const struct ctl *ctl, struct bytes envelope, struct err *err)
{
    AUTO_FREE struct trust *trust = mem_alloc(1, sizeof(*trust));

    if (!read_trust(ctl, trust, err))
        return false;
    for (uint32_t i = 0; i < trust->keys_count; i++) {
        if ((trust->keys[i].roles & TRUST_APPROVER) != 0 &&
            wire_verify(envelope, SIGN_ROSTER, &trust->keys[i].key, err))
            return true;
    }
    return err_set(err, ERR_DENIED,
                   "%s/roster is not signed by an approver of trust.yaml: `oceanidctl roster sign` "
                   "shows its keys and signs it with approver.key",
                   ctl->pki);
}

static bool read_roster_bytes(const struct ctl *ctl, struct wire_bytes *ret_bytes, struct err *err)
{
    return keys_read_file(ctl, "roster", ret_bytes, err) &&
           verify_roster(ctl, wire_lend(ret_bytes), err);
}

bool keys_read_roster(const struct ctl *ctl, struct roster *ret_roster, struct err *err)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};

    return read_roster_bytes(ctl, &bytes, err) &&
           wire_decode_roster(wire_lend(&bytes), ret_roster, err);
}

bool keys_read_any_roster(const struct ctl *ctl, struct roster *ret_roster, struct err *err)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};

    return keys_read_file(ctl, "roster", &bytes, err) &&
           wire_decode_roster(wire_lend(&bytes), ret_roster, err);
}

/* So that what is copied to a new controller's host is whole. */
static bool write_for_controller(const struct ctl *ctl, const struct wire_bytes *roster,
                                 struct err *err)
{
    char path[CTL_PATH_SIZE];

    if (!ctl_path(ctl, "controller", path, sizeof(path), err))
        return false;
    if (access(path, F_OK) != 0)
        return true;
    return ctl_path(ctl, "controller/roster", path, sizeof(path), err) &&
           file_write(path, roster->data, roster->len, 0600, err);
}

bool keys_put_roster(const struct ctl *ctl, const struct wire_bytes *roster, struct err *err)
{
    char path[CTL_PATH_SIZE];

    return ctl_path(ctl, "roster", path, sizeof(path), err) &&
           file_write(path, roster->data, roster->len, 0600, err) &&
           write_for_controller(ctl, roster, err);
}

bool keys_write_roster(const struct ctl *ctl, const struct roster *roster,
                       struct wire_bytes *ret_bytes, struct err *err)
{
    struct sign_key *key = keys_load_approver(ctl, err);

    *ret_bytes = (struct wire_bytes){NULL, 0};
    if (key == NULL)
        return false;
    *ret_bytes = wire_encode_roster(roster, key);
    sign_key_free(key);
    return keys_put_roster(ctl, ret_bytes, err);
}
