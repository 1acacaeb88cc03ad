/*
 * examination: some checks evaluated once, freshly.
 */
#include "agent/io/examination.h"

#include <stdlib.h>
#include <string.h>

#include "agent/io/trying.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"

enum { LOOK_EVERY_MS = 20, OBSERVATION_MAX_MS = 4000 };

struct part {
    struct examination *examination;
    struct check check;
    bool runs;
    struct probe_result result;
};

struct examination {
    uv_timer_t timer;
    struct examination_question question; /* checks: not used after the start */
    mono_t asked_at;
    bool observed; /* the observation is there, and the probes were started */
    uint32_t parts_count;
    struct part *parts;
    examination_fn done_fn;
    void *context;
};

static bool is_observed(const struct examination *examination)
{
    const struct observation *now = observer_now(examination->question.observer);

    return now != NULL && now->kernel_at >= examination->asked_at &&
           now->tailscale_at >= examination->asked_at;
}

static void on_result(void *context, const struct probe_result *result)
{
    struct part *part = context;

    part->result = *result;
    part->runs = false;
}

static void start_probes(struct examination *examination)
{
    const struct observation *now = observer_now(examination->question.observer);

    for (uint32_t i = 0; i < examination->parts_count; i++) {
        struct part *part = &examination->parts[i];

        if (!checks_need_probe(part->check.kind) || part->check.kind == CHECK_CONTROLLER)
            continue;
        part->runs = true;
        trying_start(&(struct trying_options){examination->question.loop, &part->check,
                                              &now->snapshot,
                                              examination->question.tailscale_socket},
                     on_result, part);
    }
}

/* The controller answered something that was asked after the question. Silence is unknown, never
 * a failure: that it is lost shows by the lease running out. */
static bool hear_controller(const struct examination *examination, struct part *part, mono_t now)
{
    mono_t heard_at = examiner_controller_heard_at(examination->question.examiner);

    if (heard_at >= examination->asked_at) {
        part->result.outcome = PROBE_ANSWERED;
        return true;
    }
    part->result.outcome = PROBE_UNCLEAR;
    text_copy(part->result.why, sizeof(part->result.why),
              "no answer of a controller since the nonce came");
    return now >= examination->asked_at + part->check.timeout_ms;
}

static bool is_complete(struct examination *examination, mono_t now)
{
    for (uint32_t i = 0; i < examination->parts_count; i++) {
        struct part *part = &examination->parts[i];

        if (part->runs ||
            (part->check.kind == CHECK_CONTROLLER && !hear_controller(examination, part, now)))
            return false;
    }
    return true;
}

static void judge(const struct examination *examination, const struct part *part,
                  struct verdict *ret_verdict)
{
    const struct observation *now = observer_now(examination->question.observer);

    if (examination->observed) {
        checks_evaluate(&part->check, &now->snapshot, now->fib, &part->result, ret_verdict);
        return;
    }
    memset(ret_verdict, 0, sizeof(*ret_verdict));
    text_copy(ret_verdict->check, sizeof(ret_verdict->check), part->check.name);
    ret_verdict->severity = part->check.severity;
    verdict_set(ret_verdict, VERDICT_UNKNOWN, "a look at this host's routing",
                "none that is newer than the question, in time");
}

static void on_closed(uv_handle_t *handle)
{
    struct examination *examination = handle->data;

    free(examination->parts);
    free(examination);
}

static void end(struct examination *examination)
{
    AUTO_FREE struct verdict *verdicts = mem_alloc(examination->parts_count + 1, sizeof(*verdicts));

    for (uint32_t i = 0; i < examination->parts_count; i++)
        judge(examination, &examination->parts[i], &verdicts[i]);
    examination->done_fn(examination->context, verdicts, examination->parts_count);
    uv_close((uv_handle_t *)&examination->timer, on_closed);
}

/* A few times a second for the second or so that it takes. */
static void on_timer(uv_timer_t *timer)
{
    struct examination *examination = timer->data;
    mono_t now = clock_now();

    if (!examination->observed && is_observed(examination)) {
        examination->observed = true;
        start_probes(examination);
    }
    if (examination->observed ? is_complete(examination, now)
                              : now >= examination->asked_at + OBSERVATION_MAX_MS)
        end(examination);
}

void examination_start(const struct examination_question *question, examination_fn done_fn,
                       void *context)
{
    struct examination *examination = mem_alloc(1, sizeof(*examination));

    examination->question = *question;
    examination->asked_at = clock_now();
    examination->parts_count = question->checks_count;
    examination->parts = mem_alloc(question->checks_count + 1, sizeof(*examination->parts));
    for (uint32_t i = 0; i < question->checks_count; i++) {
        examination->parts[i].examination = examination;
        examination->parts[i].check = question->checks[i];
        check_set_defaults(&examination->parts[i].check);
    }
    examination->done_fn = done_fn;
    examination->context = context;
    uv_timer_init(question->loop, &examination->timer);
    examination->timer.data = examination;
    uv_timer_start(&examination->timer, on_timer, LOOK_EVERY_MS, LOOK_EVERY_MS);
    observer_refresh(question->observer);
}
