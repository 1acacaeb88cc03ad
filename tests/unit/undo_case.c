#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/ip_lines.h"
#include "tests/unit/undo_case.h"

static const char host[] = "link eth0 2\n"
                           "link eth1 3\n"
                           "address 203.0.113.10/24 dev eth0\n"
                           "route default via 203.0.113.1 dev eth0 protocol 4\n";

void make(struct snapshot *snapshot, const char *lines)
{
    snapshot_init(snapshot);
    ip_lines_add(snapshot, host);
    ip_lines_add_usual_rules(snapshot);
    ip_lines_add(snapshot, lines);
}

struct operation operation_of(const char *line)
{
    bool absent = text_starts(line, "remove ");
    struct operation operation = ip_lines_operation("link eth0 2\nlink eth1 3\nlink eth9 9",
                                                    line + (absent ? strlen("remove ") : 0));

    if (operation.kind == OPERATION_RULE) {
        operation.rule.absent = absent;
        operation.rule.rule.protocol = 0;
    } else if (operation.kind == OPERATION_NEXTHOP) {
        operation.nexthop.absent = absent;
    } else {
        operation.route.absent = absent;
    }
    return operation;
}

void put_sysctl(struct snapshot *snapshot, const char *name, const char *value)
{
    struct sysctl *sysctl = snapshot_add_sysctl(snapshot);

    text_copy(sysctl->name, sizeof(sysctl->name), name);
    text_copy(sysctl->value, sizeof(sysctl->value), value);
}

void make_forwarding(struct snapshot *snapshot, const char *global, const char *eth0,
                     const char *redirects)
{
    make(snapshot, "");
    put_sysctl(snapshot, "net.ipv4.ip_forward", global);
    put_sysctl(snapshot, "net.ipv4.conf.eth0.forwarding", eth0);
    put_sysctl(snapshot, "net.ipv4.conf.all.accept_redirects", redirects);
    put_sysctl(snapshot, "net.ipv4.conf.eth0.rp_filter", "0");
    put_sysctl(snapshot, "net.ipv6.conf.eth0.forwarding", "0");
}

struct operation use_exit_node(void)
{
    return (struct operation){.kind = OPERATION_TAILSCALE,
                              .tailscale = {.set_exit_node = true,
                                            .exit_node_id = "nEXIT",
                                            .set_allow_lan_access = true,
                                            .allow_lan_access = true}};
}
