/*
 * trying: one probe in a worker, and its result back on the loop's thread.
 */
#include "agent/io/trying.h"

#include <stdlib.h>

#include "common/core/mem.h"
#include "common/core/text.h"

struct trying {
    uv_work_t work;
    struct probe_job job;
    struct probe_result result;
    trying_fn result_fn;
    void *context;
};

static void run(uv_work_t *work)
{
    struct trying *trying = work->data;

    probe_run(&trying->job, &trying->result);
}

static void after(uv_work_t *work, int status)
{
    struct trying *trying = work->data;

    (void)status; /* never cancelled */
    trying->result_fn(trying->context, &trying->result);
    free(trying);
}

void trying_start(const struct trying_options *options, trying_fn result_fn, void *context)
{
    struct trying *trying = mem_alloc(1, sizeof(*trying));
    const struct tailscale_peer *peer =
        options->snapshot != NULL ? checks_exit_peer(options->snapshot) : NULL;

    trying->job.check = *options->check;
    if (peer != NULL && peer->addresses_count > 0)
        trying->job.exit_node = peer->addresses[0];
    text_copy(trying->job.tailscale_socket, PATH_SIZE, options->tailscale_socket);
    trying->result_fn = result_fn;
    trying->context = context;
    trying->work.data = trying;
    uv_queue_work(options->loop, &trying->work, run, after);
}
