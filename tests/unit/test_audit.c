/*
 * test_audit: a row cannot be altered, taken out or put in between unseen.
 */
#include "controller/core/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Not a good hash, but one that every byte changes. */
static void mix(const void *data, size_t len, struct hash *ret_hash)
{
    const uint8_t *bytes = data;
    uint64_t sum = 14695981039346656037u;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * 1099511628211u;
    for (size_t i = 0; i < HASH_SIZE; i++)
        ret_hash->bytes[i] = (uint8_t)(sum >> (8 * (i % 8)));
}

static struct audit_row rows[3];

static int make_three(void **state)
{
    const struct audit_entry entries[] = {{10, "anna", "rollout", "m7", "started"},
                                          {11, "controller", "rollout", "m7", "first node"},
                                          {12, "anna", "rollout", "m7", "next"}};

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        audit_append(i > 0 ? &rows[i - 1] : NULL, &entries[i], mix, &rows[i]);
    return 0;
}

static void refuse(const struct audit_row *last, const struct audit_row *row, const char *part)
{
    struct err err = ERR_INIT;

    assert_false(audit_check(last, row, mix, &err));
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void accepts_the_chain(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_true(audit_check(NULL, &rows[0], mix, &err));
    assert_true(audit_check(&rows[0], &rows[1], mix, &err));
    assert_true(audit_check(&rows[1], &rows[2], mix, &err));
    assert_int_equal(rows[2].index, 3);
    assert_true(hash_equal(&rows[2].previous, &rows[1].hash));
}

static void sees_what_was_altered(void **state)
{
    (void)state;
    rows[1].text[0] = 'F';
    refuse(&rows[0], &rows[1], "audit row 2 was altered");
    make_three(state);
    rows[1].at++;
    refuse(&rows[0], &rows[1], "audit row 2 was altered");
    make_three(state);
    /* A letter that moves from one field to the next is seen too. */
    memcpy(rows[1].who, "controlle", 10);
    memcpy(rows[1].what, "rrollout", 9);
    refuse(&rows[0], &rows[1], "audit row 2 was altered");
}

static void sees_what_was_taken_out_or_put_in(void **state)
{
    const struct audit_entry forged = {11, "controller", "rollout", "m7", "all nodes"};
    struct audit_row row;

    (void)state;
    refuse(&rows[0], &rows[2], "audit row 3 stands where 2 was expected");
    refuse(NULL, &rows[1], "audit row 2 stands where 1 was expected");
    audit_append(&rows[0], &forged, mix, &row);
    refuse(&row, &rows[2], "audit row 3 does not follow");
}

static void cuts_long_texts(void **state)
{
    char text[AUDIT_TEXT_SIZE + 100];
    const struct audit_entry entry = {1, "anna", "rollout", "m7", text};
    struct err err = ERR_INIT;
    struct audit_row row;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    audit_append(NULL, &entry, mix, &row);
    assert_int_equal(strlen(row.text), AUDIT_TEXT_SIZE - 1);
    assert_true(audit_check(NULL, &row, mix, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(accepts_the_chain, make_three),
        cmocka_unit_test_setup(sees_what_was_altered, make_three),
        cmocka_unit_test_setup(sees_what_was_taken_out_or_put_in, make_three),
        cmocka_unit_test(cuts_long_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
