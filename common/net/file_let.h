/*
 * file_let: what a configuration file lets networkd take from others: a lease, its routes and its
 * gateway, what routers advertise.
 *
 * Pure. How much of each, not from whom: which addresses and routes come of it only others know,
 * and for which device it is may stand in another file.
 */
#ifndef COMMON_NET_FILE_LET_H
#define COMMON_NET_FILE_LET_H

#include "common/net/file_form.h"

enum file_let {
    FILE_LET_DHCP4,
    FILE_LET_DHCP6,
    FILE_LET_ADVERTISED,
    FILE_LET_LEASED_ROUTES,
    FILE_LET_LEASED_GATEWAY,
    FILE_LET_ADVERTISED_GATEWAY,
    FILE_LET_COUNT,
};

/* Zeroed: as networkd does it unasked. One more for each device that it is let through for, one
 * less for each that it is kept from. */
struct file_lets {
    int of[FILE_LET_COUNT];
    bool said[FILE_LET_COUNT]; /* by networkd's own form, which is for one device */
};

/* Adds what the content says, of what file_form.h accepts. */
void file_lets_add(struct file_lets *lets, enum file_form form, const char *content);

/* What asked lets through, had let through too. Routes and gateways count only as far as what
 * brings them is let through. */
bool file_lets_cover(const struct file_lets *had, const struct file_lets *asked);

#endif
