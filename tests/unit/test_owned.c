/*
 * test_owned: what is put back when it goes, while a run of operations is on its way in or out, and
 * where changes have been confirmed one above the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/io/owned.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/ip_lines.h"
#include "tests/unit/journal_case.h"

enum { OPERATIONS = 4 };

static struct journal_generation *make_generation(const struct generation_id *id)
{
    struct journal_generation *generation = journal_case_make_generation(id);

    generation->items = mem_resize(generation->items, OPERATIONS, sizeof(*generation->items));
    memset(generation->items, 0, OPERATIONS * sizeof(*generation->items));
    generation->items_count = OPERATIONS;
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        journal_case_fill_item(&generation->items[i]);
        generation->items[i].operation = i;
        generation->items[i].change.rule.rule.priority += i;
    }
    return generation;
}

/* A trial of shields, all of which its one intent names. */
static void begin(struct journal_case *place, struct trial *trial)
{
    struct guard_record record = {.kind = RECORD_BEGIN, .id = journal_case_id(1)};
    struct journal_extra extra = {.generation = make_generation(&record.id)};

    journal_case_open_again(place);
    strcpy(record.begin.change, "change-1");
    record.begin.operations_count = OPERATIONS;
    journal_case_append(place, &record, &extra);
    record = (struct guard_record){
        .kind = RECORD_INTENT, .id = record.id, .operation = 0, .more = OPERATIONS - 1};
    journal_case_append(place, &record, NULL);
    trial_init(trial, place->ledger, "b");
    trial->id = record.id;
}

/* A character an operation: x for one that is owned. */
static void check(struct journal_case *place, const struct trial *trial, const char *expected)
{
    char found[] = "----";
    struct owned owned;

    owned_list(&owned, OWNED_SHIELDS, place->journal, place->ledger, trial);
    for (uint32_t i = 0; i < owned.count; i++)
        found[owned.operations[i].rule.rule.priority - SHIELD_PRIORITY_FROM] = 'x';
    free(owned.operations);
    assert_string_equal(found, expected);
}

static void test_on_its_way_in(void **state)
{
    struct trial *trial = mem_alloc(1, sizeof(*trial));

    begin(*state, trial);
    trial->state = TRIAL_APPLYING;
    check(*state, trial, "----");
    trial->operation = 3;
    check(*state, trial, "xxx-");
    trial->state = TRIAL_SETTLING;
    check(*state, trial, "xxxx");
    free(trial);
}

static void test_on_its_way_out(void **state)
{
    struct trial *trial = mem_alloc(1, sizeof(*trial));
    struct journal_case *place = *state;

    begin(place, trial);
    trial->state = TRIAL_REVERTING;
    ledger_fill_revert(&place->ledger->open, &trial->revert);
    check(place, trial, "xxxx");
    assert_int_equal(revert_begin(&trial->revert, 3, 1000), 3);
    check(place, trial, "----");
    revert_take(&trial->revert, 3, REVERT_DONE, 1000);
    revert_end(&trial->revert); /* the rest was not come to */
    check(place, trial, "xxx-");
    free(trial);
}

/* Of a generation that is being popped part may be undone already, by a guard that died. */
static void test_on_its_way_out_since_before(void **state)
{
    struct trial *trial = mem_alloc(1, sizeof(*trial));
    struct journal_case *place = *state;
    struct owned owned;

    begin(place, trial);
    for (uint32_t i = 1; i < OPERATIONS; i++)
        journal_find(place->journal, &trial->id)->items[i].shield = false;
    journal_case_mark(place, 1, MARK_CONFIRMED);
    owned_list(&owned, OWNED_ALL, place->journal, place->ledger, trial);
    assert_int_equal(owned.count, OPERATIONS);
    free(owned.operations);
    journal_case_mark(place, 1, MARK_POPPING);
    owned_list(&owned, OWNED_ALL, place->journal, place->ledger, trial);
    assert_int_equal(owned.count, 1);
    free(owned.operations);
    free(trial);
}

/* ---- which are there to stay ---------------------------------------------------------------- */

static void change_prefs(const char *words, struct operation_tailscale *to)
{
    if (strstr(words, "exit node A") != NULL || strstr(words, "exit node B") != NULL) {
        to->set_exit_node = true;
        strcpy(to->exit_node_id, strstr(words, "exit node A") != NULL ? "A" : "B");
    }
    to->set_allow_lan_access = to->allow_lan_access = strstr(words, "LAN") != NULL;
    to->set_accept_routes = to->accept_routes = strstr(words, "accept routes") != NULL;
    to->set_advertise_routes = strstr(words, "advertise") != NULL;
}

static void change_link(const char *words, struct operation_link *to)
{
    strcpy(to->device, strstr(words, "eth1") != NULL ? "eth1" : "eth0");
    to->mtu = strstr(words, "mtu 1400") != NULL ? 1400 : strstr(words, "mtu 1300") ? 1300 : 0;
    to->set_up = to->up = strstr(words, "up") != NULL;
}

static void change_address(const char *words, struct operation_address *to)
{
    char text[ADDRESS_TEXT_SIZE];

    assert_int_equal(
        sscanf(words, "address %15[0-9.]/%hhu on %15s", text, &to->prefix_len, to->device), 3);
    assert_true(address_parse(text, &to->address));
}

static void parse_line(const char *words, struct operation *ret_operation)
{
    *ret_operation = ip_lines_operation("link eth0 2\nlink eth1 3", words);
    if (ret_operation->kind == OPERATION_RULE)
        ret_operation->rule.rule.protocol = 0;
}

/* "remove" in front takes it away instead. */
static struct operation operation_of(const char *words)
{
    bool absent = text_starts(words, "remove ");
    struct operation operation = {.kind = OPERATION_KIND_COUNT};

    words += absent ? strlen("remove ") : 0;
    if (text_starts(words, "tailscale ")) {
        operation.kind = OPERATION_TAILSCALE;
        change_prefs(words, &operation.tailscale);
    } else if (text_starts(words, "link ")) {
        operation.kind = OPERATION_LINK;
        change_link(words, &operation.link);
    } else if (text_starts(words, "address ")) {
        operation.kind = OPERATION_ADDRESS;
        change_address(words, &operation.address);
        operation.address.absent = absent;
    } else if (text_starts(words, "sysctl ")) {
        operation.kind = OPERATION_SYSCTL;
        assert_int_equal(sscanf(words, "sysctl %79s = %15s", operation.sysctl.setting.name,
                                operation.sysctl.setting.value),
                         2);
    } else if (text_starts(words, "file ")) {
        operation.kind = OPERATION_FILE;
        strcpy(operation.file.path, words + strlen("file "));
    } else {
        parse_line(words, &operation);
        if (operation.kind == OPERATION_RULE)
            operation.rule.absent = absent;
        else if (operation.kind == OPERATION_ROUTE)
            operation.route.absent = absent;
        else
            operation.nexthop.absent = absent;
    }
    return operation;
}

enum { CHANGES_MAX = 3, LEFT_SIZE = 400 };

/* Each is a change of its own, all are confirmed; left: what is owned then, as it reads. */
static const struct {
    const char *changes[CHANGES_MAX];
    const char *left;
} replace_cases[] = {
    /* a rule is the same one only where it leads to the same */
    {{"rule 100 from 192.0.2.1 lookup 5", "rule 100 from 192.0.2.1 lookup 6",
      "remove rule 100 from 192.0.2.1 lookup 5"},
     "rule 100: from 192.0.2.1 lookup 6; remove rule 100: from 192.0.2.1 lookup 5"},
    {{"rule 100 from 192.0.2.1 lookup 5", "rule 100 from 192.0.2.1 lookup 6"},
     "rule 100: from 192.0.2.1 lookup 5; rule 100: from 192.0.2.1 lookup 6"},
    {{"rule 100 from 192.0.2.1 goto 200", "rule 100 from 192.0.2.1 goto 300"},
     "rule 100: from 192.0.2.1 goto 200; rule 100: from 192.0.2.1 goto 300"},
    {{"rule 100 from 192.0.2.1 lookup 5", "rule 100 from 192.0.2.1 prohibit"},
     "rule 100: from 192.0.2.1 lookup 5; rule 100: from 192.0.2.1 prohibit"},
    {{"rule 100 from 192.0.2.1 lookup 5", "rule 100 from 192.0.2.2 lookup 5"},
     "rule 100: from 192.0.2.1 lookup 5; rule 100: from 192.0.2.2 lookup 5"},
    {{"rule 100 from 192.0.2.1 lookup 5", "remove rule 100 from 192.0.2.1 lookup 5"},
     "remove rule 100: from 192.0.2.1 lookup 5"},
    {{"remove rule 100 from 192.0.2.1 lookup 5", "rule 100 from 192.0.2.1 lookup 5"},
     "rule 100: from 192.0.2.1 lookup 5"},
    {{"rule 100 lookup 5", "rule 100 lookup 6", "rule 100 lookup 5"},
     "rule 100: from all lookup 5; rule 100: from all lookup 6"},
    /* a route is the same one whatever it leads to, by what the kernel has for its key */
    {{"route 10.0.0.0/8 via 203.0.113.1 dev eth0", "route 10.0.0.0/8 via 203.0.113.2 dev eth1"},
     "route: 10.0.0.0/8 via 203.0.113.2 dev eth1"},
    {{"route 10.0.0.0/8 dev eth0", "route 10.0.0.0/8 dev eth0 metric 100"},
     "route: 10.0.0.0/8 dev eth0; route: 10.0.0.0/8 dev eth0 metric 100"},
    {{"route 10.0.0.0/8 dev eth0", "route 10.0.0.0/8 dev eth0 table 7"},
     "route: 10.0.0.0/8 dev eth0; route: 10.0.0.0/8 dev eth0 table 7"},
    {{"route 2001:db8::/48 dev eth0 table 100",
      "remove route 2001:db8::/48 dev eth0 table 100 metric 1024"},
     "remove route: 2001:db8::/48 dev eth0 table 100 metric 1024"},
    {{"route 2001:db8::/48 dev eth0 from 2001:db8:1::/48",
      "route 2001:db8::/48 dev eth0 from 2001:db8:2::/48"},
     "route: 2001:db8::/48 from 2001:db8:1::/48 dev eth0; "
     "route: 2001:db8::/48 from 2001:db8:2::/48 dev eth0"},
    /* of prefs and links each keeps what no newer one sets */
    {{"tailscale exit node A, LAN", "tailscale exit node B"},
     "tailscale: LAN access; tailscale: exit node B"},
    {{"tailscale exit node A", "tailscale exit node B, LAN"}, "tailscale: exit node B, LAN access"},
    {{"tailscale exit node A, accept routes", "tailscale LAN", "tailscale exit node B"},
     "tailscale: accept routes; tailscale: LAN access; tailscale: exit node B"},
    {{"tailscale accept routes", "tailscale advertise"},
     "tailscale: accept routes; tailscale: advertise nothing"},
    {{"link eth0 mtu 1400 up", "link eth0 mtu 1300"}, "link eth0: up; link eth0: mtu 1300"},
    {{"link eth0 mtu 1400", "link eth0 mtu 1300"}, "link eth0: mtu 1300"},
    {{"link eth0 mtu 1400", "link eth1 mtu 1300"}, "link eth0: mtu 1400; link eth1: mtu 1300"},
    /* the rest is one object each */
    {{"address 192.0.2.10/24 on eth0", "remove address 192.0.2.10/24 on eth0"},
     "remove address 192.0.2.10/24 on eth0"},
    {{"address 192.0.2.10/24 on eth0", "address 192.0.2.10/24 on eth1",
      "address 192.0.2.11/24 on eth0"},
     "address 192.0.2.10/24 on eth0; address 192.0.2.10/24 on eth1; "
     "address 192.0.2.11/24 on eth0"},
    {{"address 192.0.2.10/24 on eth0", "address 192.0.2.10/32 on eth0"},
     "address 192.0.2.10/24 on eth0; address 192.0.2.10/32 on eth0"},
    {{"sysctl net.ipv4.ip_forward = 0", "sysctl net.ipv4.ip_forward = 1"},
     "sysctl net.ipv4.ip_forward = 1"},
    {{"sysctl net.ipv4.conf.eth0.rp_filter = 2", "sysctl net.ipv4.conf.eth1.rp_filter = 2"},
     "sysctl net.ipv4.conf.eth0.rp_filter = 2; sysctl net.ipv4.conf.eth1.rp_filter = 2"},
    {{"nexthop 7 dev eth0", "nexthop 8 dev eth0", "nexthop 7 dev eth1"},
     "nexthop id 8 dev eth0; nexthop id 7 dev eth1"},
    {{"file /etc/netplan/a.yaml", "file /etc/netplan/b.yaml", "file /etc/netplan/a.yaml"},
     "file /etc/netplan/b.yaml of 0 lines; file /etc/netplan/a.yaml of 0 lines"},
};

static void confirm(struct journal_case *place, uint8_t number, const char *words)
{
    struct guard_record record = {.kind = RECORD_BEGIN, .id = journal_case_id(number)};
    struct journal_extra extra = {.generation = journal_case_make_generation(&record.id)};
    struct undo_item *item = &extra.generation->items[0];

    item->change = operation_of(words);
    item->shield = false;
    item->persists = operation_persists(&item->change);
    snprintf(record.begin.change, sizeof(record.begin.change), "change-%u", number);
    record.begin.operations_count = 1;
    journal_case_append(place, &record, &extra);
    record = (struct guard_record){.kind = RECORD_INTENT, .id = record.id};
    journal_case_append(place, &record, NULL);
    journal_case_mark(place, number, MARK_CONFIRMED);
}

static void render_owned(struct journal_case *place, struct text *out)
{
    struct owned owned;

    owned_list(&owned, OWNED_EVERYTHING, place->journal, place->ledger, NULL);
    for (uint32_t i = 0; i < owned.count; i++) {
        text_add(out, "%s", i > 0 ? "; " : "");
        operation_render(&owned.operations[i], out);
    }
    free(owned.operations);
}

static void test_newer_replaces_older(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(replace_cases) / sizeof(replace_cases[0]); i++) {
        char left[LEFT_SIZE] = "";
        struct text text = TEXT_IN(left);
        void *place;

        journal_case_set_up(&place);
        journal_case_open_again(place);
        for (uint8_t k = 0; k < CHANGES_MAX && replace_cases[i].changes[k] != NULL; k++)
            confirm(place, (uint8_t)(k + 1), replace_cases[i].changes[k]);
        render_owned(place, &text);
        assert_string_equal(left, replace_cases[i].left);
        journal_case_tear_down(&place);
    }
}

/* ---- settings that overwrite others --------------------------------------------------------- */

static void fill_settings(struct snapshot *snapshot, const char *words)
{
    char name[SYSCTL_NAME_SIZE], value[16];
    int len;

    snapshot_init(snapshot);
    for (; sscanf(words, " %79[^ =]=%15s%n", name, value, &len) == 2; words += len) {
        struct sysctl *setting = snapshot_add_sysctl(snapshot);

        strcpy(setting->name, name);
        strcpy(setting->value, value);
    }
}

/* A change that is confirmed, and what it found and read back. */
static void confirm_setting(struct journal_case *place, uint8_t number, const char *words,
                            const char *before, const char *after)
{
    const struct generation_id id = journal_case_id(number);
    struct undo_item *item;

    confirm(place, number, words);
    item = journal_generation_item(journal_find(place->journal, &id), 0);
    fill_settings(&item->before, before);
    fill_settings(&item->after, after);
    item->has_after = true;
}

/* Each is confirmed behind "sysctl net.ipv4.conf.eth0.forwarding = 0". */
static const struct {
    const char *change, *before, *after, *left;
} overwrite_cases[] = {
    {"sysctl net.ipv4.ip_forward = 1", "net.ipv4.ip_forward=0 net.ipv4.conf.eth0.forwarding=0",
     "net.ipv4.ip_forward=1 net.ipv4.conf.eth0.forwarding=1", "sysctl net.ipv4.ip_forward = 1"},
    /* it was so already: nothing was written */
    {"sysctl net.ipv4.ip_forward = 1", "net.ipv4.ip_forward=1 net.ipv4.conf.eth0.forwarding=0",
     "net.ipv4.ip_forward=1 net.ipv4.conf.eth0.forwarding=0",
     "sysctl net.ipv4.conf.eth0.forwarding = 0; sysctl net.ipv4.ip_forward = 1"},
    /* somebody else had altered it before */
    {"sysctl net.ipv4.ip_forward = 1", "net.ipv4.ip_forward=0 net.ipv4.conf.eth0.forwarding=1",
     "net.ipv4.ip_forward=1 net.ipv4.conf.eth0.forwarding=1",
     "sysctl net.ipv4.conf.eth0.forwarding = 0; sysctl net.ipv4.ip_forward = 1"},
    {"sysctl net.ipv4.conf.eth1.forwarding = 1", "net.ipv4.conf.eth1.forwarding=0",
     "net.ipv4.conf.eth1.forwarding=1",
     "sysctl net.ipv4.conf.eth0.forwarding = 0; sysctl net.ipv4.conf.eth1.forwarding = 1"},
};

/* Put back, the older value would undo behind its back what the newer change was proven with. */
static void test_newer_overwrites_older(void **state)
{
    static const char older[] = "sysctl net.ipv4.conf.eth0.forwarding = 0";

    (void)state;
    for (size_t i = 0; i < sizeof(overwrite_cases) / sizeof(overwrite_cases[0]); i++) {
        char left[LEFT_SIZE] = "";
        struct text text = TEXT_IN(left);
        void *place;

        journal_case_set_up(&place);
        journal_case_open_again(place);
        confirm_setting(place, 1, older, "net.ipv4.conf.eth0.forwarding=1",
                        "net.ipv4.conf.eth0.forwarding=0");
        confirm_setting(place, 2, overwrite_cases[i].change, overwrite_cases[i].before,
                        overwrite_cases[i].after);
        render_owned(place, &text);
        assert_string_equal(left, overwrite_cases[i].left);
        journal_case_tear_down(&place);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_on_its_way_in, journal_case_set_up,
                                        journal_case_tear_down),
        cmocka_unit_test_setup_teardown(test_on_its_way_out, journal_case_set_up,
                                        journal_case_tear_down),
        cmocka_unit_test_setup_teardown(test_on_its_way_out_since_before, journal_case_set_up,
                                        journal_case_tear_down),
        cmocka_unit_test(test_newer_replaces_older),
        cmocka_unit_test(test_newer_overwrites_older),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
