/*
 * bus: networkd and systemd read their files again.
 */
#include "agent/guard/io/bus.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "common/core/mono.h"
#include "common/core/text.h"
#include "common/io/clock.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define NETWORKD "org.freedesktop.network1"
#define NETWORKD_UNIT "systemd-networkd.service"

struct call {
    const char *address; /* NULL: the system's */
    const char *destination, *path, *interface, *member;
    const char *unit; /* NULL, or: the one that is asked for */
    int limit_ms;
};

struct answer {
    bool came, good;
    bool nobody;    /* on the bus there is none of that name */
    char text[256]; /* the error, or the unit's state */
};

/* ListUnitsByNames: one row a name; the fourth text is "active", "inactive", "failed", ... */
static int read_state(sd_bus_message *message, struct answer *answer)
{
    const char *name, *description, *loaded, *active;
    int code = sd_bus_message_enter_container(message, 'a', "(ssssssouso)");

    if (code >= 0)
        code = sd_bus_message_enter_container(message, 'r', "ssssssouso");
    if (code > 0)
        code = sd_bus_message_read(message, "ssss", &name, &description, &loaded, &active);
    if (code > 0)
        text_copy(answer->text, sizeof(answer->text), active);
    return code;
}

static int take_answer(sd_bus_message *message, void *context, sd_bus_error *unused)
{
    struct answer *answer = context;
    const sd_bus_error *error = sd_bus_message_get_error(message);

    (void)unused;
    answer->came = true;
    answer->good = error == NULL;
    if (error == NULL)
        return sd_bus_message_has_signature(message, "") ? 1 : read_state(message, answer);
    answer->nobody = sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
                     sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER);
    text_copy(answer->text, sizeof(answer->text),
              error->message != NULL ? error->message : error->name);
    return 1;
}

static int open_bus(const struct call *call, sd_bus **ret_bus)
{
    int code = sd_bus_new(ret_bus);

    if (code >= 0)
        code = sd_bus_set_address(*ret_bus, call->address != NULL
                                                ? call->address
                                                : "unix:path=/run/dbus/system_bus_socket");
    if (code >= 0)
        code = sd_bus_set_bus_client(*ret_bus, 1);
    return code >= 0 ? sd_bus_start(*ret_bus) : code;
}

/* Nobody is started for it: who does not run reads its files when it is. */
static int send_call(sd_bus *bus, const struct call *call, struct answer *answer)
{
    sd_bus_message *message = NULL;
    int code = sd_bus_message_new_method_call(bus, &message, call->destination, call->path,
                                              call->interface, call->member);

    if (code >= 0)
        code = sd_bus_message_set_auto_start(message, 0);
    if (code >= 0 && call->unit != NULL)
        code = sd_bus_message_append(message, "as", 1, call->unit);
    if (code >= 0)
        code = sd_bus_call_async(bus, NULL, message, take_answer, answer,
                                 (uint64_t)call->limit_ms * 1000);
    sd_bus_message_unref(message);
    return code;
}

/* sd_bus_call() waits up to 25 s for a bus that lets nobody in. */
static int wait_answer(sd_bus *bus, const struct answer *answer, int limit_ms)
{
    mono_t until = clock_now() + limit_ms;

    while (!answer->came) {
        mono_t left = until - clock_now();
        int code = sd_bus_process(bus, NULL);

        if (code < 0)
            return code;
        if (answer->came || code > 0)
            continue;
        if (left <= 0)
            return 0;
        code = sd_bus_wait(bus, (uint64_t)left * 1000);
        if (code < 0 && code != -EINTR)
            return code;
    }
    return 1;
}

/* False, with the reason, unless it was answered well; answer->nobody is one that did not come. */
static bool ask(const struct call *call, struct answer *answer, struct err *err)
{
    sd_bus *bus = NULL;
    int code = open_bus(call, &bus);

    memset(answer, 0, sizeof(*answer));
    if (code >= 0)
        code = send_call(bus, call, answer);
    if (code >= 0)
        code = wait_answer(bus, answer, call->limit_ms);
    sd_bus_close(bus);
    sd_bus_unref(bus);
    if (code < 0)
        return err_set(err, ERR_SYSTEM, "%s of %s: no D-Bus (%s)", call->member, call->destination,
                       strerror(-code));
    if (!answer->came)
        return err_set(err, ERR_TIMEOUT, "%s of %s: no answer over D-Bus in %d ms", call->member,
                       call->destination, call->limit_ms);
    return answer->good || err_set(err, ERR_SYSTEM, "%s of %s: %.200s", call->member,
                                   call->destination, answer->text);
}

/* Not being on the bus proves nothing: networkd does not come back to one that was restarted. */
static bool explain_absence(const char *address, struct err *err)
{
    const struct call call = {address,
                              SYSTEMD,
                              "/org/freedesktop/systemd1",
                              SYSTEMD ".Manager",
                              "ListUnitsByNames",
                              NETWORKD_UNIT,
                              BUS_CALL_MS};
    struct answer answer;

    if (!ask(&call, &answer, err))
        return false;
    if (text_equal(answer.text, "inactive") || text_equal(answer.text, "failed"))
        return err_set(err, ERR_MISSING, "Reload of %s: it does not run", NETWORKD);
    return err_set(err, ERR_SYSTEM,
                   "Reload of %s: it is %s, but not on D-Bus, as after a restart of that; expected "
                   "it there: systemctl restart %s",
                   NETWORKD, answer.text, NETWORKD_UNIT);
}

bool bus_reload_networkd(const char *address, struct err *err)
{
    const struct call call = {
        address, NETWORKD,   "/org/freedesktop/network1", NETWORKD ".Manager", "Reload",
        NULL,    BUS_CALL_MS};
    struct answer answer;

    if (ask(&call, &answer, err))
        return true;
    return answer.nobody ? explain_absence(address, err) : false;
}

bool bus_run_generators(const char *address, struct err *err)
{
    const struct call call = {
        address, SYSTEMD,          "/org/freedesktop/systemd1", SYSTEMD ".Manager", "Reload",
        NULL,    BUS_GENERATORS_MS};
    struct answer answer;

    return ask(&call, &answer, err);
}
