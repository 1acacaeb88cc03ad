/*
 * test_sources: which connection is a witness's behind NAT, among those of strangers.
 */
#include "agent/io/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/text.h"
#include "tests/unit/ip_lines.h"

enum { ASKED_AT = 1000, SEEN_AT = 1200, JUDGED_AT = 1500, PORT = 40000 };

static const char host[] = "link lo 1 loopback\n"
                           "link eth0 2\n"
                           "address 203.0.113.10/24 dev eth0\n"
                           "route default via 203.0.113.1 dev eth0 metric 100\n";

static struct {
    struct snapshot snapshot;
    struct fib *fib;
    struct sources sources;
    struct source_seen seen; /* of the last judgement */
} bench;

static int start(void **state)
{
    static const struct nonce nonce;

    (void)state;
    memset(&bench, 0, sizeof(bench));
    snapshot_init(&bench.snapshot);
    ip_lines_add(&bench.snapshot, host);
    ip_lines_add_usual_rules(&bench.snapshot);
    bench.fib = fib_new(&bench.snapshot);
    sources_note_nonce(&bench.sources, &nonce, ASKED_AT);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fib_free(bench.fib);
    snapshot_done(&bench.snapshot);
    return 0;
}

static struct address address_of(const char *text)
{
    struct address address = {.family = FAMILY_NONE};

    assert_true(address_parse(text, &address));
    return address;
}

static void connect_from(const char *address, uint16_t port)
{
    struct ssh_peer peer = {
        .own = address_of("203.0.113.10"), .address = address_of(address), .port = port};

    peers_seen_note(&bench.sources.seen, &peer, SEEN_AT);
}

static void connect_strangers(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char address[ADDRESS_TEXT_SIZE];

        snprintf(address, sizeof(address), "198.51.100.%u", i + 1);
        connect_from(address, (uint16_t)(50000 + i));
    }
}

/* Of a witness that has its own address from a NAT, and says that it connected from PORT. */
static bool judge(const char *witness)
{
    static const struct ssh_target everywhere = {.audience = AUDIENCE_EVERYWHERE};
    struct statement statement = {.source = address_of("192.168.2.10"), .source_port = PORT};

    text_copy(statement.signer, sizeof(statement.signer), witness);
    return sources_judge(&bench.sources, bench.fib, &everywhere, &statement, JUDGED_AT,
                         &bench.seen);
}

static void expect_counts(const char *witness, const char *why)
{
    if (!judge(witness) || !bench.seen.counts || strstr(bench.seen.why, why) == NULL)
        fail_msg("expected that %s counts, %s; got '%s'", witness, why, bench.seen.why);
}

/* Nothing follows for the guard, and nobody's address becomes the witness's. */
static void expect_unknown(const char *witness, const char *why)
{
    if (judge(witness) || bench.seen.counts || strstr(bench.seen.why, why) == NULL)
        fail_msg("expected nothing of %s, '%s'; got '%s'", witness, why, bench.seen.why);
    for (uint32_t i = 0; i < SOURCES_OWNERS_MAX; i++)
        assert_string_not_equal(bench.sources.owners[i].witness, witness);
}

static void its_port_is_found_behind_many_strangers(void **state)
{
    (void)state;
    connect_strangers(40);
    connect_from("198.18.7.2", PORT);
    expect_counts("calypso", "seen from 198.18.7.2");
}

static void among_too_many_it_is_not_known(void **state)
{
    (void)state;
    connect_strangers(40);
    expect_unknown("calypso", "at most 16 that it could be; seen are 40, none with its port 40000");
    expect_unknown("circe", "seen are 40");
}

static void expect_nobody_owns(void)
{
    for (uint32_t i = 0; i < SOURCES_OWNERS_MAX; i++)
        assert_false(address_is_set(&bench.sources.owners[i].address));
}

/* Two witnesses behind NATs that change the port, and somebody who knocks: neither is judged by
 * another's address. It may be the same NAT, so one of them counts. */
static void among_a_few_each_has_to_count(void **state)
{
    (void)state;
    connect_strangers(1);
    connect_from("198.18.7.2", PORT + 1);
    connect_from("198.18.7.2", PORT + 2);
    expect_counts("calypso", "");
    expect_nobody_owns();
    assert_true(judge("circe"));
    assert_false(bench.seen.counts);
    assert_non_null(strstr(bench.seen.why, "which of several addresses is not known: calypso"));
    connect_from("203.0.113.77", PORT + 3); /* of the link itself: it does not count */
    assert_true(judge("calypso"));
    assert_false(bench.seen.counts);
}

static void too_many_from_one_address_are_not_told_apart(void **state)
{
    (void)state;
    for (uint16_t i = 1; i <= 17; i++)
        connect_from("198.18.7.2", PORT + i);
    expect_unknown("calypso", "seen are 17, none with its port 40000");
}

static void its_port_from_two_addresses_is_nobodys(void **state)
{
    (void)state;
    connect_from("198.51.100.1", PORT);
    connect_from("198.18.7.2", PORT);
    expect_counts("calypso", "");
    expect_nobody_owns();
}

static void one_address_is_its_own_whatever_the_port(void **state)
{
    (void)state;
    connect_from("198.18.7.2", PORT + 1);
    connect_from("198.18.7.2", PORT + 2);
    expect_counts("calypso", "seen from 198.18.7.2");
    assert_true(judge("circe")); /* behind the same NAT */
    assert_false(bench.seen.counts);
    assert_non_null(strstr(bench.seen.why, "calypso is seen from there too"));
}

static void nobody_is_no_connection(void **state)
{
    (void)state;
    expect_unknown("calypso", "no connection of it was seen");
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(its_port_is_found_behind_many_strangers),
        CASE(among_too_many_it_is_not_known),
        CASE(among_a_few_each_has_to_count),
        CASE(too_many_from_one_address_are_not_told_apart),
        CASE(its_port_from_two_addresses_is_nobodys),
        CASE(one_address_is_its_own_whatever_the_port),
        CASE(nobody_is_no_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
