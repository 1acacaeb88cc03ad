/*
 * apply_case: what the tests of apply share: operations from lines, one look, one step.
 */
#include "tests/unit/apply_case.h"

#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/io/apply_netlink.h"
#include "agent/guard/io/apply_part.h"
#include "common/net/render.h"
#include "tests/unit/ip_lines.h"
#include "tests/unit/netns.h"

struct apply apply_case;
static struct snapshot then; /* how it was when the test began */

static const char host[] = "ip address add 203.0.113.10/24 dev eth0\n"
                           "ip address add 2001:db8:1::10/64 dev eth0 nodad\n"
                           "ip route add default via 203.0.113.1 proto static\n";

int apply_case_enter(void **state)
{
    snapshot_init(&then);
    apply_case.tailscale_socket = NULL;
    return netns_enter(state);
}

int apply_case_leave(void **state)
{
    (void)state;
    snapshot_done(&then);
    return 0;
}

void apply_case_begin(const char *lines)
{
    netns_run(host);
    netns_run(lines);
    netns_wait_for_ipv6();
    apply_case_read(&then);
}

void apply_case_remember(void)
{
    snapshot_done(&then);
    apply_case_read(&then);
}

const char *apply_case_now(void)
{
    const char *difference;
    struct snapshot now;

    apply_case_read(&now);
    difference = apply_case_difference(&then, &now);
    snapshot_done(&now);
    return difference;
}

void apply_case_check(const char *difference)
{
    assert_string_equal(apply_case_now(), difference);
}

static void render_addresses(const struct snapshot *snapshot, char *text, size_t size)
{
    struct text out;

    text_init(&out, text, size);
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        const struct link_address *own = &snapshot->addresses[i];

        render_address(own, snapshot, &out);
        text_add(&out, " proto %u scope %u label '%s' metric %u%s%s\n", own->protocol, own->scope,
                 own->label, own->metric, own->deprecated ? " deprecated" : "",
                 own->permanent ? "" : " for a time");
    }
}

void apply_case_check_order(void)
{
    char expected[4096], found[4096];
    struct snapshot now;

    apply_case_read(&now);
    render_addresses(&then, expected, sizeof(expected));
    render_addresses(&now, found, sizeof(found));
    snapshot_done(&now);
    assert_string_equal(found, expected);
}

struct operation apply_case_operation(const char *line)
{
    struct operation operation =
        ip_lines_operation("link eth0 2\nlink far0 3\nlink tailscale0 4\nlink gone0 5", line);

    if (operation.kind == OPERATION_RULE)
        operation.rule.rule.protocol = 0;
    return operation;
}

struct operation apply_case_removal(const char *line)
{
    struct operation operation = apply_case_operation(line);

    if (operation.kind == OPERATION_RULE)
        operation.rule.absent = true;
    else if (operation.kind == OPERATION_NEXTHOP)
        operation.nexthop.absent = true;
    else
        operation.route.absent = true;
    return operation;
}

struct operation apply_case_sysctl(const char *name, const char *value)
{
    struct operation operation = {.kind = OPERATION_SYSCTL};

    text_copy(operation.sysctl.setting.name, SYSCTL_NAME_SIZE, name);
    text_copy(operation.sysctl.setting.value, SYSCTL_VALUE_SIZE, value);
    return operation;
}

struct operation apply_case_address(const char *text, const char *device, bool absent)
{
    struct operation operation = {.kind = OPERATION_ADDRESS, .address.absent = absent};
    char own[ADDRESS_TEXT_SIZE];
    struct prefix network;

    assert_true(prefix_parse(text, &network));
    text_copy(own, sizeof(own), text);
    *strchr(own, '/') = '\0';
    assert_true(address_parse(own, &operation.address.address));
    operation.address.prefix_len = network.len;
    text_copy(operation.address.device, DEVICE_SIZE, device);
    return operation;
}

struct operation apply_case_link(const char *device, uint32_t mtu, const char *state)
{
    struct operation operation = {.kind = OPERATION_LINK, .link.mtu = mtu};

    text_copy(operation.link.device, DEVICE_SIZE, device);
    operation.link.set_up = state != NULL;
    operation.link.up = state != NULL && text_equal(state, "up");
    return operation;
}

void apply_case_read(struct snapshot *snapshot)
{
    struct err err = ERR_INIT;

    if (!apply_read(&apply_case, snapshot, &err))
        fail_msg("%s", err.text);
}

void apply_case_derive(const struct operation *operation, struct undo_item *item)
{
    struct snapshot now;
    struct err err = ERR_INIT;

    apply_case_read(&now);
    if (!apply_part_add(operation, &now, &err))
        fail_msg("%s", err.text);
    undo_derive(operation, 0, &now, item);
    snapshot_done(&now);
}

static const struct undo_item *settling;

/* Looks again for itself: sysctls and the like are not in what is given. */
static bool is_settled(const struct snapshot *now)
{
    struct err err = ERR_INIT;

    (void)now;
    return apply_is_settled(&apply_case, settling, 1, &err);
}

void apply_case_run(const struct operation *operation, struct undo_item *item)
{
    struct err err = ERR_INIT;

    apply_case_derive(operation, item);
    if (!apply_run(&apply_case, item, &err))
        fail_msg("%s", err.text);
    assert_true(item->has_after);
    settling = item;
    netns_wait_for(is_settled, "its effects");
}

const char *apply_case_undo(const struct undo_item *item, enum revert_outcome expected)
{
    static char why[REASON_SIZE];
    enum revert_outcome outcome = apply_undo(&apply_case, item, why, sizeof(why));

    if (outcome != expected)
        fail_msg("undone with outcome %d, expected %d: %s", (int)outcome, (int)expected, why);
    return why;
}

void apply_case_there_and_back(const struct operation *operation, const char *difference)
{
    struct undo_item item, again;
    struct err err = ERR_INIT;

    apply_case_run(operation, &item);
    apply_case_check(difference);
    apply_case_run(operation, &again); /* already so: fine, and its undo leaves it so */
    apply_case_check(difference);
    apply_case_undo(&again, REVERT_DONE);
    apply_case_check(difference);
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    if (!apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err))
        fail_msg("%s", err.text);
    undo_item_done(&item);
    undo_item_done(&again);
}

static void add_line(void *context, const char *line)
{
    text_add(context, "%s\n", line);
}

const char *apply_case_difference(const struct snapshot *before, const struct snapshot *after)
{
    static char found[8192];
    struct text text = TEXT_IN(found);

    found[0] = '\0';
    render_difference(before, after, add_line, &text);
    return found;
}

struct nl_sock *apply_case_socket(void)
{
    struct err err = ERR_INIT;
    struct nl_sock *socket = apply_netlink_open(&err);

    if (socket == NULL)
        fail_msg("%s", err.text);
    return socket;
}
