/*
 * test_ctl_explain: what explain says besides the decision: of when it is, and that there is no
 * such device; and what it takes for a mark.
 */
#include "controller/ctl/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/ctl/api.h"
#include "controller/ctl/inputs.h"
#include "tests/unit/ip_lines.h"

/* ---- the stand-in ---------------------------------------------------------------------------- */

static struct {
    bool connected, silent;
} node;

bool __wrap_inputs_fetch_snapshot(struct ctl *ctl, const char *name, struct snapshot *ret_snapshot,
                                  struct err *err);
bool __wrap_api_get(struct api *api, const char *path, json_t **ret_document, struct err *err);

bool __wrap_inputs_fetch_snapshot(struct ctl *ctl, const char *name, struct snapshot *ret_snapshot,
                                  struct err *err)
{
    (void)ctl_api(ctl, err);
    assert_string_equal(name, "calypso");
    snapshot_init(ret_snapshot);
    ip_lines_add(ret_snapshot, "link lo 1 loopback\n"
                               "link eth0 2\n"
                               "link cni0 3\n"
                               "address 203.0.113.10/24 dev eth0\n"
                               "address 10.0.0.1/24 dev cni0\n"
                               "route default via 203.0.113.1 dev eth0\n"
                               "rule 100 fwmark 0x80000/0xff0000 lookup 52\n"
                               "route default dev cni0 table 52\n");
    ip_lines_add_usual_rules(ret_snapshot);
    return true;
}

bool __wrap_api_get(struct api *api, const char *path, json_t **ret_document, struct err *err)
{
    (void)api;
    (void)err;
    assert_string_equal(path, "/v1/nodes/calypso");
    *ret_document = json_pack("{s:b, s:b, s:I}", "connected", node.connected, "silent", node.silent,
                              "last_seen", (json_int_t)clock_unix() - 46);
    return true;
}

/* ---- running --------------------------------------------------------------------------------- */

/* What it prints. */
static void run(const char *option, const char *value, enum outcome expected, char out[2048])
{
    AUTO_FREE struct arguments *arguments = mem_alloc(1, sizeof(*arguments));
    struct ctl ctl = {.controller = "unix:/nonexistent"};
    int kept = dup(STDOUT_FILENO), kept_err = dup(STDERR_FILENO);
    int seen = memfd_create("said", MFD_CLOEXEC);
    enum outcome outcome;

    memset(out, 0, 2048);
    arguments->words_count = 2;
    arguments->words[0] = "calypso";
    arguments->words[1] = "1.1.1.1";
    if (option != NULL)
        arguments->options[arguments->options_count++] = (struct argument_option){option, value};
    fflush(stdout);
    assert_true(seen >= 0 && dup2(seen, STDOUT_FILENO) >= 0 && dup2(seen, STDERR_FILENO) >= 0);
    outcome = explain_run(&ctl, arguments);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    dup2(kept_err, STDERR_FILENO);
    assert_true(pread(seen, out, 2047, 0) >= 0);
    close(kept);
    close(kept_err);
    close(seen);
    ctl_done(&ctl);
    assert_int_equal(outcome, expected);
}

static const char decision[] = "forward by eth0 via 203.0.113.1 from 203.0.113.10\n";

static void of_a_node_that_answers_is_of_now(void **state)
{
    char out[2048];

    (void)state;
    node.connected = true;
    node.silent = false;
    run(NULL, NULL, OUTCOME_DONE, out);
    assert_ptr_equal(strstr(out, decision), out);
    assert_null(strstr(out, "last seen"));
}

static void of_a_node_that_is_gone_says_of_when_it_is(void **state)
{
    char out[2048];

    (void)state;
    node.connected = false;
    run(NULL, NULL, OUTCOME_DONE, out);
    assert_ptr_equal(strstr(out, decision), out);
    assert_non_null(strstr(out, "\ncalypso is not connected, last seen 46 s ago: this was so then "
                                "or before.\n"));
    node.connected = node.silent = true;
    run(NULL, NULL, OUTCOME_DONE, out);
    assert_non_null(strstr(out, "\ncalypso does not answer, last seen 46 s ago: "));
}

/* Every rule with an iif would be left out without a word. */
static void a_device_that_is_not_there_is_refused(void **state)
{
    char out[2048];

    (void)state;
    node.connected = true;
    node.silent = false;
    run("--iif=", "nosuch", OUTCOME_USAGE, out);
    assert_string_equal(out, "oceanidctl: --iif 'nosuch': accepted are the devices of calypso: lo, "
                             "eth0, cni0\n");
    run("--iif=", "cni0", OUTCOME_DONE, out);
    assert_ptr_equal(strstr(out, decision), out);
}

/* As a person copies it from `ip rule`; what is no mark is named. */
static void a_mark_is_taken_as_ip_prints_it(void **state)
{
    static const char by_mark[] = "forward by cni0 from 10.0.0.1\n";
    static const char *const marks[] = {"0x80000", "0x80000/0xff0000", "524288", "524288/16711680"};
    static const struct {
        const char *mark, *text;
    } refused[] = {
        {"0x", "--mark '0x': accepted are 0 to 0xffffffff, alone or in front of a mask: "
               "0x80000/0xff0000\n"},
        {"0x100000000", "--mark '0x100000000': accepted are 0 to"},
        {"4294967296", "--mark '4294967296': accepted are 0 to"},
        {"0x1/", "--mark '0x1/': accepted are 0 to"},
        {"/0xff", "--mark '/0xff': accepted are 0 to"},
        {"-1", "--mark '-1': accepted are 0 to"},
        {"7 ", "--mark '7 ': accepted are 0 to"},
        {"0x3/0x1", "--mark '0x3/0x1': accepted are bits that the mask has, too\n"},
    };
    char out[2048];

    (void)state;
    node.connected = true;
    node.silent = false;
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        run("--mark=", marks[i], OUTCOME_DONE, out);
        assert_ptr_equal(strstr(out, by_mark), out);
    }
    run("--mark=", "0xffffffff", OUTCOME_DONE, out);
    assert_ptr_equal(strstr(out, decision), out);
    run("--mark=", "0x80000/0x80000", OUTCOME_DONE, out);
    assert_ptr_equal(strstr(out, by_mark), out);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        run("--mark=", refused[i].mark, OUTCOME_USAGE, out);
        assert_non_null(strstr(out, refused[i].text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_node_that_answers_is_of_now),
        cmocka_unit_test(of_a_node_that_is_gone_says_of_when_it_is),
        cmocka_unit_test(a_device_that_is_not_there_is_refused),
        cmocka_unit_test(a_mark_is_taken_as_ip_prints_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
