/*
 * test_join: request, install and trust on a disk of their own, with bundles as `node admit` makes
 * them.
 */
#include "agent/io/join.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/io/identity.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/wire_join.h"

enum { AGENT_UID = 64001, DAY_S = 86400 };

struct disk {
    char root[64];
    char agent[128], guard[128], trust[128], file[128];
    struct join_place place;
    struct sign_key *ca, *operator_key;
    char ca_pem[PKI_PEM_SIZE];
    char *asked; /* what request printed */
};

static int open_disk(void **state)
{
    struct disk *disk = mem_alloc(1, sizeof(*disk));
    struct err err = ERR_INIT;
    int64_t now = clock_unix();

    text_copy(disk->root, sizeof(disk->root), "/tmp/oceanid-join-XXXXXX");
    assert_non_null(mkdtemp(disk->root));
    assert_int_equal(chmod(disk->root, 0755), 0);
    snprintf(disk->agent, sizeof(disk->agent), "%s/lib/agent", disk->root);
    snprintf(disk->guard, sizeof(disk->guard), "%s/lib/guard", disk->root);
    snprintf(disk->trust, sizeof(disk->trust), "%s/etc/trust.yaml", disk->root);
    snprintf(disk->file, sizeof(disk->file), "%s/file", disk->root);
    disk->place =
        (struct join_place){disk->agent, geteuid() == 0 ? AGENT_UID : geteuid(),
                            geteuid() == 0 ? AGENT_UID : getegid(), disk->guard, disk->trust};
    disk->ca = sign_key_generate();
    disk->operator_key = sign_key_generate();
    assert_true(pki_make_ca(disk->ca, "oceanid-ca", now - DAY_S, now + DAY_S, disk->ca_pem, &err));
    *state = disk;
    return 0;
}

static int close_disk(void **state)
{
    struct disk *disk = *state;
    static const char *const names[] = {"lib/agent/key.pem",
                                        "lib/agent/cert.pem",
                                        "lib/agent/ca.pem",
                                        "lib/agent/roster",
                                        "lib/agent/name",
                                        "lib/agent/controllers",
                                        "lib/guard/key.pem",
                                        "lib/guard/name",
                                        "etc/trust.yaml",
                                        "file",
                                        "lib/agent",
                                        "lib/guard",
                                        "lib",
                                        "etc",
                                        "."};
    char path[256];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", disk->root, names[i]);
        if (unlink(path) != 0)
            rmdir(path);
    }
    rmdir(disk->root);
    sign_key_free(disk->ca);
    sign_key_free(disk->operator_key);
    free(disk->asked);
    free(disk);
    return 0;
}

/* ---- the node's and the operator's side ------------------------------------------------------ */

static void request(struct disk *disk, const char *name, bool witness_only,
                    struct join_request *ret_request)
{
    struct err err = ERR_INIT;
    char *notes = NULL;
    size_t len = 0;
    size_t notes_len = 0;
    FILE *out;
    FILE *said;

    free(disk->asked);
    out = open_memstream(&disk->asked, &len);
    said = open_memstream(&notes, &notes_len);
    assert_true(join_request_make(&disk->place, name, witness_only, out, said, &err));
    fclose(out);
    fclose(said);
    assert_non_null(strstr(notes, "SHA256:"));
    free(notes);
    assert_true(
        wire_decode_join_request((struct bytes){(uint8_t *)disk->asked, len}, ret_request, &err));
}

/* As controller/ctl/node.c: certificate, roster, controllers. */
static void admit(struct disk *disk, const struct join_request *asked,
                  const struct public_key *certified)
{
    AUTO_FREE struct join_bundle *bundle = mem_alloc(1, sizeof(*bundle));
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    static const char *const nowhere[] = {NULL};
    struct roster_entry entry = {.witness_only = asked->witness_only,
                                 .agent_key = asked->agent_key,
                                 .guard_key = asked->guard_key};
    int64_t now = clock_unix();
    struct pki_request wanted = {asked->name, PKI_AGENT,   certified,
                                 now - DAY_S, now + DAY_S, nowhere};
    struct err err = ERR_INIT;

    text_copy(entry.name, sizeof(entry.name), asked->name);
    assert_true(roster_put(roster, &entry, &err));
    text_copy(bundle->name, sizeof(bundle->name), asked->name);
    text_copy(bundle->ca_pem, sizeof(bundle->ca_pem), disk->ca_pem);
    assert_true(pki_issue(disk->ca, disk->ca_pem, &wanted, bundle->certificate_pem, &err));
    bundle->controllers_count = 1;
    text_copy(bundle->controllers[0], PATH_SIZE, "tls+tcp://198.51.100.10:7430");
    bundle->roster = wire_encode_roster(roster, disk->operator_key);
    bytes = wire_encode_join_bundle(bundle);
    assert_true(file_write(disk->file, bytes.data, bytes.len, 0600, &err));
    join_bundle_done(bundle);
}

static bool install(struct disk *disk, struct err *err)
{
    FILE *notes = fopen("/dev/null", "w");
    bool done = join_install(&disk->place, disk->file, notes, err);

    fclose(notes);
    return done;
}

static void expect_file(const struct disk *disk, const char *name, uid_t owner, mode_t mode)
{
    struct stat stat;
    char path[256];

    snprintf(path, sizeof(path), "%s/lib/%s", disk->root, name);
    assert_int_equal(lstat(path, &stat), 0);
    assert_int_equal(stat.st_uid, owner);
    assert_int_equal(stat.st_mode & 07777, mode);
}

static void expect_guard_name(const struct disk *disk, const char *name)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct err err = ERR_INIT;
    char path[256];

    snprintf(path, sizeof(path), "%s/name", disk->guard);
    assert_true(file_read(path, NAME_SIZE, &bytes.data, &bytes.len, &err));
    assert_int_equal(bytes.len, strlen(name));
    assert_memory_equal(bytes.data, name, bytes.len);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void node_joins(void **state)
{
    struct disk *disk = *state;
    struct join_request asked;
    struct agent_config config = {.guard_socket = "/run/oceanid/guard.sock"};
    struct identity identity;
    struct err err = ERR_INIT;
    uid_t agent = disk->place.agent_uid;

    request(disk, "srv712695", false, &asked);
    assert_string_equal(asked.name, "srv712695");
    assert_false(asked.witness_only);
    expect_file(disk, "agent", agent, 0700);
    expect_file(disk, "agent/key.pem", agent, 0600);
    expect_file(disk, "guard", geteuid(), 0700);
    expect_file(disk, "guard/key.pem", geteuid(), 0600);
    admit(disk, &asked, &asked.agent_key);
    assert_true(install(disk, &err));
    expect_file(disk, "agent/cert.pem", agent, 0600);
    expect_file(disk, "agent/roster", agent, 0600);
    text_copy(config.state, sizeof(config.state), disk->agent);
    assert_true(identity_load(&config, &identity, &err));
    assert_string_equal(identity.name, "srv712695");
    assert_int_equal(identity.controllers_count, 1);
    assert_string_equal(identity.controllers[0], "tls+tcp://198.51.100.10:7430");
    identity_done(&identity);
}

static void one_agent_of_a_name_runs(void **state)
{
    struct disk *disk = *state;
    struct join_request asked;
    struct agent_config config = {.guard_socket = "/run/oceanid/guard.sock"};
    struct identity running;
    struct identity second;
    struct err err = ERR_INIT;

    request(disk, "srv712695", false, &asked);
    admit(disk, &asked, &asked.agent_key);
    assert_true(install(disk, &err));
    text_copy(config.state, sizeof(config.state), disk->agent);
    assert_true(identity_load(&config, &running, &err));
    assert_false(identity_load(&config, &second, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "another oceanid-agent of srv712695 runs"));
    identity_done(&running);
    err = (struct err)ERR_INIT;
    assert_true(identity_load(&config, &second, &err));
    identity_done(&second);
}

static void keys_that_are_there_are_kept(void **state)
{
    struct disk *disk = *state;
    struct join_request first;
    struct join_request second;

    request(disk, "srv712695", false, &first);
    request(disk, "srv712695", false, &second);
    assert_memory_equal(&first.agent_key, &second.agent_key, sizeof(first.agent_key));
    assert_memory_equal(&first.guard_key, &second.guard_key, sizeof(first.guard_key));
}

/* Its guard would sign under the new name at once, and nobody would hear it under either. */
static void node_that_has_joined_asks_under_no_other_name(void **state)
{
    struct disk *disk = *state;
    struct join_request asked;
    struct err err = ERR_INIT;
    char path[256];

    request(disk, "srv712659", false, &asked); /* a slip, before anybody was asked */
    request(disk, "srv712695", false, &asked);
    admit(disk, &asked, &asked.agent_key);
    assert_true(install(disk, &err));
    assert_false(join_request_make(&disk->place, "other", false, stdout, stdout, &err));
    assert_non_null(strstr(err.text, "'other'"));
    assert_non_null(strstr(err.text, "has joined as 'srv712695'"));
    expect_guard_name(disk, "srv712695");

    request(disk, "srv712695", false, &asked); /* a new certificate is asked for like that */
    snprintf(path, sizeof(path), "%s/name", disk->agent);
    assert_int_equal(unlink(path), 0); /* as the refusal says */
    request(disk, "other", false, &asked);
    expect_guard_name(disk, "other");
}

static void witness_has_no_guard(void **state)
{
    struct disk *disk = *state;
    struct join_request asked;
    struct err err = ERR_INIT;

    request(disk, "office", true, &asked);
    assert_true(asked.witness_only);
    assert_int_not_equal(access(disk->guard, F_OK), 0);
    admit(disk, &asked, &asked.agent_key);
    assert_true(install(disk, &err));
}

static void bundle_for_other_keys_is_refused(void **state)
{
    struct disk *disk = *state;
    struct sign_key *other = sign_key_generate();
    struct join_request asked;
    struct join_request altered;
    struct public_key key;
    char path[256];
    struct err err = ERR_INIT;

    sign_key_public(other, &key);
    request(disk, "srv712695", false, &asked);
    admit(disk, &asked, &key); /* its certificate is another's */
    assert_false(install(disk, &err));
    assert_int_equal(err.kind, ERR_DENIED);
    assert_non_null(strstr(err.text, "another key than this node's"));

    altered = asked;
    altered.guard_key = key;
    admit(disk, &altered, &asked.agent_key);
    assert_false(install(disk, &err));
    assert_non_null(strstr(err.text, "another guard's key for 'srv712695'"));

    altered = asked;
    altered.agent_key = key;
    admit(disk, &altered, &asked.agent_key);
    assert_false(install(disk, &err));
    assert_non_null(strstr(err.text, "another agent's key for 'srv712695'"));

    expect_file(disk, "agent/key.pem", disk->place.agent_uid, 0600);
    snprintf(path, sizeof(path), "%s/name", disk->agent);
    assert_int_not_equal(access(path, F_OK), 0); /* nothing was installed */
    sign_key_free(other);
}

static void certificate_of_another_ca_is_refused(void **state)
{
    struct disk *disk = *state;
    struct sign_key *ca = disk->ca;
    struct join_request asked;
    struct err err = ERR_INIT;

    request(disk, "srv712695", false, &asked);
    disk->ca = sign_key_generate(); /* signs, but is not the CA that comes with it */
    admit(disk, &asked, &asked.agent_key);
    assert_false(install(disk, &err));
    assert_non_null(strstr(err.text, "not made by the CA"));
    sign_key_free(ca);
}

static void install_without_request_is_refused(void **state)
{
    struct disk *disk = *state;
    struct sign_key *key = sign_key_generate();
    struct join_request asked = {.name = "srv712695", .witness_only = true};
    struct err err = ERR_INIT;

    sign_key_public(key, &asked.agent_key);
    admit(disk, &asked, &asked.agent_key);
    assert_false(install(disk, &err));
    assert_non_null(strstr(err.text, "`oceanid-agent request` comes first"));
    sign_key_free(key);
}

static bool trust(struct disk *disk, const char *text, char **ret_notes, struct err *err)
{
    size_t len = 0;
    FILE *notes = open_memstream(ret_notes, &len);
    bool done;

    assert_true(file_write(disk->file, text, strlen(text), 0600, err));
    done = join_trust(&disk->place, disk->file, notes, err);
    fclose(notes);
    return done;
}

static void trust_is_validated_then_installed(void **state)
{
    struct disk *disk = *state;
    struct public_key key;
    char hex[2 * KEY_SIZE + 1];
    char text[512];
    char *notes = NULL;
    struct err err = ERR_INIT;
    struct stat stat;

    assert_false(trust(disk, "threshold: many\n", &notes, &err));
    assert_int_not_equal(access(disk->trust, F_OK), 0);
    free(notes);
    err = (struct err)ERR_INIT;
    sign_key_public(disk->operator_key, &key);
    bytes_format_hex(key.bytes, KEY_SIZE, hex);
    snprintf(text, sizeof(text),
             "threshold: 1\nsoak-min: 60s\nlease-max: 300s\nkeys:\n"
             "  - { name: ada, roles: [approver, operator], key: %s }\n",
             hex);
    assert_true(trust(disk, text, &notes, &err));
    assert_non_null(strstr(notes, "ada (approver, operator) SHA256:"));
    assert_non_null(strstr(notes, "need 1 of the approvers"));
    assert_int_equal(lstat(disk->trust, &stat), 0);
    assert_int_equal(stat.st_mode & 07777, 0644);
    free(notes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(node_joins, open_disk, close_disk),
        cmocka_unit_test_setup_teardown(one_agent_of_a_name_runs, open_disk, close_disk),
        cmocka_unit_test_setup_teardown(keys_that_are_there_are_kept, open_disk, close_disk),
        cmocka_unit_test_setup_teardown(node_that_has_joined_asks_under_no_other_name, open_disk,
                                        close_disk),
        cmocka_unit_test_setup_teardown(witness_has_no_guard, open_disk, close_disk),
        cmocka_unit_test_setup_teardown(bundle_for_other_keys_is_refused, open_disk, close_disk),
        cmocka_unit_test_setup_teardown(certificate_of_another_ca_is_refused, open_disk,
                                        close_disk),
        cmocka_unit_test_setup_teardown(install_without_request_is_refused, open_disk, close_disk),
        cmocka_unit_test_setup_teardown(trust_is_validated_then_installed, open_disk, close_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
