/*
 * desk_parts: what the desk's files share and nobody else sees.
 */
#ifndef CONTROLLER_IO_DESK_PARTS_H
#define CONTROLLER_IO_DESK_PARTS_H

#include "controller/io/desk.h"

/* An empty one, for desk_close. */
void desk_make(struct desk *desk, const char *directory, const char *fleet_path);
/* trust.yaml, fleet.yaml, and the roster if there is one. */
bool desk_read_files(struct desk *desk, struct err *err);
bool desk_check_audit(struct desk *desk, struct err *err);

#endif
