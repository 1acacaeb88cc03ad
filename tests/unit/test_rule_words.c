/*
 * test_rule_words: a rule of a change file in the words of ip(8): compiled, sent, put into the
 * kernel, read back as the same, said in the difference, taken back by undo.txt's line; and what
 * the real `ip rule show` says of it is the same rule in a change file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/change/manifest.h"
#include "common/core/mem.h"
#include "common/io/config.h"
#include "common/io/wire.h"
#include "common/net/render.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

enum { PAGE_SIZE = 4096, PRIORITY = 5300 };

struct words {
    const char *words; /* of the change file, beside priority and family */
    const char *line;  /* how it reads here, behind the priority */
};

/* ---- a change file ----------------------------------------------------------------------------
 */

static struct operation operation_of(const char *family, const char *words)
{
    static struct change change;
    struct bytes bytes;
    struct err err = ERR_INIT;
    char text[1024];

    snprintf(text, sizeof(text),
             "change: x\nreason: r\nreference: f\ntargets: [a]\noperations:\n"
             "  - rule: { priority: %d, family: %s, %s }\n",
             PRIORITY, family, words);
    bytes = (struct bytes){(const uint8_t *)text, strlen(text)};
    if (!config_parse_change("change.yaml", bytes, &change, &err))
        fail_msg("%s", err.text);
    return change.steps[0].operation;
}

/* As the guard gets it. */
static struct operation sent(const struct operation *operation)
{
    struct manifest manifest = {.plans_count = 1, .change = "x"}, got = {0};
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct operation result;
    struct err err = ERR_INIT;

    manifest.plans = mem_alloc(1, sizeof(*manifest.plans));
    text_copy(manifest.plans[0].node, NAME_SIZE, "a");
    manifest.plans[0].operations = mem_alloc(1, sizeof(*operation));
    manifest.plans[0].operations[0] = *operation;
    manifest.plans[0].operations_count = 1;
    bytes = wire_encode_manifest(&manifest);
    if (!wire_decode_manifest(wire_lend(&bytes), &got, &err))
        fail_msg("%s", err.text);
    result = got.plans[0].operations[0];
    manifest_done(&manifest);
    manifest_done(&got);
    return result;
}

/* ---- what ip(8) says --------------------------------------------------------------------------
 */

static void ask_ip(const char *family, char *said, size_t size)
{
    char command[64];
    FILE *ip;

    snprintf(command, sizeof(command), "ip %s rule show pref %d",
             strcmp(family, "ipv6") == 0 ? "-6" : "-4", PRIORITY);
    ip = popen(command, "r");
    assert_non_null(ip);
    assert_non_null(fgets(said, (int)size, ip));
    assert_int_equal(pclose(ip), 0);
}

static bool is_among(const char *word, const char *const words[])
{
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(word, words[i]) == 0)
            return true;
    }
    return false;
}

/* "5300:\tnot from all tos 0x10 lookup main proto 153" as a change has it: the same words. */
static void as_change(char *said, struct text *out)
{
    static const char *const alone[] = {"not", "nop", "blackhole", "unreachable", "prohibit", NULL};
    char *rest = strchr(said, ':') + 1;
    char *word;

    while ((word = strsep(&rest, " \t\n")) != NULL) {
        const char *comma = out->len > 0 ? ", " : "";

        if (*word == '\0')
            continue;
        if (strcmp(word, "not") == 0)
            text_add(out, "%snot: true", comma);
        else if (is_among(word, alone))
            text_add(out, "%saction: %s", comma, word);
        else if (strcmp(word, "proto") == 0)
            strsep(&rest, " \t\n");
        else
            text_add(out, "%s%s: \"%s\"", comma, word, strsep(&rest, " \t\n"));
    }
}

/* ---- there and back ---------------------------------------------------------------------------
 */

static void undo_by_line(const struct undo_item *item)
{
    char line[512] = "", command[1024];
    struct text text = TEXT_IN(line);

    undo_render_batch(item, &text);
    if (strncmp(line, "# ip -6 ", 8) == 0)
        snprintf(command, sizeof(command), "ip -6 -batch - <<'END'\n%s\nEND\n", line + 8);
    else
        snprintf(command, sizeof(command), "ip -batch - <<'END'\n%s\nEND\n", line);
    netns_run(command);
    apply_case_check("");
}

static void check(const char *family, const struct words *row)
{
    struct operation operation = operation_of(family, row->words);
    struct operation got = sent(&operation), again;
    char difference[512], said[512], words[512] = "";
    struct text text = TEXT_IN(words);
    struct undo_item item;

    snprintf(difference, sizeof(difference), "+ rule %d: %s%s\n", PRIORITY, row->line,
             strcmp(family, "ipv6") == 0 ? " (IPv6)" : "");
    assert_true(render_same_rule(&operation.rule.rule, &got.rule.rule));
    apply_case_there_and_back(&got, difference);
    apply_case_run(&got, &item);
    ask_ip(family, said, sizeof(said));
    as_change(said, &text);
    again = operation_of(family, words);
    if (!render_same_rule(&again.rule.rule, &operation.rule.rule))
        fail_msg("{ %s }: ip(8) has it as { %s }, which is another rule", row->words, words);
    undo_by_line(&item);
    undo_item_done(&item);
}

static const struct words both[] = {
    {"from: all, lookup: main", "from all lookup main"},
    {"from: all, to: all, iif: eth0, lookup: main", "from all iif eth0 lookup main"},
    {"not: true, fwmark: 0xca6c, lookup: 51820",
     "not from all fwmark 0xca6c/0xffffffff lookup 51820"},
    {"fwmark: 0x100/0xff00, oif: eth0, lookup: main",
     "from all fwmark 0x100/0xff00 oif eth0 lookup main"},
    {"tos: 0x10, lookup: main", "from all tos 0x10 lookup main"},
    {"dsfield: 0x08, action: prohibit", "from all tos 0x08 prohibit"},
    {"tos: 16, lookup: main", "from all tos 0x10 lookup main"},
    {"tun_id: 0x1267, lookup: main", "from all tun_id 4711 lookup main"},
    {"tun_id: 18446744073709551615, lookup: main",
     "from all tun_id 18446744073709551615 lookup main"},
    {"tun_id: 0xffffffffffffffff, lookup: main",
     "from all tun_id 18446744073709551615 lookup main"},
    {"uidrange: 0-4294967295, lookup: main", "from all lookup main"},
    {"uidrange: 0-4294967294, lookup: main", "from all uidrange 0-4294967294 lookup main"},
    {"uidrange: 1000, lookup: main", "from all uidrange 1000-1000 lookup main"},
    {"ipproto: sctp, dport: 36412, lookup: main",
     "from all ipproto 132 dport 36412-36412 lookup main"},
    {"ipproto: gre, lookup: main", "from all ipproto 47 lookup main"},
    {"ipproto: esp, action: blackhole", "from all ipproto 50 blackhole"},
    {"ipproto: ah, lookup: main", "from all ipproto 51 lookup main"},
    {"ipproto: igmp, lookup: main", "from all ipproto 2 lookup main"},
    {"ipproto: udp, sport: 8000-8999, action: nop", "from all ipproto 17 sport 8000-8999 nop"},
    {"lookup: main, suppress_ifgroup: default", "from all lookup main suppress_ifgroup 0"},
    {"lookup: main, suppress_ifgroup: 7", "from all lookup main suppress_ifgroup 7"},
    {"lookup: main, suppress_prefixlength: 0", "from all lookup main suppress_prefixlength 0"},
    {"goto: 32766", "from all goto 32766"},
};

static void test_of_both_families(void **state)
{
    (void)state;
    apply_case_begin("");
    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
        check("ipv4", &both[i]);
        check("ipv6", &both[i]);
    }
}

/* The kernel takes the bits 0x1c alone in IPv4. */
static void test_of_one(void **state)
{
    static const struct words six[] = {
        {"dsfield: 0xb8, lookup: main", "from all tos 0xb8 lookup main"},
        {"tos: EF, lookup: main", "from all tos 0xb8 lookup main"},
        {"tos: AF43, lookup: main", "from all tos 0x98 lookup main"},
        {"tos: AF11, lookup: main", "from all tos 0x28 lookup main"},
        {"tos: CS7, lookup: main", "from all tos 0xe0 lookup main"},
        {"tos: CS1, lookup: main", "from all tos 0x20 lookup main"},
        {"from: \"::/0\", to: \"2001:db8::/32\", lookup: main",
         "from all to 2001:db8::/32 lookup main"},
        {"ipproto: ipv6-icmp, lookup: main", "from all ipproto 58 lookup main"},
    };
    static const struct words four[] = {
        {"from: 0.0.0.0/0, to: 198.51.100.0/24, lookup: main",
         "from all to 198.51.100.0/24 lookup main"},
        {"ipproto: icmp, lookup: main", "from all ipproto 1 lookup main"},
    };

    (void)state;
    apply_case_begin("");
    for (size_t i = 0; i < sizeof(six) / sizeof(six[0]); i++)
        check("ipv6", &six[i]);
    for (size_t i = 0; i < sizeof(four) / sizeof(four[0]); i++)
        check("ipv4", &four[i]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {CASE(test_of_both_families), CASE(test_of_one)};

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
