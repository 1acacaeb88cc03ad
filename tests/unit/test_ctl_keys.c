/*
 * test_ctl_keys: a key that is missing or another's is told before anything is written that bars
 * other changes, what is signed was seen before, and is never lost.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/change/manifest.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/sign.h"
#include "common/io/wire.h"
#include "controller/ctl/ledger.h"
#include "controller/ctl/manifest.h"
#include "tests/unit/ctl_case.h"

#define JUSTIFICATION "Nothing is broken; this is a drill."
static const char *const sign_options[] = {"-o=", "--approve=", "--justify=", "--valid=", NULL};

static void fill_plan(struct manifest_plan *plan)
{
    text_copy(plan->node, NAME_SIZE, "a1");
    plan->operations = mem_alloc(1, sizeof(*plan->operations));
    plan->operations_count = 1;
    plan->operations[0].kind = OPERATION_SYSCTL;
    text_copy(plan->operations[0].sysctl.setting.name, SYSCTL_NAME_SIZE, "net.ipv4.ip_forward");
    text_copy(plan->operations[0].sysctl.setting.value, SYSCTL_VALUE_SIZE, "1");
    plan->witnesses_count = 2;
    text_copy(plan->witnesses[0], NAME_SIZE, "w1");
    text_copy(plan->witnesses[1], NAME_SIZE, "w2");
    plan->quorum = 2;
    assert_true(address_parse("203.0.113.10", &plan->ssh.address));
    plan->ssh.port = 22;
}

static void fill_drill(struct manifest *manifest)
{
    static const char *const names[] = {"a1", "w1", "w2"};

    *manifest = (struct manifest){.soak_s = 60,
                                  .lease_s = 60,
                                  .period_s = 15,
                                  .path_s = 7,
                                  .dial_s = 10,
                                  .apply_s = 1,
                                  .settle_s = 10,
                                  .grace_s = 22,
                                  .revert_budget_s = 5,
                                  .stages_count = 1,
                                  .plans_count = 1,
                                  .roster_count = 3};
    text_copy(manifest->change, sizeof(manifest->change), "drill");
    text_copy(manifest->justification, sizeof(manifest->justification), JUSTIFICATION);
    manifest->waived[WAIVE_NEEDED] = true;
    text_copy(manifest->waiver_reasons[WAIVE_NEEDED], REASON_SIZE, "a drill");
    manifest->stages = mem_alloc(1, sizeof(*manifest->stages));
    manifest->stages[0].nodes_count = 1;
    text_copy(manifest->stages[0].nodes[0], NAME_SIZE, "a1");
    manifest->plans = mem_alloc(1, sizeof(*manifest->plans));
    fill_plan(&manifest->plans[0]);
    manifest->roster = mem_alloc(3, sizeof(*manifest->roster));
    for (uint8_t i = 0; i < 3; i++) {
        text_copy(manifest->roster[i].name, NAME_SIZE, names[i]);
        manifest->roster[i].witness_only = i > 0;
        manifest->roster[i].agent_key.bytes[0] = (uint8_t)(i + 1);
    }
    manifest->roster[0].guard_key.bytes[0] = 4;
}

/* drill.manifest, which lies there unsigned. */
static void build(const struct ctl_desk *desk)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct manifest manifest;
    struct err err = ERR_INIT;
    char path[CTL_PATH_SIZE];

    fill_drill(&manifest);
    if (!manifest_validate(&manifest, &err))
        fail_msg("%s", err.text);
    bytes = wire_encode_manifest(&manifest);
    manifest_done(&manifest);
    assert_true(
        file_write(ctl_desk_path(desk, "drill.manifest", path), bytes.data, bytes.len, 0644, &err));
}

static enum outcome sign_to(struct ctl_desk *desk, const char *name)
{
    char from[CTL_PATH_SIZE], to[CTL_PATH_SIZE];
    const char *const words[] = {ctl_desk_path(desk, "drill.manifest", from),
                                 "-o",
                                 ctl_desk_path(desk, name, to),
                                 "--approve",
                                 "drill",
                                 "--justify",
                                 JUSTIFICATION,
                                 NULL};

    return ctl_desk_run(desk, manifest_sign_run, sign_options, words);
}

static void write_text(const struct ctl_desk *desk, const char *name, const char *text)
{
    struct err err = ERR_INIT;
    char path[CTL_PATH_SIZE];

    assert_true(file_write(ctl_desk_path(desk, name, path), text, strlen(text), 0600, &err));
}

static size_t count_signed(const struct ctl_desk *desk)
{
    struct ledger ledger;
    struct err err = ERR_INIT;
    char path[CTL_PATH_SIZE];
    size_t count;

    assert_true(ledger_open(&ledger, ctl_desk_path(desk, "ledger", path), &err));
    count = ledger.signed_count;
    ledger_close(&ledger);
    return count;
}

static void move(const struct ctl_desk *desk, const char *name, const char *to)
{
    char old[CTL_PATH_SIZE], new[CTL_PATH_SIZE];

    assert_int_equal(rename(ctl_desk_path(desk, name, old), ctl_desk_path(desk, to, new)), 0);
}

static void a_missing_key_bars_nothing(void **state)
{
    struct ctl_desk *desk = *state;

    build(desk);
    move(desk, "approver.key", "away.key");
    assert_int_equal(sign_to(desk, "drill.signed"), OUTCOME_USAGE);
    ctl_desk_expect(desk, "/approver.key: expected the key of an approver of ");
    ctl_desk_expect(desk, "trust.yaml beside it, observed: open ");
    ctl_desk_expect(desk, "No such file or directory; nothing was signed. Put the approver's key");
    assert_int_equal(count_signed(desk), 0);
    move(desk, "away.key", "approver.key");
    assert_int_equal(sign_to(desk, "drill.signed"), OUTCOME_DONE);
    assert_int_equal(count_signed(desk), 1);
}

static void anothers_key_bars_nothing(void **state)
{
    struct ctl_desk *desk = *state;
    struct sign_key *other = sign_key_generate();
    struct public_key key;
    struct err err = ERR_INIT;
    char path[CTL_PATH_SIZE], fingerprint[64];

    build(desk);
    move(desk, "approver.key", "away.key");
    sign_key_public(other, &key);
    assert_true(sign_key_save(other, ctl_desk_path(desk, "approver.key", path), &err));
    sign_key_free(other);
    assert_int_equal(sign_to(desk, "drill.signed"), OUTCOME_DENIED);
    ctl_desk_expect(desk, sign_fingerprint(&key, fingerprint, sizeof(fingerprint)));
    ctl_desk_expect(desk, " which is not there; nothing was signed. Put the approver's key");
    assert_int_equal(count_signed(desk), 0);
    assert_false(ctl_desk_has(desk, "drill.signed"));
    move(desk, "away.key", "approver.key");
    assert_int_equal(sign_to(desk, "drill.signed"), OUTCOME_DONE);
}

/* It bars all others from here on: there has to be something to hand over, or to abort. */
static void what_cannot_be_written_where_it_was_said_is_kept(void **state)
{
    struct ctl_desk *desk = *state;

    build(desk);
    assert_int_equal(sign_to(desk, "nowhere/drill.signed"), OUTCOME_USAGE);
    assert_int_equal(count_signed(desk), 1);
    ctl_desk_expect(desk, "unsent-drill.manifest");
    assert_true(ctl_desk_has(desk, "unsent-drill.manifest"));
    assert_int_equal(sign_to(desk, "drill.signed"), OUTCOME_NO);
    ctl_desk_expect(desk, "change drill (sequence 1) is signed and not ended");
    ctl_desk_expect(desk, "the keys' unsent-drill.manifest or what");
}

static const char *read_text(const struct ctl_desk *desk, const char *name, char *to, size_t size)
{
    char path[CTL_PATH_SIZE];
    FILE *file = fopen(ctl_desk_path(desk, name, path), "r");

    assert_non_null(file);
    memset(to, 0, size);
    assert_true(fread(to, 1, size - 1, file) > 0 && !ferror(file));
    fclose(file);
    return to;
}

/* -o names where it goes; what stands there stays what it is. */
static void what_is_written_replaces_no_link_and_no_pipe(void **state)
{
    struct ctl_desk *desk = *state;
    char link_path[CTL_PATH_SIZE], pipe_path[CTL_PATH_SIZE], content[256];
    struct stat is;
    int reader;

    build(desk);
    assert_int_equal(symlink("target", ctl_desk_path(desk, "link", link_path)), 0);
    write_text(desk, "target", "old");
    assert_int_equal(sign_to(desk, "link"), OUTCOME_DONE);
    assert_true(lstat(link_path, &is) == 0 && S_ISLNK(is.st_mode));
    assert_string_not_equal(read_text(desk, "target", content, sizeof(content)), "old");
    write_text(desk, "ledger", ""); /* as if none was signed */
    assert_int_equal(mkfifo(ctl_desk_path(desk, "pipe", pipe_path), 0600), 0);
    reader = open(pipe_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(sign_to(desk, "pipe"), OUTCOME_DONE);
    assert_true(lstat(pipe_path, &is) == 0 && S_ISFIFO(is.st_mode));
    assert_true(read(reader, content, sizeof(content)) > 0);
    close(reader);
}

static void a_link_to_nothing_is_named(void **state)
{
    struct ctl_desk *desk = *state;
    char path[CTL_PATH_SIZE];

    build(desk);
    assert_int_equal(symlink("nowhere", ctl_desk_path(desk, "link", path)), 0);
    assert_int_equal(sign_to(desk, "link"), OUTCOME_USAGE);
    ctl_desk_expect(desk, "/link: it is a link to what is not there");
    assert_true(ctl_desk_has(desk, "unsent-drill.manifest"));
}

/* Fewer receipts refuse more, never less: as where the controller does not answer. */
static void a_key_of_the_api_bars_no_signature(void **state)
{
    struct ctl_desk *desk = *state;
    int listening = ctl_desk_listen(desk);
    char path[CTL_PATH_SIZE];

    build(desk);
    unlink(ctl_desk_path(desk, "operator.pem", path));
    assert_int_equal(sign_to(desk, "drill.signed"), OUTCOME_DONE);
    ctl_desk_expect(desk, "signing by the ledger alone");
    close(listening);
}

/* Its only copy may be deleted: what hands it over, or has it aborted, is kept. */
static void what_is_signed_is_kept_beside_the_keys(void **state)
{
    struct ctl_desk *desk = *state;
    char path[CTL_PATH_SIZE];

    build(desk);
    assert_int_equal(sign_to(desk, "drill.signed"), OUTCOME_DONE);
    unlink(ctl_desk_path(desk, "drill.signed", path));
    assert_int_equal(sign_to(desk, "drill.signed"), OUTCOME_NO);
    ctl_desk_expect(desk, "the keys' unsent-drill.manifest");
    assert_true(ctl_desk_has(desk, "unsent-drill.manifest"));
}

/* That says when it was signed and when it lapses, by a clock that is a year ahead. */
static void a_clock_that_is_not_the_controllers_signs_nothing(void **state)
{
    static struct ctl_reply replies[] = {
        {.request = "GET /v1/receipts", .status = 200, .body = "{\"receipts\": []}", .len = 16}};
    struct ctl_desk *desk = *state;

    build(desk);
    desk->date = "Wed, 26 Aug 2020 12:00:00 GMT";
    ctl_desk_serve(desk, replies, 1);
    assert_int_equal(sign_to(desk, "drill.signed"), OUTCOME_NO);
    ctl_desk_expect(desk, " ahead of the controller's");
    assert_int_equal(count_signed(desk), 0);
}

/* first.signed: what another approver signed, by his clock. */
static void sign_first(const struct ctl_desk *desk, int64_t not_after)
{
    AUTO_FREE struct approval *approval = mem_alloc(1, sizeof(*approval));
    AUTO_WIRE struct wire_bytes body = {NULL, 0};
    struct sign_key *other = sign_key_generate();
    char path[CTL_PATH_SIZE];
    struct err err = ERR_INIT;

    build(desk);
    assert_true(
        file_read(ctl_desk_path(desk, "drill.manifest", path), 65536, &body.data, &body.len, &err));
    sign_hash(body.data, body.len, &approval->attempt.body);
    approval->attempt.sequence = 1;
    approval->not_after = not_after;
    {
        AUTO_WIRE struct wire_bytes bytes = wire_encode_approval(approval);
        AUTO_WIRE struct wire_bytes once = wire_sign_approval(wire_lend(&bytes), other);
        AUTO_WIRE struct wire_bytes all =
            wire_encode_signed_manifest(wire_lend(&body), wire_lend(&once));

        assert_true(
            file_write(ctl_desk_path(desk, "first.signed", path), all.data, all.len, 0644, &err));
    }
    sign_key_free(other);
}

static enum outcome sign_too(struct ctl_desk *desk)
{
    char from[CTL_PATH_SIZE], to[CTL_PATH_SIZE];
    const char *const words[] = {ctl_desk_path(desk, "first.signed", from),
                                 "-o",
                                 ctl_desk_path(desk, "both.signed", to),
                                 "--approve",
                                 "drill",
                                 "--justify",
                                 JUSTIFICATION,
                                 NULL};

    return ctl_desk_run(desk, manifest_sign_run, sign_options, words);
}

/* Signed offline by a clock that is ahead: with a second signature the guards would take it until
 * then. */
static void what_holds_for_too_long_gets_no_second_signature(void **state)
{
    struct ctl_desk *desk = *state;

    sign_first(desk, clock_unix() + 7 * 86400 + 70);
    assert_int_equal(sign_too(desk), OUTCOME_NO);
    ctl_desk_expect(desk,
                    " s by this host's clock: accepted are 604800 s at most; nothing was signed");
    assert_false(ctl_desk_has(desk, "both.signed"));
    sign_first(desk, clock_unix() + 7 * 86400 + 50); /* clocks differ by a minute */
    assert_int_equal(sign_too(desk), OUTCOME_DONE);
    assert_true(ctl_desk_has(desk, "both.signed"));
}

static void what_has_lapsed_gets_no_second_signature(void **state)
{
    struct ctl_desk *desk = *state;

    sign_first(desk, clock_unix() - 3600);
    assert_int_equal(sign_too(desk), OUTCOME_NO);
    ctl_desk_expect(desk, "and expired 1 h ago by this host's clock");
    sign_first(desk, INT64_MIN); /* a file says what it wants to */
    assert_int_equal(sign_too(desk), OUTCOME_NO);
    ctl_desk_expect(desk, "and expired ");
    ctl_desk_expect_not(desk, "is signed to be valid until");
    assert_false(ctl_desk_has(desk, "both.signed"));
}

/* No guard would count it. */
static void anothers_key_adds_no_signature(void **state)
{
    struct ctl_desk *desk = *state;
    struct sign_key *other = sign_key_generate();
    struct err err = ERR_INIT;
    char path[CTL_PATH_SIZE];

    sign_first(desk, clock_unix() + 3600);
    assert_true(sign_key_save(other, ctl_desk_path(desk, "approver.key", path), &err));
    sign_key_free(other);
    assert_int_equal(sign_too(desk), OUTCOME_DENIED);
    ctl_desk_expect(desk, " which is not there; nothing was signed. Put the approver's key");
    assert_false(ctl_desk_has(desk, "both.signed"));
}

/* approve: NULL, the name is typed too. */
static void expect_shown_first(struct ctl_desk *desk, const char *approve, const char *typed,
                               const char *question)
{
    char from[CTL_PATH_SIZE];
    const char *const words[] = {ctl_desk_path(desk, "drill.manifest", from), approve, NULL};
    const char *shown, *asked;

    build(desk);
    ctl_desk_type(typed);
    assert_int_equal(ctl_desk_run(desk, manifest_sign_run, sign_options, words), OUTCOME_DONE);
    shown = strstr(desk->said, "net.ipv4.ip_forward");
    asked = strstr(desk->said, question);
    if (shown == NULL || asked == NULL || shown > asked)
        fail_msg("it is shown behind the question: '%s'", desk->said);
}

/* With stdout in a pipe too: nobody approves what he has not seen. */
static void shows_it_before_it_asks_for_the_name(void **state)
{
    expect_shown_first(*state, NULL, "drill\n" JUSTIFICATION "\n",
                       "To sign this, type the change's name:");
}

static void shows_it_before_it_asks_for_the_justification(void **state)
{
    expect_shown_first(*state, "--approve=drill", JUSTIFICATION "\n", "It is not known that");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_CTL_DESK(a_missing_key_bars_nothing),
        AT_CTL_DESK(anothers_key_bars_nothing),
        AT_CTL_DESK(what_cannot_be_written_where_it_was_said_is_kept),
        AT_CTL_DESK(what_is_written_replaces_no_link_and_no_pipe),
        AT_CTL_DESK(a_link_to_nothing_is_named),
        AT_CTL_DESK(what_is_signed_is_kept_beside_the_keys),
        AT_CTL_DESK(a_clock_that_is_not_the_controllers_signs_nothing),
        AT_CTL_DESK(what_holds_for_too_long_gets_no_second_signature),
        AT_CTL_DESK(what_has_lapsed_gets_no_second_signature),
        AT_CTL_DESK(anothers_key_adds_no_signature),
        AT_CTL_DESK(a_key_of_the_api_bars_no_signature),
        AT_CTL_DESK(shows_it_before_it_asks_for_the_name),
        AT_CTL_DESK(shows_it_before_it_asks_for_the_justification),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
