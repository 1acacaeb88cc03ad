/*
 * inputs: gathers what a change is compiled from, and compiles it.
 */
#include "controller/ctl/inputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/change/plan.h"
#include "common/core/mem.h"
#include "common/core/name.h"
#include "common/io/config.h"
#include "common/io/file.h"
#include "controller/ctl/api.h"
#include "controller/ctl/keys.h"
#include "controller/ctl/manifest.h"

static bool read_change(const char *path, struct change *ret_change, struct err *err)
{
    AUTO_WIRE struct wire_bytes text = {NULL, 0};

    if (!file_read(path, YAML_SIZE_MAX, &text.data, &text.len, err))
        return false;
    if (manifest_kind(wire_lend(&text)) == MANIFEST_NEITHER)
        return config_parse_change(path, wire_lend(&text), ret_change, err);
    return err_set(
        err, ERR_INPUT,
        "%.200s: expected a change (YAML), found a manifest: `oceanidctl preflight` asks "
        "whether that may start, `oceanidctl manifest show` prints it",
        path);
}

static bool fetch_fleet(struct ctl *ctl, struct wire_bytes *ret_text, struct err *err)
{
    struct api *api = ctl_api(ctl, err);
    struct api_answer answer;

    if (api == NULL)
        return false;
    if (!api_call(api, "GET", "/v1/fleet", (struct bytes){NULL, 0}, &answer, err)) {
        api_answer_done(&answer);
        return false;
    }
    *ret_text = (struct wire_bytes){answer.data, answer.len};
    fprintf(stderr, "oceanidctl: no fleet.yaml in %s, going by the controller's copy\n", ctl->pki);
    return true;
}

static bool read_fleet(struct ctl *ctl, const char *given, struct inputs *inputs, struct err *err)
{
    AUTO_WIRE struct wire_bytes text = {NULL, 0};
    char own[CTL_PATH_SIZE];
    const char *path = given;
    bool good;

    if (!ctl_path(ctl, "fleet.yaml", own, sizeof(own), err))
        return false;
    if (path == NULL && access(own, F_OK) == 0)
        path = own;
    good = path != NULL ? file_read(path, YAML_SIZE_MAX, &text.data, &text.len, err)
                        : fetch_fleet(ctl, &text, err);
    if (!good)
        return false;
    inputs->fleet_is_controllers = path == NULL;
    sign_hash(text.data, text.len, &inputs->fleet_hash);
    return config_parse_fleet(path != NULL ? path : "fleet.yaml", wire_lend(&text), &inputs->fleet,
                              err);
}

/* The controller's own copy; false, with err, where it has none or gives none. */
static bool fetch_other(struct ctl *ctl, struct fleet_file *ret_fleet, struct err *err)
{
    AUTO_ANSWER struct api_answer answer = {0};
    struct api *api = ctl_api(ctl, err);

    return api != NULL &&
           api_call(api, "GET", "/v1/fleet", (struct bytes){NULL, 0}, &answer, err) &&
           config_parse_fleet("the controller's fleet.yaml",
                              (struct bytes){answer.data, answer.len}, ret_fleet, err);
}

/* What the guards are given to protect goes by the operator's file alone: where it declares less
 * than the controller's, nobody would see it. */
static void compare_with_controller(struct ctl *ctl, const struct inputs *inputs)
{
    AUTO_FREE struct fleet_file *other = mem_alloc(1, sizeof(*other));
    struct err err = ERR_INIT;

    if (!fetch_other(ctl, other, &err)) {
        fprintf(stderr,
                "oceanidctl: not known whether the controller's fleet.yaml declares more to "
                "protect: %s\n",
                err.text);
        return;
    }
    for (uint32_t i = 0; i < inputs->change.targets_count; i++) {
        const char *node = inputs->change.targets[i];
        const struct manifest_plan *plan = manifest_find_plan(&inputs->manifest, node);
        char missing[REASON_SIZE] = "";
        struct text text = TEXT_IN(missing);
        unsigned count = plan_tell_missing(plan, &inputs->snapshots[i], &other->cluster, &text);

        if (count > 0)
            fprintf(stderr,
                    "oceanidctl: %s: by the controller's fleet.yaml its guard would protect %u "
                    "flow%s more: %s\n",
                    node, count, count == 1 ? "" : "s", missing);
    }
}

bool inputs_fetch_snapshot(struct ctl *ctl, const char *node, struct snapshot *ret_snapshot,
                           struct err *err)
{
    AUTO_ANSWER struct api_answer answer = {0};
    struct api *api = ctl_api(ctl, err);
    char path[2 * NAME_SIZE];

    if (api == NULL || !name_check("node", node, err))
        return false;
    snprintf(path, sizeof(path), "/v1/nodes/%s/snapshot", node);
    return api_call(api, "GET", path, (struct bytes){NULL, 0}, &answer, err) &&
           wire_decode_snapshot((struct bytes){answer.data, answer.len}, ret_snapshot, err);
}

static bool fetch_snapshots(struct ctl *ctl, struct inputs *inputs, struct err *err)
{
    for (uint32_t i = 0; i < inputs->change.targets_count; i++) {
        const char *node = inputs->change.targets[i];

        if (!inputs_fetch_snapshot(ctl, node, &inputs->snapshots[i], err))
            return err_wrap(err, "snapshot of target %s", node);
        inputs->snapshots_count++;
    }
    return true;
}

static bool compile(struct ctl *ctl, const char *path, const char *fleet_path,
                    struct inputs *inputs, struct err *err)
{
    struct change_inputs from = {&inputs->fleet, &inputs->fleet_hash, &inputs->roster,
                                 inputs->snapshots};

    if (!read_change(path, &inputs->change, err) || !read_fleet(ctl, fleet_path, inputs, err) ||
        !keys_read_roster(ctl, &inputs->roster, err) || !fetch_snapshots(ctl, inputs, err) ||
        !change_compile(&inputs->change, &from, &inputs->manifest, err))
        return false;
    inputs->body = wire_encode_manifest(&inputs->manifest);
    if (!inputs->fleet_is_controllers)
        compare_with_controller(ctl, inputs);
    return true;
}

struct inputs *inputs_compile(struct ctl *ctl, const char *path, const char *fleet_path,
                              struct err *err)
{
    struct inputs *inputs = mem_alloc(1, sizeof(*inputs));

    if (compile(ctl, path, fleet_path, inputs, err))
        return inputs;
    inputs_free(inputs);
    return NULL;
}

void inputs_free(struct inputs *inputs)
{
    if (inputs == NULL)
        return;
    for (uint32_t i = 0; i < inputs->snapshots_count; i++)
        snapshot_done(&inputs->snapshots[i]);
    manifest_done(&inputs->manifest);
    wire_bytes_done(&inputs->body);
    free(inputs);
}
