/*
 * source: does a witness count, by where its SSH connection came from, as this node saw it?
 *
 * Design: its source lies in the audience of the SSH address; and, where that is everywhere, this
 * node's model routes it like an address that nobody declared. Two witnesses behind one source
 * count once; the node itself never.
 */
#ifndef AGENT_CORE_SOURCE_H
#define AGENT_CORE_SOURCE_H

#include "common/change/manifest.h"
#include "common/core/mono.h"
#include "common/net/fib.h"

/* One connection to our sshd. */
struct ssh_peer {
    struct address own, address;
    uint16_t port; /* the peer's */
};

/* ret_why: the reason in either case, REASON_SIZE. */
bool source_counts(const struct fib *fib, const struct ssh_target *ssh, const struct ssh_peer *peer,
                   char *ret_why);

/* ---- which connection is whose --------------------------------------------------------------- */

enum { PEERS_SEEN_MAX = 256 };

/* Connections to our sshd that were seen since a trial began, newest kept. */
struct peers_seen {
    uint32_t count;
    struct {
        struct ssh_peer peer;
        mono_t first, last;
        char witness[NAME_SIZE]; /* whose it is known to be; "" unmatched */
    } list[PEERS_SEEN_MAX];
};
void peers_seen_note(struct peers_seen *seen, const struct ssh_peer *peer, mono_t now);

/* What a witness says of its connection. */
struct peer_sought {
    const char *witness;
    struct address source;
    uint16_t port;
    mono_t since; /* it was asked: first seen then or later */
};

/* The connection with which that witness looked: that with the address and port it says, else
 * (behind NAT) that with its port, else all that nobody has claimed. Fills ret_peers, at most max.
 * 0: none was seen, or more than max could be its; ret_why (REASON_SIZE) says so. An exact match
 * becomes the witness's. */
uint32_t peers_seen_find(struct peers_seen *seen, const struct peer_sought *sought,
                         struct ssh_peer *ret_peers, uint32_t max, char *ret_why);

#endif
