/*
 * publish: a roster that was signed here becomes the fleet's when the controller takes it. One that
 * it refuses leaves everything as it was: a directory that is ahead of the fleet would later bring
 * back who was removed meanwhile.
 */
#ifndef CONTROLLER_CTL_PUBLISH_H
#define CONTROLLER_CTL_PUBLISH_H

#include "common/change/roster.h"
#include "common/io/wire.h"
#include "controller/ctl/ctl.h"

/* Refuses a roster of the directory that is neither the controller's nor built on it (in a
 * directory that has not kept what it was built on: nor newer); says on stderr when that is not
 * known. Call it before anything is asked or signed. */
bool publish_check_newest(struct ctl *ctl, const struct roster *roster, struct err *err);

struct publication {          /* both owned */
    struct wire_bytes before; /* the directory's roster until then */
    struct wire_bytes signed_roster;
};
void publication_done(struct publication *publication);
#define AUTO_PUBLICATION __attribute__((cleanup(publication_done)))

/* Signs it as the next version, into the directory, which keeps what that is built on. Refused
 * where the directory has another version by now than the one that it was read from. */
bool publish_sign(struct ctl *ctl, struct roster *roster, struct publication *ret_publication,
                  struct err *err);

/* OUTCOME_DONE: it is the fleet's. OUTCOME_INCOMPLETE: the controller has said nothing, and the
 * directory alone has it; how it gets there was said on stderr. Any other: it was refused, the
 * directory is as before, and that nothing has changed was said last. */
enum outcome publish_send(struct ctl *ctl, const struct publication *publication);

#endif
