/*
 * fleet: gathers what nodes say for a proposal, and writes it where no file is yet.
 */
#include "controller/ctl/fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/name.h"
#include "common/core/text.h"
#include "common/io/config.h"
#include "common/io/file.h"
#include "common/io/json_text.h"
#include "controller/ctl/api.h"
#include "controller/ctl/inputs.h"
#include "controller/ctl/keys.h"
#include "controller/ctl/propose.h"
#include "controller/ctl/render.h"
#include "controller/ctl/ssh.h"

enum { CONTROLLER_PORT = 7430 };

/* Large: heap. */
struct gathering {
    struct propose propose;
    struct propose_node nodes[NODES_MAX];
    struct snapshot snapshots[NODES_MAX]; /* those that nodes point to */
};

static void free_gathering(struct gathering *gathering)
{
    for (uint32_t i = 0; i < gathering->propose.nodes_count; i++) {
        if (gathering->nodes[i].snapshot != NULL)
            snapshot_done(&gathering->snapshots[i]);
    }
    free(gathering);
}

/* ---- gathering -------------------------------------------------------------------------------
 */

/* "..., host key SHA256:BASE64" at the end of what a witness saw; "" for another text. */
static const char *key_in(const char *observed)
{
    static const char before[] = ", host key SHA256:";
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    const char *found = strstr(observed, before);
    const char *digest = found != NULL ? found + strlen(before) : "";

    return digest[0] != '\0' && digest[strspn(digest, digits)] == '\0'
               ? found + strlen(", host key ")
               : "";
}

/* What all who see that node's sshd see; false when two do not see the same. */
static bool agree_on_key(const json_t *nodes, struct propose_node *node)
{
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *reaches = field_array(json_array_get(nodes, i), "reaches");

        for (size_t k = 0; k < json_array_size(reaches); k++) {
            const json_t *look = json_array_get(reaches, k);
            const char *key = key_in(field_text(look, "observed"));

            if (!text_equal(field_text(look, "node"), node->name) || key[0] == '\0')
                continue;
            if (node->host_key[0] != '\0' && !text_equal(node->host_key, key))
                return false;
            text_copy(node->host_key, sizeof(node->host_key), key);
        }
    }
    return true;
}

static void take_host_key(const json_t *nodes, const json_t *from, struct propose_node *node)
{
    struct ssh_target_host target;
    struct err err = ERR_INIT;

    if (!ssh_parse(field_text(from, "ssh"), &target, &err) ||
        !address_parse(target.host, &node->seen_at))
        return;
    if (agree_on_key(nodes, node))
        return;
    node->host_key[0] = '\0';
    fprintf(stderr,
            "oceanidctl: %s: witnesses see DIFFERENT host keys at %s. Somebody may stand between: "
            "compare `oceanidctl nodes -o json` with `ssh-keygen -lf /etc/ssh/ssh_host_*.pub` on "
            "its console. None is written\n",
            node->name, target.host);
}

/* No snapshot is no error: the proposal says so. */
static void take_snapshot(struct ctl *ctl, struct gathering *gathering, struct propose_node *node)
{
    struct snapshot *snapshot = &gathering->snapshots[gathering->propose.nodes_count];
    struct err err = ERR_INIT;

    if (inputs_fetch_snapshot(ctl, node->name, snapshot, &err))
        node->snapshot = snapshot;
}

static void leave_out(struct propose *propose, const char *name)
{
    if (propose->left_out_count++ == 0)
        text_copy(propose->left_out, sizeof(propose->left_out), name);
}

static bool take_nodes(struct ctl *ctl, const json_t *nodes, struct gathering *gathering,
                       struct err *err)
{
    gathering->propose.nodes = gathering->nodes;
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *from = json_array_get(nodes, i);
        const char *name = field_text(from, "name");
        struct propose_node *node;

        if (!name_check("the controller's node", name, err))
            return false;
        if (i >= NODES_MAX) {
            leave_out(&gathering->propose, name);
            continue;
        }
        node = &gathering->nodes[gathering->propose.nodes_count];
        text_copy(node->name, sizeof(node->name), name);
        node->witness_only = text_equal(field_text(from, "role"), "witness");
        take_snapshot(ctl, gathering, node);
        take_host_key(nodes, from, node);
        gathering->propose.nodes_count++;
    }
    return true;
}

/* Those that `pki init` was told; a name is no address, and is left out. */
static void take_controllers(const struct ctl *ctl, struct propose *propose)
{
    AUTO_WIRE struct wire_bytes text = {NULL, 0};
    struct err err = ERR_INIT;
    const uint32_t max = sizeof(propose->controllers) / sizeof(propose->controllers[0]);
    char *rest;
    char *line;

    if (!keys_read_file(ctl, "controllers", &text, &err))
        return;
    rest = (char *)text.data;
    while ((line = strsep(&rest, "\n")) != NULL && propose->controllers_count < max) {
        struct protect_endpoint *endpoint = &propose->controllers[propose->controllers_count];

        if (!address_parse(line, &endpoint->address))
            continue;
        endpoint->port = CONTROLLER_PORT;
        propose->controllers_count++;
    }
}

static bool gather(struct ctl *ctl, struct gathering *gathering, struct err *err)
{
    AUTO_JSON json_t *document = NULL;

    if (ctl_api(ctl, err) == NULL || !api_get(ctl->api, "/v1/nodes", &document, err))
        return false;
    take_controllers(ctl, &gathering->propose);
    return take_nodes(ctl, field_array(document, "nodes"), gathering, err);
}

/* ---- writing ---------------------------------------------------------------------------------
 */

/* Never over a file that is there. */
static bool write_new(const char *path, const char *text, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    size_t len = strlen(text);
    bool good;

    if (fd < 0 && errno == EEXIST)
        return err_set(err, ERR_CONFLICT,
                       "%.200s is there already and stays as it is; name another file", path);
    good = fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    if (!good)
        err_set(err, ERR_SYSTEM, "%.200s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (fd >= 0 && !good)
        unlink(path);
    return good;
}

/* What the product itself would not read is not written. */
static bool write_proposal(const char *path, const char *text, struct err *err)
{
    AUTO_FREE struct fleet_file *fleet = mem_alloc(1, sizeof(*fleet));

    if (!config_parse_fleet(path, (struct bytes){(const uint8_t *)text, strlen(text)}, fleet, err))
        return err_wrap(err, "the proposal is not written, for it could not be read");
    return write_new(path, text, err);
}

static bool has_nodes(const struct propose *propose, struct err *err)
{
    for (uint32_t i = 0; i < propose->nodes_count; i++) {
        if (!propose->nodes[i].witness_only)
            return true;
    }
    return err_set(err, ERR_MISSING,
                   "no node has joined yet: `oceanidctl node admit`, then oceanid-agent install "
                   "there; nothing was written");
}

static void print_notes(char *notes)
{
    char *line;

    while ((line = strsep(&notes, "\n")) != NULL) {
        if (*line != '\0')
            fprintf(stderr, "oceanidctl: %s\n", line);
    }
}

static enum outcome propose_to(struct ctl *ctl, struct propose *propose, const char *path)
{
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *notes = NULL;
    size_t text_size;
    size_t notes_size;
    FILE *file = open_memstream(&text, &text_size);
    FILE *aside = open_memstream(&notes, &notes_size);
    struct err err = ERR_INIT;

    if (file == NULL || aside == NULL)
        abort();
    propose_write(propose, file, aside);
    fclose(file);
    fclose(aside);
    if (!write_proposal(path, text, &err))
        return ctl_fail(ctl, &err);
    print_notes(notes);
    if (ctl->json)
        render_document_take(json_pack("{s:o, s:s}", "file", json_text(path), "text", text));
    else
        printf("wrote %s: read and correct it, then put it where controller.yaml's `fleet` says\n",
               path);
    return OUTCOME_DONE;
}

enum outcome fleet_propose_run(struct ctl *ctl, const struct arguments *arguments)
{
    const char *path = arguments->words_count > 0 ? arguments->words[0] : "fleet.yaml";
    struct gathering *gathering = mem_alloc(1, sizeof(*gathering));
    struct err err = ERR_INIT;
    enum outcome outcome;

    if (gather(ctl, gathering, &err) && has_nodes(&gathering->propose, &err))
        outcome = propose_to(ctl, &gathering->propose, path);
    else
        outcome = ctl_fail(ctl, &err);
    free_gathering(gathering);
    return outcome;
}

/* ---- showing ---------------------------------------------------------------------------------
 */

/* Changes are compiled with the operator's copy where there is one. */
static bool own_differs(const struct ctl *ctl, const char *text)
{
    AUTO_WIRE struct wire_bytes own = {NULL, 0};
    struct err err = ERR_INIT;
    char path[CTL_PATH_SIZE];

    return ctl_path(ctl, "fleet.yaml", path, sizeof(path), &err) &&
           file_read(path, YAML_SIZE_MAX, &own.data, &own.len, &err) &&
           !text_equal((const char *)own.data, text);
}

enum outcome fleet_show_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_ANSWER struct api_answer answer = {0};
    struct err err = ERR_INIT;
    const char *text;
    bool differs;

    (void)arguments;
    if (ctl_api(ctl, &err) == NULL ||
        !api_call(ctl->api, "GET", "/v1/fleet", (struct bytes){NULL, 0}, &answer, &err))
        return ctl_fail(ctl, &err);
    text = answer.data != NULL ? (const char *)answer.data : "";
    differs = own_differs(ctl, text);
    if (ctl->json)
        render_document_take(json_pack("{s:s, s:b}", "fleet", text, "differs", differs));
    else
        fputs(text, stdout);
    if (differs)
        fprintf(
            stderr,
            "oceanidctl: %s/fleet.yaml is another text, and changes are compiled with that one\n",
            ctl->pki);
    return OUTCOME_DONE;
}
