/*
 * propose: writes the file, and beside each value what is not known about it.
 */
#include "controller/ctl/propose.h"

#include <stdarg.h>
#include <string.h>

#include "common/core/text.h"
#include "controller/ctl/propose_find.h"

enum { QUORUM = 2, NOTE_SIZE = 400 };

/* Where it goes. */
struct draft {
    const struct propose *propose;
    FILE *file, *notes;
};

/* A comment in the file, at that depth, and a line for the person. */
__attribute__((format(printf, 3, 4))) static void note(const struct draft *draft, int depth,
                                                       const char *format, ...)
{
    char line[NOTE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    fprintf(draft->file, "%*s# %s\n", depth, "", line);
    fprintf(draft->notes, "%s\n", line);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* Its key only where it was seen at this very address. */
static void write_ssh(const struct draft *draft, const struct propose_node *node)
{
    char address[ADDRESS_TEXT_SIZE];

    if (!address_is_set(&node->ssh)) {
        note(draft, 4,
             "%s: no address that others could reach it at; add `ssh: ADDRESS`, or it cannot be a "
             "target",
             node->name);
        return;
    }
    address_format(&node->ssh, address);
    if (node->host_key[0] != '\0' && address_equal(&node->ssh, &node->seen_at)) {
        fprintf(draft->file, "    ssh: { address: \"%s\", host_key: \"%s\" }\n", address,
                node->host_key);
        return;
    }
    note(draft, 4,
         "%s: nobody has seen its host key at %s yet; port 22 is taken for granted. Propose again "
         "when `status` shows who reaches it, or add `host_key: \"SHA256:...\"`",
         node->name, address);
    fprintf(draft->file, "    ssh: { address: \"%s\" }\n", address);
}

static void write_quorum(const struct draft *draft, const struct propose_node *node)
{
    uint32_t count = propose_count_witnesses(draft->propose, node);

    if (address_is_set(&node->ssh) && count < QUORUM)
        note(draft, 4,
             "%s: WARNING: %u could witness its SSH, and a change needs %d: add witnesses (an "
             "agent without a guard) or another `ssh` address, else its changes have to waive "
             "`quorum`",
             node->name, count, QUORUM);
}

static void write_roles(const struct draft *draft, const struct propose_node *node)
{
    if (node->exit_node)
        fprintf(draft->file, "    exit-node: true # it offers to be one\n");
    if (node->api_server)
        fprintf(draft->file, "    api-server: true # it advertises the services to the tailnet\n");
    if (node->exit_node || node->api_server)
        fprintf(draft->file, "    protected: true # others depend on it: it comes last, alone\n");
}

static void write_node(const struct draft *draft, const struct propose_node *node)
{
    fprintf(draft->file, "  \"%s\":\n", node->name);
    if (node->snapshot == NULL)
        note(draft, 4,
             "%s: no snapshot of it came, so nothing is known but its name; is its agent "
             "connected?",
             node->name);
    else
        write_ssh(draft, node);
    write_roles(draft, node);
    write_quorum(draft, node);
    note(draft, 4,
         "%s: whether it has a console is not known; say `console: physical`, or `console: { "
         "provider: NAME, id: ID }`",
         node->name);
    fprintf(draft->file, "    first: false\n");
}

static void write_left_out(const struct draft *draft)
{
    if (draft->propose->left_out_count > 0)
        note(draft, 2,
             "%u more have joined than are written here, from %s on: fleet.yaml takes %d nodes and "
             "witnesses. What is not in it has no checks and can be no target: put those in that "
             "are to be changed",
             draft->propose->left_out_count, draft->propose->left_out, NODES_MAX);
}

static void write_nodes(const struct draft *draft)
{
    fprintf(draft->file, "nodes:\n");
    write_left_out(draft);
    note(draft, 2,
         "which node may break first is not known: say `first: true` at the most expendable one");
    for (uint32_t i = 0; i < draft->propose->nodes_count; i++) {
        if (!draft->propose->nodes[i].witness_only)
            write_node(draft, &draft->propose->nodes[i]);
    }
}

static void write_witnesses(const struct draft *draft)
{
    bool any = false;

    for (uint32_t i = 0; i < draft->propose->nodes_count; i++) {
        if (!draft->propose->nodes[i].witness_only)
            continue;
        fprintf(draft->file, "%s  \"%s\": { }\n", any ? "" : "\nwitnesses:\n",
                draft->propose->nodes[i].name);
        any = true;
    }
}

/* ---- cluster ---------------------------------------------------------------------------------
 */

static void write_endpoint(FILE *file, bool is_first, const struct address *address, unsigned port)
{
    bool six = address->family == FAMILY_IPV6;
    char text[ADDRESS_TEXT_SIZE];

    fprintf(file, "%s\"%s%s%s:%u\"", is_first ? "" : ", ", six ? "[" : "",
            address_format(address, text), six ? "]" : "", port);
}

/* Kubernetes gives the first address of the services to its own API, at 443. */
static void write_api_servers(const struct draft *draft)
{
    const struct propose *propose = draft->propose;
    struct address inside;
    bool is_first = true;

    if (propose->services.len == 0 || !address_next(&propose->services.address, &inside)) {
        note(draft, 2,
             "services and API server are not known: nobody advertises them. If there is a "
             "cluster: `services: NETWORK` and `api-server: [ADDRESS:PORT]`");
        return;
    }
    note(draft, 2,
         "api-server: 6443 and 443 are what k3s uses unless told otherwise, the address inside is "
         "the services' first: compare with `kubectl get endpoints kubernetes`");
    fprintf(draft->file, "  api-server: [");
    for (uint32_t i = 0; i < propose->nodes_count; i++) {
        if (!propose->nodes[i].api_server || !address_is_set(&propose->nodes[i].ssh))
            continue;
        write_endpoint(draft->file, is_first, &propose->nodes[i].ssh, 6443);
        is_first = false;
    }
    write_endpoint(draft->file, is_first, &inside, 443);
    fprintf(draft->file, "]\n");
}

static void write_pods(const struct draft *draft)
{
    const struct propose *propose = draft->propose;
    char network[PREFIX_TEXT_SIZE];

    if (propose->pods.len == 0) {
        note(draft, 2,
             "pods are not known: no node has a route by cni0 or flannel. If there is a "
             "cluster: `pods: NETWORK`");
        return;
    }
    if (propose->services.len == 0)
        note(draft, 2,
             "pods: the smallest network that holds the routes by cni0 and flannel; the cluster's "
             "may be larger");
    fprintf(draft->file, "  pods: %s\n", prefix_format(&propose->pods, network));
    if (propose->services.len > 0)
        fprintf(draft->file, "  services: %s\n", prefix_format(&propose->services, network));
}

static void write_controllers(const struct draft *draft)
{
    const struct propose *propose = draft->propose;

    if (propose->controllers_count == 0) {
        note(draft, 2, "the controller's address is not known: `controllers: [ADDRESS:7430]`");
        return;
    }
    fprintf(draft->file, "  controllers: [");
    for (uint32_t i = 0; i < propose->controllers_count; i++)
        write_endpoint(draft->file, i == 0, &propose->controllers[i].address,
                       propose->controllers[i].port);
    fprintf(draft->file, "]\n");
}

static bool knows_cluster(const struct propose *propose)
{
    return propose->pods.len > 0 || propose->controllers_count > 0;
}

static void write_cluster(const struct draft *draft)
{
    fprintf(draft->file, "\ncluster:%s\n", knows_cluster(draft->propose) ? "" : " { }");
    write_pods(draft);
    write_api_servers(draft);
    write_controllers(draft);
}

void propose_write(struct propose *propose, FILE *file, FILE *notes)
{
    const struct draft draft = {propose, file, notes};

    propose_find(propose);
    fprintf(file, "# Proposed by `oceanidctl fleet propose` from what the joined nodes say of\n"
                  "# themselves. Read every line; what is a comment was not known.\n");
    write_nodes(&draft);
    write_witnesses(&draft);
    write_cluster(&draft);
    fprintf(file, "\n# What has to work on which node; SSH replies, the API server's path and the\n"
                  "# session with the controller are checked without being declared.\n");
    note(&draft, 0,
         "checks: what else has to work (a database, an exit node) is not known; see "
         "/usr/share/doc/oceanid/examples/fleet.yaml");
}
