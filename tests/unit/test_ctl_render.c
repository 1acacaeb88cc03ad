/*
 * test_ctl_render: what a line that people read must not leave out: whether a failing check counts.
 */
#include "controller/ctl/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "controller/ctl/field.h"

/* What is printed on stdout between the two. */
struct listening {
    int kept, seen;
};

static struct listening listen_to_stdout(void)
{
    struct listening listening = {dup(STDOUT_FILENO), memfd_create("said", MFD_CLOEXEC)};

    fflush(stdout);
    assert_true(listening.seen >= 0 && dup2(listening.seen, STDOUT_FILENO) >= 0);
    return listening;
}

static void hear(const struct listening *listening, char *to, size_t size)
{
    fflush(stdout);
    dup2(listening->kept, STDOUT_FILENO);
    memset(to, 0, size);
    assert_true(pread(listening->seen, to, size - 1, 0) >= 0);
    close(listening->kept);
    close(listening->seen);
}

static void expect_verdict(const char *value, const char *severity, const char *line)
{
    AUTO_JSON json_t *verdict =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "check", "database", "value", value, "severity",
                  severity, "observed", "refused", "expected", "an answer");
    struct listening listening = listen_to_stdout();
    char said[1024];

    render_verdict(verdict, "");
    hear(&listening, said, sizeof(said));
    assert_string_equal(said, line);
}

static void a_fail_that_does_not_count_says_so(void **state)
{
    (void)state;
    expect_verdict("fail", "critical",
                   "  fail    database           refused (expected an answer)\n");
    expect_verdict("fail", "warning",
                   "  fail    database           (warning) refused (expected an answer)\n");
    expect_verdict("unknown", "warning",
                   "  unknown database           (warning) refused (expected an answer)\n");
    expect_verdict("pass", "warning", "  pass    database           refused\n");
}

/* There it counts as what it is asked for. */
static void in_a_gates_evidence_every_word_counts(void **state)
{
    AUTO_JSON json_t *gates =
        json_pack("[{s:s, s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s, s:s, s:s, s:s}]}]", "gate",
                  "needed", "question", "?", "value", "fail", "observed", "it passes", "expected",
                  "", "waived", "", "evidence", "node", "a1", "check", "database", "value", "fail",
                  "severity", "warning", "observed", "refused");
    struct listening listening = listen_to_stdout();
    char said[1024];

    (void)state;
    assert_non_null(gates);
    render_gates(gates);
    hear(&listening, said, sizeof(said));
    assert_non_null(strstr(said, "database           refused\n"));
}

static json_t *line_of(const char *node, const char *check, const char *value, const char *observed)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "node", node, "check", check, "value", value,
                     "observed", observed, "expected", "it");
}

static void expect_gate(json_t *evidence, const char *instead, const char *text)
{
    AUTO_JSON json_t *gates =
        json_pack("[{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}]", "gate", "ssh-path", "question", "?",
                  "value", "pass", "observed", instead[0] != '\0' ? instead : "yes", "expected",
                  "?", "waived", "", "instead", instead, "evidence", evidence);
    struct listening listening = listen_to_stdout();
    char said[4096];

    assert_non_null(gates);
    render_gates(gates);
    hear(&listening, said, sizeof(said));
    assert_string_equal(said, text);
}

/* What a yes rests on: of the first node each line, of the others that they say the same. */
static void a_pass_shows_its_evidence(void **state)
{
    json_t *evidence = json_array();

    (void)state;
    json_array_append_new(evidence, line_of("a1", "witnesses", "pass", "office: pass, b1: pass"));
    json_array_append_new(evidence, line_of("a1", "console", "pass", "physical"));
    expect_gate(
        json_deep_copy(evidence), "",
        "pass    ssh-path      ?\n"
        "                       pass    a1             witnesses          office: pass, b1: "
        "pass\n"
        "                       pass    a1             console            physical\n");
    json_array_append_new(evidence, line_of("b1", "witnesses", "pass", "office: pass, a1: pass"));
    json_array_append_new(evidence, line_of("b1", "console", "pass", "physical"));
    json_array_append_new(evidence, line_of("", "bars", "pass", "none"));
    json_array_append_new(evidence, line_of("c1", "console", "pass", "physical"));
    expect_gate(
        json_deep_copy(evidence), "",
        "pass    ssh-path      ?\n"
        "                       pass    a1             witnesses          office: pass, b1: "
        "pass\n"
        "                       pass    a1             console            physical\n"
        "                       pass    bars               none\n"
        "                       pass    b1, c1         3 lines more, each a pass: `-o json` "
        "has them\n");
    expect_gate(
        evidence, "none is declared",
        "n/a     ssh-path      ?\n"
        "                      none is declared\n"
        "                       pass    a1             witnesses          office: pass, b1: "
        "pass\n"
        "                       pass    a1             console            physical\n"
        "                       pass    bars               none\n"
        "                       pass    b1, c1         3 lines more, each a pass: `-o json` "
        "has them\n");
}

/* However many checks a node has: the first ones. */
static void a_pass_of_much_evidence_stays_short(void **state)
{
    json_t *evidence = json_array();

    (void)state;
    for (int i = 0; i < 8; i++)
        json_array_append_new(evidence, line_of("a1", "database", "pass", "connects"));
    expect_gate(
        evidence, "",
        "pass    ssh-path      ?\n"
        "                       pass    a1             database           connects\n"
        "                       pass    a1             database           connects\n"
        "                       pass    a1             database           connects\n"
        "                       pass    a1             database           connects\n"
        "                       pass    a1             database           connects\n"
        "                       pass    a1             database           connects\n"
        "                       pass    a1             2 lines more, each a pass: `-o json` "
        "has them\n");
}

/* A person reads it at another place than where it was printed, and --open is in UTC. */
static void a_time_says_of_which_zone_it_is(void **state)
{
    char text[32];

    (void)state;
    assert_int_equal(setenv("TZ", "America/New_York", 1), 0);
    tzset();
    assert_string_equal(render_time(1795687542, text, sizeof(text)), "2026-11-26 05:05:42 EST");
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    tzset();
    assert_string_equal(render_time(1795687542, text, sizeof(text)), "2026-11-26 10:05:42 UTC");
    assert_string_equal(render_time(0, text, sizeof(text)), "-");
}

/* Whoever made the manifest gave the flow its name; who signs it reads it line by line. */
static void a_flows_name_forges_no_line(void **state)
{
    AUTO_FREE struct manifest_plan *plan = mem_alloc(1, sizeof(*plan));
    AUTO_FREE struct manifest *manifest = mem_alloc(1, sizeof(*manifest));
    struct stage stage = {.nodes_count = 1, .nodes = {"a1"}};
    const struct hash body = {{0}};
    struct listening listening;
    char said[4096];

    (void)state;
    text_copy(plan->node, sizeof(plan->node), "a1");
    text_copy(plan->flows[0].name, sizeof(plan->flows[0].name), "ssh\n  keep     all");
    plan->flows_count = 1;
    manifest->stages = &stage;
    manifest->plans = plan;
    manifest->stages_count = manifest->plans_count = 1;
    listening = listen_to_stdout();
    render_manifest(manifest, &body, NULL);
    hear(&listening, said, sizeof(said));
    assert_non_null(strstr(said, "\n  keep     ssh   keep     all"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fail_that_does_not_count_says_so),
        cmocka_unit_test(in_a_gates_evidence_every_word_counts),
        cmocka_unit_test(a_pass_shows_its_evidence),
        cmocka_unit_test(a_pass_of_much_evidence_stays_short),
        cmocka_unit_test(a_time_says_of_which_zone_it_is),
        cmocka_unit_test(a_flows_name_forges_no_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
