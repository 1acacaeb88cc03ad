/*
 * bench_floor: the floor under a program's memory: a process that loads the same shared libraries
 * and then does nothing. Usage: bench_floor LIBRARY...; prints "ready", and ends with its input.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char byte;

    for (int i = 1; i < argc; i++) {
        if (dlopen(argv[i], RTLD_NOW | RTLD_GLOBAL) == NULL) {
            fprintf(stderr, "bench_floor: %s\n", dlerror());
            return 1;
        }
    }
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return 0;
}
