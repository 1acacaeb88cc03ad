/*
 * owned: the operations that this node answers for: those of the confirmed generations, and the
 * shields of the open trial.
 *
 * An older generation's operation that a newer one has replaced, or whose object went with what the
 * newer one did, is not owned any more; one that is being undone is not either.
 */
#ifndef AGENT_GUARD_IO_OWNED_H
#define AGENT_GUARD_IO_OWNED_H

#include "agent/guard/core/trial.h"
#include "agent/guard/io/journal.h"

enum owned_what {
    OWNED_SHIELDS, /* of the stack and of the open trial */
    OWNED_ALL,     /* and all else of the stack that does not persist by itself */
    OWNED_EVERYTHING,
};

struct owned {
    uint32_t count, capacity;
    struct operation *operations;     /* oldest first; free() */
    struct tailscale_profile profile; /* of the prefs among them; not known where several are */
};

/* trial NULL: nothing is being undone. */
void owned_list(struct owned *ret_owned, enum owned_what what, struct journal *journal,
                const struct ledger *ledger, const struct trial *trial);

enum { OWNED_FILES_MAX = 256 };

/* The files of the confirmed generations; borrowed from the journal. items: OWNED_FILES_MAX. */
uint32_t owned_list_files(const struct undo_item **items, struct journal *journal,
                          const struct ledger *ledger, const struct trial *trial);

/* Decodes the generation's body: its plan for node. False, with the reason, if there is none. On
 * true the caller ends ret_manifest. */
bool owned_read_plan(const struct journal_generation *generation, const char *node,
                     struct manifest *ret_manifest, const struct manifest_plan **ret_plan,
                     struct err *err);

#endif
