/*
 * file_form: which configuration files a change may write, where their trial content lies, and
 * what may stand in them: an allow-list of sections, keys and values, for networkd and netplan.
 *
 * Pure. Nothing that could run a program, rename or make a device is on the list.
 */
#ifndef COMMON_NET_FILE_FORM_H
#define COMMON_NET_FILE_FORM_H

#include "common/core/err.h"
#include "common/core/text.h"
#include "common/net/snapshot.h"

enum file_form {
    FILE_FORM_NETPLAN, /* /etc/netplan/NAME.yaml */
    FILE_FORM_NETWORK, /* /etc/systemd/network/NAME.network */
    FILE_FORM_DROP_IN, /* /etc/systemd/network/NAME.network.d/NAME.conf */
    FILE_FORM_COUNT,
};

/* Of a path in /etc; false, with what is accepted, for every other one. */
bool file_form_of(const char *path, enum file_form *ret_form, struct err *err);

/* Its twin in /run, of the same name: netplan's shadows it; networkd reads it only where /etc has
 * none of that name. to: FILE_PATH_SIZE. */
void file_form_trial_path(const char *path, char *to);

/* What in the twin takes netplan's file of that name away. */
extern const char FILE_FORM_NOTHING[];

/* Line by line; the error names line, key, value and what is accepted. */
bool file_form_check(enum file_form form, const char *content, struct err *err);

/* One value of a content. */
struct file_said {
    const char *section, *key; /* as in the list of accepted keys: see struct file_key */
    const char *value;
    unsigned entry; /* sections and list items are counted: those of one have the same */
};
typedef void (*file_said_fn)(void *context, const struct file_said *said);

/* Every value that is accepted, in the order in which they stand. False where something else stands
 * there, too: of networkd it is passed over, of netplan nothing behind it is read. */
bool file_form_read(enum file_form form, const char *content, file_said_fn said_fn, void *context);

/* ---- for the two readers ---------------------------------------------------------------------
 */

enum file_value {
    FILE_VALUE_BOOL,
    FILE_VALUE_NUMBER, /* 0 to UINT32_MAX */
    FILE_VALUE_MTU,    /* 1280 to 65535: with less IPv6 is gone */
    FILE_VALUE_ADDRESS,
    FILE_VALUE_ADDRESSES,   /* one or more, with blanks between them */
    FILE_VALUE_INTERFACE,   /* an address with its network's length */
    FILE_VALUE_DESTINATION, /* an address, a network, "default" */
    FILE_VALUE_TABLE,       /* none of tailscaled's, the kernel's or the rescue table */
    FILE_VALUE_PRIORITY,    /* none of tailscaled's or the shields' */
    FILE_VALUE_WORDS,       /* names and patterns, with blanks between them */
    FILE_VALUE_CHOICE,      /* one of the row's choices */
    FILE_VALUE_COUNT,
};

struct file_key {
    const char
        *section; /* "Route"; of netplan the path, with "*" for a device and "-" for an item */
    const char *key;
    enum file_value value;
    const char *choices; /* "ipv4 ipv6" */
};

/* Of a FILE_VALUE_BOOL. */
bool file_value_is_yes(const char *value);

/* Who hears what is read; said_fn NULL: nobody. */
struct file_listener {
    file_said_fn said_fn;
    void *context;
    unsigned entry;
};

/* Checks a value, and tells it where it is good. */
bool file_value_take(struct file_listener *listener, const struct file_key *row, const char *value,
                     struct err *err);

bool file_form_check_networkd(const char *content, bool is_drop_in, struct err *err);
bool file_form_check_netplan(const char *content, struct err *err);
bool file_form_read_networkd(const char *content, struct file_listener listener);
bool file_form_read_netplan(const char *content, struct file_listener listener);

#endif
