/*
 * admit: makes events of what clients ask: decodes, verifies signatures, and hands the facts to the
 * trial machine, which decides.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/guard/core/admission.h"
#include "agent/guard/io/guard.h"
#include "agent/guard/io/trust_root.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/log.h"

/* ---- prepare -------------------------------------------------------------------------------- */

static void take_bytes(struct wire_bytes *to, struct wire_bytes *from)
{
    *to = *from;
    *from = (struct wire_bytes){NULL, 0};
}

static uint32_t list_objects(const struct manifest_plan *plan, char (*objects)[96])
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < manifest_plan_places(plan); i++)
        count += manifest_plan_object(plan, i, objects[count], sizeof(objects[count]));
    return count;
}

static bool is_my_key(const struct guard *guard, const struct manifest *manifest)
{
    const struct roster_entry *entry = manifest_find_entry(manifest, guard->trial->node);

    return entry != NULL && key_equal(&entry->guard_key, &guard->public_key);
}

static bool fill_manifest(struct guard *guard, struct guard_prepare *prepare, struct err *err)
{
    static char objects[OPERATIONS_MAX * OPERATION_OBJECTS_MAX][96];
    struct held *asked = &guard->asked;
    const struct manifest_plan *plan;

    if (!wire_decode_manifest(wire_lend(&asked->body), &asked->manifest, err))
        return false;
    asked->has_manifest = true;
    admit_learn_name(guard, &asked->manifest);
    plan = manifest_find_plan(&asked->manifest, guard->trial->node);
    prepare->manifest = &asked->manifest;
    prepare->key_is_mine = is_my_key(guard, &asked->manifest);
    prepare->objects_count = plan != NULL ? list_objects(plan, objects) : 0;
    prepare->objects = (const char(*)[96])objects;
    return true;
}

/* Decoded it is hundreds of times as large: only a manifest that is signed is. */
static bool step_prepare(struct guard *guard, const struct approval *approval,
                         const struct trust *trust, struct err *err)
{
    struct held *asked = &guard->asked;
    struct guard_event ev = {.kind = ON_PREPARE};

    ev.prepare.approvals_count =
        wire_count_approvals(wire_lend(&asked->approval), trust, TRUST_APPROVER);
    sign_hash(asked->body.data, asked->body.len, &ev.prepare.body);
    ev.prepare.approval = approval;
    ev.prepare.trust = trust;
    if (admission_is_signed(&ev.prepare) && !fill_manifest(guard, &ev.prepare, err))
        return false;
    guard_step(guard, &ev);
    return true;
}

/* Replays, order and what bars an approval are judged by what the journal says. */
static bool check_journal_if_closed(const struct guard *guard, bool is_doubtful, struct err *err)
{
    if (trial_is_open(guard->trial) || !is_doubtful)
        return true;
    return err_set(
        err, ERR_CONFLICT,
        "the journal was damaged: expected all of its records, some are lost; nothing new "
        "is started here until root has looked into %s/journal.damaged and moved it away",
        guard->config.state);
}

static bool admit_prepare(struct guard *guard, struct guard_request *request,
                          const struct trust *trust, bool is_doubtful, struct err *err)
{
    AUTO_FREE struct approval *approval = mem_alloc(1, sizeof(*approval));
    struct held *asked = &guard->asked;

    if (!check_journal_if_closed(guard, is_doubtful, err) ||
        !wire_decode_approval(wire_lend(&request->envelope), approval, err))
        return false;
    request->id.attempt = approval->attempt; /* a refusal names it, behind its envelope too */
    asked->asker = guard->asker;
    take_bytes(&asked->body, &request->body);
    take_bytes(&asked->approval, &request->envelope);
    return step_prepare(guard, approval, trust, err);
}

/* ---- statements ----------------------------------------------------------------------------- */

/* By the roster of the manifest that is prepared or open; nobody else's word counts. */
static bool verify_statement(const struct guard *guard, const struct statement *statement,
                             struct bytes envelope)
{
    const struct roster_entry *entry;
    struct err err = ERR_INIT;

    if (!guard->held.has_manifest)
        return false;
    entry = manifest_find_entry(&guard->held.manifest, statement->signer);
    if (entry == NULL)
        return false;
    if (wire_verify(envelope, SIGN_STATEMENT,
                    statement->phase == PHASE_STANDING ? &entry->guard_key : &entry->agent_key,
                    &err))
        return true;
    log_warning("statement of %s: %s", statement->signer, err.text);
    return false;
}

static bool decode_statements(const struct guard_request *request, struct statement *statements,
                              struct err *err)
{
    for (uint32_t i = 0; i < request->statements_count; i++) {
        if (!wire_decode_statement(wire_lend(&request->statements[i]), &statements[i], err))
            return err_wrap(err, "statement %u", i + 1);
    }
    return true;
}

/* Of those that could count, one of each signer and phase. */
static bool is_worth_it(const struct trial *trial, const struct statement *statements, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (statements[i].phase == statements[at].phase &&
            text_equal(statements[i].signer, statements[at].signer) &&
            admission_fits_start(trial, &statements[i]))
            return false;
    }
    return admission_fits_start(trial, &statements[at]);
}

/* A signature takes milliseconds, and whoever carries statements chooses how many. */
static void step_start(struct guard *guard, const struct guard_request *request,
                       const struct statement *statements, uint32_t count)
{
    AUTO_FREE struct guard_statement *given = mem_alloc(count, sizeof(*given));
    struct guard_event ev = {.kind = ON_START};

    for (uint32_t i = 0; i < count; i++) {
        given[i].statement = &statements[i];
        given[i].verified =
            is_worth_it(guard->trial, statements, i) &&
            verify_statement(guard, &statements[i], wire_lend(&request->statements[i]));
    }
    ev.start.id = request->id;
    ev.start.statements_count = count;
    ev.start.statements = given;
    guard_step(guard, &ev);
}

/* A start that nobody waits for is answered whatever its statements say. */
static bool admit_start(struct guard *guard, const struct guard_request *request, struct err *err)
{
    AUTO_FREE struct statement *statements = NULL;

    if (request->statements_count > STATEMENTS_MAX)
        return err_set(err, ERR_LIMIT, "%u statements: accepted are at most %u",
                       request->statements_count, STATEMENTS_MAX);
    if (!admission_awaits_start(guard->trial, &request->id)) {
        step_start(guard, request, NULL, 0);
        return true;
    }
    statements = mem_alloc(request->statements_count, sizeof(*statements));
    if (!decode_statements(request, statements, err))
        return false;
    step_start(guard, request, statements, request->statements_count);
    return true;
}

static bool admit_statement(struct guard *guard, const struct guard_request *request,
                            struct err *err)
{
    AUTO_FREE struct statement *statement = mem_alloc(1, sizeof(*statement));
    struct guard_event ev = {.kind = ON_STATEMENT};

    if (!wire_decode_statement(wire_lend(&request->envelope), statement, err))
        return false;
    ev.statement.statement = statement;
    ev.statement.verified = admission_awaits_renewal(guard->trial, statement) &&
                            verify_statement(guard, statement, wire_lend(&request->envelope));
    guard_step(guard, &ev);
    return true;
}

/* ---- ends ----------------------------------------------------------------------------------- */

bool admit_is_fellow(const struct manifest *manifest, struct bytes envelope,
                     struct receipt *ret_fellow)
{
    const struct roster_entry *entry;
    struct err err = ERR_INIT;

    if (envelope.len == 0 || !wire_decode_receipt(envelope, ret_fellow, &err) ||
        manifest_find_plan(manifest, ret_fellow->node) == NULL)
        return false;
    entry = manifest_find_entry(manifest, ret_fellow->node);
    return entry != NULL && wire_verify(envelope, SIGN_RECEIPT, &entry->guard_key, &err);
}

static bool verify_fellow(const struct guard *guard, const struct guard_request *request,
                          struct receipt *ret_fellow)
{
    struct journal_generation *kept = journal_find(guard->journal, &request->id);
    struct manifest manifest;
    struct err err = ERR_INIT;
    bool good;

    if (kept == NULL || request->envelope.len == 0 ||
        !wire_decode_manifest(wire_lend(&kept->body), &manifest, &err))
        return false;
    good = admit_is_fellow(&manifest, wire_lend(&request->envelope), ret_fellow);
    manifest_done(&manifest);
    return good;
}

static bool admit_end(struct guard *guard, const struct guard_request *request,
                      enum guard_event_kind kind)
{
    AUTO_FREE struct receipt *fellow = mem_alloc(1, sizeof(*fellow));
    struct guard_event ev = {.kind = kind};

    ev.end.id = request->id;
    ev.end.right = RIGHT_CONTROLLER;
    ev.end.stack_nonce = request->nonce;
    ev.end.reason = request->reason;
    if (kind == ON_POP && admission_nothing_above(guard->trial) &&
        verify_fellow(guard, request, fellow))
        ev.end.fellow = fellow;
    guard_step(guard, &ev);
    return true;
}

static bool admit_order(struct guard *guard, const struct guard_request *request,
                        const struct trust *trust, struct err *err)
{
    AUTO_FREE struct order *order = mem_alloc(1, sizeof(*order));
    struct guard_event ev = {.kind = ON_POP};

    if (!trust_root_believe_order(trust, guard->config.trust, wire_lend(&request->envelope),
                                  guard->trial->node, order, err))
        return false;
    ev.end.id = order->down_to;
    ev.end.right = RIGHT_OPERATOR;
    ev.end.reason = order->reason;
    guard_step(guard, &ev);
    return true;
}

/* ---- questions ------------------------------------------------------------------------------ */

static bool admit_stack(struct guard *guard, const struct guard_request *request)
{
    struct guard_event ev = {.kind = ON_STACK, .challenge = request->challenge};

    admit_refresh_name(guard);
    guard_step(guard, &ev);
    if (request->hello)
        ends_owe(guard, guard->asker);
    return true;
}

static bool admit_standing(struct guard *guard, const struct guard_request *request)
{
    struct guard_event ev = {.kind = ON_STANDING};

    ev.standing.nonce = request->nonce;
    ev.standing.body = request->body_hash;
    ev.standing.subject = request->name;
    guard_step(guard, &ev);
    return true;
}

/* From the own agent or root: nobody else gets a connection. */
static bool admit_source(struct guard *guard, const struct guard_request *request)
{
    struct guard_event ev = {.kind = ON_SOURCE};

    ev.source.nonce = request->nonce;
    ev.source.witness = request->name;
    ev.source.counts = request->counts;
    if (!request->counts)
        log_info("witness %s does not count: %s", request->name, request->reason);
    guard_step(guard, &ev);
    return true;
}

/* What rescue has looked at may have gone since; for what an order does not name nobody stops. */
static bool check_named(const struct guard *guard, const struct generation_id *id, struct err *err)
{
    return nonce_is_zero(&id->start) || ledger_find(guard->ledger, id) != NULL ||
           generation_id_equal(&guard->trial->id, id) ||
           err_set(err, ERR_MISSING,
                   "sequence %llu of the order neither stands nor is on trial here any more: "
                   "nothing was touched",
                   (unsigned long long)id->attempt.sequence);
}

static bool admit_fence(struct guard *guard, const struct client *client,
                        const struct generation_id *named, struct err *err)
{
    struct guard_event ev = {.kind = ON_FENCE};

    if (client->uid != 0)
        return err_set(err, ERR_DENIED, "only root may fence the guard, not uid %u", client->uid);
    if (!check_named(guard, named, err))
        return false;
    log_warning("process %d asks for the journal: letting go", (int)client->pid);
    guard_step(guard, &ev);
    return true;
}

/* ---- the trust root ------------------------------------------------------------------------- */

/* While something is open another prepare is refused whoever signed it. */
static bool admit_when_trusted(struct guard *guard, struct guard_request *request, struct err *err)
{
    static const struct trust none;

    if (request->kind == GUARD_PREPARE && trial_is_open(guard->trial))
        return admit_prepare(guard, request, &none, false, err);
    return trust_reader_give(guard->trust_reader, guard->asker, request, err);
}

/* ---- packets -------------------------------------------------------------------------------- */

static bool admit_request(struct guard *guard, const struct client *client,
                          struct guard_request *request, struct err *err)
{
    switch (request->kind) {
    case GUARD_PREPARE:
    case GUARD_ORDER:
        return admit_when_trusted(guard, request, err);
    case GUARD_START:
        return admit_start(guard, request, err);
    case GUARD_STATEMENT:
        return admit_statement(guard, request, err);
    case GUARD_ABORT:
        return admit_end(guard, request, ON_ABORT);
    case GUARD_POP:
        return admit_end(guard, request, ON_POP);
    case GUARD_STACK:
        return admit_stack(guard, request);
    case GUARD_STANDING:
        return admit_standing(guard, request);
    case GUARD_SOURCE_SEEN:
        return admit_source(guard, request);
    case GUARD_FENCE:
        return admit_fence(guard, client, &request->id, err);
    case GUARD_REHEARSE:
        return rehearsing_ask(guard, request, err);
    case GUARD_REQUEST_COUNT:
        break;
    }
    return err_set(err, ERR_INPUT, "a request of an unknown kind");
}

static void refuse(struct guard *guard, const struct guard_request *request, const struct err *err)
{
    struct guard_report report = {.kind = REPORT_REFUSED, .id = request->id};
    struct approval *approval = mem_alloc(1, sizeof(*approval));
    struct err ignored = ERR_INIT;

    if (request->kind == GUARD_PREPARE &&
        wire_decode_approval(wire_lend(&request->envelope), approval, &ignored))
        report.id.attempt = approval->attempt;
    free(approval);
    guard->refused++;
    log_warning("refused %s (%u so far): %s", guard_request_kind_name(request->kind),
                guard->refused, err->text);
    report.lasting = err->kind == ERR_LASTING;
    text_copy(report.reason, sizeof(report.reason), err->text);
    clients_tell(&guard->clients, guard->asker, &report);
}

static bool admit_trusted(struct guard *guard, struct trust_wait *wait, struct err *err)
{
    *err = wait->err;
    if (err->kind != ERR_NONE)
        return false;
    return wait->request.kind == GUARD_PREPARE
               ? admit_prepare(guard, &wait->request, &wait->trust, wait->is_doubtful, err)
               : admit_order(guard, &wait->request, &wait->trust, err);
}

/* Whoever asked may be gone by now: an order is carried out all the same. */
void admit_take_trusted(struct guard *guard)
{
    struct trust_wait *wait = trust_reader_take(guard->trust_reader);
    struct err err;

    if (wait == NULL)
        return;
    guard->asker = wait->asker;
    if (!admit_trusted(guard, wait, &err))
        refuse(guard, &wait->request, &err);
    guard->asker = CLIENT_NONE;
    held_done(&guard->asked);
    trust_wait_free(wait);
}

void admit_packet(struct guard *guard, const struct client *from, struct bytes packet)
{
    const struct client client = *from; /* may be dropped meanwhile */
    struct guard_request request;
    struct err err = ERR_INIT;

    if (!wire_decode_guard_request(packet, &request, &err)) {
        guard->refused++;
        log_warning("refused a packet of process %d: %s", (int)client.pid, err.text);
        clients_drop(&guard->clients, client.id, "it does not speak the guard's language");
        return;
    }
    guard->asker = client.id;
    if (!admit_request(guard, &client, &request, &err))
        refuse(guard, &request, &err);
    guard->asker = CLIENT_NONE;
    held_done(&guard->asked);
    guard_request_done(&request);
}
