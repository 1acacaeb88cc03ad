/*
 * desk_look: what a start refuses of the database's audit, and of all that lies there, without one.
 */
#include "controller/io/desk_parts.h"

#include "common/core/mem.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "controller/io/lead.h"
#include "controller/io/sql.h"

enum { AUDIT_PAGE = 256 };

/* Every row since the first: one that was altered is found before anything is led. */
bool desk_check_audit(struct desk *desk, struct err *err)
{
    AUTO_FREE struct audit_row *rows = mem_alloc(AUDIT_PAGE, sizeof(*rows));
    struct audit_row last = {.index = 0};
    size_t count;

    do {
        if (!store_read_audit(desk->store, last.index, rows, AUDIT_PAGE, &count, err))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (!audit_check(last.index > 0 ? &last : NULL, &rows[i], sign_hash, err))
                return err_wrap(err, "the audit was tampered with, or the database is damaged; "
                                     "nothing is led from it: " SQL_DAMAGED);
            last = rows[i];
        }
    } while (count == AUDIT_PAGE);
    desk->audit = last;
    return true;
}

static bool look_at_store(struct desk *desk, struct err *err)
{
    char path[PATH_SIZE];

    if (!file_join(path, sizeof(path), desk->state, "controller.db", err) ||
        !store_look(path, &desk->store, err))
        return false;
    if (desk->store == NULL)
        return true;
    return (desk_check_audit(desk, err) && store_read_fleet(desk->store, &desk->fleet, err) &&
            store_read_holds(desk->store, clock_unix(), &desk->holds, err) &&
            lead_look(desk->store, err)) ||
           err_wrap(err, "database %s", path);
}

bool desk_look(const char *directory, const char *fleet_path, struct err *err)
{
    struct desk desk;
    bool good;

    desk_make(&desk, directory, fleet_path);
    good = desk_read_files(&desk, err) && look_at_store(&desk, err);
    desk_close(&desk);
    return good;
}
