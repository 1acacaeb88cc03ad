/*
 * witness: looks at other nodes' SSH from outside, and signs what it saw.
 */
#include "agent/io/witness.h"

#include <stdlib.h>
#include <string.h>

#include "agent/io/probe.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"

enum {
    SSH_TIMEOUT_MS = 4000,
    HOLD_MS = 2000, /* the subject looks several times a second */
    LOOKS_MAX = 16, /* at once */
    BASELINES_MAX = 8,
    FAILING_MAX = 16,
};

/* One connection in a worker, then held. */
struct look {
    struct look *next;
    uv_work_t work;
    uv_timer_t timer;
    struct witness *witness;
    uint64_t command;
    struct statement *statement; /* begun; owned */
    struct check check;
    struct probe_result result;
    struct probe_ssh *ssh; /* held; NULL: none */
    bool done;             /* the worker is */
};

/* Which of the witness's own critical checks failed already when it made the baseline. */
struct baseline {
    char subject[NAME_SIZE];
    struct hash body;
    mono_t at;
    uint32_t failing_count;
    char failing[FAILING_MAX][NAME_SIZE];
};

struct witness {
    struct witness_options options;
    struct look *looks;
    unsigned looks_count;
    struct baseline baselines[BASELINES_MAX];
};

/* ---- own checks ------------------------------------------------------------------------------ */

static struct baseline *find_baseline(struct witness *witness, const struct statement *statement)
{
    for (unsigned i = 0; i < BASELINES_MAX; i++) {
        struct baseline *at = &witness->baselines[i];

        if (at->at != 0 && text_equal(at->subject, statement->subject) &&
            hash_equal(&at->body, &statement->body))
            return at;
    }
    return NULL;
}

static void take_baseline(struct witness *witness, const struct statement *statement)
{
    struct baseline *to = find_baseline(witness, statement);

    for (unsigned i = 0; i < BASELINES_MAX && to == NULL; i++) {
        if (witness->baselines[i].at == 0)
            to = &witness->baselines[i];
    }
    if (to == NULL) {
        to = &witness->baselines[0];
        for (unsigned i = 1; i < BASELINES_MAX; i++) {
            if (witness->baselines[i].at < to->at)
                to = &witness->baselines[i];
        }
    }
    text_copy(to->subject, sizeof(to->subject), statement->subject);
    to->body = statement->body;
    to->at = clock_now();
    to->failing_count = examiner_list_failing(witness->options.examiner, to->failing, FAILING_MAX);
}

static bool failed_before(const struct baseline *baseline, const char *check)
{
    for (uint32_t i = 0; baseline != NULL && i < baseline->failing_count; i++) {
        if (text_equal(baseline->failing[i], check))
            return true;
    }
    return false;
}

/* Without a baseline (this agent was restarted) every failure is held to be new. */
static bool newly_fails(struct witness *witness, const struct statement *statement)
{
    const struct baseline *baseline = find_baseline(witness, statement);
    char failing[FAILING_MAX][NAME_SIZE];
    uint32_t count = examiner_list_failing(witness->options.examiner, failing, FAILING_MAX);

    for (uint32_t i = 0; i < count; i++) {
        if (!failed_before(baseline, failing[i])) {
            log_info("own check %s fails since the change on %s", failing[i], statement->subject);
            return true;
        }
    }
    return false;
}

/* ---- looking --------------------------------------------------------------------------------- */

static void let_go(struct look *look)
{
    probe_ssh_close(look->ssh);
    look->ssh = NULL;
}

static void on_closed(uv_handle_t *handle)
{
    struct look *look = handle->data;

    free(look->statement);
    free(look);
}

static void remove_look(struct look *look)
{
    struct look **at = &look->witness->looks;

    while (*at != look)
        at = &(*at)->next;
    *at = look->next;
    look->witness->looks_count--;
    let_go(look);
    uv_close((uv_handle_t *)&look->timer, on_closed);
}

static void on_held_enough(uv_timer_t *timer)
{
    remove_look(timer->data);
}

static void run(uv_work_t *work)
{
    struct look *look = work->data;
    mono_t started = clock_now();

    look->ssh = probe_ssh_open(look->check.to, look->check.port, SSH_TIMEOUT_MS, &look->result);
    look->result.took_ms = (unsigned)(clock_now() - started);
}

static void finish_statement(struct look *look)
{
    struct statement *statement = look->statement;
    struct witness *witness = look->witness;

    checks_evaluate(&look->check, NULL, NULL, &look->result, &statement->verdicts[0]);
    statement->verdicts_count = 1;
    statement->source = look->result.source;
    statement->source_port = look->result.source_port;
    if (statement->phase == PHASE_BASELINE)
        take_baseline(witness, statement);
    else
        statement->own_failing = newly_fails(witness, statement);
    log_debug("%s of %s: ssh %s, %s", phase_name(statement->phase), statement->subject,
              verdict_format(statement->verdicts[0].value), statement->verdicts[0].observed);
}

static void after(uv_work_t *work, int status)
{
    struct look *look = work->data;
    struct witness *witness = look->witness;

    (void)status; /* never cancelled */
    look->done = true;
    finish_statement(look);
    witness->options.witness_fn(
        witness->options.context,
        wire_encode_statement(look->statement, witness->options.identity->key), look->command);
    uv_timer_start(&look->timer, on_held_enough, look->ssh != NULL ? HOLD_MS : 0, 0);
}

static struct look *make_look(struct witness *witness, const struct session_reply *command)
{
    struct look *look = mem_alloc(1, sizeof(*look));
    struct statement *statement = mem_alloc(1, sizeof(*statement));
    char address[ADDRESS_TEXT_SIZE];

    text_copy(statement->signer, sizeof(statement->signer), witness->options.identity->name);
    text_copy(statement->subject, sizeof(statement->subject), command->subject);
    statement->body = command->body;
    statement->nonce = command->nonce;
    statement->phase = command->phase;
    text_copy(look->check.name, sizeof(look->check.name), "ssh");
    look->check.kind = CHECK_SSH;
    look->check.severity = SEVERITY_CRITICAL;
    text_copy(look->check.to, sizeof(look->check.to),
              address_format(&command->ssh.address, address));
    look->check.port = command->ssh.port;
    text_copy(look->check.host_key, sizeof(look->check.host_key), command->ssh.host_key);
    look->witness = witness;
    look->command = command->id;
    look->statement = statement;
    return look;
}

/* The one before of the same subject has been seen by now. */
static void end_earlier(struct witness *witness, const char *subject)
{
    struct look *next;

    for (struct look *look = witness->looks; look != NULL; look = next) {
        next = look->next;
        if (look->done && text_equal(look->statement->subject, subject))
            remove_look(look);
    }
}

void witness_command(struct witness *witness, const struct session_reply *command)
{
    struct look *look;

    if (text_equal(command->subject, witness->options.identity->name)) {
        log_warning("asked to witness this node itself, which only others can, ignoring");
        return;
    }
    if (command->phase == PHASE_STANDING || !address_is_set(&command->ssh.address)) {
        log_warning("asked to witness %s without an address, or in a phase for guards, ignoring",
                    command->subject);
        return;
    }
    end_earlier(witness, command->subject);
    if (witness->looks_count == LOOKS_MAX) {
        log_warning("asked to witness more than %d nodes at once, ignoring", LOOKS_MAX);
        return;
    }
    look = make_look(witness, command);
    look->next = witness->looks;
    witness->looks = look;
    witness->looks_count++;
    look->work.data = look;
    uv_timer_init(witness->options.loop, &look->timer);
    look->timer.data = look;
    examiner_note_handshake(witness->options.examiner, &command->ssh.address, command->ssh.port);
    examiner_hurry(witness->options.examiner);
    uv_queue_work(witness->options.loop, &look->work, run, after);
}

void witness_stop(struct witness *witness)
{
    for (struct look *look = witness->looks; look != NULL; look = look->next) {
        if (look->done)
            let_go(look);
    }
}

struct witness *witness_new(const struct witness_options *options)
{
    struct witness *witness = mem_alloc(1, sizeof(*witness));

    witness->options = *options;
    return witness;
}
