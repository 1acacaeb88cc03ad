/*
 * unsent: what was signed and no controller has said that it took. Until it ends or lapses nothing
 * else can be signed (docs/protocol.md rule 20), so it must not be lost with an answer.
 */
#ifndef CONTROLLER_CTL_UNSENT_H
#define CONTROLLER_CTL_UNSENT_H

#include "common/core/bytes.h"
#include "controller/ctl/ctl.h"

/* Into unsent-CHANGE.manifest beside the keys; a disk that refuses is told, and nothing else. */
void unsent_keep(const struct ctl *ctl, struct bytes signed_manifest);

/* Says where it is kept, and that `rollout start` takes it from there; refused: once that is mended
 * for which a controller refused it. */
void unsent_tell(const struct ctl *ctl, struct bytes signed_manifest, bool refused);

/* A controller leads it. */
void unsent_forget(const struct ctl *ctl, struct bytes signed_manifest);

#endif
