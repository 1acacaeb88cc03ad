/*
 * test_undo_render: how an undo reads, as a sentence and for ip -batch.
 */
#include "agent/guard/core/undo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/net/operation.h"
#include "tests/unit/undo_case.h"

static const struct {
    const char *operation, *before, *sentence, *batch;
    bool removes, batched;
} render_cases[] = {
    {"rule 5140 from 203.0.113.10 lookup main", "",
     "delete rule 5140: from 203.0.113.10 lookup main",
     "rule del pref 5140 from 203.0.113.10 lookup main protocol 153", true, true},
    {"rule 300 not fwmark 0x1/0xff iif eth0 goto 32766", "",
     "delete rule 300: not from all fwmark 0x1/0xff iif eth0 goto 32766",
     "rule del pref 300 not from all fwmark 0x1/0xff iif eth0 goto 32766 protocol 153", true, true},
    {"rule 5140 from 2001:db8::10 lookup main", "",
     "delete rule 5140: from 2001:db8::10 lookup main (IPv6)",
     "# ip -6 rule del pref 5140 from 2001:db8::10 lookup main protocol 153", true, false},
    {"remove rule 100 lookup 7", "rule 100 lookup 7 protocol 153",
     "restore rule 100: from all lookup 7", "rule add pref 100 from all lookup 7 protocol 153",
     false, true},
    {"remove rule 100 lookup 7", "", "nothing to undo: rule 100", "# nothing to undo: rule 100",
     false, false},
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0 table 5100", "",
     "delete route 10.0.0.0/8 via 203.0.113.1 dev eth0 table 5100",
     "route del 10.0.0.0/8 via 203.0.113.1 dev eth0 table 5100 proto 153", true, true},
    {"route -6 default via fe80::1 dev eth0", "", "delete route ::/0 via fe80::1 dev eth0",
     "route del ::/0 via fe80::1 dev eth0 metric 1024 proto 153", true, true},
    {"route 10.4.0.0/16 via fe80::1 dev eth0", "", "delete route 10.4.0.0/16 via fe80::1 dev eth0",
     "route del 10.4.0.0/16 via inet6 fe80::1 dev eth0 proto 153", true, true},
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0",
     "route 10.0.0.0/8 via 203.0.113.2 dev eth0 protocol 153",
     "restore route 10.0.0.0/8 via 203.0.113.2 dev eth0",
     "route prepend 10.0.0.0/8 via 203.0.113.2 dev eth0 proto 153\n"
     "route del 10.0.0.0/8 via 203.0.113.1 dev eth0 proto 153",
     false, true},
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0 mtu 1400",
     "route 10.0.0.0/8 via 203.0.113.1 dev eth0 protocol 153",
     "restore route 10.0.0.0/8 via 203.0.113.1 dev eth0",
     "route prepend 10.0.0.0/8 via 203.0.113.1 dev eth0 proto 153\n"
     "route del 10.0.0.0/8 via 203.0.113.1 dev eth0 mtu 1400 proto 153",
     false, true},
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0",
     "route 10.0.0.0/8 via 203.0.113.1 dev eth0 mtu 1400 protocol 153",
     "restore route 10.0.0.0/8 via 203.0.113.1 dev eth0 mtu 1400",
     "route del 10.0.0.0/8 via 203.0.113.1 dev eth0 proto 153\n"
     "route prepend 10.0.0.0/8 via 203.0.113.1 dev eth0 mtu 1400 proto 153",
     false, true},
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0",
     "route 10.0.0.0/8 via 203.0.113.1 dev eth0 protocol 153",
     "nothing to undo: route 10.0.0.0/8 table main metric 0",
     "# nothing to undo: route 10.0.0.0/8 table main metric 0", false, false},
    {"route -6 default via fe80::1 dev eth0",
     "route -6 default via fe80::2 dev eth0 metric 1024 protocol 153",
     "restore route ::/0 via fe80::2 dev eth0 metric 1024",
     "route replace ::/0 via fe80::2 dev eth0 metric 1024 proto 153", false, true},
};

static void test_render(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(render_cases) / sizeof(render_cases[0]); i++) {
        struct operation operation = operation_of(render_cases[i].operation);
        struct undo_item item;
        struct snapshot before;
        char sentence[400] = "", batch[400] = "";
        struct text text = TEXT_IN(sentence);
        struct text batch_text = TEXT_IN(batch);

        make(&before, render_cases[i].before);
        undo_derive(&operation, 0, &before, &item);
        undo_render(&item, &text);
        assert_string_equal(sentence, render_cases[i].sentence);
        assert_int_equal(undo_render_batch(&item, &batch_text), render_cases[i].batched);
        assert_string_equal(batch, render_cases[i].batch);
        assert_int_equal(undo_removes(&item), render_cases[i].removes);
        undo_item_done(&item);
        snapshot_done(&before);
    }
}

static void test_render_what_ip_cannot(void **state)
{
    struct operation operations[] = {
        use_exit_node(),
        {.kind = OPERATION_SYSCTL, .sysctl.setting = {"net.ipv4.ip_forward", "1"}}};
    static const char *const expected[][2] = {
        {"set tailscale exit node to none, LAN access off",
         "# tailscale set --exit-node= --exit-node-allow-lan-access=false"},
        {"set sysctl net.ipv4.ip_forward = 0 (and 2 that follow from it)",
         "# sysctl -w net.ipv4.ip_forward=0"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char sentence[400] = "", batch[400] = "";
        struct text text = TEXT_IN(sentence);
        struct text batch_text = TEXT_IN(batch);
        struct undo_item item;
        struct snapshot before;

        make_forwarding(&before, "0", "0", "1");
        before.tailscale.presence = TAILSCALE_ANSWERS;
        undo_derive(&operations[i], 0, &before, &item);
        undo_render(&item, &text);
        assert_string_equal(sentence, expected[i][0]);
        assert_false(undo_render_batch(&item, &batch_text));
        assert_string_equal(batch, expected[i][1]);
        undo_item_done(&item);
        snapshot_done(&before);
    }
}

/* What takes a file back, as people read it; the bytes are the journal's. */
static void test_file_texts(void **state)
{
    struct operation operation = {.kind = OPERATION_FILE,
                                  .file.path = "/etc/netplan/60-x.yaml",
                                  .file.content = "network:\n  version: 2\n"};
    struct snapshot now;
    struct undo_item item;
    struct err err = ERR_INIT;
    char line[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(line);

    (void)state;
    snapshot_init(&now);
    undo_derive(&operation, 0, &now, &item);
    assert_false(undo_is_possible(&item, &err)); /* nobody looked */
    undo_item_done(&item);
    text_copy(snapshot_add_file(&now)->path, FILE_PATH_SIZE, "/etc/netplan/60-x.yaml");
    text_copy(snapshot_add_file(&now)->path, FILE_PATH_SIZE, "/run/netplan/60-x.yaml");
    undo_derive(&operation, 0, &now, &item);
    assert_true(undo_is_possible(&item, &err));
    assert_true(item.persists && undo_removes(&item));
    assert_false(undo_render_batch(&item, &text));
    assert_string_equal(line, "# rm -f /etc/netplan/60-x.yaml /run/netplan/60-x.yaml");
    undo_item_done(&item);
    now.files[0] = (struct snapshot_file){.path = "/etc/netplan/60-x.yaml",
                                          .there = true,
                                          .mode = 0600,
                                          .len = 2,
                                          .data = mem_copy("x\n", 2)};
    undo_derive(&operation, 0, &now, &item);
    assert_false(undo_removes(&item));
    text_init(&text, line, sizeof(line));
    undo_render(&item, &text);
    assert_string_equal(line, "restore file /etc/netplan/60-x.yaml as before (2 bytes, mode 0600)");
    undo_item_done(&item);
    snapshot_done(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_render),
        cmocka_unit_test(test_render_what_ip_cannot),
        cmocka_unit_test(test_file_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
