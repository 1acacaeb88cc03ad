/*
 * test_ctl_manifest: a file of the wrong kind is named, with what takes it.
 */
#include "controller/ctl/manifest.h"

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
#include "common/io/file.h"
#include "controller/ctl/plan.h"
#include "tests/unit/lead_case.h"

static void write_beside(const char *name, struct bytes bytes, char path[PATH_SIZE])
{
    struct err err = ERR_INIT;

    assert_true(file_join(path, PATH_SIZE, place.directory, name, &err));
    assert_true(file_write(path, bytes.data, bytes.len, 0600, &err));
}

/* What it says on stderr; it is expected to refuse its input. */
static void refuse(command_fn command, const char *path, char said[1024])
{
    AUTO_FREE struct arguments *arguments = mem_alloc(1, sizeof(*arguments));
    struct ctl ctl = {.pki = "/nonexistent", .controller = "unix:/nonexistent"};
    int kept = dup(STDERR_FILENO);
    int seen = memfd_create("said", MFD_CLOEXEC);
    enum outcome outcome;

    arguments->words_count = 1;
    arguments->words[0] = path;
    assert_true(seen >= 0 && dup2(seen, STDERR_FILENO) >= 0);
    outcome = command(&ctl, arguments);
    dup2(kept, STDERR_FILENO);
    memset(said, 0, 1024);
    assert_true(pread(seen, said, 1023, 0) >= 0);
    close(kept);
    close(seen);
    ctl_done(&ctl);
    assert_int_equal(outcome, OUTCOME_USAGE);
}

static void what_cannot_be_signed_is_named(void **state)
{
    static const char *const texts[] = {"", "change: forwarding\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char path[PATH_SIZE], said[1024], expected[1024];

        write_beside("change.yaml", (struct bytes){(const uint8_t *)texts[i], strlen(texts[i])},
                     path);
        refuse(manifest_sign_run, path, said);
        snprintf(expected, sizeof(expected), "oceanidctl: %s: it is neither a manifest", path);
        assert_ptr_equal(strstr(said, expected), said);
    }
}

static void a_manifest_is_no_change_to_plan(void **state)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct manifest manifest;
    char path[PATH_SIZE], said[1024], expected[1024];

    (void)state;
    place_make_manifest(&place, "forwarding", &manifest);
    bytes = place_sign_manifest(&place, &manifest, 1);
    manifest_done(&manifest);
    write_beside("change.signed", wire_lend(&bytes), path);
    refuse(plan_run, path, said);
    snprintf(expected, sizeof(expected),
             "oceanidctl: %s: expected a change (YAML), found a manifest: `oceanidctl preflight` "
             "asks whether that may start, `oceanidctl manifest show` prints it\n",
             path);
    assert_string_equal(said, expected);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, lead_case_open, lead_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(what_cannot_be_signed_is_named),
        WITH_PLACE(a_manifest_is_no_change_to_plan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
