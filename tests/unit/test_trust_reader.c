/*
 * trust_reader: how many requests wait for a disk, and for whom there is always room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/io/trust_reader.h"

enum { WAITING_MAX = 8, PREPARES_MAX = 6 };

static bool give(struct trust_reader *reader, enum guard_request_kind kind, struct err *err)
{
    struct guard_request request = {.kind = kind};

    *err = (struct err)ERR_INIT;
    return trust_reader_give(reader, 0, &request, err);
}

/* Nothing is taken back meanwhile, as while its disk hangs. */
static void test_orders_have_room_of_their_own(void **state)
{
    static struct trust_reader *reader;
    struct err err;

    (void)state;
    reader = trust_reader_start("/nowhere/trust.yaml", NULL);
    for (unsigned i = 0; i < PREPARES_MAX; i++)
        assert_true(give(reader, GUARD_PREPARE, &err));
    assert_false(give(reader, GUARD_PREPARE, &err));
    assert_string_equal(err.text, "6 requests wait for the trust root at /nowhere/trust.yaml to be "
                                  "read, accepted are at most 6: send it again");
    for (unsigned i = PREPARES_MAX; i < WAITING_MAX; i++)
        assert_true(give(reader, GUARD_ORDER, &err));
    assert_false(give(reader, GUARD_ORDER, &err));
    for (unsigned i = 0; i < WAITING_MAX;) {
        struct trust_wait *wait = trust_reader_take(reader);

        i += wait != NULL;
        trust_wait_free(wait);
    }
    assert_true(give(reader, GUARD_PREPARE, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders_have_room_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
