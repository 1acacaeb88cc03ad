/*
 * wire_fill: values with every field set.
 */
#include "tests/unit/wire_fill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "common/core/mem.h"
#include "common/core/text.h"

#include <cmocka.h>

void fill_bytes(void *to, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)to)[i] = (uint8_t)(1 + (i * 7 + seed * 31) % 255);
}

static void put_text(char *to, size_t size, const char *text, unsigned number)
{
    snprintf(to, size, "%s-%u", text, number);
}

static struct address address(const char *text)
{
    struct address parsed;

    assert_true(address_parse(text, &parsed));
    return parsed;
}

static struct prefix prefix(const char *text)
{
    struct prefix parsed;

    assert_true(prefix_parse(text, &parsed));
    return parsed;
}

void fill_id(struct generation_id *id, unsigned seed)
{
    fill_bytes(&id->attempt.body, HASH_SIZE, seed);
    id->attempt.sequence = UINT64_MAX - seed;
    fill_bytes(&id->start, NONCE_SIZE, seed + 1);
}

/* ---- checks -----------------------------------------------------------------------------------
 */

void fill_verdicts(struct verdict *verdicts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        put_text(verdicts[i].check, NAME_SIZE, "ssh", i);
        verdicts[i].severity = SEVERITY_WARNING;
        verdicts[i].took_ms = 1234 + i;
        verdict_set(&verdicts[i], VERDICT_FAIL, "a banner", "no answer in 5 s from \u00e9t\u00e9");
    }
}

void fill_check(struct check *check, unsigned number)
{
    memset(check, 0, sizeof(*check));
    put_text(check->name, sizeof(check->name), "check", number);
    check->kind = CHECK_SSH;
    check->severity = SEVERITY_WARNING;
    check->interval_s = 31;
    check->timeout_ms = 5001;
    check->attempts = 3;
    check->passes = 2;
    check->built_in = true;
    check->destination = prefix("2001:db8::/32");
    check->from = address("203.0.113.10");
    text_copy(check->iif, sizeof(check->iif), "eth1");
    text_copy(check->device, sizeof(check->device), "eth0.123456789a");
    check->gateway = address("fe80::1");
    check->table = 52;
    check->priority = 5270;
    check->mtu = 1280;
    text_copy(check->to, sizeof(check->to), "example.org");
    check->port = UINT16_MAX;
    text_copy(check->url, sizeof(check->url), "https://example.org/ip");
    text_copy(check->use, sizeof(check->use), "exit");
    text_copy(check->name_of, sizeof(check->name_of), "net.ipv4.ip_forward");
    text_copy(check->expect, sizeof(check->expect), "1");
    check->level = CHECK_LEVEL_HOST_KEY;
    text_copy(check->host_key, sizeof(check->host_key), "SHA256:abc");
}

void fill_ssh(struct ssh_target *ssh)
{
    ssh->address = address("203.0.113.10");
    ssh->port = 2222;
    ssh->audience = AUDIENCE_CONNECTED;
    text_copy(ssh->host_key, sizeof(ssh->host_key), "SHA256:def");
}

/* ---- what is signed ---------------------------------------------------------------------------
 */

void fill_statement(struct statement *statement)
{
    memset(statement, 0, sizeof(*statement));
    text_copy(statement->signer, NAME_SIZE, "office");
    text_copy(statement->subject, NAME_SIZE, "srv712695");
    fill_bytes(&statement->body, HASH_SIZE, 1);
    fill_bytes(&statement->nonce, NONCE_SIZE, 2);
    statement->phase = PHASE_STANDING;
    statement->soak_s = 301;
    statement->own_failing = true;
    statement->source = address("2001:db8::5");
    statement->source_port = 54321;
    statement->verdicts_count = 3;
    fill_verdicts(statement->verdicts, 3);
}

void fill_receipt(struct receipt *receipt)
{
    memset(receipt, 0, sizeof(*receipt));
    text_copy(receipt->node, NAME_SIZE, "srv712695");
    fill_id(&receipt->generation, 3);
    receipt->kind = RECEIPT_REFUSED;
    receipt->cause = CAUSE_DISK;
    receipt->index = 77;
    receipt->soak_s = 300;
    receipt->at = 1760000000;
    text_copy(receipt->reason, REASON_SIZE, "witness office: no answer");
    receipt->objects_count = 16;
    for (unsigned i = 0; i < 16; i++)
        put_text(receipt->objects[i], sizeof(receipt->objects[i]), "rule 5140", i);
}

void fill_stack(struct stack *stack)
{
    memset(stack, 0, sizeof(*stack));
    text_copy(stack->node, NAME_SIZE, "srv712695");
    fill_bytes(&stack->nonce, NONCE_SIZE, 4);
    fill_bytes(&stack->challenge, NONCE_SIZE, 5);
    stack->receipt_index = 78;
    stack->trial_open = true;
    fill_id(&stack->trial, 6);
    text_copy(stack->trial_state, sizeof(stack->trial_state), "soaking");
    stack->generations_count = GENERATIONS_MAX;
    for (unsigned i = 0; i < GENERATIONS_MAX; i++) {
        fill_id(&stack->generations[i].id, 10 + i);
        stack->generations[i].soak_s = 300 + i;
        stack->generations[i].in_doubt = i % 2 == 1;
        put_text(stack->generations[i].change, NAME_SIZE, "change", i);
    }
}

static void fill_entry(struct roster_entry *entry, unsigned number)
{
    put_text(entry->name, NAME_SIZE, "node", number);
    entry->witness_only = number % 2 == 1;
    fill_bytes(&entry->agent_key, KEY_SIZE, number);
    if (!entry->witness_only)
        fill_bytes(&entry->guard_key, KEY_SIZE, 100 + number);
}

void fill_roster(struct roster *roster)
{
    memset(roster, 0, sizeof(*roster));
    roster->version = 9;
    roster->entries_count = NODES_MAX;
    for (unsigned i = 0; i < NODES_MAX; i++)
        fill_entry(&roster->entries[i], i);
}

void fill_order(struct order *order)
{
    memset(order, 0, sizeof(*order));
    order->nodes_count = 2;
    text_copy(order->nodes[0], NAME_SIZE, "srv712695");
    text_copy(order->nodes[1], NAME_SIZE, "calypso");
    fill_id(&order->down_to, 7);
    text_copy(order->reason, REASON_SIZE, "it broke the mail");
}

void fill_approval(struct approval *approval)
{
    struct generation_id id;

    memset(approval, 0, sizeof(*approval));
    fill_id(&id, 8);
    approval->attempt = id.attempt;
    approval->not_after = 1760000000;
    approval->lifts_count = LIFTS_MAX;
    for (unsigned i = 0; i < LIFTS_MAX; i++) {
        fill_bytes(&approval->lifts[i].receipt, HASH_SIZE, i);
        put_text(approval->lifts[i].reason, REASON_SIZE, "a reason", i);
    }
}

/* ---- the network ------------------------------------------------------------------------------
 */

static void fill_hop(struct hop *hop, unsigned number)
{
    hop->link = 2 + number;
    hop->gateway = address("fe80::1");
    hop->weight = (uint8_t)(1 + number);
    hop->onlink = true;
    hop->dead = true;
}

static void fill_route(struct route *route, unsigned hops)
{
    route->destination = prefix("2001:db8::/32");
    route->source = prefix("2001:db8:1::/48");
    route->table = 5100;
    route->metric = 1024;
    route->tos = 0x10;
    route->protocol = OCEANID_PROTOCOL;
    route->scope = RT_SCOPE_LINK;
    route->type = RTN_UNICAST;
    route->preference = ROUTE_PREFERENCE_LOW;
    route->prefsrc = address("2001:db8::7");
    route->mtu = 1400;
    route->hops_count = hops;
    if (hops == 1)
        fill_hop(&route->hop, 0);
    if (hops > 1)
        route->hops = mem_alloc(hops, sizeof(*route->hops));
    for (unsigned i = 0; hops > 1 && i < hops; i++)
        fill_hop(&route->hops[i], i);
}

static void fill_rule(struct rule *rule)
{
    rule->family = FAMILY_IPV4;
    rule->action = FR_ACT_GOTO;
    rule->tos = 0x10;
    rule->protocol = OCEANID_PROTOCOL;
    rule->ip_proto = 6;
    rule->invert = true;
    rule->l3mdev = true;
    rule->tun_id = UINT64_MAX - 5;
    rule->priority = 5140;
    rule->table = 254;
    rule->goto_priority = 5300;
    rule->mark = 0x80000;
    rule->mask = 0xff0000;
    rule->uid_first = 1000;
    rule->uid_last = UINT32_MAX;
    rule->sport_first = 1;
    rule->sport_last = 2;
    rule->dport_first = 3;
    rule->dport_last = UINT16_MAX;
    rule->suppress_prefixlength = 0;
    rule->suppress_ifgroup = -1;
    text_copy(rule->iif, sizeof(rule->iif), "eth0");
    text_copy(rule->oif, sizeof(rule->oif), "eth1");
    rule->source = prefix("203.0.113.10/32");
    rule->destination = prefix("0.0.0.0/0");
}

static void add_raw(uint8_t **raw, uint32_t *len, unsigned seed)
{
    *raw = mem_alloc(1, 40);
    *len = 40;
    fill_bytes(*raw, 40, seed);
}

static void fill_links(struct snapshot *snapshot)
{
    for (unsigned i = 0; i < 2; i++) {
        struct link *link = snapshot_add_link(snapshot);
        struct link_address *own = snapshot_add_address(snapshot);

        link->index = 1 + i;
        put_text(link->name, sizeof(link->name), "eth", i);
        text_copy(link->kind, sizeof(link->kind), "vlan");
        link->mtu = 1500;
        link->master = 7;
        link->lower = 8;
        link->group = 9;
        link->group_known = true;
        link->up = link->carrier = link->loopback = true;
        own->link = 1 + i;
        own->address = address(i == 0 ? "203.0.113.10" : "fe80::5");
        own->prefix_len = i == 0 ? 24 : 64;
        own->scope = RT_SCOPE_LINK;
        own->protocol = 3;
        own->secondary = own->tentative = own->temporary = true;
        own->deprecated = own->permanent = own->noprefixroute = own->mngtmpaddr = true;
        own->metric = 77;
        own->peer = address("203.0.113.99");
        own->broadcast = address("203.0.113.255");
        put_text(own->label, sizeof(own->label), "eth0:", i);
    }
}

static void fill_nexthop(struct nexthop *nexthop)
{
    nexthop->id = 42;
    nexthop->family = FAMILY_IPV6;
    nexthop->protocol = 4;
    nexthop->blackhole = nexthop->group = true;
    fill_hop(&nexthop->hop, 3);
    nexthop->members_count = 300;
    nexthop->members = mem_alloc(nexthop->members_count, sizeof(*nexthop->members));
    for (uint32_t i = 0; i < nexthop->members_count; i++)
        nexthop->members[i] = (struct nexthop_member){100 + i, i};
    add_raw(&nexthop->raw, &nexthop->raw_len, 12);
}

/* It owns nothing. */
static void fill_nexthop_operation(struct operation_nexthop *operation)
{
    struct nexthop *nexthop = &operation->nexthop;

    fill_nexthop(nexthop);
    operation->members_count = OPERATION_MEMBERS_MAX;
    for (uint32_t i = 0; i < OPERATION_MEMBERS_MAX; i++)
        operation->members[i] = nexthop->members[i];
    free(nexthop->members);
    free(nexthop->raw);
    nexthop->members = NULL;
    nexthop->raw = NULL;
    nexthop->members_count = nexthop->raw_len = 0;
}

static void fill_peers(struct tailscale *tailscale)
{
    tailscale->peers_count = 2;
    tailscale->peers = mem_alloc(2, sizeof(*tailscale->peers));
    for (unsigned i = 0; i < 2; i++) {
        struct tailscale_peer *peer = &tailscale->peers[i];

        put_text(peer->id, sizeof(peer->id), "nABC", i);
        put_text(peer->host_name, sizeof(peer->host_name), "Host Name", i);
        put_text(peer->dns_name, sizeof(peer->dns_name), "host.tail1234.ts.net.", i);
        peer->addresses_count = TAILSCALE_ADDRESSES_MAX;
        for (unsigned k = 0; k < TAILSCALE_ADDRESSES_MAX; k++)
            peer->addresses[k] = address(k % 2 == 0 ? "100.64.0.7" : "fd7a:115c:a1e0::7");
        peer->online = peer->exit_node_option = peer->direct = true;
    }
}

static void fill_tailscale(struct tailscale *tailscale)
{
    tailscale->presence = TAILSCALE_ANSWERS;
    text_copy(tailscale->why, sizeof(tailscale->why), "it answers");
    text_copy(tailscale->backend_state, sizeof(tailscale->backend_state), "Running");
    text_copy(tailscale->version, sizeof(tailscale->version), "1.80.0");
    text_copy(tailscale->exit_node_id, sizeof(tailscale->exit_node_id), "nABC-0");
    tailscale->exit_node_ip = address("100.64.0.9");
    text_copy(tailscale->auto_exit_node, sizeof(tailscale->auto_exit_node), "any");
    tailscale->exit_node_allow_lan_access = tailscale->accept_routes = true;
    tailscale->want_running = tailscale->self_exit_node_option = true;
    tailscale->advertise_routes_count = TAILSCALE_ROUTES_MAX;
    for (unsigned i = 0; i < TAILSCALE_ROUTES_MAX; i++)
        tailscale->advertise_routes[i] = prefix(i % 2 == 0 ? "10.0.0.0/8" : "::/0");
    tailscale->addresses_count = 2;
    tailscale->addresses[0] = address("100.64.0.1");
    tailscale->addresses[1] = address("fd7a:115c:a1e0::1");
    fill_peers(tailscale);
    text_copy(tailscale->profile.node_id, sizeof(tailscale->profile.node_id), "nSELF");
    text_copy(tailscale->profile.control, sizeof(tailscale->profile.control), "http://192.0.2.1");
    text_copy(tailscale->profile.name, sizeof(tailscale->profile.name), "lab@example");
    text_copy(tailscale->profile.id, sizeof(tailscale->profile.id), "a1b2");
}

static void fill_file(struct snapshot_file *file, uint32_t len)
{
    text_copy(file->path, FILE_PATH_SIZE, "/etc/netplan/60-x.yaml");
    file->there = file->irregular = file->has_directory = true;
    file->mode = 0640;
    file->uid = 1;
    file->gid = UINT32_MAX;
    file->len = len;
    file->data = len > 0 ? mem_copy("a\0b\n", len) : NULL;
}

void fill_snapshot(struct snapshot *snapshot)
{
    snapshot_init(snapshot);
    fill_links(snapshot);
    for (unsigned hops = 0; hops < 4; hops++) {
        struct route *route = snapshot_add_route(snapshot);

        fill_route(route, hops);
        route->nexthop_id = 42;
        route->clone = route->expires = true;
        add_raw(&route->raw, &route->raw_len, hops);
    }
    fill_rule(snapshot_add_rule(snapshot));
    snapshot->rules[0].unknown = UINT16_MAX; /* never of an operation's */
    snapshot->rules[0].unknown_sum = UINT64_MAX - 6;
    add_raw(&snapshot->rules[0].raw, &snapshot->rules[0].raw_len, 11);
    snapshot_add_rule(snapshot)->family = FAMILY_IPV6; /* matches everything, selectors not set */
    fill_nexthop(snapshot_add_nexthop(snapshot));
    text_copy(snapshot_add_sysctl(snapshot)->name, SYSCTL_NAME_SIZE,
              "net.ipv4.conf.eth0/5.rp_filter");
    text_copy(snapshot->sysctls[0].value, SYSCTL_VALUE_SIZE, "2");
    fill_tailscale(&snapshot->tailscale);
    fill_file(snapshot_add_file(snapshot), 4);
    fill_file(snapshot_add_file(snapshot), 0); /* empty */
}

/* ---- a change ---------------------------------------------------------------------------------
 */

static void fill_prefs(struct operation_tailscale *prefs)
{
    prefs->set_exit_node = prefs->set_allow_lan_access = prefs->allow_lan_access = true;
    prefs->set_accept_routes = prefs->accept_routes = prefs->set_advertise_routes = true;
    text_copy(prefs->exit_node_id, sizeof(prefs->exit_node_id), "nABC");
    text_copy(prefs->exit_node_name, sizeof(prefs->exit_node_name), "exit");
    prefs->advertise_routes_count = 1;
    prefs->advertise_routes[0] = prefix("10.0.0.0/8");
}

void fill_operation(struct operation *operation, enum operation_kind kind)
{
    memset(operation, 0, sizeof(*operation));
    operation->kind = kind;
    operation->shield = true;
    if (kind == OPERATION_ROUTE) {
        operation->route.absent = true;
        text_copy(operation->route.device, DEVICE_SIZE, "eth0");
        fill_route(&operation->route.route, 1);
        operation->route.route.hop.link = 0;
        operation->route.hops_count = 2;
        for (unsigned i = 0; i < 2; i++) {
            text_copy(operation->route.hops[i].device, DEVICE_SIZE, "eth1");
            operation->route.hops[i].hop = (struct hop){
                .gateway = address("203.0.113.7"), .weight = (uint8_t)(1 + i), .onlink = true};
        }
    } else if (kind == OPERATION_RULE) {
        operation->rule.absent = true;
        fill_rule(&operation->rule.rule);
    } else if (kind == OPERATION_SYSCTL) {
        text_copy(operation->sysctl.setting.name, SYSCTL_NAME_SIZE, "net.ipv4.ip_forward");
        text_copy(operation->sysctl.setting.value, SYSCTL_VALUE_SIZE, "1");
    } else if (kind == OPERATION_NEXTHOP) {
        operation->nexthop.absent = true;
        text_copy(operation->nexthop.device, DEVICE_SIZE, "eth0");
        fill_nexthop_operation(&operation->nexthop);
    } else if (kind == OPERATION_FILE) {
        operation->file.absent = true;
        text_copy(operation->file.path, FILE_PATH_SIZE, "/etc/netplan/60-x.yaml");
        text_copy(operation->file.content, FILE_CONTENT_SIZE, "network:\n  version: 2\n");
    } else if (kind == OPERATION_ADDRESS) {
        operation->address.absent = true;
        text_copy(operation->address.device, DEVICE_SIZE, "eth1");
        operation->address.address = address("203.0.113.11");
        operation->address.prefix_len = 24;
    } else if (kind == OPERATION_LINK) {
        text_copy(operation->link.device, DEVICE_SIZE, "eth1");
        operation->link.mtu = 1400;
        operation->link.set_up = operation->link.up = true;
    } else {
        fill_prefs(&operation->tailscale);
    }
}

static void fill_flow(struct protected_flow *flow, unsigned number)
{
    put_text(flow->name, NAME_SIZE, "flow", number);
    flow->flow.source = address("203.0.113.10");
    text_copy(flow->flow.iif, DEVICE_SIZE, "cni0");
    text_copy(flow->flow.oif, DEVICE_SIZE, "eth0");
    flow->flow.mark = 0x80000;
    flow->flow.uid = 1000;
    flow->flow.tos = 8;
    flow->flow.ip_proto = 6;
    flow->flow.sport = 22;
    flow->flow.dport = 6443;
    flow->destination = prefix("0.0.0.0/0");
    text_copy(flow->device, DEVICE_SIZE, "eth0");
    text_copy(flow->not_device, DEVICE_SIZE, "tailscale0");
    flow->gateway = address("203.0.113.1");
}

static void fill_plan(struct manifest_plan *plan, unsigned number)
{
    put_text(plan->node, NAME_SIZE, "node", number);
    plan->operations_count = OPERATION_KIND_COUNT;
    plan->operations = mem_alloc(OPERATION_KIND_COUNT, sizeof(*plan->operations));
    for (unsigned i = 0; i < OPERATION_KIND_COUNT; i++)
        fill_operation(&plan->operations[i], (enum operation_kind)i);
    plan->flows_count = 3;
    for (unsigned i = 0; i < 3; i++)
        fill_flow(&plan->flows[i], i);
    plan->checks_count = 2;
    plan->checks = mem_alloc(2, sizeof(*plan->checks));
    for (unsigned i = 0; i < 2; i++)
        fill_check(&plan->checks[i], i);
    plan->witnesses_count = 2;
    text_copy(plan->witnesses[0], NAME_SIZE, "node-1");
    text_copy(plan->witnesses[1], NAME_SIZE, "node-3");
    plan->quorum = 2;
    fill_ssh(&plan->ssh);
}

static void fill_head(struct manifest *manifest)
{
    text_copy(manifest->change, NAME_SIZE, "workers-use-exit-node");
    text_copy(manifest->reason, TEXT_SIZE, "first line\nsecond\tline: \u20ac");
    text_copy(manifest->reference, REASON_SIZE, "OPS-7");
    text_copy(manifest->justification, TEXT_SIZE, "because");
    manifest->fixes_count = 2;
    text_copy(manifest->fixes[0], NAME_SIZE, "check-0");
    text_copy(manifest->fixes[1], NAME_SIZE, "check-1");
    fill_bytes(&manifest->fleet_hash, HASH_SIZE, 20);
    manifest->pause_after = PAUSE_EACH;
    for (unsigned i = 0; i < WAIVE_COUNT; i++) {
        manifest->waived[i] = true;
        put_text(manifest->waiver_reasons[i], REASON_SIZE, "waived", i);
    }
}

void fill_manifest(struct manifest *manifest)
{
    *manifest = (struct manifest){.soak_s = 300,
                                  .lease_s = 61,
                                  .period_s = 15,
                                  .path_s = 7,
                                  .dial_s = 10,
                                  .apply_s = 2,
                                  .settle_s = 9,
                                  .grace_s = 22,
                                  .revert_budget_s = 6,
                                  .stages_count = 2,
                                  .plans_count = 2,
                                  .roster_count = 4};
    fill_head(manifest);
    manifest->stages = mem_alloc(2, sizeof(*manifest->stages));
    manifest->plans = mem_alloc(2, sizeof(*manifest->plans));
    for (unsigned i = 0; i < 2; i++) {
        fill_plan(&manifest->plans[i], 2 * i);
        manifest->stages[i].nodes_count = 1;
        put_text(manifest->stages[i].nodes[0], NAME_SIZE, "node", 2 * i);
    }
    manifest->roster = mem_alloc(4, sizeof(*manifest->roster));
    for (unsigned i = 0; i < 4; i++)
        fill_entry(&manifest->roster[i], i);
}
