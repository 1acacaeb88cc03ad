/*
 * apply_case: what the tests of apply share: operations from lines, one look, one step.
 */
#include "tests/unit/apply_case.h"

#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

void apply_case_check(const char *difference)
{
    struct snapshot now;

    apply_case_read(&now);
    assert_string_equal(apply_case_difference(&then, &now), difference);
    snapshot_done(&now);
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

void apply_case_read(struct snapshot *snapshot)
{
    struct err err = ERR_INIT;

    if (!apply_read(&apply_case, snapshot, &err))
        fail_msg("%s", err.text);
}

void apply_case_derive(const struct operation *operation, struct undo_item *item)
{
    struct snapshot now;

    apply_case_read(&now);
    undo_derive(operation, 0, &now, item);
    snapshot_done(&now);
}

void apply_case_run(const struct operation *operation, struct undo_item *item)
{
    struct err err = ERR_INIT;

    apply_case_derive(operation, item);
    if (!apply_run(&apply_case, item, &err))
        fail_msg("%s", err.text);
    assert_true(item->has_after);
    if (!apply_is_settled(&apply_case, item, 1, &err))
        fail_msg("%s", err.text);
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
