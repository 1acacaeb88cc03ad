/*
 * test_config: what the files that people write decode to, value by value.
 */
#include "common/io/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include <cmocka.h>

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void expect_address(const struct address *address, const char *text)
{
    char found[ADDRESS_TEXT_SIZE];

    assert_string_equal(address_format(address, found), text);
}

static void expect_prefix(const struct prefix *prefix, const char *text)
{
    char found[PREFIX_TEXT_SIZE];

    assert_string_equal(prefix_format(prefix, found), text);
}

static void expect_good(bool good, const struct err *err)
{
    if (!good)
        fail_msg("%s", err->text);
}

/* ---- programs ---------------------------------------------------------------------------------
 */

/* A file of this text; the caller's to remove. */
static void write_file(char *path, const char *text)
{
    int fd;

    strcpy(path, "/tmp/oceanid-config-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void test_agent(void **state)
{
    struct agent_config config;
    struct err err = ERR_INIT;
    char path[64];

    (void)state;
    write_file(path,
               "controllers: [tls+tcp://198.51.100.10:7430, \"tls+tcp://[2001:db8::1]:7430\"]\n"
               "state: /srv/agent\nguard-socket: \"\"\nlog: debug\n");
    expect_good(config_read_agent(path, &config, &err), &err);
    assert_int_equal(config.controllers_count, 2);
    assert_string_equal(config.controllers[0], "tls+tcp://198.51.100.10:7430");
    assert_string_equal(config.controllers[1], "tls+tcp://[2001:db8::1]:7430");
    assert_string_equal(config.state, "/srv/agent");
    assert_string_equal(config.guard_socket, "");
    assert_string_equal(config.tailscale_socket, "/run/tailscale/tailscaled.sock");
    assert_string_equal(config.log, "debug");
    unlink(path);
    assert_false(config_read_agent(path, &config, &err));
    assert_int_equal(err.kind, ERR_MISSING);
}

static void test_agent_defaults(void **state)
{
    struct agent_config config;
    struct err err = ERR_INIT;
    char path[64];

    (void)state;
    write_file(path, "# nothing but a comment\n");
    expect_good(config_read_agent(path, &config, &err), &err);
    unlink(path);
    assert_int_equal(config.controllers_count, 0);
    assert_string_equal(config.state, "/var/lib/oceanid/agent");
    assert_string_equal(config.guard_socket, "/run/oceanid/guard.sock");
    assert_string_equal(config.log, "info");
}

static void test_guard(void **state)
{
    struct guard_config config;
    struct err err = ERR_INIT;
    char path[64];

    (void)state;
    write_file(path, "state: /t/guard\nsocket: /t/guard.sock\ntrust: /t/trust.yaml\n"
                     "tailscale-socket: /t/no.sock\nrehearse-socket: /t/rehearse.sock\n"
                     "agent-user: root\n");
    expect_good(config_read_guard(path, &config, &err), &err);
    unlink(path);
    assert_string_equal(config.state, "/t/guard");
    assert_string_equal(config.socket, "/t/guard.sock");
    assert_string_equal(config.trust, "/t/trust.yaml");
    assert_string_equal(config.tailscale_socket, "/t/no.sock");
    assert_string_equal(config.rehearse_socket, "/t/rehearse.sock");
    assert_string_equal(config.agent_user, "root");
    assert_string_equal(config.log, "info");
}

static void test_guard_that_was_named_is_there(void **state)
{
    struct guard_config config;
    struct err err = ERR_INIT;

    (void)state;
    assert_false(config_read_named_guard("--config", "/nonexistent/guard.yaml", &config, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_string_equal(
        err.text, "--config /nonexistent/guard.yaml: expected a guard.yaml, found no such file");
    err = (struct err)ERR_INIT;
    assert_true(config_read_named_guard("--config", "/dev/null", &config, &err));
    assert_string_equal(config.state, "/var/lib/oceanid/guard");
}

static void test_guard_is_read_as_it_was_written(void **state)
{
    char text[CONFIG_GUARD_TEXT_SIZE], again[CONFIG_GUARD_TEXT_SIZE];
    struct guard_config config, read;
    struct err err = ERR_INIT;

    (void)state;
    config_default_guard(&config);
    snprintf(config.state, sizeof(config.state), "/srv/it's: #1 \"guard\"");
    snprintf(config.agent_user, sizeof(config.agent_user), "998");
    config_format_guard(&config, text, sizeof(text));
    expect_good(config_parse_guard("in-force.yaml", bytes_of(text), &read, &err), &err);
    assert_string_equal(read.state, config.state);
    assert_string_equal(read.agent_user, "998");
    config_format_guard(&read, again, sizeof(again));
    assert_string_equal(again, text);
}

static void fill(char *to, size_t size)
{
    memset(to, '\'', size - 1);
    to[size - 1] = '\0';
}

static void test_longest_guard_is_written(void **state)
{
    char text[CONFIG_GUARD_TEXT_SIZE];
    struct guard_config config;

    (void)state;
    fill(config.state, sizeof(config.state));
    fill(config.socket, sizeof(config.socket));
    fill(config.trust, sizeof(config.trust));
    fill(config.tailscale_socket, sizeof(config.tailscale_socket));
    fill(config.rehearse_socket, sizeof(config.rehearse_socket));
    fill(config.agent_user, sizeof(config.agent_user));
    fill(config.log, sizeof(config.log));
    config_format_guard(&config, text, sizeof(text));
    assert_string_equal(text + strlen(text) - 4, "'''\n");
}

/* A node whose guard.yaml is missing is guarded all the same. */
static void test_guard_missing(void **state)
{
    struct guard_config config;
    struct err err = ERR_INIT;

    (void)state;
    assert_true(config_read_guard("/nonexistent/guard.yaml", &config, &err));
    assert_int_equal(err.kind, ERR_NONE);
    assert_string_equal(err.text, "");
    assert_string_equal(config.state, "/var/lib/oceanid/guard");
    assert_string_equal(config.socket, "/run/oceanid/guard.sock");
    assert_string_equal(config.trust, "/etc/oceanid/trust.yaml");
    assert_string_equal(config.rehearse_socket, "/run/oceanid/rehearse.sock");
    assert_string_equal(config.agent_user, "oceanid-agent");
}

static void test_controller(void **state)
{
    static struct controller_config config;
    struct err err = ERR_INIT;
    char path[64];

    (void)state;
    write_file(path, "https: \"\"\nroles:\n  unix: { root: operator, 1000: viewer, ci-1: ci }\n");
    expect_good(config_read_controller(path, &config, &err), &err);
    unlink(path);
    assert_string_equal(config.state, "/var/lib/oceanid/controller");
    assert_string_equal(config.fleet, "/etc/oceanid/fleet.yaml");
    assert_string_equal(config.agents, "tls+tcp://0.0.0.0:7430");
    assert_string_equal(config.https, "");
    assert_string_equal(config.socket, "/run/oceanid-controller/controller.sock");
    assert_int_equal(config.roles_count, 3);
    assert_string_equal(config.roles[1].user, "1000");
    assert_string_equal(config.roles[1].role, "viewer");
    assert_string_equal(config.roles[2].role, "ci");
}

/* ---- fleet ------------------------------------------------------------------------------------
 */

static const char fleet_text[] =
    "nodes:\n"
    "  srv712695: { first: true, ssh: 203.0.113.10, console: { provider: hostinger, id: \"7\" } }\n"
    "  calypso:   { ssh: \"[2001:db8::3]:2222\", console: physical, exit-node: true }\n"
    "  srv712429: { protected: true, exit-node: true, api-server: true,\n"
    "               ssh: { address: 100.64.0.1, port: 23, host_key: \"SHA256:abc\" } }\n"
    "witnesses:\n"
    "  office: { }\n"
    "  laptop:\n"
    "cluster:\n"
    "  pods: 10.42.0.0/16\n"
    "  services: 10.43.0.0/16\n"
    "  api-server: [198.51.100.10:6443, \"[2001:db8::1]:443\"]\n"
    "  controllers: [198.51.100.10:7430]\n"
    "checks:\n"
    "  - { name: database, kind: tcp, for: [srv712695, office], to: \"db.example.com:5432\",\n"
    "      severity: warning, interval: 5s, timeout: 1500ms, attempts: 2, passes: 3 }\n"
    "  - { name: way, kind: route, destination: default, from: 10.42.0.5, iif: cni0, table: main "
    "}\n"
    "policy: { soak: 6m, lease: 90s, approvals: 2, pause_after: each, soak-min: 1s,\n"
    "  stage_size: 2 }\n";

static const struct fleet_file *fleet_of(const char *text)
{
    static struct fleet_file fleet;
    struct err err = ERR_INIT;

    expect_good(config_parse_fleet("fleet.yaml", bytes_of(text), &fleet, &err), &err);
    return &fleet;
}

static void test_fleet_nodes(void **state)
{
    const struct fleet_file *fleet = fleet_of(fleet_text);
    const struct fleet_node *node = fleet->nodes;

    (void)state;
    assert_int_equal(fleet->nodes_count, 5);
    assert_string_equal(node[0].name, "srv712695");
    assert_true(node[0].first && !node[0].is_protected && !node[0].witness_only);
    expect_address(&node[0].ssh.address, "203.0.113.10");
    assert_int_equal(node[0].ssh.port, 22);
    assert_int_equal(node[0].ssh.audience, AUDIENCE_EVERYWHERE);
    assert_string_equal(node[0].console, "hostinger");
    assert_string_equal(node[0].console_id, "7");
    expect_address(&node[1].ssh.address, "2001:db8::3");
    assert_int_equal(node[1].ssh.port, 2222);
    assert_string_equal(node[1].console, "physical");
    assert_true(node[2].is_protected && node[2].exit_node && node[2].api_server);
    assert_true(node[1].exit_node && node[1].is_protected); /* the one says the other */
    assert_int_equal(node[2].ssh.port, 23);
    assert_int_equal(node[2].ssh.audience, AUDIENCE_TAILNET);
    assert_string_equal(node[2].ssh.host_key, "SHA256:abc");
    assert_string_equal(node[2].console, "");
    assert_string_equal(node[3].name, "office");
    assert_true(node[3].witness_only && node[4].witness_only);
}

static void test_fleet_cluster(void **state)
{
    const struct protect_cluster *cluster = &fleet_of(fleet_text)->cluster;

    (void)state;
    expect_prefix(&cluster->pods, "10.42.0.0/16");
    expect_prefix(&cluster->services, "10.43.0.0/16");
    assert_int_equal(cluster->api_servers_count, 2);
    expect_address(&cluster->api_servers[1].address, "2001:db8::1");
    assert_int_equal(cluster->api_servers[1].port, 443);
    assert_int_equal(cluster->controllers_count, 1);
    assert_int_equal(cluster->controllers[0].port, 7430);
}

static void test_fleet_checks(void **state)
{
    const struct fleet_file *fleet = fleet_of(fleet_text);
    const struct check *check = &fleet->checks[0].check;

    (void)state;
    assert_int_equal(fleet->checks_count, 2);
    assert_string_equal(check->name, "database");
    assert_int_equal(check->kind, CHECK_TCP);
    assert_int_equal(check->severity, SEVERITY_WARNING);
    assert_string_equal(check->to, "db.example.com");
    assert_int_equal(check->port, 5432);
    assert_int_equal(check->interval_s, 5);
    assert_int_equal(check->timeout_ms, 1500);
    assert_int_equal(check->attempts, 2);
    assert_int_equal(check->passes, 3);
    assert_int_equal(fleet->checks[0].nodes_count, 2);
    assert_string_equal(fleet->checks[0].nodes[1], "office");
    check = &fleet->checks[1].check;
    assert_int_equal(check->severity, SEVERITY_CRITICAL);
    assert_int_equal(check->interval_s, 30);
    expect_prefix(&check->destination, "0.0.0.0/0");
    expect_address(&check->from, "10.42.0.5");
    assert_string_equal(check->iif, "cni0");
    assert_int_equal(check->table, RT_TABLE_MAIN);
    assert_int_equal(fleet->checks[1].nodes_count, 0);
}

static void test_fleet_policy(void **state)
{
    struct policy policy = fleet_of(fleet_text)->policy;

    (void)state;
    assert_int_equal(policy.soak_s, 360);
    assert_int_equal(policy.lease_s, 90);
    assert_int_equal(policy.approvals, 2);
    assert_int_equal(policy.pause_after, PAUSE_EACH);
    assert_int_equal(policy.soak_min_s, 1);
    assert_int_equal(policy.stage_size, 2);
    policy = fleet_of("nodes: { a: { } }\n")->policy;
    assert_int_equal(policy.soak_s, 300);
    assert_int_equal(policy.lease_s, 60);
    assert_int_equal(policy.approvals, 1);
    assert_int_equal(policy.pause_after, PAUSE_FIRST);
    assert_int_equal(policy.soak_min_s, 60);
    assert_int_equal(policy.stage_size, 1);
}

/* ---- trust ------------------------------------------------------------------------------------
 */

#define KEY_TAIL "00112233445566778899aabbccddeeff"
#define KEY_HEX(first) "04" first KEY_TAIL KEY_TAIL KEY_TAIL "00112233445566778899aabbccdd"

static void test_trust(void **state)
{
    static struct trust trust;
    struct err err = ERR_INIT;
    const char *text =
        "soak-min: 1s\n# a comment\nthreshold: 2\nlease-max: 10m\nkeys:\n"
        "  - { name: ann, roles: [approver, operator], key: " KEY_HEX(
            "aaaa") " }\n"
                    "  - { name: bob, roles: [approver], key: \"" KEY_HEX("bbbb") "\" }\n";

    (void)state;
    expect_good(config_parse_trust("trust.yaml", bytes_of(text), &trust, &err), &err);
    assert_int_equal(trust.threshold, 2);
    assert_int_equal(trust.soak_min_s, 1);
    assert_int_equal(trust.lease_max_s, 600);
    assert_int_equal(trust.keys_count, 2);
    assert_string_equal(trust.keys[0].name, "ann");
    assert_int_equal(trust.keys[0].roles, TRUST_APPROVER | TRUST_OPERATOR);
    assert_int_equal(trust.keys[1].roles, TRUST_APPROVER);
    assert_int_equal(trust.keys[1].key.bytes[0], 0x04);
    assert_int_equal(trust.keys[1].key.bytes[1], 0xbb);
    assert_int_equal(trust.keys[1].key.bytes[KEY_SIZE - 1], 0xdd);
}

/* What is refused leaves the caller's value as it was. */
static void test_refusal_writes_nothing(void **state)
{
    static struct trust trust;
    struct err err = ERR_INIT;

    (void)state;
    trust.threshold = 7;
    assert_false(config_parse_trust("trust.yaml", bytes_of("threshold: 1\n"), &trust, &err));
    assert_int_equal(trust.threshold, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agent),
        cmocka_unit_test(test_agent_defaults),
        cmocka_unit_test(test_guard),
        cmocka_unit_test(test_guard_is_read_as_it_was_written),
        cmocka_unit_test(test_longest_guard_is_written),
        cmocka_unit_test(test_guard_missing),
        cmocka_unit_test(test_guard_that_was_named_is_there),
        cmocka_unit_test(test_controller),
        cmocka_unit_test(test_fleet_nodes),
        cmocka_unit_test(test_fleet_cluster),
        cmocka_unit_test(test_fleet_checks),
        cmocka_unit_test(test_fleet_policy),
        cmocka_unit_test(test_trust),
        cmocka_unit_test(test_refusal_writes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
