/*
 * source: does a witness count, by where its SSH connection came from?
 */
#include "agent/core/source.h"

#include <stdio.h>
#include <string.h>

#include "common/core/text.h"
#include "common/net/tailnet.h"

static bool is_own(const struct snapshot *snapshot, const struct address *address)
{
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        if (address_equal(&snapshot->addresses[i].address, address))
            return true;
    }
    return false;
}

/* In the network of the address that it spoke to. */
static bool is_connected(const struct snapshot *snapshot, const struct ssh_peer *peer)
{
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        const struct link_address *at = &snapshot->addresses[i];
        struct prefix network = prefix_make(&at->address, at->prefix_len);

        if (address_equal(&at->address, &peer->own) && prefix_contains(&network, &peer->address))
            return true;
    }
    return false;
}

/* Singled out by a rule or a route: what it sees, the rest of the world need not see. */
static bool is_routed_like_anybody(const struct fib *fib, const struct ssh_peer *peer, char *why)
{
    struct flow flow = {.destination = peer->address, .source = peer->own, .ip_proto = 6};
    struct fib_decision decision;
    char chain[REASON_SIZE] = "";
    struct text text = TEXT_IN(chain);

    fib_lookup(fib, &flow, &decision);
    if (!decision.special)
        return true;
    fib_explain(fib, &decision, &text);
    snprintf(why, REASON_SIZE, "replies to it are routed by an entry of their own (%.150s)", chain);
    return false;
}

static bool is_in_audience(const struct fib *fib, const struct ssh_target *ssh,
                           const struct ssh_peer *peer, char *why)
{
    switch (ssh->audience) {
    case AUDIENCE_EVERYWHERE:
        return is_routed_like_anybody(fib, peer, why);
    case AUDIENCE_TAILNET:
        snprintf(why, REASON_SIZE, "it did not come over the tailnet, where this address is for");
        return tailnet_has_address(&peer->address);
    case AUDIENCE_CONNECTED:
        snprintf(why, REASON_SIZE, "it is not in the network that this address is for");
        return is_connected(fib_snapshot(fib), peer);
    case AUDIENCE_COUNT:
        break;
    }
    snprintf(why, REASON_SIZE, "an audience that this agent does not know");
    return false;
}

bool source_counts(const struct fib *fib, const struct ssh_target *ssh, const struct ssh_peer *peer,
                   char *ret_why)
{
    char text[ADDRESS_TEXT_SIZE];
    char why[REASON_SIZE] = "";

    address_format(&peer->address, text);
    if (is_own(fib_snapshot(fib), &peer->address)) {
        snprintf(ret_why, REASON_SIZE, "%s is this node itself", text);
        return false;
    }
    if (!is_in_audience(fib, ssh, peer, why)) {
        snprintf(ret_why, REASON_SIZE, "%s: %.200s", text, why);
        return false;
    }
    snprintf(ret_why, REASON_SIZE, "seen from %s", text);
    return true;
}

/* ---- which connection is whose --------------------------------------------------------------- */

static bool same_peer(const struct ssh_peer *a, const struct ssh_peer *b)
{
    return a->port == b->port && address_equal(&a->address, &b->address) &&
           address_equal(&a->own, &b->own);
}

void peers_seen_note(struct peers_seen *seen, const struct ssh_peer *peer, mono_t now)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < seen->count; i++) {
        if (same_peer(&seen->list[i].peer, peer)) {
            seen->list[i].last = now;
            return;
        }
        if (seen->list[i].last < seen->list[at].last)
            at = i;
    }
    if (seen->count < PEERS_SEEN_MAX)
        at = seen->count++;
    memset(&seen->list[at], 0, sizeof(seen->list[at]));
    seen->list[at].peer = *peer;
    seen->list[at].first = now;
    seen->list[at].last = now;
}

/* Connected to us before as another witness: not the one we look for. */
static bool is_others(const struct peers_seen *seen, const struct address *address,
                      const char *witness)
{
    for (uint32_t i = 0; i < seen->count; i++) {
        if (seen->list[i].witness[0] != '\0' && !text_equal(seen->list[i].witness, witness) &&
            address_equal(&seen->list[i].peer.address, address))
            return true;
    }
    return false;
}

struct candidates {
    uint32_t count;         /* may be more than max */
    struct ssh_peer *peers; /* the first max of them */
    uint32_t max;
};

static bool may_be(const struct peers_seen *seen, uint32_t at, const struct peer_sought *sought)
{
    return seen->list[at].first >= sought->since && seen->list[at].witness[0] == '\0' &&
           !is_others(seen, &seen->list[at].peer.address, sought->witness);
}

static void list_candidates(const struct peers_seen *seen, const struct peer_sought *sought,
                            bool with_port, struct candidates *to)
{
    to->count = 0;
    for (uint32_t i = 0; i < seen->count; i++) {
        const struct ssh_peer *peer = &seen->list[i].peer;

        if (!may_be(seen, i, sought) || (with_port && peer->port != sought->port))
            continue;
        if (to->count < to->max)
            to->peers[to->count] = *peer;
        to->count++;
    }
}

/* NAT keeps the port where it can: then that connection alone is meant. A host that is open to
 * everywhere always has strangers knocking: which of them it is need not be told where it would not
 * matter, but all of them have to be looked at. */
static uint32_t find_behind_nat(const struct peers_seen *seen, const struct peer_sought *sought,
                                struct ssh_peer *ret_peers, uint32_t max, char *ret_why)
{
    struct candidates found = {.peers = ret_peers, .max = max};
    bool with_port;

    list_candidates(seen, sought, true, &found);
    with_port = found.count > 0;
    if (!with_port)
        list_candidates(seen, sought, false, &found);
    if (found.count == 0)
        text_copy(ret_why, REASON_SIZE, "no connection of it was seen on this node");
    if (found.count <= max)
        return found.count;
    snprintf(
        ret_why, REASON_SIZE,
        "which connection is its cannot be told: expected one with its port, or at most %u that "
        "it could be; seen are %u, %s its port %u",
        max, found.count, with_port ? "with" : "none with", sought->port);
    return 0;
}

uint32_t peers_seen_find(struct peers_seen *seen, const struct peer_sought *sought,
                         struct ssh_peer *ret_peers, uint32_t max, char *ret_why)
{
    for (uint32_t i = 0; i < seen->count; i++) {
        if (seen->list[i].first < sought->since || seen->list[i].peer.port != sought->port ||
            !address_equal(&seen->list[i].peer.address, &sought->source))
            continue;
        text_copy(seen->list[i].witness, NAME_SIZE, sought->witness);
        ret_peers[0] = seen->list[i].peer;
        return 1;
    }
    return find_behind_nat(seen, sought, ret_peers, max, ret_why);
}
