/*
 * unsent: the file that keeps it.
 */
#include "controller/ctl/unsent.h"

#include <stdio.h>
#include <unistd.h>

#include "common/change/manifest.h"
#include "common/io/file.h"
#include "common/io/wire.h"

static bool find_path(const struct ctl *ctl, struct bytes signed_manifest, char *path, size_t size,
                      struct err *err)
{
    struct signed_manifest parts = {0};
    struct manifest manifest = {0};
    char name[NAME_SIZE + 32];
    bool good = wire_decode_signed_manifest(signed_manifest, &parts, err) &&
                wire_decode_manifest(wire_lend(&parts.body), &manifest, err) &&
                manifest_validate(&manifest, err);

    if (good) {
        snprintf(name, sizeof(name), "unsent-%s.manifest", manifest.change);
        good = ctl_path(ctl, name, path, size, err);
    }
    manifest_done(&manifest);
    signed_manifest_done(&parts);
    return good;
}

void unsent_keep(const struct ctl *ctl, struct bytes signed_manifest)
{
    struct err err = ERR_INIT;
    char path[CTL_PATH_SIZE];

    if (!find_path(ctl, signed_manifest, path, sizeof(path), &err) ||
        !file_write(path, signed_manifest.data, signed_manifest.len, 0600, &err))
        fprintf(stderr, "oceanidctl: what was signed could not be kept: %s; it is sent only now\n",
                err.text);
}

void unsent_tell(const struct ctl *ctl, struct bytes signed_manifest, bool refused)
{
    struct err err = ERR_INIT;
    char path[CTL_PATH_SIZE];

    if (find_path(ctl, signed_manifest, path, sizeof(path), &err) && access(path, R_OK) == 0)
        fprintf(stderr,
                "oceanidctl: it is signed, and %s `oceanidctl rollout start %s` hands it over; "
                "until it has ended or lapsed nothing else can be signed%s\n",
                refused ? "was refused, as said above. When that is mended,"
                        : "no controller has said that it took it.",
                path,
                refused ? ". If its sequence was signed for another manifest, as said above, that "
                          "file helps nothing: `oceanidctl manifest void` ends it"
                        : "");
}

void unsent_forget(const struct ctl *ctl, struct bytes signed_manifest)
{
    struct err err = ERR_INIT;
    char path[CTL_PATH_SIZE];

    if (find_path(ctl, signed_manifest, path, sizeof(path), &err))
        unlink(path);
}
