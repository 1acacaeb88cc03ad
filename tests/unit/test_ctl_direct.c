/*
 * test_ctl_direct: emergency-rollback --direct with a stand-in `ssh` on PATH: what it is called
 * with, all at once, every kind of end, and that it waits for nobody. Fifos make the stand-ins wait
 * for each other, so nothing here goes by time.
 */
#include "controller/ctl/direct.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "common/io/sign.h"
#include "common/io/wire.h"
#include "controller/ctl/field.h"
#include "controller/ctl/ssh.h"

enum { LONG_S = 60 };

/* $8 is root@ADDRESS: see what is called below. */
static const char stand_in[] =
    "#!/bin/sh\n"
    "cd \"$STAND_IN\" && cat > \"stdin.$8\" && echo \"ssh $*\" > \"called.$8\"\n"
    "case $8 in\n"
    "root@203.0.113.10) read x < meet; echo 'Undoing.'; echo 'Done and verified.' ;;\n"
    "root@198.51.100.10) echo here > meet; echo 'Rest follows: the pref.'; exit 5 ;;\n"
    "root@100.64.0.3) echo 'ssh: connect: timed out' >&2; exit 255 ;;\n"
    "root@2001:db8::7) echo 'It differs: a route.'; exit 1 ;;\n"
    "root@192.0.2.3) printf '\\351chou\\351\\n'; exit 1 ;;\n"
    "root@192.0.2.1) read x < go; echo \"went on\" > gone ;;\n"
    "esac\n";

struct desk {
    char directory[64];
    struct ctl ctl;
};

static void path_of(const struct desk *desk, const char *name, char *to, size_t size)
{
    struct err err = ERR_INIT;

    assert_true(file_join(to, size, desk->directory, name, &err));
}

static void write_text(const struct desk *desk, const char *name, const char *text, mode_t mode)
{
    char path[128];
    struct err err = ERR_INIT;

    path_of(desk, name, path, sizeof(path));
    assert_true(file_write(path, text, strlen(text), mode, &err));
}

static char *read_text(const struct desk *desk, const char *name, size_t *ret_len)
{
    char path[128];
    struct err err = ERR_INIT;
    uint8_t *data;

    path_of(desk, name, path, sizeof(path));
    if (!file_read(path, 65536, &data, ret_len, &err))
        fail_msg("%s", err.text);
    return (char *)data;
}

static bool is_there(const struct desk *desk, const char *name)
{
    char path[128];

    path_of(desk, name, path, sizeof(path));
    return access(path, F_OK) == 0;
}

static int open_desk(void **state)
{
    static const char *const fifos[] = {"meet", "go", "gone"};
    struct desk *desk = mem_alloc(1, sizeof(*desk));
    char path[128];

    text_copy(desk->directory, sizeof(desk->directory), "/tmp/oceanid-direct-XXXXXX");
    assert_non_null(mkdtemp(desk->directory));
    text_copy(desk->ctl.pki, sizeof(desk->ctl.pki), desk->directory);
    text_copy(desk->ctl.controller, sizeof(desk->ctl.controller), "unix:/nonexistent");
    write_text(desk, "ssh", stand_in, 0755);
    for (size_t i = 0; i < sizeof(fifos) / sizeof(fifos[0]); i++) {
        path_of(desk, fifos[i], path, sizeof(path));
        assert_int_equal(mkfifo(path, 0600), 0);
    }
    snprintf(path, sizeof(path), "%s:/usr/bin:/bin", desk->directory);
    assert_int_equal(setenv("PATH", path, 1), 0);
    assert_int_equal(setenv("STAND_IN", desk->directory, 1), 0);
    *state = desk;
    return 0;
}

static int close_desk(void **state)
{
    struct desk *desk = *state;
    char command[128];

    snprintf(command, sizeof(command), "rm -r %s", desk->directory);
    assert_int_equal(system(command), 0);
    free(desk);
    return 0;
}

/* What it prints, and how it ends. The caller's to free. */
static char *run(struct desk *desk, const struct direct_request *request, enum outcome expected)
{
    int kept = dup(STDOUT_FILENO);
    int seen = memfd_create("stdout", MFD_CLOEXEC);
    char *text = mem_alloc(8192, 1);
    enum outcome outcome;

    fflush(stdout);
    assert_true(kept >= 0 && seen >= 0 && dup2(seen, STDOUT_FILENO) >= 0);
    outcome = direct_run(&desk->ctl, request);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    assert_true(pread(seen, text, 8191, 0) >= 0);
    close(kept);
    close(seen);
    assert_int_equal(outcome, expected);
    return text;
}

static void expect_file(const struct desk *desk, const char *name, const char *expected)
{
    size_t len;
    AUTO_FREE char *text = read_text(desk, name, &len);

    assert_string_equal(text, expected);
}

#define STANDS(change)                                                                             \
    "\"trial\": null, \"generations\": [{\"change\": \"" change "\", \"sequence\": 7, \"body\": "  \
    "\"abababababababababababababababababababababababababababababababab\", \"start\": "            \
    "\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\"}]"

static const char fleet[] =
    "[{\"name\": \"styx\", \"role\": \"node\", \"ssh\": \"203.0.113.10:22\", " STANDS(
        "other") "},"
                 "{\"name\": \"tethys\", \"role\": \"node\", \"ssh\": "
                 "\"198.51.100.10:2222\", " STANDS(
                     "drill") "},"
                              "{\"name\": \"calypso\", \"role\": \"node\", \"ssh\": "
                              "\"100.64.0.3:22\"},"
                              "{\"name\": \"six\", \"role\": \"node\", \"ssh\": "
                              "\"[2001:db8::7]:22\"},"
                              "{\"name\": \"mute\", \"role\": \"node\", \"ssh\": \"\"},"
                              "{\"name\": \"evil\", \"role\": \"node\", \"ssh\": "
                              "\"-oProxyCommand=x:22\"},"
                              "{\"name\": \"office\", \"role\": \"witness\", \"ssh\": \"\"}]";

/* styx' stand-in ends only when tethys' runs beside it. */
static void takes_all_back_at_once(void **state)
{
    struct desk *desk = *state;
    const struct direct_request request = {.wait_s = LONG_S, .confirmed = true};
    AUTO_FREE char *said = NULL;

    write_text(desk, "nodes.json", fleet, 0600);
    said = run(desk, &request, OUTCOME_INCOMPLETE);
    assert_string_equal(
        said, "styx                 back         Done and verified.\n"
              "tethys               rest follows Rest follows: the pref.\n"
              "calypso              not reached  ssh: connect: timed out\n"
              "six                  not done     It differs: a route.\n"
              "mute                 not started  no ssh address is declared; its console: "
              "oceanid-rollback\n"
              "evil                 not started  ssh '-oProxyCommand=x:22': accepted are "
              "ADDRESS:PORT and [ADDRESS]:PORT\n");
    expect_file(desk, "called.root@203.0.113.10",
                "ssh -T -o BatchMode=yes -o ConnectTimeout=10 -p 22 root@203.0.113.10 "
                "oceanid-rollback --yes\n");
    expect_file(desk, "called.root@198.51.100.10",
                "ssh -T -o BatchMode=yes -o ConnectTimeout=10 -p 2222 root@198.51.100.10 "
                "oceanid-rollback --yes\n");
    expect_file(desk, "stdin.root@203.0.113.10", "");
}

static void all_back_is_done(void **state)
{
    static const char lone[] = "[{\"name\": \"lone\", \"ssh\": \"192.0.2.2:22\"}]";
    struct desk *desk = *state;
    const struct direct_request request = {.wait_s = LONG_S, .confirmed = true};
    AUTO_FREE char *said = NULL;

    write_text(desk, "nodes.json", lone, 0600);
    said = run(desk, &request, OUTCOME_DONE);
    assert_string_equal(said, "lone                 back         \n");
}

/* A fleet has more hosts than one change: the last of them may be the one that has to go. */
static void leaves_none_of_a_large_fleet_out(void **state)
{
    struct desk *desk = *state;
    const struct direct_request request = {.wait_s = LONG_S, .confirmed = true};
    AUTO_FREE char *said = NULL;
    AUTO_FREE char *cache = mem_alloc(8192, 1);
    struct text text;

    text_init(&text, cache, 8192);
    text_add(&text, "[");
    for (unsigned i = 0; i < NODES_MAX; i++)
        text_add(&text, "{\"name\": \"n%u\", \"ssh\": \"\"}, ", i);
    text_add(&text, "{\"name\": \"last\", \"ssh\": \"192.0.2.2:22\"}]");
    write_text(desk, "nodes.json", cache, 0600);
    said = run(desk, &request, OUTCOME_INCOMPLETE);
    assert_non_null(strstr(said, "n63                  not started  no ssh address"));
    assert_non_null(strstr(said, "\nlast                 back "));
    assert_true(is_there(desk, "called.root@192.0.2.2"));
}

/* Whatever ssh says there, in whatever character set: the node is in the answer. */
static void its_json_has_each_node(void **state)
{
    static const char lone[] = "[{\"name\": \"lone\", \"ssh\": \"192.0.2.3:22\"}]";
    struct desk *desk = *state;
    const struct direct_request request = {.wait_s = LONG_S, .confirmed = true};
    AUTO_FREE char *said = NULL;
    AUTO_JSON json_t *answer = NULL;
    const json_t *node;

    write_text(desk, "nodes.json", lone, 0600);
    desk->ctl.json = true;
    said = run(desk, &request, OUTCOME_INCOMPLETE);
    answer = json_loads(said, 0, NULL);
    node = json_array_get(field_array(answer, "nodes"), 0);
    assert_string_equal(field_text(node, "name"), "lone");
    assert_string_equal(field_text(node, "state"), "not done");
    assert_string_equal(field_text(node, "sentence"), "?chou?");
}

/* The one that hangs is listed; it goes on when nobody looks any more. */
static void waits_for_nobody(void **state)
{
    static const char slow[] = "[{\"name\": \"slow\", \"ssh\": \"192.0.2.1:22\"}]";
    struct desk *desk = *state;
    const struct direct_request request = {.wait_s = 0, .confirmed = true};
    AUTO_FREE char *said = NULL;
    char path[128];
    char word[16] = "";
    int fd;

    write_text(desk, "nodes.json", slow, 0600);
    said = run(desk, &request, OUTCOME_INCOMPLETE);
    assert_non_null(strstr(said, "slow                 no answer    still under way"));
    path_of(desk, "go", path, sizeof(path));
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, "x\n", 2), 2);
    close(fd);
    path_of(desk, "gone", path, sizeof(path));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, word, sizeof(word) - 1), 8);
    close(fd);
    assert_string_equal(word, "went on\n");
}

static void nothing_is_done_unasked(void **state)
{
    struct desk *desk = *state;
    const struct direct_request request = {.wait_s = LONG_S};
    AUTO_FREE char *said = NULL;

    write_text(desk, "nodes.json", fleet, 0600);
    assert_non_null(freopen("/dev/null", "r", stdin));
    said = run(desk, &request, OUTCOME_DENIED);
    assert_string_equal(said, "");
    assert_false(is_there(desk, "called.root@203.0.113.10"));
}

static void refuse(struct desk *desk, const char *name)
{
    json_t *names = name != NULL ? json_pack("[s]", name) : json_array();
    const struct direct_request request = {.names = names, .wait_s = LONG_S, .confirmed = true};
    AUTO_FREE char *said = run(desk, &request, OUTCOME_USAGE);

    assert_string_equal(said, "");
    json_decref(names);
}

static void refuses_whom_it_does_not_know(void **state)
{
    struct desk *desk = *state;

    refuse(desk, NULL); /* nothing was remembered yet */
    write_text(desk, "nodes.json", fleet, 0600);
    refuse(desk, "nobody");
    refuse(desk, "office"); /* a witness has no guard */
    assert_false(is_there(desk, "called.root@203.0.113.10"));
}

/* Nobody has to be named: it goes where it stood. With --to the bytes on stdin are a signed order
 * for that generation of that node. */
static void delivers_an_order(void **state)
{
    struct desk *desk = *state;
    const struct direct_request request = {
        .to = "drill", .reason = "a drill", .wait_s = 0, .confirmed = true};
    struct sign_key *key = sign_key_generate();
    AUTO_FREE char *said = NULL;
    AUTO_FREE char *order_bytes = NULL;
    struct order order = {0};
    struct err err = ERR_INIT;
    char path[128];
    char word[16] = "";
    size_t len;
    int fd;

    path_of(desk, "approver.key", path, sizeof(path));
    assert_true(sign_key_save(key, path, &err));
    sign_key_free(key);
    write_text(desk, "nodes.json", fleet, 0600);
    said = run(desk, &request, OUTCOME_INCOMPLETE);
    path_of(desk, "meet", path, sizeof(path));
    fd = open(path, O_RDONLY | O_CLOEXEC); /* by then it was called */
    assert_true(read(fd, word, sizeof(word) - 1) > 0);
    close(fd);
    expect_file(desk, "called.root@198.51.100.10",
                "ssh -T -o BatchMode=yes -o ConnectTimeout=10 -p 2222 root@198.51.100.10 "
                "oceanid-rollback --order /dev/stdin\n");
    order_bytes = read_text(desk, "stdin.root@198.51.100.10", &len);
    assert_true(wire_decode_order((struct bytes){(uint8_t *)order_bytes, len}, &order, &err));
    assert_string_equal(order.nodes[0], "tethys");
    assert_int_equal(order.down_to.attempt.sequence, 7);
    assert_string_equal(order.reason, "a drill");
    assert_false(is_there(desk, "called.root@203.0.113.10"));
}

static void reads_addresses_only(void **state)
{
    static const char *const bad[] = {
        "",        "203.0.113.10", "203.0.113.10:0", "203.0.113.10:99999",
        "host:22", "-v:22",        "[::1:22",        "203.0.113.10:22 x"};
    struct ssh_target_host target;
    struct err err = ERR_INIT;

    (void)state;
    assert_true(ssh_parse("[2001:DB8::7]:22", &target, &err));
    assert_string_equal(target.host, "2001:db8::7");
    assert_string_equal(target.port, "22");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (ssh_parse(bad[i], &target, &err))
            fail_msg("'%s' was accepted", bad[i]);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_desk, close_desk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(takes_all_back_at_once),
        CASE(all_back_is_done),
        CASE(leaves_none_of_a_large_fleet_out),
        CASE(its_json_has_each_node),
        CASE(waits_for_nobody),
        CASE(nothing_is_done_unasked),
        CASE(refuses_whom_it_does_not_know),
        CASE(delivers_an_order),
        cmocka_unit_test(reads_addresses_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
