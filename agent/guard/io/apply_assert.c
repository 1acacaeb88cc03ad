/*
 * apply_assert: puts back what was confirmed, as far as its devices are there.
 */
#include "agent/guard/core/undo_link.h"
#include "agent/guard/io/apply_netlink.h"
#include "agent/guard/io/apply_part.h"
#include "agent/io/netlink.h"
#include "agent/io/sysctl.h"
#include "common/core/mem.h"
#include "common/core/text.h"

/* Kernel state that operations of ours concern; LocalAPI is not asked (100 ms are at stake). Where
 * it does not come whole (netlink.h) nothing is put: who changes it all the time has the guard look
 * again (keep.c). */
static bool read_for_assert(struct snapshot *ret_now, struct err *err)
{
    struct netlink_filter filter = {.parts = NETLINK_EVERYTHING, .protocol = OCEANID_PROTOCOL};

    return netlink_read(&filter, ret_now, err);
}

static bool sysctl_holds(const struct operation *operation)
{
    struct err err = ERR_INIT;
    char value[SYSCTL_VALUE_SIZE];

    return sysctl_read_one(operation->sysctl.setting.name, value, sizeof(value), &err) &&
           text_equal(value, operation->sysctl.setting.value);
}

static bool holds(const struct operation *operation, const struct snapshot *now)
{
    if (operation_persists(operation))
        return true;
    return operation->kind == OPERATION_SYSCTL ? sysctl_holds(operation)
                                               : operation_holds(operation, now);
}

static bool is_down(const char *device, const struct snapshot *now)
{
    const struct link *link = device[0] != '\0' ? snapshot_find_device(now, device) : NULL;

    return device[0] != '\0' && (link == NULL || !link->up);
}

/* A device that is down or not there yet: it is put when the link comes. */
static bool waits_for_device(const struct operation *operation, const struct snapshot *now)
{
    if (operation->kind == OPERATION_LINK)
        return snapshot_find_device(now, operation->link.device) == NULL;
    if (operation->kind == OPERATION_ADDRESS && operation->address.address.family == FAMILY_IPV4)
        return snapshot_find_device(now, operation->address.device) == NULL;
    if (operation->kind == OPERATION_ADDRESS)
        return is_down(operation->address.device, now);
    if (operation->kind != OPERATION_ROUTE)
        return false;
    for (uint32_t i = 0; i < operation->route.hops_count; i++) {
        if (is_down(operation->route.hops[i].device, now))
            return true;
    }
    return is_down(operation->route.device, now);
}

/* The kernel drops objects with their carrier, and says EINVAL of a route by one that is gone. */
static bool waits_for_object(const struct operation *operation, const struct err *refusal)
{
    return refusal->kind == ERR_MISSING ||
           (operation->kind == OPERATION_ROUTE && operation->route.route.nexthop_id != 0 &&
            refusal->kind != ERR_CONFLICT);
}

enum { PUT_TRIES = 2 };

struct assertion {
    const struct apply *apply;
    struct nl_sock *socket;
    const struct operation *operations;
    bool *failed; /* one an operation */
    struct snapshot *now;
    uint32_t put, pending;
};

/* NULL: it is neither an address nor a link. */
static const char *device_of(const struct operation *operation)
{
    if (operation->kind == OPERATION_ADDRESS)
        return operation->address.device;
    return operation->kind == OPERATION_LINK ? operation->link.device : NULL;
}

/* An address that could not be put would have kept others' routes where the next one goes. */
static bool is_behind_failure(const struct assertion *assertion, uint32_t index)
{
    const struct operation *operation = &assertion->operations[index];

    for (uint32_t i = 0; undo_link_takes_along(operation) && i < index; i++) {
        const char *device = device_of(&assertion->operations[i]);

        if (assertion->failed[i] && device != NULL && text_equal(device, device_of(operation)))
            return true;
    }
    return false;
}

/* A group looks for its members among what was read. */
static void note_put(struct assertion *assertion, const struct operation *operation)
{
    if (operation->kind == OPERATION_NEXTHOP)
        operation_predict(operation, assertion->now);
    assertion->put++;
}

/* Addresses of a link and rules of a priority have an order: a kernel that was out of memory for a
 * moment is asked once more before what comes behind it. */
static bool put(const struct assertion *assertion, const struct operation *operation,
                struct err *refusal)
{
    for (int i = 0; i < PUT_TRIES; i++) {
        *refusal = (struct err)ERR_INIT;
        if (apply_part_do(assertion->apply, assertion->socket, operation, assertion->now, refusal))
            return true;
        if (refusal->kind != ERR_SYSTEM)
            return false;
    }
    return false;
}

static void assert_one(struct assertion *assertion, uint32_t index, struct err *err)
{
    const struct operation *operation = &assertion->operations[index];
    struct err refusal = ERR_INIT;

    if (holds(operation, assertion->now) || is_behind_failure(assertion, index))
        return;
    if (waits_for_device(operation, assertion->now)) {
        assertion->pending++;
        return;
    }
    if (put(assertion, operation, &refusal)) {
        note_put(assertion, operation);
        return;
    }
    assertion->failed[index] = true;
    if (waits_for_object(operation, &refusal))
        assertion->pending++;
    else if (err->kind == ERR_NONE)
        *err = refusal;
}

uint32_t apply_assert(const struct apply *apply, const struct operation *operations, uint32_t count,
                      uint32_t *ret_pending, struct err *err)
{
    AUTO_FREE bool *failed = mem_alloc(count, sizeof(*failed));
    struct assertion assertion = {apply, apply_netlink_open(err), operations, failed, NULL, 0, 0};
    struct snapshot now;

    *ret_pending = 0;
    if (assertion.socket == NULL || !read_for_assert(&now, err)) {
        apply_netlink_close(assertion.socket);
        return 0;
    }
    assertion.now = &now;
    for (int shields = 1; shields >= 0; shields--) { /* these first */
        for (uint32_t i = 0; i < count; i++) {
            if (operations[i].shield == (shields == 1))
                assert_one(&assertion, i, err);
        }
    }
    snapshot_done(&now);
    apply_netlink_close(assertion.socket);
    *ret_pending = assertion.pending;
    return assertion.put;
}
