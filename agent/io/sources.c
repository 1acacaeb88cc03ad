/*
 * sources: where witnesses' SSH connections came from, as this node saw them.
 */
#include "agent/io/sources.h"

#include <stdio.h>
#include <string.h>

#include "agent/io/peers.h"
#include "common/core/text.h"
#include "common/io/log.h"

enum {
    CANDIDATES_MAX = 16,
    OWNER_MS = 30000, /* a source whose owner is silent for so long is another's */
};

void sources_note_nonce(struct sources *sources, const struct nonce *nonce, mono_t now)
{
    uint32_t at = sources->nonces_count++ % SOURCES_NONCES_MAX;

    sources->nonces[at].nonce = *nonce;
    sources->nonces[at].at = now;
}

void sources_look(struct sources *sources, uint16_t port, mono_t now)
{
    struct err err = ERR_INIT;

    if (peers_look(port, now, &sources->seen, &err)) {
        sources->failure_said = false;
        return;
    }
    if (!sources->failure_said)
        log_warning("who is connected to port %u cannot be seen: %s; no witness counts", port,
                    err.text);
    sources->failure_said = true;
}

/* MONO_NEVER: not one of ours. */
static mono_t find_nonce(const struct sources *sources, const struct nonce *nonce)
{
    for (uint32_t i = 0; i < SOURCES_NONCES_MAX && i < sources->nonces_count; i++) {
        if (nonce_equal(&sources->nonces[i].nonce, nonce))
            return sources->nonces[i].at;
    }
    return MONO_NEVER;
}

/* No other witness has counted by it a moment ago. */
static bool is_free(const struct sources *sources, const struct address *address,
                    const char *witness, mono_t now, char *ret_why)
{
    for (uint32_t i = 0; i < SOURCES_OWNERS_MAX; i++) {
        bool alive = sources->owners[i].at != 0 && now < sources->owners[i].at + OWNER_MS;
        char text[ADDRESS_TEXT_SIZE];

        if (!alive || !address_equal(&sources->owners[i].address, address) ||
            text_equal(sources->owners[i].witness, witness))
            continue;
        snprintf(ret_why, REASON_SIZE, "%s: %s is seen from there too, and counts already",
                 address_is_set(address) ? address_format(address, text)
                                         : "from which of several addresses is not known",
                 sources->owners[i].witness);
        return false;
    }
    return true;
}

/* Whether the source is this witness's; else whose it is goes to ret_why. Two behind one source
 * count once, and it stays the one that came first. */
static bool own_source(struct sources *sources, const struct address *address, const char *witness,
                       mono_t now, char *ret_why)
{
    uint32_t at = 0;

    if (!is_free(sources, address, witness, now, ret_why))
        return false;
    for (uint32_t i = 0; i < SOURCES_OWNERS_MAX; i++) {
        if (address_equal(&sources->owners[i].address, address)) {
            at = i;
            break;
        }
        if (sources->owners[i].at < sources->owners[at].at)
            at = i;
    }
    sources->owners[at].address = *address;
    sources->owners[at].at = now;
    text_copy(sources->owners[at].witness, NAME_SIZE, witness);
    return true;
}

/* Behind NAT several may be meant, strangers' among them: then it counts only if each would. */
static bool all_count(const struct fib *fib, const struct ssh_target *ssh,
                      const struct ssh_peer *peers, uint32_t count, char *ret_why)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!source_counts(fib, ssh, &peers[i], ret_why))
            return false;
    }
    return true;
}

/* Of several addresses none becomes its own: a stranger's would keep another witness from counting.
 * But another one may be behind the same: only one at a time counts like that. */
static bool own_only(struct sources *sources, const struct ssh_peer *peers, uint32_t count,
                     const char *witness, mono_t now, char *ret_why)
{
    static const struct address unknown = {.family = FAMILY_NONE};
    bool differ = false;

    for (uint32_t i = 0; i < count; i++) {
        differ |= !address_equal(&peers[i].address, &peers[0].address);
        if (!is_free(sources, &peers[i].address, witness, now, ret_why))
            return false;
    }
    return own_source(sources, differ ? &unknown : &peers[0].address, witness, now, ret_why);
}

bool sources_judge(struct sources *sources, const struct fib *fib, const struct ssh_target *ssh,
                   const struct statement *statement, mono_t now, struct source_seen *ret_seen)
{
    const struct peer_sought sought = {.witness = statement->signer,
                                       .source = statement->source,
                                       .port = statement->source_port,
                                       .since = find_nonce(sources, &statement->nonce)};
    struct ssh_peer peers[CANDIDATES_MAX];
    uint32_t count = 0;

    memset(ret_seen, 0, sizeof(*ret_seen));
    ret_seen->nonce = statement->nonce;
    text_copy(ret_seen->witness, sizeof(ret_seen->witness), statement->signer);
    if (sought.since == MONO_NEVER)
        text_copy(ret_seen->why, sizeof(ret_seen->why), "that nonce is not known here");
    else
        count = peers_seen_find(&sources->seen, &sought, peers, CANDIDATES_MAX, ret_seen->why);
    if (count == 0)
        return false;
    ret_seen->counts = all_count(fib, ssh, peers, count, ret_seen->why) &&
                       own_only(sources, peers, count, statement->signer, now, ret_seen->why);
    return true;
}
