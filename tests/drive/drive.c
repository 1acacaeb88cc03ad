/*
 * drive: plays operator, agent and witnesses towards one guard: command line and keys.
 *
 *   drive init KEYS STATE TRUST       makes all keys, the guard's too, and the trust root
 *   drive trial KEYS STATE [options]  one trial; see usage
 *   drive between SOCKET GUARD KEY    stands between an agent and its guard
 *   drive order KEYS FILE NODE ID [SIGNER]  an operator's order down to a generation
 *   drive deliver FILE SOCKET         sends what a trial with held=FILE kept back
 *   drive abort SOCKET REASON         as a controller ends the open trial
 *   drive flood SOCKET KEY N          sends what costs the guard most, over N connections
 */
#include "tests/drive/drive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"
#include "common/io/file.h"

static const char usage[] =
    "usage: drive init KEYS STATE TRUST\n"
    "       drive trial KEYS STATE [socket=PATH] [device=NAME] [routes=N] [soak=S] [lease=S]\n"
    "                   [sequence=N] [answers=N] [failing=1] [removes=1] [shield=1] [protect=1]\n"
    "                   [flow=1] [waits=1]\n"
    "                   [lifts=RECEIPT,...] [renames=NAME] [named=N] [own-failing=1]\n"
    "                   [address=ADDRESS [exit-node=STABLE-ID]] [file=PATH [content=FILE]]\n"
    "                   [held=FILE] [period=S] [also=STEP,STEP,...]\n"
    "       drive order KEYS FILE NODE SEQUENCE:BODY:START [SIGNER.key]\n"
    "       drive between SOCKET GUARD-SOCKET AGENT-KEY\n"
    "       drive deliver FILE SOCKET\n"
    "       drive abort SOCKET REASON\n"
    "       drive flood SOCKET AGENT-KEY CONNECTIONS\n";

static const char *const key_names[] = {"approver.key", "agent.key", "office.key", "other.key"};

static bool make_key(const char *directory, const char *name, struct public_key *ret_public,
                     struct err *err)
{
    char path[512];
    struct sign_key *key = sign_key_generate();
    bool done =
        file_join(path, sizeof(path), directory, name, err) && sign_key_save(key, path, err);

    sign_key_public(key, ret_public);
    sign_key_free(key);
    return done;
}

static bool init(const char *keys, const char *state, const char *trust_path, struct err *err)
{
    struct public_key approver, other;
    char hex[2 * KEY_SIZE + 1];
    char trust[1024];

    if (!make_key(keys, key_names[0], &approver, err) || !make_key(state, "key.pem", &other, err))
        return false;
    for (size_t i = 1; i < sizeof(key_names) / sizeof(key_names[0]); i++) {
        if (!make_key(keys, key_names[i], &other, err))
            return false;
    }
    bytes_format_hex(approver.bytes, KEY_SIZE, hex);
    snprintf(trust, sizeof(trust),
             "threshold: 1\nsoak-min: 1s\nlease-max: 10m\nkeys:\n"
             "  - { name: tester, roles: [approver, operator], key: \"%s\" }\n",
             hex);
    return file_write(trust_path, trust, strlen(trust), 0644, err);
}

static struct sign_key *load_key(const char *directory, const char *name, struct err *err)
{
    char path[512];

    return file_join(path, sizeof(path), directory, name, err) ? sign_key_load(path, err) : NULL;
}

static bool load_keys(const char *keys, const char *state, struct drive_keys *ret_keys,
                      struct err *err)
{
    struct sign_key *guard = load_key(state, "key.pem", err);

    if (guard == NULL)
        return false;
    sign_key_public(guard, &ret_keys->guard);
    sign_key_free(guard);
    ret_keys->approver = load_key(keys, key_names[0], err);
    ret_keys->agent = load_key(keys, key_names[1], err);
    ret_keys->witness[0] = load_key(keys, key_names[2], err);
    ret_keys->witness[1] = load_key(keys, key_names[3], err);
    return ret_keys->approver && ret_keys->agent && ret_keys->witness[0] && ret_keys->witness[1];
}

static void free_keys(struct drive_keys *keys)
{
    sign_key_free(keys->approver);
    sign_key_free(keys->agent);
    for (int i = 0; i < DRIVE_WITNESSES; i++)
        sign_key_free(keys->witness[i]);
}

/* One "name=value"; false when the name is not known. */
static bool set_option(struct drive_options *options, const char *word)
{
    const struct {
        const char *name;
        unsigned *value;
    } numbers[] = {
        {"routes=", &options->routes_count}, {"soak=", &options->soak_s},
        {"lease=", &options->lease_s},       {"sequence=", &options->sequence},
        {"answers=", &options->answers_max}, {"named=", &options->named},
        {"period=", &options->period_s},
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (text_starts(word, numbers[i].name)) {
            *numbers[i].value = (unsigned)strtoul(word + strlen(numbers[i].name), NULL, 10);
            return true;
        }
    }
    if (text_starts(word, "socket="))
        options->socket = word + strlen("socket=");
    else if (text_starts(word, "device="))
        options->device = word + strlen("device=");
    else if (text_equal(word, "failing=1"))
        options->failing = true;
    else if (text_starts(word, "lifts="))
        options->lifts = word + strlen("lifts=");
    else if (text_starts(word, "renames="))
        options->renames = word + strlen("renames=");
    else if (text_starts(word, "exit-node="))
        options->exit_node = word + strlen("exit-node=");
    else if (text_starts(word, "also="))
        options->also = word + strlen("also=");
    else if (text_starts(word, "held="))
        options->held = word + strlen("held=");
    else if (text_starts(word, "address="))
        options->address = word + strlen("address=");
    else if (text_starts(word, "file="))
        options->file = word + strlen("file=");
    else if (text_starts(word, "content="))
        options->content = word + strlen("content=");
    else if (text_equal(word, "removes=1"))
        options->removes = true;
    else if (text_equal(word, "own-failing=1"))
        options->own_failing = true;
    else if (text_equal(word, "shield=1"))
        options->shield = true;
    else if (text_equal(word, "protect=1"))
        options->protects = true;
    else if (text_equal(word, "waits=1"))
        options->waits = true;
    else if (text_equal(word, "flow=1"))
        options->flows = true;
    else
        return false;
    return true;
}

static int trial(int argc, char **argv, struct err *err)
{
    struct drive_options options = {.socket = "/run/oceanid/guard.sock",
                                    .device = "lo",
                                    .routes_count = 1,
                                    .soak_s = 3,
                                    .lease_s = 10,
                                    .period_s = 1,
                                    .sequence = 1,
                                    .answers_max = 1000,
                                    .lifts = ""};
    struct drive_keys keys = {0};
    int code = 2;

    for (int i = 4; i < argc; i++) {
        if (!set_option(&options, argv[i])) {
            err_set(err, ERR_INPUT, "option '%s'\n%s", argv[i], usage);
            return 2;
        }
    }
    if (load_keys(argv[2], argv[3], &keys, err))
        code = drive_trial(&keys, &options);
    free_keys(&keys);
    return code;
}

/* "SEQUENCE:BODY:START", as drive trial prints it of what is prepared. */
static bool parse_id(const char *text, struct generation_id *ret_id)
{
    char *rest;
    char body[2 * HASH_SIZE + 1];

    ret_id->attempt.sequence = strtoull(text, &rest, 10);
    if (*rest != ':' || strlen(rest) != 2 + 2 * HASH_SIZE + 2 * NONCE_SIZE)
        return false;
    snprintf(body, sizeof(body), "%.*s", 2 * HASH_SIZE, rest + 1);
    return bytes_parse_hex(body, ret_id->attempt.body.bytes, HASH_SIZE) &&
           bytes_parse_hex(rest + 2 + 2 * HASH_SIZE, ret_id->start.bytes, NONCE_SIZE);
}

static bool order(char **argv, const char *signer, struct err *err)
{
    static struct order order;
    struct sign_key *key = load_key(argv[2], signer, err);
    struct wire_bytes bytes;
    bool done;

    if (key == NULL || !parse_id(argv[5], &order.down_to))
        return false;
    order.nodes_count = 1;
    text_copy(order.nodes[0], NAME_SIZE, argv[4]);
    text_copy(order.reason, sizeof(order.reason), "a drill");
    bytes = wire_encode_order(&order, key);
    sign_key_free(key);
    done = file_write(argv[3], bytes.data, bytes.len, 0600, err);
    wire_bytes_done(&bytes);
    return done;
}

static int flood(char **argv, struct err *err)
{
    struct sign_key *key = sign_key_load(argv[3], err);

    if (key != NULL)
        drive_flood(argv[2], key, (unsigned)strtoul(argv[4], NULL, 10));
    return 2;
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    int code = 2;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 5 && text_equal(argv[1], "init"))
        code = init(argv[2], argv[3], argv[4], &err) ? 0 : 2;
    else if (argc >= 4 && text_equal(argv[1], "trial"))
        code = trial(argc, argv, &err);
    else if (argc == 5 && text_equal(argv[1], "between"))
        code = drive_between(argv[2], argv[3], argv[4], &err);
    else if ((argc == 6 || argc == 7) && text_equal(argv[1], "order"))
        code = order(argv, argc == 7 ? argv[6] : key_names[0], &err) ? 0 : 2;
    else if (argc == 4 && text_equal(argv[1], "deliver"))
        code = drive_deliver(argv[2], argv[3], &err) ? 0 : 2;
    else if (argc == 4 && text_equal(argv[1], "abort"))
        code = drive_abort(argv[2], argv[3], &err) ? 0 : 2;
    else if (argc == 5 && text_equal(argv[1], "flood"))
        code = flood(argv, &err);
    else
        fputs(usage, stderr);
    if (err.kind != ERR_NONE)
        fprintf(stderr, "drive: %s\n", err.text);
    return code;
}
