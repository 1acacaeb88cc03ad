/*
 * test_node: how this node is called where its key cannot be read.
 */
#include "agent/guard/io/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/name.h"
#include "common/core/text.h"

static struct ledger *ledger;
static char name[NAME_SIZE];

static int set_up(void **state)
{
    (void)state;
    ledger = mem_alloc(1, sizeof(*ledger));
    ledger_init(ledger);
    name[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(ledger);
    return 0;
}

static void add_receipt(enum receipt_kind kind, const char *node)
{
    struct receipt *receipt = &ledger->ends[ledger->ends_count++].receipt;

    receipt->kind = kind;
    text_copy(receipt->node, sizeof(receipt->node), node);
}

/* Nothing stands and nothing is open: no body is looked for. */
static bool find(const char *joined_as)
{
    return node_find_name(joined_as, NULL, ledger, NULL, name);
}

static void the_newest_receipt_of_a_change_says_it(void **state)
{
    (void)state;
    add_receipt(RECEIPT_CONFIRMED, "lethe");
    add_receipt(RECEIPT_POPPED, "styx");
    assert_true(find(""));
    assert_string_equal(name, "styx");
}

/* They are written for whoever asks, also by a node that has not joined yet. */
static void tombstones_and_refusals_say_nothing(void **state)
{
    (void)state;
    add_receipt(RECEIPT_REVERTED, "styx");
    add_receipt(RECEIPT_TOMBSTONE, "lethe");
    add_receipt(RECEIPT_REFUSED, "lethe");
    assert_true(find(""));
    assert_string_equal(name, "styx");
}

static void as_it_joined_counts_more(void **state)
{
    (void)state;
    add_receipt(RECEIPT_CONFIRMED, "styx");
    assert_true(find("lethe"));
    assert_string_equal(name, "lethe");
}

static void what_the_host_calls_itself_is_not_known(void **state)
{
    char host[HOST_SIZE] = "";

    (void)state;
    gethostname(host, sizeof(host) - 1);
    host[strcspn(host, ".")] = '\0';
    assert_false(find(""));
    assert_string_equal(name, name_valid(host) ? host : "unnamed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_newest_receipt_of_a_change_says_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tombstones_and_refusals_say_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_it_joined_counts_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_host_calls_itself_is_not_known, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
