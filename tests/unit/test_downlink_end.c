/*
 * test_downlink_end: libuv looks at its handles until it has let go of them, and it is built
 * without the sanitizers, which would tell of memory that is gone by then. free() is the test's: it
 * asks libuv.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/downlink_case.h"

static const struct downlink *watched; /* NULL: it was freed */
static unsigned still_open;            /* of its handles, then */

static void count_watched(uv_handle_t *handle, void *context)
{
    (void)context;
    still_open += handle == (const uv_handle_t *)&watched->timer ||
                  handle == (const uv_handle_t *)&watched->idle;
}

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    if (memory != NULL && memory == watched) {
        uv_walk(&place.loop, count_watched, NULL);
        watched = NULL;
    }
    __real_free(memory);
}

static void is_freed_behind_its_last_handle(void **state)
{
    unsigned before;

    (void)state;
    place_open(&place);
    watched = place.downlink;
    uv_walk(&place.loop, count_watched, NULL);
    before = still_open;
    still_open = 0;
    place_close(&place);
    assert_int_equal(before, 2);
    assert_null(watched);
    assert_int_equal(still_open, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_freed_behind_its_last_handle),
    };

    return cmocka_run_group_tests_name("downlink_end", tests, NULL, NULL);
}
