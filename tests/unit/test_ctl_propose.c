/*
 * test_ctl_propose: the fleet of docs/context as its snapshots show it: what is written, word for
 * word and as the product reads it back; what is said not to be known; quorums out of reach.
 */
#include "controller/ctl/propose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/config.h"
#include "controller/ctl/propose_find.h"
#include "tests/unit/ip_lines.h"

enum { STYX, TETHYS, CALYPSO, OFFICE, NODES_COUNT };

struct scene {
    struct snapshot snapshots[NODES_COUNT];
    struct propose_node nodes[NODES_COUNT];
    struct propose propose;
    char *file, *notes; /* of write_it */
};

static const char *const lines[NODES_COUNT] = {
    [STYX] = "link lo 1 loopback\nlink eth0 2\nlink tailscale0 3\nlink cni0 4\nlink flannel.1 5\n"
             "address 127.0.0.1/8 dev lo\naddress 10.42.1.1/24 dev cni0\n"
             "address 100.64.0.1/32 dev tailscale0\naddress 203.0.113.10/24 dev eth0\n"
             "route default via 203.0.113.1 dev eth0\n"
             "route 10.42.0.0/24 via 10.42.0.0 dev flannel.1\n",
    [TETHYS] = "link lo 1 loopback\nlink eth0 2\nlink tailscale0 3\nlink cni0 4\n"
               "address 198.51.100.10/24 dev eth0\naddress 10.42.0.1/24 dev cni0\n"
               "address 100.64.0.2/32 dev tailscale0\n"
               "route default via 198.51.100.1 dev eth0\n",
    [CALYPSO] = "link lo 1 loopback\nlink eno1 2\nlink tailscale0 3\nlink docker0 4\n"
                "address 172.17.0.1/16 dev docker0\naddress 192.168.2.7/24 dev eno1\n"
                "address 100.64.0.3/32 dev tailscale0\nroute default via 192.168.2.1 dev eno1\n",
    [OFFICE] = "link eth0 1\naddress 192.0.2.9/24 dev eth0\nroute default via 192.0.2.1 dev eth0\n",
};

static void join_tailnet(struct snapshot *snapshot, const char *address)
{
    snapshot->tailscale.presence = TAILSCALE_ANSWERS;
    snapshot->tailscale.addresses_count = 1;
    assert_true(address_parse(address, &snapshot->tailscale.addresses[0]));
}

static void advertise(struct snapshot *snapshot, const char *network)
{
    struct tailscale *tailscale = &snapshot->tailscale;

    assert_true(
        prefix_parse(network, &tailscale->advertise_routes[tailscale->advertise_routes_count++]));
}

static int make_scene(void **state)
{
    static const char *const names[] = {"srv712695", "srv712429", "calypso", "office"};
    struct scene *scene = mem_alloc(1, sizeof(*scene));

    for (unsigned i = 0; i < NODES_COUNT; i++) {
        ip_lines_add(&scene->snapshots[i], lines[i]);
        ip_lines_add_usual_rules(&scene->snapshots[i]);
        text_copy(scene->nodes[i].name, NAME_SIZE, names[i]);
        scene->nodes[i].snapshot = &scene->snapshots[i];
    }
    scene->nodes[OFFICE].witness_only = true;
    join_tailnet(&scene->snapshots[STYX], "100.64.0.1");
    join_tailnet(&scene->snapshots[TETHYS], "100.64.0.2");
    join_tailnet(&scene->snapshots[CALYPSO], "100.64.0.3");
    scene->snapshots[TETHYS].tailscale.self_exit_node_option = true;
    advertise(&scene->snapshots[TETHYS], "0.0.0.0/0");
    advertise(&scene->snapshots[TETHYS], "10.42.0.0/16");
    advertise(&scene->snapshots[TETHYS], "10.43.0.0/16");
    text_copy(scene->nodes[STYX].host_key, 80, "SHA256:abc");
    assert_true(address_parse("203.0.113.10", &scene->nodes[STYX].seen_at));
    scene->propose.nodes_count = NODES_COUNT;
    scene->propose.nodes = scene->nodes;
    scene->propose.controllers_count = 1;
    scene->propose.controllers[0].port = 7430;
    assert_true(address_parse("198.51.100.10", &scene->propose.controllers[0].address));
    *state = scene;
    return 0;
}

static int end_scene(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < NODES_COUNT; i++)
        snapshot_done(&scene->snapshots[i]);
    free(scene->file);
    free(scene->notes);
    free(scene);
    return 0;
}

/* Writes, and has the product read it. */
static void write_it(struct scene *scene, struct fleet_file *ret_fleet)
{
    size_t file_size;
    size_t notes_size;
    FILE *file = open_memstream(&scene->file, &file_size);
    FILE *notes = open_memstream(&scene->notes, &notes_size);
    struct err err = ERR_INIT;

    assert_non_null(file);
    assert_non_null(notes);
    propose_write(&scene->propose, file, notes);
    fclose(file);
    fclose(notes);
    if (!config_parse_fleet("fleet.yaml", (struct bytes){(uint8_t *)scene->file, file_size},
                            ret_fleet, &err))
        fail_msg("%s\n%s", err.text, scene->file);
}

static void expect_part(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
}

static void expect_address(const struct address *address, const char *text)
{
    char found[ADDRESS_TEXT_SIZE];

    assert_string_equal(address_format(address, found), text);
}

static const char golden[] = "nodes:\n"
                             "  \"srv712695\":\n"
                             "    ssh: { address: \"203.0.113.10\", host_key: \"SHA256:abc\" }\n"
                             "    first: false\n"
                             "  \"srv712429\":\n"
                             "    ssh: { address: \"198.51.100.10\" }\n"
                             "    exit-node: true # it offers to be one\n"
                             "    api-server: true # it advertises the services to the tailnet\n"
                             "    protected: true # others depend on it: it comes last, alone\n"
                             "    first: false\n"
                             "  \"calypso\":\n"
                             "    ssh: { address: \"100.64.0.3\" }\n"
                             "    first: false\n"
                             "\n"
                             "witnesses:\n"
                             "  \"office\": { }\n"
                             "\n"
                             "cluster:\n"
                             "  pods: 10.42.0.0/16\n"
                             "  services: 10.43.0.0/16\n"
                             "  api-server: [\"198.51.100.10:6443\", \"10.43.0.1:443\"]\n"
                             "  controllers: [\"198.51.100.10:7430\"]\n"
                             "\n";

/* What is left without the lines that are only a comment. */
static char *without_comments(const char *text)
{
    char *plain = mem_alloc(strlen(text) + 1, 1);
    char *to = plain;

    for (const char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n") + 1;

        if (line[strspn(line, " ")] != '#') {
            memcpy(to, line, len);
            to += len;
        }
        line += len;
    }
    return plain;
}

static void proposes_the_fleet_of_the_context(void **state)
{
    struct scene *scene = *state;
    AUTO_FREE struct fleet_file *fleet = mem_alloc(1, sizeof(*fleet));
    AUTO_FREE char *plain = NULL;

    write_it(scene, fleet);
    plain = without_comments(scene->file);
    assert_string_equal(plain, golden);
    assert_int_equal(fleet->nodes_count, NODES_COUNT);
    expect_address(&fleet_file_find(fleet, "calypso")->ssh.address, "100.64.0.3");
    assert_int_equal(fleet_file_find(fleet, "srv712695")->ssh.port, 22);
    assert_true(fleet_file_find(fleet, "srv712429")->is_protected);
    assert_true(fleet_file_find(fleet, "office")->witness_only);
    assert_int_equal(fleet->cluster.api_servers_count, 2);
    assert_int_equal(fleet->cluster.services.len, 16);
    assert_int_equal(fleet->cluster.controllers[0].port, 7430);
}

/* Each doubt is said twice: to the person and in the file. */
static void says_what_it_cannot_know(void **state)
{
    static const char *const doubts[] = {
        "which node may break first is not known",
        "srv712695: whether it has a console is not known",
        "srv712429: nobody has seen its host key at 198.51.100.10 yet",
        "api-server: 6443 and 443 are what k3s uses unless told otherwise",
        "checks: what else has to work",
    };
    struct scene *scene = *state;
    AUTO_FREE struct fleet_file *fleet = mem_alloc(1, sizeof(*fleet));

    write_it(scene, fleet);
    for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++) {
        expect_part(scene->file, doubts[i]);
        expect_part(scene->notes, doubts[i]);
    }
    assert_null(strstr(scene->notes, "WARNING"));
}

/* A key seen at another address proves nothing of this one. */
static void a_host_key_counts_where_it_was_seen(void **state)
{
    struct scene *scene = *state;
    AUTO_FREE struct fleet_file *fleet = mem_alloc(1, sizeof(*fleet));

    assert_true(address_parse("203.0.113.99", &scene->nodes[STYX].seen_at));
    write_it(scene, fleet);
    assert_string_equal(fleet_file_find(fleet, "srv712695")->ssh.host_key, "");
    expect_part(scene->notes, "srv712695: nobody has seen its host key at 203.0.113.10 yet");
}

static void warns_of_a_quorum_that_cannot_be_reached(void **state)
{
    struct scene *scene = *state;
    AUTO_FREE struct fleet_file *fleet = mem_alloc(1, sizeof(*fleet));

    scene->snapshots[STYX].tailscale.addresses_count = 0; /* leaves one peer for calypso */
    write_it(scene, fleet);
    expect_part(scene->notes, "calypso: WARNING: 1 could witness its SSH, and a change needs 2");
    expect_part(scene->file, "calypso: WARNING: 1 could witness");
    assert_null(strstr(scene->notes, "srv712695: WARNING"));
}

/* A neighbour on the same network is no witness of the rest of the world. */
static void a_neighbour_is_no_witness_of_a_public_address(void **state)
{
    struct scene *scene = *state;
    AUTO_FREE struct fleet_file *fleet = mem_alloc(1, sizeof(*fleet));

    ip_lines_add(&scene->snapshots[OFFICE], "address 203.0.113.77/24 dev eth0\n");
    write_it(scene, fleet);
    assert_int_equal(propose_count_witnesses(&scene->propose, &scene->nodes[STYX]), 2);
    assert_int_equal(propose_count_witnesses(&scene->propose, &scene->nodes[TETHYS]), 3);
    assert_int_equal(propose_count_witnesses(&scene->propose, &scene->nodes[CALYPSO]), 2);
}

/* A witness whose way back is an entry of its own proves nothing of everybody else's. */
static void a_special_witness_does_not_count(void **state)
{
    struct scene *scene = *state;
    AUTO_FREE struct fleet_file *fleet = mem_alloc(1, sizeof(*fleet));

    ip_lines_add(&scene->snapshots[STYX], "route 192.0.2.9/32 via 203.0.113.1 dev eth0\n"
                                          "route 198.51.100.0/24 via 203.0.113.1 dev eth0\n");
    write_it(scene, fleet);
    assert_int_equal(propose_count_witnesses(&scene->propose, &scene->nodes[STYX]), 1);
    assert_int_equal(propose_count_witnesses(&scene->propose, &scene->nodes[TETHYS]), 3);
    expect_part(scene->notes, "srv712695: WARNING: 1 could witness its SSH");
    assert_null(strstr(scene->notes, "srv712429: WARNING"));
}

static void a_node_without_snapshot_has_a_name_only(void **state)
{
    struct scene *scene = *state;
    AUTO_FREE struct fleet_file *fleet = mem_alloc(1, sizeof(*fleet));

    scene->nodes[TETHYS].snapshot = NULL;
    scene->propose.controllers_count = 0;
    write_it(scene, fleet);
    expect_part(scene->notes, "srv712429: no snapshot of it came");
    expect_part(scene->notes, "services and API server are not known");
    expect_part(scene->notes, "pods: the smallest network that holds the routes");
    expect_part(scene->notes, "the controller's address is not known");
    assert_false(address_is_set(&fleet_file_find(fleet, "srv712429")->ssh.address));
    assert_int_equal(fleet->cluster.pods.len, 23);
    assert_int_equal(fleet->cluster.services.len, 0);
}

/* Nobody knows anything: still a file that is read. */
static void nothing_known_is_still_a_file(void **state)
{
    struct scene *scene = *state;
    AUTO_FREE struct fleet_file *fleet = mem_alloc(1, sizeof(*fleet));

    for (unsigned i = 0; i < NODES_COUNT; i++)
        scene->nodes[i].snapshot = NULL;
    scene->propose.controllers_count = 0;
    write_it(scene, fleet);
    assert_int_equal(fleet->nodes_count, NODES_COUNT);
    assert_int_equal(fleet->cluster.pods.len, 0);
    expect_part(scene->notes, "pods are not known");
    assert_null(strstr(scene->notes, "more have joined"));
}

static void those_that_do_not_fit_are_said(void **state)
{
    struct scene *scene = *state;
    AUTO_FREE struct fleet_file *fleet = mem_alloc(1, sizeof(*fleet));

    scene->propose.left_out_count = 6;
    text_copy(scene->propose.left_out, NAME_SIZE, "web-60");
    write_it(scene, fleet);
    expect_part(scene->notes, "6 more have joined than are written here, from web-60 on");
    expect_part(scene->file, "# 6 more have joined");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_scene, end_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(proposes_the_fleet_of_the_context),
        CASE(says_what_it_cannot_know),
        CASE(a_host_key_counts_where_it_was_seen),
        CASE(warns_of_a_quorum_that_cannot_be_reached),
        CASE(a_neighbour_is_no_witness_of_a_public_address),
        CASE(a_special_witness_does_not_count),
        CASE(a_node_without_snapshot_has_a_name_only),
        CASE(nothing_known_is_still_a_file),
        CASE(those_that_do_not_fit_are_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
