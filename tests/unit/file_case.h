/*
 * file_case: what the tests of configuration files share: a root folder, a bus, one look, one step.
 */
#ifndef TESTS_UNIT_FILE_CASE_H
#define TESTS_UNIT_FILE_CASE_H

#include <sys/types.h>

#include "agent/guard/core/undo.h"

#define NETPLAN "/etc/netplan/60-x.yaml"
#define NETPLAN_TRIAL "/run/netplan/60-x.yaml"
#define DROP_IN "/etc/systemd/network/10-eth0.network.d/50-route.conf"
#define DROP_IN_TRIAL "/run/systemd/network/10-eth0.network.d/50-route.conf"
#define ROUTE_7 "[Route]\nDestination=198.51.100.7\n"
#define ROUTE_6 "[Route]\nDestination=198.51.100.6\n"

/* cmocka's setup and teardown: a fresh namespace (apply_case.h), a root folder without files, a bus
 * (fake_bus.h) whose networkd makes, and takes away, what ROUTE_7 and ROUTE_6 ask for. */
int file_case_enter(void **state);
int file_case_leave(void **state);

extern bool file_case_has_root;
#define NEEDS_ROOT()                                                                               \
    (void)state;                                                                                   \
    if (!file_case_has_root)                                                                       \
    return

/* A line of a shell, in the root folder. */
void file_case_run(const char *words);
void file_case_write_file(const char *name, const char *content, mode_t mode);
/* content NULL: it is not there. */
void file_case_check_file(const char *name, const char *content, mode_t mode);
/* Whatever stands in the two folders, in alphabetical order. */
void file_case_check_names(const char *names);

/* content NULL: it takes the file away. */
struct operation file_case_operation_of(const char *path, const char *content);
/* From this moment; the test fails where it would be refused. */
void file_case_derive(const struct operation *operation, struct undo_item *item);
/* Derives and runs, and sees to it that After was read back. */
void file_case_try_it(const struct operation *operation, struct undo_item *item);
void file_case_check_restored(const struct undo_item *item);

#endif
