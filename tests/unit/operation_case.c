#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "tests/unit/ip_lines.h"
#include "tests/unit/operation_case.h"

static const char host[] = "link eth0 2\n"
                           "nexthop 1 via 203.0.113.1 dev eth0 protocol 4\n"
                           "nexthop 2 via 203.0.113.1 dev eth0 protocol 153\n"
                           "nexthop 3 group 1,2 protocol 153\n"
                           "nexthop 4 via 203.0.113.1 dev eth0 protocol 153\n"
                           "nexthop 5 blackhole protocol 153\n"
                           "route 172.16.0.0/16 nhid 4 protocol 153\n"
                           "route 172.17.0.0/16 nhid 5 protocol 4\n"
                           "link eth1 3 down\n"
                           "link tailscale0 4\n"
                           "address 203.0.113.10/24 dev eth0\n"
                           "address 2001:db8:1::10/64 dev eth0\n"
                           "route default via 203.0.113.1 dev eth0 protocol 4\n"
                           "route 192.0.2.0/24 via 203.0.113.1 dev eth0 protocol 153\n"
                           "rule 100 to 192.0.2.0/24 lookup 7 protocol 153\n"
                           "rule 101 to 192.0.2.0/24 lookup 7 protocol 3\n";

void make_host(struct snapshot *snapshot)
{
    snapshot_init(snapshot);
    ip_lines_add(snapshot, host);
    ip_lines_add_usual_rules(snapshot);
    snapshot->tailscale.presence = TAILSCALE_ANSWERS;
    snapshot->tailscale.peers = mem_alloc(2, sizeof(*snapshot->tailscale.peers));
    snapshot->tailscale.peers_count = 2;
    snapshot->tailscale.peers[0] =
        (struct tailscale_peer){.id = "nEXIT", .host_name = "tethys", .exit_node_option = true};
    snapshot->tailscale.peers[1] = (struct tailscale_peer){.id = "nLAPTOP", .host_name = "laptop"};
}

struct operation operation_of(const char *line)
{
    return ip_lines_operation("link eth0 2\nlink eth1 3\nlink wg0 9", line);
}

struct operation sysctl_of(const char *name, const char *value)
{
    struct operation operation = {.kind = OPERATION_SYSCTL};

    text_copy(operation.sysctl.setting.name, SYSCTL_NAME_SIZE, name);
    text_copy(operation.sysctl.setting.value, SYSCTL_VALUE_SIZE, value);
    return operation;
}

struct operation exit_node_of(const char *id)
{
    struct operation operation = {.kind = OPERATION_TAILSCALE};

    operation.tailscale.set_exit_node = true;
    text_copy(operation.tailscale.exit_node_id, TAILSCALE_ID_SIZE, id);
    return operation;
}
