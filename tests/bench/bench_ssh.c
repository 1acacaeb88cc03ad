/*
 * bench_ssh: what one SSH probe costs the one who tries: banner, key exchange, host key, end.
 * Usage: bench_ssh ADDRESS N. Prints "cpu_us wall_us" of one probe, the mean of N.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/io/probe.h"

enum { SSH_PORT = 22, TIMEOUT_MS = 5000 };

static double time_us(clockid_t clock)
{
    struct timespec at;

    clock_gettime(clock, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static void probe_once(const char *address)
{
    struct probe_result result = {.outcome = PROBE_MISSING};
    struct probe_ssh *ssh = probe_ssh_open(address, SSH_PORT, TIMEOUT_MS, &result);

    if (ssh == NULL) {
        fprintf(stderr, "bench_ssh: %s\n", result.why);
        exit(1);
    }
    probe_ssh_close(ssh);
}

int main(int argc, char **argv)
{
    unsigned count = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
    double cpu, wall;

    if (count == 0) {
        fprintf(stderr, "usage: bench_ssh ADDRESS N\n");
        return 2;
    }
    probe_init();
    probe_once(argv[1]); /* what is made once is not counted */
    cpu = time_us(CLOCK_PROCESS_CPUTIME_ID);
    wall = time_us(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < count; i++)
        probe_once(argv[1]);
    printf("%.0f %.0f\n", (time_us(CLOCK_PROCESS_CPUTIME_ID) - cpu) / count,
           (time_us(CLOCK_MONOTONIC) - wall) / count);
    return 0;
}
