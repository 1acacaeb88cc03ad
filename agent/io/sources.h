/*
 * sources: where witnesses' SSH connections came from, as this node saw them: polled while a trial
 * is open, because they are short; and whether that makes a witness count.
 */
#ifndef AGENT_IO_SOURCES_H
#define AGENT_IO_SOURCES_H

#include "agent/core/source.h"
#include "common/io/wire_session.h"

enum { SOURCES_NONCES_MAX = 32, SOURCES_OWNERS_MAX = 32, SOURCES_LOOK_MS = 150 };

/* Zeroed: nothing was seen. */
struct sources {
    struct peers_seen seen;
    uint32_t nonces_count; /* ever */
    struct {
        struct nonce nonce;
        mono_t at;
    } nonces[SOURCES_NONCES_MAX]; /* number n at n % SOURCES_NONCES_MAX */
    struct {
        struct address address;
        char witness[NAME_SIZE];
        mono_t at; /* counted last; 0: free */
    } owners[SOURCES_OWNERS_MAX];
    bool failure_said;
};

/* From now on a connection may be one over this nonce. */
void sources_note_nonce(struct sources *sources, const struct nonce *nonce, mono_t now);

/* Notes who is connected to that port. */
void sources_look(struct sources *sources, uint16_t port, mono_t now);

/* Whether the signer counts, by its connection, for the statement's nonce. False: nothing follows
 * for the guard, because no connection of it was seen, or which is its is not known; ret_seen->why
 * says so. */
bool sources_judge(struct sources *sources, const struct fib *fib, const struct ssh_target *ssh,
                   const struct statement *statement, mono_t now, struct source_seen *ret_seen);

#endif
