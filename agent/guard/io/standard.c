/*
 * standard: standard input, output and error are there.
 */
#include "agent/guard/io/standard.h"

#include <fcntl.h>
#include <unistd.h>

void standard_open(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR | O_NOCTTY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}
