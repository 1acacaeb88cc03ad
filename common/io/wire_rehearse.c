/*
 * wire_rehearse: what guard and oceanid-rehearse say to each other.
 */
#include "common/io/wire_rehearse.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/io/wire_values.h"

void rehearse_done(struct rehearse *rehearse)
{
    snapshot_done(&rehearse->snapshot);
    free(rehearse->operations);
    memset(rehearse, 0, sizeof(*rehearse));
}

/* ---- the question -----------------------------------------------------------------------------
 */

struct wire_bytes wire_encode_rehearse(const struct snapshot *snapshot,
                                       const struct operation *operations, uint32_t count)
{
    AUTO_ARENA struct arena arena;
    Oceanid__Rehearse to = OCEANID__REHEARSE__INIT;

    arena_init(&arena, SIZE_MAX);
    to.snapshot = wire_put_snapshot(&arena, snapshot, true);
    to.n_operations = count;
    to.operations = arena_alloc(&arena, count, sizeof(*to.operations));
    for (uint32_t i = 0; i < count; i++)
        to.operations[i] = wire_put_operation(&arena, &operations[i]);
    return wire_pack(&to.base);
}

static bool take_operations(struct rehearse *to, const Oceanid__Rehearse *from, struct err *err)
{
    if (!wire_take_count(from->n_operations, OPERATIONS_MAX, "operations", err))
        return false;
    to->operations = mem_alloc(from->n_operations, sizeof(*to->operations));
    to->operations_count = (uint32_t)from->n_operations;
    for (size_t i = 0; i < from->n_operations; i++) {
        if (!wire_take_operation(&to->operations[i], from->operations[i], err))
            return false;
    }
    return true;
}

bool wire_decode_rehearse(struct bytes from, struct rehearse *ret_rehearse, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    Oceanid__Rehearse *message =
        wire_unpack(&arena, &oceanid__rehearse__descriptor, from, REHEARSE_SIZE_MAX, err);

    memset(ret_rehearse, 0, sizeof(*ret_rehearse));
    if (message != NULL &&
        wire_take_snapshot(&ret_rehearse->snapshot, message->snapshot, true, err)) {
        if (take_operations(ret_rehearse, message, err))
            return true;
        rehearse_done(ret_rehearse);
    }
    return err_wrap(err, "what is to be rehearsed");
}

/* ---- the answer -------------------------------------------------------------------------------
 */

Oceanid__Rehearsal *wire_put_rehearsal(struct arena *arena, const struct rehearsal *from)
{
    Oceanid__Rehearsal *to = wire_new(arena, Oceanid__Rehearsal, oceanid__rehearsal__init);

    to->lacks = wire_put_text(arena, from->lacks);
    to->n_operations = from->operations_count;
    to->operations =
        wire_new_list(arena, Oceanid__Rehearsed, oceanid__rehearsed__init, from->operations_count);
    for (uint32_t i = 0; i < from->operations_count; i++) {
        to->operations[i]->outcome = from->operations[i].outcome;
        to->operations[i]->why = wire_put_text(arena, from->operations[i].why);
    }
    return to;
}

bool wire_take_rehearsal(struct rehearsal *to, const Oceanid__Rehearsal *from, struct err *err)
{
    if (!wire_take_line(to->lacks, sizeof(to->lacks), from->lacks, "lacks", err) ||
        !wire_take_count(from->n_operations, OPERATIONS_MAX, "operations", err))
        return false;
    to->operations_count = (uint32_t)from->n_operations;
    for (size_t i = 0; i < from->n_operations; i++) {
        struct rehearsed *one = &to->operations[i];

        if (!wire_take_range(from->operations[i]->outcome, REHEARSED_OUTCOME_COUNT - 1, "outcome",
                             err) ||
            !wire_take_line(one->why, sizeof(one->why), from->operations[i]->why, "why", err))
            return false;
        one->outcome = (enum rehearsed_outcome)from->operations[i]->outcome;
    }
    return true;
}

struct wire_bytes wire_encode_rehearsal(const struct rehearsal *rehearsal)
{
    AUTO_ARENA struct arena arena;

    arena_init(&arena, SIZE_MAX);
    return wire_pack(&wire_put_rehearsal(&arena, rehearsal)->base);
}

bool wire_decode_rehearsal(struct bytes from, struct rehearsal *ret_rehearsal, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    Oceanid__Rehearsal *message =
        wire_unpack(&arena, &oceanid__rehearsal__descriptor, from, COMMAND_SIZE_MAX, err);

    memset(ret_rehearsal, 0, sizeof(*ret_rehearsal));
    return (message != NULL && wire_take_rehearsal(ret_rehearsal, message, err)) ||
           err_wrap(err, "rehearsal");
}
