/*
 * netns: a network namespace of the test's own, changed by ip(8) as an administrator would.
 */
#include "tests/unit/netns.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool netns_is_allowed(void)
{
    if (geteuid() == 0 && unshare(CLONE_NEWNET) == 0)
        return true;
    printf("skipped: needs root and network namespaces (%s)\n",
           geteuid() != 0 ? "not root" : strerror(errno));
    return false;
}

int netns_enter(void **state)
{
    (void)state;
    if (unshare(CLONE_NEWNET) != 0)
        return -1;
    netns_run("ip link set lo up\n"
              "ip link add eth0 type veth peer name far0\n"
              "ip link set far0 addrgenmode none\n" /* else addresses appear later */
              "ip link set eth0 addrgenmode none\n"
              "ip link set far0 up\n"
              "ip link set eth0 up\n");
    return 0;
}

void netns_run(const char *lines)
{
    char script[4096];

    snprintf(script, sizeof(script), "set -e\n%s", lines);
    fflush(NULL);
    if (system(script) != 0) {
        fprintf(stderr, "netns: failed:\n%s\n", lines);
        abort();
    }
}
