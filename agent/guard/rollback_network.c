/*
 * rollback_network: whether this shell is where the guard works.
 *
 * A tired person's may still be in a pod's or a VPN's network namespace. There all would count as
 * undone, because it is not there, and would be recorded so.
 */
#include "agent/guard/rollback.h"

#include <stdio.h>

#include "agent/guard/io/run.h"
#include "agent/guard/io/run_network.h"
#include "common/core/text.h"

static void say_words(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        fprintf(stderr, " %s", argv[i]);
}

/* Where nobody is seen in it, it may be gone. */
static void say_way(const struct options *options, const struct run_network *network, int argc,
                    char **argv)
{
    pid_t way = run_network_find_way(&options->config, network);
    char path[RUN_PATH_SIZE];

    if (way != 0) {
        fprintf(stderr, "There: nsenter -t %d -n oceanid-rollback", (int)way);
        say_words(argc, argv);
        fprintf(stderr, "\n");
        return;
    }
    run_path(&options->config, RUN_NETWORK_NAME, path, sizeof(path));
    fprintf(stderr,
            "Type it in a shell of the host's own (which is in which: lsns -t net). If %s is gone, "
            "and this shell has the host's interfaces (ip address): rm %s, then this again\n",
            network->guard, path);
}

/* Of a container that was started again with its old /run, say: for the boot unit that refuses
 * nothing, and whoever has the journal makes it its own. */
static bool is_gone_at_boot(const struct options *options, const struct run_network *network)
{
    return text_equal(options->mode, "--boot") &&
           run_network_find_way(&options->config, network) == 0;
}

bool rollback_is_elsewhere(const struct options *options, int argc, char **argv)
{
    struct run_network network;

    run_network_find(&options->config, &network);
    if (network.here[0] == '\0' && network.guard[0] != '\0')
        printf("/proc does not tell in which network namespace this shell is: going on as if it "
               "were the guard's, %s\n",
               network.guard);
    if (!run_network_is_other(&network) || is_gone_at_boot(options, &network))
        return false;
    fprintf(stderr,
            "oceanid-rollback: this shell is in the network namespace %s; the guard of this host "
            "works in %s: nothing was done\n",
            network.here, network.guard);
    say_way(options, &network, argc, argv);
    return true;
}
