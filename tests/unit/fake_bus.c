/*
 * fake_bus: a D-Bus of a test's own, with a networkd and a systemd on it that only count, and a
 * networkd that does what the test says besides.
 */
#include "tests/unit/fake_bus.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include <cmocka.h>

enum { PATH_TEXT_SIZE = 256, SHELL_LINE_SIZE = 1024 };

struct shared {
    volatile unsigned reloads;
    volatile bool refuses;
    volatile bool fails_netplan;
    char state[16]; /* of networkd's unit, as systemd tells it */
    char line[SHELL_LINE_SIZE];
};

static struct shared *shared; /* one a daemon; seen by the test and by the daemons */
static pid_t bus_pid, daemon_pids[FAKE_DAEMON_COUNT];
static char address[PATH_TEXT_SIZE + 16], stamp[PATH_TEXT_SIZE + 64];

static const char *const names[] = {"org.freedesktop.network1", "org.freedesktop.systemd1"};
static const char *const paths[] = {"/org/freedesktop/network1", "/org/freedesktop/systemd1"};

/* As systemd does: what generators left before is gone, then they run. */
static void run_generators(void)
{
    FILE *file;

    unlink(stamp);
    file = shared[FAKE_SYSTEMD].fails_netplan ? NULL : fopen(stamp, "w");
    if (file != NULL)
        fclose(file);
}

static int take_reload(sd_bus_message *message, void *context, sd_bus_error *error)
{
    struct shared *own = context;

    (void)error;
    own->reloads = own->reloads + 1;
    if (own->refuses)
        return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_ACCESS_DENIED, "not today");
    if (own == &shared[FAKE_SYSTEMD])
        run_generators();
    if (own->line[0] != '\0' && system(own->line) != 0)
        return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_FAILED, "%s", own->line);
    return sd_bus_reply_method_return(message, "");
}

static int take_list(sd_bus_message *message, void *context, sd_bus_error *error)
{
    struct shared *own = context;

    (void)error;
    return sd_bus_reply_method_return(message, "a(ssssssouso)", 1, "systemd-networkd.service", "",
                                      "loaded", own->state, "", "", "/", 0u, "", "/");
}

static const sd_bus_vtable table[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Reload", "", "", take_reload, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ListUnitsByNames", "as", "a(ssssssouso)", take_list, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

/* Tells by one byte that it is on the bus. */
static void serve(enum fake_daemon daemon, int ready_fd)
{
    char interface[PATH_TEXT_SIZE];
    sd_bus *bus = NULL;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(interface, sizeof(interface), "%s.Manager", names[daemon]);
    if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, address) < 0 ||
        sd_bus_set_bus_client(bus, 1) < 0 || sd_bus_start(bus) < 0 ||
        sd_bus_add_object_vtable(bus, NULL, paths[daemon], interface, table, &shared[daemon]) < 0 ||
        sd_bus_request_name(bus, names[daemon], 0) < 0 || write(ready_fd, "", 1) != 1)
        _exit(1);
    close(ready_fd);
    while (sd_bus_process(bus, NULL) >= 0)
        sd_bus_wait(bus, UINT64_MAX);
    _exit(0);
}

static void start_daemon(enum fake_daemon daemon)
{
    int ends[2];
    char byte;

    assert_int_equal(pipe(ends), 0);
    daemon_pids[daemon] = fork();
    assert_true(daemon_pids[daemon] >= 0);
    if (daemon_pids[daemon] == 0)
        serve(daemon, ends[1]);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
}

static void write_configuration(const char *folder, char *path)
{
    FILE *file;

    snprintf(path, PATH_TEXT_SIZE, "%s/bus.conf", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "<busconfig><type>session</type><listen>unix:path=%s/bus</listen>"
            "<policy context='default'><allow send_destination='*' eavesdrop='true'/>"
            "<allow eavesdrop='true'/><allow own='*'/></policy></busconfig>",
            folder);
    fclose(file);
}

/* It prints its address when it listens. */
static void start_bus(const char *configuration)
{
    char option[PATH_TEXT_SIZE + 32], line[PATH_TEXT_SIZE];
    int ends[2];
    FILE *from;

    assert_int_equal(pipe(ends), 0);
    snprintf(option, sizeof(option), "--config-file=%s", configuration);
    bus_pid = fork();
    assert_true(bus_pid >= 0);
    if (bus_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDOUT_FILENO);
        execlp("dbus-daemon", "dbus-daemon", option, "--nofork", "--nopidfile", "--print-address=1",
               NULL);
        _exit(127);
    }
    close(ends[1]);
    from = fdopen(ends[0], "r");
    assert_non_null(fgets(line, sizeof(line), from));
    fclose(from);
}

void fake_bus_start(const char *folder)
{
    char configuration[PATH_TEXT_SIZE];

    shared = mmap(NULL, FAKE_DAEMON_COUNT * sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    snprintf(address, sizeof(address), "unix:path=%s/bus", folder);
    snprintf(stamp, sizeof(stamp), "%s/run/systemd/generator/netplan.stamp", folder);
    run_generators();
    fake_bus_set_state("inactive");
    write_configuration(folder, configuration);
    start_bus(configuration);
    for (int i = 0; i < FAKE_DAEMON_COUNT; i++)
        start_daemon((enum fake_daemon)i);
}

static void end(pid_t *pid)
{
    if (*pid <= 0)
        return;
    kill(*pid, SIGKILL);
    waitpid(*pid, NULL, 0);
    *pid = 0;
}

void fake_bus_stop(void)
{
    for (int i = 0; i < FAKE_DAEMON_COUNT; i++)
        end(&daemon_pids[i]);
    end(&bus_pid);
    munmap(shared, FAKE_DAEMON_COUNT * sizeof(*shared));
}

const char *fake_bus_address(void)
{
    return address;
}

void fake_bus_freeze(bool frozen)
{
    assert_int_equal(kill(bus_pid, frozen ? SIGSTOP : SIGCONT), 0);
}

/* The bus knows it a moment later than the process is gone: it is asked until it does. */
static bool is_on_bus(enum fake_daemon daemon)
{
    sd_bus *bus = NULL;
    int owned = -1;

    assert_true(sd_bus_new(&bus) >= 0 && sd_bus_set_address(bus, address) >= 0 &&
                sd_bus_set_bus_client(bus, 1) >= 0 && sd_bus_start(bus) >= 0);
    owned = sd_bus_get_name_creds(bus, names[daemon], 0, NULL);
    sd_bus_flush_close_unref(bus);
    return owned >= 0;
}

void fake_bus_end(enum fake_daemon daemon)
{
    end(&daemon_pids[daemon]);
    for (int looks = 0; is_on_bus(daemon); looks++)
        assert_in_range(looks, 0, 1000);
}

void fake_bus_refuse(enum fake_daemon daemon, bool refuses)
{
    shared[daemon].refuses = refuses;
}

void fake_bus_fail_netplan(bool fails)
{
    shared[FAKE_SYSTEMD].fails_netplan = fails;
}

void fake_bus_set_state(const char *state)
{
    snprintf(shared[FAKE_SYSTEMD].state, sizeof(shared->state), "%s", state);
}

void fake_bus_do(const char *line)
{
    snprintf(shared[FAKE_NETWORKD].line, sizeof(shared->line), "%s", line);
}

unsigned fake_bus_reloads(enum fake_daemon daemon)
{
    return shared[daemon].reloads;
}
