/*
 * networkd: a stand-in that makes in the kernel what two configuration files ask for: one that the
 * second change brings, and one that was there with another content, mode and owner.
 *
 * /etc/systemd/network is the world's disk, /run/systemd/network its /run. One in two that read the
 * first are restarted behind it, as the fault's seed says: the new one finds what it was to make,
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

#define NETWORKD_OLD_FILE "10-crash.network"
#define NETWORKD_OLD_PATH "/etc/systemd/network/" NETWORKD_OLD_FILE
#define NETWORKD_OLD_CONTENT                                                                       \
    "[Match]\nName=eth0\n"                                                                         \
    "[Route]\nDestination=198.18.6.0/24\nGateway=203.0.113.5\nTable=700\n"
#define NETWORKD_NEW_CONTENT                                                                       \
    "[Match]\nName=eth0\n"                                                                         \
    "[Route]\nDestination=198.18.6.0/24\nGateway=203.0.113.6\nTable=700\n"
enum { NETWORKD_OLD_MODE = 0640 }; /* root's: another one's is refused */

/* Where that path of the two folders lies in the world; any other one as it is. */
const char *networkd_place(const char *path, char *to, size_t size);

/* It runs, and reads its files; nobody answers before. */
void networkd_start(void);

/* Puts the second file into the directory, as it was before. */
void networkd_write_old(const char *directory);
/* It has this content, whole, and its mode and owner. */
bool networkd_old_file_has(const char *content);

/* Which of its places has the first file, whole. */
bool networkd_file_is_kept(void);
bool networkd_file_is_there(void);

#endif
