/*
 * networkd: a stand-in that makes in the kernel what one configuration file asks for.
 *
 * /etc/systemd/network is the world's disk, /run/systemd/network its /run. One in two that read the
 * file are restarted behind it, as the fault's seed says: the new one finds what it was to make,
 * and does not know that it made it.
 */
#ifndef TESTS_CRASH_NETWORKD_H
#define TESTS_CRASH_NETWORKD_H

#include <stdbool.h>
#include <stddef.h>

#define NETWORKD_FILE "20-crash.network"
#define NETWORKD_PATH "/etc/systemd/network/" NETWORKD_FILE
#define NETWORKD_CONTENT                                                                           \
    "[Match]\nName=eth0\n"                                                                         \
    "[Route]\nDestination=198.18.7.0/24\nGateway=203.0.113.4\nTable=700\n"                         \
    "[RoutingPolicyRule]\nFrom=198.18.7.0/24\nTable=700\nPriority=7000\n"
enum { NETWORKD_TABLE = 700 };

/* Where that path of the two folders lies in the world; any other one as it is. */
const char *networkd_place(const char *path, char *to, size_t size);

/* It runs, and reads its files; nobody answers before. */
void networkd_start(void);

/* Which of its places has the file, whole. */
bool networkd_file_is_kept(void);
bool networkd_file_is_there(void);

#endif
