/*
 * test_trust_root: whose order is believed, and for which node (docs/protocol.md rule 17).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/guard/io/trust_root.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "common/io/wire.h"

enum { HEX_SIZE = 2 * KEY_SIZE + 1 };

/* Both in the trust root: one may give orders, the other may only approve. */
struct place {
    char path[64];
    struct sign_key *operator_key, *approver, *stranger;
};

static void hex_of(const struct sign_key *key, char *to)
{
    struct public_key public_key;

    sign_key_public(key, &public_key);
    bytes_format_hex(public_key.bytes, KEY_SIZE, to);
}

static void write_trust(struct place *place)
{
    char operator_hex[HEX_SIZE], approver_hex[HEX_SIZE], text[1024];
    struct err err = ERR_INIT;

    hex_of(place->operator_key, operator_hex);
    hex_of(place->approver, approver_hex);
    snprintf(text, sizeof(text),
             "threshold: 1\nsoak-min: 1s\nlease-max: 10m\nkeys:\n"
             "  - { name: anna, roles: [operator], key: \"%s\" }\n"
             "  - { name: ben, roles: [approver], key: \"%s\" }\n",
             operator_hex, approver_hex);
    assert_true(file_write(place->path, text, strlen(text), 0600, &err));
}

static int set_up(void **state)
{
    struct place *place = mem_alloc(1, sizeof(*place));
    int fd;

    text_copy(place->path, sizeof(place->path), "/tmp/oceanid-trust-XXXXXX");
    fd = mkstemp(place->path);
    assert_true(fd >= 0);
    close(fd);
    place->operator_key = sign_key_generate();
    place->approver = sign_key_generate();
    place->stranger = sign_key_generate();
    write_trust(place);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    unlink(place->path);
    sign_key_free(place->operator_key);
    sign_key_free(place->approver);
    sign_key_free(place->stranger);
    free(place);
    return 0;
}

static struct wire_bytes order_by(const struct sign_key *key)
{
    struct order *order = mem_alloc(1, sizeof(*order));
    struct wire_bytes bytes;

    order->nodes_count = 2;
    text_copy(order->nodes[0], NAME_SIZE, "calypso");
    text_copy(order->nodes[1], NAME_SIZE, "styx");
    order->down_to.attempt.sequence = 7;
    order->down_to.attempt.body.bytes[0] = 1;
    order->down_to.start.bytes[0] = 2;
    text_copy(order->reason, sizeof(order->reason), "a drill");
    bytes = wire_encode_order(order, key);
    free(order);
    return bytes;
}

/* "" when it is believed, else why it is not. */
static const char *ask(const char *path, const struct wire_bytes *bytes, const char *node)
{
    static struct order order;
    static struct err err;

    err = (struct err)ERR_INIT;
    if (!trust_root_check_order(path, wire_lend(bytes), node, &order, &err)) {
        assert_true(err.text[0] != '\0');
        return err.text;
    }
    assert_int_equal(order.down_to.attempt.sequence, 7);
    assert_string_equal(order.reason, "a drill");
    return "";
}

static void assert_says(const char *said, const char *part)
{
    if (strstr(said, part) == NULL)
        fail_msg("expected '%s' in '%s'", part, said);
}

static void an_operators_order_is_believed(void **state)
{
    struct place *place = *state;
    AUTO_WIRE struct wire_bytes bytes = order_by(place->operator_key);

    assert_string_equal(ask(place->path, &bytes, "styx"), "");
    assert_string_equal(ask(place->path, &bytes, "calypso"), "");
}

static void nobody_elses_is(void **state)
{
    struct place *place = *state;
    AUTO_WIRE struct wire_bytes approver = order_by(place->approver);
    AUTO_WIRE struct wire_bytes stranger = order_by(place->stranger);

    assert_says(ask(place->path, &approver, "styx"), "does not have as operator");
    assert_says(ask(place->path, &stranger, "styx"), "does not have as operator");
}

static void it_is_for_the_nodes_that_it_names(void **state)
{
    struct place *place = *state;
    AUTO_WIRE struct wire_bytes bytes = order_by(place->operator_key);

    assert_says(ask(place->path, &bytes, "lethe"), "does not name this node, lethe");
}

/* What it names has to stand here; the caller looks. Whose it is counts all the same. */
static void it_is_believed_where_the_nodes_name_is_not_known(void **state)
{
    struct place *place = *state;
    AUTO_WIRE struct wire_bytes bytes = order_by(place->operator_key);
    AUTO_WIRE struct wire_bytes stranger = order_by(place->stranger);

    assert_string_equal(ask(place->path, &bytes, NULL), "");
    assert_says(ask(place->path, &stranger, NULL), "does not have as operator");
}

static void an_altered_one_is_not_believed(void **state)
{
    struct place *place = *state;
    AUTO_WIRE struct wire_bytes bytes = order_by(place->operator_key);
    unsigned refused = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        bytes.data[i] ^= 0x10;
        refused += ask(place->path, &bytes, "styx")[0] != '\0';
        bytes.data[i] ^= 0x10;
    }
    assert_int_equal(refused, bytes.len);
}

/* A signature of another kind over the same bytes. */
static void other_domains_are_not_believed(void **state)
{
    struct place *place = *state;
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};

    text_copy(receipt->node, sizeof(receipt->node), "styx");
    bytes = wire_encode_receipt(receipt, place->operator_key);
    assert_true(ask(place->path, &bytes, "styx")[0] != '\0');
}

static void without_a_trust_root_none_is(void **state)
{
    struct place *place = *state;
    AUTO_WIRE struct wire_bytes bytes = order_by(place->operator_key);

    unlink(place->path);
    assert_says(ask(place->path, &bytes, "styx"), "no trust root is installed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_operators_order_is_believed),
        TEST(nobody_elses_is),
        TEST(it_is_for_the_nodes_that_it_names),
        TEST(it_is_believed_where_the_nodes_name_is_not_known),
        TEST(an_altered_one_is_not_believed),
        TEST(other_domains_are_not_believed),
        TEST(without_a_trust_root_none_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
