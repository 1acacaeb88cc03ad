/*
 * wire_report: what a guard says.
 */
#include <stdlib.h>
#include <string.h>

#include "common/change/proof.h"
#include "common/core/mem.h"
#include "common/io/wire_guard.h"
#include "common/io/wire_values.h"

enum { LINES_MAX = 2 * OPERATIONS_MAX };

void guard_report_done(struct guard_report *report)
{
    wire_bytes_done(&report->envelope);
    free(report->lines);
    free(report->rehearsal);
    memset(report, 0, sizeof(*report));
}

/* ---- putting ----------------------------------------------------------------------------------
 */

static char **put_lines(struct arena *arena, const struct guard_report *from)
{
    return wire_put_rows(arena, from->lines != NULL ? from->lines[0] : NULL, SENTENCE_SIZE,
                         from->lines_count);
}

static Oceanid__Prepared *put_prepared(struct arena *arena, const struct guard_report *from)
{
    Oceanid__Prepared *to = wire_new(arena, Oceanid__Prepared, oceanid__prepared__init);

    to->id = wire_put_generation_id(arena, &from->id);
    to->n_undo = from->lines_count;
    to->undo = put_lines(arena, from);
    if (from->rehearsal != NULL)
        to->rehearsal = wire_put_rehearsal(arena, from->rehearsal);
    return to;
}

static Oceanid__NonceIssued *put_nonce(struct arena *arena, const struct guard_report *from)
{
    Oceanid__NonceIssued *to = wire_new(arena, Oceanid__NonceIssued, oceanid__nonce_issued__init);

    to->id = wire_put_generation_id(arena, &from->id);
    to->nonce = wire_put_bytes(from->nonce.bytes, NONCE_SIZE);
    to->number = from->number;
    to->fresh_connection = from->fresh_connection;
    to->last = from->last;
    to->soak_left_s = from->soak_left_s;
    return to;
}

static Oceanid__Refused *put_refused(struct arena *arena, const struct guard_report *from)
{
    Oceanid__Refused *to = wire_new(arena, Oceanid__Refused, oceanid__refused__init);

    to->attempt = wire_put_attempt(arena, &from->id.attempt);
    to->reason = wire_put_text(arena, from->reason);
    to->expired = from->expired;
    to->lasting = from->lasting;
    return to;
}

static Oceanid__Progress *put_progress(struct arena *arena, const struct guard_report *from)
{
    Oceanid__Progress *to = wire_new(arena, Oceanid__Progress, oceanid__progress__init);

    to->id = wire_put_generation_id(arena, &from->id);
    to->state = wire_put_text(arena, from->state);
    to->sentence = wire_put_text(arena, from->sentence);
    to->soak_left_s = from->soak_left_s;
    to->n_open_items = from->lines_count;
    to->open_items = put_lines(arena, from);
    return to;
}

static Oceanid__Drifted *put_drift(struct arena *arena, const struct guard_report *from)
{
    Oceanid__Drifted *to = wire_new(arena, Oceanid__Drifted, oceanid__drifted__init);

    to->n_lines = from->lines_count;
    to->lines = put_lines(arena, from);
    return to;
}

static Oceanid__RehearsalMade *put_rehearsal(struct arena *arena, const struct guard_report *from)
{
    Oceanid__RehearsalMade *to =
        wire_new(arena, Oceanid__RehearsalMade, oceanid__rehearsal_made__init);

    to->nonce = wire_put_bytes(from->nonce.bytes, NONCE_SIZE);
    if (from->rehearsal != NULL)
        to->rehearsal = wire_put_rehearsal(arena, from->rehearsal);
    return to;
}

static void put_report(struct arena *arena, Oceanid__GuardReport *to,
                       const struct guard_report *from)
{
    switch (from->kind) {
    case REPORT_PREPARED:
        to->kind_case = OCEANID__GUARD_REPORT__KIND_PREPARED;
        to->prepared = put_prepared(arena, from);
        break;
    case REPORT_NONCE:
        to->kind_case = OCEANID__GUARD_REPORT__KIND_NONCE;
        to->nonce = put_nonce(arena, from);
        break;
    case REPORT_RECEIPT:
        to->kind_case = OCEANID__GUARD_REPORT__KIND_RECEIPT;
        to->receipt = wire_put_signed(arena, wire_lend(&from->envelope));
        break;
    case REPORT_REFUSED:
        to->kind_case = OCEANID__GUARD_REPORT__KIND_REFUSED;
        to->refused = put_refused(arena, from);
        break;
    case REPORT_STACK:
        to->kind_case = OCEANID__GUARD_REPORT__KIND_STACK;
        to->stack = wire_put_signed(arena, wire_lend(&from->envelope));
        break;
    case REPORT_STATEMENT:
        to->kind_case = OCEANID__GUARD_REPORT__KIND_STATEMENT;
        to->statement = wire_put_signed(arena, wire_lend(&from->envelope));
        break;
    case REPORT_PROGRESS:
        to->kind_case = OCEANID__GUARD_REPORT__KIND_PROGRESS;
        to->progress = put_progress(arena, from);
        break;
    case REPORT_REHEARSAL:
        to->kind_case = OCEANID__GUARD_REPORT__KIND_REHEARSAL;
        to->rehearsal = put_rehearsal(arena, from);
        break;
    case REPORT_DRIFT:
        to->kind_case = OCEANID__GUARD_REPORT__KIND_DRIFT;
        to->drift = put_drift(arena, from);
        break;
    case GUARD_REPORT_COUNT:
        break;
    }
}

struct wire_bytes wire_encode_guard_report(const struct guard_report *report)
{
    AUTO_ARENA struct arena arena;
    Oceanid__GuardReport to = OCEANID__GUARD_REPORT__INIT;

    arena_init(&arena, SIZE_MAX);
    put_report(&arena, &to, report);
    return wire_pack(&to.base);
}

/* ---- taking -----------------------------------------------------------------------------------
 */

static bool take_lines(struct guard_report *to, char **from, size_t count, struct err *err)
{
    struct wire_rows lines = {NULL, SENTENCE_SIZE, LINES_MAX, "line", false};

    if (!wire_take_count(count, LINES_MAX, "lines", err))
        return false;
    to->lines = mem_alloc(count, sizeof(*to->lines));
    lines.first = to->lines[0];
    return wire_take_rows(&lines, &to->lines_count, from, count, err);
}

static bool take_prepared(struct guard_report *to, const Oceanid__Prepared *from, struct err *err)
{
    to->kind = REPORT_PREPARED;
    if (!wire_take_generation_id(&to->id, from->id, err) ||
        !take_lines(to, from->undo, from->n_undo, err))
        return false;
    if (from->rehearsal == NULL)
        return true;
    to->rehearsal = mem_alloc(1, sizeof(*to->rehearsal));
    return wire_take_rehearsal(to->rehearsal, from->rehearsal, err);
}

static bool take_nonce(struct guard_report *to, const Oceanid__NonceIssued *from, struct err *err)
{
    to->kind = REPORT_NONCE;
    to->number = from->number;
    to->fresh_connection = from->fresh_connection;
    to->last = from->last;
    to->soak_left_s = from->soak_left_s;
    return wire_take_generation_id(&to->id, from->id, err) &&
           wire_take_fixed(to->nonce.bytes, NONCE_SIZE, &from->nonce, "nonce", err);
}

/* Guards of before the sign have it in words. */
static bool take_refused(struct guard_report *to, const Oceanid__Refused *from, struct err *err)
{
    to->kind = REPORT_REFUSED;
    to->expired = from->expired;
    if (!wire_take_attempt(&to->id.attempt, from->attempt, err) ||
        !wire_take_line(to->reason, sizeof(to->reason), from->reason, "reason", err))
        return false;
    to->lasting = from->lasting || strstr(to->reason, REFUSED_FOR_GOOD) != NULL;
    return true;
}

static bool take_progress(struct guard_report *to, const Oceanid__Progress *from, struct err *err)
{
    to->kind = REPORT_PROGRESS;
    to->soak_left_s = from->soak_left_s;
    return wire_take_generation_id(&to->id, from->id, err) &&
           wire_take_line(to->state, sizeof(to->state), from->state, "state", err) &&
           wire_take_line(to->sentence, sizeof(to->sentence), from->sentence, "sentence", err) &&
           take_lines(to, from->open_items, from->n_open_items, err);
}

static bool take_rehearsal(struct guard_report *to, const Oceanid__RehearsalMade *from,
                           struct err *err)
{
    to->kind = REPORT_REHEARSAL;
    if (from->rehearsal == NULL)
        return err_set(err, ERR_INPUT, "the rehearsal is missing");
    to->rehearsal = mem_alloc(1, sizeof(*to->rehearsal));
    return wire_take_fixed(to->nonce.bytes, NONCE_SIZE, &from->nonce, "nonce", err) &&
           wire_take_rehearsal(to->rehearsal, from->rehearsal, err);
}

static bool take_report(struct guard_report *to, const Oceanid__GuardReport *from, struct err *err)
{
    switch (from->kind_case) {
    case OCEANID__GUARD_REPORT__KIND_PREPARED:
        return take_prepared(to, from->prepared, err);
    case OCEANID__GUARD_REPORT__KIND_NONCE:
        return take_nonce(to, from->nonce, err);
    case OCEANID__GUARD_REPORT__KIND_RECEIPT:
        to->kind = REPORT_RECEIPT;
        return wire_take_signed(&to->envelope, from->receipt, "receipt", err);
    case OCEANID__GUARD_REPORT__KIND_REFUSED:
        return take_refused(to, from->refused, err);
    case OCEANID__GUARD_REPORT__KIND_STACK:
        to->kind = REPORT_STACK;
        return wire_take_signed(&to->envelope, from->stack, "stack", err);
    case OCEANID__GUARD_REPORT__KIND_STATEMENT:
        to->kind = REPORT_STATEMENT;
        return wire_take_signed(&to->envelope, from->statement, "statement", err);
    case OCEANID__GUARD_REPORT__KIND_PROGRESS:
        return take_progress(to, from->progress, err);
    case OCEANID__GUARD_REPORT__KIND_REHEARSAL:
        return take_rehearsal(to, from->rehearsal, err);
    case OCEANID__GUARD_REPORT__KIND_DRIFT:
        to->kind = REPORT_DRIFT;
        return take_lines(to, from->drift->lines, from->drift->n_lines, err);
    case OCEANID__GUARD_REPORT__KIND__NOT_SET:
    case _OCEANID__GUARD_REPORT__KIND__CASE_IS_INT_SIZE:
    default:
        return err_set(err, ERR_INPUT, "it is of a kind that is not known");
    }
}

bool wire_decode_guard_report(struct bytes from, struct guard_report *ret_report, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    Oceanid__GuardReport *message =
        wire_unpack(&arena, &oceanid__guard_report__descriptor, from, COMMAND_SIZE_MAX, err);

    memset(ret_report, 0, sizeof(*ret_report));
    if (message != NULL && take_report(ret_report, message, err))
        return true;
    guard_report_done(ret_report);
    return err_wrap(err, "report of the guard");
}
