/*
 * manifest: building, showing and signing manifests as files.
 */
#ifndef CONTROLLER_CTL_MANIFEST_H
#define CONTROLLER_CTL_MANIFEST_H

#include "common/io/wire.h"
#include "controller/ctl/ctl.h"

enum manifest_file_kind { MANIFEST_NEITHER, MANIFEST_BODY, MANIFEST_SIGNED };

enum manifest_file_kind manifest_kind(struct bytes bytes);

/* Reads a file and tells what it is: a manifest's body, a signed one, or neither (a change, say).
 * False only when it cannot be read. */
bool manifest_read_file(const char *path, struct wire_bytes *ret_bytes,
                        enum manifest_file_kind *ret_kind, struct err *err);

enum outcome manifest_build_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome manifest_show_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome manifest_sign_run(struct ctl *ctl, const struct arguments *arguments);

#endif
