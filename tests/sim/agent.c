/*
 * agent: the shipped judges over what the simulated world answers.
 */
#include "tests/sim/agent.h"

#include "common/core/text.h"

/* Where each looks for itself the text is the same: of a pure judge the first answer is kept. */
static struct {
    struct check check;
    struct verdict said[PROBE_UNCLEAR + 1];
} looks[AGENT_LOOK_COUNT];

static void fill_checks(void)
{
    struct check *database = &looks[LOOKS_AT_DATABASE].check;
    struct check *session = &looks[LOOKS_AT_SESSION].check;
    struct check *ssh = &looks[LOOKS_AT_SSH].check;

    text_copy(database->name, sizeof(database->name), "database");
    text_copy(database->to, sizeof(database->to), "192.0.2.7");
    database->kind = CHECK_TCP;
    database->port = 5432;
    database->attempts = 2; /* one look may fail */
    text_copy(session->name, sizeof(session->name), "controller");
    session->kind = CHECK_CONTROLLER;
    text_copy(ssh->name, sizeof(ssh->name), "ssh");
    text_copy(ssh->to, sizeof(ssh->to), "192.0.2.1");
    ssh->kind = CHECK_SSH;
    ssh->port = 22;
    text_copy(ssh->host_key, sizeof(ssh->host_key), "SHA256:styx");
    for (unsigned i = 0; i < AGENT_LOOK_COUNT; i++)
        check_set_defaults(&looks[i].check);
}

static void fill_verdicts(void)
{
    struct probe_result found = {
        .host_key = "SHA256:styx", .answer = "SSH-2.0", .why = "as it was drawn"};

    for (unsigned i = 0; i < AGENT_LOOK_COUNT; i++) {
        for (unsigned outcome = 0; outcome <= PROBE_UNCLEAR; outcome++) {
            found.outcome = (enum probe_outcome)outcome;
            checks_evaluate(&looks[i].check, NULL, NULL, &found, &looks[i].said[outcome]);
        }
    }
}

static void fill(void)
{
    if (looks[0].check.name[0] != '\0')
        return;
    fill_checks();
    fill_verdicts();
}

const struct check *agent_check(enum agent_look look)
{
    fill();
    return &looks[look].check;
}

const struct verdict *agent_judges(enum agent_look look, enum probe_outcome found)
{
    fill();
    return &looks[look].said[found];
}
