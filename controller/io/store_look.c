/*
 * store_look: a database as a start would find it, looked at and left as it is. A copy in memory
 * takes what a start writes; a controller that runs meanwhile writes on.
 */
#include "controller/io/store.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/config.h"
#include "common/io/log.h"
#include "controller/io/store_tables.h"

enum { URI_SIZE = 3 * PATH_SIZE + 64 };

static bool is_there(const char *path, const char *suffix)
{
    char name[PATH_SIZE + 8];

    snprintf(name, sizeof(name), "%s%s", path, suffix);
    return access(name, F_OK) == 0;
}

/* Without a write-ahead log nobody has it open, and no log is to be made. With one its index is
 * read and not written: without that SQLite would make one. */
static void format_uri(const char *path, char to[URI_SIZE])
{
    struct text uri;

    text_init(&uri, to, URI_SIZE);
    text_add(&uri, "file:");
    for (const char *at = path; *at != '\0'; at++) {
        if (strchr("?#%", *at) != NULL)
            text_add(&uri, "%%%02X", (unsigned)(unsigned char)*at);
        else
            text_add(&uri, "%c", *at);
    }
    text_add(&uri, is_there(path, "-wal") ? "?readonly_shm=1" : "?immutable=1");
}

static bool open_as_it_is(struct store *store, const char *path, struct err *err)
{
    char uri[URI_SIZE];

    format_uri(path, uri);
    if (sqlite3_open_v2(uri, &store->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) != SQLITE_OK)
        return store->db != NULL ? sql_fail(store->db, err)
                                 : err_set(err, ERR_SYSTEM, "database %.200s: no memory", path);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return store_check(store, err);
}

/* Of a copy that was not made whole SQLite's end says nothing. */
static bool copy(struct store *from, struct store *to, struct err *err)
{
    sqlite3_backup *backup = NULL;
    bool whole;

    if (sqlite3_open(":memory:", &to->db) == SQLITE_OK)
        backup = sqlite3_backup_init(to->db, "main", from->db, "main");
    if (backup == NULL)
        return err_set(err, ERR_SYSTEM, "a database in memory: %.120s", sqlite3_errmsg(to->db));
    whole = sqlite3_backup_step(backup, -1) == SQLITE_DONE;
    if (sqlite3_backup_finish(backup) != SQLITE_OK)
        return sql_fail(from->db, err);
    return whole || err_set(err, ERR_TIMEOUT,
                            "database %.200s: not looked at, somebody was writing it all the "
                            "time: try again",
                            sqlite3_db_filename(from->db, "main"));
}

bool store_look(const char *path, struct store **ret_store, struct err *err)
{
    struct store *from = mem_alloc(1, sizeof(*from));
    struct store *to = mem_alloc(1, sizeof(*to));
    bool good = true, looks = is_there(path, "");

    *ret_store = NULL;
    if (looks && is_there(path, "-wal") && !is_there(path, "-shm")) {
        log_warning(
            "database %.200s: not looked at: its write-ahead log has no index, which only a "
            "start makes",
            path);
        looks = false;
    }
    if (looks)
        good = open_as_it_is(from, path, err) && copy(from, to, err) && store_make_tables(to, err);
    store_close(from);
    if (looks && good)
        *ret_store = to;
    else
        store_close(to);
    return good;
}
