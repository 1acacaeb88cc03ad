/*
 * beside: two processes read, at once, what whoever undoes does not wait for.
 *
 * The page cache may have the journal of a dead disk, and not what lies beside it.
 */
#include "agent/guard/io/beside.h"

#include <stdio.h>

#include "agent/guard/io/disk_read.h"
#include "agent/guard/io/node.h"
#include "agent/guard/io/rescue_disk.h"
#include "common/core/mem.h"
#include "common/io/clock.h"
#include "common/io/config.h"
#include "common/io/file.h"

struct beside {
    char key_path[PATH_SIZE + 16], name_path[PATH_SIZE + 16];
    struct disk_read key, name;
};

static bool start(struct beside *beside, const char *state)
{
    struct err err = ERR_INIT;

    if (!file_join(beside->key_path, sizeof(beside->key_path), state, "key.pem", &err) ||
        !file_join(beside->name_path, sizeof(beside->name_path), state, "name", &err))
        return false;
    disk_read_start(&beside->key, beside->key_path, SIGN_PEM_SIZE);
    disk_read_start(&beside->name, beside->name_path, NODE_NAME_FILE_SIZE);
    return true;
}

static void say_unread(const struct err *err, const char *what_then)
{
    if (err->kind == ERR_TIMEOUT)
        printf("ALARM %s (%d s waited): %s\n", err->text, RESCUE_DISK_WAIT_MS / 1000, what_then);
}

/* Without it undoing goes on; the receipt has to wait for the guard. */
static struct sign_key *take_key(struct beside *beside, mono_t until)
{
    AUTO_FREE uint8_t *pem = NULL;
    struct sign_key *key = NULL;
    struct err err = ERR_INIT;
    size_t len;

    if (disk_read_take(&beside->key, until, &pem, &len, &err))
        key = sign_key_parse(beside->key_path, pem, len, &err);
    say_unread(&err, "going on without it, the receipt is signed by the guard");
    return key;
}

static void take_name(struct beside *beside, mono_t until, char *ret_name)
{
    AUTO_FREE uint8_t *text = NULL;
    struct err err = ERR_INIT;
    size_t len;

    if (disk_read_take(&beside->name, until, &text, &len, &err))
        node_take_name((char *)text, ret_name);
    say_unread(&err, "going on without it; where neither the key nor a receipt tells this node's "
                     "name either, protected flows are not verified");
}

void beside_read(const char *state, struct sign_key **ret_key, char *ret_name)
{
    mono_t until = clock_now() + RESCUE_DISK_WAIT_MS;
    struct beside beside;

    *ret_key = NULL;
    ret_name[0] = '\0';
    if (!start(&beside, state))
        return;
    *ret_key = take_key(&beside, until);
    take_name(&beside, until, ret_name);
}
