/*
 * file_form: which configuration files a change may write, and where their trial content lies.
 */
#include "common/net/file_form.h"

#include <assert.h>
#include <string.h>

static const char NETPLAN[] = "/etc/netplan/";
static const char NETWORKD[] = "/etc/systemd/network/";

const char FILE_FORM_NOTHING[] = "# Oceanid: as if the file of this name in /etc were not there\n"
                                 "network:\n  version: 2\n";

static bool ends_in(const char *text, size_t len, const char *end)
{
    return len > strlen(end) && memcmp(text + len - strlen(end), end, strlen(end)) == 0;
}

/* One file's name: no "/", nothing hidden, nothing that a shell or a person would misread. */
static bool is_name(const char *name, size_t len)
{
    static const char accepted[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789-_.@:";

    return len > 0 && name[0] != '.' && strspn(name, accepted) >= len;
}

static bool is_network_name(const char *name, size_t len)
{
    return is_name(name, len) && ends_in(name, len, ".network");
}

static bool is_drop_in(const char *rest)
{
    const char *slash = strchr(rest, '/');
    size_t len = slash != NULL ? (size_t)(slash - rest) : 0;

    return len > 2 && memcmp(slash - 2, ".d", 2) == 0 && is_network_name(rest, len - 2) &&
           is_name(slash + 1, strlen(slash + 1)) && ends_in(slash + 1, strlen(slash + 1), ".conf");
}

/* Why not, where somebody may well have expected it. */
static const char *why_refused(const char *path)
{
    size_t len = strlen(path);

    if (text_starts(path, "/etc/sysctl.d/") || text_equal(path, "/etc/sysctl.conf"))
        return "settings are changed by a `sysctl` operation, which comes back after a reboot; ";
    if (text_starts(path, "/etc/nftables"))
        return "nftables is not among what can be tried and taken back; ";
    if (text_starts(path, NETWORKD) && strstr(path, ".netdev") != NULL)
        return "networkd makes the device of a .netdev and never takes it away (networkctl(1)); ";
    if (text_starts(path, NETWORKD) && strstr(path, ".link") != NULL)
        return "a .link takes effect at the next boot, when no trial watches; ";
    return len >= FILE_PATH_SIZE ? "it is too long; " : "";
}

bool file_form_of(const char *path, enum file_form *ret_form, struct err *err)
{
    size_t len = strlen(path);
    const char *rest = path + strlen(NETWORKD);

    if (len < FILE_PATH_SIZE && text_starts(path, NETPLAN) && ends_in(path, len, ".yaml") &&
        is_name(path + strlen(NETPLAN), strlen(path + strlen(NETPLAN)))) {
        *ret_form = FILE_FORM_NETPLAN;
        return true;
    }
    if (len < FILE_PATH_SIZE && text_starts(path, NETWORKD)) {
        if (is_network_name(rest, strlen(rest))) {
            *ret_form = FILE_FORM_NETWORK;
            return true;
        }
        if (is_drop_in(rest)) {
            *ret_form = FILE_FORM_DROP_IN;
            return true;
        }
    }
    return err_set(err, ERR_INPUT,
                   "file '%.100s': %saccepted are %sNAME.yaml, %sNAME.network and "
                   "%sNAME.network.d/NAME.conf, of at most %d characters",
                   path, why_refused(path), NETPLAN, NETWORKD, NETWORKD, FILE_PATH_SIZE - 1);
}

void file_form_trial_path(const char *path, char *to)
{
    struct text text;

    assert(text_starts(path, "/etc/"));
    text_init(&text, to, FILE_PATH_SIZE);
    text_add(&text, "/run/%s", path + strlen("/etc/"));
}

/* Neither reader is given anything that another one could read otherwise: no tab, no escape, no
 * specifier, no character beyond ASCII. */
static bool check_characters(const char *content, struct err *err)
{
    unsigned line = 1;

    for (const char *at = content; *at != '\0'; at++) {
        if (*at == '\n')
            line++;
        else if (*at < 0x20 || *at > 0x7e || *at == '\\' || *at == '%')
            return err_set(err, ERR_INPUT,
                           "line %u: character 0x%02x: accepted are printable ASCII characters "
                           "without '\\' and '%%'",
                           line, (unsigned char)*at);
    }
    if (content[0] == '\0' || content[strlen(content) - 1] != '\n')
        return err_set(err, ERR_INPUT, "it is empty or its last line has no end: expected text");
    return true;
}

bool file_form_check(enum file_form form, const char *content, struct err *err)
{
    if (!check_characters(content, err))
        return false;
    return form == FILE_FORM_NETPLAN
               ? file_form_check_netplan(content, err)
               : file_form_check_networkd(content, form == FILE_FORM_DROP_IN, err);
}

bool file_form_read(enum file_form form, const char *content, file_said_fn said_fn, void *context)
{
    struct file_listener listener = {.said_fn = said_fn, .context = context};

    return form == FILE_FORM_NETPLAN ? file_form_read_netplan(content, listener)
                                     : file_form_read_networkd(content, listener);
}
