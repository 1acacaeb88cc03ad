/*
 * operation: one typed step of a change that has an undo.
 */
#include "common/net/operation.h"

#include <assert.h>

#include "common/net/operation_kind.h"

static const struct operation_row *const rows[] = {
    [OPERATION_ROUTE] = &operation_route_row,     [OPERATION_RULE] = &operation_rule_row,
    [OPERATION_SYSCTL] = &operation_sysctl_row,   [OPERATION_TAILSCALE] = &operation_tailscale_row,
    [OPERATION_NEXTHOP] = &operation_nexthop_row, [OPERATION_FILE] = &operation_file_row,
    [OPERATION_ADDRESS] = &operation_address_row, [OPERATION_LINK] = &operation_link_row,
};
_Static_assert(sizeof(rows) / sizeof(rows[0]) == OPERATION_KIND_COUNT, "one row a kind");

static const struct operation_row *row_of(const struct operation *operation)
{
    assert((unsigned)operation->kind < OPERATION_KIND_COUNT);
    return rows[operation->kind];
}

const char *operation_kind_name(enum operation_kind kind)
{
    assert((unsigned)kind < OPERATION_KIND_COUNT);
    return rows[kind]->name;
}

bool operation_validate(const struct operation *operation, struct err *err)
{
    if ((unsigned)operation->kind >= OPERATION_KIND_COUNT)
        return err_set(err, ERR_INPUT, "operation kind %u: accepted are 0 to %u",
                       (unsigned)operation->kind, OPERATION_KIND_COUNT - 1);
    return row_of(operation)->validate(operation, err);
}

bool operation_check(const struct operation *operation, const struct snapshot *snapshot,
                     struct err *err)
{
    return operation_validate(operation, err) && row_of(operation)->check(operation, snapshot, err);
}

bool operation_holds(const struct operation *operation, const struct snapshot *snapshot)
{
    return row_of(operation)->holds(operation, snapshot);
}

void operation_predict(const struct operation *operation, struct snapshot *snapshot)
{
    row_of(operation)->predict(operation, snapshot);
    snapshot_sort(snapshot);
}

void operation_render(const struct operation *operation, struct text *out)
{
    row_of(operation)->render(operation, out);
}

void operation_object(const struct operation *operation, struct text *out)
{
    row_of(operation)->object(operation, out);
}

bool operation_object_at(const struct operation *operation, uint32_t i, struct text *out)
{
    const struct operation_row *row = row_of(operation);

    if (row->object_at != NULL)
        return row->object_at(operation, i, out);
    if (i == 0)
        row->object(operation, out);
    return i == 0;
}

bool operation_persists(const struct operation *operation)
{
    return row_of(operation)->persists;
}

const char *operation_unseen(const struct operation *operation)
{
    return row_of(operation)->unseen;
}
