/*
 * apply_stay: lets the routes by a device and from its addresses stay while those are taken away
 * and put back in one call.
 */
#include "agent/guard/io/apply_stay.h"

#include "agent/guard/io/apply_netlink.h"
#include "common/net/consequence.h"
#include "common/net/operation.h"

enum { SINGLE = 32 };

void apply_stay_add(struct apply_batch *batch, const struct link_address *own,
                    const struct snapshot *there, bool ends)
{
    const struct link_address stay = {.link = own->link,
                                      .address = own->address,
                                      .prefix_len = own->prefix_len == SINGLE ? SINGLE - 1 : SINGLE,
                                      .scope = own->scope,
                                      .protocol = OCEANID_PROTOCOL,
                                      .noprefixroute = true};

    if (own->address.family == FAMILY_IPV4 && consequence_find_address(there, &stay) == NULL)
        apply_batch_add_take(batch, apply_netlink_address_message(&stay, ends));
}
