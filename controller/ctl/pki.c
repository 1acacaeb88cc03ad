/*
 * pki: `pki init` makes everything that an operator needs, asks nothing and overwrites nothing;
 * `pki renew` makes certificates anew.
 */
#include "controller/ctl/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/name.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/config.h"
#include "common/io/file.h"
#include "common/io/pki.h"
#include "controller/ctl/keys.h"
#include "controller/operator_mark.h"

enum { DAY_S = 86400, TRUST_SIZE = 1024 };

/* What one `pki init` works with. */
struct making {
    struct ctl *ctl;
    char name[NAME_SIZE]; /* of the operator */
    char controllers[CONTROLLERS_MAX][HOST_SIZE];
    const char *addresses[CONTROLLERS_MAX + 1]; /* the same, NULL-ended */
    struct sign_key *approver, *ca;
    bool renews; /* for the keys that are there */
    char ca_pem[PKI_PEM_SIZE];
    char trust[TRUST_SIZE];
};

static bool read_controllers(struct making *making, const char *given, struct err *err)
{
    size_t count = 0;

    while (given != NULL && *given != '\0') {
        size_t len = strcspn(given, ",");

        if (count == CONTROLLERS_MAX || len == 0 || len >= HOST_SIZE)
            return err_set(err, ERR_INPUT,
                           "--controller: accepted are 1 to %d addresses or names, "
                           "parted by commas",
                           CONTROLLERS_MAX);
        memcpy(making->controllers[count], given, len);
        if (strpbrk(making->controllers[count], "/ ") != NULL)
            return err_set(err, ERR_INPUT,
                           "--controller '%.80s': accepted is a bare address or "
                           "host name (of the host, without scheme and port)",
                           making->controllers[count]);
        making->addresses[count] = making->controllers[count];
        count++;
        given += len + (given[len] == ',');
    }
    return true;
}

static bool refuse_existing(const struct ctl *ctl, struct err *err)
{
    static const char *const names[] = {"approver.key", "ca.key",       "ca.pem",
                                        "trust.yaml",   "roster",       "ledger",
                                        "operator.key", "operator.pem", "controller/key.pem"};
    char path[CTL_PATH_SIZE];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!ctl_path(ctl, names[i], path, sizeof(path), err))
            return false;
        if (access(path, F_OK) == 0)
            return err_set(err, ERR_CONFLICT,
                           "%s is there already; `pki init` overwrites nothing. "
                           "Name an empty directory with --pki",
                           path);
    }
    return true;
}

/* Each component that is missing, private. */
static bool make_directories(const struct ctl *ctl, struct err *err)
{
    char path[CTL_PATH_SIZE];

    text_copy(path, sizeof(path), ctl->pki);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (access(path, F_OK) < 0 && !file_make_directory(path, 0700, err))
            return false;
        *slash = '/';
    }
    return file_make_directory(path, 0700, err) &&
           ctl_path(ctl, "controller", path, sizeof(path), err) &&
           file_make_directory(path, 0700, err);
}

static bool write_text(const struct ctl *ctl, const char *name, const char *text, struct err *err)
{
    char path[CTL_PATH_SIZE];

    return ctl_path(ctl, name, path, sizeof(path), err) &&
           file_write(path, text, strlen(text), 0600, err);
}

static bool save_key(const struct ctl *ctl, const char *name, const struct sign_key *key,
                     struct err *err)
{
    char path[CTL_PATH_SIZE];

    return ctl_path(ctl, name, path, sizeof(path), err) && sign_key_save(key, path, err);
}

static bool make_ca(struct making *making, struct err *err)
{
    int64_t now = clock_unix();

    making->ca = sign_key_generate();
    return pki_make_ca(making->ca, "oceanid-ca", now - PKI_SKEW_S,
                       now + (int64_t)PKI_CA_DAYS * DAY_S, making->ca_pem, err) &&
           save_key(making->ctl, "ca.key", making->ca, err) &&
           write_text(making->ctl, "ca.pem", making->ca_pem, err) &&
           write_text(making->ctl, "controller/ca.pem", making->ca_pem, err);
}

static struct sign_key *leaf_key(const struct making *making, const char *name, struct err *err)
{
    struct sign_key *key;

    if (making->renews)
        return keys_load(making->ctl, name, err);
    key = sign_key_generate();
    if (save_key(making->ctl, name, key, err))
        return key;
    sign_key_free(key);
    return NULL;
}

/* A key and its certificate, as files of these names. */
static bool make_leaf(struct making *making, struct pki_request *request, const char *key_name,
                      const char *cert_name, struct err *err)
{
    struct sign_key *key = leaf_key(making, key_name, err);
    struct public_key public_key;
    char pem[PKI_PEM_SIZE];
    int64_t now = clock_unix();
    bool good;

    if (key == NULL)
        return false;
    sign_key_public(key, &public_key);
    request->key = &public_key;
    request->not_before = now - PKI_SKEW_S;
    request->not_after = now + (int64_t)PKI_LEAF_DAYS * DAY_S;
    good = pki_issue(making->ca, making->ca_pem, request, pem, err) &&
           write_text(making->ctl, cert_name, pem, err);
    request->key = NULL;
    sign_key_free(key);
    return good;
}

static bool make_leaves(struct making *making, struct err *err)
{
    static const char *const mark[] = {OPERATOR_MARK, NULL};
    struct pki_request person = {.name = making->name, .usage = PKI_OPERATOR, .addresses = mark};
    struct pki_request controller = {
        .name = "controller", .usage = PKI_CONTROLLER, .addresses = making->addresses};

    return make_leaf(making, &person, "operator.key", "operator.pem", err) &&
           make_leaf(making, &controller, "controller/key.pem", "controller/cert.pem", err);
}

static bool make_trust(struct making *making, struct err *err)
{
    struct public_key key;
    char hex[2 * KEY_SIZE + 1];

    making->approver = sign_key_generate();
    sign_key_public(making->approver, &key);
    bytes_format_hex(key.bytes, KEY_SIZE, hex);
    snprintf(making->trust, sizeof(making->trust),
             "# trust.yaml: who may sign changes for a node, and the bounds that none may leave.\n"
             "# Root installs it there: oceanid-agent trust trust.yaml\n"
             "threshold: 1\n"
             "soak-min: 60s\n"
             "lease-max: 300s\n"
             "keys:\n"
             "  - { name: %s, roles: [approver, operator], key: %s }\n",
             making->name, hex);
    return save_key(making->ctl, "approver.key", making->approver, err) &&
           write_text(making->ctl, "trust.yaml", making->trust, err) &&
           write_text(making->ctl, "controller/trust.yaml", making->trust, err);
}

static bool make_roster(struct making *making, struct err *err)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};

    roster->version = 1;
    return keys_write_roster(making->ctl, roster, &bytes, err) &&
           write_text(making->ctl, "ledger", "", err);
}

static bool write_controllers(const struct making *making, struct err *err)
{
    char list[CONTROLLERS_MAX * HOST_SIZE];
    struct text text = TEXT_IN(list);

    list[0] = '\0';
    for (size_t i = 0; making->addresses[i] != NULL; i++)
        text_add(&text, "%s\n", making->addresses[i]);
    return write_text(making->ctl, "controllers", list, err);
}

static bool make_all(struct making *making, struct err *err)
{
    return refuse_existing(making->ctl, err) && make_directories(making->ctl, err) &&
           make_ca(making, err) && make_leaves(making, err) && make_trust(making, err) &&
           make_roster(making, err) && write_controllers(making, err);
}

static void print_result(const struct making *making)
{
    struct public_key key;
    char fingerprint[64];

    sign_key_public(making->approver, &key);
    printf("%s holds this fleet's keys; keep it private and keep a copy.\n"
           "approver's key: %s\n"
           "Next: copy %s/controller/ to /var/lib/oceanid/controller/ on the controller's host\n"
           "(chown -R oceanid-controller: there), and %s/trust.yaml to each node for\n"
           "`oceanid-agent trust`.\n",
           making->ctl->pki, sign_fingerprint(&key, fingerprint, sizeof(fingerprint)),
           making->ctl->pki, making->ctl->pki);
    if (making->addresses[0] == NULL)
        printf("No --controller was named: its certificate is good for its local socket only.\n");
}

/* Who it is for, and where the controller is. */
static bool take_options(struct making *making, const struct arguments *arguments, struct err *err)
{
    const char *name = arguments_get(arguments, "--name");

    if (name == NULL)
        name = "operator";
    return name_check("--name", name, err) && text_copy(making->name, sizeof(making->name), name) &&
           read_controllers(making, arguments_get(arguments, "--controller"), err);
}

enum outcome pki_init_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_FREE struct making *making = mem_alloc(1, sizeof(*making));
    struct err err = ERR_INIT;
    bool good;

    making->ctl = ctl;
    if (!take_options(making, arguments, &err))
        return ctl_fail(ctl, &err);
    good = make_all(making, &err);
    if (good)
        print_result(making);
    sign_key_free(making->approver);
    sign_key_free(making->ca);
    return good ? OUTCOME_DONE : ctl_fail(ctl, &err);
}

/* ---- renewing -------------------------------------------------------------------------------- */

/* As `pki init` was told, unless the command names others. */
static bool recall_controllers(struct making *making, struct err *err)
{
    AUTO_WIRE struct wire_bytes list = {NULL, 0};

    if (making->addresses[0] != NULL)
        return write_controllers(making, err);
    if (!keys_read_file(making->ctl, "controllers", &list, err))
        return false;
    for (char *c = (char *)list.data; *c != '\0'; c++) {
        if (*c == '\n')
            *c = ',';
    }
    return read_controllers(making, (const char *)list.data, err);
}

static bool load_ca(struct making *making, struct err *err)
{
    AUTO_WIRE struct wire_bytes pem = {NULL, 0};

    if (!keys_read_file(making->ctl, "ca.pem", &pem, err))
        return false;
    if (!text_copy(making->ca_pem, sizeof(making->ca_pem), (const char *)pem.data))
        return err_set(err, ERR_LIMIT, "ca.pem is too long");
    making->ca = keys_load(making->ctl, "ca.key", err);
    return making->ca != NULL;
}

enum outcome pki_renew_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_FREE struct making *making = mem_alloc(1, sizeof(*making));
    struct err err = ERR_INIT;
    bool good;

    making->ctl = ctl;
    making->renews = true;
    good = take_options(making, arguments, &err) && recall_controllers(making, &err) &&
           load_ca(making, &err) && make_leaves(making, &err);
    sign_key_free(making->ca);
    if (!good)
        return ctl_fail(ctl, &err);
    printf(
        "%s/operator.pem and %s/controller/cert.pem are good for %d days more.\n"
        "Next: copy the latter to /var/lib/oceanid/controller/cert.pem on the controller's host\n"
        "(chown oceanid-controller: there), and restart oceanid-controller.\n",
        ctl->pki, ctl->pki, PKI_LEAF_DAYS);
    return OUTCOME_DONE;
}
