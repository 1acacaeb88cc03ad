#include "tests/sim/sim.h"
int scenarios_run(const char *name, bool trace)
{
    (void)name;
    (void)trace;
    return 0;
}
