/*
 * run_network: a link in /run/oceanid that reads as /proc/self/ns/net does.
 */
#include "agent/guard/io/run_network.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/guard/io/journal.h"
#include "agent/guard/io/run.h"
#include "common/core/text.h"

static void read_link(const char *path, char *to, size_t size)
{
    ssize_t len = readlink(path, to, size - 1);

    to[len > 0 ? len : 0] = '\0';
}

void run_network_find(const struct guard_config *config, struct run_network *ret_network)
{
    char path[RUN_PATH_SIZE];

    run_path(config, RUN_NETWORK_NAME, path, sizeof(path));
    read_link(path, ret_network->guard, sizeof(ret_network->guard));
    read_link("/proc/self/ns/net", ret_network->here, sizeof(ret_network->here));
}

bool run_network_is_other(const struct run_network *network)
{
    return network->here[0] != '\0' && network->guard[0] != '\0' &&
           !text_equal(network->here, network->guard);
}

static bool is_there(pid_t pid, const struct run_network *network)
{
    char path[64], its[sizeof(network->guard)];

    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
    read_link(path, its, sizeof(its));
    return text_equal(its, network->guard);
}

pid_t run_network_find_way(const struct guard_config *config, const struct run_network *network)
{
    pid_t holder;

    if (is_there(1, network))
        return 1;
    holder = journal_holder(config->state);
    return holder != 0 && is_there(holder, network) ? holder : 0;
}

void run_network_mark(const struct guard_config *config)
{
    char path[RUN_PATH_SIZE];
    struct run_network network;

    run_network_find(config, &network);
    run_path(config, RUN_NETWORK_NAME, path, sizeof(path));
    if (network.here[0] != '\0')
        (void)!symlink(network.here, path); /* the one that is there stays */
}

void run_network_mark_anew(const struct guard_config *config)
{
    char path[RUN_PATH_SIZE];
    struct run_network network;

    run_network_find(config, &network);
    run_path(config, RUN_NETWORK_NAME, path, sizeof(path));
    if (run_network_is_other(&network))
        unlink(path);
    run_network_mark(config);
}
