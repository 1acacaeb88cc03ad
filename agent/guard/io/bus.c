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

struct call {
    const char *address; /* NULL: the system's */
    const char *destination, *path, *interface;
    int limit_ms;
};

struct answer {
    bool came, good;
    bool nobody; /* the service does not run, or is not there */
    char text[256];
};

static int take_answer(sd_bus_message *message, void *context, sd_bus_error *unused)
{
    struct answer *answer = context;
    const sd_bus_error *error = sd_bus_message_get_error(message);

    (void)unused;
    answer->came = true;
    answer->good = error == NULL;
    if (error == NULL)
        return 1;
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
                                              call->interface, "Reload");

    if (code >= 0)
        code = sd_bus_message_set_auto_start(message, 0);
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

static bool explain(const struct call *call, int code, const struct answer *answer, struct err *err)
{
    if (code < 0)
        return err_set(err, ERR_SYSTEM, "reload of %s: no D-Bus (%s)", call->destination,
                       strerror(-code));
    if (!answer->came)
        return err_set(err, ERR_TIMEOUT, "reload of %s: no answer over D-Bus in %d ms",
                       call->destination, call->limit_ms);
    if (answer->nobody)
        return err_set(err, ERR_MISSING, "reload of %s: it does not run", call->destination);
    return answer->good ||
           err_set(err, ERR_SYSTEM, "reload of %s: %.200s", call->destination, answer->text);
}

static bool reload(const struct call *call, struct err *err)
{
    struct answer answer = {.came = false};
    sd_bus *bus = NULL;
    int code = open_bus(call, &bus);

    if (code >= 0)
        code = send_call(bus, call, &answer);
    if (code >= 0)
        code = wait_answer(bus, &answer, call->limit_ms);
    sd_bus_close(bus);
    sd_bus_unref(bus);
    return explain(call, code, &answer, err);
}

bool bus_reload_networkd(const char *address, struct err *err)
{
    const struct call call = {address, "org.freedesktop.network1", "/org/freedesktop/network1",
                              "org.freedesktop.network1.Manager", BUS_CALL_MS};

    return reload(&call, err);
}

bool bus_run_generators(const char *address, struct err *err)
{
    const struct call call = {address, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                              "org.freedesktop.systemd1.Manager", BUS_GENERATORS_MS};

    return reload(&call, err);
}
