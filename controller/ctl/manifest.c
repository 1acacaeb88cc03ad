/*
 * manifest: building, showing and signing manifests as files.
 */
#include "controller/ctl/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "controller/ctl/approve.h"
#include "controller/ctl/inputs.h"
#include "controller/ctl/render.h"
#include "controller/ctl/signing.h"
#include "controller/ctl/unsent.h"

/* Decodes, throws the value away. */
static bool is_body(struct bytes bytes)
{
    struct manifest manifest = {0};
    struct err err = ERR_INIT;
    bool good = bytes.len <= MANIFEST_SIZE_MAX && wire_decode_manifest(bytes, &manifest, &err) &&
                manifest_validate(&manifest, &err);

    manifest_done(&manifest);
    return good;
}

static bool is_signed(struct bytes bytes)
{
    struct signed_manifest manifest = {0};
    struct err err = ERR_INIT;
    bool good =
        wire_decode_signed_manifest(bytes, &manifest, &err) && is_body(wire_lend(&manifest.body));

    signed_manifest_done(&manifest);
    return good;
}

enum manifest_file_kind manifest_kind(struct bytes bytes)
{
    if (is_signed(bytes))
        return MANIFEST_SIGNED;
    return is_body(bytes) ? MANIFEST_BODY : MANIFEST_NEITHER;
}

bool manifest_read_file(const char *path, struct wire_bytes *ret_bytes,
                        enum manifest_file_kind *ret_kind, struct err *err)
{
    *ret_bytes = (struct wire_bytes){NULL, 0};
    if (!file_read(path, 2 * MANIFEST_SIZE_MAX, &ret_bytes->data, &ret_bytes->len, err))
        return false;
    *ret_kind = manifest_kind(wire_lend(ret_bytes));
    return true;
}

static bool print_parts(struct bytes body, const struct approval *approval, bool json,
                        struct err *err)
{
    struct manifest manifest = {0};
    struct hash hash;
    bool good = wire_decode_manifest(body, &manifest, err);

    sign_hash(body.data, body.len, &hash);
    if (good && json)
        render_document_take(render_manifest_json(&manifest, &hash, approval));
    else if (good)
        render_manifest(&manifest, &hash, approval);
    manifest_done(&manifest);
    return good;
}

/* Prints what these bytes say, decoded from them. */
static bool print(struct bytes bytes, enum manifest_file_kind kind, bool json, struct err *err)
{
    AUTO_FREE struct approval *approval = mem_alloc(1, sizeof(*approval));
    struct signed_manifest parts = {0};
    bool good;

    if (kind == MANIFEST_BODY)
        return print_parts(bytes, NULL, json, err);
    if (kind != MANIFEST_SIGNED)
        return err_set(err, ERR_INPUT,
                       "it is neither a manifest nor a signed one; `oceanidctl "
                       "manifest build` makes one from a change");
    good = wire_decode_signed_manifest(bytes, &parts, err) &&
           wire_decode_approval(wire_lend(&parts.approval), approval, err) &&
           print_parts(wire_lend(&parts.body), approval, json, err);
    signed_manifest_done(&parts);
    return good;
}

/* Beside the change: change.yaml -> change.manifest. */
static void name_output(const char *input, const char *suffix, char *to, size_t size)
{
    const char *dot = strrchr(input, '.');
    const char *slash = strrchr(input, '/');
    int stem =
        dot != NULL && (slash == NULL || dot > slash) ? (int)(dot - input) : (int)strlen(input);

    snprintf(to, size, "%.*s%s", stem, input, suffix);
}

static enum outcome write_output(const struct ctl *ctl, const char *path,
                                 const struct wire_bytes *bytes)
{
    struct err err = ERR_INIT;

    if (!file_write_out(path, bytes->data, bytes->len, 0644, &err))
        return ctl_fail(ctl, &err);
    fprintf(stderr, "oceanidctl: wrote %s (%zu bytes)\n", path, bytes->len);
    return OUTCOME_DONE;
}

enum outcome manifest_build_run(struct ctl *ctl, const struct arguments *arguments)
{
    const char *given = arguments_get(arguments, "-o");
    struct err err = ERR_INIT;
    struct inputs *inputs =
        inputs_compile(ctl, arguments->words[0], arguments_get(arguments, "--fleet"), &err);
    char path[CTL_PATH_SIZE];
    enum outcome outcome;

    if (inputs == NULL)
        return ctl_fail(ctl, &err);
    name_output(arguments->words[0], ".manifest", path, sizeof(path));
    outcome = write_output(ctl, given != NULL ? given : path, &inputs->body);
    inputs_free(inputs);
    return outcome;
}

enum outcome manifest_show_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    enum manifest_file_kind kind;
    struct err err = ERR_INIT;

    if (manifest_read_file(arguments->words[0], &bytes, &kind, &err) &&
        print(wire_lend(&bytes), kind, ctl->json, &err))
        return OUTCOME_DONE;
    err_wrap(&err, "%s", arguments->words[0]);
    return ctl_fail(ctl, &err);
}

/* --quarantine RECEIPT=REASON, any number of times. */
static bool read_named(const struct arguments *arguments, struct lift *named, uint32_t *ret_count,
                       struct err *err)
{
    *ret_count = 0;
    for (uint32_t i = 0; i < arguments->options_count; i++) {
        const char *value = arguments->options[i].value;
        char hash[2 * HASH_SIZE + 1];

        if (!text_equal(arguments->options[i].name, "--quarantine="))
            continue;
        text_copy(hash, sizeof(hash), value);
        if (strlen(value) <= 2 * HASH_SIZE + 1 || value[2 * HASH_SIZE] != '=' ||
            !bytes_parse_hex(hash, named[*ret_count].receipt.bytes, HASH_SIZE))
            return err_set(err, ERR_INPUT,
                           "--quarantine '%.100s': accepted is RECEIPT=REASON, RECEIPT in %u "
                           "hexadecimal digits",
                           value, 2 * HASH_SIZE);
        text_copy(named[*ret_count].reason, sizeof(named[0].reason), value + 2 * HASH_SIZE + 1);
        (*ret_count)++;
    }
    return true;
}

static bool read_request(const struct arguments *arguments, struct lift *named,
                         struct signing_request *request, struct err *err)
{
    const char *valid = arguments_get(arguments, "--valid");

    request->named = named;
    if (valid != NULL && (!text_parse_duration(valid, &request->valid_s) || request->valid_s == 0))
        return err_set(err, ERR_INPUT, "--valid '%.40s': accepted is a duration as 90s, 30m, 2h",
                       valid);
    return read_named(arguments, named, &request->named_count, err);
}

/* The approver has read it. */
static bool approve(struct bytes bytes, enum manifest_file_kind kind,
                    const struct arguments *arguments, struct err *err)
{
    struct signed_manifest parts = {0};
    struct manifest manifest = {0};
    bool good = kind == MANIFEST_BODY || wire_decode_signed_manifest(bytes, &parts, err);

    good = good && wire_decode_manifest(kind == MANIFEST_BODY ? bytes : wire_lend(&parts.body),
                                        &manifest, err);
    good =
        good && approve_change(&manifest, "To sign this, type the change's name:", arguments, err);
    manifest_done(&manifest);
    signed_manifest_done(&parts);
    return good;
}

/* The ledger has it, so it must not be lost with a file that could not be written, or is deleted.
 */
static enum outcome write_signed(const struct ctl *ctl, const char *path,
                                 const struct wire_bytes *bytes)
{
    enum outcome outcome;

    unsent_keep(ctl, wire_lend(bytes));
    outcome = write_output(ctl, path, bytes);
    if (outcome != OUTCOME_DONE)
        unsent_tell(ctl, wire_lend(bytes), false);
    return outcome;
}

enum outcome manifest_sign_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    AUTO_WIRE struct wire_bytes result = {NULL, 0};
    AUTO_FREE struct lift *named = mem_alloc(ARGUMENT_OPTIONS_MAX, sizeof(*named));
    const char *given = arguments_get(arguments, "-o");
    struct signing_request request = {0};
    enum manifest_file_kind kind;
    struct err err = ERR_INIT;
    char path[CTL_PATH_SIZE];

    if (!manifest_read_file(arguments->words[0], &bytes, &kind, &err) ||
        !read_request(arguments, named, &request, &err) ||
        !(print(wire_lend(&bytes), kind, false, &err) ||
          err_wrap(&err, "%s", arguments->words[0])) ||
        !approve(wire_lend(&bytes), kind, arguments, &err))
        return ctl_fail(ctl, &err);
    request.body = wire_lend(&bytes);
    if (kind == MANIFEST_SIGNED ? !signing_add(ctl, wire_lend(&bytes), &result, &err)
                                : !signing_sign(ctl, &request, &result, &err))
        return ctl_fail(ctl, &err);
    name_output(arguments->words[0], ".signed", path, sizeof(path));
    return (kind == MANIFEST_SIGNED ? write_output
                                    : write_signed)(ctl, given != NULL ? given : path, &result);
}
