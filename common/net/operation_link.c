/*
 * operation_link: sets a device's mtu, and takes it up or down.
 */
#include "common/net/consequence.h"
#include "common/net/operation_kind.h"
#include "common/net/owner.h"

static bool validate(const struct operation *operation, struct err *err)
{
    const struct operation_link *link = &operation->link;

    if (link->device[0] == '\0')
        return err_set(err, ERR_INPUT, "link: it names no device; expected one, like eth1");
    if (link->mtu == 0 && !link->set_up)
        return err_set(err, ERR_INPUT, "link %s: nothing is set; accepted are mtu and state",
                       link->device);
    if (link->mtu != 0 && (link->mtu < LINK_MTU_MIN || link->mtu > LINK_MTU_MAX))
        return err_set(err, ERR_INPUT, "link %s: mtu %u: accepted is %u to %u", link->device,
                       link->mtu, LINK_MTU_MIN, LINK_MTU_MAX);
    return true;
}

static bool check(const struct operation *operation, const struct snapshot *snapshot,
                  struct err *err)
{
    const char *device = operation->link.device;
    const struct link *there = snapshot_find_device(snapshot, device);
    const struct owner_row *row;

    if (there == NULL)
        return err_set(err, ERR_MISSING, "link %s: the device is not there", device);
    row = owner_row(owner_of_link(there, snapshot));
    return row->undo ||
           err_set(err, ERR_CONFLICT, "link %s: it belongs to %s (%s); accepted are others", device,
                   row->name, row->known_by);
}

static bool holds(const struct operation *operation, const struct snapshot *snapshot)
{
    const struct operation_link *wanted = &operation->link;
    const struct link *there = snapshot_find_device(snapshot, wanted->device);

    return there != NULL && (wanted->mtu == 0 || there->mtu == wanted->mtu) &&
           (!wanted->set_up || there->up == wanted->up);
}

/* The kernel takes the mtu first. */
static void predict(const struct operation *operation, struct snapshot *snapshot)
{
    const struct operation_link *wanted = &operation->link;
    const struct link *there = snapshot_find_device(snapshot, wanted->device);

    if (there == NULL)
        return;
    if (wanted->mtu != 0)
        consequence_mtu(snapshot, there->index, wanted->mtu);
    if (wanted->set_up && wanted->up)
        consequence_link_up(snapshot, there->index);
    else if (wanted->set_up)
        consequence_link_down(snapshot, there->index);
}

static void render(const struct operation *operation, struct text *out)
{
    const struct operation_link *link = &operation->link;

    text_add(out, "link %s:", link->device);
    if (link->mtu != 0)
        text_add(out, " mtu %u", link->mtu);
    if (link->set_up)
        text_add(out, "%s %s", link->mtu != 0 ? "," : "", link->up ? "up" : "down");
}

static void add_object(const struct operation *operation, struct text *out)
{
    text_add(out, "link %s", operation->link.device);
}

const struct operation_row operation_link_row = {
    .name = "link",
    .validate = validate,
    .check = check,
    .holds = holds,
    .predict = predict,
    .render = render,
    .object = add_object,
};
